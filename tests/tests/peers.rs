//! What users of other tools suffer, each as a test that names the thread. `docs/PEERS.md` has the whole list, with the
//! tests elsewhere that hold the rest of it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_glue::types::{Column, Table, TableInput};
use lakeward_local::{Effect, Hook, Rule, When};
use lakeward_manifest::Step;
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{BUCKET, Command, Contents, DATABASE, Orders, World};
use lakeward_tests::table::{IN_PARTS, LARGE};

const BY_PART: Orders = Orders { partitioned: true };
const PLAIN: Orders = Orders { partitioned: false };

async fn publish(world: &World, steps: &[Command]) -> Result<()> {
    for step in steps {
        world.succeeds(step).await?;
    }
    Ok(())
}

async fn live(world: &World) -> Result<Table> {
    let got = world.glue().get_table().database_name(DATABASE).name(Orders::NAME).send().await?;
    got.table.context("no live table")
}

fn run_of(table: &Table) -> Option<&str> {
    table.parameters()?.get("lakeward.run").map(String::as_str)
}

/// dbt-adapters#455: a create that failed was not cleaned up, so that the retry failed too.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_a_dead_step_has_created_is_taken_up_by_the_retry() -> Result<()> {
    for orders in [PLAIN, BY_PART] {
        let world = World::start().await?;
        let [write, register, verify, swap] = orders.publish(1);
        world.succeeds(&write).await?;
        let created = |nth| Rule::new(When::After, Effect::Pause).operation("CreateTable").nth(nth);
        ensure!(world.run_until(&register, created(1)).await?.is_none(), "register has created no table");
        publish(&world, &[register, verify]).await?;
        ensure!(world.run_until(&swap, created(1)).await?.is_none(), "swap has created no table");
        world.succeeds(&swap).await?;
        ensure!(run_of(&live(&world).await?) == Some(Orders::run(1).as_str()), "run 1 is not live");
    }
    Ok(())
}

/// Fails unless whatever Location a reader of the live table lists, at this moment, has files.
async fn readers_find_files(world: &World, at: u64) -> Result<()> {
    let contents = Contents::of(world).await?;
    let shown = contents.tables.get(Orders::NAME).context("no live table")?;
    for location in &shown.locations {
        let folder = location.strip_prefix("s3://lake/").context("another bucket")?;
        ensure!(
            contents.files.keys().any(|key| key.starts_with(folder)),
            "request {at}: {location} is empty"
        );
    }
    Ok(())
}

/// aws-sdk-pandas#1278, aws-sdk-pandas#3021: an overwrite deletes first, and readers see nothing, or NoSuchKey.
#[tokio::test(flavor = "multi_thread")]
async fn readers_find_files_after_every_request_of_a_replacement() -> Result<()> {
    for orders in [PLAIN, BY_PART] {
        let ready = World::start().await?;
        publish(&ready, &orders.publish(1)).await?;
        let first = Contents::of(&ready).await?.files;
        let [write, register, verify, swap] = orders.publish(2);
        publish(&ready, &[write, register, verify]).await?;
        let mut request = 0;
        loop {
            request += 1;
            let world = ready.fork().await?;
            let rule = Rule::new(When::After, Effect::Pause).caller(Step::Swap.binary()).nth(request);
            if world.run_until(&swap, rule).await?.is_some() {
                break;
            }
            readers_find_files(&world, request).await?;
        }
        ensure!(request > 4, "the swap made only {} requests", request - 1);
        ready.succeeds(&swap).await?;
        let left = Contents::of(&ready).await?.files;
        let deleted = first.keys().find(|key| !left.contains_key(*key));
        ensure!(!first.is_empty() && deleted.is_none(), "a step that publishes has deleted {deleted:?}");
    }
    Ok(())
}

/// aws-sdk-pandas#2558, aws-sdk-pandas#2502: two runs shared a temporary path, and one deleted the other's files.
#[tokio::test(flavor = "multi_thread")]
async fn two_writes_of_one_run_at_once_share_no_folder_and_one_of_them_seals() -> Result<()> {
    let world = World::start().await?;
    let (one, other) = (BY_PART.write(1), BY_PART.write(1).called("rival"));
    // Both have claimed before either has sealed; the later claim fences the earlier.
    let seal = Rule::new(When::Before, Effect::Pause).operation("PutObject").containing("manifest.json");
    let held = world.faults().set(seal.caller(Step::Write.binary()).nth(2));
    let (fenced, sealed) = world.run_meanwhile(&one, &held, world.succeeds(&other)).await?;
    let failure = fenced.err().context("both writes have sealed one run")?;
    ensure!(failure.kind() == Kind::Fenced, "{failure}");
    let files = Contents::of(&world).await?.files;
    let folder =
        sealed["location"].as_str().and_then(|at| at.strip_prefix("s3://lake/")).context("no place")?;
    ensure!(files.len() == 4 && files.keys().all(|key| key.starts_with(folder)), "{files:?}");
    publish(&world, &BY_PART.publish(1)).await
}

/// Changes the live table as another tool would, by the version that it read or without one.
async fn edit(world: &World, owner: &str) -> Result<()> {
    let found = live(world).await?;
    let mut storage = found.storage_descriptor.context("no storage")?;
    for column in storage.columns.iter_mut().flatten() {
        column.comment = Some(format!("{owner} knows"));
    }
    let mut parameters = found.parameters.unwrap_or_default();
    parameters.insert("owner".to_owned(), owner.to_owned());
    let input = TableInput::builder()
        .name(Orders::NAME)
        .storage_descriptor(storage)
        .set_partition_keys(found.partition_keys)
        .set_table_type(found.table_type)
        .set_parameters(Some(parameters))
        .build()?;
    world.glue().update_table().database_name(DATABASE).table_input(input).send().await?;
    Ok(())
}

/// aws-sdk-pandas#526, iceberg-rust#1868: parallel writers lost what others had put into the catalog.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_live_table_in_the_middle_of_a_swap_is_not_lost() -> Result<()> {
    for (orders, updates) in [(PLAIN, 1), (BY_PART, 2)] {
        let ready = World::start().await?;
        publish(&ready, &orders.publish(1)).await?;
        let [write, register, verify, swap] = orders.publish(2);
        publish(&ready, &[write, register, verify]).await?;
        for update in 1..=updates {
            let world = ready.fork().await?;
            let rule = Rule::new(When::Before, Effect::Pause).operation("UpdateTable");
            let held = world.faults().set(rule.caller(Step::Swap.binary()).nth(update));
            let (swapped, ()) = world.run_meanwhile(&swap, &held, edit(&world, "bi")).await?;
            ensure!(swapped.is_ok(), "update {update}: {swapped:?}");
            let after = live(&world).await?;
            ensure!(run_of(&after) == Some(Orders::run(2).as_str()), "run 2 is not live: {after:?}");
            let owner = after.parameters().and_then(|parameters| parameters.get("owner"));
            ensure!(
                owner.is_some_and(|owner| owner == "bi"),
                "update {update}: the edit was lost: {after:?}"
            );
            let columns = after.storage_descriptor.and_then(|storage| storage.columns).unwrap_or_default();
            ensure!(columns.iter().all(|column| column.comment() == Some("bi knows")), "{columns:?}");
        }
    }
    Ok(())
}

/// aws-sdk-pandas#342, dbt-athena#267, dbt-duckdb#422: every partition made a version of the table, up to the limit.
#[tokio::test(flavor = "multi_thread")]
async fn publishing_archives_no_version_of_the_table_however_many_partitions_move() -> Result<()> {
    let world = World::start().await?;
    for number in 1..=3 {
        publish(&world, &BY_PART.publish(number)).await?;
    }
    let versions = world.glue().get_table_versions().database_name(DATABASE).table_name(Orders::NAME);
    let versions = versions.send().await?;
    ensure!(versions.table_versions().len() == 1, "archived: {:?}", versions.table_versions());
    Ok(())
}

/// A write of one file that goes up in several parts, the first of them while DuckDB still writes.
fn write_in_parts() -> Command {
    PLAIN.write_of(1, LARGE).args(IN_PARTS)
}

/// duckdb-httpfs#387: COPY hung when its upload could not go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_file_is_removed_from_scratch_meanwhile_ends() -> Result<()> {
    let world = World::start().await?;
    let scratch = world.scratch().to_owned();
    let cleaner = Hook::new(move |_| {
        let folders = std::fs::read_dir(&scratch).into_iter().flatten().filter_map(Result::ok);
        for folder in folders.map(|folder| folder.path().join("files")) {
            let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
            files.for_each(|file| drop(std::fs::remove_file(file.path())));
        }
        std::future::ready(())
    });
    let fault = world.faults().set(Rule::new(When::Before, Effect::Hook(cleaner)).operation("UploadPart"));
    let ended = tokio::time::timeout(Duration::from_mins(1), world.run(&write_in_parts())).await;
    let ended = ended.context("the write hangs")??;
    ensure!(fault.fired() == 1, "nothing was uploaded in parts");
    let contents = Contents::of(&world).await?;
    ensure!(contents.uploads.is_empty(), "an upload is left: {contents:?}");
    // What was open and complete may go up all the same; what was not must not be sealed.
    match ended {
        Ok(_) => ensure!(contents.files.len() == 1, "{contents:?}"),
        Err(failure) => {
            ensure!(failure.kind() == Kind::Transient, "{failure}");
            ensure!(contents.files.is_empty(), "{contents:?}");
            world.succeeds(&write_in_parts()).await?;
        }
    }
    Ok(())
}

/// duckdb-httpfs#387, duckdb#12231: COPY hung, or left its upload open, when the upload failed.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_parts_that_fails_ends_the_write_and_leaves_no_upload_open() -> Result<()> {
    let write = write_in_parts();
    for operation in ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"] {
        let world = World::start().await?;
        let denied = Effect::Refuse { status: 403, code: "AccessDenied".to_owned() };
        let rule = Rule::new(When::Before, denied).operation(operation).times(u64::MAX);
        let fault = world.faults().set(rule);
        let failure = world.run(&write).await?.err().context("the write claims success")?;
        ensure!(fault.fired() > 0 && failure.kind() == Kind::Configuration, "{operation}: {failure}");
        let contents = Contents::of(&world).await?;
        ensure!(contents.uploads.is_empty() && contents.files.is_empty(), "{operation}: {contents:?}");
        world.faults().clear();
        world.succeeds(&write).await?;
    }
    Ok(())
}

/// Name and type of every column, in order.
fn shape(columns: &[Column]) -> Vec<(String, String)> {
    let shape = |column: &Column| (column.name.clone(), column.r#type().unwrap_or_default().to_owned());
    columns.iter().map(shape).collect()
}

/// dbt-athena#620: partitions kept their old schema, and Athena answered HIVE_PARTITION_SCHEMA_MISMATCH.
/// dbt-duckdb#422: the registered schema was stale. aws-sdk-pandas#1224, aws-sdk-pandas#2357: upper-case and renamed
/// columns.
#[tokio::test(flavor = "multi_thread")]
async fn new_renamed_and_upper_case_columns_are_those_of_the_table_and_of_every_partition() -> Result<()> {
    let world = World::start().await?;
    let selects = [
        r#"SELECT i AS "Id", i::INTEGER AS "Amount", i % 3 AS part FROM range(9) t(i)"#,
        r#"SELECT i::VARCHAR AS "ID", i AS total, TRUE AS "isNew", i % 3 AS part FROM range(9) t(i)"#,
    ];
    let wanted = [
        vec![("id", "bigint"), ("amount", "int")],
        vec![("id", "string"), ("total", "bigint"), ("isnew", "boolean")],
    ];
    for (number, (sql, wanted)) in selects.iter().zip(wanted).enumerate() {
        let [_, register, verify, swap] = BY_PART.publish(number + 1);
        publish(&world, &[BY_PART.write_of(number + 1, sql), register, verify, swap]).await?;
        let wanted: Vec<_> =
            wanted.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect();
        let table = live(&world).await?;
        let columns = table.storage_descriptor.and_then(|storage| storage.columns).unwrap_or_default();
        ensure!(shape(&columns) == wanted, "the table has {columns:?}");
        let listed = world.glue().get_partitions().database_name(DATABASE).table_name(Orders::NAME).send();
        let partitions = listed.await?.partitions.unwrap_or_default();
        let shapes: BTreeSet<_> = partitions
            .iter()
            .map(|partition| shape(partition.storage_descriptor().map_or(&[], |storage| storage.columns())))
            .collect();
        ensure!(partitions.len() == 3 && shapes == BTreeSet::from([wanted]), "partitions have {shapes:?}");
    }
    Ok(())
}

/// dbt-adapters#1895: rows doubled after a run that had failed, as its files were still there.
#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_dead_attempt_are_no_part_of_what_is_published() -> Result<()> {
    let world = World::start().await?;
    let seal = Rule::new(When::Before, Effect::Drop).operation("PutObject").containing("manifest.json");
    let seal = seal.nth(2).times(u64::MAX);
    ensure!(world.run_until(&PLAIN.write(1), seal).await?.is_none(), "the first attempt has sealed");
    let left: Vec<String> = Contents::of(&world).await?.files.into_keys().collect();
    let [dead] = &left[..] else { anyhow::bail!("the first attempt has left no file") };
    publish(&world, &PLAIN.publish(1)).await?;
    let location = live(&world).await?.storage_descriptor.and_then(|storage| storage.location);
    let folder = location.as_deref().and_then(|at| at.strip_prefix("s3://lake/")).context("no Location")?;
    let below = world.s3().list_objects_v2().bucket(BUCKET).prefix(folder).send().await?;
    ensure!(below.contents().len() == 1 && !dead.starts_with(folder), "{:?}", below.contents());
    Ok(())
}
