//! Waiting for a second bucket.

use anyhow::Result;
use lakeward_local::ReplicationMode;
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::step::Step;
use lakeward_tests::table::{DAYS, Run, Table};

const REPLICA: &str = "lake-replica";
const SQL: &str = "SELECT i AS id, i % 3 AS part FROM range(30) t(i)";

/// A lake whose bucket is replicated.
async fn replicated(mode: ReplicationMode) -> Result<Lake> {
    let lake = Lake::start().await?;
    lake.local().create_bucket(REPLICA)?;
    lake.local().replicate(lake.backend().bucket(), REPLICA, mode)?;
    Ok(lake)
}

fn verify(table: &Table<'_>, run: &Run, timeout: &str) -> Step {
    let bucket = format!("s3://{REPLICA}/");
    table.backend().step("verify").args([&run.manifest, "--timeout", timeout, "--replica", &bucket])
}

async fn registered(table: &Table<'_>) -> Result<Run> {
    table.registered(&table.write(DAYS[0], SQL).args(["--partition-by", "part"])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_complete_is_verified() -> Result<()> {
    let lake = replicated(ReplicationMode::Completed).await?;
    let table = lake.backend().table("orders");
    let run = registered(&table).await?;
    verify(&table, &run, "0s").args(["--replica-region", "us-east-1"]).succeeds().await?;
    table.swap(&run).succeeds().await?;
    table.shows(&run, SQL).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_late_is_waited_for_and_then_left_to_a_retry() -> Result<()> {
    let lake = replicated(ReplicationMode::Pending).await?;
    let table = lake.backend().table("orders");
    let run = registered(&table).await?;
    verify(&table, &run, "0s").is_refused(Kind::Transient, &[REPLICA, "--timeout", "3 of 3 files"]).await?;
    assert_eq!(table.manifest(&run).await?["phase"], "registered");

    let running = verify(&table, &run, "1m").start().await?;
    assert!(lake.local().finish_replication(lake.backend().bucket())? >= 3);
    running.ended().await?.into_result()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_has_failed_rejects_the_run() -> Result<()> {
    let lake = replicated(ReplicationMode::Failed).await?;
    let table = lake.backend().table("orders");
    let run = registered(&table).await?;
    verify(&table, &run, "10m").is_refused(Kind::Rejected, &["replica", "S3 has given up"]).await?;
    table.swap(&run).is_refused(Kind::Rejected, &["rejected"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_replication_rejects_the_run() -> Result<()> {
    let lake = Lake::start().await?;
    lake.local().create_bucket(REPLICA)?;
    let table = lake.backend().table("orders");
    let run = registered(&table).await?;
    verify(&table, &run, "10m").is_refused(Kind::Rejected, &["replication rule"]).await?;
    Ok(())
}
