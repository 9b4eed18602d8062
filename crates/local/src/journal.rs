//! What was asked of the lake, in the order in which it arrived.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde::Serialize;

use crate::call::Call;

/// Older requests are forgotten.
const CAPACITY: usize = 100_000;

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Counts the requests, from 1.
    pub sequence: u64,
    /// What was asked.
    #[serde(flatten)]
    pub call: Call,
    /// The ids of the faults that befell it.
    pub faults: Vec<u64>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How a request ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It has not ended yet.
    InFlight,
    /// It was answered.
    Answered {
        /// The HTTP status.
        status: u16,
    },
    /// The connection was closed without an answer.
    Dropped,
}

/// The requests of a lake. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    last: u64,
    kept: VecDeque<Entry>,
}

impl Journal {
    /// Every request that is remembered, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        crate::lock(&self.0).kept.iter().cloned().collect()
    }

    /// Forgets every request. The numbers go on.
    pub fn clear(&self) {
        crate::lock(&self.0).kept.clear();
    }

    pub(crate) fn begin(&self, call: Call, faults: Vec<u64>) -> u64 {
        let mut entries = crate::lock(&self.0);
        entries.last += 1;
        let sequence = entries.last;
        if entries.kept.len() == CAPACITY {
            entries.kept.pop_front();
        }
        entries.kept.push_back(Entry { sequence, call, faults, outcome: Outcome::InFlight });
        sequence
    }

    pub(crate) fn end(&self, sequence: u64, outcome: Outcome) {
        let mut entries = crate::lock(&self.0);
        if let Ok(at) = entries.kept.binary_search_by_key(&sequence, |entry| entry.sequence) {
            entries.kept[at].outcome = outcome;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Service;
    use crate::details::Details;

    #[test]
    fn a_request_is_kept_with_how_it_ended() {
        let journal = Journal::default();
        let call = Call {
            service: Service::Glue,
            operation: "GetTable".to_owned(),
            resource: "db.t".to_owned(),
            caller: None,
            access_key_id: None,
            details: Details::default(),
        };
        let first = journal.begin(call.clone(), vec![]);
        let second = journal.begin(call, vec![7]);
        journal.end(first, Outcome::Answered { status: 200 });
        let entries = journal.entries();
        assert_eq!(entries[0].outcome, Outcome::Answered { status: 200 });
        assert_eq!((entries[1].sequence, entries[1].outcome), (second, Outcome::InFlight));
        journal.clear();
        assert!(journal.entries().is_empty());
    }
}
