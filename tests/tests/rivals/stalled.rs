//! Steps that stall while their run is taken over, rejected, abandoned or published by others.

use anyhow::{Context as _, Result};
use lakeward_manifest::Step;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{Command, World};

use crate::orders::{Orders, abandon, gc, register, reject, swap, verify};
use crate::stalls::{Event, Stall};
use crate::tally::DONE;

/// Run 1 is live, and run 2 has come as far as `last`, if it has begun.
async fn run_two_until(table: Orders, last: Option<Step>) -> Result<World> {
    let world = table.prepared(1, 1).await?;
    let steps = [(Step::Write, table.write(2)), (Step::Register, register(2)), (Step::Verify, verify(2))];
    let count = last.map_or(0, |last| steps.iter().take_while(|(step, _)| *step != last).count() + 1);
    for (_, command) in steps.iter().take(count) {
        world.succeeds(command).await?;
    }
    Ok(world)
}

const DONE_ONLY: &[&str] = &[DONE];
const REJECTED: &[&str] = &[Kind::Rejected.name()];

/// Another execution of a step, and how it ends.
fn ends(command: Command, ends: &'static [&'static str]) -> Event {
    let other = format!("other-{}", command.caller());
    Event::Runs(command.called(&other), ends)
}

/// Another execution of a step, which always succeeds.
fn runs(command: Command) -> Event {
    ends(command, DONE_ONLY)
}

/// What happens to run 2 of a table, from its first step on that is not done yet.
type Scene = fn(Orders) -> (Command, Vec<Event>);

/// Stalls a step of run 2 everywhere while something happens, with and without partitions; it must end in each of these ways
/// somewhere.
async fn stalls(
    last: Option<Step>,
    scene: Scene,
    may_end: &'static [Kind],
    live: &'static [u32],
) -> Result<()> {
    for table in [Orders::Unpartitioned, Orders::Partitioned] {
        let world = run_two_until(table, last).await?;
        let (step, meanwhile) = scene(table);
        let stall = Stall { world: &world, run: 2, step, meanwhile, may_end, live };
        stall.before_each_request().await.with_context(|| format!("{table:?}"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_by_a_second_attempt() -> Result<()> {
    let scene: Scene = |table| (table.write(2), vec![runs(table.write(2))]);
    stalls(None, scene, &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_by_an_attempt_with_a_mended_query() -> Result<()> {
    // Once the stalled one has sealed the run, the other one comes too late.
    const ENDS: &[&str] = &[DONE, Kind::Usage.name()];
    let scene: Scene = |table| {
        let mended = table.write_of(2, "SELECT i AS id, 1::BIGINT AS part FROM range(7) t(i)");
        (table.write(2), vec![ends(mended, ENDS)])
    };
    // Before it has claimed the run, it is not fenced but told that the run is another request's.
    stalls(None, scene, &[Kind::Fenced, Kind::Usage], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_though_its_run_was_rejected_meanwhile() -> Result<()> {
    let scene: Scene =
        |table| (table.write(2), vec![runs(table.write(2)), runs(register(2)), ends(reject(2), REJECTED)]);
    // Before it has claimed the run, it is told how the run ended.
    stalls(None, scene, &[Kind::Fenced, Kind::Rejected], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_by_gc() -> Result<()> {
    let scene: Scene = |table| (table.write(2), vec![runs(gc())]);
    stalls(None, scene, &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_by_an_abandonment() -> Result<()> {
    let scene: Scene = |table| (table.write(2), vec![runs(abandon(2))]);
    stalls(None, scene, &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_by_an_attempt_whose_run_went_live() -> Result<()> {
    let scene: Scene = |table| {
        (table.write(2), vec![runs(table.write(2)), runs(register(2)), runs(verify(2)), runs(swap(2))])
    };
    stalls(None, scene, &[Kind::Fenced], &[2]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_register_brings_no_rejected_run_back() -> Result<()> {
    let scene: Scene = |_| (register(2), vec![runs(register(2)), ends(reject(2), REJECTED)]);
    stalls(Some(Step::Write), scene, &[Kind::Rejected], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_register_is_fenced_by_gc() -> Result<()> {
    let scene: Scene = |_| (register(2), vec![runs(gc())]);
    stalls(Some(Step::Write), scene, &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_register_is_fenced_by_an_abandonment() -> Result<()> {
    let scene: Scene = |_| (register(2), vec![runs(abandon(2))]);
    stalls(Some(Step::Write), scene, &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_register_does_no_harm_to_a_run_that_went_live() -> Result<()> {
    let scene: Scene = |_| (register(2), vec![runs(register(2)), runs(verify(2)), runs(swap(2))]);
    stalls(Some(Step::Write), scene, &[], &[2]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_verify_brings_no_rejected_run_back() -> Result<()> {
    // Once the stalled one has verified the run, the other one finds nothing to do.
    const ENDS: &[&str] = &[DONE, Kind::Rejected.name()];
    let scene: Scene = |_| (verify(2), vec![ends(reject(2), ENDS)]);
    stalls(Some(Step::Register), scene, &[Kind::Rejected], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_verify_rejects_no_run_that_another_has_verified() -> Result<()> {
    // Once the stalled one has rejected the run, the others are told so.
    const ENDS: &[&str] = &[DONE, Kind::Rejected.name()];
    let scene: Scene = |_| (reject(2), vec![ends(verify(2), ENDS), ends(swap(2), ENDS)]);
    stalls(Some(Step::Register), scene, &[Kind::Rejected], &[1, 2]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_verify_is_fenced_by_gc() -> Result<()> {
    let scene: Scene = |_| (verify(2), vec![runs(gc())]);
    stalls(Some(Step::Register), scene, &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_verify_is_fenced_by_an_abandonment() -> Result<()> {
    let scene: Scene = |_| (verify(2), vec![runs(abandon(2))]);
    stalls(Some(Step::Register), scene, &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_swap_is_fenced_by_gc() -> Result<()> {
    // Once it holds the live table, gc leaves its run alone.
    let scene: Scene = |_| (swap(2), vec![runs(gc())]);
    stalls(Some(Step::Verify), scene, &[Kind::Fenced], &[1, 2]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_swap_is_fenced_by_an_abandonment() -> Result<()> {
    // Once it holds the live table, its run is not abandoned any more.
    const ENDS: &[&str] = &[DONE, Kind::Usage.name()];
    let scene: Scene = |_| (swap(2), vec![ends(abandon(2), ENDS)]);
    stalls(Some(Step::Verify), scene, &[Kind::Fenced], &[1, 2]).await
}
