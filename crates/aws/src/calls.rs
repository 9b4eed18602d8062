//! How many calls a step has made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the calls sent to AWS by service and operation, every try included. Clones share one count.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    counts: Arc<Mutex<BTreeMap<Operation, Count>>>,
    /// The count of which this one is a stretch.
    whole: Option<Arc<Calls>>,
}

/// An operation of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// The service (`S3`); empty for a caller that was never told.
    pub service: &'static str,
    /// The API's name for it (`UpdateTable`).
    pub name: &'static str,
}

/// How often an operation was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests sent.
    pub sent: u64,
    /// Those of them that were sent because an earlier try had failed.
    pub retries: u64,
}

impl Calls {
    /// The calls sent so far.
    pub fn by_operation(&self) -> BTreeMap<Operation, Count> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All calls sent so far.
    pub fn total(&self) -> u64 {
        self.by_operation().values().map(|count| count.sent).sum()
    }

    /// A count from 0, whose calls are counted here too.
    pub(crate) fn stretch(&self) -> Self {
        Self { counts: Arc::default(), whole: Some(Arc::new(self.clone())) }
    }

    /// Counts one call about to be sent, for the first time or again.
    pub(crate) fn count(&self, operation: Operation, is_retry: bool) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(operation).or_default();
        count.sent += 1;
        count.retries += u64::from(is_retry);
        drop(counts);
        if let Some(whole) = &self.whole {
            whole.count(operation, is_retry);
        }
    }
}
