//! Each step is disturbed at each of its requests, and made good by running it again. `--nocapture` shows what was tried.

use anyhow::Result;
use lakeward_manifest::Step;
use lakeward_tests::crash::{Scenario, requests, try_every_point};

const PROMISES: &str = include_str!("../../docs/PROTOCOL.md");
const STEPS: [Step; 5] = [Step::Write, Step::Register, Step::Verify, Step::Swap, Step::Gc];

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_numbers_of_requests_are_right() -> Result<()> {
    let mut wrong = Vec::new();
    for scenario in STEPS.into_iter().flat_map(Scenario::of) {
        let Scenario { step, story, shape } = scenario;
        let row = format!("| {step} | {} | {} | {} |", story.name(), shape.name(), requests(scenario).await?);
        if !PROMISES.contains(&row) {
            wrong.push(row);
        }
    }
    assert!(wrong.is_empty(), "docs/PROTOCOL.md lacks:\n{}", wrong.join("\n"));
    Ok(())
}

/// Tries every point of every scenario of a step; the tables of what was tried.
async fn every_point(step: Step) -> Result<String> {
    let mut tables = String::new();
    for scenario in Scenario::of(step) {
        tables.push_str(&try_every_point(scenario).await?.to_string());
    }
    Ok(tables)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_made_good_from_every_crash_point() -> Result<()> {
    println!("{}", every_point(Step::Write).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_register_is_made_good_from_every_crash_point() -> Result<()> {
    println!("{}", every_point(Step::Register).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verify_is_made_good_from_every_crash_point() -> Result<()> {
    println!("{}", every_point(Step::Verify).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_is_made_good_from_every_crash_point() -> Result<()> {
    println!("{}", every_point(Step::Swap).await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gc_is_made_good_from_every_crash_point() -> Result<()> {
    println!("{}", every_point(Step::Gc).await?);
    Ok(())
}
