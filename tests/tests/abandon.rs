//! Abandoning a run: what it refuses, what it leaves, and that it can be interrupted anywhere. The steps run in this
//! process, so that each of its requests can be tried out.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_glue::types::{StorageDescriptor, TableInput};
use lakeward_local::{Effect, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{BUCKET, Command, Contents, DATABASE, Ended, Orders, World};

const TABLES: [Orders; 2] = [Orders { partitioned: false }, Orders { partitioned: true }];
/// What users are promised.
const PROMISES: &str = include_str!("../../docs/PROTOCOL.md");
/// The run that is to be abandoned.
const RUN: usize = 2;

/// How far the run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// `write` has died after its files.
    Writing,
    Written,
    Registered,
    Verified,
    /// `swap` has died before it changed the live table.
    Announced,
}

const STAGES: [Stage; 5] =
    [Stage::Writing, Stage::Written, Stage::Registered, Stage::Verified, Stage::Announced];

/// Nothing of `operation` reaches the lake any more.
fn dead(operation: &str, on: &str, nth: u64) -> Rule {
    Rule::new(When::Before, Effect::Drop).operation(operation).containing(on).nth(nth).times(u64::MAX)
}

/// Runs a step that dies of the rule.
async fn dies(world: &World, command: Command, rule: Rule) -> Result<()> {
    let ended = world.run_until(&command, rule).await?;
    ensure!(ended.is_none(), "it did not die: {ended:?}");
    Ok(())
}

/// Takes the run to a stage, and puts beside it what a fenced attempt may have left.
async fn at_stage(world: &World, table: Orders, stage: Stage) -> Result<()> {
    if stage == Stage::Writing {
        dies(world, table.write(RUN), dead("PutObject", "manifest.json", 2)).await?;
    } else {
        let steps = table.publish(RUN);
        let count = stage as usize;
        for step in &steps[..count.min(3)] {
            world.succeeds(step).await?;
        }
    }
    if stage == Stage::Announced {
        dies(world, Orders::swap(RUN), dead("UpdateTable", "shop.orders", 1)).await?;
    }
    let fenced = format!("{}00000000f00d/part-0.parquet", Orders::writes(RUN));
    put(world, &fenced).await?;
    let upload = format!("{}00000000f00d/part-1.parquet", Orders::writes(RUN));
    world.s3().create_multipart_upload().bucket(BUCKET).key(upload).send().await?;
    Ok(())
}

async fn put(world: &World, key: &str) -> Result<()> {
    let body = b"half a file".to_vec().into();
    world.s3().put_object().bucket(BUCKET).key(key).body(body).send().await.context("putting a file")?;
    Ok(())
}

/// A lake with a live run 1, or none.
async fn lake(table: Orders, live: bool) -> Result<World> {
    let world = World::start().await?;
    if live {
        for step in &table.publish(1) {
            world.succeeds(step).await?;
        }
    }
    Ok(world)
}

fn refused(ended: Ended, kind: Kind, words: &[&str]) -> Result<()> {
    let failure = ended.err().context("it was not refused")?;
    ensure!(failure.kind() == kind, "{failure:?}");
    let missing = words.iter().find(|word| !failure.message().contains(**word));
    ensure!(missing.is_none(), "{missing:?} is missing: {failure}");
    Ok(())
}

/// Fails unless nothing of the run is left but its tombstone, and no step brings it back.
async fn is_gone(world: &World, table: Orders) -> Result<()> {
    let contents = Contents::of(world).await?;
    let id = Orders::run(RUN);
    ensure!(contents.phases.get(&id).map(String::as_str) == Some("retired"), "{contents:?}");
    let left: Vec<&String> = contents.files.keys().filter(|key| key.contains(&id)).collect();
    ensure!(left.is_empty() && contents.uploads.is_empty(), "left: {left:?}, {:?}", contents.uploads);
    let staged = contents.tables.keys().find(|name| name.contains(&id.replace('-', "_")));
    ensure!(staged.is_none(), "{staged:?} is left");
    let reason = ["is retired", "--abandon", "start a new run"];
    for step in table.publish(RUN) {
        refused(world.run(&step).await?, Kind::Fenced, &reason)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_run_is_gone_and_the_live_one_stays() -> Result<()> {
    for table in TABLES {
        for stage in STAGES {
            let world = lake(table, true).await?;
            let before = Contents::of(&world).await?;
            at_stage(&world, table, stage).await?;
            let result = world.succeeds(&Orders::abandon(RUN)).await?;
            ensure!(result["claimed"] == true && result["phase"] == "retired", "{result}");
            ensure!(result["done"]["uploads_aborted"] == 1, "{result}");
            is_gone(&world, table).await?;
            let mut after = Contents::of(&world).await?;
            after.phases.remove(&Orders::run(RUN));
            ensure!(after == before, "{stage:?}: {after:?} instead of {before:?}");
            let again = world.succeeds(&Orders::abandon(RUN)).await?;
            ensure!(again["already_done"] == true && again["done"]["objects_deleted"] == 0, "{again}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_is_abandoned_without_a_live_table() -> Result<()> {
    for table in TABLES {
        for stage in STAGES {
            let world = lake(table, false).await?;
            at_stage(&world, table, stage).await?;
            world.succeeds(&Orders::abandon(RUN)).await?;
            is_gone(&world, table).await?;
            // The table takes the next run as if nothing had been.
            for step in &table.publish(RUN + 1) {
                world.succeeds(step).await?;
            }
            let live = &Contents::of(&world).await?.tables[Orders::NAME];
            ensure!(live.run == Some(Orders::run(RUN + 1)), "{live:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_run_is_not_abandoned() -> Result<()> {
    let table = TABLES[0];
    let world = lake(table, true).await?;
    for step in &table.publish(RUN) {
        world.succeeds(step).await?;
    }
    let before = Contents::of(&world).await?;
    for run in [1, RUN] {
        let words = [&Orders::run(run), "is published", "roll back"];
        refused(world.run(&Orders::abandon(run)).await?, Kind::Usage, &words)?;
    }
    ensure!(Contents::of(&world).await? == before, "a refusal has changed something");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_readers_may_see_is_not_abandoned() -> Result<()> {
    let record = dead("PutObject", "manifest.json", 2);
    let cases = [
        (TABLES[0], record.clone(), "is live in shop.orders"),
        (TABLES[1], record, "is live in shop.orders"),
        (TABLES[1], dead("BatchUpdatePartition", "shop.orders", 1), "is going live in shop.orders"),
    ];
    for (table, rule, says) in cases {
        let world = lake(table, true).await?;
        at_stage(&world, table, Stage::Verified).await?;
        dies(&world, Orders::swap(RUN), rule).await?;
        let before = Contents::of(&world).await?;
        let command = format!("lakeward-swap {}", Orders::manifest(RUN));
        refused(world.run(&Orders::abandon(RUN)).await?, Kind::Usage, &[says, &command])?;
        ensure!(Contents::of(&world).await? == before, "a refusal has changed something");
        world.succeeds(&Orders::swap(RUN)).await?;
        refused(world.run(&Orders::abandon(RUN)).await?, Kind::Usage, &["is published"])?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_another_glue_table_points_at_is_not_abandoned() -> Result<()> {
    let table = TABLES[0];
    let world = lake(table, false).await?;
    at_stage(&world, table, Stage::Written).await?;
    let sealed = world.json(&Orders::manifest(RUN).replace("s3://lake/", "")).await?;
    let location = sealed["write"]["location"].as_str().context("a run without a location")?;
    let storage = aws_sdk_glue::types::StorageDescriptor::builder().location(location).build();
    let audit =
        aws_sdk_glue::types::TableInput::builder().name("audit").storage_descriptor(storage).build()?;
    world.glue().create_table().database_name(DATABASE).table_input(audit).send().await?;
    let before = Contents::of(&world).await?;
    refused(world.run(&Orders::abandon(RUN)).await?, Kind::Configuration, &["shop.audit points at files"])?;
    ensure!(Contents::of(&world).await? == before, "a refusal has changed something");
    world.glue().delete_table().database_name(DATABASE).name("audit").send().await?;
    world.succeeds(&Orders::abandon(RUN)).await?;
    is_gone(&world, table).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_never_claimed_is_no_failure() -> Result<()> {
    let world = World::start().await?;
    let result = world.succeeds(&Orders::abandon(RUN)).await?;
    ensure!(result["claimed"] == false && result["phase"].is_null(), "{result}");
    ensure!(Contents::of(&world).await? == Contents::default(), "something was made");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_run_is_removed_without_waiting_for_the_grace() -> Result<()> {
    let table = TABLES[1];
    let world = lake(table, true).await?;
    at_stage(&world, table, Stage::Registered).await?;
    refused(world.run(&Orders::reject(RUN)).await?, Kind::Rejected, &[])?;
    let result = world.succeeds(&Orders::abandon(RUN)).await?;
    ensure!(result["was"] == "rejected" && result["phase"] == "retired", "{result}");
    let contents = Contents::of(&world).await?;
    ensure!(contents.files.keys().all(|key| !key.contains(&Orders::run(RUN))), "{contents:?}");
    let staged = contents.tables.keys().find(|name| name.contains(&Orders::run(RUN).replace('-', "_")));
    ensure!(staged.is_none(), "{staged:?} is left");
    // Why it was rejected is still told.
    refused(world.run(&Orders::swap(RUN)).await?, Kind::Fenced, &["is retired", "min-rows"])
}

/// The numbers of requests that were tried.
async fn interrupted_at_every_request(table: Orders, live: bool, stage: Stage, when: When) -> Result<u64> {
    let world = lake(table, live).await?;
    at_stage(&world, table, stage).await?;
    let undisturbed = world.fork().await?;
    undisturbed.succeeds(&Orders::abandon(RUN)).await?;
    let expected = Contents::of(&undisturbed).await?;
    for nth in 1.. {
        let fork = world.fork().await?;
        let rule = Rule::new(when, Effect::Drop).nth(nth).times(u64::MAX);
        if let Some(ended) = fork.run_until(&Orders::abandon(RUN), rule).await? {
            ended.map_err(|failure| anyhow::anyhow!("undisturbed: {failure}"))?;
            return Ok(nth - 1);
        }
        fork.succeeds(&Orders::abandon(RUN)).await?;
        let found = Contents::of(&fork).await?;
        ensure!(found == expected, "{stage:?}, request {nth}, {when:?}: {found:?} instead of {expected:?}");
    }
    Ok(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandonment_that_dies_at_any_request_is_made_good_by_a_retry() -> Result<()> {
    let mut tried = Vec::new();
    for (table, live) in [(TABLES[0], false), (TABLES[1], true)] {
        for stage in [Stage::Writing, Stage::Registered, Stage::Announced] {
            for when in [When::Before, When::After] {
                tried.push(interrupted_at_every_request(table, live, stage, when).await?);
            }
        }
    }
    tried.sort_unstable();
    let documented = format!("at each of its {} to {} requests", tried[0], tried[tried.len() - 1]);
    ensure!(PROMISES.contains(&documented), "docs/PROTOCOL.md does not say {documented:?}: {tried:?}");
    Ok(())
}

/// Stalls a step at a request, abandons its run, lets the step go on; how it ended.
async fn wakes_after_abandonment(world: &World, step: &Command, rule: Rule) -> Result<Ended> {
    let fault = world.faults().set(rule);
    let abandon = Orders::abandon(RUN);
    let (ended, abandoned) = world.run_meanwhile(step, &fault, world.succeeds(&abandon)).await?;
    ensure!(abandoned["phase"] == "retired", "{abandoned}");
    world.faults().clear();
    Ok(ended)
}

fn stalled(operation: &str, on: &str, nth: u64) -> Rule {
    Rule::new(When::Before, Effect::Pause).operation(operation).containing(on).nth(nth)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_wakes_after_its_run_was_abandoned_publishes_nothing() -> Result<()> {
    for table in TABLES {
        // With no live table, what is stalled is its creation, and then the first change of it.
        let moments = [(true, "UpdateTable"), (false, "CreateTable"), (false, "UpdateTable")];
        for (live, operation) in moments {
            let world = lake(table, live).await?;
            at_stage(&world, table, Stage::Verified).await?;
            let rule = stalled(operation, "shop.orders", 1).caller("lakeward-swap");
            let ended = wakes_after_abandonment(&world, &Orders::swap(RUN), rule).await?;
            refused(ended, Kind::Fenced, &["is retired", "--abandon"])?;
            let shown = &Contents::of(&world).await?.tables[Orders::NAME];
            ensure!(shown.run == live.then(|| Orders::run(1)), "{operation}: {shown:?}");
            ensure!(!shown.locations.iter().any(|at| at.contains(&Orders::run(RUN))), "{shown:?}");
            is_gone(&world, table).await?;
            for step in &table.publish(RUN + 1) {
                world.succeeds(step).await?;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_write_uploads_after_its_run_was_abandoned_is_removed() -> Result<()> {
    for table in TABLES {
        let world = lake(table, true).await?;
        // It wakes: its seal is refused, and it removes its own files.
        let upload = stalled("PutObject", "_writes/", 1).caller("lakeward-write");
        let ended = wakes_after_abandonment(&world, &table.write(RUN), upload.clone()).await?;
        refused(ended, Kind::Fenced, &["is retired", "--abandon"])?;
        is_gone(&world, table).await?;

        // Its process is gone, and only its request wakes: the next gc finds the file.
        let world = lake(table, true).await?;
        world.succeeds(&Orders::gc_all()).await?;
        let before = Contents::of(&world).await?;
        let fault = world.faults().set(upload);
        let write = table.write(RUN);
        tokio::select! {
            ended = world.run(&write) => anyhow::bail!("it was not stalled: {ended:?}"),
            () = fault.reached() => {}
        }
        world.succeeds(&Orders::abandon(RUN)).await?;
        fault.release();
        landed(&world).await?;
        world.clock().advance(std::time::Duration::from_hours(1));
        let collected = world.succeeds(&Orders::gc_all()).await?;
        let reason = &collected["plan"]["attempts"][0]["reason"];
        ensure!(reason == "written after its run was retired", "{collected}");
        is_gone(&world, table).await?;
        let mut after = Contents::of(&world).await?;
        after.phases.remove(&Orders::run(RUN));
        ensure!(after == before, "{after:?} instead of {before:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_staged_name_that_shows_something_else_stays() -> Result<()> {
    let world = lake(TABLES[0], true).await?;
    at_stage(&world, TABLES[0], Stage::Written).await?;
    let name = format!("{}__lakeward_{}", Orders::NAME, Orders::run(RUN).replace('-', "_"));
    let storage = StorageDescriptor::builder().location("s3://lake/elsewhere/").build();
    // As of somebody else; and of the same run under another root.
    let roots = [None, Some("s3://lake/moved/_runs/2026-01-01-020000/manifest.json")];
    for manifest in roots {
        let world = world.fork().await?;
        let table = TableInput::builder().name(&name).storage_descriptor(storage.clone());
        let table = match manifest {
            Some(uri) => table.parameters("lakeward.role", "staged").parameters("lakeward.manifest", uri),
            None => table,
        };
        world.glue().create_table().database_name(DATABASE).table_input(table.build()?).send().await?;
        let ended = world.succeeds(&Orders::abandon(RUN)).await?;
        ensure!(ended["phase"] == "retired" && ended["done"]["staged_tables_dropped"] == 0, "{ended}");
        ensure!(Contents::of(&world).await?.tables.contains_key(&name), "somebody's table was dropped");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_table_that_is_made_after_glue_was_read_goes() -> Result<()> {
    for table in TABLES {
        let world = lake(table, false).await?;
        at_stage(&world, table, Stage::Written).await?;
        let create =
            world.faults().set(stalled("CreateTable", "orders__lakeward", 1).caller("lakeward-register"));
        let register = Orders::register(RUN);
        let mut registering = std::pin::pin!(world.run(&register));
        tokio::select! {
            ended = &mut registering => anyhow::bail!("it was not stalled: {ended:?}"),
            () = create.reached() => {}
        }
        let look = world.faults().set(stalled("GetTable", "orders__lakeward", 1).caller("lakeward-gc"));
        let made = async {
            create.release();
            registering.await
        };
        let (ended, registered) = world.run_meanwhile(&Orders::abandon(RUN), &look, made).await?;
        let ended = ended.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        ensure!(ended["done"]["staged_tables_dropped"] == 1, "{ended}");
        refused(registered, Kind::Fenced, &["is retiring", "--abandon"])?;
        is_gone(&world, table).await?;
    }
    Ok(())
}

/// Waits until the stalled request has put its file.
async fn landed(world: &World) -> Result<()> {
    let prefix = Orders::writes(RUN);
    let patience = std::time::Duration::from_mins(1);
    let found = async {
        while !Contents::of(world).await?.files.keys().any(|key| key.starts_with(&prefix)) {
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    tokio::time::timeout(patience, found).await.context("the stalled request never landed")?
}
