//! Each step is disturbed at each of its requests, and made good by running it again. What was tried is written to stderr.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use lakeward_manifest::Step;
use lakeward_tests::crash::{Mode, POINTS, Scenario, Shape, requests, rows, tell, try_every_point};

/// A test for each step and shape, and the list of them.
macro_rules! tests {
    ($($name:ident: $step:ident, $shape:ident;)+) => {
        const TRIED: &[(Step, Shape)] = &[$((Step::$step, Shape::$shape)),+];
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() -> Result<()> {
            tries_what_is_documented(Step::$step, Shape::$shape).await
        })+
    };
}

tests! {
    a_write_is_made_good_from_every_crash_point: Write, Plain;
    a_partitioned_write_is_made_good_from_every_crash_point: Write, Partitioned;
    a_write_in_parts_is_made_good_from_every_crash_point: Write, Large;
    a_register_is_made_good_from_every_crash_point: Register, Plain;
    a_partitioned_register_is_made_good_from_every_crash_point: Register, Partitioned;
    a_verify_is_made_good_from_every_crash_point: Verify, Plain;
    a_partitioned_verify_is_made_good_from_every_crash_point: Verify, Partitioned;
    a_swap_is_made_good_from_every_crash_point: Swap, Plain;
    a_partitioned_swap_is_made_good_from_every_crash_point: Swap, Partitioned;
    a_swap_in_batches_is_made_good_from_every_crash_point: Swap, Wide;
    a_gc_is_made_good_from_every_crash_point: Gc, Plain;
    a_partitioned_gc_is_made_good_from_every_crash_point: Gc, Partitioned;
}

/// The row of `docs/PROTOCOL.md` for a step on tables of a shape, from the requests of each scenario.
fn row(step: Step, shape: Shape, counts: &[(Scenario, u64)]) -> String {
    let stories: Vec<_> =
        counts.iter().map(|(scenario, count)| format!("{} {count}", scenario.story.name())).collect();
    let each: u64 = counts.iter().map(|(_, count)| count).sum();
    let all = each * Mode::ALL.len() as u64;
    format!("| {step} | {} | {} | {each} | {all} |", shape.name(), stories.join(", "))
}

/// Tries every point of a step, in each mode as many as `docs/PROTOCOL.md` says.
async fn tries_what_is_documented(step: Step, shape: Shape) -> Result<()> {
    let mut tried: BTreeMap<&str, Vec<(Scenario, u64)>> = BTreeMap::new();
    for scenario in Scenario::of(step, shape) {
        let tally = try_every_point(scenario).await?;
        tell(&tally)?;
        for (mode, points) in tally.points() {
            tried.entry(mode).or_default().push((scenario, points));
        }
    }
    ensure!(tried.len() == Mode::ALL.len(), "only these modes were tried: {:?}", tried.keys());
    for (mode, counts) in tried {
        let row = row(step, shape, &counts);
        ensure!(rows(POINTS)?.contains(&row.as_str()), "{mode}: docs/PROTOCOL.md lacks {row}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_numbers_of_requests_are_right() -> Result<()> {
    let mut counted = BTreeSet::new();
    for &(step, shape) in TRIED {
        let mut counts = Vec::new();
        for scenario in Scenario::of(step, shape) {
            counts.push((scenario, requests(scenario).await?));
        }
        counted.insert(row(step, shape, &counts));
    }
    let documented: BTreeSet<String> = rows(POINTS)?.into_iter().map(str::to_owned).collect();
    ensure!(documented == counted, "docs/PROTOCOL.md has {documented:#?} instead of {counted:#?}");
    Ok(())
}
