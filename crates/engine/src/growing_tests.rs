use std::collections::BTreeMap;
use std::fs::File;
use std::thread;

use super::*;
use crate::export::ExportOptions;
use crate::testing::{Bench, MIB, shape};

#[test]
fn a_file_is_finished_when_it_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let growing = Growing::new(folder.path());
    assert_eq!(growing.scan().unwrap(), []);
    fs::create_dir(folder.path().join("p=1")).unwrap();
    let open = File::create(folder.path().join("p=1/b.parquet")).unwrap();
    fs::write(folder.path().join("a.parquet"), "done").unwrap();
    let states = |growing: &Growing| -> Vec<(String, u64, bool)> {
        let files = growing.scan().unwrap();
        files.into_iter().map(|file| (file.relative_path, file.bytes, file.finished)).collect()
    };
    assert_eq!(states(&growing), [("a.parquet".to_owned(), 4, true), ("p=1/b.parquet".to_owned(), 0, false)]);
    drop(open);
    assert_eq!(states(&growing)[1], ("p=1/b.parquet".to_owned(), 0, true));
}

#[test]
fn a_folder_that_is_not_there_yet_has_no_files() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Growing::new(folder.path().join("later")).scan().unwrap(), []);
}

/// Reads what is new in every file until the export ends, as an uploader would, and removes what
/// is finished. Gives the bytes that were read of each file, and how many were read in parts.
fn follow(
    growing: &Growing,
    root: &Path,
    done: &thread::ScopedJoinHandle<'_, ()>,
) -> (BTreeMap<String, Vec<u8>>, usize) {
    let mut copies: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut in_parts = 0;
    loop {
        let last = done.is_finished();
        for file in growing.scan().unwrap() {
            let path = root.join(&file.relative_path);
            let copy = copies.entry(file.relative_path).or_default();
            let now = fs::read(&path).unwrap();
            assert!(now.len() as u64 >= file.bytes);
            assert_eq!(copy.as_slice(), &now[..copy.len()], "bytes below the length have changed");
            in_parts += usize::from(!copy.is_empty() && now.len() > copy.len());
            copy.extend_from_slice(&now[copy.len()..usize::try_from(file.bytes).unwrap()]);
            if file.finished {
                assert_eq!(now.len() as u64, file.bytes, "a finished file grew");
                fs::remove_file(&path).unwrap();
            }
        }
        if last {
            return (copies, in_parts);
        }
        thread::yield_now();
    }
}

#[test]
fn files_are_written_strictly_forward_and_may_be_removed_once_finished() {
    for shape in [shape(&[], &[]), shape(&["p"], &["a"])] {
        let bench = Bench::new();
        let sql = "SELECT range AS a, md5(range::VARCHAR) AS b, range // 300000 AS p FROM range(900000)";
        let plan = bench.session.plan(sql, &shape).unwrap();
        let options = ExportOptions { row_group_size: 10_240, target_file_size: 8 * MIB, ..bench.options() };
        let Bench { folder, session } = bench;
        let growing = Growing::new(&options.directory);
        let (told, receiver) = std::sync::mpsc::channel();
        let (copies, in_parts) = thread::scope(|scope| {
            let (plan, options) = (&plan, &options);
            let export = scope.spawn(move || told.send(session.export(plan, options).unwrap()).unwrap());
            follow(&growing, &options.directory, &export)
        });
        let files = receiver.recv().unwrap();
        assert!(in_parts > 0, "no file was seen while it grew");
        assert_eq!(files.len(), copies.len());
        for file in &files {
            assert_eq!(copies[&file.relative_path].len() as u64, file.bytes);
            fs::write(folder.path().join("copy"), &copies[&file.relative_path]).unwrap();
            let count =
                format!("SELECT count(*) FROM read_parquet('{}')", folder.path().join("copy").display());
            assert_eq!(Bench::new().value(&count).unwrap(), file.rows.to_string());
        }
    }
}

#[test]
fn a_file_that_is_only_read_counts_as_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let writer = std::fs::File::create(&path).unwrap();
    let reader = std::fs::File::open(&path).unwrap();
    let finished =
        || Growing::new(folder.path()).scan().unwrap().iter().map(|file| file.finished).collect::<Vec<_>>();
    assert_eq!(finished(), [false]);
    drop(writer);
    assert_eq!(finished(), [true], "an uploader that still reads it must not keep it from being finished");
    drop(reader);
}
