//! What the catalog holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::error::{GlueError, GlueResult};
use super::wire::{PartitionInput, TableInput};
use crate::options::ACCOUNT_ID;
use crate::storage::Id;

/// Every database, by name.
#[derive(Clone, Default)]
pub(crate) struct Databases(pub(crate) BTreeMap<String, Database>);

#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) record: Id,
    pub(crate) kept: KeptDatabase,
    pub(crate) tables: BTreeMap<String, Table>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptDatabase {
    pub(crate) name: String,
    pub(crate) created: jiff::Timestamp,
    /// The other members of `DatabaseInput`, as they came.
    pub(crate) input: Map<String, Value>,
}

#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) record: Id,
    pub(crate) kept: KeptTable,
    /// Earlier versions, by number.
    pub(crate) archived: BTreeMap<u64, ArchivedVersion>,
    pub(crate) partitions: BTreeMap<Vec<String>, Partition>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptTable {
    pub(crate) database: String,
    pub(crate) state: TableState,
    /// Column statistics by column, as they came.
    pub(crate) statistics: BTreeMap<String, Value>,
}

/// One version of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TableState {
    pub(crate) version: u64,
    pub(crate) created: jiff::Timestamp,
    pub(crate) updated: jiff::Timestamp,
    pub(crate) input: TableInput,
}

#[derive(Clone)]
pub(crate) struct ArchivedVersion {
    pub(crate) record: Id,
    pub(crate) state: TableState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptArchivedVersion {
    /// The record of the table.
    pub(crate) table: Id,
    pub(crate) state: TableState,
}

#[derive(Clone)]
pub(crate) struct Partition {
    pub(crate) record: Id,
    pub(crate) kept: KeptPartition,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptPartition {
    /// The record of the table.
    pub(crate) table: Id,
    pub(crate) created: jiff::Timestamp,
    pub(crate) input: PartitionInput,
}

impl Databases {
    pub(crate) fn database(&self, name: &str) -> GlueResult<&Database> {
        self.0.get(&name.to_lowercase()).ok_or_else(|| no_database(name))
    }

    pub(crate) fn database_mut(&mut self, name: &str) -> GlueResult<&mut Database> {
        self.0.get_mut(&name.to_lowercase()).ok_or_else(|| no_database(name))
    }

    pub(crate) fn table(&self, database: &str, table: &str) -> GlueResult<&Table> {
        let tables = &self.database(database)?.tables;
        tables.get(&table.to_lowercase()).ok_or_else(|| no_table(table))
    }

    pub(crate) fn table_mut(&mut self, database: &str, table: &str) -> GlueResult<&mut Table> {
        let tables = &mut self.database_mut(database)?.tables;
        tables.get_mut(&table.to_lowercase()).ok_or_else(|| no_table(table))
    }
}

impl KeptDatabase {
    pub(crate) fn shown(&self) -> Value {
        let mut shown = self.input.clone();
        shown.insert("Name".to_owned(), json!(self.name));
        shown.insert("CreateTime".to_owned(), json!(epoch_seconds(self.created)));
        shown.insert("CatalogId".to_owned(), json!(ACCOUNT_ID));
        Value::Object(shown)
    }
}

impl TableState {
    pub(crate) fn shown(&self, database: &str) -> GlueResult<Value> {
        let mut shown = shown(&self.input)?;
        for (name, value) in [
            ("DatabaseName", json!(database)),
            ("CreateTime", json!(epoch_seconds(self.created))),
            ("UpdateTime", json!(epoch_seconds(self.updated))),
            ("CreatedBy", json!(format!("arn:aws:iam::{ACCOUNT_ID}:user/local"))),
            ("IsRegisteredWithLakeFormation", json!(false)),
            ("CatalogId", json!(ACCOUNT_ID)),
            ("VersionId", json!(self.version.to_string())),
        ] {
            shown.insert(name.to_owned(), value);
        }
        Ok(Value::Object(shown))
    }
}

impl KeptPartition {
    /// The partition as an answer shows it, with or without its columns.
    pub(crate) fn shown(&self, database: &str, table: &str, with_columns: bool) -> GlueResult<Value> {
        let mut shown = shown(&self.input)?;
        if let Some(Value::Object(descriptor)) = shown.get_mut("StorageDescriptor")
            && !with_columns
        {
            descriptor.remove("Columns");
        }
        shown.insert("DatabaseName".to_owned(), json!(database));
        shown.insert("TableName".to_owned(), json!(table));
        shown.insert("CreationTime".to_owned(), json!(epoch_seconds(self.created)));
        shown.insert("CatalogId".to_owned(), json!(ACCOUNT_ID));
        Ok(Value::Object(shown))
    }
}

fn shown<T: Serialize>(input: &T) -> GlueResult<Map<String, Value>> {
    match serde_json::to_value(input) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(other) => Err(GlueError::serialization(format!("{other} is no structure"))),
        Err(error) => Err(GlueError::serialization(error.to_string())),
    }
}

/// A time as AWS JSON 1.1 has it. Glue keeps whole seconds.
#[expect(clippy::cast_precision_loss, reason = "seconds fit a double for 285 million years")]
fn epoch_seconds(time: jiff::Timestamp) -> f64 {
    time.as_second() as f64
}

pub(crate) fn no_database(name: &str) -> GlueError {
    GlueError::not_found(format!("Database {} not found.", name.to_lowercase()))
}

pub(crate) fn no_table(name: &str) -> GlueError {
    GlueError::not_found(format!("Table {} not found.", name.to_lowercase()))
}
