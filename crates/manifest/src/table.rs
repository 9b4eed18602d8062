//! What a table is to be: the resolved spec that `write` puts into the manifest.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::compression::Compression;
use crate::ids::RunId;
use crate::root::TableRoot;

/// The value by which Hive, Glue and every reader know a NULL partition value.
pub const HIVE_NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// The longest name of a Glue database, table or column, in bytes.
pub const MAX_NAME_LENGTH: usize = 255;

/// A Glue name that not every reader takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `database.table`.
    #[error("{0:?} is not of the form database.table")]
    Form(String),
    /// Characters beyond what Athena takes.
    #[error(
        "{0:?} cannot be a Glue name: use lowercase letters, digits and '_', starting with a letter or '_'"
    )]
    Characters(String),
    /// A name that staged tables have.
    #[error("{0:?} is named like a staged table of lakeward's own: choose another name")]
    Staged(String),
    /// The staged table's name is the live one's and a suffix, and must fit too.
    #[error(
        "table name {name:?} is too long: at most {max} characters, to leave room for the staged tables' suffix"
    )]
    TooLong {
        /// The name as given.
        name: String,
        /// The longest that is possible.
        max: usize,
    },
}

/// A Glue database and table: both lowercase `[a-z0-9_]`, so that every reader takes them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct GlueName {
    database: String,
    table: String,
}

impl GlueName {
    /// What follows the live table's name in a staged table's.
    pub const STAGED: &str = "__lakeward_";
    /// `__lakeward_2026_05_19_060000_0a1b2c3d`
    const SUFFIX_LENGTH: usize = Self::STAGED.len() + "2026_05_19_060000_0a1b2c3d".len();

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The table.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The staged table that shows `run` of this live table.
    #[must_use]
    pub fn staged(&self, run: &RunId) -> Self {
        let table = format!("{}{}{}", self.table, Self::STAGED, run.as_name());
        Self { database: self.database.clone(), table }
    }

    /// Whether `table` is named as a staged table of this live table.
    pub fn is_staged_name(&self, table: &str) -> bool {
        table.strip_prefix(&self.table).is_some_and(|rest| rest.starts_with(Self::STAGED))
    }
}

fn split_name(text: &str) -> Result<(&str, &str), NameError> {
    let (database, table) = text.split_once('.').ok_or_else(|| NameError::Form(text.into()))?;
    for name in [database, table] {
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !plain || name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
            return Err(NameError::Characters(name.into()));
        }
    }
    Ok((database, table))
}

impl FromStr for GlueName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (database, table) = split_name(text)?;
        if table.contains(Self::STAGED) {
            return Err(NameError::Staged(table.into()));
        }
        let max = MAX_NAME_LENGTH - Self::SUFFIX_LENGTH;
        if let Some(name) = [database, table].into_iter().find(|name| name.len() > max) {
            return Err(NameError::TooLong { name: name.into(), max });
        }
        Ok(Self { database: database.into(), table: table.into() })
    }
}

impl TryFrom<String> for GlueName {
    type Error = NameError;

    /// Documents also carry staged names, which are longer than a live table's may be.
    fn try_from(text: String) -> Result<Self, NameError> {
        let (database, table) = split_name(&text)?;
        if table.contains(Self::STAGED) && table.len() <= MAX_NAME_LENGTH {
            return Ok(Self { database: database.into(), table: table.into() });
        }
        text.parse()
    }
}

impl From<GlueName> for String {
    fn from(name: GlueName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for GlueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// The table format of the published files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// Parquet files in Hive-style folders, known to Glue by Location.
    #[default]
    Hive,
}

/// What a run does to the version before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Mode {
    /// The run is the whole table; it replaces the version before it.
    #[default]
    Replace,
}

/// How a partitioned table goes live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Strategy {
    /// The live table's partitions are moved to the run's, batch by batch: atomic for each partition.
    #[default]
    Catalog,
}

/// DuckDB's own default.
const fn default_row_group_size() -> u64 {
    122_880
}

/// 256 MiB: large enough for a reader's requests to be few, small enough for several readers to share a table.
const fn default_target_file_size() -> u64 {
    256 << 20
}

/// Everything about the table that does not depend on the run. Later steps read it from the manifest, so that
/// they need no argument but the manifest's URI.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TableSpec {
    /// The S3 prefix that owns the table.
    pub root: TableRoot,
    /// The live table's name in Glue.
    pub glue: GlueName,
    /// The table format.
    #[serde(default)]
    pub format: Format,
    /// What a run does to the version before it.
    #[serde(default)]
    pub mode: Mode,
    /// How a partitioned table goes live.
    #[serde(default)]
    pub strategy: Strategy,
    /// Partition columns, in order, folded to lowercase.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<String>,
    /// Columns that rows are sorted by within their files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort_by: Vec<String>,
    /// Codec and level of the Parquet files.
    #[serde(default)]
    pub compression: Compression,
    /// Rows in a Parquet row group.
    #[serde(default = "default_row_group_size")]
    pub row_group_size: u64,
    /// A new file is begun when one has reached about this many bytes.
    #[serde(default = "default_target_file_size")]
    pub target_file_size: u64,
    /// The table's description in Glue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Comments of columns, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub column_comments: BTreeMap<String, String>,
    /// Glue table parameters of the user's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl TableSpec {
    /// The spec of a table with every default.
    pub fn new(root: TableRoot, glue: GlueName) -> Self {
        Self {
            root,
            glue,
            format: Format::Hive,
            mode: Mode::Replace,
            strategy: Strategy::Catalog,
            partition_by: Vec::new(),
            sort_by: Vec::new(),
            compression: Compression::default(),
            row_group_size: default_row_group_size(),
            target_file_size: default_target_file_size(),
            comment: None,
            column_comments: BTreeMap::new(),
            properties: BTreeMap::new(),
            extra: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staged_table_is_named_after_its_run_and_known_as_one() {
        let live: GlueName = "analytics.orders".parse().unwrap();
        let staged = live.staged(&"2026-05-19-060000-0a1b2c3d".parse().unwrap());
        assert_eq!(staged.to_string(), "analytics.orders__lakeward_2026_05_19_060000_0a1b2c3d");
        assert!(live.is_staged_name(staged.table()));
        assert!(!live.is_staged_name("orders") && !live.is_staged_name("orders_eu__lakeward_x"));
        assert_eq!(GlueName::try_from(staged.to_string()), Ok(staged));
        assert!(GlueName::try_from("a.B __lakeward_c".to_owned()).is_err());
    }

    #[test]
    fn a_name_that_some_reader_refuses_is_refused() {
        for bad in ["orders", "a.b.c", "a.b__lakeward_c", "A.b", "a.B", "a.", ".b", "a.1b", "a.b-c", "a.ö"] {
            assert!(bad.parse::<GlueName>().is_err(), "{bad}");
        }
        assert!(format!("a.{}", "x".repeat(219)).parse::<GlueName>().is_err());
        assert!(format!("a.{}", "x".repeat(218)).parse::<GlueName>().is_ok());
    }
}
