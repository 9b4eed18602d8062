use std::collections::BTreeSet;

use lakeward_outcome::{Classify, Kind};

use super::*;
use crate::TableShape;
use crate::limits::Limits;
use crate::testing::{Bench, MIB, shape, text};

fn export(bench: &Bench, sql: &str, shape: &TableShape) -> Result<Vec<ExportedFile>, EngineError> {
    let plan = bench.session.plan(sql, shape)?;
    bench.session.export(&plan, &bench.options())
}

/// The number of rows in `path` whose `column` is smaller than that of the row before them.
fn disorder(bench: &Bench, path: &Path, column: &str) -> u64 {
    let sql = format!(
        "SELECT * FROM (SELECT {column} < lag({column}) OVER (ORDER BY file_row_number) AS down \
         FROM read_parquet('{}', file_row_number = true, hive_partitioning = false)) WHERE down",
        text(path)
    );
    bench.session.count_offending(&sql).unwrap()
}

fn codec(bench: &Bench, path: &Path) -> String {
    bench.value(&format!("SELECT DISTINCT compression FROM parquet_metadata('{}')", text(path))).unwrap()
}

#[test]
fn what_export_tells_of_a_file_is_what_is_in_it() {
    let bench = Bench::new();
    for shape in [shape(&[], &[]), shape(&[], &["a"])] {
        let (_, files) = bench.publish("SELECT range AS a, range % 7 AS b FROM range(10000)", &shape);
        let [file] = files.as_slice() else { panic!("{files:?}") };
        let path = bench.out().join(&file.relative_path);
        let bytes = fs::read(&path).unwrap();
        assert_eq!((file.rows, file.bytes, &file.partition), (10_000, bytes.len() as u64, &Vec::new()));
        assert!(file.relative_path.starts_with("part-") && file.relative_path.ends_with(".parquet"));
        let footer = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap());
        assert_eq!(file.footer_bytes, u64::from(footer));
        assert_eq!(bench.value("SELECT sum(a) || '/' || sum(b) FROM back").unwrap(), "49995000/29994");
        fs::remove_dir_all(bench.out()).unwrap();
    }
}

#[test]
fn an_empty_result_is_one_empty_file_or_no_partition() {
    let bench = Bench::new();
    let sql = "SELECT range AS a, 'x' AS p FROM range(0)";
    for shape in [shape(&[], &[]), shape(&[], &["a"])] {
        let (_, files) = bench.publish(sql, &shape);
        assert_eq!(files.iter().map(|file| file.rows).collect::<Vec<_>>(), [0]);
        assert_eq!(bench.value("SELECT count(*) FROM back").unwrap(), "0");
        fs::remove_dir_all(bench.out()).unwrap();
    }
    let (_, files) = bench.publish(sql, &shape(&["p"], &[]));
    assert_eq!(files, []);
    assert_eq!(bench.value("SELECT count(*) FROM back").unwrap(), "0");
}

#[test]
fn rows_are_sorted_in_every_file_on_several_threads() {
    let bench = Bench::new();
    let rows = "SELECT (hash(range) % 1000003)::BIGINT AS a, (hash(range + 1) % 5)::INTEGER AS p, range AS b \
                FROM range(700000)";
    let small = |directory: &str| ExportOptions {
        directory: bench.out().join(directory),
        row_group_size: 20_480,
        target_file_size: MIB / 4,
        ..bench.options()
    };
    for (name, shape) in [("plain", shape(&[], &["a"])), ("partitioned", shape(&["p"], &["a"]))] {
        let plan = bench.session.plan(rows, &shape).unwrap();
        let options = small(name);
        let files = bench.session.export(&plan, &options).unwrap();
        assert!(files.len() >= 5, "{name}: {}", files.len());
        for file in &files {
            assert_eq!(disorder(&bench, &options.directory.join(&file.relative_path), "a"), 0, "{file:?}");
        }
        assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), 700_000);
        let all = format!("FROM '{}/**/*.parquet'", text(&options.directory));
        assert_eq!(bench.value(&format!("SELECT sum(b) {all}")).unwrap(), "244999650000");
    }
}

#[test]
fn nulls_sort_last() {
    let bench = Bench::new();
    let (_, files) = bench.publish("SELECT * FROM (VALUES (NULL), (2), (1)) t(a)", &shape(&[], &["a"]));
    let path = bench.out().join(&files[0].relative_path);
    let sql = format!("SELECT a FROM '{}'", text(&path));
    assert_eq!(bench.rows(&sql).concat(), [Some("1".to_owned()), Some("2".to_owned()), None]);
}

#[test]
fn files_are_about_as_large_as_asked_for() {
    let bench = Bench::new();
    for shape in [shape(&[], &[]), shape(&[], &["a"]), shape(&["p"], &[])] {
        let sql = "SELECT range AS a, uuid() AS b, range // 500000 AS p FROM range(1000000)";
        let plan = bench.session.plan(sql, &shape).unwrap();
        let options = ExportOptions { row_group_size: 20_480, target_file_size: 4 * MIB, ..bench.options() };
        let files = bench.session.export(&plan, &options).unwrap();
        let total: u64 = files.iter().map(|file| file.bytes).sum();
        let fitting = total.div_ceil(4 * MIB);
        assert!((fitting..=2 * fitting + 2).contains(&(files.len() as u64)), "{} for {fitting}", files.len());
        assert!(files.iter().all(|file| file.bytes < 6 * MIB), "{files:?}");
        fs::remove_dir_all(bench.out()).unwrap();
    }
}

/// duckdb#11817: a COPY to S3 in many partitions ran out of memory.
#[test]
fn two_thousand_partitions_are_two_thousand_files_in_little_memory() {
    let bench = Bench::with(Limits { memory_bytes: 200 * MIB, threads: 2 }, None);
    let sql =
        "SELECT range AS a, md5(range::VARCHAR) AS b, (hash(range) % 2000)::INTEGER AS p FROM range(400000)";
    let (_, files) = bench.publish(sql, &shape(&["p"], &[]));
    assert_eq!(files.len(), 2000);
    let values: BTreeSet<&str> = files.iter().filter_map(|file| file.partition[0].as_deref()).collect();
    assert_eq!(values.len(), 2000);
    assert_eq!(
        bench.value("SELECT count(*) || '/' || sum(a) || '/' || count(DISTINCT p) FROM back").unwrap(),
        "400000/79999800000/2000"
    );
}

/// duckdb#8981: a partitioned COPY of much data ran out of memory.
#[test]
fn data_larger_than_memory_goes_through_scratch() {
    // The least that a session is ever given for one thread; the strings alone take 192 bytes a row.
    let memory = 128 * MIB;
    let bench = Bench::with(Limits { memory_bytes: memory, threads: 1 }, None);
    let sql = "SELECT range AS a, md5(range::VARCHAR) || sha256(range::VARCHAR) || sha256(range::VARCHAR) || \
               md5(range::VARCHAR) AS b, range % 3 AS p FROM range(2000000)";
    let (_, files) = bench.publish(sql, &shape(&["p"], &["b"]));
    let rows = files.iter().map(|file| file.rows).sum::<u64>();
    assert_eq!(rows, 2_000_000);
    assert!(rows * 192 > 2 * memory);
    assert_eq!(bench.value("SELECT sum(a) FROM back").unwrap(), "1999999000000");
}

#[test]
fn partition_values_come_back_as_they_were() {
    let bench = Bench::new();
    let values = [
        "a b",
        "a/b",
        "100%",
        "ä=ö",
        "日本",
        "it's \"x\"",
        ".",
        "..",
        "A",
        "a",
        "007",
        "2026-05-19",
        " x ",
        "+",
        "line\nbreak",
        "#?&:;*|<>\\",
    ];
    let list: Vec<String> = values.iter().map(|value| literal(value)).collect();
    let sql = format!("SELECT unnest([{}, NULL]) AS p, 1 AS a", list.join(", "));
    let (_, files) = bench.publish(&sql, &shape(&["p"], &[]));
    let mut told: Vec<Option<&str>> = files.iter().map(|file| file.partition[0].as_deref()).collect();
    told.sort_unstable();
    let mut expected: Vec<Option<&str>> = values.iter().map(|value| Some(*value)).chain([None]).collect();
    expected.sort_unstable();
    assert_eq!(told, expected);
    let read: BTreeSet<Option<String>> = bench.rows("SELECT p FROM back").concat().into_iter().collect();
    assert_eq!(read, expected.into_iter().map(|value| value.map(str::to_owned)).collect());
    let null = files.iter().find(|file| file.partition[0].is_none()).unwrap();
    assert!(null.relative_path.starts_with("p=__HIVE_DEFAULT_PARTITION__/"), "{null:?}");
    assert!(files.iter().any(|file| file.relative_path.starts_with("p=a%2Fb/")));
}

#[test]
fn typed_partition_values_are_spelled_as_glue_wants_them() {
    let bench = Bench::new();
    let sql = "SELECT 1 AS a, DATE '2026-05-19' AS d, true AS b, 7::UTINYINT AS n, NULL::DATE AS z, \
               '0aeeb9e5-3c1e-4a5f-8f3e-2b1d0f6f0001'::UUID AS u";
    let (_, files) = bench.publish(sql, &shape(&["d", "b", "n", "z", "u"], &[]));
    let uuid = "0aeeb9e5-3c1e-4a5f-8f3e-2b1d0f6f0001";
    let expected = [Some("2026-05-19"), Some("true"), Some("7"), None, Some(uuid)];
    assert_eq!(files[0].partition.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    let folder = format!("d=2026-05-19/b=true/n=7/z=__HIVE_DEFAULT_PARTITION__/u={uuid}/");
    assert!(files[0].relative_path.starts_with(&folder), "{}", files[0].relative_path);
    let row = bench.rows("SELECT typeof(d), typeof(b), typeof(n), typeof(z), typeof(u), a FROM back");
    let types: Vec<&str> = row[0].iter().flatten().map(String::as_str).collect();
    assert_eq!(types, ["DATE", "BOOLEAN", "SMALLINT", "DATE", "VARCHAR", "1"]);
}

#[test]
fn partition_values_that_a_reader_would_change_are_refused() {
    let bench = Bench::new();
    for (value, words) in [
        ("''", "an empty string"),
        ("'__HIVE_DEFAULT_PARTITION__'", "readers take for NULL"),
        ("'null'", "readers take for NULL"),
        ("repeat('x', 254)", "longer than 255 bytes"),
        ("repeat('ä', 50)", "longer than 255 bytes"),
        ("DATE '12026-01-01'", "after 9999"),
        ("DATE '0044-03-15 (BC)'", "before the year 1"),
        ("DATE 'infinity'", "an infinite value"),
    ] {
        let sql = format!("SELECT 1 AS a, {value} AS p FROM range(3)");
        let error = export(&bench, &sql, &shape(&["p"], &[])).unwrap_err();
        assert_eq!(error.kind(), Kind::Rejected, "{value}: {error}");
        assert!(error.to_string().contains(words), "{value}: {error}");
    }
    let longest = format!("SELECT 1 AS a, repeat('x', {}) AS p", 255 - "p=".len());
    assert_eq!(export(&bench, &longest, &shape(&["p"], &[])).unwrap().len(), 1);
}

#[test]
fn folders_that_leave_no_room_in_a_key_are_refused_before_a_file_is_written() {
    let bench = Bench::new();
    let sql = "SELECT 1 AS a, repeat('x', 100) AS p, repeat('y', 100) AS q";
    let plan = bench.session.plan(sql, &shape(&["p", "q"], &[])).unwrap();
    let export =
        |longest_path| bench.session.export(&plan, &ExportOptions { longest_path, ..bench.options() });
    let error = export(250).unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected, "{error}");
    assert!(error.to_string().contains("a path of 255 bytes"), "{error}");
    assert_eq!(std::fs::read_dir(bench.out()).unwrap().count(), 0);
    assert_eq!(export(255).unwrap()[0].relative_path.len(), 255);
}

#[test]
fn a_column_may_have_the_name_of_the_row_id() {
    let bench = Bench::new();
    let (_, files) =
        bench.publish("SELECT 5 - range AS rowid, 1 AS w0 FROM range(5)", &shape(&["w0"], &["rowid"]));
    assert_eq!(files.len(), 1);
    assert_eq!(
        bench.rows("SELECT rowid FROM back").concat().into_iter().flatten().collect::<String>(),
        "12345"
    );
}

#[test]
fn every_compression_reaches_the_files() {
    let bench = Bench::new();
    for (name, expected) in [
        ("zstd", "ZSTD"),
        ("snappy", "SNAPPY"),
        ("gzip", "GZIP"),
        ("lz4", "LZ4_RAW"),
        ("uncompressed", "UNCOMPRESSED"),
    ] {
        let compression = Compression::new(name.parse().unwrap(), None).unwrap();
        let plan = bench.session.plan("SELECT range AS a FROM range(5000)", &TableShape::default()).unwrap();
        let options = ExportOptions { directory: bench.out().join(expected), compression, ..bench.options() };
        let files = bench.session.export(&plan, &options).unwrap();
        assert_eq!(codec(&bench, &options.directory.join(&files[0].relative_path)), expected);
    }
}

#[test]
fn row_groups_have_the_size_asked_for() {
    let bench = Bench::new();
    let plan = bench.session.plan("SELECT range AS a FROM range(50000)", &TableShape::default()).unwrap();
    let options = ExportOptions { row_group_size: 20_480, ..bench.options() };
    let files = bench.session.export(&plan, &options).unwrap();
    let path = bench.out().join(&files[0].relative_path);
    let sql = format!("SELECT max(row_group_num_rows) FROM parquet_metadata('{}')", text(&path));
    assert_eq!(bench.value(&sql).unwrap(), "20480");
}

#[test]
fn an_error_in_the_data_leaves_no_stage_behind() {
    let bench = Bench::new();
    let sql = "SELECT range AS a, CASE WHEN range = 7 THEN error('spoilt') ELSE 1 END AS b FROM range(10)";
    let error = export(&bench, sql, &shape(&[], &["a"])).unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected, "{error}");
    assert!(error.to_string().contains("spoilt"), "{error}");
    assert!(!bench.folder.path().join("scratch/stage.duckdb").exists());
    assert_eq!(export(&bench, "SELECT 1 AS a", &shape(&[], &["a"])).unwrap().len(), 1);
}

#[test]
fn a_stage_that_a_crash_left_behind_is_replaced() {
    let bench = Bench::new();
    fs::write(bench.folder.path().join("scratch/stage.duckdb"), "half a stage").unwrap();
    fs::write(bench.folder.path().join("scratch/stage.duckdb.wal"), "half a log").unwrap();
    assert_eq!(export(&bench, "SELECT 1 AS a", &shape(&[], &["a"])).unwrap().len(), 1);
}

#[test]
fn a_folder_that_holds_something_is_not_written_into() {
    let bench = Bench::new();
    fs::create_dir_all(bench.out()).unwrap();
    fs::write(bench.out().join("other.parquet"), "x").unwrap();
    for shape in [shape(&[], &[]), shape(&[], &["a"])] {
        let error = export(&bench, "SELECT 1 AS a", &shape).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{error}");
        assert!(error.to_string().contains("not empty"), "{error}");
    }
}

#[test]
fn out_of_memory_and_scratch_say_what_to_raise() {
    let bench = Bench::with(Limits { memory_bytes: 64 * MIB, threads: 1 }, None);
    bench.session.init_sql("SET max_temp_directory_size = '1MB'").unwrap();
    let sql = "SELECT range AS a, md5(range::VARCHAR) AS b FROM range(5000000)";
    let error = export(&bench, sql, &shape(&[], &["b"])).unwrap_err();
    assert_eq!(error.kind(), Kind::Configuration, "{error}");
    assert!(error.to_string().contains("scratch"), "{error}");
    let bench = Bench::with(Limits { memory_bytes: 64 * MIB, threads: 1 }, None);
    bench.session.init_sql("SET temp_directory = ''").unwrap();
    let error = export(&bench, sql, &shape(&[], &["b"])).unwrap_err();
    assert_eq!(error.kind(), Kind::Configuration, "{error}");
    assert!(error.to_string().contains("more memory"), "{error}");
}

#[test]
fn an_export_reads_the_users_own_tables_and_temporary_ones() {
    let bench = Bench::new();
    let path = bench.folder.path().join("shop.duckdb");
    let db = duckdb::Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE orders AS SELECT range AS id FROM range(100)").unwrap();
    drop(db);
    bench.session.attach_database(&path, "shop").unwrap();
    bench.session.init_sql("CREATE TEMP TABLE wanted AS SELECT 42 AS id").unwrap();
    let sql = "SELECT id, 'x' AS p FROM orders JOIN wanted USING (id)";
    let (_, files) = bench.publish(sql, &shape(&["p"], &["id"]));
    assert_eq!(files[0].rows, 1);
    assert_eq!(bench.value("SELECT id FROM back").unwrap(), "42");
}
