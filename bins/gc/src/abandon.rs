//! `--abandon`: ends one run for good, and removes what it left.
//!
//! It is gc for a single run, without the grace and without a live table. What makes that safe beside a running swap is
//! the same order: a swap that was announced is fenced, then Glue is read, and then the manifest is moved on from exactly
//! the state that was looked at. An announcement since then makes that fail, and everything starts over.

use lakeward_catalog::TableName;
use lakeward_cli::phase;
use lakeward_manifest::{Manifest, ManifestUri, Phase, Refusal, RunId, Step, parameters};
use lakeward_outcome::{Classify, Failure, FailureExt, Kind};
use lakeward_store::{ManifestError, Stored};
use serde::Serialize;

use crate::execute::{Done, Executor, is_announced, retiring};
use crate::inventory::GlueState;

/// Why the run ended, as its manifest says.
const REASON: &str = "abandoned by lakeward-gc --abandon";

/// What became of the run.
#[derive(Debug, Serialize)]
pub struct Abandoned {
    /// The run's manifest.
    pub manifest: ManifestUri,
    /// The run.
    pub run: RunId,
    /// Whether there is a manifest. Without one nothing was claimed, and nothing was there to be fenced.
    pub claimed: bool,
    /// Whether the run had been retired before.
    pub already_done: bool,
    /// The phase that the run had; none without a manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<Phase>,
    /// The phase that it has now; none without a manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What was removed.
    pub done: Done,
}

/// A run that somebody may be reading.
#[derive(Debug, thiserror::Error)]
enum Reachable {
    #[error("run {run} is live in {table} and its manifest does not say so yet: {} {uri} records it", Step::Swap.binary())]
    Live { run: RunId, table: String, uri: ManifestUri },
    #[error(
        "run {run} is going live in {table}, and readers may see part of it: finish that with {} {uri}, or publish \
         another run",
        Step::Swap.binary()
    )]
    GoingLive { run: RunId, table: String, uri: ManifestUri },
    #[error(
        "run {run} was live in {table} until another replaced it, and queries may still read it: {} retires it in time",
        Step::Gc.binary()
    )]
    WasLive { run: RunId, table: String },
    #[error("glue table {table} points at files of run {run}: drop that table or partition and run again")]
    PointedAt { run: RunId, table: String },
    #[error(
        "glue table {table} lies at {location}, under the root and outside any attempt's folder: it may be reading \
         files of run {run}; drop that table and run again"
    )]
    Around { run: RunId, table: String, location: String },
}

impl Classify for Reachable {
    fn kind(&self) -> Kind {
        match self {
            Self::Live { .. } | Self::GoingLive { .. } | Self::WasLive { .. } => Kind::Usage,
            Self::PointedAt { .. } | Self::Around { .. } => Kind::Configuration,
        }
    }
}

impl Executor<'_> {
    /// Ends a run and removes everything of it but the manifest, which stays as a tombstone. Goes on where an earlier
    /// execution was interrupted.
    ///
    /// # Errors
    /// [`Refusal::Published`], and [`Reachable`]: nothing was changed. Whatever S3 or Glue refuse: the run has ended, and
    /// the next gc goes on.
    pub(crate) async fn abandon(&self, uri: &ManifestUri) -> Result<Abandoned, Failure> {
        let mut done = Done::default();
        let Some(found) = self.manifests.find(&uri.run).await? else {
            tracing::info!("there is no manifest: nothing was claimed, so there is nothing to abandon");
            self.context.record().set_unchanged();
            return Ok(abandoned(uri, None, None, done));
        };
        let was = found.manifest.phase;
        self.context.identify("table", &found.manifest.table.glue);
        let ended = phase("end", self.end(found)).await?;
        let removed = self.remove(ended, &mut done).await;
        let now = done.settle(removed, self.context)?.manifest.phase;
        if was == Phase::Retired && done == Done::default() {
            self.context.record().set_unchanged();
        }
        tracing::info!(%was, %now, objects = done.objects_deleted, "ended for good");
        Ok(abandoned(uri, Some(was), Some(now), done))
    }

    /// Removes everything of a run that has ended.
    async fn remove(&self, ended: Stored, done: &mut Done) -> Result<Stored, Failure> {
        self.drop_staged_table(&ended.manifest, done).await?;
        self.abort_all_uploads(&ended.manifest.run.id, done).await?;
        self.delete_run(ended, done).await
    }

    /// Makes sure that the run can never go live, and that nobody can be reading it. Gives its manifest, in which its
    /// deletion has begun.
    async fn end(&self, found: Stored) -> Result<Stored, Failure> {
        let mut waits = self.manifests.store().caller().backoff();
        let mut current = found;
        loop {
            let Stored { manifest, etag } = &current;
            let uri = manifest.uri();
            if manifest.phase == Phase::Published {
                return Err(Refusal::Published { run: uri.run }.into());
            }
            if manifest.phase.is_in_flight() && is_announced(manifest) {
                self.fence(&TableName::from(&manifest.table.glue)).await?;
            }
            let root = self.manifests.root();
            let (glue, _) = GlueState::read(self.catalog, self.databases, root, &manifest.table.glue).await?;
            check_unreachable(manifest, &glue)?;
            let ending = retiring(manifest.clone(), REASON, &self.context.stamp())?;
            if ending == *manifest {
                return Ok(current);
            }
            if let Some(ended) = self.manifests.replace(etag, ending).await? {
                return Ok(ended);
            }
            tracing::info!("the run was changed meanwhile: looking again");
            let run = uri.run.clone();
            waits.wait().await.map_err(|_| ManifestError::Contended { uri })?;
            current = self.manifests.load(&run).await?;
        }
    }

    /// Only now, and by its name: a register that was overtaken may have made it after Glue was read. The name alone proves
    /// nothing; a table that shows something else than this run is somebody's.
    async fn drop_staged_table(&self, manifest: &Manifest, done: &mut Done) -> Result<(), Failure> {
        let name = TableName::from(&manifest.table.glue.staged(&manifest.run.id));
        let Some(table) = self.catalog.get_table(&name).await? else { return Ok(()) };
        let says = |parameter: &str| table.definition.parameters.get(parameter).map(String::as_str);
        let uri = manifest.uri().to_string();
        if says(parameters::ROLE) == Some(parameters::ROLE_STAGED) && says(parameters::MANIFEST) == Some(&uri)
        {
            done.staged_tables_dropped += u64::from(self.catalog.delete_table(&name).await?);
        } else {
            tracing::info!(table = %name, "shows something else than this run: left alone");
        }
        Ok(())
    }

    /// Uploads that are completed meanwhile have become files, which are listed after this.
    async fn abort_all_uploads(&self, run: &RunId, done: &mut Done) -> Result<(), Failure> {
        let folder = self.manifests.root().run_writes_prefix(run);
        let uploads = self.manifests.store().list_uploads(&folder).await;
        for upload in uploads.doing(|| format!("looking for uploads of run {run}"))? {
            self.abort_upload(&upload.key, &upload.upload_id, done).await?;
        }
        Ok(())
    }
}

fn abandoned(uri: &ManifestUri, was: Option<Phase>, phase: Option<Phase>, done: Done) -> Abandoned {
    Abandoned {
        manifest: uri.clone(),
        run: uri.run.clone(),
        claimed: was.is_some(),
        already_done: was == Some(Phase::Retired),
        was,
        phase,
        done,
    }
}

/// Refuses a run that a Glue table shows, is about to show, or points at.
fn check_unreachable(manifest: &Manifest, glue: &GlueState) -> Result<(), Reachable> {
    let (run, uri, table) = (manifest.run.id.clone(), manifest.uri(), manifest.table.glue.to_string());
    let live = glue.live.as_ref();
    if live.is_some_and(|live| live.swapping.as_ref().is_some_and(|intent| intent.run == run)) {
        return Err(Reachable::GoingLive { run, table, uri });
    }
    if live.is_some_and(|live| live.run.as_ref() == Some(&run)) {
        return Err(Reachable::Live { run, table, uri });
    }
    if live.is_some_and(|live| live.replaced.as_ref() == Some(&run)) && !manifest.phase.is_ended() {
        return Err(Reachable::WasLive { run, table });
    }
    if let Some((_, table)) = glue.pointing.iter().find(|((id, _), _)| *id == run) {
        return Err(Reachable::PointedAt { run, table: table.clone() });
    }
    match glue.odd_locations.iter().next() {
        Some((location, table)) => {
            Err(Reachable::Around { run, table: table.clone(), location: location.clone() })
        }
        None => Ok(()),
    }
}
