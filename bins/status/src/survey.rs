//! Reads what there is: every manifest, the live table, and the notes of failures of the runs that are told of.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use lakeward_catalog::{LiveTable, TableName};
use lakeward_cli::Context;
use lakeward_lake::Lake;
use lakeward_manifest::{FailureNote, GlueName, LiveState, Manifest, ManifestUri, RunId};
use lakeward_outcome::{Failure, FailureExt};
use lakeward_store::{ManifestError, Manifests};

use crate::told::{self, Found};
use crate::{Live, RunStatus, Status, TableStatus};

/// Documents fetched at once.
const AT_ONCE: usize = 32;

/// A manifest, or why it cannot be read.
type Read = Result<Manifest, String>;

/// Reads and tells. Manifests come first and Glue last: a run that goes live meanwhile is told as live.
pub(crate) async fn survey(
    lake: &Lake,
    limit: usize,
    context: &Context<Status>,
) -> Result<TableStatus, Failure> {
    let manifests = &lake.manifests;
    let (ids, noted) = listed(manifests).await?;
    let runs = read(manifests, ids).await?;
    let table = runs.values().rev().find_map(|run| Some(run.as_ref().ok()?.table.glue.clone()));
    let known = match &table {
        Some(table) => live_state(lake, table).await,
        None if runs.is_empty() => Ok(LiveState::default()),
        None => Err("no manifest can be read, and so the table's name is not known".to_owned()),
    };
    let state = known.as_ref().ok();
    let now = context.now();
    let shown = told::shown(&runs, state, now, limit);
    let runs_left_out = runs.len() - shown.len();
    let told = stream::iter(shown).map(|(id, read)| {
        let noted = noted.contains(id);
        async move {
            let found = match read {
                Ok(manifest) => details(manifests, manifest, noted).await?,
                Err(why) => Found::Unreadable(why),
            };
            let uri = ManifestUri { root: manifests.root().clone(), run: id.clone() };
            Ok::<RunStatus, Failure>(told::run(uri, &found, state, context))
        }
    });
    let mut told: Vec<RunStatus> = told.buffered(AT_ONCE).try_collect().await?;
    told.reverse();
    let root = manifests.root().clone();
    Ok(TableStatus { root, table, live: live(known), runs: told, runs_left_out, at: now })
}

/// The runs that have a manifest, and those that have a note of a failure.
async fn listed(manifests: &Manifests) -> Result<(BTreeSet<RunId>, BTreeSet<RunId>), Failure> {
    let root = manifests.root();
    let runs = manifests.store().list(&root.runs_prefix()).await?;
    let keys = || runs.iter().map(|object| object.key.as_str());
    let ids = keys().filter_map(|key| root.run_of_manifest_key(key)).collect();
    Ok((ids, keys().filter_map(|key| root.run_of_failure_key(key)).collect()))
}

async fn read(manifests: &Manifests, ids: BTreeSet<RunId>) -> Result<BTreeMap<RunId, Read>, Failure> {
    let read = stream::iter(ids).map(|id| async move {
        match manifests.find(&id).await {
            Ok(found) => Ok(found.map(|stored| (id, Ok(stored.manifest)))),
            Err(ManifestError::Read(error)) => Ok(Some((id, Err(Failure::from(error).message())))),
            Err(error) => Err(Failure::from(error)),
        }
    });
    // One that has vanished since it was listed is none.
    read.buffer_unordered(AT_ONCE).try_filter_map(|run| async { Ok(run) }).try_collect().await
}

async fn live_state(lake: &Lake, table: &GlueName) -> Result<LiveState, String> {
    let read = LiveTable::read(&lake.catalog, &TableName::from(table)).await;
    let read = read.doing(|| format!("reading glue table {table}"));
    read.map(|live| live.state).map_err(|failure| {
        tracing::warn!(kind = failure.kind().name(), "{failure}");
        failure.message()
    })
}

fn live(known: Result<LiveState, String>) -> Live {
    match known {
        Ok(state) => Live {
            live: state.run,
            live_since: state.published_at,
            replaced: state.replaced,
            swapping: state.swapping.map(|intent| intent.run),
            live_unknown: None,
        },
        Err(why) => Live { live_unknown: Some(why), ..Live::default() },
    }
}

/// What is beside the manifest: the note of a failure, and for a run on its way its attempts' folders.
async fn details<'m>(
    manifests: &Manifests,
    manifest: &'m Manifest,
    noted: bool,
) -> Result<Found<'m>, Failure> {
    let (root, run) = (manifests.root(), &manifest.run.id);
    let note = if noted { manifests.store().get(&root.failure_key(run)).await? } else { None };
    let folders = if manifest.phase.is_in_flight() {
        Some(manifests.store().list_folders(&root.run_writes_prefix(run)).await?.len())
    } else {
        None
    };
    let note = note.and_then(|note| FailureNote::from_json(&note.bytes));
    Ok(Found::Manifest { manifest, note, folders })
}
