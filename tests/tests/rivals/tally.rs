//! How steps ended, counted.

use std::collections::BTreeMap;
use std::fmt;

use lakeward_outcome::Kind;
use lakeward_tests::embedded::Ended;

/// How often each caller ended in which way.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<(String, &'static str), usize>);

impl Tally {
    /// Counts one end.
    pub(crate) fn add(&mut self, caller: &str, ended: &Ended) {
        let how = ended.as_ref().map_or_else(|failure| failure.kind().name(), |_| "done");
        *self.0.entry((caller.to_owned(), how)).or_default() += 1;
    }

    /// How often a caller ended as `kind`.
    pub(crate) fn of(&self, caller: &str, kind: Kind) -> usize {
        self.0.get(&(caller.to_owned(), kind.name())).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.iter().map(|((caller, how), count)| format!("{caller} {how} {count}"));
        f.write_str(&counts.collect::<Vec<_>>().join(", "))
    }
}

/// A step's end for a person.
pub(crate) fn told(ended: &Ended) -> String {
    match ended {
        Ok(result) => format!("done: {result}"),
        Err(failure) => format!("{}: {}", failure.kind(), failure.message()),
    }
}
