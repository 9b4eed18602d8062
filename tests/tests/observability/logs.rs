//! What every line of the log says.

use anyhow::{Context as _, Result, ensure};
use lakeward_tests::lake::Lake;
use lakeward_tests::step::Step;
use lakeward_tests::table::{DAYS, NO_GRACE, Run};
use serde_json::Value;

use crate::SQL;

/// Runs a step with all of its log, each line of which has to be an object with the step.
async fn lines(step: &Step) -> Result<Vec<Value>> {
    let ended = step.clone().env("LAKEWARD_LOG", "debug").run().await?;
    let lines = ended.stderr.lines();
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
        .collect::<Result<_>>()?;
    for line in &lines {
        let complete = ["time", "level", "message"].iter().all(|field| line[field].is_string());
        ensure!(complete && line["step"] == ended.name, "{line}");
    }
    ended.into_result().map(|_| lines)
}

/// Fails unless `field` is in the log, and from its first line on in every one.
fn is_told_to_the_end(lines: &[Value], field: &str, value: &str) -> Result<()> {
    let first = lines.iter().position(|line| !line[field].is_null());
    let first = first.with_context(|| format!("no line has {field}: {lines:#?}"))?;
    let other = lines[first..].iter().find(|line| line[field] != value);
    ensure!(other.is_none(), "{field} is {value} and not in {other:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_says_step_run_table_and_attempt_once_they_are_known() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let mut logs = vec![lines(&table.write(DAYS[0], SQL)).await?];
    // Done already, so that its result is that of the first.
    let run = Run::of(table.write(DAYS[0], SQL).succeeds().await?)?;
    let attempt = run.written["attempt"].as_str().context("no attempt")?;
    for step in [table.register(&run), table.verify(&run), table.swap(&run)] {
        logs.push(lines(&step).await?);
    }
    for log in &logs {
        for (field, value) in [("run", run.id.as_str()), ("table", &table.glue_name()), ("attempt", attempt)]
        {
            is_told_to_the_end(log, field, value)?;
        }
    }
    let gc = lines(&table.gc().args(NO_GRACE)).await?;
    ensure!(gc.iter().all(|line| line["table"].is_string()), "{gc:#?}");
    is_told_to_the_end(&gc[gc.len() - 1..], "table", &table.glue_name())
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_progress_bars_when_nobody_watches() -> Result<()> {
    let lake = Lake::start().await?;
    let ended = lake.backend().table("orders").write(DAYS[0], SQL).run().await?;
    ensure!(ended.stderr.lines().all(|line| line.starts_with('{')), "{}", ended.stderr);
    ensure!(!ended.stderr.contains(['\r', '\u{1b}']), "{}", ended.stderr);
    ended.into_result().map(drop)
}
