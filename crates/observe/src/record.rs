//! What a step writes down of itself while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Measure;

/// What a step has measured so far. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Record(Arc<Mutex<BTreeMap<Measure, u64>>>);

impl Record {
    /// Writes down a measure, over what was written before.
    pub fn set(&self, measure: Measure, value: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(measure, value);
    }

    /// Adds to a measure.
    pub fn add(&self, measure: Measure, value: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(measure).or_default() += value;
    }

    /// What is written down so far.
    pub fn measures(&self) -> BTreeMap<Measure, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
