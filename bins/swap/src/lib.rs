//! `swap`: makes a verified run live by a compare-and-swap on the live table.
//!
//! The order is the protocol's: decide from what the live table says of itself; announce the swap in the run's
//! manifest, so that gc leaves the run alone; change the live table; record the publication in the manifest. The
//! live table is the truth: after a crash anywhere, running the same command again reads it and goes on.

mod args;
mod partitioned;
mod unpartitioned;

use jiff::Timestamp;
use lakeward_catalog::run_table::{self, LiveMark};
use lakeward_catalog::{Catalog, LiveTable, TableName, converge};
use lakeward_cli::Context;
use lakeward_manifest::{
    Direction, ManifestUri, Phase, Publication, RunId, Sealed, Step, SwapDecision, Verified, decide_swap,
};
use lakeward_outcome::{Failure, Kind, ResultExt};
use lakeward_store::{Manifests, StoreOptions, Stored};
use serde::Serialize;
use serde_json::Map;

pub use args::{SwapArgs, Target};

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

/// How an attempt to change the live table ended.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The live table shows the run.
    Made { partitions: PartitionCounts, window_ms: u64, window_calls: u64 },
    /// Somebody else changed the live table: look again.
    Overtaken,
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

    /// What the live table is to say of itself once it shows the run.
    pub(crate) fn mark(&self, live: &LiveTable) -> LiveMark {
        let mine = self.run_id();
        let newest = live.state.newest.clone().filter(|newest| mine.is_older_than(newest));
        let replaced = live.state.run.clone().filter(|run| run != mine);
        LiveMark {
            newest: newest.unwrap_or_else(|| mine.clone()),
            replaced,
            published_at: self.context.now(),
        }
    }
}

/// Runs the step.
///
/// # Errors
/// Every [`Failure`] that `docs/PROTOCOL.md` lists for `swap`, with its kind.
pub async fn run(args: SwapArgs, context: Context) -> Result<SwapResult, Failure> {
    let (uri, direction) = resolve(&args)?;
    context.identify("run", &uri.run);
    let aws = context.aws().await?;
    let options = StoreOptions { expected_owner: context.expected_bucket_owner().map(str::to_owned) };
    let manifests = Manifests::open(&aws, uri.root.clone(), options, context.caller().clone())?;
    let catalog = Catalog::open(&aws, context.catalog_id(), context.caller().clone())?;

    let stored = manifests.load(&uri.run).await?;
    context.identify("table", &stored.manifest.table.glue);
    let run = view(&stored, direction)?.registered.sealed;
    let table = TableName::from(&stored.manifest.table.glue);
    let swap = Swap { catalog: &catalog, table: &table, run, context: &context, lease: args.lease };
    let outcome = go_live(&swap, &manifests, &stored, direction, &args).await?;
    let result = outcome.into_result(&swap, uri, direction);
    if let Some(path) = &args.view_sql {
        std::fs::write(path, format!("{};\n", result.view_sql))
            .or_fail(Kind::Configuration, || format!("writing the view to {}", path.display()))?;
    }
    Ok(result)
}

fn resolve(args: &SwapArgs) -> Result<(ManifestUri, Direction), Failure> {
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

/// What this execution found or did.
enum Outcome {
    /// The run was live before; the manifest now says so.
    WasLive { replaced: Option<RunId> },
    /// A dry run.
    WouldChange { replaced: Option<RunId>, partitions: PartitionCounts },
    /// The run went live.
    Changed { publication: Publication, partitions: PartitionCounts },
}

async fn go_live(
    swap: &Swap<'_>,
    manifests: &Manifests,
    stored: &Stored,
    direction: Direction,
    args: &SwapArgs,
) -> Result<Outcome, Failure> {
    let mut waits = swap.catalog.caller().backoff();
    let mut announced: Option<Stored> = None;
    loop {
        let live = LiveTable::read(swap.catalog, swap.table).await?;
        live.check_may_show(&swap.run.written.partition_columns, args.adopt)?;
        match decide(swap, &live, stored, direction) {
            SwapDecision::AlreadyLive => {
                let current = announced.unwrap_or_else(|| stored.clone());
                return finish_recorded(swap, manifests, current, &live, direction, args).await;
            }
            SwapDecision::Superseded { by } => return Err(superseded(swap, &by)),
            SwapDecision::Wait { rival, until } => {
                tracing::info!(%rival, %until, "another run is going live: waiting");
                if args.dry_run || waits.wait().await.is_err() {
                    return Err(rival_is_swapping(swap, &rival, until));
                }
                continue;
            }
            SwapDecision::Publish | SwapDecision::Resume => {}
        }
        if args.dry_run {
            let partitions = partitioned::would_change(swap, &live).await?;
            return Ok(Outcome::WouldChange { replaced: live.state.run, partitions });
        }
        let current = match announced.take() {
            Some(announced) => announced,
            None => {
                let announce =
                    |manifest: lakeward_manifest::Manifest| manifest.intend_to_publish(swap.context.stamp());
                manifests.change(stored.clone(), announce).await?
            }
        };
        let mark = swap.mark(&live);
        let change = if swap.run.manifest.table.partition_by.is_empty() {
            unpartitioned::change(swap, &live, &mark).await?
        } else {
            partitioned::change(swap, &live, &mark).await?
        };
        match change {
            Change::Made { partitions, window_ms, window_calls } => {
                let publication = Publication {
                    at: mark.published_at,
                    replaced: mark.replaced,
                    rollback: direction == Direction::Rollback,
                    window_ms: Some(window_ms),
                    window_calls: Some(window_calls),
                    extra: Map::new(),
                };
                record(swap, manifests, current, &publication).await?;
                return Ok(Outcome::Changed { publication, partitions });
            }
            Change::Overtaken => {
                announced = Some(current);
                let stuck = format!("{} kept being changed by others: run again", swap.table);
                waits.wait().await.map_err(|_| Failure::new(Kind::Transient, stuck))?;
            }
        }
    }
}

/// Decides from the live table; a run that was published once does not go forward a second time.
fn decide(swap: &Swap<'_>, live: &LiveTable, stored: &Stored, direction: Direction) -> SwapDecision {
    let decision = decide_swap(&live.state, swap.run_id(), direction, swap.context.now(), swap.lease);
    let published = direction == Direction::Forward && stored.manifest.phase == Phase::Published;
    match decision {
        SwapDecision::Publish if published => SwapDecision::Superseded { by: swap.run_id().clone() },
        decision => decision,
    }
}

/// The live table shows the run already: what is missing is at most the manifest's record of it.
async fn finish_recorded(
    swap: &Swap<'_>,
    manifests: &Manifests,
    current: Stored,
    live: &LiveTable,
    direction: Direction,
    args: &SwapArgs,
) -> Result<Outcome, Failure> {
    let replaced = live.state.replaced.clone();
    let at = live.state.published_at.unwrap_or_else(|| swap.context.now());
    let section = current.manifest.swap.as_ref();
    let recorded =
        section.is_some_and(|swap| swap.publications.iter().any(|publication| publication.at == at));
    if !recorded && !args.dry_run {
        let publication = Publication {
            at,
            replaced: replaced.clone(),
            rollback: direction == Direction::Rollback,
            window_ms: None,
            window_calls: None,
            extra: Map::new(),
        };
        record(swap, manifests, current, &publication).await?;
    }
    Ok(Outcome::WasLive { replaced })
}

async fn record(
    swap: &Swap<'_>,
    manifests: &Manifests,
    current: Stored,
    publication: &Publication,
) -> Result<(), Failure> {
    let view = lakeward_sql::view_over_run(&swap.run);
    manifests
        .change(current, |manifest| manifest.publish(publication.clone(), view.clone(), swap.context.stamp()))
        .await?;
    tracing::info!(table = %swap.table, replaced = ?publication.replaced.as_ref().map(RunId::as_str), "published");
    Ok(())
}

fn superseded(swap: &Swap<'_>, by: &RunId) -> Failure {
    let (run, table) = (swap.run_id(), swap.table);
    let message = if by == run {
        format!(
            "run {run} was live in {table} and another has replaced it: {} --to {run} publishes it again",
            Step::Swap.binary()
        )
    } else {
        format!("run {run} is older than run {by}, which is or was live in {table}: start a new run")
    };
    Failure::new(Kind::Fenced, message)
}

fn rival_is_swapping(swap: &Swap<'_>, rival: &RunId, until: Timestamp) -> Failure {
    let message = format!(
        "run {rival} is going live in {}: run again when it has, or after {until}, when its lease runs out",
        swap.table
    );
    Failure::new(Kind::Transient, message)
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

/// The live table's definition once it shows the run.
pub(crate) fn live_definition(
    swap: &Swap<'_>,
    live: &LiveTable,
    mark: &LiveMark,
) -> lakeward_catalog::TableDefinition {
    run_table::live_definition(&swap.run, live.table.as_ref().map(|table| &table.definition), mark)
}
