//! What each step adds to the manifest.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{AttemptId, ExecutionId, RunId};
use crate::table::{GlueName, HIVE_NULL_PARTITION};

/// A column of the published table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Column {
    /// The folded name.
    pub name: String,
    /// The type in the files, as DuckDB writes it.
    pub duckdb_type: String,
    /// The type that readers see, as Glue and Hive write it.
    pub glue_type: String,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One value of a partition: text as Glue holds it, or NULL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct PartitionValue(pub Option<String>);

impl PartitionValue {
    /// The value as Glue and Hive hold it, NULL by its conventional name.
    pub fn as_glue(&self) -> &str {
        self.0.as_deref().unwrap_or(HIVE_NULL_PARTITION)
    }
}

/// One Parquet file of the run. Never changes once the manifest is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DataFile {
    /// The path below the run's Location, as in the key: `dt=2026-05-19/part-….parquet`.
    pub path: String,
    /// Rows in the file.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Bytes of the Parquet footer, without its length and the closing magic.
    pub footer_bytes: u64,
    /// CRC64NVME of the whole file in base64, as S3 has it.
    pub crc64nvme: String,
    /// Partition values in the order of `partition_by`; empty when the table has no partitions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition: Vec<PartitionValue>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl DataFile {
    /// The folder of the file below the run's Location, with its closing slash; empty without partitions.
    pub fn folder(&self) -> &str {
        self.path.rfind('/').map_or("", |slash| self.path.get(..=slash).unwrap_or(""))
    }
}

/// `write`: what was written. Present once the manifest is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Written {
    /// The attempt whose files these are.
    pub attempt: AttemptId,
    /// When it was sealed.
    pub at: Timestamp,
    /// Where the files lie, ending in a slash.
    pub location: String,
    /// Columns that are in the files, in order.
    pub columns: Vec<Column>,
    /// Columns that are in the folders, in the order of `partition_by`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_columns: Vec<Column>,
    /// Every file.
    pub files: Vec<DataFile>,
    /// Rows in all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `register`: the staged table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Registration {
    /// When it was complete.
    pub at: Timestamp,
    /// The staged table.
    pub staged: GlueName,
    /// Its number of partitions.
    pub partitions: u64,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One gate, or one of the user's SQL checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CheckResult {
    /// What was checked.
    pub name: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was seen, for a person.
    pub detail: String,
    /// Rows that offend, for a SQL check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offending: Option<u64>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `verify`: what was proven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verification {
    /// When it ended.
    pub at: Timestamp,
    /// Whether every check holds.
    pub passed: bool,
    /// Files whose size, checksum and footer were compared.
    pub files: u64,
    /// The gates and the user's checks.
    pub checks: Vec<CheckResult>,
    /// What S3 or Glue hold otherwise than the manifest says; at most a few hundred lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A swap that has begun. While it stands, gc leaves the run alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PublishIntent {
    /// When it began.
    pub at: Timestamp,
    /// Who began it.
    pub execution: ExecutionId,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The run went live, once for the swap and once more for each rollback to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Publication {
    /// When the live table first showed the run.
    pub at: Timestamp,
    /// The run that was live before, if one was.
    pub replaced: Option<RunId>,
    /// Whether this was a rollback (`--to`).
    #[serde(default)]
    pub rollback: bool,
    /// Milliseconds between the first and the last change that readers could see; none when another execution
    /// made the change and this one found it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u64>,
    /// Calls to Glue in that window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_calls: Option<u64>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// `swap`: when and how the run went live.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SwapSection {
    /// A swap that has begun and is not known to have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<PublishIntent>,
    /// Every time the run went live, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<Publication>,
    /// SQL of a DuckDB view over the published files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_sql: Option<String>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Why and when the run ended without, or after, being published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct End {
    /// When it was decided.
    pub at: Timestamp,
    /// For a person.
    pub reason: String,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
