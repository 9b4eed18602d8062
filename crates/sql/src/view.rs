//! Published files as a table of DuckDB, with partition keys as typed columns.

use lakeward_manifest::{Column, Sealed};

use crate::duck_type::DuckType;
use crate::quote::{identifier, identifiers, literal};

/// A column that files are expected to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileColumn {
    /// The column's name.
    pub name: String,
    /// The type that was written.
    pub duckdb_type: DuckType,
    /// Whether it is a partition key, whose values are in the folders' names.
    pub partition: bool,
}

/// SQL that creates, or replaces, the view `name` over Parquet files.
///
/// `files` are paths or URLs, or a single glob such as `s3://lake/orders/**/*.parquet`.
pub fn view_over_files(name: &str, files: &[String], columns: &[FileColumn]) -> String {
    format!("CREATE OR REPLACE VIEW {} AS\n{}", identifier(name), select_from_files(files, columns))
}

/// The columns of a run: those in the files, then the partition keys.
pub fn columns_of_run(run: &Sealed<'_>) -> Vec<FileColumn> {
    let column = |partition| {
        move |column: &Column| FileColumn {
            name: column.name.clone(),
            duckdb_type: DuckType::parse(&column.duckdb_type),
            partition,
        }
    };
    let data = run.written.columns.iter().map(column(false));
    data.chain(run.written.partition_columns.iter().map(column(true))).collect()
}

/// SQL that creates a view, named as the live table, over a run's files.
pub fn view_over_run(run: &Sealed<'_>) -> String {
    // Without a file the glob would find nothing, which is an error rather than an empty table.
    let glob = (!run.written.files.is_empty()).then(|| format!("{}**/*.parquet", run.written.location));
    view_over_files(run.manifest.table.glue.table(), glob.as_slice(), &columns_of_run(run))
}

/// A SELECT over files, or over nothing when there are none.
pub fn select_from_files(files: &[String], columns: &[FileColumn]) -> String {
    let files = match files {
        [] => return select_nothing(columns),
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
    let names = identifiers(columns.iter().map(|column| column.name.as_str()));
    format!("SELECT {names}\nFROM read_parquet({files}, {hive})")
}

fn select_nothing(columns: &[FileColumn]) -> String {
    let column =
        |column: &FileColumn| format!("CAST(NULL AS {}) AS {}", column.duckdb_type, identifier(&column.name));
    format!("SELECT {} WHERE false", columns.iter().map(column).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<FileColumn> {
        let column = |name: &str, duckdb_type: &str, partition| FileColumn {
            name: name.into(),
            duckdb_type: DuckType::parse(duckdb_type),
            partition,
        };
        vec![column("id", "INTEGER", false), column("day", "DATE", true)]
    }

    #[test]
    fn partition_keys_have_their_real_types() {
        assert_eq!(
            view_over_files("orders", &["s3://lake/orders/**/*.parquet".to_owned()], &columns()),
            "CREATE OR REPLACE VIEW \"orders\" AS\nSELECT \"id\", \"day\"\nFROM \
             read_parquet('s3://lake/orders/**/*.parquet', hive_partitioning = true, hive_types = {'day': DATE})"
        );
    }

    #[test]
    fn a_table_without_files_is_empty_and_still_has_its_columns() {
        let sql = select_from_files(&[], &columns());
        assert_eq!(sql, "SELECT CAST(NULL AS INTEGER) AS \"id\", CAST(NULL AS DATE) AS \"day\" WHERE false");
    }
}
