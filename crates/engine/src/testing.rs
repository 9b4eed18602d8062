//! What the crate's tests share.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use lakeward_manifest::{Codec, Compression};
use lakeward_sql::FileColumn;

use crate::{ExportOptions, ExportedFile, Limits, Plan, Session, SessionOptions, TableShape};

pub(crate) const MIB: u64 = 1024 * 1024;

/// A session with a scratch folder of its own, and a folder to export to.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) session: Session,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Limits { memory_bytes: 512 * MIB, threads: 4 }, None)
    }

    pub(crate) fn with(limits: Limits, extension_dir: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scratch = folder.path().join("scratch");
        let session = Session::open(SessionOptions { limits, scratch, extension_dir }).unwrap();
        Self { folder, session }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    pub(crate) fn options(&self) -> ExportOptions {
        ExportOptions {
            directory: self.out(),
            compression: Compression::new(Codec::Zstd, Some(1)).unwrap(),
            row_group_size: 122_880,
            target_file_size: 256 * MIB,
            longest_path: 1024,
        }
    }

    /// Publishes `sql` and shows it again as the view `back`.
    pub(crate) fn publish(&self, sql: &str, shape: &TableShape) -> (Plan, Vec<ExportedFile>) {
        let plan = self.session.plan(sql, shape).unwrap();
        let files = self.session.export(&plan, &self.options()).unwrap();
        self.view("back", &plan, &files);
        (plan, files)
    }

    pub(crate) fn view(&self, name: &str, plan: &Plan, files: &[ExportedFile]) {
        let paths: Vec<String> =
            files.iter().map(|file| text(&self.out().join(&file.relative_path)).to_owned()).collect();
        let columns: Vec<FileColumn> = plan.columns.iter().map(FileColumn::from).collect();
        self.session.create_view_over_files(name, &paths, &columns).unwrap();
    }

    pub(crate) fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        self.session.rows_as_text(sql).unwrap().rows
    }

    /// The only value of the only row.
    pub(crate) fn value(&self, sql: &str) -> Option<String> {
        let rows = self.rows(sql);
        assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}");
        rows[0][0].clone()
    }
}

pub(crate) fn shape(partition_by: &[&str], sort_by: &[&str]) -> TableShape {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    TableShape { partition_by: owned(partition_by), sort_by: owned(sort_by) }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The folder with the official extensions, which the environment names.
pub(crate) fn extension_dir() -> PathBuf {
    let folder = std::env::var_os("LAKEWARD_EXTENSION_DIR")
        .expect("set LAKEWARD_EXTENSION_DIR to the folder of httpfs.duckdb_extension");
    fs::canonicalize(folder).expect("LAKEWARD_EXTENSION_DIR names no folder")
}
