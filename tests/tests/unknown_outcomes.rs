//! Requests whose outcome their sender does not learn, or learns in part. Whole steps, which have to find out by reading
//! back; each test is one sentence of what S3 and Glue may do.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_glue::types::PartitionInput;
use aws_sdk_s3::types::{ObjectLockLegalHold, ObjectLockLegalHoldStatus};
use lakeward_local::{Effect, Entry, Hook, Outcome, Rule, Service, When};
use lakeward_manifest::Step;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{BUCKET, Command, DATABASE, World};
use serde_json::Value;

const ROOT: &str = "s3://lake/orders/";
const TABLE: &str = "orders";
const DAYS: [&str; 3] = ["2026-05-19T06:00:00Z", "2026-05-20T06:00:00Z", "2026-05-21T06:00:00Z"];
/// Large enough for an upload in parts.
const LARGE: &str = "SELECT i, hash(i) AS h FROM range(1000000) t(i)";
/// Flags by which gc keeps nothing but the live version.
const NO_GRACE: [&str; 4] =
    ["--retention-days=0", "--keep-versions=1", "--orphan-grace=0s", "--reader-grace=0s"];

/// Rows in `partitions` partitions that start at `first`.
fn sql(partitions: u32, first: u32) -> String {
    format!("SELECT i AS id, i + {first} AS part FROM range({partitions}) t(i)")
}

fn write(day: &str, sql: &str) -> Command {
    write_into(ROOT, day, sql)
}

fn write_into(root: &str, day: &str, sql: &str) -> Command {
    let flags = ["--table", root, "--glue-table", "shop.orders", "--run-ts", day, "--sql", sql];
    Command::new(Step::Write).args(flags)
}

fn by_part(day: &str, sql: &str) -> Command {
    write(day, sql).args(["--partition-by", "part"])
}

fn step(step: Step, manifest: &str) -> Command {
    Command::new(step).args([manifest])
}

fn gc() -> Command {
    Command::new(Step::Gc).args([ROOT, "--database", DATABASE]).args(NO_GRACE)
}

/// Writes, registers and verifies a run; the URI of its manifest.
async fn verified(world: &World, write: &Command) -> Result<String> {
    let manifest = world.succeeds(write).await?["manifest"].as_str().unwrap_or_default().to_owned();
    for next in [Step::Register, Step::Verify] {
        world.succeeds(&step(next, &manifest)).await?;
    }
    Ok(manifest)
}

async fn published(world: &World, write: &Command) -> Result<String> {
    let manifest = verified(world, write).await?;
    world.succeeds(&step(Step::Swap, &manifest)).await?;
    Ok(manifest)
}

/// A world with a published run of `partitions` partitions, and the manifest of a verified one of as many others, one
/// partition further.
async fn before_a_swap(partitions: u32) -> Result<(World, String, String)> {
    let world = World::start().await?;
    let first = published(&world, &by_part(DAYS[0], &sql(partitions, 0))).await?;
    let second = verified(&world, &by_part(DAYS[1], &sql(partitions, 1))).await?;
    Ok((world, first, second))
}

/// Bucket and key of a URI.
fn place(uri: &str) -> Result<(&str, &str)> {
    uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).with_context(|| uri.to_owned())
}

async fn document(world: &World, manifest: &str) -> Result<Value> {
    let (bucket, key) = place(manifest)?;
    let got = world.s3().get_object().bucket(bucket).key(key).send().await?;
    Ok(serde_json::from_slice(&got.body.collect().await?.into_bytes())?)
}

/// The live table's run, and whether a swap is under way.
async fn live(world: &World) -> Result<(String, bool)> {
    let got = world.glue().get_table().database_name(DATABASE).name(TABLE).send().await?;
    let parameters = got.table.and_then(|table| table.parameters).unwrap_or_default();
    let run = parameters.get("lakeward.run").cloned().unwrap_or_default();
    Ok((run, parameters.contains_key("lakeward.swapping")))
}

/// The Locations of the live table's partitions, by value.
async fn partitions(world: &World) -> Result<Vec<(String, String)>> {
    let glue = world.glue();
    let mut pages = glue.get_partitions().database_name(DATABASE).table_name(TABLE).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page?.partitions.unwrap_or_default().into_iter().map(|partition| {
            let location = partition.storage_descriptor.and_then(|storage| storage.location);
            (partition.values.unwrap_or_default().concat(), location.unwrap_or_default())
        }));
    }
    found.sort();
    Ok(found)
}

/// Fails unless the live table shows this run alone: its marks, every partition of it, and one publication.
async fn shows(world: &World, manifest: &str) -> Result<()> {
    let document = document(world, manifest).await?;
    let run = document["run"]["id"].as_str().unwrap_or_default();
    ensure!(live(world).await? == (run.to_owned(), false), "the live table shows {:?}", live(world).await?);
    let publications = document["swap"]["publications"].as_array().map(Vec::len);
    ensure!(document["phase"] == "published" && publications == Some(1), "{document:#}");
    let files = document["write"]["files"].as_array().context("no files")?;
    let wanted: BTreeSet<&str> = files.iter().filter_map(|file| file["partition"][0].as_str()).collect();
    let found = partitions(world).await?;
    let values: BTreeSet<&str> = found.iter().map(|(value, _)| value.as_str()).collect();
    ensure!(
        values == wanted && found.len() == wanted.len(),
        "{} partitions of {}",
        found.len(),
        wanted.len()
    );
    let location = document["write"]["location"].as_str().unwrap_or_default();
    let stray = found.iter().find(|(_, at)| !at.starts_with(location));
    ensure!(stray.is_none(), "a partition of another run: {stray:?}");
    Ok(())
}

fn refuse(status: u16, code: &str) -> Effect {
    Effect::Refuse { status, code: code.to_owned() }
}

/// The ways in which S3 leaves a request's outcome open.
fn open_at_s3() -> [Effect; 3] {
    [refuse(500, "InternalError"), refuse(503, "ServiceUnavailable"), Effect::Drop]
}

/// The ways in which Glue does.
fn open_at_glue() -> [Effect; 3] {
    [refuse(500, "InternalServiceException"), refuse(400, "OperationTimeoutException"), Effect::Drop]
}

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
        let manifest = published(&world, &by_part(DAYS[0], &sql(3, 0))).await?;
        ensure!(faults.iter().all(|fault| fault.fired() == 1), "not every put was answered so: {effect:?}");
        for (step, puts) in [(Step::Write, 2), (Step::Register, 1), (Step::Verify, 1), (Step::Swap, 2)] {
            let answers = statuses(&world, step.binary(), "PutObject", "manifest.json");
            let retries: Vec<_> = answers.iter().skip(1).step_by(2).collect();
            ensure!(retries == vec![&Some(412); puts], "{step}: {answers:?}");
        }
        let document = document(&world, &manifest).await?;
        ensure!(document["attempt"]["number"] == 1, "its own claim was taken for a rival's: {document:#}");
        shows(&world, &manifest).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_table_that_succeeded_but_answered_5xx_or_a_timeout_is_known_by_its_marks() -> Result<()> {
    let (ready, first, second) = before_a_swap(3).await?;
    shows(&ready, &first).await?;
    for effect in open_at_glue() {
        // The first update announces the swap in the table, the second commits it.
        for (nth, retry) in [(1, 1), (2, 2)] {
            let world = ready.fork().await?;
            let rule = Rule::new(When::After, effect.clone()).operation("UpdateTable").nth(nth);
            let fault = world.faults().set(rule);
            let swapped = world.succeeds(&step(Step::Swap, &second)).await?;
            ensure!(fault.fired() == 1 && swapped["already_done"] == false, "{effect:?}: {swapped}");
            let answers = statuses(&world, Step::Swap.binary(), "UpdateTable", TABLE);
            // Sent again, it meets the ConcurrentModificationException of its own success.
            ensure!(answers.len() == 3 && answers.get(retry) == Some(&Some(400)), "{effect:?}: {answers:?}");
            shows(&world, &second).await?;
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
        let manifest = published(&world, &by_part(DAYS[0], &sql(3, 0))).await?;
        ensure!(tables.iter().all(|fault| fault.fired() == 1), "{effect:?}");
        shows(&world, &manifest).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_is_real_is_not_explained_away_by_a_lost_answer() -> Result<()> {
    let world = World::start().await?;
    published(&world, &write(DAYS[0], "SELECT 1 AS v")).await?;
    let second = verified(&world, &write(DAYS[1], "SELECT 2 AS v")).await?;
    let third = verified(&world, &write(DAYS[2], "SELECT 3 AS v")).await?;
    // The first try is not applied, though its sender cannot know; before the second, a rival is faster.
    let update =
        |effect| Rule::new(When::Before, effect).operation("UpdateTable").caller(Step::Swap.binary());
    let lost = world.faults().set(update(refuse(500, "InternalServiceException")));
    let second_try = world.faults().set(update(Effect::Pause).nth(2));
    let rival = async {
        second_try.reached().await;
        let published = world.succeeds(&step(Step::Swap, &third).called("rival")).await;
        second_try.release();
        published
    };
    let swap = step(Step::Swap, &second);
    let (swapped, published) = tokio::join!(world.run(&swap), rival);
    published?;
    let failure = swapped?.err().context("the swap claims success")?;
    ensure!(lost.fired() == 1, "no answer was lost");
    ensure!(failure.kind() == Kind::Fenced, "{failure}");
    let run = document(&world, &third).await?["run"]["id"].clone();
    ensure!(live(&world).await?.0 == run, "the rival's run is no longer live");
    ensure!(
        document(&world, &second).await?["phase"] == "verified",
        "a publication that was not was recorded"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_succeeded_is_found_after_no_such_upload() -> Result<()> {
    let flags = ["--compression=uncompressed", "--part-size=5MiB", "--threads=1"];
    for effect in open_at_s3() {
        let world = World::start().await?;
        let fault =
            world.faults().set(Rule::new(When::After, effect.clone()).operation("CompleteMultipartUpload"));
        let written = world.succeeds(&write(DAYS[0], LARGE).args(flags)).await?;
        let answers = statuses(&world, Step::Write.binary(), "CompleteMultipartUpload", "_writes/");
        ensure!(fault.fired() == 1 && answers.get(1) == Some(&Some(404)), "{effect:?}: {answers:?}");
        let aborts = statuses(&world, Step::Write.binary(), "AbortMultipartUpload", "_writes/");
        ensure!(aborts.is_empty(), "an upload that had succeeded was aborted");
        let manifest = written["manifest"].as_str().unwrap_or_default();
        for next in [Step::Register, Step::Verify, Step::Swap] {
            world.succeeds(&step(next, manifest)).await?;
        }
        let uploads = world.s3().list_multipart_uploads().bucket(BUCKET).send().await?;
        ensure!(uploads.uploads().is_empty(), "uploads are left: {uploads:?}");
    }
    Ok(())
}

fn fail_items(code: &str) -> Effect {
    Effect::FailItems { every: NonZeroUsize::MIN.saturating_add(2), code: code.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_half_succeeded_is_made_whole_before_the_swap_commits() -> Result<()> {
    let (ready, _, second) = before_a_swap(130).await?;
    let batches = ["BatchUpdatePartition", "BatchCreatePartition", "BatchDeletePartition"];
    // Not done and told so; done and told otherwise, so that a second try meets what the first has done.
    for when in [When::Before, When::After] {
        let world = ready.fork().await?;
        let every_third = |batch| Rule::new(when, fail_items("InternalServiceException")).operation(batch);
        let faults = batches.map(|batch| world.faults().set(every_third(batch)));
        world.succeeds(&step(Step::Swap, &second)).await?;
        ensure!(faults.iter().all(|fault| fault.fired() == 1), "{when:?}: a batch was not sent");
        shows(&world, &second).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_succeeded_and_was_not_answered_is_sent_again_without_harm() -> Result<()> {
    let (ready, first, second) = before_a_swap(130).await?;
    for effect in open_at_glue() {
        let world = ready.fork().await?;
        let lost = |batch: &str| world.faults().set(Rule::new(When::After, effect.clone()).operation(batch));
        let faults = ["BatchUpdatePartition", "BatchCreatePartition", "BatchDeletePartition"].map(lost);
        world.succeeds(&step(Step::Swap, &second)).await?;
        ensure!(faults.iter().all(|fault| fault.fired() == 1), "{effect:?}: a batch was not sent");
        shows(&world, &second).await?;
    }
    let world = ready;
    world.succeeds(&step(Step::Swap, &second)).await?;
    let lost = world.faults().set(Rule::new(When::After, Effect::Drop).operation("DeleteObjects"));
    let collected = world.succeeds(&gc()).await?;
    ensure!(lost.fired() == 1 && collected["done"]["objects_deleted"] == 130, "{collected}");
    ensure!(document(&world, &first).await?["phase"] == "retired");
    shows(&world, &second).await
}

/// dbt-adapters#1842: the swap ignored errors of single partitions, and was half done in silence.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_single_partition_keeps_the_swap_from_committing() -> Result<()> {
    let (ready, first, second) = before_a_swap(12).await?;
    for (batch, code, kind) in [
        ("BatchUpdatePartition", "AccessDeniedException", Kind::Configuration),
        ("BatchUpdatePartition", "InvalidInputException", Kind::Unexpected),
        ("BatchCreatePartition", "AccessDeniedException", Kind::Configuration),
        ("BatchDeletePartition", "AccessDeniedException", Kind::Configuration),
    ] {
        let world = ready.fork().await?;
        let every = Effect::FailItems { every: NonZeroUsize::MIN, code: code.to_owned() };
        let rule = Rule::new(When::Before, every).operation(batch).times(u64::MAX);
        let fault = world.faults().set(rule);
        let failure =
            world.run(&step(Step::Swap, &second)).await?.err().context("the swap claims success")?;
        ensure!(fault.fired() > 0 && failure.kind() == kind, "{batch} {code}: {failure}");
        ensure!(failure.message().contains(code), "{failure}");
        let run = document(&world, &first).await?["run"]["id"].as_str().unwrap_or_default().to_owned();
        ensure!(live(&world).await? == (run, true), "{batch}: {:?}", live(&world).await?);
        ensure!(document(&world, &second).await?["phase"] == "verified", "it was recorded as published");
        world.faults().clear();
        world.succeeds(&step(Step::Swap, &second)).await?;
        shows(&world, &second).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_single_object_keeps_its_run_from_counting_as_deleted() -> Result<()> {
    const ROOT: &str = "s3://locked/orders/";
    let world = World::start().await?;
    world.s3().create_bucket().bucket("locked").object_lock_enabled_for_bucket(true).send().await?;
    let write = |day| write_into(ROOT, day, &sql(5, 0)).args(["--partition-by", "part"]);
    let first = published(&world, &write(DAYS[0])).await?;
    let second = published(&world, &write(DAYS[1])).await?;
    let gc = Command::new(Step::Gc).args([ROOT]).args(NO_GRACE);
    let held = hold_a_file(&world, &first, true).await?;
    let failure = world.run(&gc).await?.err().context("gc claims success")?;
    ensure!(failure.kind() == Kind::Configuration && failure.message().contains(&held), "{failure}");
    let retiring = document(&world, &first).await?;
    ensure!(retiring["phase"] == "retiring" && retiring["write"]["files"][0].is_object(), "{retiring:#}");
    hold_a_file(&world, &first, false).await?;
    world.succeeds(&gc).await?;
    ensure!(document(&world, &first).await?["phase"] == "retired");
    shows(&world, &second).await
}

/// Puts a legal hold on the first file of a run, or takes it away; the file's URI.
async fn hold_a_file(world: &World, manifest: &str, held: bool) -> Result<String> {
    let document = document(world, manifest).await?;
    let field = |pointer| document.pointer(pointer).and_then(Value::as_str).context("no such field");
    let uri = format!("{}{}", field("/write/location")?, field("/write/files/0/path")?);
    let (bucket, key) = place(&uri)?;
    let status = if held { ObjectLockLegalHoldStatus::On } else { ObjectLockLegalHoldStatus::Off };
    let hold = ObjectLockLegalHold::builder().status(status).build();
    world.s3().put_object_legal_hold().bucket(bucket).key(key).legal_hold(hold).send().await?;
    Ok(uri)
}

/// dbt-adapters#1910, dbt-athena#480, trino#25114: throttled deletes and partition calls ended the job.
#[tokio::test(flavor = "multi_thread")]
async fn throttling_of_every_operation_is_waited_out_by_every_step() -> Result<()> {
    let world = World::start().await?;
    let throttle = |service, status, code, operation: &str| {
        let rule =
            Rule::new(When::Before, refuse(status, code)).service(service).operation(operation).times(3);
        (operation.to_owned(), world.faults().set(rule))
    };
    let s3 = ["GetObject", "PutObject", "HeadObject", "ListObjectsV2", "ListObjectVersions", "DeleteObjects"];
    let glue = [
        "GetDatabase",
        "GetTable",
        "GetTables",
        "CreateTable",
        "UpdateTable",
        "DeleteTable",
        "GetPartitions",
        "GetTableVersions",
        "BatchCreatePartition",
        "BatchUpdatePartition",
        "BatchDeletePartition",
    ];
    let at_s3 = s3.map(|operation| throttle(Service::S3, 503, "SlowDown", operation));
    let at_glue = glue.map(|operation| throttle(Service::Glue, 400, "ThrottlingException", operation));
    published(&world, &by_part(DAYS[0], &sql(3, 0))).await?;
    let second = published(&world, &by_part(DAYS[1], &sql(3, 1))).await?;
    world.succeeds(&gc()).await?;
    for (operation, fault) in at_s3.iter().chain(&at_glue) {
        ensure!(fault.fired() == 3, "{operation} was throttled {} times", fault.fired());
    }
    shows(&world, &second).await
}

/// dbt-athena#464: GetPartitions was not read to its end, and partitions went stale or missing.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_appear_and_vanish_between_pages_are_put_right_before_the_swap_commits() -> Result<()>
{
    let (ready, _, second) = before_a_swap(3).await?;
    // With these there are more than a page holds: the listing goes on in ten segments.
    for batch in (1000..2000).collect::<Vec<_>>().chunks(100) {
        let inputs = batch.iter().map(|value| PartitionInput::builder().values(value.to_string()).build());
        let create = ready.glue().batch_create_partition().database_name(DATABASE).table_name(TABLE);
        create.set_partition_input_list(Some(inputs.collect())).send().await?;
    }
    for (when, page) in [(When::After, 1), (When::Before, 6), (When::After, 11)] {
        let world = ready.fork().await?;
        let glue = world.glue();
        let stranger = Hook::new(move |_| {
            let glue = glue.clone();
            async move {
                let create = glue.create_partition().database_name(DATABASE).table_name(TABLE);
                let new = PartitionInput::builder().values("999999").build();
                let _ = create.partition_input(new).send().await;
                // One that the run has too, and one that it does not have.
                for value in ["1", "1500"] {
                    let delete = glue.delete_partition().database_name(DATABASE).table_name(TABLE);
                    let _ = delete.partition_values(value).send().await;
                }
            }
        });
        let rule = Rule::new(when, Effect::Hook(stranger)).operation("GetPartitions");
        let fault = world.faults().set(rule.caller(Step::Swap.binary()).nth(page));
        world.succeeds(&step(Step::Swap, &second)).await?;
        ensure!(fault.fired() == 1, "the partitions were listed in fewer pages");
        shows(&world, &second).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_appear_and_vanish_between_pages_are_gone_after_the_next_gc() -> Result<()> {
    let world = World::start().await?;
    let first = published(&world, &write(DAYS[0], "SELECT 1 AS v")).await?;
    let second = published(&world, &write(DAYS[1], "SELECT 2 AS v")).await?;
    // Files of a dead attempt, more than a page holds.
    let folder = format!("{}ffffffffffff/", attempts(&first)?);
    for number in 0..1001 {
        put(&world.s3(), &format!("{folder}part-{number:04}")).await?;
    }
    let s3 = world.s3();
    let late = format!("{folder}part-9999");
    let stranger = Hook::new(move |_| {
        let (s3, folder, late) = (s3.clone(), folder.clone(), late.clone());
        async move {
            let _ = s3.delete_object().bucket(BUCKET).key(format!("{folder}part-1000")).send().await;
            let _ = put(&s3, &late).await;
        }
    });
    let rule = Rule::new(When::Before, Effect::Hook(stranger)).operation("ListObjectVersions");
    let fault = world.faults().set(rule.nth(2));
    world.succeeds(&gc()).await?;
    ensure!(fault.fired() == 1, "the objects were listed in one page");
    world.succeeds(&gc()).await?;
    let left = world.s3().list_objects_v2().bucket(BUCKET).prefix(attempts(&first)?).send().await?;
    ensure!(left.contents().is_empty(), "files are left: {:?}", left.contents());
    ensure!(document(&world, &first).await?["phase"] == "retired");
    let location = document(&world, &second).await?["write"]["location"].clone();
    let live = world.glue().get_table().database_name(DATABASE).name(TABLE).send().await?;
    let shown = live.table.and_then(|table| table.storage_descriptor).and_then(|storage| storage.location);
    ensure!(location == shown.unwrap_or_default(), "the live version is not where it was");
    Ok(())
}

/// The prefix of all attempts of a run.
fn attempts(manifest: &str) -> Result<String> {
    let run = manifest.rsplit('/').nth(1).context("no manifest")?;
    Ok(format!("orders/_writes/{run}/"))
}

async fn put(s3: &aws_sdk_s3::Client, key: &str) -> Result<()> {
    s3.put_object().bucket(BUCKET).key(key).body(b"x".to_vec().into()).send().await?;
    Ok(())
}
