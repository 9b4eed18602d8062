//! The Glue side: a Data Catalog with databases, tables, their versions and partitions.
//!
//! The protocol is AWS JSON 1.1: a POST to `/` whose `x-amz-target` header is `AWSGlue.<operation>`.

pub(crate) mod batch_errors;
mod databases;
mod error;
mod expression;
mod load;
mod model;
mod paging;
mod partition_batches;
mod partitions;
mod signature;
mod table_versions;
mod tables;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

pub(crate) use self::error::{GlueError, GlueResult};
use self::model::Databases;
pub(crate) use self::signature::{access_key_id, check as check_signature};
use self::wire::parse;
use crate::options::{ACCOUNT_ID, Clock};
use crate::storage::Store;

/// What the `x-amz-target` header of a Glue request begins with.
pub(crate) const TARGET_PREFIX: &str = "AWSGlue.";

/// Everything that the Glue side holds.
pub(crate) struct Catalog {
    store: Arc<Store>,
    databases: Mutex<Databases>,
    clock: Clock,
}

impl Catalog {
    pub(crate) fn open(store: Arc<Store>, clock: Clock) -> std::io::Result<Self> {
        let databases = Mutex::new(load::databases(&store)?);
        Ok(Self { store, databases, clock })
    }

    /// The same databases and tables as of now, kept in `store`.
    pub(crate) fn fork(&self, store: Arc<Store>, clock: Clock) -> Self {
        Self { store, databases: Mutex::new(self.databases().clone()), clock }
    }

    fn databases(&self) -> MutexGuard<'_, Databases> {
        crate::lock(&self.databases)
    }

    fn now(&self) -> jiff::Timestamp {
        (self.clock)()
    }

    /// Carries out one operation.
    pub(crate) fn call(&self, operation: &str, body: Value) -> GlueResult<Value> {
        check_catalog(&body)?;
        match operation {
            "CreateDatabase" => self.create_database(parse(body)?),
            "GetDatabase" => self.get_database(&parse(body)?),
            "GetDatabases" => self.get_databases(&parse(body)?),
            "DeleteDatabase" => self.delete_database(&parse(body)?),
            "CreateTable" => self.create_table(parse(body)?),
            "GetTable" => self.get_table(&parse(body)?),
            "GetTables" => self.get_tables(&parse(body)?),
            "UpdateTable" => self.update_table(parse(body)?),
            "DeleteTable" => self.delete_table(&parse(body)?),
            "BatchDeleteTable" => self.batch_delete_table(&parse(body)?),
            "GetTableVersion" => self.get_table_version(&parse(body)?),
            "GetTableVersions" => self.get_table_versions(&parse(body)?),
            "DeleteTableVersion" => self.delete_table_version(&parse(body)?),
            "BatchDeleteTableVersion" => self.batch_delete_table_version(&parse(body)?),
            "GetColumnStatisticsForTable" => self.get_column_statistics(&parse(body)?),
            "UpdateColumnStatisticsForTable" => self.update_column_statistics(parse(body)?),
            "CreatePartition" => self.create_partition(parse(body)?),
            "GetPartition" => self.get_partition(&parse(body)?),
            "GetPartitions" => self.get_partitions(&parse(body)?),
            "UpdatePartition" => self.update_partition(parse(body)?),
            "DeletePartition" => self.delete_partition(&parse(body)?),
            "BatchCreatePartition" => self.batch_create_partition(parse(body)?),
            "BatchGetPartition" => self.batch_get_partition(&parse(body)?),
            "BatchUpdatePartition" => self.batch_update_partition(parse(body)?),
            "BatchDeletePartition" => self.batch_delete_partition(parse(body)?),
            other => Err(GlueError::unknown_operation(other)),
        }
    }
}

fn check_catalog(body: &Value) -> GlueResult<()> {
    match body.get("CatalogId").and_then(Value::as_str) {
        Some(id) if id != ACCOUNT_ID => Err(GlueError::not_found(format!("Catalog {id} not found."))),
        _ => Ok(()),
    }
}

/// The answer of an operation that has nothing to tell.
fn nothing() -> Value {
    json!({})
}
