//! The spec file: what describes a table and its query, in YAML. Apart from `write`, so that its parser can be tried
//! with any text without a database.
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
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use lakeward_manifest::{
    Codec, Compression, CompressionError, Format, GlueName, Mode, NameError, Strategy, TableRoot,
};
use lakeward_outcome::{Classify, Kind};
use serde::Deserialize;

/// A spec that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("the spec file {} cannot be read (--spec)", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no spec.
    #[error("the spec file {}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ParseError,
    },
}

impl Classify for SpecError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

/// A text that is no spec.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not YAML, or not the fields of a spec; what the parser says, without the lines around it.
    #[error("{0}")]
    Yaml(String),
    /// A name that a staged table could have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Two queries.
    #[error("has both sql and sql_file: keep one")]
    TwoQueries,
}

/// The spec file. A field that is not known is an error, as it is most likely a misspelt one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpecFile {
    /// The S3 prefix that the table owns.
    pub table: Option<TableRoot>,
    /// The live table in Glue, `database.table`.
    pub glue_table: Option<GlueName>,
    /// The query.
    pub sql: Option<String>,
    /// A file with the query, relative to the spec file.
    pub sql_file: Option<PathBuf>,
    /// A DuckDB database to attach.
    pub database: Option<String>,
    /// SQL to run first.
    pub init_sql: Option<String>,
    /// DuckDB variables.
    pub variables: BTreeMap<String, String>,
    /// The table format.
    pub format: Format,
    /// What a run does to the version before it.
    pub mode: Mode,
    /// How a partitioned table goes live.
    pub strategy: Strategy,
    /// Partition columns, in order.
    pub partition_by: Vec<String>,
    /// Columns to sort rows by.
    pub sort_by: Vec<String>,
    /// Codec and level.
    pub compression: CompressionField,
    /// Rows in a row group.
    pub row_group_size: Option<NonZeroU64>,
    /// The size at which a new file is begun, such as `256MiB`.
    pub target_file_size: Option<String>,
    /// The table's description.
    pub comment: Option<String>,
    /// Comments of columns.
    pub columns: BTreeMap<String, String>,
    /// Glue table parameters.
    pub properties: BTreeMap<String, String>,
}

/// Codec and level, as a spec has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompressionField {
    /// The codec.
    pub codec: Codec,
    /// Zstandard's level.
    pub level: Option<u8>,
}

impl CompressionField {
    /// The compression with other values from the command line. A level belongs to the codec that it is given with.
    ///
    /// # Errors
    /// The codec does not have the level.
    pub fn or(self, codec: Option<Codec>, level: Option<u8>) -> Result<Compression, CompressionError> {
        let kept = if codec.is_none_or(|codec| codec == self.codec) { self.level } else { None };
        Compression::new(codec.unwrap_or(self.codec), level.or(kept))
    }
}

impl SpecFile {
    /// Reads a spec file, and makes its `sql_file` relative to it.
    ///
    /// # Errors
    /// [`SpecError`], with the place in the file.
    pub fn read(path: &Path) -> Result<Self, SpecError> {
        let unreadable = |source| SpecError::Unreadable { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let wrong = |source| SpecError::Wrong { path: path.to_owned(), source };
        let mut spec: Self = text.parse().map_err(wrong)?;
        if let (Some(file), Some(folder)) = (&spec.sql_file, path.parent()) {
            spec.sql_file = Some(folder.join(file));
        }
        Ok(spec)
    }
}

impl FromStr for SpecFile {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        // Without the lines around the error: init_sql among them may hold secrets.
        let options = serde_saphyr::options! { with_snippet: false };
        let spec: Self = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| ParseError::Yaml(error.to_string()))?;
        if let Some(name) = &spec.glue_table {
            // Documents may hold staged names, a spec may not.
            name.to_string().parse::<GlueName>()?;
        }
        if spec.sql.is_some() && spec.sql_file.is_some() {
            return Err(ParseError::TwoQueries);
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SpecFile, ParseError> {
        text.parse()
    }

    #[test]
    fn a_spec_holds_everything_that_describes_a_table() {
        let spec = parse(
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
        let error = parse("partitions: [d]\n").unwrap_err().to_string();
        assert!(error.contains("partitions"), "{error}");
    }

    #[test]
    fn a_misspelt_field_of_a_field_is_an_error_too() {
        let error = parse("compression: {codec: zstd, levle: 9}\n").unwrap_err().to_string();
        assert!(error.contains("levle"), "{error}");
        assert!(parse("row_group_size: 0\n").is_err());
    }

    #[test]
    fn a_level_goes_with_the_codec_that_it_was_given_with() {
        let spec = CompressionField { codec: Codec::Zstd, level: Some(9) };
        assert_eq!(spec.or(None, None), Compression::new(Codec::Zstd, Some(9)));
        assert_eq!(spec.or(None, Some(3)), Compression::new(Codec::Zstd, Some(3)));
        assert_eq!(spec.or(Some(Codec::Snappy), None), Compression::new(Codec::Snappy, None));
    }

    #[test]
    fn an_error_does_not_quote_the_lines_around_it() {
        let text = "init_sql: CREATE SECRET (SECRET 'planted')\npartitions: [d]\nsql: SELECT 1\n";
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains("partitions") && !error.contains("planted"), "{error}");
    }

    #[test]
    fn two_queries_are_one_too_many() {
        assert!(parse("sql: SELECT 1\nsql_file: a.sql\n").is_err());
    }

    #[test]
    fn the_page_of_write_explains_every_field() {
        let page = std::fs::read_to_string("../../docs/steps/write.md").unwrap();
        let error = parse("no_such_field: 1\n").unwrap_err().to_string();
        let (_, known) = error.split_once("expected one of ").unwrap();
        let fields: Vec<&str> = known.split(" at ").next().unwrap().split(", ").collect();
        assert!(fields.len() > 10 && fields.contains(&"sort_by"), "{error}");
        for field in fields {
            assert!(page.contains(&format!("\n| `{field}` |")), "docs/steps/write.md lacks {field}");
        }
    }

    #[test]
    fn an_empty_spec_is_no_error_as_flags_may_say_everything() {
        assert_eq!(parse("{}").unwrap(), SpecFile::default());
    }
}
