//! Batches whose answers tell of each item.

use std::collections::BTreeSet;
use std::fmt;

use aws_sdk_glue::types::ErrorDetail;
use futures::future::join_all;

use crate::{Catalog, CatalogError, Partition, TableName};

/// How many batches are under way at once.
const BATCHES_AT_ONCE: usize = 4;

/// A partition that a batch did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFailure {
    /// The partition's values.
    pub values: Vec<String>,
    /// Glue's error code (`AlreadyExistsException`).
    pub code: String,
    /// Glue's explanation.
    pub message: String,
}

impl PartitionFailure {
    pub(crate) fn new(values: Option<Vec<String>>, detail: Option<ErrorDetail>) -> Self {
        let (code, message) =
            detail.map(|detail| (detail.error_code, detail.error_message)).unwrap_or_default();
        Self {
            values: values.unwrap_or_default(),
            code: code.unwrap_or_default(),
            message: message.unwrap_or_default(),
        }
    }

    pub(crate) fn already_exists(&self) -> bool {
        self.code == "AlreadyExistsException"
    }

    pub(crate) fn not_found(&self) -> bool {
        self.code == "EntityNotFoundException"
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.code == "AccessDeniedException"
    }

    /// Whether the item may succeed in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self.code.as_str(),
            "ThrottlingException"
                | "InternalServiceException"
                | "InternalFailure"
                | "OperationTimeoutException"
                | "ConcurrentModificationException"
                | "ResourceNotReadyException"
        )
    }

    /// Whether somebody else created or deleted the partition at the same time: the next look shows what is there.
    pub(crate) fn is_race(&self) -> bool {
        matches!(self.code.as_str(), "AlreadyExistsException" | "EntityNotFoundException")
    }
}

impl fmt::Display for PartitionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({}: {})", self.values, self.code, self.message)
    }
}

/// What batches achieved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Partitions that are as they were wanted.
    pub done: usize,
    /// Partitions that are not.
    pub failures: Vec<PartitionFailure>,
}

impl Report {
    /// How many partitions are as they were wanted, or an error that names the first that is not.
    pub fn into_result(self, table: &TableName) -> Result<usize, CatalogError> {
        let count = self.failures.len();
        match self.failures.into_iter().next() {
            None => Ok(self.done),
            Some(first) => {
                Err(CatalogError::PartitionsRefused { table: table.clone(), count, first: first.into() })
            }
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.done += other.done;
        self.failures.extend(other.failures);
    }
}

/// An item of a batch, known by its partition values.
pub(crate) trait Item: Clone {
    fn values(&self) -> &[String];
}

impl Item for Partition {
    fn values(&self) -> &[String] {
        &self.values
    }
}

impl Item for Vec<String> {
    fn values(&self) -> &[String] {
        self
    }
}

impl Catalog {
    /// Sends `items` in batches of `size`, several at once; items that Glue was too busy for again.
    ///
    /// `check` runs before every wave of batches and may stop the work. `send` sends one batch and returns
    /// the items that Glue did not do.
    pub(crate) async fn in_batches<I: Item, E: From<CatalogError>>(
        &self,
        items: Vec<I>,
        size: usize,
        check: impl AsyncFn() -> Result<(), E>,
        send: impl AsyncFn(Vec<I>) -> Result<Vec<PartitionFailure>, CatalogError>,
    ) -> Result<Report, E> {
        let mut report = Report::default();
        let mut backoff = self.caller.backoff();
        let mut pending = items;
        loop {
            let mut failures = Vec::new();
            for wave in pending.chunks(size * BATCHES_AT_ONCE) {
                check().await?;
                let answers = join_all(wave.chunks(size).map(|batch| send(batch.to_vec()))).await;
                for answer in answers {
                    failures.extend(answer?);
                }
            }
            let (passing, lasting): (Vec<_>, Vec<_>) =
                failures.into_iter().partition(PartitionFailure::is_passing);
            report.done += pending.len().saturating_sub(passing.len() + lasting.len());
            report.failures.extend(lasting);
            if passing.is_empty() {
                return Ok(report);
            }
            if backoff.wait().await.is_err() {
                report.failures.extend(passing);
                return Ok(report);
            }
            let again: BTreeSet<_> = passing.into_iter().map(|failure| failure.values).collect();
            pending.retain(|item| again.contains(item.values()));
        }
    }
}
