//! Partitions in batches: the answer is a success, and lists the items that failed.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Catalog;
use super::error::{GlueError, GlueResult};
use super::partitions::{find, shown};
use super::wire::{PartitionInput, check_batch, check_values};

const MAX_CREATE: usize = 100;
const MAX_UPDATE: usize = 100;
const MAX_DELETE: usize = 25;
const MAX_GET: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchCreatePartition {
    database_name: String,
    table_name: String,
    partition_input_list: Vec<PartitionInput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchUpdatePartition {
    database_name: String,
    table_name: String,
    entries: Vec<UpdateEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateEntry {
    partition_value_list: Vec<String>,
    partition_input: PartitionInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchDeletePartition {
    database_name: String,
    table_name: String,
    partitions_to_delete: Vec<Values>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetPartition {
    database_name: String,
    table_name: String,
    partitions_to_get: Vec<Values>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Values {
    values: Vec<String>,
}

impl Catalog {
    pub(super) fn batch_create_partition(&self, request: BatchCreatePartition) -> GlueResult<Value> {
        check_batch("partitionInputList", request.partition_input_list.len(), MAX_CREATE)?;
        request.partition_input_list.iter().try_for_each(PartitionInput::check)?;
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &request.table_name)?;
        let mut errors = Vec::new();
        for input in request.partition_input_list {
            let values = input.values.clone();
            collect(&mut errors, "PartitionValues", &values, self.add_partition(table, input))?;
        }
        Ok(json!({ "Errors": errors }))
    }

    pub(super) fn batch_update_partition(&self, request: BatchUpdatePartition) -> GlueResult<Value> {
        check_batch("entries", request.entries.len(), MAX_UPDATE)?;
        for entry in &request.entries {
            check_values(&entry.partition_value_list)?;
            entry.partition_input.check()?;
        }
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &request.table_name)?;
        let mut errors = Vec::new();
        for entry in request.entries {
            let values = &entry.partition_value_list;
            let replaced = self.replace_partition(table, values, entry.partition_input);
            collect(&mut errors, "PartitionValueList", values, replaced)?;
        }
        Ok(json!({ "Errors": errors }))
    }

    pub(super) fn batch_delete_partition(&self, request: BatchDeletePartition) -> GlueResult<Value> {
        check_batch("partitionsToDelete", request.partitions_to_delete.len(), MAX_DELETE)?;
        request.partitions_to_delete.iter().try_for_each(|item| check_values(&item.values))?;
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &request.table_name)?;
        let mut errors = Vec::new();
        for Values { values } in request.partitions_to_delete {
            collect(&mut errors, "PartitionValues", &values, self.remove_partition(table, &values))?;
        }
        Ok(json!({ "Errors": errors }))
    }

    /// Partitions that do not exist are left out of the answer.
    pub(super) fn batch_get_partition(&self, request: &BatchGetPartition) -> GlueResult<Value> {
        check_batch("partitionsToGet", request.partitions_to_get.len(), MAX_GET)?;
        let databases = self.databases();
        let table = databases.table(&request.database_name, &request.table_name)?;
        let found = request.partitions_to_get.iter().filter_map(|item| find(table, &item.values).ok());
        let shown = found.map(|partition| shown(table, partition, true)).collect::<GlueResult<Vec<_>>>()?;
        Ok(json!({ "Partitions": shown, "UnprocessedKeys": [] }))
    }
}

/// Lists an item that failed. A failure of the lake itself fails the whole batch.
fn collect(
    errors: &mut Vec<Value>,
    member: &str,
    values: &[String],
    done: Result<(), GlueError>,
) -> GlueResult<()> {
    match done {
        Err(error) if error.status.is_client_error() => {
            errors.push(json!({ member: values, "ErrorDetail": error.detail() }));
            Ok(())
        }
        other => other,
    }
}
