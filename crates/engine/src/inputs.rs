//! What a query reads: files as far as its text names them, tables as DuckDB binds them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::error::{EngineError, Phase};
use crate::session::Session;
use lakeward_sql::literal;

/// The table functions that read files, whose first argument says which. Functions that read servers are none of them: a
/// password may be in what they are given.
const READERS: [&str; 17] = [
    "delta_scan",
    "iceberg_scan",
    "parquet_scan",
    "read_blob",
    "read_csv",
    "read_csv_auto",
    "read_json",
    "read_json_auto",
    "read_json_objects",
    "read_json_objects_auto",
    "read_ndjson",
    "read_ndjson_auto",
    "read_ndjson_objects",
    "read_parquet",
    "read_text",
    "read_xlsx",
    "sniff_csv",
];
/// What is done here.
const DOING: &str = "looking for what the query reads";
/// The setting of the plans that EXPLAIN shows, and the plan as it was bound.
const SHOWN_PLANS: &str = "explain_output";
const LOGICAL_PLAN: &str = "logical_plan";
/// The type of DuckDB's own databases.
const OURS: &str = "duckdb";
/// What DuckDB makes of a list in brackets.
const LIST: &str = "list_value";
/// How names of tables end that are names of files.
const FILES: [&str; 9] = [".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xlsx", ".gz", ".zst"];

/// A table of an attached database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputTable {
    /// The name by which the database is attached.
    pub database: String,
    /// Where the database lies, if it is DuckDB's own. Of another kind it is not told: a password may be in it.
    pub file: Option<String>,
    /// The schema.
    pub schema: String,
    /// The table's name in it.
    pub name: String,
}

impl Session {
    /// The files that one SELECT statement reads, as far as its text names them: paths or URLs, maybe with a pattern. Views
    /// and macros are not looked into, and what is computed only when it runs is not known.
    ///
    /// # Errors
    /// [`EngineError::Sql`] when DuckDB cannot parse it.
    pub fn input_files(&self, sql: &str) -> Result<Vec<String>, EngineError> {
        let parsed = format!("SELECT json_serialize_sql({})::VARCHAR", literal(sql));
        let rows = self.query(Phase::Binding, &parsed, DOING, |row| row.get::<_, String>(0))?;
        let tree = rows.first().and_then(|text| serde_json::from_str(text).ok());
        let mut found = Found::default();
        found.look_into(&tree.unwrap_or(Value::Null));
        Ok(found.files.difference(&found.named_here).cloned().collect())
    }

    /// The tables that one SELECT statement reads, as DuckDB binds it: behind its views and macros too. Not those that are the
    /// session's own, in memory.
    ///
    /// # Errors
    /// [`EngineError::Sql`] when it does not bind.
    pub fn input_tables(&self, sql: &str) -> Result<Vec<InputTable>, EngineError> {
        let plan = self.logical_plan(sql)?;
        let databases = "SELECT database_name, type, path FROM duckdb_databases() WHERE NOT internal";
        let databases = self.query(Phase::Binding, databases, DOING, |row| {
            let (kind, path): (String, Option<String>) = (row.get(1)?, row.get(2)?);
            Ok((row.get::<_, String>(0)?, (kind == OURS, path)))
        })?;
        let databases: BTreeMap<String, (bool, Option<String>)> = databases.into_iter().collect();
        let table = |[database, schema, name]: [String; 3]| {
            let file = match databases.get(&database)? {
                (true, path) => Some(path.clone()?),
                (false, _) => None,
            };
            Some(InputTable { database, file, schema, name })
        };
        let mut scanned = Vec::new();
        scans(&plan, &mut scanned);
        let tables: BTreeSet<InputTable> = scanned.into_iter().filter_map(table).collect();
        Ok(tables.into_iter().collect())
    }

    /// The plan before it is optimized: a table that is read for nothing is in it.
    fn logical_plan(&self, sql: &str) -> Result<Value, EngineError> {
        let setting = format!("SELECT current_setting({})", literal(SHOWN_PLANS));
        let shown = self.query(Phase::Binding, &setting, DOING, |row| row.get::<_, String>(0))?;
        let show = |plans: &str| self.execute(&format!("SET {SHOWN_PLANS} = {}", literal(plans)), DOING);
        show("all")?;
        let explain = format!("EXPLAIN (FORMAT json) SELECT * FROM query({})", literal(sql));
        let plans = self.query(Phase::Binding, &explain, DOING, |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        });
        shown.first().map_or(Ok(()), |shown| show(shown))?;
        let logical = plans?.into_iter().find(|(name, _)| name == LOGICAL_PLAN);
        Ok(logical.and_then(|(_, plan)| serde_json::from_str(&plan).ok()).unwrap_or(Value::Null))
    }
}

/// The tables that a plan scans, by the three parts of their names.
fn scans(node: &Value, found: &mut Vec<[String; 3]>) {
    for node in node.as_array().into_iter().flatten() {
        let table = node["extra_info"]["Table"].as_str();
        found.extend(table.and_then(|name| name_parts(name).try_into().ok()));
        scans(&node["children"], found);
    }
}

/// The parts of a name in SQL, each of which may be quoted.
fn name_parts(name: &str) -> Vec<String> {
    let (mut parts, mut part, mut quoted) = (Vec::new(), String::new(), false);
    let mut signs = name.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '"' if quoted && signs.peek() == Some(&'"') => part.extend(signs.next()),
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            sign => part.push(sign),
        }
    }
    parts.push(part);
    parts
}

#[derive(Default)]
struct Found {
    files: BTreeSet<String>,
    /// The names that WITH gives, wherever they are given.
    named_here: BTreeSet<String>,
}

impl Found {
    fn look_into(&mut self, node: &Value) {
        match node {
            Value::Array(nodes) => nodes.iter().for_each(|node| self.look_into(node)),
            Value::Object(fields) => {
                match node["type"].as_str() {
                    Some("BASE_TABLE") => self.table(node),
                    Some("TABLE_FUNCTION") => self.function(&node["function"]),
                    _ => self.names(&node["cte_map"]["map"]),
                }
                fields.values().for_each(|node| self.look_into(node));
            }
            _ => {}
        }
    }

    fn names(&mut self, map: &Value) {
        let names = map.as_array().into_iter().flatten().filter_map(|named| named["key"].as_str());
        self.named_here.extend(names.map(str::to_owned));
    }

    /// A file may be given where a table's name is.
    fn table(&mut self, node: &Value) {
        let is_qualified = ["catalog_name", "schema_name"]
            .iter()
            .any(|part| node[part].as_str().is_some_and(|part| !part.is_empty()));
        let name = node["table_name"].as_str().filter(|name| !is_qualified && is_file(name));
        self.files.extend(name.map(str::to_owned));
    }

    fn function(&mut self, node: &Value) {
        if node["function_name"].as_str().is_some_and(|name| READERS.contains(&name)) {
            self.argument(&node["children"][0]);
        }
    }

    /// A constant, or a list of them. What another expression comes to is not known.
    fn argument(&mut self, argument: &Value) {
        self.files.extend(argument["value"]["value"].as_str().map(str::to_owned));
        if argument["function_name"] == LIST {
            argument["children"].as_array().into_iter().flatten().for_each(|item| self.argument(item));
        }
    }
}

/// Whether DuckDB reads a file when there is no table of this name.
fn is_file(name: &str) -> bool {
    name.contains(['/', '*']) || FILES.iter().any(|end| name.to_lowercase().ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, text};

    fn files(sql: &str) -> Vec<String> {
        Bench::new().session.input_files(sql).unwrap()
    }

    #[test]
    fn files_are_found_wherever_they_are_read() {
        let sql = "WITH w AS (SELECT * FROM read_csv('in/x.csv', header = true)) \
                   SELECT w.*, (SELECT max(b) FROM s.u), 'no/file.csv' FROM w JOIN 's3://lake/raw/*.parquet' p USING (id) \
                   JOIN read_parquet(['a.parquet', 'b/*.parquet'], hive_partitioning = true) USING (id) \
                   WHERE EXISTS (FROM db.main.t) UNION ALL FROM Orders";
        assert_eq!(files(sql), ["a.parquet", "b/*.parquet", "in/x.csv", "s3://lake/raw/*.parquet"]);
        assert_eq!(files("FROM read_text(list_value('a', 'b'))"), ["a", "b"]);
        assert_eq!(files("FROM 'it''s; \"odd\".csv'"), ["it's; \"odd\".csv"]);
        assert_eq!(files("WITH \"x.csv\" AS (SELECT 1) FROM \"x.csv\""), [""; 0]);
    }

    #[test]
    fn what_is_given_to_a_server_is_not_told() {
        for sql in [
            "FROM postgres_scan('password=planted', 'public', 't')",
            "SELECT getvariable('x') AS x, range FROM range(3)",
            "FROM read_csv(getvariable('where'))",
            "no query; at all",
        ] {
            assert_eq!(files(sql), [""; 0], "{sql}");
        }
    }

    /// A session with a database attached by the name `other`, and where that lies.
    fn attached() -> (Bench, String) {
        let bench = Bench::new();
        let file = text(&bench.folder.path().join("shop.duckdb")).to_owned();
        let make = format!(
            "ATTACH {} AS other; CREATE SCHEMA other.s; CREATE TABLE other.orders AS SELECT 1 AS id; \
             CREATE TABLE other.s.\"a\"\"b.c\" AS SELECT 1 AS id; CREATE VIEW other.seen AS FROM other.orders; \
             CREATE TEMP TABLE mine AS SELECT 1 AS id; CREATE TABLE own AS SELECT 1 AS id",
            literal(&file)
        );
        bench.session.execute(&make, "making tables").unwrap();
        (bench, file)
    }

    #[test]
    fn tables_are_those_that_duckdb_binds() {
        let (bench, file) = attached();
        for (sql, expected) in [
            ("FROM other.orders", &[("main", "orders")][..]),
            ("FROM other.main.orders WHERE false", &[("main", "orders")]),
            ("FROM other.seen, own, mine", &[("main", "orders")]),
            (
                "FROM other.s.\"a\"\"b.c\" JOIN OTHER.Orders USING (id)",
                &[("main", "orders"), ("s", "a\"b.c")],
            ),
            ("WITH orders AS (FROM other.orders) FROM orders", &[("main", "orders")]),
            ("WITH orders AS (SELECT 1 AS id) FROM orders", &[]),
            ("SELECT range, (SELECT max(id) FROM other.orders) FROM range(3)", &[("main", "orders")]),
        ] {
            let found = bench.session.input_tables(sql).unwrap();
            let expected = expected.iter().map(|(schema, name)| InputTable {
                database: "other".to_owned(),
                file: Some(file.clone()),
                schema: (*schema).to_owned(),
                name: (*name).to_owned(),
            });
            assert_eq!(found, expected.collect::<Vec<_>>(), "{sql}");
        }
    }

    #[test]
    fn a_name_that_with_gives_hides_a_table() {
        let (bench, _) = attached();
        bench.session.execute("USE other", "using").unwrap();
        let tables = |sql| bench.session.input_tables(sql).unwrap().len();
        assert_eq!(tables("WITH orders AS (SELECT 1 AS id) FROM orders"), 0);
        assert_eq!(tables("WITH orders AS (FROM orders) FROM orders"), 1);
        assert_eq!(tables("SELECT * FROM orders, (WITH orders AS (SELECT 2 AS id) FROM orders)"), 1);
    }

    #[test]
    fn a_look_at_the_tables_changes_no_setting_even_when_it_fails() {
        let (bench, _) = attached();
        bench.session.execute("SET explain_output = 'optimized_only'", "setting").unwrap();
        bench.session.input_tables("FROM other.orders").unwrap();
        bench.session.input_tables("FROM no_such_table").unwrap_err();
        bench.session.input_tables("FROM own) ; DROP TABLE own; FROM (SELECT 1").unwrap_err();
        assert_eq!(
            bench.value("SELECT current_setting('explain_output')").as_deref(),
            Some("optimized_only")
        );
        assert_eq!(bench.value("SELECT id FROM own").as_deref(), Some("1"));
    }
}
