//! What can go wrong with the catalog, and what to do about it.

use lakeward_aws::{AwsError, CallError};
use lakeward_outcome::{Classify, Kind};

use crate::{PartitionFailure, TableName};

/// An error of the catalog. Names the table, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The database does not exist.
    #[error(
        "glue database {database} does not exist: create it (aws glue create-database --database-input Name={database})"
    )]
    NoSuchDatabase {
        /// The database.
        database: String,
    },
    /// The table does not exist.
    #[error("glue table {table} does not exist, or was dropped meanwhile: run again")]
    NoSuchTable {
        /// The table.
        table: TableName,
    },
    /// The caller may not do this.
    #[error("access to {on} in glue is denied: allow {action} on the table, its database and the catalog")]
    Denied {
        /// The table or database.
        on: String,
        /// The IAM actions to allow.
        action: String,
        /// Glue's answer.
        source: Box<CallError>,
    },
    /// No connection to the endpoint.
    #[error("cannot reach {endpoint} for {on}: check AWS_ENDPOINT_URL and the network")]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// The table or database.
        on: String,
        /// What the connection said.
        source: Box<CallError>,
    },
    /// A change may or may not have been applied, and reading back did not tell.
    #[error("it is not known whether {operation} on {table} was applied ({why}): run the same command again")]
    Unsettled {
        /// The operation.
        operation: &'static str,
        /// The table.
        table: TableName,
        /// Why reading back did not tell.
        why: String,
    },
    /// Glue refused some partitions of a batch.
    #[error("glue refused {count} partitions of {table}, the first of them {first}")]
    PartitionsRefused {
        /// The table.
        table: TableName,
        /// How many were refused.
        count: usize,
        /// The first of them, and why.
        first: Box<PartitionFailure>,
    },
    /// Glue answered in a way that it should not.
    #[error("glue's answer to {operation} on {on} {how}")]
    Malformed {
        /// The operation.
        operation: &'static str,
        /// The table or database.
        on: String,
        /// What is wrong with it.
        how: String,
    },
    /// Any other failed call.
    #[error("{on} in glue")]
    Call {
        /// The table or database.
        on: String,
        /// Glue's answer.
        source: Box<CallError>,
    },
    /// AWS is not configured.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Classify for CatalogError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoSuchDatabase { .. } | Self::Denied { .. } => Kind::Configuration,
            // Without it a step creates it, or says what is missing.
            Self::Unreachable { .. } | Self::NoSuchTable { .. } => Kind::Transient,
            Self::Unsettled { .. } => Kind::Unknown,
            Self::PartitionsRefused { first, .. } if first.is_denied() => Kind::Configuration,
            Self::PartitionsRefused { first, .. } if first.is_passing() || first.is_race() => Kind::Transient,
            Self::PartitionsRefused { .. } | Self::Malformed { .. } => Kind::Unexpected,
            Self::Call { source, .. } => source.kind(),
            Self::Aws(error) => error.kind(),
        }
    }
}
