//! Real processes, killed by SIGKILL at each of a step's requests. `--nocapture` shows what was tried.

use anyhow::Result;
use lakeward_manifest::Step;
use lakeward_tests::crash::{Scenario, Shape, Story, kill_at_every_point};

/// Kills each step at each of its requests; the tables of what was tried.
async fn every_kill(shape: Shape) -> Result<String> {
    let mut tables = String::new();
    for step in [Step::Write, Step::Register, Step::Verify, Step::Swap, Step::Gc] {
        let scenario = Scenario { step, story: Story::LaterRun, shape };
        tables.push_str(&kill_at_every_point(scenario).await?.to_string());
    }
    Ok(tables)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_an_unpartitioned_table_is_made_good_wherever_it_is_killed() -> Result<()> {
    println!("{}", every_kill(Shape::Plain).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_a_partitioned_table_is_made_good_wherever_it_is_killed() -> Result<()> {
    println!("{}", every_kill(Shape::Partitioned).await?);
    Ok(())
}
