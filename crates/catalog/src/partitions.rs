//! Partitions: listed to the end, and created, updated and deleted in batches.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_glue::types as glue;
use futures::future::try_join_all;
use lakeward_aws::Fault;

use crate::batches::{PartitionFailure, Report};
use crate::client::malformed;
use crate::operations::{
    BATCH_CREATE_PARTITION, BATCH_DELETE_PARTITION, BATCH_UPDATE_PARTITION, GET_PARTITIONS,
};
use crate::partition::RegisteredPartition;
use crate::{Catalog, CatalogError, Partition, PartitionPlace, TableName};

/// The most partitions that one `BatchCreatePartition` or `BatchUpdatePartition` call takes.
const PUTS_A_CALL: usize = 100;
/// The most partitions that one `BatchDeletePartition` call takes.
const DELETES_A_CALL: usize = 25;
/// The most segments that a listing can be read in at once.
const SEGMENTS: i32 = 10;

/// How much of each partition a listing fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Full,
    WithoutColumns,
}

impl Catalog {
    /// All partitions of a table, ordered by their values.
    pub async fn partitions(&self, name: &TableName) -> Result<Vec<RegisteredPartition>, CatalogError> {
        let found = self.all_partitions(name, Detail::Full).await?;
        let mut all: Vec<_> = found.into_iter().map(RegisteredPartition::from).collect();
        all.sort_by(|a, b| a.partition.values.cmp(&b.partition.values));
        Ok(all)
    }

    /// Where all partitions of a table lie, ordered by their values. Cheaper than [`Self::partitions`].
    pub async fn partition_places(&self, name: &TableName) -> Result<Vec<PartitionPlace>, CatalogError> {
        let found = self.all_partitions(name, Detail::WithoutColumns).await?;
        let places = found.into_iter().map(|partition| PartitionPlace {
            values: partition.values.unwrap_or_default(),
            location: partition.storage_descriptor.and_then(|storage| storage.location),
        });
        let mut all: Vec<_> = places.collect();
        all.sort_by(|a, b| a.values.cmp(&b.values));
        Ok(all)
    }

    async fn all_partitions(
        &self,
        name: &TableName,
        detail: Detail,
    ) -> Result<Vec<glue::Partition>, CatalogError> {
        let (first, token) = self.partitions_page(name, detail, None, None).await?;
        if token.is_none() {
            return Ok(first);
        }
        // More than a page: start over in segments, which Glue serves side by side.
        let segments = (0..SEGMENTS).map(|number| self.segment(name, detail, number));
        Ok(try_join_all(segments).await?.into_iter().flatten().collect())
    }

    async fn segment(
        &self,
        name: &TableName,
        detail: Detail,
        number: i32,
    ) -> Result<Vec<glue::Partition>, CatalogError> {
        let segment = glue::Segment::builder().segment_number(number).total_segments(SEGMENTS).build();
        let segment = segment.map_err(|error| malformed(GET_PARTITIONS, name, error))?;
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let (page, next) = self.partitions_page(name, detail, Some(&segment), token).await?;
            all.extend(page);
            if next.is_none() {
                return Ok(all);
            }
            token = next;
        }
    }

    async fn partitions_page(
        &self,
        name: &TableName,
        detail: Detail,
        segment: Option<&glue::Segment>,
        token: Option<String>,
    ) -> Result<(Vec<glue::Partition>, Option<String>), CatalogError> {
        let send = || {
            let request = self.client.get_partitions().set_catalog_id(self.id());
            let request = request.database_name(&name.database).table_name(&name.table);
            let request = request.set_segment(segment.cloned()).set_next_token(token.clone());
            request.exclude_column_schema(detail == Detail::WithoutColumns).send()
        };
        let answer = self.caller.call(GET_PARTITIONS, send).await.0;
        let answer = answer.map_err(|error| self.table_error(name, error))?;
        Ok((answer.partitions.unwrap_or_default(), answer.next_token.filter(|token| !token.is_empty())))
    }

    /// Creates partitions. One that exists already counts as done if it is as wanted, and fails otherwise.
    ///
    /// `check` runs before every few batches; its error stops the work.
    pub async fn create_partitions<E: From<CatalogError>>(
        &self,
        name: &TableName,
        partitions: Vec<Partition>,
        check: impl AsyncFn() -> Result<(), E>,
    ) -> Result<Report, E> {
        let wanted: BTreeMap<_, _> =
            partitions.iter().map(|partition| (partition.values.clone(), partition.clone())).collect();
        let send = async |batch: Vec<Partition>| self.create_batch(name, &batch).await;
        let mut report = self.in_batches(partitions, PUTS_A_CALL, check, send).await?;
        let (existing, failures): (Vec<_>, Vec<_>) =
            report.failures.into_iter().partition(PartitionFailure::already_exists);
        report.failures = failures;
        if !existing.is_empty() {
            let have = self.partitions(name).await?;
            let as_wanted = |failure: &PartitionFailure| {
                let same =
                    |have: &RegisteredPartition| wanted.get(&failure.values).is_some_and(|w| have.is(w));
                have.iter().any(same)
            };
            let (done, different): (Vec<_>, Vec<_>) = existing.into_iter().partition(as_wanted);
            report.done += done.len();
            report.failures.extend(different);
        }
        Ok(report)
    }

    /// Replaces partitions; one that does not exist is created.
    ///
    /// `check` runs before every few batches; its error stops the work.
    pub async fn update_partitions<E: From<CatalogError>>(
        &self,
        name: &TableName,
        partitions: Vec<Partition>,
        check: impl AsyncFn() -> Result<(), E>,
    ) -> Result<Report, E> {
        let send = async |batch: Vec<Partition>| self.update_batch(name, &batch).await;
        let mut report = self.in_batches(partitions.clone(), PUTS_A_CALL, &check, send).await?;
        let (missing, failures): (Vec<_>, Vec<_>) =
            report.failures.into_iter().partition(PartitionFailure::not_found);
        report.failures = failures;
        if !missing.is_empty() {
            let missing: BTreeSet<_> = missing.into_iter().map(|failure| failure.values).collect();
            let create = partitions.into_iter().filter(|partition| missing.contains(&partition.values));
            report.add(self.create_partitions(name, create.collect(), &check).await?);
        }
        Ok(report)
    }

    /// Deletes partitions by their values. One that does not exist counts as done.
    ///
    /// `check` runs before every few batches; its error stops the work.
    pub async fn delete_partitions<E: From<CatalogError>>(
        &self,
        name: &TableName,
        values: Vec<Vec<String>>,
        check: impl AsyncFn() -> Result<(), E>,
    ) -> Result<Report, E> {
        let send = async |batch: Vec<Vec<String>>| self.delete_batch(name, &batch).await;
        let mut report = self.in_batches(values, DELETES_A_CALL, check, send).await?;
        let (gone, failures): (Vec<_>, Vec<_>) =
            report.failures.into_iter().partition(PartitionFailure::not_found);
        report.done += gone.len();
        report.failures = failures;
        Ok(report)
    }

    async fn create_batch(
        &self,
        name: &TableName,
        batch: &[Partition],
    ) -> Result<Vec<PartitionFailure>, CatalogError> {
        let inputs = batch.iter().map(Partition::to_glue).collect::<Result<Vec<_>, _>>();
        let inputs = inputs.map_err(|error| malformed(BATCH_CREATE_PARTITION, name, error))?;
        let send = || {
            let request = self.client.batch_create_partition().set_catalog_id(self.id());
            let request = request.database_name(&name.database).table_name(&name.table);
            request.set_partition_input_list(Some(inputs.clone())).send()
        };
        match self.caller.call(BATCH_CREATE_PARTITION, send).await.0 {
            Ok(answer) => {
                let errors = answer.errors.unwrap_or_default().into_iter();
                Ok(errors.map(|e| PartitionFailure::new(e.partition_values, e.error_detail)).collect())
            }
            // The whole call may be refused for one item, without saying which.
            Err(error) if error.fault == Fault::AlreadyExists => Ok(batch
                .iter()
                .map(|partition| PartitionFailure {
                    values: partition.values.clone(),
                    code: error.code.clone().unwrap_or_default(),
                    message: error.message.clone(),
                })
                .collect()),
            Err(error) => Err(self.table_error(name, error)),
        }
    }

    async fn update_batch(
        &self,
        name: &TableName,
        batch: &[Partition],
    ) -> Result<Vec<PartitionFailure>, CatalogError> {
        let entries = batch.iter().map(|partition| {
            let entry = glue::BatchUpdatePartitionRequestEntry::builder();
            let entry = entry.set_partition_value_list(Some(partition.values.clone()));
            entry.partition_input(partition.to_glue()?).build()
        });
        let entries = entries.collect::<Result<Vec<_>, _>>();
        let entries = entries.map_err(|error| malformed(BATCH_UPDATE_PARTITION, name, error))?;
        let send = || {
            let request = self.client.batch_update_partition().set_catalog_id(self.id());
            let request = request.database_name(&name.database).table_name(&name.table);
            request.set_entries(Some(entries.clone())).send()
        };
        let answer = self.caller.call(BATCH_UPDATE_PARTITION, send).await.0;
        let errors = answer.map_err(|error| self.table_error(name, error))?.errors.unwrap_or_default();
        let failure = |e: glue::BatchUpdatePartitionFailureEntry| {
            PartitionFailure::new(e.partition_value_list, e.error_detail)
        };
        Ok(errors.into_iter().map(failure).collect())
    }

    async fn delete_batch(
        &self,
        name: &TableName,
        batch: &[Vec<String>],
    ) -> Result<Vec<PartitionFailure>, CatalogError> {
        let lists = batch
            .iter()
            .map(|values| glue::PartitionValueList::builder().set_values(Some(values.clone())).build());
        let lists = lists.collect::<Result<Vec<_>, _>>();
        let lists = lists.map_err(|error| malformed(BATCH_DELETE_PARTITION, name, error))?;
        let send = || {
            let request = self.client.batch_delete_partition().set_catalog_id(self.id());
            let request = request.database_name(&name.database).table_name(&name.table);
            request.set_partitions_to_delete(Some(lists.clone())).send()
        };
        let answer = self.caller.call(BATCH_DELETE_PARTITION, send).await.0;
        let errors = answer.map_err(|error| self.table_error(name, error))?.errors.unwrap_or_default();
        Ok(errors.into_iter().map(|e| PartitionFailure::new(e.partition_values, e.error_detail)).collect())
    }
}

#[cfg(test)]
mod tests;
