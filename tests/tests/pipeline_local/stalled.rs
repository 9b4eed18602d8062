//! Swaps that stall or die around the one change that counts, while others go on.

use anyhow::Result;
use lakeward_local::{Effect, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::{DAYS, NO_GRACE};

const SQL: [&str; 3] = ["SELECT 1 AS version", "SELECT 2 AS version", "SELECT 3 AS version"];

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_wakes_after_gc_has_retired_its_run_publishes_nothing() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let first = table.published(&table.write(DAYS[0], SQL[0])).await?;
    let second = table.verified(&table.write(DAYS[1], SQL[1])).await?;
    let change = Rule::new(When::Before, Effect::Pause).operation("UpdateTable").caller("lakeward-swap");
    let fault = lake.faults().set(change);
    let mut swap = table.swap(&second).start().await?;
    swap.reaches(&fault).await?;
    let collected = table.gc().args(NO_GRACE).succeeds().await?;
    assert_eq!(collected["done"]["runs_retired"], 1);
    fault.release();
    swap.ended().await?.into_refusal(Kind::Fenced, &[&second.id, "retired"])?;
    table.shows(&first, SQL[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_whose_swap_died_before_it_was_recorded_can_be_rolled_back_to() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    table.published(&table.write(DAYS[0], SQL[0])).await?;
    let second = table.verified(&table.write(DAYS[1], SQL[1])).await?;
    // The first of the manifest's changes announces the swap, the second records it.
    let record = Rule::new(When::Before, Effect::Drop).operation("PutObject").caller("lakeward-swap").nth(2);
    let fault = lake.faults().set(record.times(u64::MAX));
    let swap = table.swap(&second).arg("--patience=1s").run().await?;
    assert_ne!(swap.code, Some(0));
    assert!(fault.fired() > 0, "the record was never kept from being made");
    lake.faults().clear();
    table.shows(&second, SQL[1]).await?;
    assert_eq!(table.manifest(&second).await?["phase"], "verified");

    let third = table.published(&table.write(DAYS[2], SQL[2])).await?;
    table.shows(&third, SQL[2]).await?;
    assert_eq!(table.manifest(&second).await?["phase"], "published");
    table.roll_back(&second).succeeds().await?;
    table.shows(&second, SQL[1]).await
}
