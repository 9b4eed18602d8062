//! What was tried, as a table.

use std::collections::BTreeMap;
use std::fmt;

use lakeward_outcome::Kind;

use super::Scenario;

/// How the disturbed execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It succeeded all the same.
    Done,
    /// It was killed.
    Killed,
    /// It failed with the exit code of this kind.
    Failed(u8),
}

impl Outcome {
    pub(crate) const fn failed(kind: Kind) -> Self {
        Self::Failed(kind.exit_code())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Killed => f.write_str("killed"),
            Self::Failed(code) => write!(f, "exit {code}"),
        }
    }
}

/// The points of one scenario that were tried.
#[derive(Debug)]
pub struct Tally {
    scenario: Scenario,
    requests: u64,
    looks: u64,
    /// Points of requests beyond the usual number.
    beyond: u64,
    modes: BTreeMap<&'static str, BTreeMap<Outcome, u64>>,
}

impl Tally {
    pub(crate) const fn new(scenario: Scenario, requests: u64) -> Self {
        Self { scenario, requests, looks: 0, beyond: 0, modes: BTreeMap::new() }
    }

    /// Counts a point, and how often a reader looked meanwhile.
    pub(crate) fn add(&mut self, mode: &'static str, outcome: Outcome, looks: u64) {
        *self.modes.entry(mode).or_default().entry(outcome).or_default() += 1;
        self.looks += looks;
    }

    /// Counts a point of a request that the step does not always make.
    pub(crate) const fn add_beyond(&mut self, looks: u64) {
        self.beyond += 1;
        self.looks += looks;
    }

    /// The scenario that was tried.
    pub const fn scenario(&self) -> Scenario {
        self.scenario
    }

    /// The requests of its step when nothing happens.
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// How many points were tried in each mode, by the mode's name.
    pub fn points(&self) -> BTreeMap<&'static str, u64> {
        self.modes.iter().map(|(mode, outcomes)| (*mode, outcomes.values().sum())).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} requests, {} looks of a reader, one after each change",
            self.scenario, self.requests, self.looks
        )?;
        if self.beyond > 0 {
            writeln!(f, "  {} points beyond those requests", self.beyond)?;
        }
        for (mode, outcomes) in &self.modes {
            let outcomes: Vec<_> =
                outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
            writeln!(f, "  {mode:<28} {}", outcomes.join(", "))?;
        }
        Ok(())
    }
}
