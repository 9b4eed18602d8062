//! Published files in SQL again: for checks, for the demo, and for those who read downstream.

use crate::error::{EngineError, Phase};
use crate::plan::Column;
use crate::session::Session;
use lakeward_sql::{DuckType, FileColumn, identifier, literal, select_from_files};

const DOING: &str = "reading the published files";

impl From<&Column> for FileColumn {
    fn from(column: &Column) -> Self {
        Self {
            name: column.name.clone(),
            duckdb_type: DuckType::parse(&column.duckdb_type),
            partition: column.partition,
        }
    }
}

/// A small result, to be shown or compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRows {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The values as `DuckDB` writes them; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
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
        // DuckDB would only say that it does not know the type.
        if let Some(odd) = columns.iter().find(|column| !column.duckdb_type.is_written()) {
            return Err(EngineError::Argument(format!(
                "the column {:?} has the type {}, which is none that is written: something else has changed the \
                 manifest; write the run again",
                odd.name, odd.duckdb_type
            )));
        }
        let select = select_from_files(files, columns);
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
    if expected.duckdb_type == DuckType::parse(found) {
        return None;
    }
    let name = identifier(&expected.name);
    Some(format!("the column {name} is {found} in the files, and {} was written", expected.duckdb_type))
}

#[cfg(test)]
#[path = "read_back_tests.rs"]
mod tests;
