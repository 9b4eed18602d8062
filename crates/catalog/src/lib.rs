//! AWS Glue as Lakeward uses it: tables changed by compare-and-swap, partitions in batches.
//!
//! Nothing of the SDK leaks out. What a table holds beyond the parts that Lakeward edits travels
//! unseen inside [`TableDefinition`] and is put back as it was read. An outcome that is not known is
//! settled by reading back, or returned as [`CatalogError::Unsettled`]; it is never guessed.

mod batches;
mod client;
pub mod converge;
mod definition;
mod error;
mod live;
mod operations;
mod parquet;
mod partition;
mod partitions;
pub mod run_table;
mod tables;
mod types;
mod versions;

pub use batches::{PartitionFailure, Report};
pub use client::Catalog;
pub use definition::TableDefinition;
pub use error::CatalogError;
pub use live::{LiveError, LiveTable};
pub use partition::{Partition, PartitionPlace, RegisteredPartition};
pub use tables::{Create, Update};
pub use types::{Column, GlueVersion, Table, TableName};
pub use versions::{DeletedVersions, TableVersion, VersionFailure};

#[cfg(test)]
mod testing;
