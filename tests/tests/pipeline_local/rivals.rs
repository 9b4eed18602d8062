//! A sample of the rivalries that `tests/rivals` tries out everywhere, with the binaries themselves.

use anyhow::Result;
use lakeward_local::{Effect, Fault, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::step::{Running, Step};
use lakeward_tests::table::{DAYS, NO_GRACE};

const SQL: [&str; 3] =
    ["SELECT 1 AS id, 1 AS part", "SELECT 2 AS id, 1 AS part", "SELECT 3 AS id, 1 AS part"];
const BY_PART: [&str; 2] = ["--partition-by", "part"];

/// Starts a step, and waits until it stands before its `nth` request of this kind.
async fn stalled(
    lake: &Lake,
    step: &Step,
    operation: &str,
    resource: &str,
    nth: u64,
) -> Result<(Running, Fault)> {
    let rule = Rule::new(When::Before, Effect::Pause).operation(operation).containing(resource).nth(nth);
    let fault = lake.faults().set(rule);
    let mut running = step.start().await?;
    running.reaches(&fault).await?;
    Ok((running, fault))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_wakes_after_a_newer_run_has_gone_live_is_fenced() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    table.published(&table.write(DAYS[0], SQL[0])).await?;
    let second = table.verified(&table.write(DAYS[1], SQL[1])).await?;
    let third = table.verified(&table.write(DAYS[2], SQL[2])).await?;
    let (swap, fault) = stalled(&lake, &table.swap(&second), "UpdateTable", "orders", 1).await?;
    table.swap(&third).succeeds().await?;
    fault.release();
    swap.ended().await?.into_refusal(Kind::Fenced, &[&second.id, "older"])?;
    table.shows(&third, SQL[2]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_of_partitions_that_another_execution_has_taken_over_is_fenced() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    table.published(&table.write(DAYS[0], SQL[0]).args(BY_PART)).await?;
    let second = table.verified(&table.write(DAYS[1], SQL[1]).args(BY_PART)).await?;
    let (swap, fault) = stalled(&lake, &table.swap(&second), "BatchUpdatePartition", "orders", 1).await?;
    table.swap(&second).succeeds().await?;
    fault.release();
    swap.ended().await?.into_refusal(Kind::Fenced, &[&second.id, "taken over"])?;
    table.shows(&second, SQL[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_wakes_after_another_attempt_has_sealed_the_run_leaves_nothing() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let write = table.write(DAYS[0], SQL[0]);
    // The first of the manifest's changes claims the run, the second seals it.
    let (first, fault) = stalled(&lake, &write, "PutObject", "manifest.json", 2).await?;
    let run = table.verified(&write).await?;
    fault.release();
    first.ended().await?.into_refusal(Kind::Fenced, &[&run.id, "has taken over"])?;
    assert_eq!(table.data().await?.len(), 1, "beside the sealed attempt's file: {:?}", table.data().await?);
    table.swap(&run).succeeds().await?;
    table.shows(&run, SQL[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_that_wakes_after_gc_has_given_its_run_up_leaves_nothing() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let live = table.published(&table.write(DAYS[0], SQL[0]).args(BY_PART)).await?;
    let written = table.write(DAYS[1], SQL[1]).args(BY_PART).succeeds().await?;
    let run = lakeward_tests::table::Run::of(written)?;
    let (register, fault) =
        stalled(&lake, &table.register(&run), "BatchCreatePartition", "orders", 1).await?;
    table.gc().args(NO_GRACE).succeeds().await?;
    fault.release();
    register.ended().await?.into_refusal(Kind::Fenced, &[&run.id, "retired"])?;
    // No other gc has passed since it woke.
    assert_eq!(table.staged_tables().await?, Vec::<String>::new());
    let data = table.data().await?;
    assert!(data.iter().all(|key| key.contains(&live.id)), "beside the live run's files: {data:?}");
    table.shows(&live, SQL[0]).await
}
