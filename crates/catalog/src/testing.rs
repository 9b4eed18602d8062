//! What this crate's tests share.

use aws_sdk_glue::types as glue;
use lakeward_aws::testing::{Script, caller};
use serde_json::{Value, json};

use crate::{Catalog, Column, Partition, RegisteredPartition, TableName};

/// A catalog whose every call goes to `script`.
pub(crate) fn catalog(script: &Script) -> Catalog {
    Catalog::open(&script.config(), None, caller()).unwrap()
}

pub(crate) fn orders() -> TableName {
    TableName::new("lake", "orders")
}

/// A partition of one value, with a column and a statistic.
pub(crate) fn partition(value: &str) -> Partition {
    let id = Column { name: "id".into(), glue_type: "bigint".into(), comment: None };
    Partition {
        values: vec![value.to_owned()],
        location: format!("s3://lake/orders/dt={value}/"),
        columns: vec![id],
        parameters: [("numRows".to_owned(), "42".to_owned())].into(),
    }
}

/// The partition as the catalog has it once it is registered.
pub(crate) fn registered(partition: &Partition) -> RegisteredPartition {
    let input = partition.to_glue().unwrap();
    let stored = glue::Partition::builder()
        .set_values(input.values)
        .set_storage_descriptor(input.storage_descriptor)
        .set_parameters(input.parameters);
    RegisteredPartition::from(stored.build())
}

/// The partition as `GetPartitions` answers with it.
pub(crate) fn listed(partition: &Partition) -> Value {
    let columns: Vec<_> = partition
        .columns
        .iter()
        .map(|column| json!({ "Name": column.name, "Type": column.glue_type }))
        .collect();
    let storage = partition.to_glue().unwrap().storage_descriptor.unwrap();
    let serde = storage.serde_info.unwrap().serialization_library;
    json!({
        "Values": partition.values,
        "Parameters": partition.parameters,
        "StorageDescriptor": {
            "Location": partition.location,
            "Columns": columns,
            "InputFormat": storage.input_format,
            "OutputFormat": storage.output_format,
            "SerdeInfo": { "SerializationLibrary": serde },
        },
    })
}
