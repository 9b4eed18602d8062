//! What a step writes down of itself while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Dataset, Measure, Place};

/// What a step has written down so far. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Record(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    measures: BTreeMap<Measure, u64>,
    place: Option<Place>,
    glue: Option<Glue>,
    columns: Option<Columns>,
    query: Option<Query>,
    unchanged: bool,
}

/// Glue's catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glue {
    /// The Region of the catalog.
    pub region: String,
    /// The account of the catalog, when it is named.
    pub account: Option<String>,
}

/// Name, type in Glue, and comment of each column.
pub type Columns = Vec<(String, String, Option<String>)>;

/// What is computed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Its text.
    pub sql: String,
    /// What it reads, as far as that is known.
    pub inputs: Vec<Dataset>,
}

impl Record {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down a measure, over what was written before.
    pub fn set(&self, measure: Measure, value: u64) {
        self.entries().measures.insert(measure, value);
    }

    /// Adds to a measure.
    pub fn add(&self, measure: Measure, value: u64) {
        *self.entries().measures.entry(measure).or_default() += value;
    }

    /// Writes down where the table is.
    pub fn set_place(&self, place: Place) {
        self.entries().place = Some(place);
    }

    /// Writes down in which catalog the table is.
    pub fn set_glue(&self, glue: Glue) {
        self.entries().glue = Some(glue);
    }

    /// Writes down the table's columns.
    pub fn set_columns(&self, columns: Columns) {
        self.entries().columns = Some(columns);
    }

    /// Writes down what is computed.
    pub fn set_query(&self, query: Query) {
        self.entries().query = Some(query);
    }

    /// Writes down that this execution writes nothing: its work was done before, or is only planned.
    pub fn set_unchanged(&self) {
        self.entries().unchanged = true;
    }

    /// What was measured so far.
    pub fn measures(&self) -> BTreeMap<Measure, u64> {
        self.entries().measures.clone()
    }

    pub(crate) fn place(&self) -> Option<Place> {
        self.entries().place.clone()
    }

    pub(crate) fn glue(&self) -> Option<Glue> {
        self.entries().glue.clone()
    }

    pub(crate) fn columns(&self) -> Option<Columns> {
        self.entries().columns.clone()
    }

    pub(crate) fn is_unchanged(&self) -> bool {
        self.entries().unchanged
    }

    pub(crate) fn query(&self) -> Option<Query> {
        self.entries().query.clone()
    }
}
