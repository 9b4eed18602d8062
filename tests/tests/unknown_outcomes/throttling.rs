//! Services that are too busy.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_glue::types::TableInput;
use lakeward_local::{Entry, Rule, Service, When};
use lakeward_tests::embedded::{BUCKET, DATABASE, Orders, World};
use lakeward_tests::table::IN_PARTS;

use crate::lake::{BY_PART, published, refuse, shows, write};

/// Two partitions, each of a file that is large enough for an upload in parts.
const LARGE: &str = "SELECT i, hash(i) AS h, i // 500000 AS part FROM range(1000000) t(i)";
/// How often each step is told to come back later, for each of its operations.
const TIMES: u64 = 2;
/// Every operation that a step ever asks for, but ListParts, for which only a lost answer is a reason.
const OPERATIONS: [&str; 25] = [
    "AbortMultipartUpload",
    "BatchCreatePartition",
    "BatchDeletePartition",
    "BatchDeleteTableVersion",
    "BatchUpdatePartition",
    "CompleteMultipartUpload",
    "CreateMultipartUpload",
    "CreateTable",
    "DeleteObjects",
    "DeleteTable",
    "GetDatabase",
    "GetDatabases",
    "GetObject",
    "GetPartitions",
    "GetTable",
    "GetTableVersions",
    "GetTables",
    "HeadObject",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjectsV2",
    "PutObject",
    "PutObjectTagging",
    "UpdateTable",
    "UploadPart",
];

/// Three versions that follow one another, with all that gc may find, which goes in both of its ways.
async fn everything(world: &World) -> Result<()> {
    published(world, 1, &BY_PART.write_of(1, LARGE).args(IN_PARTS)).await?;
    archive_a_version(world).await?;
    published(world, 2, &write(2, 3, 1)).await?;
    let upload = format!("{}00000000f00d/part-1.parquet", Orders::writes(1));
    world.s3().create_multipart_upload().bucket(BUCKET).key(upload).send().await?;
    world.succeeds(&Orders::gc_all().args(["--via-lifecycle"])).await?;
    published(world, 3, &write(3, 3, 2)).await?;
    world.succeeds(&Orders::gc_all()).await?;
    shows(world, 3).await
}

/// Changes the live table as others do, without SkipArchive.
async fn archive_a_version(world: &World) -> Result<()> {
    let glue = world.glue();
    let got = glue.get_table().database_name(DATABASE).name(Orders::NAME).send().await?;
    let found = got.table.context("no live table")?;
    let input = TableInput::builder()
        .name(Orders::NAME)
        .description("somebody's")
        .set_storage_descriptor(found.storage_descriptor)
        .set_partition_keys(found.partition_keys)
        .set_table_type(found.table_type)
        .set_parameters(found.parameters)
        .build()?;
    glue.update_table().database_name(DATABASE).table_input(input).send().await?;
    Ok(())
}

/// dbt-adapters#1910, dbt-athena#480, trino#25114: throttled deletes and partition calls ended the job.
#[tokio::test(flavor = "multi_thread")]
async fn throttling_of_every_operation_is_waited_out_by_every_step() -> Result<()> {
    let undisturbed = World::start().await?;
    everything(&undisturbed).await?;
    let asked = |entry: Entry| {
        let caller = entry.call.caller.filter(|caller| caller.starts_with("lakeward-"))?;
        Some((entry.call.service == Service::S3, caller, entry.call.operation))
    };
    let asked: BTreeSet<_> = undisturbed.lake().requests().entries().into_iter().filter_map(asked).collect();
    let operations: BTreeSet<&str> = asked.iter().map(|(_, _, operation)| operation.as_str()).collect();
    ensure!(operations == BTreeSet::from(OPERATIONS), "other operations were asked for: {operations:?}");

    let world = World::start().await?;
    let throttles = asked.iter().map(|(is_s3, caller, operation)| {
        let (service, busy) = if *is_s3 {
            (Service::S3, refuse(503, "SlowDown"))
        } else {
            (Service::Glue, refuse(400, "ThrottlingException"))
        };
        let rule = Rule::new(When::Before, busy).service(service).operation(operation).caller(caller);
        (caller, operation, world.faults().set(rule.times(TIMES)))
    });
    let throttles: Vec<_> = throttles.collect();
    everything(&world).await?;
    for (caller, operation, fault) in throttles {
        ensure!(fault.fired() == TIMES, "{operation} of {caller} was throttled {} times", fault.fired());
    }
    Ok(())
}
