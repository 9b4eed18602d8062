use lakeward_outcome::{Classify, Kind};

use super::*;
use crate::testing::{Bench, MIB, extension_dir, text};

fn kind<T: std::fmt::Debug>(result: Result<T, EngineError>) -> (Kind, String) {
    let error = result.unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn a_session_has_its_limits_and_the_time_zone_utc_and_spills_into_scratch() {
    let bench = Bench::with(Limits { memory_bytes: 300 * MIB, threads: 3 }, None);
    let setting = |name: &str| bench.value(&format!("SELECT current_setting('{name}')")).unwrap();
    assert_eq!(setting("memory_limit"), "300.0 MiB");
    assert_eq!(setting("threads"), "3");
    assert_eq!(setting("TimeZone"), "UTC");
    assert_eq!(setting("autoinstall_known_extensions"), "false");
    assert_eq!(setting("temp_directory"), text(&bench.folder.path().join("scratch/spill")));
}

#[test]
fn variables_reach_queries_as_they_were_given() {
    let bench = Bench::new();
    bench.session.set_variable("name", "it's; DROP\n\"x\"").unwrap();
    assert_eq!(bench.value("SELECT getvariable('name')").unwrap(), "it's; DROP\n\"x\"");
    let at = "2026-05-19T10:20:30.000001Z".parse().unwrap();
    bench.session.set_timestamp_variable("run_ts", at).unwrap();
    let sql = "SELECT typeof(getvariable('run_ts')) || ' ' || getvariable('run_ts')";
    assert_eq!(bench.value(sql).unwrap(), "TIMESTAMP WITH TIME ZONE 2026-05-19 10:20:30.000001+00");
}

#[test]
fn a_variable_name_that_is_no_name_is_refused() {
    let bench = Bench::new();
    for name in ["", "1st", "a b", "x = 1; --", "ä"] {
        assert_eq!(kind(bench.session.set_variable(name, "x")).0, Kind::Usage, "{name}");
    }
}

#[test]
fn an_attached_database_is_the_default_and_cannot_be_written() {
    let bench = Bench::new();
    let path = bench.folder.path().join("it's a shop.duckdb");
    let db = duckdb::Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE orders AS SELECT 7 AS id").unwrap();
    drop(db);
    bench.session.attach_database(&path, "my \"shop\"").unwrap();
    assert_eq!(bench.value("FROM orders").unwrap(), "7");
    let (kind, message) = kind(bench.session.init_sql("DELETE FROM orders"));
    assert_eq!(kind, Kind::Usage, "{message}");
    assert!(message.contains("read-only"), "{message}");
}

#[test]
fn a_database_that_is_not_there_is_named_in_the_error() {
    let bench = Bench::new();
    let (kind, message) = kind(bench.session.attach_database(Path::new("/nowhere/x.duckdb"), "x"));
    assert!(matches!(kind, Kind::Usage | Kind::Configuration), "{kind}: {message}");
    assert!(message.contains("/nowhere/x.duckdb"), "{message}");
}

#[test]
fn remote_inputs_are_noticed_in_any_spelling() {
    assert!(needs_httpfs(["SELECT 1", "FROM 'S3://lake/x.parquet'"]));
    assert!(needs_httpfs(["ATTACH 'https://example.org/x.duckdb'"]));
    assert!(!needs_httpfs(["SELECT 's3' AS x FROM 'file.parquet' -- gs:/"]));
}

#[test]
fn without_httpfs_the_error_says_how_to_get_it() {
    let empty = tempfile::tempdir().unwrap();
    let limits = Limits { memory_bytes: 256 * MIB, threads: 1 };
    let bench = Bench::with(limits, Some(empty.path().to_path_buf()));
    let home = format!("SET extension_directory = {}", literal(text(empty.path())));
    bench.session.init_sql(&home).unwrap();
    let (kind, message) = kind(bench.session.require_httpfs());
    assert_eq!(kind, Kind::Configuration);
    for needed in ["INSTALL httpfs", "--extension-dir", "duckdb-extension-httpfs==1.5.5", text(empty.path())]
    {
        assert!(message.contains(needed), "{message}");
    }
}

#[test]
fn a_query_that_needs_httpfs_without_it_is_a_matter_of_configuration() {
    let bench = Bench::new();
    let (kind, message) =
        kind(bench.session.plan("FROM 's3://lake/x.parquet'", &crate::TableShape::default()));
    assert_eq!(kind, Kind::Configuration, "{message}");
    assert!(message.contains("httpfs"), "{message}");
}

#[test]
fn httpfs_is_loaded_from_the_extension_folder() {
    let limits = Limits { memory_bytes: 256 * MIB, threads: 1 };
    let loaded = "SELECT loaded FROM duckdb_extensions() WHERE extension_name = 'httpfs'";
    let required = Bench::with(limits, Some(extension_dir()));
    assert_eq!(required.value(loaded).unwrap(), "false");
    required.session.require_httpfs().unwrap();
    assert_eq!(required.value(loaded).unwrap(), "true");
    let all = Bench::with(limits, Some(extension_dir()));
    all.session.load_extensions().unwrap();
    assert_eq!(all.value(loaded).unwrap(), "true");
}

#[test]
fn a_broken_extension_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("odd.duckdb_extension"), "not an extension").unwrap();
    let bench =
        Bench::with(Limits { memory_bytes: 256 * MIB, threads: 1 }, Some(folder.path().to_path_buf()));
    let (kind, message) = kind(bench.session.load_extensions());
    assert_eq!(kind, Kind::Configuration);
    assert!(message.contains("odd.duckdb_extension"), "{message}");
}

#[test]
fn errors_are_sorted_by_whose_fault_they_are() {
    for (text, phase, expected) in [
        ("Binder Error: Referenced column \"x\" not found", Phase::Running, Kind::Usage),
        ("Conversion Error: Could not convert string 'x'", Phase::Binding, Kind::Usage),
        ("Conversion Error: Could not convert string 'x'", Phase::Running, Kind::Rejected),
        ("Invalid Input Error: boo", Phase::Running, Kind::Rejected),
        ("Out of Memory Error: failed to allocate", Phase::Running, Kind::Configuration),
        ("IO Error: Could not write: No space left on device", Phase::Running, Kind::Configuration),
        ("IO Error: No files found that match the pattern \"x\"", Phase::Binding, Kind::Usage),
        (
            "IO Error: Could not connect to server error for HTTP HEAD to 'http://x'",
            Phase::Running,
            Kind::Transient,
        ),
        ("IO Error: Could not resolve hostname error for HTTP HEAD", Phase::Running, Kind::Transient),
        (
            "HTTP Error: HTTP GET error reading 'http://x' (HTTP 403 Forbidden)",
            Phase::Running,
            Kind::Configuration,
        ),
        ("HTTP Error: HTTP GET error reading 's3://x' (HTTP 404 Not Found)", Phase::Running, Kind::Usage),
        ("HTTP Error: Request returned HTTP 503 for HTTP HEAD", Phase::Running, Kind::Transient),
        ("INTERRUPT Error: Interrupted!", Phase::Running, Kind::Transient),
        ("INTERNAL Error: assertion", Phase::Running, Kind::Unexpected),
    ] {
        assert_eq!(EngineError::of_message(text, phase, "x").kind(), expected, "{text}");
    }
}

#[test]
fn a_secret_in_init_sql_that_fails_is_not_in_the_message() {
    let bench = Bench::new();
    for sql in [
        "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'planted-secret'",
        "CREATE SECRET (TYPE s3, SECRET 'planted-secret' planted-secret)",
        "ATTACH 'postgres://user:planted-secret@nowhere/db' AS pg (TYPE nothing)",
        "SELECT CAST('planted-secret' AS INTEGER)",
    ] {
        let error = bench.session.init_sql(sql).unwrap_err().to_string();
        assert!(!error.contains("planted"), "{error}");
        assert!(error.contains("init SQL"), "{error}");
    }
}
