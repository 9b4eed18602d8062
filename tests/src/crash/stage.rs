//! The lake as it is when a scenario's step begins.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lakeward_local::{Effect, Rule, When};
use lakeward_manifest::Step;

use super::scenario::{PREFIX, Scenario, Story, TABLE, roll_back, run_id};
use crate::embedded::World;
use crate::scenarios::live_table::edit;

/// Longer than a swap's lease, and than any grace that gc is given here.
const LONG: Duration = Duration::from_mins(20);

/// Prepares the lake.
pub(crate) async fn set(scenario: Scenario) -> Result<World> {
    let world = World::start().await?;
    let stage = Stage { scenario, world: &world };
    match scenario.step {
        Step::Write => stage.write().await,
        Step::Register => stage.register().await,
        Step::Verify => stage.up_to(scenario.version(), &[Step::Write, Step::Register]).await,
        Step::Swap => stage.swap().await,
        Step::Gc => stage.gc().await,
    }
    .with_context(|| format!("preparing {scenario}"))?;
    Ok(world)
}

const PUBLISHED: [Step; 4] = [Step::Write, Step::Register, Step::Verify, Step::Swap];
const VERIFIED: [Step; 3] = [Step::Write, Step::Register, Step::Verify];

struct Stage<'w> {
    scenario: Scenario,
    world: &'w World,
}

impl Stage<'_> {
    async fn write(&self) -> Result<()> {
        self.up_to(self.scenario.version(), &[]).await?;
        if self.scenario.story == Story::TakeOver {
            // The first put of the manifest is the claim, the second the seal.
            self.dies(Step::Write, 2, before("PutObject", "manifest.json").nth(2)).await?;
        }
        Ok(())
    }

    async fn register(&self) -> Result<()> {
        self.up_to(self.scenario.version(), &[Step::Write]).await?;
        if self.scenario.story == Story::TakeOver {
            self.dies(Step::Register, 2, after("CreateTable")).await?;
        }
        Ok(())
    }

    async fn swap(&self) -> Result<()> {
        match self.scenario.story {
            Story::FirstRun | Story::LaterRun => self.up_to(self.scenario.version(), &VERIFIED).await,
            Story::TakeOver => {
                self.up_to(2, &VERIFIED).await?;
                self.dies(Step::Swap, 2, self.half_way()).await
            }
            Story::DeadRival => {
                self.up_to(2, &VERIFIED).await?;
                self.steps(3, &VERIFIED).await?;
                self.dies(Step::Swap, 2, self.half_way()).await?;
                self.world.clock().advance(LONG);
                Ok(())
            }
            Story::Rollback => self.up_to(2, &PUBLISHED).await,
        }
    }

    /// Right after the first change of a swap that readers see.
    fn half_way(&self) -> Rule {
        after(if self.scenario.shape.is_partitioned() { "BatchUpdatePartition" } else { "UpdateTable" })
    }

    /// Something of everything that gc deletes.
    async fn gc(&self) -> Result<()> {
        let story = self.scenario.story;
        let last = if story == Story::FirstRun { 1 } else { 2 };
        self.up_to(last, &[]).await?;
        self.dies(Step::Write, last, before("PutObject", "manifest.json").nth(2)).await?;
        self.steps(last, &PUBLISHED).await?;
        if story == Story::Rollback {
            self.world.succeeds(&roll_back(1)).await?;
        }
        self.litter().await?;
        self.world.clock().advance(LONG);
        if story == Story::TakeOver {
            self.dies(Step::Gc, last, after("PutObject")).await?;
        }
        Ok(())
    }

    /// What others leave behind: a probe, an upload, a version of the table.
    async fn litter(&self) -> Result<()> {
        let backend = self.world.backend()?;
        backend.put(&format!("{PREFIX}_runs/probe-000000000001"), "a probe that died").await?;
        let upload = backend.s3().create_multipart_upload().bucket(backend.bucket());
        let key = format!("{PREFIX}_writes/{}/000000000002/part-0.parquet", run_id(1));
        upload.key(key).send().await.context("beginning an upload")?;
        edit(&backend.table(TABLE), |input| input.description = Some("by hand".to_owned())).await
    }

    /// Publishes every version before `version`, and takes its own run through `steps`.
    async fn up_to(&self, version: usize, steps: &[Step]) -> Result<()> {
        for earlier in 1..version {
            self.steps(earlier, &PUBLISHED).await?;
        }
        self.steps(version, steps).await
    }

    async fn steps(&self, version: usize, steps: &[Step]) -> Result<()> {
        for &step in steps {
            self.world.succeeds(&self.scenario.of_version(step, version)).await?;
        }
        Ok(())
    }

    /// Runs a step that is killed at the request that the rule names.
    async fn dies(&self, step: Step, version: usize, rule: Rule) -> Result<()> {
        // A name of its own, as the rule stays: what the dying step still sends comes to nothing.
        let caller = format!("dying-{step}");
        let dying = self.scenario.of_version(step, version).called(&caller);
        let fault = self.world.faults().set(rule.caller(caller).times(u64::MAX));
        tokio::select! {
            ended = self.world.run(&dying) => bail!("{step} was not killed: {ended:?}"),
            () = fault.reached() => Ok(()),
        }
    }
}

fn before(operation: &str, on: &str) -> Rule {
    Rule::new(When::Before, Effect::Drop).operation(operation).containing(on)
}

fn after(operation: &str) -> Rule {
    Rule::new(When::After, Effect::Drop).operation(operation)
}
