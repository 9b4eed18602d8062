//! Steps that stall while their run is taken over, rejected, abandoned or published by others.

use anyhow::{Result, ensure};
use lakeward_manifest::Step;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{Command, World};

use crate::orders::{Orders, gc, register, reject, swap, verify};
use crate::stalls::{Event, Stall};

const TABLE: Orders = Orders::Partitioned;

/// Run 1 is live, and run 2 has come as far as `last`, if it has begun.
async fn run_two_until(last: Option<Step>) -> Result<World> {
    let world = TABLE.prepared(1, 1).await?;
    let steps = [(Step::Write, TABLE.write(2)), (Step::Register, register(2)), (Step::Verify, verify(2))];
    let count = last.map_or(0, |last| steps.iter().take_while(|(step, _)| *step != last).count() + 1);
    for (_, command) in steps.iter().take(count) {
        world.succeeds(command).await?;
    }
    Ok(world)
}

/// Another execution of a step.
fn runs(command: Command) -> Event {
    let other = format!("other-{}", command.step().name());
    Event::Runs(command.called(&other))
}

/// Stalls `step` of run 2 everywhere while `meanwhile` happens; it must be fenced somewhere.
async fn stalls(
    last: Option<Step>,
    step: Command,
    meanwhile: Vec<Event>,
    may_end: &'static [Kind],
    live: &'static [u32],
) -> Result<()> {
    let world = run_two_until(last).await?;
    let caller = step.caller().to_owned();
    let stall = Stall { world: &world, run: 2, step, meanwhile, may_end, live };
    let tally = stall.before_each_request().await?;
    for kind in may_end {
        ensure!(tally.of(&caller, *kind) > 0, "it never ended as {kind}: {tally}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_by_a_second_attempt() -> Result<()> {
    stalls(None, TABLE.write(2), vec![runs(TABLE.write(2))], &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_by_an_attempt_with_a_mended_query() -> Result<()> {
    let mended = TABLE.write_of(2, "SELECT i AS id, 1::BIGINT AS part FROM range(7) t(i)");
    // Before it has claimed the run, it is not fenced but told that the run is another request's.
    stalls(None, TABLE.write(2), vec![runs(mended)], &[Kind::Fenced, Kind::Usage], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_though_its_run_was_rejected_meanwhile() -> Result<()> {
    let meanwhile = vec![runs(TABLE.write(2)), runs(register(2)), runs(reject(2))];
    // Before it has claimed the run, it is told how the run ended.
    stalls(None, TABLE.write(2), meanwhile, &[Kind::Fenced, Kind::Rejected], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_by_gc() -> Result<()> {
    stalls(None, TABLE.write(2), vec![runs(gc())], &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_write_is_fenced_by_an_attempt_whose_run_went_live() -> Result<()> {
    let meanwhile = vec![runs(TABLE.write(2)), runs(register(2)), runs(verify(2)), runs(swap(2))];
    stalls(None, TABLE.write(2), meanwhile, &[Kind::Fenced], &[1, 2]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_register_brings_no_rejected_run_back() -> Result<()> {
    let meanwhile = vec![runs(register(2)), runs(reject(2))];
    stalls(Some(Step::Write), register(2), meanwhile, &[Kind::Rejected], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_register_is_fenced_by_gc() -> Result<()> {
    stalls(Some(Step::Write), register(2), vec![runs(gc())], &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_register_does_no_harm_to_a_run_that_went_live() -> Result<()> {
    let meanwhile = vec![runs(register(2)), runs(verify(2)), runs(swap(2))];
    stalls(Some(Step::Write), register(2), meanwhile, &[], &[2]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_verify_brings_no_rejected_run_back() -> Result<()> {
    stalls(Some(Step::Register), verify(2), vec![runs(reject(2))], &[Kind::Rejected], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_verify_rejects_no_run_that_another_has_verified() -> Result<()> {
    let meanwhile = vec![runs(verify(2)), runs(swap(2))];
    stalls(Some(Step::Register), reject(2), meanwhile, &[Kind::Rejected], &[1, 2]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_verify_is_fenced_by_gc() -> Result<()> {
    stalls(Some(Step::Register), verify(2), vec![runs(gc())], &[Kind::Fenced], &[1]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_swap_is_fenced_by_gc() -> Result<()> {
    // Once it holds the live table, gc leaves its run alone.
    stalls(Some(Step::Verify), swap(2), vec![runs(gc())], &[Kind::Fenced], &[1, 2]).await
}
