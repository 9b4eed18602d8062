//! The spec file: what describes a table and its query, in YAML.
//!
//! ```yaml
//! table: s3://lake/analytics/orders/
//! glue_table: analytics.orders
//! sql_file: orders.sql            # relative to the spec
//! partition_by: [order_date]
//! sort_by: [customer_id]
//! compression: { codec: zstd, level: 6 }
//! target_file_size: 256MiB
//! comment: One row for each order
//! columns: { order_id: The shop's own number }
//! properties: { owner: bi }
//! variables: { region: eu }
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lakeward_manifest::{Compression, Format, GlueName, Mode, Strategy, TableRoot};
use lakeward_outcome::{Failure, Kind, ResultExt};
use serde::Deserialize;

/// The spec file. A field that is not known is an error, as it is most likely a misspelt one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SpecFile {
    /// The S3 prefix that the table owns.
    pub(crate) table: Option<TableRoot>,
    /// The live table in Glue, `database.table`.
    pub(crate) glue_table: Option<GlueName>,
    /// The query.
    pub(crate) sql: Option<String>,
    /// A file with the query, relative to the spec file.
    pub(crate) sql_file: Option<PathBuf>,
    /// A DuckDB database to attach.
    pub(crate) database: Option<String>,
    /// SQL to run first.
    pub(crate) init_sql: Option<String>,
    /// DuckDB variables.
    pub(crate) variables: BTreeMap<String, String>,
    /// The table format.
    pub(crate) format: Format,
    /// What a run does to the version before it.
    pub(crate) mode: Mode,
    /// How a partitioned table goes live.
    pub(crate) strategy: Strategy,
    /// Partition columns, in order.
    pub(crate) partition_by: Vec<String>,
    /// Columns to sort rows by.
    pub(crate) sort_by: Vec<String>,
    /// Codec and level.
    pub(crate) compression: Compression,
    /// Rows in a row group.
    pub(crate) row_group_size: Option<u64>,
    /// The size at which a new file is begun, such as `256MiB`.
    pub(crate) target_file_size: Option<String>,
    /// The table's description.
    pub(crate) comment: Option<String>,
    /// Comments of columns.
    pub(crate) columns: BTreeMap<String, String>,
    /// Glue table parameters.
    pub(crate) properties: BTreeMap<String, String>,
}

impl SpecFile {
    /// Reads a spec file, and makes its `sql_file` relative to it.
    ///
    /// # Errors
    /// [`Kind::Usage`] with the place in the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .or_fail(Kind::Usage, || format!("reading the spec file {}", path.display()))?;
        let mut spec =
            Self::parse(&text).or_fail(Kind::Usage, || format!("the spec file {}", path.display()))?;
        if let (Some(file), Some(folder)) = (&spec.sql_file, path.parent()) {
            spec.sql_file = Some(folder.join(file));
        }
        Ok(spec)
    }

    fn parse(text: &str) -> Result<Self, anyhow::Error> {
        // Without the lines around the error: init_sql among them may hold secrets.
        let options = serde_saphyr::options! { with_snippet: false };
        let spec: Self =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| anyhow::anyhow!("{error}"))?;
        if let Some(name) = &spec.glue_table {
            // Documents may hold staged names, a spec may not.
            name.to_string().parse::<GlueName>()?;
        }
        anyhow::ensure!(spec.sql.is_none() || spec.sql_file.is_none(), "has both sql and sql_file: keep one");
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_holds_everything_that_describes_a_table() {
        let spec = SpecFile::parse(
            "table: s3://lake/orders\nglue_table: shop.orders\nsql: |\n  SELECT 1\npartition_by: [d]\n\
             compression: {codec: zstd, level: 6}\ntarget_file_size: 256MiB\ncolumns: {a: x}\nformat: hive\n",
        )
        .unwrap();
        assert_eq!(spec.sql.as_deref(), Some("SELECT 1\n"));
        assert_eq!(spec.compression.level, Some(6));
        assert_eq!(spec.partition_by, ["d"]);
    }

    #[test]
    fn a_misspelt_field_is_an_error_that_names_it() {
        let error = SpecFile::parse("partitions: [d]\n").unwrap_err().to_string();
        assert!(error.contains("partitions"), "{error}");
    }

    #[test]
    fn an_error_does_not_quote_the_lines_around_it() {
        let text = "init_sql: CREATE SECRET (SECRET 'planted')\npartitions: [d]\nsql: SELECT 1\n";
        let error = SpecFile::parse(text).unwrap_err().to_string();
        assert!(error.contains("partitions") && !error.contains("planted"), "{error}");
    }

    #[test]
    fn two_queries_are_one_too_many() {
        assert!(SpecFile::parse("sql: SELECT 1\nsql_file: a.sql\n").is_err());
    }

    #[test]
    fn an_empty_spec_is_no_error_as_flags_may_say_everything() {
        assert_eq!(SpecFile::parse("{}").unwrap(), SpecFile::default());
    }
}
