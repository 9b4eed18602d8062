//! Every program, succeeding and failing in many ways.

use anyhow::Result;
use lakeward_local::{Effect, Entry, ReplicationMode, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::step::{Ended, Step};
use lakeward_tests::table::{DAYS, IN_PARTS, LARGE, NO_GRACE, Run, Table};
use serde_json::Value;

pub(crate) const SQL: &str = "SELECT i AS id, i % 4 AS part FROM range(100) t(i)";
/// A bucket to which the lake's bucket can be replicated.
pub(crate) const REPLICA: &str = "lake-replica";
const BY_PART: [&str; 2] = ["--partition-by", "part"];

/// A lake, and what every step is given besides its own.
pub(crate) struct Story<'l> {
    pub(crate) lake: &'l Lake,
    env: Vec<(&'static str, String)>,
    /// What the steps have written: results and logs.
    pub(crate) told: Vec<String>,
    /// What the lake was asked for by steps.
    pub(crate) asked: Vec<Entry>,
}

impl<'l> Story<'l> {
    pub(crate) fn new(lake: &'l Lake, env: &[(&'static str, &str)]) -> Self {
        let env = env.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { lake, env, told: Vec::new(), asked: Vec::new() }
    }

    pub(crate) async fn run(&mut self, step: &Step) -> Result<Ended> {
        self.lake.local().requests().clear();
        let ended = step.clone().envs(self.env.iter().map(|(name, value)| (*name, value))).run().await?;
        self.asked.extend(self.lake.local().requests().entries());
        self.told.extend([ended.result.to_string(), ended.stderr.clone()]);
        let file = self.env.iter().find(|(name, _)| *name == "LAKEWARD_RESULT_PATH");
        if let Some((_, path)) = file {
            self.told.push(std::fs::read_to_string(path)?);
        }
        Ok(ended)
    }

    pub(crate) async fn succeeds(&mut self, step: &Step) -> Result<Value> {
        self.run(step).await?.into_result()
    }

    pub(crate) async fn fails(&mut self, kind: Kind, step: &Step) -> Result<String> {
        self.run(step).await?.into_refusal(kind, &[])
    }

    pub(crate) async fn publish(&mut self, table: &Table<'_>, write: &Step) -> Result<Run> {
        let run = Run::of(self.succeeds(write).await?)?;
        self.succeeds(&table.register(&run)).await?;
        self.succeeds(&table.verify(&run)).await?;
        self.succeeds(&table.swap(&run)).await?;
        Ok(run)
    }

    /// Plays all of it.
    pub(crate) async fn play(&mut self) -> Result<()> {
        let lake = self.lake;
        lake.local().create_bucket(REPLICA)?;
        let plain = lake.backend().table("plain");
        let parts = lake.backend().table("parts");
        let first = self.publish(&plain, &plain.write(DAYS[0], LARGE).args(IN_PARTS)).await?;
        self.publish(&plain, &plain.write(DAYS[1], SQL)).await?;
        self.succeeds(&plain.roll_back(&first)).await?;
        self.publish(&parts, &parts.write(DAYS[0], SQL).args(BY_PART)).await?;
        self.publish(&parts, &parts.write(DAYS[1], SQL).args(BY_PART)).await?;
        self.mishaps(&plain, &parts).await?;
        self.replica(&parts).await?;
        for table in [&plain, &parts] {
            self.succeeds(&table.status()).await?;
        }
        self.succeeds(&parts.gc().args(NO_GRACE).arg("--via-lifecycle")).await?;
        self.succeeds(&plain.gc().args(NO_GRACE)).await.map(drop)
    }

    /// Uploads and a registration that are denied, a run that is rejected, and both of them abandoned.
    async fn mishaps(&mut self, plain: &Table<'_>, parts: &Table<'_>) -> Result<()> {
        let denied = Effect::Refuse { status: 403, code: "AccessDenied".to_owned() };
        let faults = self.lake.faults();
        faults.set(Rule::new(When::Before, denied.clone()).operation("UploadPart").nth(2));
        self.fails(Kind::Configuration, &plain.write(DAYS[2], LARGE).args(IN_PARTS)).await?;
        let third = Rule::new(When::Before, denied).operation("PutObject").containing("_writes/").nth(3);
        faults.set(third.times(u64::MAX));
        self.fails(Kind::Configuration, &parts.write(DAYS[2], SQL).args(BY_PART)).await?;
        faults.clear();
        faults.set(Rule::new(When::After, Effect::Drop).operation("CreateMultipartUpload"));
        faults.set(Rule::new(When::After, Effect::Drop).operation("CompleteMultipartUpload"));
        let run = Run::of(self.succeeds(&plain.write(DAYS[2], LARGE).args(IN_PARTS)).await?)?;
        let denied = Effect::Refuse { status: 400, code: "AccessDeniedException".to_owned() };
        faults.set(Rule::new(When::Before, denied).operation("CreateTable"));
        self.fails(Kind::Configuration, &plain.register(&run)).await?;
        self.succeeds(&plain.register(&run)).await?;
        self.fails(Kind::Rejected, &plain.verify(&run).arg("--min-rows=100000000")).await?;
        let abandon = plain.backend().step("gc").args(["--abandon", &run.manifest]);
        self.succeeds(&abandon).await.map(drop)
    }

    async fn replica(&mut self, parts: &Table<'_>) -> Result<()> {
        self.lake.local().replicate(self.lake.backend().bucket(), REPLICA, ReplicationMode::Completed)?;
        let run = Run::of(self.succeeds(&parts.write(DAYS[2], SQL).args(BY_PART)).await?)?;
        self.succeeds(&parts.register(&run)).await?;
        let replica = format!("s3://{REPLICA}/");
        self.succeeds(&parts.verify(&run).args(["--replica", &replica])).await.map(drop)
    }
}
