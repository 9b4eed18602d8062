//! Steps with a headline and a time, and a summary at the end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The steps done so far; prints its summary when it goes, after a failure as well.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    time: Duration,
    passed: bool,
}

impl Report {
    /// Runs one step under its headline; its failure names it.
    pub(crate) fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n==> {name}");
        let start = Instant::now();
        let outcome = work();
        let time = start.elapsed();
        println!("<== {name}: {:.1} s", time.as_secs_f64());
        self.steps.push(Step { name, time, passed: outcome.is_ok() });
        outcome.with_context(|| format!("{name} failed"))
    }

    fn summary(&self) -> String {
        let width = self.steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
        let line = |name: &str, time: Duration, note: &str| {
            format!("{name:width$}  {:7.1} s  {note}\n", time.as_secs_f64())
        };
        let steps = self
            .steps
            .iter()
            .map(|step| line(step.name, step.time, if step.passed { "ok" } else { "FAILED" }));
        let total = self.steps.iter().map(|step| step.time).sum();
        steps.chain([line("total", total, "")]).collect()
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        println!("\n{}", self.summary());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_the_step_that_failed() {
        let mut report = Report::default();
        report.step("first", || Ok(())).unwrap();
        let error = report.step("second", || -> Result<()> { anyhow::bail!("no such file") }).unwrap_err();
        assert_eq!(format!("{error:#}"), "second failed: no such file");
        let summary = report.summary();
        let lines: Vec<&str> = summary.lines().collect();
        assert!(lines[0].starts_with("first") && lines[0].ends_with("ok"), "{summary}");
        assert!(lines[1].starts_with("second") && lines[1].ends_with("FAILED"), "{summary}");
    }
}
