use lakeward_outcome::{Classify, Kind};

use super::*;
use crate::testing::{Bench, shape};

fn names(bench: &Bench, sql: &str) -> Vec<String> {
    let plan = bench.session.plan(sql, &TableShape::default()).unwrap_or_else(|e| panic!("{sql}: {e}"));
    plan.columns.into_iter().map(|column| column.name).collect()
}

fn refusal(bench: &Bench, sql: &str, shape: &TableShape) -> (Kind, String) {
    let error = bench.session.plan(sql, shape).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn every_form_of_query_is_taken() {
    let bench = Bench::new();
    bench.session.set_variable("from_day", "2026-05-19").unwrap();
    bench.session.init_sql("CREATE TABLE little AS SELECT 1 AS a").unwrap();
    for (sql, expected) in [
        ("SELECT 1 AS a;", "a"),
        ("SELECT 1 AS a ;; -- done", "a"),
        ("-- first\nSELECT 1 AS a /* ; */", "a"),
        ("FROM range(3)", "range"),
        ("VALUES (1, 2)", "col0,col1"),
        ("(SELECT 1 AS a)", "a"),
        ("WITH x AS (SELECT 1 AS a) FROM x ORDER BY a LIMIT 1", "a"),
        ("WITH RECURSIVE x AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM x WHERE a < 3) FROM x", "a"),
        ("PIVOT (VALUES (1, 'a'), (1, 'b')) t(i, k) ON k IN ('a', 'b') USING count(*)", "i,a,b"),
        ("SELECT getvariable('from_day')::DATE AS d", "d"),
        ("TABLE little", "a"),
        ("SELECT 'a;b' AS \"MixedCase\"", "mixedcase"),
    ] {
        assert_eq!(names(&bench, sql).join(","), expected, "{sql}");
    }
}

#[test]
fn what_is_not_one_query_is_refused_and_not_run() {
    let bench = Bench::new();
    for sql in [
        "",
        "-- nothing",
        "SELECT 1 AS a; SELECT 2 AS b",
        "SELECT 1 AS a; CREATE TABLE sneaked AS SELECT 1",
        "CREATE TABLE sneaked AS SELECT 1",
        "SET threads = 1",
        "COPY (SELECT 1) TO 'sneaked.csv'",
        "PRAGMA version",
    ] {
        let (kind, message) = refusal(&bench, sql, &TableShape::default());
        assert_eq!(kind, Kind::Usage, "{sql}");
        assert!(message.contains("not one query"), "{sql}: {message}");
    }
    let tables = bench.session.count_offending("FROM duckdb_tables() WHERE table_name = 'sneaked'");
    assert_eq!(tables.unwrap(), 0);
}

#[test]
fn sql_that_fails_keeps_duckdbs_words_and_points_into_the_text() {
    let bench = Bench::new();
    for (sql, words) in [
        ("SELEC 1", "syntax error at or near \"SELEC\""),
        ("SELECT nope FROM range(2)", "LINE 1: DESCRIBE SELECT nope"),
        ("SELECT 1 AS a\nFROM nowhere", "LINE 2: FROM nowhere"),
        ("SELECT $1 AS a", "write getvariable('name')"),
        ("SELECT range AS a FROM range(3) WHERE range > ?", "write getvariable('name')"),
        ("SELECT CAST('x' AS NOTYPE) AS a", "NOTYPE"),
        ("FROM '/nowhere/*.parquet'", "No files found"),
        ("SELECT 1) AS x, (SELECT 2", "syntax error"),
    ] {
        let (kind, message) = refusal(&bench, sql, &TableShape::default());
        assert_eq!(kind, Kind::Usage, "{sql}: {message}");
        assert!(message.contains(words), "{sql}: {message}");
    }
}

#[test]
fn planning_runs_nothing() {
    let bench = Bench::new();
    let sql = "SELECT x, error(x::VARCHAR)::INTEGER AS a FROM range(100000000000) t(x) ORDER BY x";
    assert_eq!(names(&bench, sql), ["x", "a"]);
}

#[test]
fn every_problem_is_listed_at_once() {
    let bench = Bench::new();
    let sql = "SELECT 1 AS a, 2 AS \"A\", NULL AS n, union_value(x := 1) AS u, 1 AS \"two words\", 'x' AS p, 2.5 AS d";
    let (kind, message) = refusal(&bench, sql, &shape(&["p", "d", "nope"], &["gone", "a", "a"]));
    assert_eq!(kind, Kind::Rejected);
    for words in [
        "the columns \"a\" and \"A\" have the same name in lowercase",
        "the column \"n\" (\"NULL\"): n has the type NULL, which no reader shares; write CAST(\"n\" AS VARCHAR)",
        "the column \"u\" (UNION(x INTEGER))",
        "write \"two words\" AS two_words",
        "the partition column \"d\" has the type DECIMAL(2,1)",
        "the partition column \"nope\" is not in the result, which has \"a\", \"a\", \"n\"",
        "the sort column \"gone\" is not in the result",
        "the sort column \"a\" is named twice",
    ] {
        assert!(message.contains(words), "{words} is missing in {message}");
    }
}

#[test]
fn a_repeated_name_is_a_collision() {
    let (kind, message) = refusal(&Bench::new(), "SELECT 1 AS a, 2 AS a", &TableShape::default());
    assert_eq!(kind, Kind::Rejected);
    assert!(message.contains("the columns \"a\" and \"a\""), "{message}");
}

#[test]
fn names_are_at_most_255_characters() {
    let bench = Bench::new();
    let name = |length: usize| format!("SELECT 1 AS {}", "x".repeat(length));
    assert_eq!(names(&bench, &name(255))[0].len(), 255);
    let (kind, message) = refusal(&bench, &name(256), &TableShape::default());
    assert_eq!(kind, Kind::Rejected);
    assert!(message.contains("longer than 255"), "{message}");
}

#[test]
fn a_wrong_shape_alone_is_a_matter_of_usage() {
    let bench = Bench::new();
    let (kind, message) = refusal(&bench, "SELECT 1 AS a, 2 AS b", &shape(&["c"], &[]));
    assert_eq!(kind, Kind::Usage);
    assert!(message.contains("which has \"a\", \"b\""), "{message}");
    let (kind, message) = refusal(&bench, "SELECT 1 AS a, 2 AS b", &shape(&["a", "b"], &[]));
    assert_eq!(kind, Kind::Usage);
    assert!(message.contains("leave at least one"), "{message}");
}

#[test]
fn partition_keys_come_last_in_the_order_asked_for() {
    let bench = Bench::new();
    let sql = "SELECT 1 AS \"Region\", 2 AS a, DATE '2026-05-19' AS \"Dt\", 3 AS b";
    let plan = bench.session.plan(sql, &shape(&["DT", "region"], &["B"])).unwrap();
    let order: Vec<(&str, &str, bool)> =
        plan.columns.iter().map(|c| (c.name.as_str(), c.source_name.as_str(), c.partition)).collect();
    assert_eq!(order, [("a", "a", false), ("b", "b", false), ("dt", "Dt", true), ("region", "Region", true)]);
    assert_eq!(plan.order(), [2, 3, 1]);
}

#[test]
fn only_types_with_one_spelling_partition_a_table() {
    let bench = Bench::new();
    for good in [
        "1::TINYINT",
        "1::UINTEGER",
        "1::BIGINT",
        "DATE '2026-05-19'",
        "true",
        "'x'",
        "'a'::ENUM('a')",
        "uuid()",
    ] {
        let sql = format!("SELECT 1 AS a, {good} AS p");
        bench.session.plan(&sql, &shape(&["p"], &[])).unwrap_or_else(|e| panic!("{good}: {e}"));
    }
    for bad in ["1.5", "1.5::DOUBLE", "now()", "[1]", "1::UBIGINT", "'x'::BLOB", "{'a': 1}"] {
        let (kind, message) = refusal(&bench, &format!("SELECT 1 AS a, {bad} AS p"), &shape(&["p"], &[]));
        assert_eq!(kind, Kind::Rejected, "{bad}");
        assert!(message.contains("the partition column \"p\" has the type"), "{bad}: {message}");
    }
}
