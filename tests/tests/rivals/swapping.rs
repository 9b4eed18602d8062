//! Two changes of the live table at once.

use anyhow::{Result, ensure};
use lakeward_outcome::Kind;
use lakeward_tests::embedded::Ended;

use crate::orders::{Orders, roll_back, swap};
use crate::schedules::Rivals;

/// The newer run is live in the end, however both swaps went.
const NEWER: fn(&[Ended; 2]) -> &'static [u32] = |_| &[3];

async fn two_runs(orders: Orders, published: u32, preemptions: usize) -> Result<()> {
    let world = orders.prepared(published, 3).await?;
    let steps = [swap(2).called("swap-2"), swap(3).called("swap-3")];
    let rivals =
        Rivals { world: &world, steps, may_end: [&[Kind::Fenced], &[]], live: NEWER, repeatable: true };
    let tally = rivals.meet(preemptions).await?;
    ensure!(tally.of("swap-2", Kind::Fenced) > 0, "the older run never lost: {tally}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_swap_and_the_newer_one_is_live() -> Result<()> {
    two_runs(Orders::Unpartitioned, 1, 3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_swap_partitions_and_the_newer_one_is_live_whole() -> Result<()> {
    two_runs(Orders::Partitioned, 1, 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_are_the_first_of_a_table_and_the_newer_one_is_live() -> Result<()> {
    two_runs(Orders::Unpartitioned, 0, 3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_are_the_first_of_a_partitioned_table_and_the_newer_one_is_live_whole() -> Result<()> {
    two_runs(Orders::Partitioned, 0, 2).await
}

/// Two executions of one swap, as an orchestrator starts that has lost sight of the first.
async fn one_run_twice(orders: Orders, preemptions: usize) -> Result<()> {
    let world = orders.prepared(2, 3).await?;
    let steps = [swap(3).called("swap-a"), swap(3).called("swap-b")];
    // The one that is taken over says so; the other ends well.
    let may_end: [&[Kind]; 2] = [&[Kind::Fenced], &[Kind::Fenced]];
    let rivals = Rivals { world: &world, steps, may_end, live: NEWER, repeatable: true };
    rivals.meet(preemptions).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_is_swapped_twice_and_goes_live_once() -> Result<()> {
    one_run_twice(Orders::Unpartitioned, 3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_is_swapped_twice_and_goes_live_whole() -> Result<()> {
    one_run_twice(Orders::Partitioned, 2).await
}

/// A new run, and a person who rolls back: whoever is last wins, and both are told that they did it.
async fn against_a_rollback(orders: Orders, preemptions: usize) -> Result<()> {
    let world = orders.prepared(2, 3).await?;
    let steps = [swap(3), roll_back(1)];
    let may_end: [&[Kind]; 2] = [&[], &[]];
    let live = |_: &[Ended; 2]| -> &'static [u32] { &[1, 3] };
    let rivals = Rivals { world: &world, steps, may_end, live, repeatable: false };
    rivals.meet(preemptions).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_and_a_rollback_both_happen_in_some_order() -> Result<()> {
    against_a_rollback(Orders::Unpartitioned, 3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_and_a_rollback_of_partitions_both_happen_in_some_order() -> Result<()> {
    against_a_rollback(Orders::Partitioned, 2).await
}
