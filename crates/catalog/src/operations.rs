//! The names of the Glue operations in use.

use lakeward_permissions::glue;

pub(crate) const GET_DATABASE: &str = glue::GET_DATABASE.name;
pub(crate) const GET_DATABASES: &str = glue::GET_DATABASES.name;
pub(crate) const GET_TABLE: &str = glue::GET_TABLE.name;
pub(crate) const GET_TABLES: &str = glue::GET_TABLES.name;
pub(crate) const CREATE_TABLE: &str = glue::CREATE_TABLE.name;
pub(crate) const UPDATE_TABLE: &str = glue::UPDATE_TABLE.name;
pub(crate) const DELETE_TABLE: &str = glue::DELETE_TABLE.name;
pub(crate) const GET_TABLE_VERSIONS: &str = glue::GET_TABLE_VERSIONS.name;
pub(crate) const BATCH_DELETE_TABLE_VERSION: &str = glue::BATCH_DELETE_TABLE_VERSION.name;
pub(crate) const GET_PARTITIONS: &str = glue::GET_PARTITIONS.name;
pub(crate) const BATCH_CREATE_PARTITION: &str = glue::BATCH_CREATE_PARTITION.name;
pub(crate) const BATCH_UPDATE_PARTITION: &str = glue::BATCH_UPDATE_PARTITION.name;
pub(crate) const BATCH_DELETE_PARTITION: &str = glue::BATCH_DELETE_PARTITION.name;
