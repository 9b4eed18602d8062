//! The cases that could hurt, by name.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_glue::types::{StorageDescriptor, TableInput};
use lakeward_local::{Effect, Rule, Service, When};
use lakeward_outcome::Kind;
use lakeward_tests::embedded::{BUCKET, Contents, DATABASE, Orders, World};

/// Both kinds of tables.
const TABLES: [Orders; 2] = [Orders { partitioned: false }, Orders { partitioned: true }];

/// A lake where runs 0 to `versions` - 1 were live in turn.
async fn lake(table: Orders, versions: usize) -> Result<World> {
    let world = World::start().await?;
    for run in 0..versions {
        for step in &table.publish(run) {
            world.succeeds(step).await?;
        }
    }
    Ok(world)
}

async fn put(world: &World, key: &str) -> Result<()> {
    let body = b"somebody's".to_vec().into();
    world.s3().put_object().bucket(BUCKET).key(key).body(body).send().await?;
    Ok(())
}

/// A Glue table that another tool made.
fn foreign(name: &str, location: &str) -> Result<TableInput> {
    let storage = StorageDescriptor::builder().location(location).build();
    Ok(TableInput::builder().name(name).storage_descriptor(storage).build()?)
}

/// The Location of a version.
async fn location(world: &World, run: usize) -> Result<String> {
    let manifest = world.json(&format!("orders/_runs/{}/manifest.json", Orders::run(run))).await?;
    Ok(manifest["write"]["location"].as_str().context("no location")?.to_owned())
}

/// Fails if gc without any grace changes anything; gives why it deleted nothing.
async fn changes_nothing(world: &World) -> Result<String> {
    let before = Contents::of(world).await?;
    let refused = world.run(&Orders::gc_all()).await?.err().context("it did not refuse")?;
    ensure!(Contents::of(world).await? == before, "something was deleted: {refused}");
    ensure!(refused.kind() == Kind::Configuration, "{refused}");
    Ok(refused.message())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_version_older_than_retention_stays() -> Result<()> {
    for table in TABLES {
        let world = lake(table, 1).await?;
        let before = Contents::of(&world).await?;
        world.clock().advance(Duration::from_hours(24 * 2000));
        world.succeeds(&Orders::gc_all()).await?;
        let after = Contents::of(&world).await?;
        ensure!(after.files == before.files && after.phases == before.phases, "{after:?}");
        ensure!(after.tables[Orders::NAME] == before.tables[Orders::NAME], "{after:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sibling_whose_name_begins_alike_is_out_of_reach() -> Result<()> {
    let world = lake(TABLES[0], 2).await?;
    let garbage = ["orders_eu/_writes/2026-01-01-000000/00000000f00d/a.parquet", "orders_eu/_runs/probe-1"];
    for key in garbage {
        put(&world, key).await?;
    }
    let upload = world.s3().create_multipart_upload().bucket(BUCKET).key("orders_eu/_writes/b");
    upload.send().await?;
    world.clock().advance(Duration::from_hours(24 * 100));
    let collected = world.succeeds(&Orders::gc_all()).await?;
    ensure!(collected["done"]["runs_retired"] == 1, "{collected}");
    let after = Contents::of(&world).await?;
    ensure!(after.files.contains_key(garbage[0]) && after.others.contains(garbage[1]), "{after:?}");
    ensure!(after.uploads.contains("orders_eu/_writes/b"), "{after:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_another_table_under_the_root_shows_stays() -> Result<()> {
    let world = lake(TABLES[0], 3).await?;
    let audit = foreign("audit", &location(&world, 0).await?)?;
    world.glue().create_table().database_name(DATABASE).table_input(audit).send().await?;
    let before = Contents::of(&world).await?;
    let collected = world.succeeds(&Orders::gc_all()).await?;
    ensure!(collected["plan"]["kept"][Orders::run(0)]["pointed-at"] == "shop.audit", "{collected}");
    ensure!(collected["plan"]["retire"][0]["run"] == Orders::run(1), "{collected}");
    let after = Contents::of(&world).await?;
    for (key, file) in before.files {
        ensure!(key.contains(&Orders::run(1)) || after.files.get(&key) == Some(&file), "{key} is gone");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_while_another_table_reads_the_whole_root() -> Result<()> {
    for place in [Orders::ROOT, "s3://lake/orders/_writes/"] {
        let world = lake(TABLES[1], 2).await?;
        let all = foreign("everything", place)?;
        world.glue().create_table().database_name(DATABASE).table_input(all).send().await?;
        ensure!(changes_nothing(&world).await?.contains("shop.everything"), "it does not name the table");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_without_permission_to_read_glue() -> Result<()> {
    let world = lake(TABLES[1], 2).await?;
    let before = Contents::of(&world).await?;
    for operation in ["GetDatabases", "GetTables", "GetTable", "GetPartitions"] {
        let denied = Effect::Refuse { status: 400, code: "AccessDeniedException".to_owned() };
        let rule = Rule::new(When::Before, denied).service(Service::Glue).operation(operation);
        let fault = world.faults().set(rule.times(u64::MAX));
        let failure = world.run(&Orders::gc_all()).await?.err().context("it went on")?;
        ensure!(fault.fired() > 0 && failure.kind() == Kind::Configuration, "{operation}: {failure:?}");
        ensure!(failure.message().contains(&format!("glue:{operation}")), "{failure}");
        world.faults().clear();
        ensure!(Contents::of(&world).await? == before, "{operation}: something was deleted");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_when_the_live_table_was_replaced_by_an_empty_or_foreign_one() -> Result<()> {
    for place in [None, Some("s3://lake/elsewhere/")] {
        let world = lake(TABLES[0], 2).await?;
        let glue = world.glue();
        glue.delete_table().database_name(DATABASE).name(Orders::NAME).send().await?;
        ensure!(changes_nothing(&world).await?.contains("no glue table shop.orders"), "while it is missing");
        let table = match place {
            None => TableInput::builder().name(Orders::NAME).build()?,
            Some(place) => foreign(Orders::NAME, place)?,
        };
        glue.create_table().database_name(DATABASE).table_input(table).send().await?;
        ensure!(changes_nothing(&world).await?.contains("shows no run"), "while it is foreign");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_still_within_its_grace_keeps_its_version() -> Result<()> {
    let world = lake(TABLES[1], 2).await?;
    let before = Contents::of(&world).await?;
    let gc = Orders::gc().args(["--retention-days=0", "--keep-versions=1"]);
    world.clock().advance(Duration::from_mins(239));
    let early = world.succeeds(&gc).await?;
    ensure!(early["plan"]["kept"][Orders::run(0)] == "within-reader-grace", "{early}");
    ensure!(Contents::of(&world).await?.files == before.files, "a reader has lost a file");
    world.clock().advance(Duration::from_mins(2));
    let late = world.succeeds(&gc).await?;
    ensure!(late["plan"]["retire"][0]["run"] == Orders::run(0), "{late}");
    let left = Contents::of(&world).await?.files;
    ensure!(left.keys().all(|key| key.starts_with(&Orders::writes(1))), "{left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_staged_table_goes_of_a_live_version_whose_swap_died_before_it_said_so() -> Result<()> {
    for table in TABLES {
        let world = lake(table, 1).await?;
        let [write, register, verify, swap] = table.publish(1);
        for step in [write, register, verify] {
            world.succeeds(&step).await?;
        }
        // The first says that the run is about to go live, the second that it is.
        let record = Rule::new(When::Before, Effect::Drop).operation("PutObject").containing("manifest.json");
        ensure!(world.run_until(&swap, record.nth(2).times(u64::MAX)).await?.is_none(), "it did not die");
        world.faults().clear();
        let died = Contents::of(&world).await?;
        ensure!(died.tables[Orders::NAME].run == Some(Orders::run(1)), "{died:?}");
        ensure!(died.phases[&Orders::run(1)] == "verified" && died.tables.len() == 3, "{died:?}");
        world.clock().advance(Duration::from_hours(5));
        world.succeeds(&Orders::gc()).await?;
        let left = Contents::of(&world).await?;
        ensure!(left.tables.keys().eq([Orders::NAME]) && left.files == died.files, "{left:?}");
        // Running the swap again still records what happened.
        world.succeeds(&swap).await?;
        ensure!(Contents::of(&world).await?.phases[&Orders::run(1)] == "published", "it is not recorded");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_keeps_a_zombie_from_coming_back() -> Result<()> {
    for table in TABLES {
        let world = lake(table, 1).await?;
        let seal = Rule::new(When::Before, Effect::Pause).operation("PutObject").containing("manifest.json");
        let fault = world.faults().set(seal.nth(2));
        let retired = async {
            world.clock().advance(Duration::from_hours(25));
            world.succeeds(&Orders::gc()).await
        };
        let (write, retired) = world.run_meanwhile(&table.write(1), &fault, retired).await?;
        ensure!(retired["done"]["runs_retired"] == 1, "the run of the zombie was not retired: {retired}");
        for step in table.publish(1) {
            let failure = world.run(&step).await?.err().context("it came back")?;
            ensure!(
                failure.kind() == Kind::Fenced && failure.message().contains("is retired"),
                "{failure:?}"
            );
        }
        let failure = write.err().context("the zombie has sealed its run")?;
        ensure!(failure.kind() == Kind::Fenced, "{failure:?}");
        let left = Contents::of(&world).await?;
        ensure!(left.files.keys().all(|key| key.starts_with(&Orders::writes(0))), "{left:?}");
        ensure!(left.tables[Orders::NAME].run == Some(Orders::run(0)), "{left:?}");
    }
    Ok(())
}
