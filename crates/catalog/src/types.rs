//! The plain types that cross this crate's boundary.

use std::fmt;

use aws_sdk_glue::types as glue;
use aws_sdk_glue::types::builders::ColumnBuilder;
use jiff::Timestamp;
use lakeward_manifest::GlueName;

use crate::TableDefinition;

/// A table of the catalog by database and name: any that Glue has, not only Lakeward's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
}

impl TableName {
    /// The table `table` of `database`. Glue folds names to lowercase, so they are folded here too.
    pub fn new(database: impl AsRef<str>, table: impl AsRef<str>) -> Self {
        Self { database: database.as_ref().to_lowercase(), table: table.as_ref().to_lowercase() }
    }
}

impl From<&GlueName> for TableName {
    fn from(name: &GlueName) -> Self {
        Self::new(name.database(), name.table())
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// A table's `VersionId`: what `UpdateTable` compares. Only ever handed back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GlueVersion(String);

impl GlueVersion {
    /// The version as Glue names it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The version for a request.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GlueVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: TableName,
    /// The version to update it at.
    pub version: GlueVersion,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// Everything that an update would have to give back.
    pub definition: TableDefinition,
}

/// A column or partition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type in Glue's words (`decimal(20,0)`).
    pub glue_type: String,
    /// Its comment: at most 255 characters.
    pub comment: Option<String>,
}

impl Column {
    pub(crate) fn to_glue(&self) -> ColumnBuilder {
        glue::Column::builder().name(&self.name).r#type(&self.glue_type).set_comment(self.comment.clone())
    }
}

impl From<&glue::Column> for Column {
    fn from(column: &glue::Column) -> Self {
        Self {
            name: column.name.clone(),
            glue_type: column.r#type.clone().unwrap_or_default(),
            comment: column.comment.clone(),
        }
    }
}

pub(crate) fn timestamp(time: &aws_sdk_glue::primitives::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}
