//! Stores that refuse, or do not keep their promises.

use anyhow::{Context as _, Result};
use aws_sdk_s3::types::{ObjectLockLegalHold, ObjectLockLegalHoldStatus};
use lakeward_local::{Effect, Rule, Service, When};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::step::Step;
use lakeward_tests::table::{DAYS, NO_GRACE, Run, Table};

const SQL: &str = "SELECT i AS id, i % 4 AS part FROM range(100) t(i)";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_settled_by_reading_back() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    // The first table that is created is the staged one.
    let changes = [
        ("PutObject", "manifest.json", 1),
        ("PutObject", "part=1/", 1),
        ("CreateTable", "shop.orders", 1),
        ("BatchCreatePartition", "shop.orders", 1),
        ("CreateTable", "shop.orders", 2),
        ("BatchUpdatePartition", "shop.orders", 1),
        ("UpdateTable", "shop.orders", 1),
    ];
    let lost = changes.map(|(operation, on, nth)| {
        let rule = Rule::new(When::After, Effect::Drop).operation(operation).containing(on).nth(nth);
        (operation, on, lake.faults().set(rule))
    });
    for day in &DAYS[..2] {
        let run = table.published(&table.write(day, SQL).args(["--partition-by", "part"])).await?;
        table.shows(&run, SQL).await?;
        assert_eq!(table.data().await?.iter().filter(|key| key.contains(&run.id)).count(), 4);
    }
    for (operation, on, fault) in lost {
        assert_eq!(fault.fired(), 1, "{operation} on {on}");
    }
    Ok(())
}

/// A new run's write, and all that there is to do for a verified one.
fn every_step(table: &Table<'_>, run: &Run) -> [Step; 5] {
    [table.write(DAYS[1], SQL), table.register(run), table.verify(run), table.swap(run), table.gc()]
}

fn denied() -> Effect {
    Effect::Refuse { status: 403, code: "AccessDenied".to_owned() }
}

fn denied_by_glue() -> Effect {
    Effect::Refuse { status: 400, code: "AccessDeniedException".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_ignores_conditions_is_refused() -> Result<()> {
    let lake = Lake::start().await?;
    lake.local().ignore_conditions(true);
    let table = lake.backend().table("orders");
    let words = ["ignores If-None-Match", "compare-and-swap"];
    table.write(DAYS[0], SQL).is_refused(Kind::Configuration, &words).await?;
    table.has_no_leftovers().await?;
    assert_eq!(lake.backend().keys("").await?, [""; 0]);
    lake.local().ignore_conditions(false);
    let run = table.published(&table.write(DAYS[0], SQL)).await?;
    table.shows(&run, SQL).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_refused_by_every_step() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let run = table.verified(&table.write(DAYS[0], SQL)).await?;
    for step in every_step(&table, &run) {
        let step = step.env("AWS_SECRET_ACCESS_KEY", "not the secret");
        step.is_refused(Kind::Configuration, &["SignatureDoesNotMatch"]).await?;
    }
    table.swap(&run).succeeds().await?;
    table.shows(&run, SQL).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_small_partitions_on_a_slow_store_need_few_open_files() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let sql = "SELECT i AS id, i AS part FROM range(400) t(i)";
    let slow =
        Rule::new(When::Before, Effect::Delay { ms: 1000 }).operation("PutObject").containing("_writes/");
    let fault = lake.faults().set(slow.times(u64::MAX));
    let write = table.write(DAYS[0], sql).args(["--partition-by", "part"]).open_files(200);
    let written = write.succeeds().await?;
    assert_eq!((written["files"].clone(), fault.fired()), (400.into(), 400));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_endpoint_is_named_by_every_step() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let run = table.verified(&table.write(DAYS[0], SQL)).await?;
    for step in every_step(&table, &run) {
        let step = step.env("AWS_ENDPOINT_URL_GLUE", "glue.example.com");
        step.is_refused(Kind::Configuration, &["glue.example.com", "AWS_ENDPOINT_URL_GLUE"]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_upload_leaves_nothing_behind() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let write = table.write(DAYS[0], SQL).args(["--partition-by", "part"]);
    let third = Rule::new(When::Before, denied()).operation("PutObject").containing("_writes/").nth(3);
    let fault = lake.faults().set(third.times(u64::MAX));
    write.is_refused(Kind::Configuration, &["is denied", "s3:PutObject", "_writes/"]).await?;
    assert!(fault.fired() > 0);
    table.has_no_leftovers().await?;
    lake.faults().clear();
    let run = table.published(&write).await?;
    table.shows(&run, SQL).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_under_legal_hold_is_reported_and_goes_once_it_is_released() -> Result<()> {
    let lake = Lake::start().await?;
    let bucket = "lake-locked";
    let s3 = lake.backend().s3();
    s3.create_bucket().bucket(bucket).object_lock_enabled_for_bucket(true).send().await?;
    let backend = lake.backend().in_bucket(bucket);
    let table = backend.table("orders");
    let old = table.published(&table.write(DAYS[0], SQL).args(["--partition-by", "part"])).await?;
    let held = table.data().await?.into_iter().next().context("no file")?;
    let live = table.published(&table.write(DAYS[1], SQL).args(["--partition-by", "part"])).await?;
    let hold = |status| {
        let hold = ObjectLockLegalHold::builder().status(status).build();
        s3.put_object_legal_hold().bucket(bucket).key(&held).legal_hold(hold).send()
    };
    hold(ObjectLockLegalHoldStatus::On).await?;
    let gc = table.gc().args(NO_GRACE);
    gc.is_refused(Kind::Configuration, &[&held, "legal hold", "run again"]).await?;
    assert_eq!(table.data().await?.iter().filter(|key| key.contains(&old.id)).collect::<Vec<_>>(), [&held]);
    assert_eq!(table.manifest(&old).await?["phase"], "retiring");
    table.shows(&live, SQL).await?;
    hold(ObjectLockLegalHoldStatus::Off).await?;
    gc.succeeds().await?;
    assert_eq!(table.manifest(&old).await?["phase"], "retired");
    assert!(table.data().await?.iter().all(|key| key.contains(&live.id)));
    table.shows(&live, SQL).await
}

/// Denies `operation` of `service` to a step that is then refused, in words that name what to allow.
async fn refused_without(
    lake: &Lake,
    (service, operation): (Service, &str),
    step: &lakeward_tests::step::Step,
    words: &[&str],
) -> Result<()> {
    let effect = if service == Service::S3 { denied() } else { denied_by_glue() };
    let rule = Rule::new(When::Before, effect).service(service).operation(operation).times(u64::MAX);
    let fault = lake.faults().set(rule);
    step.is_refused(Kind::Configuration, words).await?;
    assert!(fault.fired() > 0, "{operation} was not asked for");
    lake.faults().clear();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_is_named_by_every_step() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let (s3, glue) = (Service::S3, Service::Glue);
    let write = table.write(DAYS[0], SQL).args(["--partition-by", "part"]);
    refused_without(&lake, (s3, "GetObject"), &write, &["is denied", "s3:GetObject"]).await?;
    refused_without(&lake, (s3, "ListObjectsV2"), &write, &["is denied", "s3:ListBucket"]).await?;
    refused_without(&lake, (glue, "GetDatabase"), &write, &["is denied", "glue:GetDatabase"]).await?;
    table.has_no_leftovers().await?;
    let run = Run::of(write.succeeds().await?)?;
    let register = table.register(&run);
    refused_without(&lake, (glue, "CreateTable"), &register, &["is denied", "glue:CreateTable"]).await?;
    let create = (glue, "BatchCreatePartition");
    refused_without(&lake, create, &register, &["is denied", "glue:BatchCreatePartition"]).await?;
    register.succeeds().await?;
    let verify = table.verify(&run);
    refused_without(&lake, (s3, "HeadObject"), &verify, &["is denied", "s3:GetObject"]).await?;
    refused_without(&lake, (glue, "GetPartitions"), &verify, &["is denied", "glue:GetPartitions"]).await?;
    verify.succeeds().await?;
    refused_without(&lake, (glue, "CreateTable"), &table.swap(&run), &["is denied", "glue:CreateTable"])
        .await?;
    table.swap(&run).succeeds().await?;
    table.shows(&run, SQL).await?;
    next_version(&lake, &table).await
}

/// The permissions that only a second version needs.
async fn next_version(lake: &Lake, table: &Table<'_>) -> Result<()> {
    let (s3, glue) = (Service::S3, Service::Glue);
    let run = table.verified(&table.write(DAYS[1], SQL).args(["--partition-by", "part"])).await?;
    let swap = table.swap(&run);
    refused_without(lake, (glue, "UpdateTable"), &swap, &["is denied", "glue:UpdateTable"]).await?;
    let update = (glue, "BatchUpdatePartition");
    refused_without(lake, update, &swap, &["is denied", "glue:BatchUpdatePartition"]).await?;
    swap.succeeds().await?;
    table.shows(&run, SQL).await?;
    let gc = table.gc().args(NO_GRACE);
    refused_without(lake, (s3, "ListObjectVersions"), &gc, &["is denied", "s3:ListBucketVersions"]).await?;
    refused_without(lake, (s3, "DeleteObjects"), &gc, &["is denied", "s3:DeleteObject"]).await?;
    gc.succeeds().await?;
    table.shows(&run, SQL).await
}
