//! What the run needs, checked before anything costly: conditional writes, the Glue database, a root that is this
//! table's own, a live table that the run can be published to.

use jiff::Timestamp;
use lakeward_catalog::{Catalog, CatalogError, LiveTable, Table, TableName};
use lakeward_lake::Lake;
use lakeward_manifest::{
    AttemptId, Column, Direction, GlueName, ManifestUri, Prefix, RunId, SwapDecision, TableRoot, decide_swap,
    parameters,
};
use lakeward_outcome::{Classify, Failure, Kind};
use lakeward_store::{ManifestError, Manifests, Stored, probe_conditional_writes};

use crate::job::Job;

/// A root or table that belongs to something else.
#[derive(Debug, thiserror::Error)]
enum Occupied {
    #[error("{root} belongs to glue table {owner} (see {manifest}): give each table a root of its own")]
    OtherTable { root: TableRoot, owner: GlueName, manifest: ManifestUri },
    #[error("{root} overlaps glue table {table} at {location}: readers of one would see files of the other")]
    Overlap { root: TableRoot, table: TableName, location: String },
}

/// A run that its own swap would take for live, and readers would go on seeing the other.
#[derive(Debug, thiserror::Error)]
#[error(
    "{table} shows run {run} already, from another root or from a manifest that is gone: give another --run-ts or \
     --run-key"
)]
struct LiveElsewhere {
    run: RunId,
    table: TableName,
}

impl Classify for LiveElsewhere {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

impl Classify for Occupied {
    fn kind(&self) -> Kind {
        Kind::Configuration
    }
}

/// Checks everything that can be known before the query is planned.
pub(crate) async fn check(lake: &Lake, job: &Job, attempt: &AttemptId) -> Result<(), Failure> {
    let Lake { manifests, catalog } = lake;
    let glue = &job.table.glue;
    if !catalog.database_exists(glue.database()).await? {
        return Err(CatalogError::NoSuchDatabase { database: glue.database().to_owned() }.into());
    }
    check_overlap(catalog, job).await?;
    let runs = job.table.root.runs_prefix();
    check_owner(manifests, job, &runs).await?;
    Ok(probe_conditional_writes(manifests.store(), &runs, attempt.as_str()).await?)
}

/// Checks that the live table, if there is one, can show this run, with these partition keys.
pub(crate) async fn check_live_table(
    lake: &Lake,
    job: &Job,
    keys: &[Column],
    now: Timestamp,
) -> Result<(), Failure> {
    let name = TableName::from(&job.table.glue);
    let live = LiveTable::read(&lake.catalog, &name).await?;
    let run = job.run.id.clone();
    match decide_swap(&live.state, &run, Direction::Forward, now) {
        // An orchestrator that catches up runs old days too, and skips their swaps: that is no failure.
        SwapDecision::Superseded { by } => {
            tracing::warn!(table = %name, %by, "a run that is not older is, was or is going live: this one never will");
        }
        // Of this root it was not written when this execution began; another one may have done so since.
        SwapDecision::AlreadyLive | SwapDecision::Resume => {
            let now = lake.manifests.find(&run).await?;
            if now.is_none_or(|now| now.manifest.write.is_none()) {
                return Err(LiveElsewhere { run, table: name }.into());
            }
        }
        SwapDecision::Publish | SwapDecision::Wait { .. } => {}
    }
    live.check_may_show(keys, true)?;
    if live.is_foreign() {
        tracing::warn!(table = %name, "the live table was not made by lakeward: lakeward-swap will need --adopt");
    }
    Ok(())
}

/// The newest run under the root must be of this very table: two tables that share a root would delete each
/// other's versions.
async fn check_owner(manifests: &Manifests, job: &Job, runs: &Prefix) -> Result<(), Failure> {
    let folders = manifests.store().list_folders(runs).await?;
    let Some(stored) = newest_readable(manifests, &folders).await? else { return Ok(()) };
    let owner = &stored.manifest.table.glue;
    let never_published = stored.manifest.swap.is_none();
    if *owner == job.table.glue
        || (never_published && (stored.manifest.phase.is_ended() || stored.manifest.write.is_none()))
    {
        // A run that came to nothing owns nothing: most likely its table's name was mistyped.
        return Ok(());
    }
    let (root, manifest) = (job.table.root.clone(), stored.manifest.uri());
    Err(Occupied::OtherTable { root, owner: owner.clone(), manifest }.into())
}

/// The newest run's manifest, or an older one's when that cannot be read, so that one broken manifest does not keep
/// every later run from being written.
async fn newest_readable(manifests: &Manifests, folders: &[Prefix]) -> Result<Option<Stored>, Failure> {
    for run in folders.iter().rev().filter_map(|folder| folder.name().parse::<RunId>().ok()) {
        match manifests.find(&run).await {
            Ok(Some(stored)) => return Ok(Some(stored)),
            Ok(None) => {}
            Err(ManifestError::Read(error)) => {
                tracing::warn!(%error, %run, "this manifest cannot be read: looking at an older one");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// No other table of the database may lie above or under the root.
async fn check_overlap(catalog: &Catalog, job: &Job) -> Result<(), Failure> {
    let glue = &job.table.glue;
    let tables = match catalog.tables(glue.database()).await {
        Ok(tables) => tables,
        Err(error @ CatalogError::Denied { .. }) => {
            tracing::warn!(%error, "it cannot be checked whether another table lies at this root");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let own = |table: &Table| table.name.table == glue.table() || glue.is_staged_name(&table.name.table);
    for table in tables.iter().filter(|table| !own(table)) {
        let Some(location) = &table.definition.location else { continue };
        // A table of Lakeward's owns all of its root, not the one folder that it shows now.
        let manifest = table.definition.parameters.get(parameters::MANIFEST);
        let owned = manifest.and_then(|uri| uri.parse::<ManifestUri>().ok()).map(|uri| uri.root.to_string());
        let owned = owned.as_ref().unwrap_or(location);
        let above = job.table.root.to_string().starts_with(&format!("{}/", owned.trim_end_matches('/')));
        if above || job.table.root.contains(location) {
            let (root, table, location) = (job.table.root.clone(), table.name.clone(), location.clone());
            return Err(Occupied::Overlap { root, table, location }.into());
        }
    }
    Ok(())
}
