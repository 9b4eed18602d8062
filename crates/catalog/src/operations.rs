//! The Glue operations in use. Each needs the IAM action of the same name, on the table and on its
//! database and catalog.

pub(crate) const GET_DATABASE: &str = "GetDatabase";
pub(crate) const GET_DATABASES: &str = "GetDatabases";
pub(crate) const GET_TABLE: &str = "GetTable";
pub(crate) const GET_TABLES: &str = "GetTables";
pub(crate) const CREATE_TABLE: &str = "CreateTable";
pub(crate) const UPDATE_TABLE: &str = "UpdateTable";
pub(crate) const DELETE_TABLE: &str = "DeleteTable";
pub(crate) const GET_TABLE_VERSIONS: &str = "GetTableVersions";
pub(crate) const BATCH_DELETE_TABLE_VERSION: &str = "BatchDeleteTableVersion";
pub(crate) const GET_PARTITIONS: &str = "GetPartitions";
pub(crate) const BATCH_CREATE_PARTITION: &str = "BatchCreatePartition";
pub(crate) const BATCH_UPDATE_PARTITION: &str = "BatchUpdatePartition";
pub(crate) const BATCH_DELETE_PARTITION: &str = "BatchDeletePartition";
