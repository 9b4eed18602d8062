//! The Glue table and partitions that show a run: what `register` creates, `verify` compares with, and `swap` moves
//! the live table to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lakeward_manifest::{DataFile, PartitionValue, RunId, Sealed, SwapIntent, parameters};

use crate::{Column, Partition, TableDefinition};

/// Statistics that the planners of Trino, Spark and Redshift read, on tables and on partitions.
const NUM_ROWS: &str = "numRows";
const NUM_FILES: &str = "numFiles";
const TOTAL_SIZE: &str = "totalSize";

/// What the live table is to say of itself.
#[derive(Clone, Debug)]
pub struct LiveMark {
    /// The newest run that was ever live, this one included.
    pub newest: RunId,
    /// The run that was live before.
    pub replaced: Option<RunId>,
    /// When the table first showed the run.
    pub published_at: Timestamp,
}

/// The table that shows a run before it is published.
pub fn staged_definition(run: &Sealed<'_>) -> TableDefinition {
    let mut table = TableDefinition::parquet(run.manifest.table.compression.codec.name());
    show(&mut table, run);
    table.parameters.insert(parameters::ROLE.to_owned(), parameters::ROLE_STAGED.to_owned());
    table
}

/// The live table when it shows a run: what is in `before` and not Lakeward's stays as it is.
pub fn live_definition(run: &Sealed<'_>, before: &TableDefinition, mark: &LiveMark) -> TableDefinition {
    let mut table = before.clone();
    table.make_parquet(run.manifest.table.compression.codec.name());
    show(&mut table, run);
    let marks = [
        (parameters::ROLE, parameters::ROLE_LIVE.to_owned()),
        (parameters::NEWEST, mark.newest.to_string()),
        (parameters::PUBLISHED_AT, mark.published_at.to_string()),
    ];
    table.parameters.extend(marks.map(|(name, value)| (name.to_owned(), value)));
    table.parameters.remove(parameters::REPLACED);
    table
        .parameters
        .extend(mark.replaced.iter().map(|run| (parameters::REPLACED.to_owned(), run.to_string())));
    for ended in [parameters::SWAPPING, parameters::FENCED_BY] {
        table.parameters.remove(ended);
    }
    table
}

/// The live table before its first version: the run's columns and keys, no Location to read, and no mark of a run.
pub fn awaiting_definition(run: &Sealed<'_>) -> TableDefinition {
    let mut table = TableDefinition::parquet(run.manifest.table.compression.codec.name());
    table.replace_columns(&columns(run));
    table.replace_partition_keys(&keys(run));
    table.parameters.insert(parameters::ROLE.to_owned(), parameters::ROLE_LIVE.to_owned());
    table
}

/// The live table when a swap of its partitions begins: as it was, with the intent.
///
/// A table that awaits its first version gets the run's Location, as some readers of partitions want one, and its columns
/// and keys, as it may have been made for another run.
///
/// # Errors
/// None that is known: the intent is plain text.
pub fn swapping_definition(
    run: &Sealed<'_>,
    before: &TableDefinition,
    intent: &SwapIntent,
) -> Result<TableDefinition, serde_json::Error> {
    let mut table = before.clone();
    if table.location.is_none() {
        table.location = Some(run.written.location.clone());
        table.replace_columns(&columns(run));
        table.replace_partition_keys(&keys(run));
    }
    table.parameters.insert(parameters::SWAPPING.to_owned(), serde_json::to_string(intent)?);
    Ok(table)
}

/// The partitions that show a run, ordered by their values; none for an unpartitioned table.
pub fn partitions(run: &Sealed<'_>) -> Vec<Partition> {
    if run.manifest.table.partition_by.is_empty() {
        return Vec::new();
    }
    let columns = columns(run);
    let mut partitions: Vec<Partition> = run
        .partitions()
        .into_iter()
        .map(|(values, files)| partition(run, values, &files, columns.clone()))
        .collect();
    partitions.sort_by(|a, b| a.values.cmp(&b.values));
    partitions
}

fn partition(
    run: &Sealed<'_>,
    values: &[PartitionValue],
    files: &[&DataFile],
    columns: Vec<Column>,
) -> Partition {
    let folder = files.first().map_or("", |file| file.folder());
    let rows = files.iter().map(|file| file.rows).sum();
    let bytes = files.iter().map(|file| file.bytes).sum();
    Partition {
        values: values.iter().map(|value| value.as_glue().to_owned()).collect(),
        location: format!("{}{folder}", run.written.location),
        columns,
        parameters: statistics(rows, bytes, files.len()),
    }
}

/// Location, columns, keys, comments, statistics and the marks of the run.
fn show(table: &mut TableDefinition, run: &Sealed<'_>) {
    let spec = &run.manifest.table;
    let written = run.written;
    table.location = Some(written.location.clone());
    table.replace_columns(&columns(run));
    table.replace_partition_keys(&keys(run));
    if let Some(comment) = &spec.comment {
        table.description = Some(comment.clone());
    }
    replace_properties(&mut table.parameters, &spec.properties);
    table.parameters.extend(statistics(written.rows, written.bytes, written.files.len()));
    let marks = [
        (parameters::RUN, run.manifest.run.id.to_string()),
        (parameters::ATTEMPT, written.attempt.to_string()),
        (parameters::MANIFEST, run.manifest.uri().to_string()),
    ];
    table.parameters.extend(marks.map(|(name, value)| (name.to_owned(), value)));
}

/// Sets the spec's properties, and takes away those that an earlier spec has set and this one does not.
fn replace_properties(parameters: &mut BTreeMap<String, String>, properties: &BTreeMap<String, String>) {
    let earlier = parameters.remove(parameters::PROPERTIES).unwrap_or_default();
    for name in earlier.split(',') {
        parameters.remove(name);
    }
    if !properties.is_empty() {
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        parameters.insert(parameters::PROPERTIES.to_owned(), names.join(","));
    }
    parameters.extend(properties.clone());
}

fn statistics(rows: u64, bytes: u64, files: usize) -> BTreeMap<String, String> {
    let pairs =
        [(NUM_ROWS, rows.to_string()), (TOTAL_SIZE, bytes.to_string()), (NUM_FILES, files.to_string())];
    pairs.map(|(name, value)| (name.to_owned(), value)).into()
}

fn columns(run: &Sealed<'_>) -> Vec<Column> {
    run.written.columns.iter().map(|data| column(run, data)).collect()
}

fn keys(run: &Sealed<'_>) -> Vec<Column> {
    run.written.partition_columns.iter().map(|key| column(run, key)).collect()
}

fn column(run: &Sealed<'_>, column: &lakeward_manifest::Column) -> Column {
    let comment = run.manifest.table.column_comments.get(&column.name).cloned();
    Column { name: column.name.clone(), glue_type: column.glue_type.clone(), comment }
}

#[cfg(test)]
mod tests;
