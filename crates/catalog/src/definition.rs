//! What a table is: read from Glue and put back, with Lakeward's edits in between.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::types as glue;
use aws_sdk_glue::types::builders::TableInputBuilder;

use crate::parquet;
use crate::types::Column;

/// A table's definition: the parts that Lakeward reads and edits, and unseen all that Glue's
/// `TableInput` holds besides. `UpdateTable` forgets what is left out, so nothing is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableDefinition {
    /// `s3://bucket/prefix/`, with one closing slash.
    pub location: Option<String>,
    /// The columns that the files hold.
    pub columns: Vec<Column>,
    /// The partition keys, in order; empty for an unpartitioned table.
    pub partition_keys: Vec<Column>,
    /// The parameters, Lakeward's own and everybody else's.
    pub parameters: BTreeMap<String, String>,
    /// The table's comment.
    pub description: Option<String>,
    rest: Rest,
}

/// What Lakeward gives back as it was read.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rest {
    input: TableInputBuilder,
    /// Without location and columns.
    storage: Option<glue::StorageDescriptor>,
    /// The parameters of columns and partition keys, by column name.
    column_parameters: BTreeMap<String, HashMap<String, String>>,
}

impl TableDefinition {
    /// A new external Parquet table that Athena, Spark, Trino and Redshift Spectrum can read, without
    /// location and columns yet. `codec` is the compression's name in lowercase (`zstd`).
    pub fn parquet(codec: &str) -> Self {
        let mut new = Self::default();
        new.make_parquet(codec);
        new
    }

    /// Makes the table an external Parquet table, whatever it was before.
    pub fn make_parquet(&mut self, codec: &str) {
        self.rest.input = std::mem::take(&mut self.rest.input).table_type(parquet::TABLE_TYPE);
        parquet::describe(self.rest.storage.get_or_insert_with(empty_storage));
        self.parameters.extend(parquet::table_parameters(codec));
    }

    /// `EXTERNAL_TABLE`, `VIRTUAL_VIEW`, ...
    pub fn table_type(&self) -> Option<&str> {
        self.rest.input.get_table_type().as_deref()
    }

    /// Replaces the columns. A column that stays by name keeps its comment, if the new one brings none.
    pub fn replace_columns(&mut self, columns: &[Column]) {
        self.columns = keeping_comments(&self.columns, columns);
    }

    /// Replaces the partition keys, keeping comments as [`Self::replace_columns`] does.
    pub fn replace_partition_keys(&mut self, keys: &[Column]) {
        self.partition_keys = keeping_comments(&self.partition_keys, keys);
    }

    /// Names the parts in which this table is not what `wanted` says. Comments, parameters that
    /// `wanted` does not mention, and all that Lakeward does not know may differ.
    pub fn differences(&self, wanted: &Self) -> Vec<String> {
        let mut parts = Vec::new();
        if self.location != wanted.location {
            parts.push("location".to_owned());
        }
        if !same_columns(&self.columns, &wanted.columns) {
            parts.push("columns".to_owned());
        }
        if !same_columns(&self.partition_keys, &wanted.partition_keys) {
            parts.push("partition keys".to_owned());
        }
        let formats = |table: &Self| table.rest.storage.as_ref().map(parquet::formats);
        if formats(self) != formats(wanted) || self.table_type() != wanted.table_type() {
            parts.push("format".to_owned());
        }
        let different =
            wanted.parameters.iter().filter(|(name, value)| self.parameters.get(*name) != Some(value));
        parts.extend(different.map(|(name, _)| format!("parameter {name}")));
        parts
    }

    /// Reads a table, without the fields that Glue itself sets.
    pub(crate) fn from_glue(table: glue::Table) -> Self {
        let mut storage = table.storage_descriptor;
        let location = storage.as_mut().and_then(|storage| storage.location.take());
        let columns = storage.as_mut().and_then(|storage| storage.columns.take()).unwrap_or_default();
        let keys = table.partition_keys.unwrap_or_default();
        let column_parameters = columns.iter().chain(&keys).filter_map(|column| {
            column.parameters.clone().map(|parameters| (column.name.clone(), parameters))
        });
        let input = glue::TableInput::builder()
            .set_owner(table.owner)
            .set_last_access_time(table.last_access_time)
            .set_last_analyzed_time(table.last_analyzed_time)
            .retention(table.retention)
            .set_view_original_text(table.view_original_text)
            .set_view_expanded_text(table.view_expanded_text)
            .set_table_type(table.table_type)
            .set_target_table(table.target_table)
            .set_federated_table(table.federated_table)
            .set_view_definition(table.view_definition.map(view_input));
        Self {
            location,
            columns: columns.iter().map(Column::from).collect(),
            partition_keys: keys.iter().map(Column::from).collect(),
            parameters: table.parameters.unwrap_or_default().into_iter().collect(),
            description: table.description,
            rest: Rest { input, column_parameters: column_parameters.collect(), storage },
        }
    }

    /// What to send to Glue for a table of this name.
    pub(crate) fn to_glue(&self, name: &str) -> Result<glue::TableInput, BuildError> {
        let mut storage = self.rest.storage.clone();
        if self.location.is_some() || !self.columns.is_empty() {
            let storage = storage.get_or_insert_with(empty_storage);
            storage.location.clone_from(&self.location);
            storage.columns = Some(self.columns_to_glue(&self.columns)?);
        }
        let input = self.rest.input.clone().name(name).set_description(self.description.clone());
        let input = input.set_parameters(Some(self.parameters.clone().into_iter().collect()));
        // Also when there are none: without the field, Athena and Hive fail on the table.
        let input = input.set_partition_keys(Some(self.columns_to_glue(&self.partition_keys)?));
        input.set_storage_descriptor(storage).build()
    }

    fn columns_to_glue(&self, columns: &[Column]) -> Result<Vec<glue::Column>, BuildError> {
        let column = |column: &Column| {
            let parameters = self.rest.column_parameters.get(&column.name).cloned();
            column.to_glue().set_parameters(parameters).build()
        };
        columns.iter().map(column).collect()
    }
}

pub(crate) fn empty_storage() -> glue::StorageDescriptor {
    glue::StorageDescriptor::builder().build()
}

fn keeping_comments(old: &[Column], new: &[Column]) -> Vec<Column> {
    let comment = |name: &str| old.iter().find(|column| column.name == name).and_then(|c| c.comment.clone());
    let keeping = |column: &Column| {
        let comment = column.comment.clone().or_else(|| comment(&column.name));
        Column { comment, ..column.clone() }
    };
    new.iter().map(keeping).collect()
}

/// Whether the columns agree in names, types and order; comments may differ.
pub(crate) fn same_columns(have: &[Column], wanted: &[Column]) -> bool {
    let described = |column: &Column| (column.name.clone(), column.glue_type.clone());
    have.iter().map(described).eq(wanted.iter().map(described))
}

fn view_input(view: glue::ViewDefinition) -> glue::ViewDefinitionInput {
    let representation = |view: glue::ViewRepresentation| {
        glue::ViewRepresentationInput::builder()
            .set_dialect(view.dialect)
            .set_dialect_version(view.dialect_version)
            .set_view_original_text(view.view_original_text)
            .set_view_expanded_text(view.view_expanded_text)
            .set_validation_connection(view.validation_connection)
            .build()
    };
    let representations = view.representations.map(|all| all.into_iter().map(representation).collect());
    glue::ViewDefinitionInput::builder()
        .set_is_protected(view.is_protected)
        .set_is_managed(view.is_managed)
        .set_definer(view.definer)
        .set_representations(representations)
        .view_version_id(view.view_version_id)
        .set_view_version_token(view.view_version_token)
        .set_refresh_seconds(view.refresh_seconds)
        .set_last_refresh_type(view.last_refresh_type)
        .set_sub_objects(view.sub_objects)
        .set_sub_object_version_ids(view.sub_object_version_ids)
        .set_sub_objects_statistics(view.sub_objects_statistics)
        .set_spark_pipeline_info(view.spark_pipeline_info)
        .build()
}

#[cfg(test)]
mod tests;
