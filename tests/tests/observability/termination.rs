//! The reason of a failure where Kubernetes looks for it.

use anyhow::{Result, ensure};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::DAYS;

use crate::SQL;

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
