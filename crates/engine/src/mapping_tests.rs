use lakeward_outcome::{Classify, Kind};

use crate::EngineError;
use crate::testing::{Bench, shape};

/// A value, the written type, the Glue type, and the value that is read back.
type Case = (&'static str, &'static str, &'static str, Option<&'static str>);

/// Publishes all cases as columns of one row beside a row of NULLs, and reads both back.
fn check(cases: &[Case]) {
    let bench = Bench::new();
    let columns: Vec<String> =
        cases.iter().enumerate().map(|(at, (value, ..))| format!("{value} AS v{at}")).collect();
    let sql =
        format!("SELECT 1 AS n, {} UNION ALL SELECT 2{}", columns.join(", "), ", NULL".repeat(cases.len()));
    let (plan, _) = bench.publish(&sql, &shape(&[], &["n"]));
    let rows = bench.rows("FROM back ORDER BY n");
    for (at, (value, written, glue, expected)) in cases.iter().enumerate() {
        let column = &plan.columns[at + 1];
        assert_eq!((column.duckdb_type.as_str(), column.glue_type.as_str()), (*written, *glue), "{value}");
        assert_eq!(rows[0][at + 1].as_deref(), *expected, "{value}");
        assert_eq!(rows[1][at + 1], None, "the NULL beside {value}");
    }
    assert_eq!(rows.len(), 2);
}

#[test]
fn numbers_keep_their_extremes() {
    check(&[
        ("true", "BOOLEAN", "boolean", Some("true")),
        ("(-128)::TINYINT", "TINYINT", "tinyint", Some("-128")),
        ("32767::SMALLINT", "SMALLINT", "smallint", Some("32767")),
        ("(-2147483648)::INTEGER", "INTEGER", "int", Some("-2147483648")),
        ("(-9223372036854775808)::BIGINT", "BIGINT", "bigint", Some("-9223372036854775808")),
        ("255::UTINYINT", "SMALLINT", "smallint", Some("255")),
        ("65535::USMALLINT", "INTEGER", "int", Some("65535")),
        ("4294967295::UINTEGER", "BIGINT", "bigint", Some("4294967295")),
        ("18446744073709551615::UBIGINT", "DECIMAL(20,0)", "decimal(20,0)", Some("18446744073709551615")),
        ("sum(9007199254740993)", "DECIMAL(38,0)", "decimal(38,0)", Some("9007199254740993")),
        (
            "(-99999999999999999999999999999999999999)::HUGEINT",
            "DECIMAL(38,0)",
            "decimal(38,0)",
            Some("-99999999999999999999999999999999999999"),
        ),
        ("0::UHUGEINT", "DECIMAL(38,0)", "decimal(38,0)", Some("0")),
        ("'nan'::FLOAT", "FLOAT", "float", Some("nan")),
        ("'-infinity'::DOUBLE", "DOUBLE", "double", Some("-inf")),
        ("2.2250738585072014e-308::DOUBLE", "DOUBLE", "double", Some("2.2250738585072014e-308")),
        ("(-1.25)::DECIMAL(4, 2)", "DECIMAL(4,2)", "decimal(4,2)", Some("-1.25")),
        (
            "0.00000000000000000000000000000000000001::DECIMAL(38, 38)",
            "DECIMAL(38,38)",
            "decimal(38,38)",
            Some(".00000000000000000000000000000000000001"),
        ),
    ]);
}

#[test]
fn texts_and_bytes_are_kept() {
    check(&[
        ("'tab\tä日本 ''\"'", "VARCHAR", "string", Some("tab\tä日本 '\"")),
        ("''", "VARCHAR", "string", Some("")),
        ("'b'::ENUM('a', 'b')", "VARCHAR", "string", Some("b")),
        ("'{\"a\": [1, null]}'::JSON", "VARCHAR", "string", Some("{\"a\": [1, null]}")),
        ("'0101'::BIT", "VARCHAR", "string", Some("0101")),
        (
            "'0aeeb9e5-3c1e-4a5f-8f3e-2b1d0f6f0001'::UUID",
            "VARCHAR",
            "string",
            Some("0aeeb9e5-3c1e-4a5f-8f3e-2b1d0f6f0001"),
        ),
        ("'\\x00\\xFFa'::BLOB", "BLOB", "binary", Some("\\x00\\xFFa")),
    ]);
}

#[test]
fn dates_and_times_are_kept() {
    let utc = "TIMESTAMP WITH TIME ZONE";
    check(&[
        ("DATE '0001-01-01'", "DATE", "date", Some("0001-01-01")),
        ("DATE '9999-12-31'", "DATE", "date", Some("9999-12-31")),
        (
            "TIMESTAMP '1969-12-31 23:59:59.999999'",
            "TIMESTAMP",
            "timestamp",
            Some("1969-12-31 23:59:59.999999"),
        ),
        ("'2026-05-19 01:02:03'::TIMESTAMP_S", "TIMESTAMP", "timestamp", Some("2026-05-19 01:02:03")),
        (
            "'2026-05-19 01:02:03.004'::TIMESTAMP_MS",
            "TIMESTAMP",
            "timestamp",
            Some("2026-05-19 01:02:03.004"),
        ),
        (
            "'1969-12-31 23:59:59.999999'::TIMESTAMP_NS",
            "TIMESTAMP",
            "timestamp",
            Some("1969-12-31 23:59:59.999999"),
        ),
        ("TIMESTAMPTZ '2026-05-19 01:02:03+02'", utc, "timestamp", Some("2026-05-18 23:02:03+00")),
        ("TIME '23:59:59.999999'", "VARCHAR", "string", Some("23:59:59.999999")),
        ("TIME_NS '23:59:59.999999999'", "VARCHAR", "string", Some("23:59:59.999999999")),
        ("'10:00:00-08:30'::TIMETZ", "VARCHAR", "string", Some("10:00:00-08:30")),
        ("INTERVAL '1 month 2 days 3 seconds'", "VARCHAR", "string", Some("1 month 2 days 00:00:03")),
    ]);
}

#[test]
fn nested_values_are_converted_inside_and_stay_null_where_they_are() {
    check(&[
        ("[1, NULL, 3]", "INTEGER[]", "array<int>", Some("[1, NULL, 3]")),
        ("[]::INTEGER[]", "INTEGER[]", "array<int>", Some("[]")),
        ("[[1, 2], [3, 4]]::INTEGER[2][2]", "INTEGER[][]", "array<array<int>>", Some("[[1, 2], [3, 4]]")),
        ("[1, NULL]::UTINYINT[2]", "SMALLINT[]", "array<smallint>", Some("[1, NULL]")),
        (
            "{'A': [1, 2]::INTEGER[2]}",
            "STRUCT(\"a\" INTEGER[])",
            "struct<a:array<int>>",
            Some("{'a': [1, 2]}"),
        ),
        (
            "[[1::UBIGINT, NULL], NULL]",
            "DECIMAL(20,0)[][]",
            "array<array<decimal(20,0)>>",
            Some("[[1, NULL], NULL]"),
        ),
        ("[DATE '2026-05-19', NULL]", "DATE[]", "array<date>", Some("[2026-05-19, NULL]")),
        (
            "{'Id': 1::HUGEINT, 'at': NULL::TIMESTAMP_NS}",
            "STRUCT(\"id\" DECIMAL(38,0), \"at\" TIMESTAMP)",
            "struct<id:decimal(38,0),at:timestamp>",
            Some("{'id': 1, 'at': NULL}"),
        ),
        ("{'a': 1}", "STRUCT(\"a\" INTEGER)", "struct<a:int>", Some("{'a': 1}")),
        (
            "[{'A': [{'B': 1::UTINYINT}, NULL]}, NULL]",
            "STRUCT(\"a\" STRUCT(\"b\" SMALLINT)[])[]",
            "array<struct<a:array<struct<b:smallint>>>>",
            Some("[{'a': [{'b': 1}, NULL]}, NULL]"),
        ),
        ("MAP {'x': 1, 'y': NULL}", "MAP(VARCHAR, INTEGER)", "map<string,int>", Some("{x=1, y=NULL}")),
        (
            "MAP {'0aeeb9e5-3c1e-4a5f-8f3e-2b1d0f6f0001'::UUID: [1::UINTEGER]}",
            "MAP(VARCHAR, BIGINT[])",
            "map<string,array<bigint>>",
            Some("{0aeeb9e5-3c1e-4a5f-8f3e-2b1d0f6f0001=[1]}"),
        ),
    ]);
}

#[test]
fn values_that_readers_do_not_share_are_refused_with_the_column_named() {
    let bench = Bench::new();
    for (at, value) in [
        "DATE 'infinity'",
        "TIMESTAMP '-infinity'",
        "'infinity'::TIMESTAMP_S",
        "'infinity'::TIMESTAMP_MS",
        "'infinity'::TIMESTAMP_NS",
        "TIMESTAMPTZ 'infinity'",
        "[NULL, DATE 'infinity']",
        "{'a': [MAP {1: TIMESTAMP 'infinity'}]}",
        "'1969-12-31 23:59:59.999999999'::TIMESTAMP_NS",
        "['2026-05-19 00:00:00.000000001'::TIMESTAMP_NS]",
        "170141183460469231731687303715884105727::HUGEINT",
        "100000000000000000000000000000000000000::UHUGEINT",
        "[100000000000000000000000000000000000000::UHUGEINT]",
    ]
    .into_iter()
    .enumerate()
    {
        let sql = format!("SELECT {value} AS \"Bad\" FROM range(3)");
        let plan = bench.session.plan(&sql, &shape(&[], &[])).unwrap();
        let options = crate::ExportOptions { directory: bench.out().join(at.to_string()), ..bench.options() };
        let error = bench.session.export(&plan, &options).unwrap_err();
        assert_eq!(error.kind(), Kind::Rejected, "{value}: {error}");
        assert!(error.to_string().contains("the column \"Bad\" holds"), "{value}: {error}");
    }
}

/// What is advised for `value`, which cannot be published.
fn advice(bench: &Bench, value: &str) -> String {
    let sql = format!("SELECT {value} AS v");
    let Err(EngineError::Unpublishable(problems)) = bench.session.plan(&sql, &shape(&[], &[])) else {
        panic!("{value} was not refused");
    };
    let text = problems[0].to_string();
    text.rsplit_once("; write ").unwrap().1.to_owned()
}

#[test]
fn the_cast_that_a_refusal_advises_makes_the_column_publishable() {
    let bench = Bench::new();
    for value in [
        "NULL",
        "[]",
        "{'a': NULL}",
        "union_value(a := 1)",
        "[union_value(a := 1)]",
        "1::BIGNUM",
        "'{\"a\": 1}'::VARIANT",
        "'POINT (1 2)'::GEOMETRY",
        "MAP {[1]: 2}",
        "MAP {{'a': 1}: {'b': union_value(a := 1)}}",
        "{'a': union_value(a := 1), 'B': [1::UBIGINT]}",
    ] {
        let sql = format!("SELECT {} AS v FROM (SELECT {value} AS v)", advice(&bench, value));
        let plan = bench.session.plan(&sql, &shape(&[], &[])).unwrap_or_else(|e| panic!("{value}: {e}"));
        let folder = bench.out().join(value.len().to_string());
        let options = crate::ExportOptions { directory: folder, ..bench.options() };
        bench.session.export(&plan, &options).unwrap_or_else(|e| panic!("{value}: {e}"));
        std::fs::remove_dir_all(bench.out()).unwrap();
    }
}

#[test]
fn struct_fields_need_names_that_readers_take() {
    let bench = Bench::new();
    assert_eq!(advice(&bench, "row(1, 2)"), "struct_pack(name := value, ...) instead of row(...)");
    assert_eq!(advice(&bench, "[{'a b': 1}]"), "struct_pack(a_b := ...)");
    assert_eq!(advice(&bench, "{'Ä': 1}"), "struct_pack(_ := ...)");
}
