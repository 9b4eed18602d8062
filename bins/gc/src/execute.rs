//! Carries out a plan: fences, looks again, marks, and only then deletes.
//!
//! The order is what makes it safe beside a running swap. A swap reads the live table, announces itself in the run's
//! manifest, and then changes the table at the version that it read. Whoever announced a swap long ago and never made it
//! is fenced by changing the live table's version: it has to read again, and announce again. Then Glue is read again, and
//! what has gone live after all is left alone. Then the manifest is moved to `retiring` by compare-and-swap: an
//! announcement since the plan makes that fail, and one after it is refused.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use lakeward_catalog::{Catalog, DeletedVersions, GlueVersion, TableName, Update};
use lakeward_cli::{Context, Measure};
use lakeward_manifest::{LiveState, Manifest, Phase, Prefix, Refusal, RunId, Stamp, parameters};
use lakeward_outcome::{Failure, FailureExt, Kind};
use lakeward_store::{Deleted, Manifests, ObjectId, ObjectVersion, Stored};
use serde::Serialize;

use crate::inventory::{GlueState, Inventory, Run};
use crate::plan::{DeadAttempt, Plan, Retirement};

/// Objects tagged at once.
const AT_ONCE: usize = 16;
/// The tag of retired objects; `--lifecycle-rule` prints the rule that expires them.
pub(crate) const RETIRED_TAG: (&str, &str) = ("lakeward", "retired");

/// What was done, so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Runs that are retired now.
    pub runs_retired: u64,
    /// Runs that were planned to be retired and were left alone: somebody else changed them meanwhile.
    pub runs_skipped: Vec<RunId>,
    /// Objects, versions and delete markers deleted.
    pub objects_deleted: u64,
    /// Objects tagged for a lifecycle rule.
    pub objects_tagged: u64,
    /// Staged tables dropped.
    pub staged_tables_dropped: u64,
    /// Uploads aborted.
    pub uploads_aborted: u64,
    /// Archived table versions deleted.
    pub table_versions_deleted: u64,
    /// What could not be deleted, and why: one line each.
    pub failures: Vec<String>,
    /// How many of the failures may pass by themselves.
    pub failures_passing: usize,
}

impl Done {
    /// Ends the work that came to `outcome`: writes down what was done, however it ended, for those who observe the step.
    ///
    /// # Errors
    /// That of the outcome, or something could not be deleted.
    pub(crate) fn settle<T>(&self, outcome: Result<T, Failure>, context: &Context) -> Result<T, Failure> {
        context.measure(Measure::RunsRetired, self.runs_retired);
        context.measure(Measure::ObjectsDeleted, self.objects_deleted);
        context.measure(Measure::ObjectsTagged, self.objects_tagged);
        context.measure(Measure::StagedTablesDropped, self.staged_tables_dropped);
        context.measure(Measure::UploadsAborted, self.uploads_aborted);
        context.measure(Measure::TableVersionsDeleted, self.table_versions_deleted);
        context.measure(Measure::Failures, self.failures.len() as u64);
        let result = outcome?;
        self.refused().map_or(Ok(result), Err)
    }

    /// The failure to report when something could not be deleted.
    fn refused(&self) -> Option<Failure> {
        let (first, count) = (self.failures.first()?, self.failures.len());
        let (kind, remedy) = if self.failures_passing == count {
            (Kind::Transient, "run again")
        } else {
            (Kind::Configuration, "mend permissions or locks and run again")
        };
        let deleted = self.objects_deleted;
        Some(Failure::new(
            kind,
            format!(
                "{count} things could not be deleted ({deleted} were), the first of them {first}: {remedy}"
            ),
        ))
    }
}

/// How retired objects go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Deleted, every version of them.
    Delete,
    /// Tagged, for a lifecycle rule to expire.
    Tag,
}

/// What carrying out a plan works with.
pub(crate) struct Executor<'e> {
    pub(crate) manifests: &'e Manifests,
    pub(crate) catalog: &'e Catalog,
    pub(crate) context: &'e Context,
    pub(crate) databases: &'e [String],
    pub(crate) removal: Removal,
}

impl Executor<'_> {
    /// Carries out the plan, and counts in `done` as it goes. What S3 or Glue refuse one by one is told in
    /// [`Done::failures`].
    pub(crate) async fn carry_out(
        &self,
        inventory: &Inventory,
        plan: &Plan,
        done: &mut Done,
    ) -> Result<(), Failure> {
        if let Some(name) = &inventory.table
            && plan.retire.iter().any(|retirement| announced(inventory, &retirement.run))
        {
            self.fence(&TableName::from(name)).await?;
        }
        let glue = inventory.look_again(self.manifests, self.catalog, self.databases).await?;
        if glue.live.as_ref().is_none_or(|live| live.run.is_none()) || !glue.odd_locations.is_empty() {
            let message = "the live table has changed while gc was planning: nothing was deleted, run again";
            return Err(Failure::new(Kind::Transient, message));
        }
        let marked = self.mark(inventory, plan, &glue, done).await?;
        self.drop_staged_tables(inventory, plan, done).await?;
        for stored in marked {
            self.delete_run(stored, done).await?;
        }
        for attempt in plan
            .attempts
            .iter()
            .filter(|attempt| !glue.pointing.contains_key(&(attempt.run.clone(), attempt.attempt.clone())))
        {
            self.delete_attempt(attempt, done).await?;
        }
        self.abort_uploads(plan, done).await?;
        self.delete_table_versions(inventory, plan, done).await?;
        self.delete_leftovers(plan, done).await
    }

    /// They lie beside the manifests: in a versioned bucket their versions are found by listing that folder.
    async fn delete_leftovers(&self, plan: &Plan, done: &mut Done) -> Result<(), Failure> {
        if plan.leftovers.is_empty() {
            return Ok(());
        }
        let runs = self.manifests.root().runs_prefix();
        let versions = self.manifests.store().list_versions(&runs).await?;
        let leftovers = versions.into_iter().filter(|version| plan.leftovers.contains(&version.key));
        let leftovers = leftovers
            .map(|object| ObjectId { key: object.key, version_id: Some(object.version_id) })
            .collect();
        self.delete(leftovers, done).await.map(drop)
    }

    /// Moves the manifests of what is to go to `retiring`. A run that a table points at after all, and one that
    /// somebody else has changed, is left alone.
    async fn mark(
        &self,
        inventory: &Inventory,
        plan: &Plan,
        glue: &GlueState,
        done: &mut Done,
    ) -> Result<Vec<Stored>, Failure> {
        let visible: BTreeSet<&RunId> = glue.live.iter().flat_map(LiveState::visible_runs).collect();
        let pointed_at = |run: &RunId| glue.pointing.keys().any(|(id, _)| id == run);
        let mut marked = Vec::new();
        for Retirement { run, reason, .. } in &plan.retire {
            let Some(Run::Known(stored)) = inventory.runs.get(run) else { continue };
            if visible.contains(run) || pointed_at(run) {
                tracing::info!(%run, "went live while gc was planning: left alone");
                done.runs_skipped.push(run.clone());
                continue;
            }
            let retiring = retiring(stored.manifest.clone(), reason, &self.context.stamp())?;
            if retiring == stored.manifest {
                marked.push(stored.as_ref().clone());
                continue;
            }
            match self.manifests.replace(&stored.etag, retiring).await? {
                Some(stored) => marked.push(stored),
                None => {
                    tracing::info!(%run, "changed while gc was planning: left alone");
                    done.runs_skipped.push(run.clone());
                }
            }
        }
        Ok(marked)
    }

    /// Changes the live table's version and nothing that a reader sees, so that a compare-and-swap against the
    /// version before can no longer succeed.
    pub(crate) async fn fence(&self, name: &TableName) -> Result<(), Failure> {
        self.change_version(name)
            .await
            .doing(|| "fencing swaps that were announced and never made".to_owned())
    }

    async fn change_version(&self, name: &TableName) -> Result<(), Failure> {
        let mut waits = self.catalog.caller().backoff();
        loop {
            // Without a table there is none that a stalled swap could change: one that creates it starts over.
            let Some(table) = self.catalog.get_table(name).await? else { return Ok(()) };
            let mut fenced = table.definition.clone();
            let mark = self.context.execution().to_string();
            fenced.parameters.insert(parameters::FENCED_BY.to_owned(), mark.clone());
            let is_mine = |table: &lakeward_catalog::Table| {
                table.definition.parameters.get(parameters::FENCED_BY) == Some(&mark)
            };
            if self.catalog.update_table(&table, &fenced, is_mine).await? == Update::Done {
                return Ok(());
            }
            let stuck =
                || Failure::new(Kind::Transient, format!("{name} kept being changed by others: run again"));
            waits.wait().await.map_err(|_| stuck())?;
        }
    }

    async fn drop_staged_tables(
        &self,
        inventory: &Inventory,
        plan: &Plan,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let Some(live) = &inventory.table else { return Ok(()) };
        let skipped: BTreeSet<&RunId> = done.runs_skipped.iter().collect();
        for table in &plan.staged_tables {
            let staged = inventory.staged_tables.iter().find(|staged| staged.name == *table);
            let Some(run) = staged.map(|staged| &staged.run).filter(|run| !skipped.contains(run)) else {
                continue;
            };
            // Registered while gc was planning: the run is on its way.
            let planned = match inventory.runs.get(run) {
                Some(Run::Known(stored)) => Some(&stored.etag),
                _ => None,
            };
            let moved = |now: &Stored| now.manifest.phase.is_in_flight() && Some(&now.etag) != planned;
            if self.manifests.find(run).await?.as_ref().is_some_and(moved) {
                continue;
            }
            self.catalog.delete_table(&TableName::new(live.database(), table)).await?;
            done.staged_tables_dropped += 1;
        }
        Ok(())
    }

    /// Deletes all files of a run that is being retired; once none is left, the run is retired.
    pub(crate) async fn delete_run(&self, stored: Stored, done: &mut Done) -> Result<Stored, Failure> {
        let run = stored.manifest.run.id.clone();
        let prefix = self.manifests.root().run_writes_prefix(&run);
        let left = self.remove_prefix(&prefix, done).await.doing(|| format!("deleting run {run}"))?;
        if left > 0 || stored.manifest.phase == Phase::Retired {
            return Ok(stored);
        }
        if self.delete_failure_note(&run, done).await? > 0 {
            return Ok(stored);
        }
        let retired = self.manifests.change(stored, |manifest| manifest.retire(self.context.stamp())).await?;
        done.runs_retired += 1;
        Ok(retired)
    }

    /// The note of a run's last failure, in a versioned bucket all of them: nobody will go on with the run. How many are
    /// left.
    async fn delete_failure_note(&self, run: &RunId, done: &mut Done) -> Result<u64, Failure> {
        let root = self.manifests.root();
        let versions = self.manifests.store().list_versions(&root.run_prefix(run)).await?;
        let key = root.failure_key(run);
        let notes = versions.into_iter().filter(|version| version.key == key);
        let notes = notes.map(|note| ObjectId { key: note.key, version_id: Some(note.version_id) });
        self.delete(notes.collect(), done).await
    }

    async fn delete_attempt(&self, dead: &DeadAttempt, done: &mut Done) -> Result<(), Failure> {
        // An attempt that is not its run's own never becomes so, but the plan may be of before a take-over ended.
        if let Some(current) = self.manifests.find(&dead.run).await? {
            let manifest = current.manifest;
            if *manifest.owner() == dead.attempt && !manifest.phase.is_ended() {
                return Ok(());
            }
        }
        let prefix = self.manifests.root().attempt_prefix(&dead.run, &dead.attempt);
        self.remove_prefix(&prefix, done)
            .await
            .doing(|| format!("deleting attempt {}", dead.attempt))
            .map(drop)
    }

    /// Removes everything under a prefix; the number of objects that are left.
    async fn remove_prefix(&self, prefix: &Prefix, done: &mut Done) -> Result<u64, Failure> {
        let store = self.manifests.store();
        let versions = store.list_versions(prefix).await?;
        if self.removal == Removal::Tag {
            return self.tag(versions, done).await;
        }
        let objects = versions
            .into_iter()
            .map(|version| ObjectId { key: version.key, version_id: Some(version.version_id) })
            .collect();
        self.delete(objects, done).await
    }

    /// Tags every version, many at once; all of them are left until the lifecycle rule comes round.
    async fn tag(&self, versions: Vec<ObjectVersion>, done: &mut Done) -> Result<u64, Failure> {
        let store = self.manifests.store();
        let objects = versions.iter().filter(|version| !version.is_delete_marker);
        let tagging =
            objects.map(|version| store.tag(&version.key, Some(&version.version_id), &[RETIRED_TAG]));
        let mut tagging = stream::iter(tagging).buffer_unordered(AT_ONCE);
        while let Some(tagged) = tagging.next().await {
            tagged?;
            done.objects_tagged += 1;
        }
        Ok(versions.len() as u64)
    }

    /// Deletes objects; the number that are left.
    async fn delete(&self, objects: Vec<ObjectId>, done: &mut Done) -> Result<u64, Failure> {
        if objects.is_empty() {
            return Ok(0);
        }
        let mut deleted = Deleted::default();
        let ended = self.manifests.store().delete_many(objects, &mut deleted).await;
        done.objects_deleted += deleted.count as u64;
        let left = deleted.failures.len() as u64;
        for failure in deleted.failures {
            done.failures_passing += usize::from(failure.is_passing());
            let uri = self.manifests.root().uri(&failure.object.key);
            done.failures.push(format!("{uri}: {} ({})", failure.message, failure.code));
        }
        ended?;
        Ok(left)
    }

    async fn abort_uploads(&self, plan: &Plan, done: &mut Done) -> Result<(), Failure> {
        for upload in &plan.uploads {
            self.abort_upload(&upload.key, &upload.upload_id, done).await?;
        }
        Ok(())
    }

    pub(crate) async fn abort_upload(&self, key: &str, id: &str, done: &mut Done) -> Result<(), Failure> {
        self.manifests.store().abort_upload(key, id).await?;
        done.uploads_aborted += 1;
        Ok(())
    }

    async fn delete_table_versions(
        &self,
        inventory: &Inventory,
        plan: &Plan,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let Some(name) = inventory.table.as_ref().map(TableName::from) else { return Ok(()) };
        if plan.table_versions.is_empty() {
            return Ok(());
        }
        let versions: Vec<GlueVersion> = plan.table_versions.iter().map(GlueVersion::new).collect();
        let mut deleted = DeletedVersions::default();
        let ended = self.catalog.delete_versions(&name, &versions, &mut deleted).await;
        done.table_versions_deleted += deleted.count as u64;
        for failure in deleted.failures {
            let line = format!("{name} version {}: {} ({})", failure.version, failure.message, failure.code);
            done.failures.push(line);
        }
        Ok(ended?)
    }
}

fn announced(inventory: &Inventory, run: &RunId) -> bool {
    let Some(Run::Known(stored)) = inventory.runs.get(run) else { return false };
    is_announced(&stored.manifest)
}

/// Whether a swap to the run was announced and is not known to have ended.
pub(crate) fn is_announced(manifest: &Manifest) -> bool {
    manifest.swap.as_ref().is_some_and(|swap| swap.intent.is_some())
}

/// The manifest of a run whose deletion begins; one in flight is abandoned before.
pub(crate) fn retiring(manifest: Manifest, reason: &str, stamp: &Stamp) -> Result<Manifest, Refusal> {
    let ended = if manifest.phase.is_in_flight() {
        manifest.abandon(reason.to_owned(), stamp.clone())?
    } else {
        manifest
    };
    ended.begin_retirement(reason.to_owned(), stamp.clone())
}
