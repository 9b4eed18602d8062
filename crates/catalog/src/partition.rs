//! A partition of a table.

use std::collections::BTreeMap;

use aws_sdk_glue::types as glue;

use crate::definition::{empty_storage, same_columns};
use crate::parquet;
use crate::types::Column;

/// A partition: Parquet files in a folder of their own. Belongs wholly to the run that registered it,
/// so it is replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// One value for each partition key, unescaped.
    pub values: Vec<String>,
    /// `s3://bucket/prefix/dt=.../`, escaped as the key is, with one closing slash.
    pub location: String,
    /// The columns that the files hold, as in the table: engines compare them.
    pub columns: Vec<Column>,
    /// The parameters, such as `numRows`.
    pub parameters: BTreeMap<String, String>,
}

/// Where a partition lies, without all that describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionPlace {
    /// One value for each partition key, unescaped.
    pub values: Vec<String>,
    /// Its Location; `None` for one that has none, which some tools register.
    pub location: Option<String>,
}

/// A partition as the catalog has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredPartition {
    /// The parts that Lakeward compares.
    pub partition: Partition,
    /// Whether it is read as Parquet.
    is_parquet: bool,
}

impl RegisteredPartition {
    /// Whether nothing need be done to make it `wanted`. Parameters that `wanted` does not mention, and
    /// comments, may differ.
    pub fn is(&self, wanted: &Partition) -> bool {
        let Partition { values, location, columns, parameters } = &self.partition;
        let same_parameters =
            || wanted.parameters.iter().all(|(name, value)| parameters.get(name) == Some(value));
        self.is_parquet
            && *values == wanted.values
            && *location == wanted.location
            && same_columns(columns, &wanted.columns)
            && same_parameters()
    }
}

impl From<glue::Partition> for RegisteredPartition {
    fn from(partition: glue::Partition) -> Self {
        let storage = partition.storage_descriptor.unwrap_or_else(empty_storage);
        let is_parquet = parquet::formats(&storage) == parquet::formats(&parquet_storage());
        Self {
            is_parquet,
            partition: Partition {
                values: partition.values.unwrap_or_default(),
                location: storage.location.unwrap_or_default(),
                columns: storage.columns.unwrap_or_default().iter().map(Column::from).collect(),
                parameters: partition.parameters.unwrap_or_default().into_iter().collect(),
            },
        }
    }
}

impl Partition {
    pub(crate) fn to_glue(&self) -> Result<glue::PartitionInput, aws_sdk_glue::error::BuildError> {
        let mut storage = parquet_storage();
        let columns = self.columns.iter().map(|column| column.to_glue().build());
        storage.columns = Some(columns.collect::<Result<_, _>>()?);
        storage.location = Some(self.location.clone());
        let input = glue::PartitionInput::builder().set_values(Some(self.values.clone()));
        let parameters = self.parameters.clone().into_iter().collect();
        Ok(input.storage_descriptor(storage).set_parameters(Some(parameters)).build())
    }
}

fn parquet_storage() -> glue::StorageDescriptor {
    let mut storage = empty_storage();
    parquet::describe(&mut storage);
    storage
}
