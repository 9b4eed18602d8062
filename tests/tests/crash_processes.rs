//! Real processes, killed by SIGKILL at each of a step's requests. What was tried is written to stderr.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use lakeward_manifest::Step;
use lakeward_tests::crash::{KILLED, Scenario, Shape, Tally, kill_at_every_point, rows, tell};

const STEPS: [Step; 5] = [Step::Write, Step::Register, Step::Verify, Step::Swap, Step::Gc];

/// Kills each step at each of its requests, as often as `docs/PROTOCOL.md` says.
async fn every_kill(shape: Shape) -> Result<()> {
    let mut tried = BTreeSet::new();
    for step in STEPS {
        let mut tallies = Vec::new();
        for scenario in Scenario::of(step, shape) {
            let tally = kill_at_every_point(scenario).await?;
            tell(&tally)?;
            tallies.push(tally);
        }
        let points =
            |fate| tallies.iter().filter_map(|tally: &Tally| tally.points().remove(fate)).sum::<u64>();
        let (lost, lands) = (points("SIGKILL, request lost"), points("SIGKILL, request lands"));
        tried.insert(format!("| {step} | {} | {lost} | {lands} |", shape.name()));
    }
    let of_shape = format!("| {} |", shape.name());
    let documented: BTreeSet<String> =
        rows(KILLED)?.into_iter().filter(|row| row.contains(&of_shape)).map(str::to_owned).collect();
    ensure!(documented == tried, "docs/PROTOCOL.md has {documented:#?} instead of {tried:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_an_unpartitioned_table_is_made_good_wherever_it_is_killed() -> Result<()> {
    every_kill(Shape::Plain).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_a_partitioned_table_is_made_good_wherever_it_is_killed() -> Result<()> {
    every_kill(Shape::Partitioned).await
}
