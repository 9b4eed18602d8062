//! How many calls a step has made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the calls sent to AWS by operation name, every try included. Clones share one count.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    counts: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Calls {
    /// The calls sent so far, by operation name (`UpdateTable`).
    pub fn by_operation(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All calls sent so far.
    pub fn total(&self) -> u64 {
        self.by_operation().values().sum()
    }

    /// Counts one call about to be sent.
    pub(crate) fn count(&self, operation: &'static str) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_default() += 1;
    }
}
