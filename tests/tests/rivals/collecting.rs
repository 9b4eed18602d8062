//! gc beside steps whose runs it has every reason to delete: it works without any grace.

use anyhow::Result;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{Command, Ended, World};

use crate::orders::{Orders, gc, register, roll_back, swap, verify};
use crate::schedules::Rivals;

/// Which run must be live when run 2 was, and the step that may be fenced would make another one so.
type Live = fn(&[Ended; 2]) -> &'static [u32];

async fn gc_beside(world: &World, step: Command, live: Live, preemptions: usize) -> Result<()> {
    let may_end: [&[Kind]; 2] = [&[], &[Kind::Fenced]];
    let rivals = Rivals { world, steps: [gc(), step], may_end, live, repeatable: false };
    rivals.meet(preemptions).await.map(drop)
}

async fn a_swap(orders: Orders, preemptions: usize) -> Result<()> {
    let world = orders.prepared(2, 3).await?;
    let live = |ended: &[Ended; 2]| -> &'static [u32] { if ended[1].is_ok() { &[3] } else { &[2] } };
    gc_beside(&world, swap(3), live, preemptions).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_beside_a_swap_deletes_nothing_that_goes_live() -> Result<()> {
    a_swap(Orders::Unpartitioned, 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_beside_a_swap_of_partitions_deletes_nothing_that_goes_live() -> Result<()> {
    a_swap(Orders::Partitioned, 1).await
}

async fn a_rollback(orders: Orders, preemptions: usize) -> Result<()> {
    let world = orders.prepared(2, 2).await?;
    let live = |ended: &[Ended; 2]| -> &'static [u32] { if ended[1].is_ok() { &[1] } else { &[2] } };
    gc_beside(&world, roll_back(1), live, preemptions).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_beside_a_rollback_deletes_nothing_that_goes_live() -> Result<()> {
    a_rollback(Orders::Unpartitioned, 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_beside_a_rollback_of_partitions_deletes_nothing_that_goes_live() -> Result<()> {
    a_rollback(Orders::Partitioned, 2).await
}

/// The live run stays, whatever becomes of the one on its way.
const STAYS: Live = |_| &[1];

#[tokio::test(flavor = "multi_thread")]
async fn gc_beside_a_write_leaves_a_whole_run_or_none() -> Result<()> {
    let world = Orders::Partitioned.prepared(1, 1).await?;
    gc_beside(&world, Orders::Partitioned.write(2), STAYS, 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_beside_a_register_leaves_a_whole_run_or_none() -> Result<()> {
    let world = Orders::Partitioned.prepared(1, 1).await?;
    world.succeeds(&Orders::Partitioned.write(2)).await?;
    gc_beside(&world, register(2), STAYS, 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn gc_beside_a_verify_leaves_a_whole_run_or_none() -> Result<()> {
    let world = Orders::Partitioned.prepared(1, 1).await?;
    for step in [Orders::Partitioned.write(2), register(2)] {
        world.succeeds(&step).await?;
    }
    gc_beside(&world, verify(2), STAYS, 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gcs_at_once_delete_what_one_would() -> Result<()> {
    let world = Orders::Partitioned.prepared(2, 3).await?;
    let steps = [gc().called("gc-a"), gc().called("gc-b")];
    let live: Live = |_| &[2];
    let rivals = Rivals { world: &world, steps, may_end: [&[], &[]], live, repeatable: true };
    rivals.meet(1).await.map(drop)
}
