//! Changes of one thing that were made, or were not, while their answers say nothing or something else.

use anyhow::{Context as _, Result, ensure};
use lakeward_local::{Effect, Entry, Outcome, Rule, When};
use lakeward_manifest::Step;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{BUCKET, Orders, World};
use lakeward_tests::table::{IN_PARTS, LARGE};

use crate::lake::{
    PLAIN, before_a_swap, live, manifest, open_at_glue, open_at_s3, published, refuse, shows, verified, write,
};

/// What became of the requests of one operation of one step, oldest first.
fn statuses(world: &World, caller: &str, operation: &str, resource: &str) -> Vec<Option<u16>> {
    let of = |entry: &Entry| {
        entry.call.operation == operation
            && entry.call.caller.as_deref() == Some(caller)
            && entry.call.resource.contains(resource)
    };
    let status = |entry: &Entry| match entry.outcome {
        Outcome::Answered { status } => Some(status),
        Outcome::Dropped | Outcome::InFlight => None,
    };
    world.lake().requests().entries().iter().filter(|entry| of(entry)).map(status).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_put_that_succeeded_but_answered_5xx_is_known_by_its_bytes_after_the_412() -> Result<()>
{
    for effect in open_at_s3() {
        let world = World::start().await?;
        // Every change of every manifest: claim, seal, registration, verification, announcement and record.
        let every_first_try = (1..=6).map(|put| {
            let rule =
                Rule::new(When::After, effect.clone()).operation("PutObject").containing("manifest.json");
            world.faults().set(rule.nth(2 * put - 1))
        });
        let faults: Vec<_> = every_first_try.collect();
        published(&world, 1, &write(1, 3, 0)).await?;
        ensure!(faults.iter().all(|fault| fault.fired() == 1), "not every put was answered so: {effect:?}");
        for (step, puts) in [(Step::Write, 2), (Step::Register, 1), (Step::Verify, 1), (Step::Swap, 2)] {
            let answers = statuses(&world, step.binary(), "PutObject", "manifest.json");
            let retries: Vec<_> = answers.iter().skip(1).step_by(2).collect();
            ensure!(retries == vec![&Some(412); puts], "{step}: {answers:?}");
        }
        let document = manifest(&world, 1).await?;
        ensure!(document["attempt"]["number"] == 1, "its own claim was taken for a rival's: {document:#}");
        shows(&world, 1).await?;
    }
    Ok(())
}

/// apache/iceberg#7151: a retried commit that had succeeded was read as a conflict, and live files were deleted.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_table_that_succeeded_but_answered_5xx_or_a_timeout_is_known_by_its_marks() -> Result<()> {
    let ready = before_a_swap(3, 1).await?;
    shows(&ready, 1).await?;
    for effect in open_at_glue() {
        // The first update announces the swap in the table, the second commits it.
        for (nth, retry) in [(1, 1), (2, 2)] {
            let world = ready.fork().await?;
            let rule = Rule::new(When::After, effect.clone()).operation("UpdateTable").nth(nth);
            let fault = world.faults().set(rule);
            let swapped = world.succeeds(&Orders::swap(2)).await?;
            ensure!(fault.fired() == 1 && swapped["already_done"] == false, "{effect:?}: {swapped}");
            let answers = statuses(&world, Step::Swap.binary(), "UpdateTable", Orders::NAME);
            // Sent again, it meets the ConcurrentModificationException of its own success.
            ensure!(answers.len() == 3 && answers.get(retry) == Some(&Some(400)), "{effect:?}: {answers:?}");
            shows(&world, 2).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_table_that_succeeded_but_was_not_answered_is_known_by_its_marks() -> Result<()> {
    for effect in open_at_glue() {
        let world = World::start().await?;
        // The first table that is created is the staged one, the second the live one.
        let tables = [1, 3].map(|nth| {
            let rule = Rule::new(When::After, effect.clone()).operation("CreateTable").nth(nth);
            world.faults().set(rule)
        });
        published(&world, 1, &write(1, 3, 0)).await?;
        ensure!(tables.iter().all(|fault| fault.fired() == 1), "{effect:?}");
        shows(&world, 1).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_is_real_is_not_explained_away_by_a_lost_answer() -> Result<()> {
    let world = World::start().await?;
    published(&world, 1, &PLAIN.write(1)).await?;
    for run in [2, 3] {
        verified(&world, run, &PLAIN.write(run)).await?;
    }
    // The first try is not applied, though its sender cannot know; before the second, a rival is faster.
    let update =
        |effect| Rule::new(When::Before, effect).operation("UpdateTable").caller(Step::Swap.binary());
    let lost = world.faults().set(update(refuse(500, "InternalServiceException")));
    let second_try = world.faults().set(update(Effect::Pause).nth(2));
    let rival = Orders::swap(3).called("rival");
    let rival = world.succeeds(&rival);
    let (swapped, _) = world.run_meanwhile(&Orders::swap(2), &second_try, rival).await?;
    let failure = swapped.err().context("the swap claims success")?;
    ensure!(lost.fired() == 1, "no answer was lost");
    ensure!(failure.kind() == Kind::Fenced, "{failure}");
    ensure!(live(&world).await?.0 == Orders::run(3), "the rival's run is no longer live");
    let phase = &manifest(&world, 2).await?["phase"];
    ensure!(phase == "verified", "a publication that was not was recorded");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_succeeded_is_found_after_no_such_upload() -> Result<()> {
    for effect in open_at_s3() {
        let world = World::start().await?;
        let fault =
            world.faults().set(Rule::new(When::After, effect.clone()).operation("CompleteMultipartUpload"));
        world.succeeds(&PLAIN.write_of(1, LARGE).args(IN_PARTS)).await?;
        let answers = statuses(&world, Step::Write.binary(), "CompleteMultipartUpload", "_writes/");
        ensure!(fault.fired() == 1 && answers.get(1) == Some(&Some(404)), "{effect:?}: {answers:?}");
        let aborts = statuses(&world, Step::Write.binary(), "AbortMultipartUpload", "_writes/");
        ensure!(aborts.is_empty(), "an upload that had succeeded was aborted");
        for next in [Orders::register(1), Orders::verify(1), Orders::swap(1)] {
            world.succeeds(&next).await?;
        }
        let uploads = world.s3().list_multipart_uploads().bucket(BUCKET).send().await?;
        ensure!(uploads.uploads().is_empty(), "uploads are left: {uploads:?}");
    }
    Ok(())
}
