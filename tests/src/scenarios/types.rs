//! Every type that can be published, with its extremes.

use anyhow::{Result, ensure};

use crate::backend::Backend;
use crate::reader::query;
use crate::table::DAYS;

/// A DuckDB type, what has to be written for it, what Glue has to call it, and values: the least, the greatest, and
/// one between.
type Type = (&'static str, &'static str, &'static str, [&'static str; 3]);

const TYPES: &[Type] = &[
    ("BOOLEAN", "BOOLEAN", "boolean", ["false", "true", "true"]),
    ("TINYINT", "TINYINT", "tinyint", ["-128", "127", "0"]),
    ("SMALLINT", "SMALLINT", "smallint", ["-32768", "32767", "0"]),
    ("INTEGER", "INTEGER", "int", ["-2147483648", "2147483647", "0"]),
    ("BIGINT", "BIGINT", "bigint", ["-9223372036854775808", "9223372036854775807", "0"]),
    ("UTINYINT", "SMALLINT", "smallint", ["0", "255", "1"]),
    ("USMALLINT", "INTEGER", "int", ["0", "65535", "1"]),
    ("UINTEGER", "BIGINT", "bigint", ["0", "4294967295", "1"]),
    ("UBIGINT", "DECIMAL(20,0)", "decimal(20,0)", ["0", "18446744073709551615", "1"]),
    (
        "HUGEINT",
        "DECIMAL(38,0)",
        "decimal(38,0)",
        [
            "-99999999999999999999999999999999999999",
            "99999999999999999999999999999999999999",
            "9007199254740993",
        ],
    ),
    (
        "UHUGEINT",
        "DECIMAL(38,0)",
        "decimal(38,0)",
        ["0", "99999999999999999999999999999999999999", "9007199254740993"],
    ),
    ("FLOAT", "FLOAT", "float", ["'-3.4028235e38'", "'3.4028235e38'", "'nan'"]),
    ("DOUBLE", "DOUBLE", "double", ["'-1.7976931348623157e308'", "'infinity'", "0.1"]),
    ("DECIMAL(4,1)", "DECIMAL(4,1)", "decimal(4,1)", ["-999.9", "999.9", "0.1"]),
    (
        "DECIMAL(18,3)",
        "DECIMAL(18,3)",
        "decimal(18,3)",
        ["-999999999999999.999", "999999999999999.999", "0.001"],
    ),
    (
        "DECIMAL(38,0)",
        "DECIMAL(38,0)",
        "decimal(38,0)",
        ["-99999999999999999999999999999999999999", "99999999999999999999999999999999999999", "1"],
    ),
    (
        "DECIMAL(38,38)",
        "DECIMAL(38,38)",
        "decimal(38,38)",
        ["'-0.99999999999999999999999999999999999999'", "'0.99999999999999999999999999999999999999'", "0"],
    ),
    ("VARCHAR", "VARCHAR", "string", ["''", r#"'it''s "ü" 日本 🦆'"#, "'a' || chr(10) || chr(9)"]),
    ("ENUM('small', 'large')", "VARCHAR", "string", ["'small'", "'large'", "'small'"]),
    ("JSON", "VARCHAR", "string", ["'null'", r#"'{"a": [1, {"b": null}]}'"#, "'[]'"]),
    ("BIT", "VARCHAR", "string", ["'0'", "'1111111111111111'", "'0101'"]),
    (
        "UUID",
        "VARCHAR",
        "string",
        [
            "'00000000-0000-0000-0000-000000000000'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "'4ac7a9e9-607c-4c8a-84f3-843f0191e3fd'",
        ],
    ),
    ("BLOB", "BLOB", "binary", ["''", r"'\xFF\x00\xFE'", "'abc'"]),
    ("DATE", "DATE", "date", ["'0001-01-01'", "'9999-12-31'", "'1970-01-01'"]),
    (
        "TIMESTAMP",
        "TIMESTAMP",
        "timestamp",
        ["'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "'epoch'"],
    ),
    ("TIMESTAMP_S", "TIMESTAMP", "timestamp", ["'0001-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'epoch'"]),
    (
        "TIMESTAMP_MS",
        "TIMESTAMP",
        "timestamp",
        ["'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999'", "'epoch'"],
    ),
    (
        "TIMESTAMP_NS",
        "TIMESTAMP",
        "timestamp",
        ["'1678-01-01 00:00:00'", "'2262-04-11 23:47:16.854775'", "'epoch'"],
    ),
    (
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMP WITH TIME ZONE",
        "timestamp",
        ["'0001-01-01 00:00:00+00'", "'9999-12-31 23:59:59.999999+00'", "'2026-05-19 08:00:00+02'"],
    ),
    ("TIME", "VARCHAR", "string", ["'00:00:00'", "'23:59:59.999999'", "'12:30:00'"]),
    ("TIME WITH TIME ZONE", "VARCHAR", "string", ["'00:00:00+15'", "'23:59:59.999999-15'", "'12:30:00+02'"]),
    ("INTERVAL", "VARCHAR", "string", ["'-1 year'", "'3 months 2 days 01:02:03.5'", "'0 days'"]),
    ("INTEGER[]", "INTEGER[]", "array<int>", ["[]", "[2147483647, NULL]", "[1]"]),
    ("VARCHAR[][]", "VARCHAR[][]", "array<array<string>>", ["[[]]", "[['a', NULL], NULL]", "[['']]"]),
    ("SMALLINT[2]", "SMALLINT[]", "array<smallint>", ["[-32768, 32767]", "[NULL, 1]", "[0, 0]"]),
    (
        "STRUCT(a INTEGER, b VARCHAR)",
        "STRUCT(a INTEGER, b VARCHAR)",
        "struct<a:int,b:string>",
        ["{'a': NULL, 'b': NULL}", "{'a': 1, 'b': ''}", "{'a': 2, 'b': 'x'}"],
    ),
    (
        r#"STRUCT("Upper" INTEGER)"#,
        "STRUCT(upper INTEGER)",
        "struct<upper:int>",
        ["{'Upper': NULL}", "{'Upper': 1}", "{'Upper': 2}"],
    ),
    (
        "MAP(VARCHAR, INTEGER)",
        "MAP(VARCHAR, INTEGER)",
        "map<string,int>",
        ["MAP {}", "MAP {'a': 1, 'b': NULL}", "MAP {'': 0}"],
    ),
    (
        "UUID[]",
        "VARCHAR[]",
        "array<string>",
        ["[]", "[NULL, 'ffffffff-ffff-ffff-ffff-ffffffffffff']", "[NULL]"],
    ),
    (
        "STRUCT(n HUGEINT)",
        "STRUCT(n DECIMAL(38,0))",
        "struct<n:decimal(38,0)>",
        ["{'n': NULL}", "{'n': 9007199254740993}", "{'n': -1}"],
    ),
    (
        "MAP(INTEGER, UBIGINT[])",
        "MAP(INTEGER, DECIMAL(20,0)[])",
        "map<int,array<decimal(20,0)>>",
        ["MAP {}", "MAP {1: [18446744073709551615]}", "MAP {2: NULL}"],
    ),
    (
        r#"STRUCT("at" TIMESTAMP_S)[]"#,
        r#"STRUCT("at" TIMESTAMP)[]"#,
        "array<struct<at:timestamp>>",
        ["[]", "[{'at': NULL}, NULL]", "[{'at': '2026-05-19 06:00:00'}]"],
    ),
];

/// One row for each of the values, and one of NULLs. The columns are `c0`, `c1`, ... in the order of [`TYPES`].
fn rows(column: impl Fn(&Type, &str) -> String) -> String {
    let row = |value: &dyn Fn(&Type) -> &'static str| {
        let columns = TYPES.iter().enumerate();
        let columns = columns.map(|(n, of)| format!("{} AS c{n}", column(of, value(of))));
        format!("SELECT {}", columns.collect::<Vec<_>>().join(", "))
    };
    let nth = |n: usize| row(&move |(.., values): &Type| values[n]);
    [nth(0), nth(1), nth(2), row(&|_| "NULL")].join(" UNION ALL ")
}

pub(crate) async fn every_type_is_read_back_without_loss(backend: &Backend) -> Result<()> {
    let table = backend.table("every_type");
    let sql = rows(|(duckdb, ..), value| format!("CAST({value} AS {duckdb})"));
    let run = table.published(&table.write(DAYS[0], &sql)).await?;
    let expected =
        rows(|(duckdb, written, ..), value| format!("CAST(CAST({value} AS {duckdb}) AS {written})"));
    table.shows(&run, &expected).await?;

    let live = table.live().await?;
    let in_files =
        format!("FROM (DESCRIBE SELECT * FROM '{}*.parquet') SELECT column_name, column_type", run.location);
    let in_files = query(backend, &in_files).await?;
    for (n, (duckdb, written, glue, _)) in TYPES.iter().enumerate() {
        let name = format!("c{n}");
        let column = live.columns.iter().find(|column| column.name == name);
        ensure!(column.is_some_and(|column| column.glue_type == *glue), "{duckdb} became {column:?} in glue");
        let canonical = query(backend, &format!("SELECT typeof(CAST(NULL AS {written}))")).await?;
        let wanted = [Some(name), canonical[0][0].clone()];
        ensure!(
            in_files.iter().any(|row| *row == wanted),
            "{duckdb} was not written as {wanted:?}: {in_files:?}"
        );
    }
    Ok(())
}
