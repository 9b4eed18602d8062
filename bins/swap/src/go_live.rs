//! From what the live table says to a live run: decide, announce, change, record; and again when somebody else was
//! faster.

use jiff::Timestamp;
use lakeward_catalog::{Create, LiveTable, Table, run_table};
use lakeward_cli::phase;
use lakeward_manifest::{
    CommandLine, Direction, Manifest, Phase, Publication, RunId, Step, SwapDecision, parameters,
};
use lakeward_outcome::{Failure, Kind};
use lakeward_store::{Manifests, Stored};
use serde_json::Map;

use crate::{PartitionCounts, Swap, SwapArgs, partitioned, unpartitioned};

/// What this execution found or did.
pub(crate) enum Outcome {
    /// The run was live before.
    WasLive { replaced: Option<RunId> },
    /// A dry run.
    WouldChange { replaced: Option<RunId>, partitions: PartitionCounts },
    /// The run went live.
    Changed { publication: Publication, partitions: PartitionCounts },
}

/// How an attempt to change the live table ended.
pub(crate) enum Change {
    /// The live table shows the run.
    Made(Made),
    /// Somebody else changed the live table: look again.
    Overtaken,
}

/// A change of the live table.
pub(crate) struct Made {
    /// When the live table first showed the run whole.
    pub(crate) at: Timestamp,
    pub(crate) partitions: PartitionCounts,
    pub(crate) window_ms: u64,
    pub(crate) window_calls: u64,
}

/// Makes the run live, or finds it live.
pub(crate) async fn go_live(
    swap: &Swap<'_>,
    manifests: &Manifests,
    stored: &Stored,
    direction: Direction,
    args: &SwapArgs,
) -> Result<Outcome, Failure> {
    let mut waits = swap.catalog.caller().backoff();
    let mut current = stored.clone();
    let mut created = false;
    loop {
        let live = phase("look", LiveTable::read(swap.catalog, swap.table)).await?;
        live.check_may_show(&swap.run.written.partition_columns, args.adopt)?;
        match stored.manifest.decide_swap(&live.state, direction, swap.context.now()) {
            SwapDecision::AlreadyLive if args.dry_run || is_whole(swap, &live).await? => {
                return was_live(swap, manifests, current, live, direction, args.dry_run).await;
            }
            SwapDecision::Superseded { by } => return Err(superseded(swap, &by)),
            SwapDecision::Wait { rival, until } => {
                tracing::info!(%rival, %until, "another run is going live: waiting");
                if args.dry_run || waits.wait().await.is_err() {
                    return Err(rival_is_swapping(swap, &rival, until));
                }
                continue;
            }
            SwapDecision::Publish | SwapDecision::Resume | SwapDecision::AlreadyLive => {}
        }
        if args.dry_run {
            let partitions = partitioned::would_change(swap, &live).await?;
            return Ok(Outcome::WouldChange { replaced: live.state.run, partitions });
        }
        record_predecessor(swap, manifests, &live).await?;
        // Anew on every turn, after the live table was read: whoever ended this run since, and fenced the version that an
        // earlier turn had read, makes this fail.
        let announce = |manifest: Manifest| manifest.intend_to_publish(swap.context.stamp());
        current = phase("announce", manifests.change(current, announce)).await?;
        let Some(table) = &live.table else {
            // A second time, somebody drops it.
            if phase("create", create(swap)).await? == Create::AlreadyThere || created {
                waits.wait().await.map_err(|_| contended(swap))?;
            }
            created = true;
            continue;
        };
        let change = if swap.run.manifest.table.partition_by.is_empty() {
            phase("change", unpartitioned::change(swap, &live, table)).await?
        } else {
            phase("change", partitioned::change(swap, table)).await?
        };
        match change {
            Change::Made(made) => {
                let partitions = made.partitions;
                let publication = publication(swap, &live, direction, &made);
                phase("record", record(swap, manifests, current, &publication)).await?;
                let replaced = publication.replaced.as_ref().map(RunId::as_str);
                tracing::info!(table = %swap.table, replaced, "published");
                return Ok(Outcome::Changed { publication, partitions });
            }
            Change::Overtaken => {
                waits.wait().await.map_err(|_| contended(swap))?;
            }
        }
    }
}

/// Creates the live table of a first version, with nothing to read in it. Creating cannot be fenced, as there is no
/// version to compare with; showing the run, by an update at a version that was read, can.
async fn create(swap: &Swap<'_>) -> Result<Create, Failure> {
    let awaiting = run_table::awaiting_definition(&swap.run);
    let is_mine = |table: &Table| {
        table.definition.parameters.get(parameters::ROLE) == awaiting.parameters.get(parameters::ROLE)
    };
    Ok(swap.catalog.create_table(swap.table, &awaiting, is_mine).await?)
}

/// Others were faster, time and again.
pub(crate) fn contended(swap: &Swap<'_>) -> Failure {
    Failure::new(Kind::Transient, format!("{} kept being changed by others: run again", swap.table))
}

/// Whether every partition of a live run is as it should be: a swap that was taken over may have moved one back.
async fn is_whole(swap: &Swap<'_>, live: &LiveTable) -> Result<bool, Failure> {
    if swap.run.manifest.table.partition_by.is_empty() {
        return Ok(true);
    }
    let whole = partitioned::would_change(swap, live).await? == PartitionCounts::default();
    if !whole {
        tracing::warn!(table = %swap.table, "partitions of the live table are not this run's: putting them right");
    }
    Ok(whole)
}

/// The live table shows the run already: what is missing is at most the manifest's record of it.
async fn was_live(
    swap: &Swap<'_>,
    manifests: &Manifests,
    current: Stored,
    live: LiveTable,
    direction: Direction,
    dry_run: bool,
) -> Result<Outcome, Failure> {
    let replaced = live.state.replaced.clone();
    if dry_run {
        return Ok(Outcome::WouldChange { replaced, partitions: PartitionCounts::default() });
    }
    let known = current.manifest.phase == Phase::Published && live.state.published_at.is_none();
    tracing::info!(table = %swap.table, "the live table shows the run already: nothing to publish");
    let mut published = current.manifest.swap.iter().flat_map(|section| &section.publications);
    if known || published.any(|one| Some(one.at) == live.state.published_at) {
        swap.context.record().set_unchanged();
    }
    if !known {
        let publication = Publication {
            at: live.state.published_at.unwrap_or_else(|| swap.context.now()),
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

fn publication(swap: &Swap<'_>, live: &LiveTable, direction: Direction, made: &Made) -> Publication {
    Publication {
        at: made.at,
        replaced: swap.replaced(live),
        rollback: direction == Direction::Rollback,
        window_ms: Some(made.window_ms),
        window_calls: Some(made.window_calls),
        extra: Map::new(),
    }
}

async fn record(
    swap: &Swap<'_>,
    manifests: &Manifests,
    current: Stored,
    publication: &Publication,
) -> Result<(), Failure> {
    let view = lakeward_sql::view_over_run(&swap.run);
    let publish =
        |manifest: Manifest| manifest.publish(publication.clone(), view.clone(), swap.context.stamp());
    manifests.change(current, publish).await?;
    Ok(())
}

/// Records that the run before is live, should its own swap have died before it could: otherwise it could not be rolled
/// back to. Before it is replaced, as the live table does not tell afterwards when it went live.
///
/// A failure that may pass ends the swap, which has changed nothing yet. A manifest that cannot be read, or a run that has
/// ended, must not keep every later run from going live.
async fn record_predecessor(swap: &Swap<'_>, manifests: &Manifests, live: &LiveTable) -> Result<(), Failure> {
    let before = live.state.run.as_ref().filter(|run| *run != swap.run_id());
    let (Some(run), Some(at)) = (before, live.state.published_at) else { return Ok(()) };
    let recorded = async {
        let Some(before) = manifests.find(run).await? else { return Ok(()) };
        if before.manifest.phase != Phase::Verified {
            return Ok(());
        }
        let view = lakeward_sql::view_over_run(&before.manifest.sealed()?);
        let publication = Publication {
            at,
            replaced: live.state.replaced.clone(),
            rollback: false,
            window_ms: None,
            window_calls: None,
            extra: Map::new(),
        };
        let publish = |manifest: Manifest| match manifest.phase {
            Phase::Verified => manifest.publish(publication.clone(), view.clone(), swap.context.stamp()),
            // It was recorded meanwhile, and may be on its way to something else.
            _ => Ok(manifest),
        };
        manifests.change(before, publish).await.map(drop).map_err(Failure::from)
    };
    match recorded.await {
        Err(failure) if matches!(failure.kind(), Kind::Transient | Kind::Unknown) => {
            Err(failure.context(format!("recording that run {run} is live")))
        }
        Err(failure) => {
            tracing::warn!(%failure, %run, "it could not be recorded that this run is live");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn superseded(swap: &Swap<'_>, by: &RunId) -> Failure {
    let (run, table) = (swap.run_id(), swap.table);
    let message = if by == run {
        let again = swap.context.command(CommandLine::roll_back(&swap.run.manifest.uri()));
        let again =
            again.map_or_else(|| format!("{} --to {run}", Step::Swap.binary()), |line| line.to_string());
        format!("run {run} was live in {table} and another has replaced it: {again} publishes it again")
    } else {
        format!("run {run} is older than run {by}, which is or was live in {table}: start a new run")
    };
    Failure::new(Kind::Fenced, message)
}

fn rival_is_swapping(swap: &Swap<'_>, rival: &RunId, until: Timestamp) -> Failure {
    let message = format!(
        "run {rival} is going live in {}: run again when it has, or after {until}, when its lease runs out; should its \
         swap have died, lakeward-status {} tells how to finish it at once",
        swap.table, swap.run.manifest.table.root
    );
    Failure::new(Kind::Transient, message)
}
