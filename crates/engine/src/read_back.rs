//! Published files in SQL again: for checks, for the demo, and for those who read downstream.

use crate::duck_type::DuckType;
use crate::error::{EngineError, Phase};
use crate::plan::Column;
use crate::quote::{identifier, identifiers, literal};
use crate::session::Session;

const DOING: &str = "reading the published files";

/// A column that files are expected to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileColumn {
    /// The column's name.
    pub name: String,
    /// The type that was written, in `DuckDB`'s words.
    pub duckdb_type: String,
    /// Whether it is a partition key, whose values are in the folders' names.
    pub partition: bool,
}

/// A small result, to be shown or compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The values as `DuckDB` writes them; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl From<&Column> for FileColumn {
    fn from(column: &Column) -> Self {
        Self {
            name: column.name.clone(),
            duckdb_type: column.duckdb_type.clone(),
            partition: column.partition,
        }
    }
}

/// SQL that creates the view `name` over Parquet files, with partition keys as typed columns.
///
/// `files` are paths or URLs, or a single glob such as `s3://lake/orders/**/*.parquet`.
pub fn view_sql(name: &str, files: &[String], columns: &[FileColumn]) -> String {
    format!("CREATE OR REPLACE VIEW {} AS\n{};\n", identifier(name), select_sql(files, columns))
}

fn select_sql(files: &[String], columns: &[FileColumn]) -> String {
    let names = identifiers(columns.iter().map(|column| column.name.as_str()));
    let files = match files {
        [file] => literal(file),
        files => format!("[{}]", files.iter().map(|file| literal(file)).collect::<Vec<_>>().join(", ")),
    };
    let keys: Vec<String> = columns
        .iter()
        .filter(|column| column.partition)
        .map(|key| format!("{}: {}", literal(&key.name), key.duckdb_type))
        .collect();
    let hive = if keys.is_empty() {
        "hive_partitioning = false".to_owned()
    } else {
        format!("hive_partitioning = true, hive_types = {{{}}}", keys.join(", "))
    };
    format!("SELECT {names}\nFROM read_parquet({files}, {hive})")
}

/// A view without rows, for a table without files.
fn empty_sql(columns: &[FileColumn]) -> String {
    let column =
        |column: &FileColumn| format!("CAST(NULL AS {}) AS {}", column.duckdb_type, identifier(&column.name));
    format!("SELECT {} WHERE false", columns.iter().map(column).collect::<Vec<_>>().join(", "))
}

impl Session {
    /// Creates a temporary view `name` over exactly these files (paths or URLs; maybe none), and
    /// checks that it has the columns expected.
    ///
    /// The types are those of the first file; the footers of the others are not opened here.
    pub fn create_view_over_files(
        &self,
        name: &str,
        files: &[String],
        columns: &[FileColumn],
    ) -> Result<(), EngineError> {
        if columns.is_empty() {
            return Err(EngineError::Argument(format!("the view {name} has no columns; name at least one")));
        }
        let select = if files.is_empty() { empty_sql(columns) } else { select_sql(files, columns) };
        let view = identifier(name);
        self.execute(&format!("CREATE OR REPLACE TEMP VIEW {view} AS {select}"), DOING)?;
        let sql = format!("DESCRIBE {view}");
        let found = self.query(Phase::Binding, &sql, DOING, |row| row.get::<_, String>(1))?;
        let wrong: Vec<String> =
            columns.iter().zip(&found).filter_map(|(column, found)| difference(column, found)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(EngineError::Mismatch(wrong.join("; "))) }
    }

    /// The number of rows that the user's `sql` returns: for a check, the rows that offend.
    pub fn count_offending(&self, sql: &str) -> Result<u64, EngineError> {
        let count = format!("SELECT count(*) FROM query({})", literal(sql));
        let counts =
            self.query(Phase::Running, &count, "counting the rows of the check", |row| row.get(0))?;
        counts.into_iter().next().ok_or_else(|| EngineError::Internal {
            doing: DOING.to_owned(),
            message: "count(*) returned nothing".to_owned(),
        })
    }

    /// The result of the user's `sql` as text.
    pub fn rows_as_text(&self, sql: &str) -> Result<TextRows, EngineError> {
        let text = format!("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM query({})", literal(sql));
        let rows = self.query(Phase::Running, &text, "querying", |row| {
            (0..row.as_ref().column_count()).map(|index| row.get(index)).collect()
        })?;
        Ok(TextRows { columns: self.names_of(sql)?, rows })
    }
}

fn difference(expected: &FileColumn, found: &str) -> Option<String> {
    if DuckType::parse(&expected.duckdb_type) == DuckType::parse(found) {
        return None;
    }
    let name = identifier(&expected.name);
    Some(format!("the column {name} is {found} in the files, and {} was written", expected.duckdb_type))
}

#[cfg(test)]
#[path = "read_back_tests.rs"]
mod tests;
