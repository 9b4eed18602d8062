//! Each step is disturbed at each of its requests, and made good by running it again. `--nocapture` shows what was tried.

use anyhow::Result;
use lakeward_manifest::Step;
use lakeward_tests::crash::{Scenario, Shape, requests, try_every_point};

const PROMISES: &str = include_str!("../../docs/PROTOCOL.md");

/// A test for each step and shape, and the list of them.
macro_rules! tests {
    ($($name:ident: $step:ident, $shape:ident;)+) => {
        const TRIED: &[(Step, Shape)] = &[$((Step::$step, Shape::$shape)),+];
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() -> Result<()> {
            for scenario in Scenario::of(Step::$step, Shape::$shape) {
                println!("{}", try_every_point(scenario).await?);
            }
            Ok(())
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

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_numbers_of_requests_are_right() -> Result<()> {
    let mut wrong = Vec::new();
    for &(step, shape) in TRIED {
        let mut counts = Vec::new();
        for scenario in Scenario::of(step, shape) {
            counts.push(format!("{} {}", scenario.story.name(), requests(scenario).await?));
        }
        let row = format!("| {step} | {} | {} |", shape.name(), counts.join(", "));
        if !PROMISES.contains(&row) {
            wrong.push(row);
        }
    }
    assert!(wrong.is_empty(), "docs/PROTOCOL.md lacks:\n{}", wrong.join("\n"));
    Ok(())
}
