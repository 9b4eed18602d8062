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
/// A gap that only a race shows is looked for this often before it counts as closed.
const TRIES: usize = 20;

/// A promise that an endpoint is known not to keep.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// The check that fails.
    pub check: &'static str,
    /// What tests against this endpoint therefore cannot show.
    pub hides: &'static str,
}

/// How the checks went against one endpoint, held against the gaps that are known of it.
#[derive(Debug)]
pub struct Report {
    /// Gaps that no check has met yet.
    unmet: Vec<Gap>,
    passed: Vec<&'static str>,
    known: Vec<Gap>,
    failed: Vec<(&'static str, String)>,
    closed: Vec<&'static str>,
}

/// Runs `checks` against an endpoint.
pub async fn run(endpoint: &Endpoint, checks: impl Iterator<Item = &'static Check>, gaps: &[Gap]) -> Report {
    let mut outcomes = futures::stream::iter(checks)
        .map(|check| async move {
            let tries = if gaps.iter().any(|gap| gap.check == check.name) { TRIES } else { 1 };
            (check.name, until_it_fails(check, endpoint, tries).await)
        })
        .buffered(CONCURRENCY);
    let mut report = Report::new(gaps);
    while let Some((name, outcome)) = outcomes.next().await {
        report.add(name, outcome);
    }
    report
}

async fn until_it_fails(check: &Check, endpoint: &Endpoint, tries: usize) -> Result<()> {
    for _ in 0..tries {
        one(check, endpoint.clone()).await?;
    }
    Ok(())
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
    /// A report of no check yet.
    pub fn new(gaps: &[Gap]) -> Self {
        let unmet = gaps.to_vec();
        Self { unmet, passed: Vec::new(), known: Vec::new(), failed: Vec::new(), closed: Vec::new() }
    }

    /// Adds how one check went.
    pub fn add(&mut self, name: &'static str, outcome: Result<()>) {
        match (outcome, self.meet(name)) {
            (Ok(()), None) => self.passed.push(name),
            (Ok(()), Some(_)) => self.closed.push(name),
            (Err(_), Some(gap)) => self.known.push(gap),
            (Err(error), None) => self.failed.push((name, format!("{error:#}"))),
        }
    }

    /// Adds a check that failed otherwise than its gap explains.
    pub fn add_unexplained(&mut self, name: &'static str, error: &anyhow::Error) {
        self.meet(name);
        self.failed.push((name, format!("{error:#}")));
    }

    fn meet(&mut self, name: &str) -> Option<Gap> {
        let at = self.unmet.iter().position(|gap| gap.check == name)?;
        Some(self.unmet.remove(at))
    }

    /// Fails when a check failed that is no known gap, and when a known gap is none any more.
    pub fn into_result(self) -> Result<()> {
        if self.failed.is_empty() && self.closed.is_empty() && self.unmet.is_empty() {
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
        for Gap { check: name, hides } in &self.known {
            writeln!(f, "  known gap: {name}: hides {hides}")?;
        }
        for (name, error) in &self.failed {
            writeln!(f, "  FAILED: {name}: {error}")?;
        }
        for name in &self.closed {
            writeln!(f, "  no gap any more: {name}: remove it from the list")?;
        }
        for gap in &self.unmet {
            writeln!(f, "  no such check: {}: remove it from the list", gap.check)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    #[test]
    fn a_failure_that_its_gap_does_not_explain_fails_the_report() {
        let mut report = Report::new(&[Gap { check: "broken", hides: "nothing" }]);
        report.add_unexplained("broken", &anyhow!("something else"));
        let told = report.into_result().unwrap_err().to_string();
        assert!(told.contains("FAILED: broken: something else") && !told.contains("no such check"), "{told}");
    }

    #[tokio::test]
    async fn a_gap_that_is_closed_or_unknown_must_leave_the_list() {
        assert!(outcome(&[KEPT], &[Gap { check: "kept", hides: "nothing" }]).await.is_err());
        assert!(outcome(&[KEPT], &[Gap { check: "gone", hides: "nothing" }]).await.is_err());
    }

    static RACES: AtomicUsize = AtomicUsize::new(1);
    const RACY: Check = Check {
        name: "racy",
        service: Service::S3,
        run: |_| {
            Box::pin(async {
                if RACES.fetch_add(1, Ordering::Relaxed).is_multiple_of(TRIES) {
                    Err(anyhow!("no"))
                } else {
                    Ok(())
                }
            })
        },
    };

    #[tokio::test]
    async fn a_gap_that_shows_now_and_then_is_still_one() {
        assert!(outcome(&[RACY], &[Gap { check: "racy", hides: "nothing" }]).await.is_ok());
    }
}
