//! `--expected-bucket-owner`.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use lakeward_local::{ACCOUNT_ID, Service};
use lakeward_outcome::Kind;
use lakeward_permissions::s3;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::{DAYS, Run};

use crate::story::{REPLICA, SQL, Story};

const OWNER: &str = "LAKEWARD_EXPECTED_BUCKET_OWNER";
const REPLICA_OWNER: &str = "LAKEWARD_REPLICA_BUCKET_OWNER";
const SOMEBODY: &str = "999999999999";

#[tokio::test(flavor = "multi_thread")]
async fn every_request_to_s3_names_the_expected_owner() -> Result<()> {
    let lake = Lake::start().await?;
    let mut story = Story::new(&lake, &[(OWNER, ACCOUNT_ID), (REPLICA_OWNER, ACCOUNT_ID)]);
    story.play().await?;
    let mut operations = BTreeSet::new();
    for entry in story.asked.iter().filter(|entry| entry.call.service == Service::S3) {
        let owner = entry.call.details.expected_bucket_owner.as_deref();
        ensure!(owner == Some(ACCOUNT_ID), "{} names {owner:?}", entry.call.operation);
        operations.insert(entry.call.operation.as_str());
    }
    let missing: Vec<_> =
        s3::OPERATIONS.iter().filter(|operation| !operations.contains(operation.name)).collect();
    ensure!(missing.is_empty(), "not seen: {missing:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_of_another_account_is_refused_by_every_program_before_anything_changes() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let run = table.registered(&table.write(DAYS[0], SQL)).await?;
    let before = lake.backend().keys("").await?;
    for step in crate::every_program(&table, &run, SQL) {
        let step = step.env(OWNER, SOMEBODY);
        step.is_refused(Kind::Configuration, &["denied", "belongs to account 999999999999"]).await?;
    }
    ensure!(lake.backend().keys("").await? == before, "something was put");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_bucket_has_an_expected_owner_of_its_own() -> Result<()> {
    let lake = Lake::start().await?;
    lake.local().create_bucket(REPLICA)?;
    lake.local().replicate("lake", REPLICA, lakeward_local::ReplicationMode::Completed)?;
    let table = lake.backend().table("orders");
    let run: Run = table.registered(&table.write(DAYS[0], SQL)).await?;
    let verify = table.verify(&run).args(["--replica", &format!("s3://{REPLICA}/")]).env(OWNER, ACCOUNT_ID);
    let wrong = verify.clone().env(REPLICA_OWNER, SOMEBODY);
    wrong.is_refused(Kind::Configuration, &[REPLICA, "denied"]).await?;
    verify.env(REPLICA_OWNER, ACCOUNT_ID).succeeds().await.map(drop)
}
