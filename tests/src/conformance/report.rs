//! Running the checks, and holding them against a list of known gaps.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use futures::StreamExt as _;

use super::{Check, Endpoint};

/// A check that hangs has failed.
const PATIENCE: Duration = Duration::from_mins(1);
/// Checks at once.
const CONCURRENCY: usize = 8;

/// A promise that an endpoint is known not to keep.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// The check that fails.
    pub check: &'static str,
    /// What tests against this endpoint therefore cannot show.
    pub hides: &'static str,
}

/// How the checks went against one endpoint.
#[derive(Debug, Default)]
pub struct Report {
    passed: Vec<&'static str>,
    known: Vec<(&'static str, &'static str)>,
    failed: Vec<(&'static str, String)>,
    closed: Vec<&'static str>,
    unknown: Vec<&'static str>,
}

/// Runs `checks` against an endpoint.
pub async fn run(endpoint: &Endpoint, checks: impl Iterator<Item = &'static Check>, gaps: &[Gap]) -> Report {
    let checks: Vec<_> = checks.collect();
    let mut report = Report::default();
    for gap in gaps.iter().filter(|gap| checks.iter().all(|check| check.name != gap.check)) {
        report.unknown.push(gap.check);
    }
    let mut outcomes = futures::stream::iter(checks)
        .map(|check| async move { (check.name, one(check, endpoint.clone()).await) })
        .buffered(CONCURRENCY);
    while let Some((name, outcome)) = outcomes.next().await {
        match (outcome, gaps.iter().find(|gap| gap.check == name)) {
            (Ok(()), None) => report.passed.push(name),
            (Ok(()), Some(_)) => report.closed.push(name),
            (Err(_), Some(gap)) => report.known.push((name, gap.hides)),
            (Err(error), None) => report.failed.push((name, format!("{error:#}"))),
        }
    }
    report
}

async fn one(check: &Check, endpoint: Endpoint) -> Result<()> {
    // A task of its own: a check that panics fails alone.
    let running = tokio::spawn((check.run)(endpoint));
    match tokio::time::timeout(PATIENCE, running).await {
        Ok(joined) => joined.context("the check panicked")?,
        Err(_) => Err(anyhow!("no result within {PATIENCE:?}")),
    }
}

impl Report {
    /// Fails when a check failed that is no known gap, and when a known gap is none any more.
    pub fn into_result(self) -> Result<()> {
        if self.failed.is_empty() && self.closed.is_empty() && self.unknown.is_empty() {
            return Ok(());
        }
        bail!("{self}")
    }

    /// How many checks passed.
    pub fn passed(&self) -> usize {
        self.passed.len()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} passed, {} known gaps, {} failed",
            self.passed.len(),
            self.known.len(),
            self.failed.len()
        )?;
        for (name, hides) in &self.known {
            writeln!(f, "  known gap: {name}: hides {hides}")?;
        }
        for (name, error) in &self.failed {
            writeln!(f, "  FAILED: {name}: {error}")?;
        }
        for name in &self.closed {
            writeln!(f, "  no gap any more: {name}: remove it from the list")?;
        }
        for name in &self.unknown {
            writeln!(f, "  no such check: {name}: remove it from the list")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Service;
    use super::*;

    const KEPT: Check = Check { name: "kept", service: Service::S3, run: |_| Box::pin(async { Ok(()) }) };
    const BROKEN: Check =
        Check { name: "broken", service: Service::S3, run: |_| Box::pin(async { Err(anyhow!("no")) }) };

    async fn outcome(checks: &'static [Check], gaps: &[Gap]) -> Result<()> {
        let endpoint = Endpoint::new("http://127.0.0.1:1", "key", "secret", "unused");
        run(&endpoint, checks.iter(), gaps).await.into_result()
    }

    #[tokio::test]
    async fn a_failure_passes_only_as_a_known_gap() {
        let gap = Gap { check: "broken", hides: "nothing" };
        assert!(outcome(&[KEPT, BROKEN], &[]).await.is_err());
        assert!(outcome(&[KEPT, BROKEN], &[gap]).await.is_ok());
    }

    #[tokio::test]
    async fn a_gap_that_is_closed_or_unknown_must_leave_the_list() {
        assert!(outcome(&[KEPT], &[Gap { check: "kept", hides: "nothing" }]).await.is_err());
        assert!(outcome(&[KEPT], &[Gap { check: "gone", hides: "nothing" }]).await.is_err());
    }
}
