//! Partitions, one at a time and listed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{GlueError, GlueResult};
use super::expression::Expression;
use super::model::{KeptPartition, Partition, Table};
use super::wire::{PartitionInput, check_values};
use super::{Catalog, nothing, paging};
use crate::storage::Kind;

const MAX_PAGE: usize = 1000;
/// Ways in which `GetPartitions` can be divided among callers.
const MAX_SEGMENTS: u64 = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreatePartition {
    database_name: String,
    table_name: String,
    partition_input: PartitionInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NamedPartition {
    database_name: String,
    table_name: String,
    partition_values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdatePartition {
    database_name: String,
    table_name: String,
    partition_value_list: Vec<String>,
    partition_input: PartitionInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetPartitions {
    database_name: String,
    table_name: String,
    expression: Option<String>,
    next_token: Option<String>,
    segment: Option<Segment>,
    max_results: Option<i64>,
    #[serde(default)]
    exclude_column_schema: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Segment {
    segment_number: u64,
    total_segments: u64,
}

impl Segment {
    fn check(&self) -> GlueResult<()> {
        let total = 1..=MAX_SEGMENTS;
        if total.contains(&self.total_segments) && self.segment_number < self.total_segments {
            return Ok(());
        }
        Err(GlueError::validation(format!("a segment is one of 1 to {MAX_SEGMENTS}, counted from 0")))
    }

    fn has(&self, values: &[String]) -> bool {
        let mut hasher = DefaultHasher::new();
        values.hash(&mut hasher);
        hasher.finish() % self.total_segments == self.segment_number
    }
}

impl Catalog {
    pub(super) fn create_partition(&self, request: CreatePartition) -> GlueResult<Value> {
        request.partition_input.check()?;
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &request.table_name)?;
        self.add_partition(table, request.partition_input)?;
        Ok(nothing())
    }

    pub(super) fn get_partition(&self, request: &NamedPartition) -> GlueResult<Value> {
        let databases = self.databases();
        let table = databases.table(&request.database_name, &request.table_name)?;
        let partition = find(table, &request.partition_values)?;
        Ok(json!({ "Partition": shown(table, partition, true)? }))
    }

    pub(super) fn get_partitions(&self, request: &GetPartitions) -> GlueResult<Value> {
        let after: Option<Vec<String>> = paging::position(request.next_token.as_deref())?;
        let size = paging::size(request.max_results, MAX_PAGE)?;
        request.segment.as_ref().map_or(Ok(()), Segment::check)?;
        let databases = self.databases();
        let table = databases.table(&request.database_name, &request.table_name)?;
        let text = request.expression.as_deref().filter(|text| !text.trim().is_empty());
        let keys = &table.kept.state.input.partition_keys;
        let expression = text.map(|text| Expression::parse(text, keys)).transpose()?;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = table.partitions.range((start, Bound::Unbounded)).filter(|(values, _)| {
            request.segment.as_ref().is_none_or(|segment| segment.has(values))
                && expression.as_ref().is_none_or(|expression| expression.matches(values))
        });
        let page = paging::page(rest, size)?;
        let with_columns = !request.exclude_column_schema;
        let shown = page.items.into_iter().map(|partition| shown(table, partition, with_columns));
        let shown = shown.collect::<GlueResult<Vec<_>>>()?;
        Ok(json!({ "Partitions": shown, "NextToken": page.next }))
    }

    pub(super) fn update_partition(&self, request: UpdatePartition) -> GlueResult<Value> {
        request.partition_input.check()?;
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &request.table_name)?;
        self.replace_partition(table, &request.partition_value_list, request.partition_input)?;
        Ok(nothing())
    }

    pub(super) fn delete_partition(&self, request: &NamedPartition) -> GlueResult<Value> {
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &request.table_name)?;
        self.remove_partition(table, &request.partition_values)?;
        Ok(nothing())
    }

    pub(super) fn add_partition(&self, table: &mut Table, input: PartitionInput) -> GlueResult<()> {
        check_count(table, &input.values)?;
        if table.partitions.contains_key(&input.values) {
            return Err(GlueError::already_exists("Partition already exists."));
        }
        let values = input.values.clone();
        let kept = KeptPartition { table: table.record, created: self.now(), input };
        let record = self.store.fresh_id();
        self.store.save(Kind::Partition, record, &kept)?;
        table.partitions.insert(values, Partition { record, kept });
        Ok(())
    }

    /// Replaces a partition; its values may change.
    pub(super) fn replace_partition(
        &self,
        table: &mut Table,
        values: &[String],
        mut input: PartitionInput,
    ) -> GlueResult<()> {
        if input.values.is_empty() {
            input.values = values.to_vec();
        }
        check_count(table, &input.values)?;
        let found = find(table, values)?;
        if input.values != values && table.partitions.contains_key(&input.values) {
            return Err(GlueError::already_exists("Partition already exists."));
        }
        let (record, created) = (found.record, found.kept.created);
        let kept = KeptPartition { table: table.record, created, input };
        self.store.save(Kind::Partition, record, &kept)?;
        table.partitions.remove(values);
        table.partitions.insert(kept.input.values.clone(), Partition { record, kept });
        Ok(())
    }

    pub(super) fn remove_partition(&self, table: &mut Table, values: &[String]) -> GlueResult<()> {
        check_values(values)?;
        find(table, values)?;
        match table.partitions.remove(values) {
            Some(removed) => Ok(self.store.remove(Kind::Partition, removed.record)?),
            None => Ok(()),
        }
    }
}

pub(super) fn find<'a>(table: &'a Table, values: &[String]) -> GlueResult<&'a Partition> {
    check_values(values)?;
    check_count(table, values)?;
    table.partitions.get(values).ok_or_else(|| GlueError::not_found("Cannot find partition."))
}

pub(super) fn shown(table: &Table, partition: &Partition, with_columns: bool) -> GlueResult<Value> {
    partition.kept.shown(&table.kept.database, &table.kept.state.input.name, with_columns)
}

fn check_count(table: &Table, values: &[String]) -> GlueResult<()> {
    let keys = table.kept.state.input.partition_keys.len();
    if values.len() == keys {
        return Ok(());
    }
    Err(GlueError::invalid_input(format!(
        "the number of partition keys ({keys}) does not match the number of partition values ({})",
        values.len()
    )))
}
