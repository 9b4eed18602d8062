//! Listings that change between their pages.

use anyhow::{Result, ensure};
use aws_sdk_glue::types::PartitionInput;
use lakeward_local::{Effect, Hook, Rule, When};
use lakeward_manifest::Step;
use lakeward_tests::embedded::{BUCKET, DATABASE, Orders, World};

use crate::lake::{PLAIN, before_a_swap, manifest, published, shows};

/// dbt-athena#464: GetPartitions was not read to its end, and partitions went stale or missing.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_appear_and_vanish_between_pages_are_put_right_before_the_swap_commits() -> Result<()>
{
    let ready = before_a_swap(3, 1).await?;
    // With these there are more than a page holds: the listing goes on in ten segments.
    for batch in (1000..2000).collect::<Vec<_>>().chunks(100) {
        let inputs = batch.iter().map(|value| PartitionInput::builder().values(value.to_string()).build());
        let create = ready.glue().batch_create_partition().database_name(DATABASE).table_name(Orders::NAME);
        create.set_partition_input_list(Some(inputs.collect())).send().await?;
    }
    for (when, page) in [(When::After, 1), (When::Before, 6), (When::After, 11)] {
        let world = ready.fork().await?;
        let glue = world.glue();
        let stranger = Hook::new(move |_| {
            let glue = glue.clone();
            async move {
                let create = glue.create_partition().database_name(DATABASE).table_name(Orders::NAME);
                let new = PartitionInput::builder().values("999999").build();
                let _ = create.partition_input(new).send().await;
                // One that the run has too, and one that it does not have.
                for value in ["1", "1500"] {
                    let delete = glue.delete_partition().database_name(DATABASE).table_name(Orders::NAME);
                    let _ = delete.partition_values(value).send().await;
                }
            }
        });
        let rule = Rule::new(when, Effect::Hook(stranger)).operation("GetPartitions");
        let fault = world.faults().set(rule.caller(Step::Swap.binary()).nth(page));
        world.succeeds(&Orders::swap(2)).await?;
        ensure!(fault.fired() == 1, "the partitions were listed in fewer pages");
        shows(&world, 2).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_appear_and_vanish_between_pages_are_gone_after_the_next_gc() -> Result<()> {
    let world = World::start().await?;
    for run in [1, 2] {
        published(&world, run, &PLAIN.write(run)).await?;
    }
    // Files of a dead attempt, more than a page holds.
    let folder = format!("{}ffffffffffff/", Orders::writes(1));
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
    world.succeeds(&Orders::gc_all()).await?;
    ensure!(fault.fired() == 1, "the objects were listed in one page");
    world.succeeds(&Orders::gc_all()).await?;
    let left = world.s3().list_objects_v2().bucket(BUCKET).prefix(Orders::writes(1)).send().await?;
    ensure!(left.contents().is_empty(), "files are left: {:?}", left.contents());
    ensure!(manifest(&world, 1).await?["phase"] == "retired");
    let location = manifest(&world, 2).await?["write"]["location"].clone();
    let live = world.glue().get_table().database_name(DATABASE).name(Orders::NAME).send().await?;
    let shown = live.table.and_then(|table| table.storage_descriptor).and_then(|storage| storage.location);
    ensure!(location == shown.unwrap_or_default(), "the live version is not where it was");
    Ok(())
}

async fn put(s3: &aws_sdk_s3::Client, key: &str) -> Result<()> {
    s3.put_object().bucket(BUCKET).key(key).body(b"x".to_vec().into()).send().await?;
    Ok(())
}
