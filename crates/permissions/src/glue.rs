//! The Glue operations in use. Each needs its actions on the table and on its database and catalog.
//!
//! Sources: "Actions, resources, and condition keys for AWS Glue" in the Service Authorization Reference, and "Specifying AWS
//! Glue resource ARNs" in the Glue Developer Guide: an action on a resource needs it on all ancestors too.

use crate::operation::{Operation, always};

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $api:literal needs $($action:literal),+;)+) => {
        $($(#[$doc])* pub const $name: Operation = Operation { name: $api, needs: &[$(always($action)),+] };)+

        /// All of them.
        pub const OPERATIONS: &[Operation] = &[$($name),+];
    };
}

operations! {
    /// Finds a database.
    GET_DATABASE = "GetDatabase" needs "glue:GetDatabase";
    /// Lists databases.
    GET_DATABASES = "GetDatabases" needs "glue:GetDatabases";
    /// Finds a table.
    GET_TABLE = "GetTable" needs "glue:GetTable";
    /// Lists tables.
    GET_TABLES = "GetTables" needs "glue:GetTables";
    /// Creates a table.
    CREATE_TABLE = "CreateTable" needs "glue:CreateTable";
    /// Changes a table.
    UPDATE_TABLE = "UpdateTable" needs "glue:UpdateTable";
    /// Drops a table.
    DELETE_TABLE = "DeleteTable" needs "glue:DeleteTable";
    /// Lists archived versions of a table.
    GET_TABLE_VERSIONS = "GetTableVersions" needs "glue:GetTableVersions";
    /// Deletes archived versions of a table.
    BATCH_DELETE_TABLE_VERSION = "BatchDeleteTableVersion" needs
        "glue:BatchDeleteTableVersion", "glue:DeleteTableVersion";
    /// Lists partitions.
    GET_PARTITIONS = "GetPartitions" needs "glue:GetPartitions";
    /// Creates partitions.
    BATCH_CREATE_PARTITION = "BatchCreatePartition" needs "glue:BatchCreatePartition";
    /// Changes partitions.
    BATCH_UPDATE_PARTITION = "BatchUpdatePartition" needs "glue:BatchUpdatePartition";
    /// Deletes partitions.
    BATCH_DELETE_PARTITION = "BatchDeletePartition" needs "glue:BatchDeletePartition";
}

/// The operation of this name.
pub fn named(name: &str) -> Option<Operation> {
    OPERATIONS.iter().copied().find(|operation| operation.name == name)
}
