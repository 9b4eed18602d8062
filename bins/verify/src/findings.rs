//! What verification has found so far, and what it comes to.

use jiff::Timestamp;
use lakeward_manifest::{CheckResult, RunId, Verification};
use serde_json::Map;

use crate::error::VerifyError;

/// How many lines a manifest and a message list; the rest is counted. Thousands of lines say no more.
const LISTED: usize = 200;

/// Everything that was found, in the order in which it was looked for.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What S3 or Glue hold otherwise than the manifest says.
    pub(crate) differences: Vec<String>,
    /// The gates and the user's checks.
    pub(crate) checks: Vec<CheckResult>,
}

impl Findings {
    /// Whether nothing speaks against the run.
    pub(crate) fn is_clean(&self) -> bool {
        self.differences.is_empty() && self.checks.iter().all(|check| check.passed)
    }

    /// The manifest's section.
    pub(crate) fn verification(&self, files: usize, at: Timestamp) -> Verification {
        let mut differences: Vec<String> = self.differences.iter().take(LISTED).cloned().collect();
        if let Some(more) = self.differences.len().checked_sub(LISTED).filter(|more| *more > 0) {
            differences.push(format!("and {more} more"));
        }
        Verification {
            at,
            passed: self.is_clean(),
            files: files as u64,
            checks: self.checks.clone(),
            differences,
            extra: Map::new(),
        }
    }

    /// The failure of a run that this execution has rejected.
    pub(crate) fn rejected(&self, run: &RunId) -> VerifyError {
        let (problems, more) = self.problems();
        VerifyError::Rejected { run: run.clone(), problems, more }
    }

    /// The failure of this execution for a run that another execution has verified meanwhile.
    pub(crate) fn overtaken(&self, run: &RunId) -> VerifyError {
        let (problems, more) = self.problems();
        VerifyError::Overtaken { run: run.clone(), problems, more }
    }

    /// What speaks against the run, the failed checks first, and how much more there is.
    fn problems(&self) -> (Vec<String>, usize) {
        let failed = self.checks.iter().filter(|check| !check.passed);
        let failed = failed.map(|check| format!("check {}: {}", check.name, check.detail));
        let mut problems: Vec<String> = failed.chain(self.differences.iter().cloned()).collect();
        let more = problems.len().saturating_sub(LISTED);
        problems.truncate(LISTED);
        (problems, more)
    }
}

#[cfg(test)]
mod tests {
    use lakeward_outcome::{Classify, Kind};

    use super::*;

    fn check(name: &str, passed: bool) -> CheckResult {
        let detail = "3 offending rows".to_owned();
        CheckResult { name: name.to_owned(), passed, detail, offending: Some(3), extra: Map::new() }
    }

    fn run() -> RunId {
        "2026-05-19-060000".parse().unwrap()
    }

    #[test]
    fn one_difference_or_one_failed_check_rejects_the_run() {
        let clean = Findings { differences: vec![], checks: vec![check("a", true)] };
        assert!(clean.is_clean() && clean.verification(1, Timestamp::UNIX_EPOCH).passed);
        let differs = Findings { differences: vec!["x".to_owned()], checks: vec![check("a", true)] };
        assert!(!differs.verification(1, Timestamp::UNIX_EPOCH).passed);
        let failed = Findings { differences: vec![], checks: vec![check("a", true), check("b", false)] };
        assert!(!failed.verification(1, Timestamp::UNIX_EPOCH).passed);
    }

    #[test]
    fn a_rejection_lists_failed_checks_and_differences_and_no_check_that_holds() {
        let findings = Findings {
            differences: vec!["part-1.parquet is missing".to_owned()],
            checks: vec![check("holds", true), check("no_orphans", false)],
        };
        let rejected = findings.rejected(&run());
        assert_eq!(rejected.kind(), Kind::Rejected);
        assert_eq!(
            rejected.to_string(),
            "run 2026-05-19-060000 is rejected:\n  - check no_orphans: 3 offending rows\n  - part-1.parquet is missing"
        );
    }

    #[test]
    fn long_lists_are_cut_and_the_rest_is_counted() {
        let differences = (0..LISTED + 7).map(|n| format!("file {n} is missing")).collect();
        let findings = Findings { differences, checks: vec![] };
        let section = findings.verification(207, Timestamp::UNIX_EPOCH);
        assert_eq!(section.differences.len(), LISTED + 1);
        assert_eq!(section.differences.last().unwrap(), "and 7 more");
        let message = findings.rejected(&run()).to_string();
        assert_eq!(message.lines().count(), LISTED + 2);
        assert!(message.ends_with("- and 7 more"), "{message}");
        let exact = Findings { differences: vec!["x".to_owned(); LISTED], checks: vec![] };
        assert_eq!(exact.verification(LISTED, Timestamp::UNIX_EPOCH).differences.len(), LISTED);
    }
}
