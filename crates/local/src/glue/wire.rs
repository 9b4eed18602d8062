//! The shapes of Glue's requests that the catalog looks into. What it does not look into passes
//! through as it came.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{GlueError, GlueResult};

/// The largest length of a name, of a parameter's key and of a comment.
const MAX_NAME: usize = 255;
const MAX_DESCRIPTION: usize = 2048;
const MAX_LOCATION: usize = 2056;
const MAX_PARAMETER_VALUE: usize = 512_000;
const MAX_TYPE: usize = 131_072;
/// The largest length of a partition value.
const MAX_VALUE: usize = 1024;

/// What a client may say of a table, besides what [`TableInput`] names.
const TABLE_FIELDS: [&str; 9] = [
    "Description",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Owner",
    "TableType",
    "TargetTable",
    "ViewDefinition",
    "ViewExpandedText",
    "ViewOriginalText",
];

/// Reads a request's members.
pub(crate) fn parse<T: DeserializeOwned>(body: Value) -> GlueResult<T> {
    serde_json::from_value(body).map_err(|error| GlueError::serialization(error.to_string()))
}

/// A table as a client describes it and as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TableInput {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) partition_keys: Vec<Column>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) storage_descriptor: Option<StorageDescriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parameters: BTreeMap<String, String>,
    #[serde(default)]
    retention: i32,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A partition as a client describes it and as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PartitionInput {
    #[serde(default)]
    pub(crate) values: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) storage_descriptor: Option<StorageDescriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parameters: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_access_time: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_analyzed_time: Option<f64>,
}

/// Where and how the data lies. Glue fills in what is left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StorageDescriptor {
    #[serde(default)]
    pub(crate) columns: Vec<Column>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(default)]
    compressed: bool,
    #[serde(default)]
    number_of_buckets: i32,
    #[serde(default)]
    stored_as_sub_directories: bool,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// A column or a partition key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Column {
    pub(crate) name: String,
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<String, String>,
}

impl TableInput {
    /// Checks lengths, folds the name to lowercase, and drops what is not part of a description.
    pub(crate) fn checked(mut self) -> GlueResult<Self> {
        self.name = folded("tableInput.name", &self.name)?;
        self.rest.retain(|name, _| TABLE_FIELDS.contains(&name.as_str()));
        if let Some(Value::String(text)) = self.rest.get("Description") {
            at_most("tableInput.description", text, MAX_DESCRIPTION)?;
        }
        check_parameters(&self.parameters)?;
        self.partition_keys.iter().try_for_each(Column::check)?;
        self.storage_descriptor.iter().try_for_each(StorageDescriptor::check)?;
        Ok(self)
    }
}

impl PartitionInput {
    pub(crate) fn check(&self) -> GlueResult<()> {
        check_values(&self.values)?;
        check_parameters(&self.parameters)?;
        self.storage_descriptor.iter().try_for_each(StorageDescriptor::check)
    }
}

impl StorageDescriptor {
    fn check(&self) -> GlueResult<()> {
        at_most("storageDescriptor.location", self.location.as_deref().unwrap_or_default(), MAX_LOCATION)?;
        self.columns.iter().try_for_each(Column::check)
    }
}

impl Column {
    fn check(&self) -> GlueResult<()> {
        let name = &self.name;
        if name.is_empty() {
            return Err(GlueError::validation("a column's name must have length greater than or equal to 1"));
        }
        at_most("column.name", name, MAX_NAME)?;
        at_most(&format!("column {name}: type"), self.kind.as_deref().unwrap_or_default(), MAX_TYPE)?;
        at_most(&format!("column {name}: comment"), self.comment.as_deref().unwrap_or_default(), MAX_NAME)
    }
}

/// A partition's values: 1 to 1024 characters each.
pub(crate) fn check_values(values: &[String]) -> GlueResult<()> {
    for value in values {
        if value.is_empty() {
            let message = "a partition value must have length greater than or equal to 1";
            return Err(GlueError::validation(message));
        }
        at_most("partitionInput.values", value, MAX_VALUE)?;
    }
    Ok(())
}

/// Checks the number of items of a batch.
pub(crate) fn check_batch(member: &str, len: usize, limit: usize) -> GlueResult<()> {
    if len <= limit {
        return Ok(());
    }
    Err(GlueError::validation(format!(
        "1 validation error detected: value at '{member}' failed to satisfy constraint: \
         member must have length less than or equal to {limit}"
    )))
}

/// A database's or table's name as Glue keeps it: lowercase.
pub(crate) fn folded(member: &str, name: &str) -> GlueResult<String> {
    if name.is_empty() {
        return Err(GlueError::validation(format!("'{member}' must have length greater than or equal to 1")));
    }
    at_most(member, name, MAX_NAME)?;
    Ok(name.to_lowercase())
}

fn check_parameters(parameters: &BTreeMap<String, String>) -> GlueResult<()> {
    parameters.iter().try_for_each(|(key, value)| {
        at_most("parameter key", key, MAX_NAME)?;
        at_most(&format!("parameter {key}"), value, MAX_PARAMETER_VALUE)
    })
}

fn at_most(member: &str, text: &str, limit: usize) -> GlueResult<()> {
    if text.chars().count() <= limit {
        return Ok(());
    }
    Err(GlueError::validation(format!("'{member}' must have length less than or equal to {limit}")))
}
