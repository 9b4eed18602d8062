//! `swap`: makes a verified run live by a compare-and-swap on the live table.
//!
//! The order is the protocol's: decide from what the live table says of itself; announce the swap in the run's
//! manifest, so that gc leaves the run alone; change the live table; record the publication in the manifest. The
//! live table is the truth: after a crash anywhere, running the same command again reads it and goes on.

mod args;
mod go_live;
mod partitioned;
mod unpartitioned;

use std::time::Duration;

use jiff::Timestamp;
use lakeward_catalog::run_table::{self, LiveMark};
use lakeward_catalog::{Catalog, LiveTable, Table, TableDefinition, TableName, converge};
use lakeward_cli::{Context, Measure};
use lakeward_lake::{Lake, Work};
use lakeward_manifest::{
    CommandLine, Direction, ManifestUri, Phase, RunId, Sealed, Step, Verified, parameters,
};
use lakeward_outcome::{Failure, Kind, ResultExt};
use lakeward_store::Stored;
use serde::Serialize;

pub use args::{SwapArgs, Target};
use go_live::{Outcome, go_live};

/// How long a call may take besides the patience: its first try and its last, each until it times out. The lease is
/// renewed when a third of it has passed, and must not run out during the next call.
const LONGEST_CALL: Duration = lakeward_aws::LONGEST_TRY.saturating_mul(2);

/// The result of the step.
#[derive(Debug, Serialize)]
pub struct SwapResult {
    /// The run's manifest.
    pub manifest: ManifestUri,
    /// The run.
    pub run: RunId,
    /// The live table's name in Glue.
    pub table: String,
    /// How far the run is.
    pub phase: Phase,
    /// Whether the run was live before this execution.
    pub already_done: bool,
    /// Whether this only says what would be done.
    pub dry_run: bool,
    /// Whether this is a rollback.
    pub rollback: bool,
    /// The run that was live before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<RunId>,
    /// Where the live files lie.
    pub location: String,
    /// Partitions that were, or would be, created, changed and removed.
    pub partitions: PartitionCounts,
    /// Milliseconds between the first and the last change that readers could see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u64>,
    /// Calls to Glue in that window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_calls: Option<u64>,
    /// SQL of a DuckDB view over the published files.
    pub view_sql: String,
}

/// What happens to the live table's partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PartitionCounts {
    /// New partitions.
    pub created: usize,
    /// Partitions that move to the new version.
    pub updated: usize,
    /// Partitions that the new version does not have.
    pub deleted: usize,
}

impl From<&converge::Plan> for PartitionCounts {
    fn from(plan: &converge::Plan) -> Self {
        Self { created: plan.create.len(), updated: plan.update.len(), deleted: plan.delete.len() }
    }
}

/// What every part of the step works with.
pub(crate) struct Swap<'s> {
    pub(crate) catalog: &'s Catalog,
    pub(crate) table: &'s TableName,
    pub(crate) run: Sealed<'s>,
    pub(crate) context: &'s Context,
    pub(crate) lease: std::time::Duration,
}

impl Swap<'_> {
    pub(crate) fn run_id(&self) -> &RunId {
        &self.run.manifest.run.id
    }

    /// The run that this one replaces.
    pub(crate) fn replaced(&self, live: &LiveTable) -> Option<RunId> {
        live.state.run.clone().filter(|run| run != self.run_id()).or_else(|| {
            // A live run that is put right replaces nothing anew.
            live.state.replaced.clone().filter(|_| live.state.run.as_ref() == Some(self.run_id()))
        })
    }

    /// The live table's definition once it shows the run, as of now.
    pub(crate) fn live_definition(&self, live: &LiveTable, table: &Table) -> (TableDefinition, Timestamp) {
        let mine = self.run_id();
        let newest = live.state.newest.clone().filter(|newest| mine.is_older_than(newest));
        let published_at = self.context.now();
        let mark = LiveMark {
            newest: newest.unwrap_or_else(|| mine.clone()),
            replaced: self.replaced(live),
            published_at,
        };
        (run_table::live_definition(&self.run, &table.definition, &mark), published_at)
    }
}

/// Whether a table shows the very publication that `wanted` is.
pub(crate) fn shows(table: &Table, wanted: &TableDefinition) -> bool {
    let says = |name| table.definition.parameters.get(name) == wanted.parameters.get(name);
    says(parameters::RUN) && says(parameters::PUBLISHED_AT)
}

/// Runs the step.
///
/// # Errors
/// Every [`Failure`] that `docs/PROTOCOL.md` lists for `swap`, with its kind.
pub async fn run(args: SwapArgs, context: Context) -> Result<SwapResult, Failure> {
    let (uri, direction) = resolve(&args)?;
    if args.dry_run {
        context.record().set_unchanged();
    }
    context.begin_run(&uri.root, &uri.run);
    let lake = Lake::open(&context.aws().await?, uri.root.clone(), &context)?;
    let outcome = swap(&args, &uri, direction, &lake, &context).await;
    if args.dry_run {
        // It continues nothing, and leaves nothing.
        return outcome;
    }
    let again = match direction {
        Direction::Forward => CommandLine::on_run(Step::Swap, &uri),
        Direction::Rollback => CommandLine::roll_back(&uri),
    };
    let is_rollback = direction == Direction::Rollback;
    lake.conclude(outcome, Work { is_rollback, ..Work::on(&uri.run, again) }, &context).await
}

async fn swap(
    args: &SwapArgs,
    uri: &ManifestUri,
    direction: Direction,
    lake: &Lake,
    context: &Context,
) -> Result<SwapResult, Failure> {
    let Lake { manifests, catalog } = lake;
    let stored = manifests.load(&uri.run).await?;
    lakeward_lake::identify(context, &stored.manifest);
    let run = view(&stored, direction)?.registered.sealed;
    let table = TableName::from(&stored.manifest.table.glue);
    let swap = Swap { catalog, table: &table, run, context, lease: args.lease };
    let outcome = go_live(&swap, manifests, &stored, direction, args).await?;
    let result = outcome.into_result(&swap, uri.clone(), direction);
    if let Some(window) = result.window_ms {
        context.measure(Measure::SwapWindow, window);
    }
    if let Some(path) = &args.view_sql {
        std::fs::write(path, format!("{};\n", result.view_sql))
            .or_fail(Kind::Configuration, || format!("writing the view to {}", path.display()))?;
    }
    Ok(result)
}

fn resolve(args: &SwapArgs) -> Result<(ManifestUri, Direction), Failure> {
    if args.lease < LONGEST_CALL.saturating_add(args.common.patience).saturating_mul(2) {
        let least = "--lease must be at least twice as long as --patience and 130 seconds, the longest that a call may take";
        return Err(Failure::new(Kind::Usage, least));
    }
    match (&args.target, &args.to) {
        (Target::Manifest(uri), None) => Ok((uri.clone(), Direction::Forward)),
        (Target::Manifest(ManifestUri { root, .. }) | Target::Root(root), Some(run)) => {
            Ok((ManifestUri { root: root.clone(), run: run.clone() }, Direction::Rollback))
        }
        (Target::Root(root), None) => {
            let message =
                format!("{root} is a table's root: give the manifest of a run, or --to RUN to roll back");
            Err(Failure::new(Kind::Usage, message))
        }
    }
}

fn view(stored: &Stored, direction: Direction) -> Result<Verified<'_>, Failure> {
    match direction {
        Direction::Forward => Ok(stored.manifest.verified()?),
        Direction::Rollback => Ok(stored.manifest.version()?),
    }
}

impl Outcome {
    fn into_result(self, swap: &Swap<'_>, manifest: ManifestUri, direction: Direction) -> SwapResult {
        let mut result = SwapResult {
            manifest,
            run: swap.run_id().clone(),
            table: swap.table.to_string(),
            phase: Phase::Published,
            already_done: false,
            dry_run: false,
            rollback: direction == Direction::Rollback,
            replaced: None,
            location: swap.run.written.location.clone(),
            partitions: PartitionCounts::default(),
            window_ms: None,
            window_calls: None,
            view_sql: lakeward_sql::view_over_run(&swap.run),
        };
        match self {
            Self::WasLive { replaced } => {
                result.already_done = true;
                result.replaced = replaced;
            }
            Self::WouldChange { replaced, partitions } => {
                result.phase = swap.run.manifest.phase;
                result.dry_run = true;
                result.replaced = replaced;
                result.partitions = partitions;
            }
            Self::Changed { publication, partitions } => {
                result.replaced = publication.replaced;
                result.partitions = partitions;
                result.window_ms = publication.window_ms;
                result.window_calls = publication.window_calls;
            }
        }
        result
    }
}

/// Milliseconds from `from` to `to`; 0 when a clock was set back between.
pub(crate) fn milliseconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}
