//! gc that cannot hurt: cases by name, and random histories of a table, checked after each event against a model that knows
//! nothing of how gc plans. `LAKEWARD_SEED` repeats those, `LAKEWARD_CASES` sets how many are tried.

mod history;
mod model;
mod named;
mod operations;

use std::time::Duration;

use anyhow::{Context as _, Result};
use lakeward_tests::embedded::{Orders, World};
use proptest::collection::vec;
use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestRng, TestRunner,
};

use history::History;
use operations::{Operation, operation};

/// Histories for each kind of table, unless told otherwise: more where all tests are wanted.
const CASES: u32 = if cfg!(feature = "full") { 200 } else { 24 };
/// The longest history.
const LONGEST: usize = 16;
/// An event that takes longer hangs.
const PATIENCE: Duration = Duration::from_mins(1);
/// Histories that once failed: they are tried first.
const REGRESSIONS: &str = "tests/gc_safety/regressions.txt";

fn number<N: std::str::FromStr>(variable: &str) -> Result<Option<N>> {
    let text = std::env::var(variable).ok();
    text.map(|text| text.parse().ok().with_context(|| format!("{variable} is no number: {text}"))).transpose()
}

#[expect(clippy::print_stdout, reason = "a failure must be repeatable")]
fn runner() -> Result<TestRunner> {
    let random = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "seed");
    let seed: u64 = number("LAKEWARD_SEED")?.unwrap_or_else(random);
    println!("LAKEWARD_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: number("LAKEWARD_CASES")?.unwrap_or(CASES),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        max_shrink_time: 120_000,
        ..Config::default()
    };
    Ok(TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)))
}

/// Plays random histories of a table. Each begins with a live version.
#[expect(clippy::print_stdout, reason = "a history that fails is told before it is shrunk")]
fn holds(table: Orders) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let base = runtime.block_on(async {
        let world = World::start().await?;
        for step in &table.publish(0) {
            world.succeeds(step).await?;
        }
        anyhow::Ok(world)
    })?;
    let play = |operations: Vec<Operation>| {
        let played = runtime.block_on(async {
            let mut history = History::begin(base.fork().await?, table).await?;
            for operation in &operations {
                let played = tokio::time::timeout(PATIENCE, history.play(operation)).await;
                played.context("it hangs").flatten().with_context(|| format!("at {operation:?}"))?;
            }
            history.end().await.context("at the end")
        });
        played.map_err(|error: anyhow::Error| {
            println!("{error:#}: {operations:?}");
            TestCaseError::fail(format!("{error:#}"))
        })
    };
    runner()?.run(&vec(operation(), 1..=LONGEST), play).map_err(|error| anyhow::anyhow!("{error}"))
}

#[test]
fn gc_deletes_nothing_reachable_and_leaves_nothing_else_of_an_unpartitioned_table() -> Result<()> {
    holds(Orders { partitioned: false })
}

#[test]
fn gc_deletes_nothing_reachable_and_leaves_nothing_else_of_a_partitioned_table() -> Result<()> {
    holds(Orders { partitioned: true })
}
