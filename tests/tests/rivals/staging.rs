//! The steps before a run goes live, twice at once or beside another run's swap.

use anyhow::Result;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::Ended;

use crate::orders::{Orders, register, swap, verify};
use crate::schedules::Rivals;

/// Nothing of this changes what is live.
const STAYS: fn(&[Ended; 2]) -> &'static [u32] = |_| &[1];

#[tokio::test(flavor = "multi_thread")]
async fn of_two_attempts_of_one_write_one_seals_the_run() -> Result<()> {
    let world = Orders::Unpartitioned.prepared(1, 1).await?;
    let write = Orders::Unpartitioned.write(2);
    let steps = [write.clone().called("write-a"), write.called("write-b")];
    let may_end: [&[Kind]; 2] = [&[Kind::Fenced], &[Kind::Fenced]];
    let rivals = Rivals { world: &world, steps, may_end, live: STAYS, repeatable: true };
    let tally = rivals.meet(2).await?;
    assert!(tally.of("write-a", Kind::Fenced) > 0, "no attempt was ever fenced: {tally}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_registers_of_one_run_make_one_staged_table() -> Result<()> {
    let world = Orders::Partitioned.prepared(1, 1).await?;
    world.succeeds(&Orders::Partitioned.write(2)).await?;
    let steps = [register(2).called("register-a"), register(2).called("register-b")];
    let rivals = Rivals { world: &world, steps, may_end: [&[], &[]], live: STAYS, repeatable: true };
    rivals.meet(2).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_verified_while_an_older_one_goes_live() -> Result<()> {
    let world = Orders::Partitioned.prepared(1, 2).await?;
    for step in [Orders::Partitioned.write(3), register(3)] {
        world.succeeds(&step).await?;
    }
    let live = |_: &[Ended; 2]| -> &'static [u32] { &[2] };
    let steps = [verify(3), swap(2)];
    let rivals = Rivals { world: &world, steps, may_end: [&[], &[]], live, repeatable: true };
    rivals.meet(2).await.map(drop)
}
