//! Batches that are done in part, or told so.

use std::num::NonZeroUsize;

use anyhow::{Context as _, Error, Result, bail, ensure};
use aws_sdk_s3::types::{ObjectLockLegalHold, ObjectLockLegalHoldStatus};
use lakeward_local::{Effect, Rule, When};
use lakeward_manifest::Step;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{Command, Orders, World};
use lakeward_tests::table::{DAYS, NO_GRACE};
use serde_json::Value;

use crate::lake::{before_a_swap, live, manifest, open_at_glue, partitions, shows};

/// What a swap sends to Glue.
const BATCHES: [&str; 3] = ["BatchUpdatePartition", "BatchCreatePartition", "BatchDeletePartition"];

fn fail_items(every: usize, code: &str) -> Result<Effect> {
    let every = NonZeroUsize::new(every).context("every 0th item")?;
    Ok(Effect::FailItems { every, code: code.to_owned() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_half_succeeded_is_made_whole_before_the_swap_commits() -> Result<()> {
    let ready = before_a_swap(130, 30).await?;
    let every_third = fail_items(3, "InternalServiceException")?;
    // Not done and told so; done and told otherwise, so that a second try meets what the first has done.
    for when in [When::Before, When::After] {
        let world = ready.fork().await?;
        let faults =
            BATCHES.map(|batch| world.faults().set(Rule::new(when, every_third.clone()).operation(batch)));
        world.succeeds(&Orders::swap(2)).await?;
        let failed = faults.map(|fault| fault.failed_items());
        // Of 100 that are moved, of 30 that are created, and of the first 25 that are removed.
        ensure!(failed == [33, 10, 8], "{when:?}: other items failed: {failed:?}");
        shows(&world, 2).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_succeeded_and_was_not_answered_is_sent_again_without_harm() -> Result<()> {
    let ready = before_a_swap(130, 30).await?;
    for effect in open_at_glue() {
        let world = ready.fork().await?;
        let lost = |batch: &str| world.faults().set(Rule::new(When::After, effect.clone()).operation(batch));
        let faults = BATCHES.map(lost);
        world.succeeds(&Orders::swap(2)).await?;
        ensure!(faults.iter().all(|fault| fault.fired() == 1), "{effect:?}: a batch was not sent");
        shows(&world, 2).await?;
    }
    let world = ready;
    world.succeeds(&Orders::swap(2)).await?;
    let lost = world.faults().set(Rule::new(When::After, Effect::Drop).operation("DeleteObjects"));
    let collected = world.succeeds(&Orders::gc_all()).await?;
    ensure!(lost.fired() == 1 && collected["done"]["objects_deleted"] == 130, "{collected}");
    ensure!(manifest(&world, 1).await?["phase"] == "retired");
    shows(&world, 2).await
}

/// The values of those partitions that are not yet as run 2 has them, and of those that it does not have. Run 1 has 12, and
/// run 2 as many, three further.
async fn left_undone(world: &World) -> Result<(Vec<String>, Vec<String>)> {
    let location = format!("s3://lake/{}", Orders::writes(2));
    let found = partitions(world).await?;
    let is_there = |value: &String| found.iter().any(|(found, _)| found == value);
    let is_moved = |value: &String| found.iter().any(|(v, at)| v == value && at.starts_with(&location));
    let wanted = (3..15).map(|value: u32| value.to_string());
    let unwanted = (0..3).map(|value: u32| value.to_string());
    Ok((wanted.filter(|value| !is_moved(value)).collect(), unwanted.filter(is_there).collect()))
}

/// dbt-adapters#1842: the swap ignored errors of single partitions, and was half done in silence.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_single_partition_keeps_the_swap_from_committing() -> Result<()> {
    let ready = before_a_swap(12, 3).await?;
    // Of the 9 that are moved, the 3 that are created, or the 3 that are removed, one fails, each time that it is tried.
    for (batch, items, code, kind) in [
        ("BatchUpdatePartition", 9, "AccessDeniedException", Kind::Configuration),
        ("BatchUpdatePartition", 9, "InvalidInputException", Kind::Unexpected),
        ("BatchCreatePartition", 3, "AccessDeniedException", Kind::Configuration),
        ("BatchDeletePartition", 3, "AccessDeniedException", Kind::Configuration),
    ] {
        let world = ready.fork().await?;
        let rule = |items| Ok::<_, Error>(Rule::new(When::Before, fail_items(items, code)?).operation(batch));
        let among_others = world.faults().set(rule(items)?);
        let alone = world.faults().set(rule(1)?.nth(2).times(u64::MAX));
        let failure = world.run(&Orders::swap(2)).await?.err().context("the swap claims success")?;
        ensure!(failure.kind() == kind && failure.message().contains(code), "{batch} {code}: {failure}");
        ensure!(among_others.failed_items() == 1, "{batch}: {} failed", among_others.failed_items());
        ensure!(alone.fired() > 0 && alone.failed_items() == alone.fired(), "{batch}: others failed as well");
        ensure!(live(&world).await? == (Orders::run(1), true), "{batch}: {:?}", live(&world).await?);
        ensure!(manifest(&world, 2).await?["phase"] == "verified", "it was recorded as published");

        let (undone, unwanted) = left_undone(&world).await?;
        let removes = batch == "BatchDeletePartition";
        let (failed, others) = if removes { (unwanted, undone) } else { (undone, unwanted) };
        let [failed] = &failed[..] else { bail!("{batch}: not one partition is as it was: {failed:?}") };
        ensure!(failure.message().contains(&format!("[{failed:?}]")), "{failed} is not named: {failure}");
        // Nothing is removed before all the rest is there.
        ensure!(others.len() == if removes { 0 } else { 3 }, "{batch}: {others:?}");
        world.faults().clear();
        world.succeeds(&Orders::swap(2)).await?;
        shows(&world, 2).await?;
    }
    Ok(())
}

/// The run of a day of the table in a bucket whose objects can be held.
struct Held<'w> {
    world: &'w World,
    day: &'static str,
}

impl Held<'_> {
    const BUCKET: &'static str = "locked";
    const ROOT: &'static str = "s3://locked/orders/";

    fn manifest(&self) -> String {
        let run = self.day.trim_end_matches('Z').replace('T', "-").replace(':', "");
        format!("orders/_runs/{run}/manifest.json")
    }

    async fn document(&self) -> Result<Value> {
        let got = self.world.s3().get_object().bucket(Self::BUCKET).key(self.manifest()).send().await?;
        Ok(serde_json::from_slice(&got.body.collect().await?.into_bytes())?)
    }

    async fn publish(&self) -> Result<()> {
        let flags = ["--table", Self::ROOT, "--glue-table", "shop.orders", "--partition-by", "part"];
        let sql = "SELECT i AS id, i AS part FROM range(5) t(i)";
        let write = Command::new(Step::Write).args(flags).args(["--run-ts", self.day, "--sql", sql]);
        self.world.succeeds(&write).await?;
        let manifest = format!("s3://{}/{}", Self::BUCKET, self.manifest());
        for step in [Step::Register, Step::Verify, Step::Swap] {
            self.world.succeeds(&Command::new(step).args([&manifest])).await?;
        }
        Ok(())
    }

    /// Puts a legal hold on the first file, or takes it away; the file's URI.
    async fn hold_a_file(&self, held: bool) -> Result<String> {
        let document = self.document().await?;
        let field = |pointer| document.pointer(pointer).and_then(Value::as_str).context("no such field");
        let uri = format!("{}{}", field("/write/location")?, field("/write/files/0/path")?);
        let (bucket, key) =
            uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).context("no URI")?;
        let status = if held { ObjectLockLegalHoldStatus::On } else { ObjectLockLegalHoldStatus::Off };
        let hold = ObjectLockLegalHold::builder().status(status).build();
        self.world.s3().put_object_legal_hold().bucket(bucket).key(key).legal_hold(hold).send().await?;
        Ok(uri)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_single_object_keeps_its_run_from_counting_as_deleted() -> Result<()> {
    let world = &World::start().await?;
    world.s3().create_bucket().bucket(Held::BUCKET).object_lock_enabled_for_bucket(true).send().await?;
    let (first, second) = (Held { world, day: DAYS[0] }, Held { world, day: DAYS[1] });
    first.publish().await?;
    second.publish().await?;
    let gc = Command::new(Step::Gc).args([Held::ROOT]).args(NO_GRACE);
    let held = first.hold_a_file(true).await?;
    let failure = world.run(&gc).await?.err().context("gc claims success")?;
    ensure!(failure.kind() == Kind::Configuration && failure.message().contains(&held), "{failure}");
    let retiring = first.document().await?;
    ensure!(retiring["phase"] == "retiring" && retiring["write"]["files"][0].is_object(), "{retiring:#}");
    first.hold_a_file(false).await?;
    world.succeeds(&gc).await?;
    ensure!(first.document().await?["phase"] == "retired");
    let location = second.document().await?["write"]["location"].as_str().unwrap_or_default().to_owned();
    let shown = partitions(world).await?;
    ensure!(shown.len() == 5 && shown.iter().all(|(_, at)| at.starts_with(&location)), "{shown:?}");
    Ok(())
}
