//! What a query reads, as far as its text tells.

use std::collections::BTreeSet;

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
/// What DuckDB makes of a list in brackets.
const LIST: &str = "list_value";
/// How names of tables end that are names of files.
const FILES: [&str; 9] = [".parquet", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xlsx", ".gz", ".zst"];

/// Something that a query reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// Files: a path or URL, maybe with a pattern.
    Files(String),
    /// A table or view, by its name as the query has it: `orders`, `main.orders`, `catalog.main.orders`.
    Table(String),
}

impl Session {
    /// What one SELECT statement reads, as far as its text tells: views and macros are not looked into, and what is
    /// computed only when it runs is not known.
    ///
    /// # Errors
    /// [`EngineError::Sql`] when DuckDB cannot parse it.
    pub fn inputs(&self, sql: &str) -> Result<Vec<Input>, EngineError> {
        let parsed = format!("SELECT json_serialize_sql({})::VARCHAR", literal(sql));
        let doing = "looking for what the query reads";
        let rows = self.query(Phase::Binding, &parsed, doing, |row| row.get::<_, String>(0))?;
        let tree = rows.first().and_then(|text| serde_json::from_str(text).ok());
        let mut found = Found::default();
        found.look_into(&tree.unwrap_or(Value::Null));
        Ok(found.inputs())
    }
}

#[derive(Default)]
struct Found {
    inputs: BTreeSet<Input>,
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
        self.named_here.extend(names.map(str::to_lowercase));
    }

    fn table(&mut self, node: &Value) {
        let parts = ["catalog_name", "schema_name", "table_name"].map(|part| node[part].as_str());
        let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        let input = match parts[..] {
            [name] if is_file(name) => Input::Files(name.to_owned()),
            _ => Input::Table(parts.join(".")),
        };
        self.inputs.insert(input);
    }

    fn function(&mut self, node: &Value) {
        if node["function_name"].as_str().is_some_and(|name| READERS.contains(&name)) {
            self.files(&node["children"][0]);
        }
    }

    /// A constant, or a list of them. What another expression comes to is not known.
    fn files(&mut self, argument: &Value) {
        if let Some(file) = argument["value"]["value"].as_str() {
            self.inputs.insert(Input::Files(file.to_owned()));
        }
        if argument["function_name"] == LIST {
            argument["children"].as_array().into_iter().flatten().for_each(|item| self.files(item));
        }
    }

    fn inputs(self) -> Vec<Input> {
        let is_named_here = |input: &Input| match input {
            Input::Table(name) => self.named_here.contains(&name.to_lowercase()),
            Input::Files(_) => false,
        };
        self.inputs.iter().filter(|input| !is_named_here(input)).cloned().collect()
    }
}

/// Whether DuckDB reads a file when there is no table of this name.
fn is_file(name: &str) -> bool {
    name.contains(['/', '*']) || FILES.iter().any(|end| name.to_lowercase().ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    fn inputs(sql: &str) -> Vec<Input> {
        Bench::new().session.inputs(sql).unwrap()
    }

    fn files(name: &str) -> Input {
        Input::Files(name.to_owned())
    }

    fn table(name: &str) -> Input {
        Input::Table(name.to_owned())
    }

    #[test]
    fn files_and_tables_are_found_wherever_they_are_read() {
        let sql = "WITH w AS (SELECT * FROM read_csv('in/x.csv', header = true)) \
                   SELECT w.*, (SELECT max(b) FROM s.u), 'no/file.csv' FROM w JOIN 's3://lake/raw/*.parquet' p USING (id) \
                   JOIN read_parquet(['a.parquet', 'b/*.parquet'], hive_partitioning = true) USING (id) \
                   WHERE EXISTS (FROM db.main.t) UNION ALL FROM Orders";
        assert_eq!(inputs("FROM read_text(list_value('a', 'b'))"), [files("a"), files("b")]);
        let expected = [
            files("a.parquet"),
            files("b/*.parquet"),
            files("in/x.csv"),
            files("s3://lake/raw/*.parquet"),
            table("Orders"),
            table("db.main.t"),
            table("s.u"),
        ];
        assert_eq!(inputs(sql), expected);
    }

    #[test]
    fn what_is_given_to_a_server_is_not_told() {
        assert_eq!(inputs("FROM postgres_scan('password=planted', 'public', 't')"), []);
        assert_eq!(inputs("SELECT getvariable('x') AS x, range FROM range(3)"), []);
        assert_eq!(inputs("FROM read_csv(getvariable('where'))"), []);
    }

    #[test]
    fn odd_texts_are_no_inputs() {
        assert_eq!(inputs("FROM 'it''s; \"odd\".csv'"), [files("it's; \"odd\".csv")]);
        let _ = Bench::new().session.inputs("no query; at all");
    }
}
