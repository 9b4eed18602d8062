use lakeward_outcome::{Classify, Kind};

use lakeward_sql::view_over_files;

use super::*;
use crate::testing::{Bench, shape, text};

fn column(name: &str, duckdb_type: &str, partition: bool) -> FileColumn {
    FileColumn { name: name.to_owned(), duckdb_type: DuckType::parse(duckdb_type), partition }
}

#[test]
fn files_without_an_expected_column_or_type_are_told() {
    let bench = Bench::new();
    let (_, files) = bench.publish("SELECT 1 AS a, 'x' AS b", &shape(&[], &[]));
    let paths = [text(&bench.out().join(&files[0].relative_path)).to_owned()];
    let wrong = [column("a", "BIGINT", false), column("b", "VARCHAR", false)];
    let error = bench.session.create_view_over_files("v", &paths, &wrong).unwrap_err();
    assert_eq!(error.kind(), Kind::Rejected);
    assert_eq!(error.to_string(), "the column \"a\" is INTEGER in the files, and BIGINT was written");
    let missing = [column("c", "BIGINT", false)];
    let error = bench.session.create_view_over_files("v", &paths, &missing).unwrap_err();
    assert!(error.to_string().contains("\"c\""), "{error}");
}

#[test]
fn no_files_are_a_view_without_rows() {
    let bench = Bench::new();
    let columns = [column("a", "STRUCT(\"b\" INTEGER)[]", false), column("p", "DATE", true)];
    bench.session.create_view_over_files("v", &[], &columns).unwrap();
    assert_eq!(bench.session.count_offending("FROM v WHERE p = DATE '2026-05-19' OR len(a) > 1").unwrap(), 0);
}

#[test]
fn a_check_counts_its_rows_and_its_errors_are_the_users() {
    let bench = Bench::new();
    assert_eq!(bench.session.count_offending("FROM range(10) t(x) WHERE x > 6; -- late").unwrap(), 3);
    assert_eq!(bench.session.count_offending("SELECT nope").unwrap_err().kind(), Kind::Usage);
    assert_eq!(bench.session.count_offending("DROP TABLE x").unwrap_err().kind(), Kind::Usage);
}

#[test]
fn rows_come_as_text_in_their_order() {
    let bench = Bench::new();
    let found = bench
        .session
        .rows_as_text("SELECT x AS \"X y\", [x] AS l FROM (VALUES (2), (NULL)) t(x) ORDER BY x")
        .unwrap();
    assert_eq!(found.columns, ["X y", "l"]);
    assert_eq!(
        found.rows,
        [[Some("2".to_owned()), Some("[2]".to_owned())], [None, Some("[NULL]".to_owned())]]
    );
}

#[test]
fn the_view_for_downstream_reads_a_partitioned_table_by_its_location() {
    let bench = Bench::new();
    let sql = "SELECT range AS a, DATE '2026-05-19' + range::INTEGER AS d, \
               CASE WHEN range <> 1 THEN 'it''s ' || range END AS p FROM range(3)";
    let (plan, _) = bench.publish(sql, &shape(&["d", "p"], &[]));
    let columns: Vec<FileColumn> = plan.columns.iter().map(FileColumn::from).collect();
    let glob = format!("{}/**/*.parquet", text(&bench.out()));
    let view = view_over_files("down\"stream", &[glob], &columns);
    bench.session.init_sql(&view).unwrap();
    let rows =
        bench.rows("SELECT d || ' ' || coalesce(p, 'nothing') FROM \"down\"\"stream\" ORDER BY a").concat();
    let rows: Vec<String> = rows.into_iter().flatten().collect();
    assert_eq!(rows, ["2026-05-19 it's 0", "2026-05-20 nothing", "2026-05-21 it's 2"]);
}

/// A type in the manifest's text is not to be trusted: whoever may write beside the data may change it.
#[test]
fn no_text_of_a_type_adds_a_statement_to_a_view() {
    let bench = Bench::new();
    let (_, files) = bench.publish("SELECT 1 AS a, 2 AS p", &shape(&["p"], &[]));
    let paths = [text(&bench.out().join(&files[0].relative_path)).to_owned()];
    let written = bench.folder.path().join("written-by-sql");
    let copy = format!("COPY (SELECT 1) TO {}; --", literal(text(&written)));
    for odd in [
        format!("INTEGER) AS a; {copy}"),
        format!("INTEGER}}); {copy}"),
        format!("STRUCT(/**/\" INTEGER, \" INTEGER)) AS a; {copy}\" INTEGER)"),
        format!("STRUCT(/**/\" INTEGER, \" INTEGER)}}); {copy}\" INTEGER)"),
        format!("\"INTEGER) AS a; {copy}\""),
        format!("\"INTEGER}}); {copy}\"[]"),
    ] {
        let columns = [column("a", &odd, false), column("p", &odd, true)];
        for files in [&paths[..], &[]] {
            let error = bench.session.create_view_over_files("v", files, &columns).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{error}");
            bench.session.init_sql(&view_over_files("downstream", files, &columns)).unwrap_err();
            assert!(!written.exists(), "{odd}");
        }
    }
}

fn parsed(expression: &str) -> String {
    let db = duckdb::Connection::open_in_memory().unwrap();
    let sql = format!("SELECT typeof({expression})");
    let text: String = db.query_row(&sql, [], |row| row.get(0)).unwrap();
    DuckType::parse(&text).to_string()
}

#[test]
fn types_are_read_as_duckdb_writes_them() {
    for (expression, expected) in [
        ("1::DECIMAL(10, 2)", "DECIMAL(10,2)"),
        ("now()", "TIMESTAMP WITH TIME ZONE"),
        ("NULL", "NULL"),
        ("[[1], NULL]", "INTEGER[][]"),
        ("[[1, 2]]::INTEGER[2][]", "INTEGER[2][]"),
        ("[['a)''\"']]::ENUM('a)''\"', 'b, (')[][]", "ENUM[][]"),
        ("MAP {'a': [now()]}", "MAP(VARCHAR, TIMESTAMP WITH TIME ZONE[])"),
        ("row(1, now(), NULL)", "STRUCT(INTEGER, TIMESTAMP WITH TIME ZONE, NULL)"),
        (
            "{'plain': 1, 'a b': now(), 'q\"u(o[t,e': {'NULL': NULL}, 'select': 'x'}",
            "STRUCT(\"plain\" INTEGER, \"a b\" TIMESTAMP WITH TIME ZONE, \"q\"\"u(o[t,e\" STRUCT(\"NULL\" NULL), \
             \"select\" VARCHAR)",
        ),
        ("union_value(a := {'b': 1})", "UNION"),
    ] {
        assert_eq!(parsed(expression), expected, "{expression}");
    }
}
