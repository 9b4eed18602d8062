//! The reason of a failure where Kubernetes looks for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::DAYS;

use crate::collector::{Collector, Manner};
use crate::{LONGEST, SQL, time};

#[tokio::test(flavor = "multi_thread")]
async fn the_termination_log_has_the_reason_of_a_failure_and_nothing_of_a_success() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let log = lake.backend().file("termination-log", "")?;
    let told = |step: lakeward_tests::step::Step| step.env("LAKEWARD_TERMINATION_LOG", &log);
    told(table.write(DAYS[0], SQL)).succeeds().await?;
    ensure!(std::fs::read_to_string(&log)?.is_empty());
    let message = told(table.write(DAYS[1], "SELECT\n  nothing")).is_refused(Kind::Usage, &[]).await?;
    let reason = std::fs::read_to_string(&log)?;
    let words: Vec<&str> = message.split_whitespace().collect();
    assert_eq!(reason, format!("write failed (usage, exit code 2): {}", words.join(" ")));
    // A wrong command line is a failure too.
    let wrong = table.write(DAYS[1], SQL).args(["--no-such-flag", "--termination-log"]).arg(&log);
    wrong.is_refused(Kind::Usage, &["--no-such-flag"]).await?;
    let reason = std::fs::read_to_string(&log)?;
    ensure!(reason.contains("--no-such-flag"), "{reason}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_log_that_is_missing_or_cannot_be_written_changes_nothing() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let missing = lake.backend().folder().join("missing");
    for log in [missing.as_path(), lake.backend().folder()] {
        let step = table.write(DAYS[0], "SELECT nothing").arg("--termination-log").arg(log);
        step.is_refused(Kind::Usage, &["nothing"]).await?;
    }
    ensure!(!missing.exists());
    Ok(())
}

/// A file whose opening hangs, as that of a file on a mount whose server is gone does: a pipe that nobody reads.
fn hanging(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    let made = Command::new("mkfifo").arg(&path).status().context("running mkfifo")?;
    ensure!(made.success(), "{} could not be made", path.display());
    Ok(path)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_keeps_neither_the_others_nor_the_exit_code_for_longer_than_the_bound() -> Result<()> {
    let lake = Lake::start().await?;
    let (table, folder) = (lake.backend().table("orders"), lake.backend().folder());
    let (log, lineage) = (hanging(folder, "termination-log")?, hanging(folder, "lineage.jsonl")?);
    let (collector, metrics) = (Collector::start(Manner::Hangs).await?, folder.join("lakeward.prom"));
    let write = table.write(DAYS[0], "SELECT nothing").arg("--termination-log").arg(&log);
    let write = write.arg("--openlineage").arg(&lineage).args(["--otlp-endpoint", collector.url()]);
    let ended = write.arg("--metrics-file").arg(&metrics).run().await?;
    let lines: Vec<&str> = ended.stderr.lines().collect();
    let [.., failed, first, second, third] = lines[..] else { anyhow::bail!("{}", ended.stderr) };
    ensure!(failed.contains("nothing"), "{}", ended.stderr);
    for flag in ["--termination-log", "--openlineage", "--otlp-endpoint"] {
        ensure!([first, second, third].iter().any(|line| line.contains(flag)), "{}", ended.stderr);
    }
    let waited = time(third)?.duration_since(time(failed)?);
    ensure!(waited < LONGEST, "it waited {waited:#}");
    ensure!(std::fs::read_to_string(&metrics)?.contains("lakeward_step_exit_code"));
    ended.into_refusal(Kind::Usage, &["nothing"]).map(drop)
}
