//! How steps ended, counted.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

use anyhow::Result;

use lakeward_outcome::Kind;
use lakeward_tests::embedded::Ended;

/// How often each caller ended in which way.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<(String, &'static str), usize>);

impl Tally {
    /// Counts one end.
    pub(crate) fn add(&mut self, caller: &str, ended: &Ended) {
        *self.0.entry((caller.to_owned(), how(ended))).or_default() += 1;
    }

    /// How often a caller ended as `kind`.
    pub(crate) fn of(&self, caller: &str, kind: Kind) -> usize {
        self.ends(caller, kind.name())
    }

    /// How often a caller ended as [`how`] has it.
    pub(crate) fn ends(&self, caller: &str, how: &'static str) -> usize {
        self.0.get(&(caller.to_owned(), how)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.iter().map(|((caller, how), count)| format!("{caller} {how} {count}"));
        f.write_str(&counts.collect::<Vec<_>>().join(", "))
    }
}

/// A step that has succeeded, as [`how`] has it.
pub(crate) const DONE: &str = "done";

/// How a step ended: [`DONE`], or its failure's kind.
pub(crate) fn how(ended: &Ended) -> &'static str {
    ended.as_ref().map_or_else(|failure| failure.kind().name(), |_| DONE)
}

/// Says how much was tried, though the test succeeds and its output is kept.
///
/// # Errors
/// Nobody listens.
pub(crate) fn report(tried: impl fmt::Display) -> Result<()> {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    Ok(writeln!(std::io::stderr().lock(), "{test}: {tried}")?)
}

/// A step's end for a person.
pub(crate) fn told(ended: &Ended) -> String {
    match ended {
        Ok(result) => format!("done: {result}"),
        Err(failure) => format!("{}: {}", failure.kind(), failure.message()),
    }
}
