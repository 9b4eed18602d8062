//! The `catalog` strategy: the live table's partitions are moved to the run's, batch by batch.
//!
//! The partition API has no version check, so the table itself is the lock: an intent in its parameters, put there
//! by compare-and-swap, names the run and the execution that is moving partitions. A crash leaves the intent, and
//! the same command goes on. Another run waits until the intent was not renewed for a lease; whoever holds the
//! intent renews it long before, and stops as soon as it is no longer theirs.
//!
//! The last UpdateTable, which removes the intent and moves the table's own Location, comes after all partitions, so
//! that one mark covers everything that readers may see half done.

use std::time::Duration;

use jiff::Timestamp;
use lakeward_catalog::run_table;
use lakeward_catalog::{Catalog, CatalogError, LiveTable, Partition, Table, Update, converge};
use lakeward_manifest::{LiveState, SwapIntent, parameters};
use lakeward_outcome::{Failure, Kind, ResultExt};
use tokio::sync::Mutex;

use crate::go_live::{Change, Made, contended};
use crate::{PartitionCounts, Swap, milliseconds, shows};

/// How often partitions that somebody else changed meanwhile are put right before the swap gives up.
const ROUNDS: usize = 3;
/// An intent is renewed when this fraction of the lease has passed.
const RENEW_AFTER: u32 = 3;

/// What a swap would do to the live table's partitions.
pub(crate) async fn would_change(swap: &Swap<'_>, live: &LiveTable) -> Result<PartitionCounts, Failure> {
    let want = run_table::partitions(&swap.run);
    let have = match &live.table {
        Some(table) => swap.catalog.partitions(&table.name).await?,
        None => Vec::new(),
    };
    Ok(PartitionCounts::from(&converge::diff(&have, &want)))
}

/// Makes the live table and its partitions show the run.
pub(crate) async fn change(swap: &Swap<'_>, table: &Table) -> Result<Change, Failure> {
    let Some(lock) = Lock::take(swap, table).await? else { return Ok(Change::Overtaken) };
    let want = run_table::partitions(&swap.run);
    let plan = converge::diff(&swap.catalog.partitions(swap.table).await?, &want);
    let partitions = PartitionCounts::from(&plan);
    // From here to the last UpdateTable readers may see partitions of either version.
    let catalog = swap.catalog.with_caller(swap.catalog.caller().counting_anew());
    let began = swap.context.now();
    move_partitions(swap, &catalog, &lock, plan, &want).await?;
    let at = release(swap, &catalog).await?;
    Ok(Change::Made(Made {
        at,
        partitions,
        window_ms: milliseconds(began, swap.context.now()),
        window_calls: catalog.caller().calls().total(),
    }))
}

/// Moves partitions until the catalog shows what is wanted: a swap that was taken over may still have had a batch
/// in flight, and so meet or make partitions that are not as they were listed.
async fn move_partitions(
    swap: &Swap<'_>,
    catalog: &Catalog,
    lock: &Lock<'_, '_>,
    mut plan: converge::Plan,
    want: &[Partition],
) -> Result<(), Failure> {
    let mut refused = None;
    for _ in 0..ROUNDS {
        if plan.is_empty() {
            return Ok(());
        }
        refused = apply(swap, catalog, &plan, lock).await?;
        plan = converge::diff(&catalog.partitions(swap.table).await?, want);
    }
    if plan.is_empty() {
        return Ok(());
    }
    let changed = || {
        Failure::new(Kind::Transient, format!("partitions of {} kept being changed: run again", swap.table))
    };
    Err(refused.map_or_else(changed, Failure::from).context("moving partitions"))
}

/// Carries out a plan; what Glue refused of it, if anything.
async fn apply(
    swap: &Swap<'_>,
    catalog: &Catalog,
    plan: &converge::Plan,
    lock: &Lock<'_, '_>,
) -> Result<Option<CatalogError>, Failure> {
    let held = async || lock.renew().await;
    let puts = converge::apply_puts(catalog, swap.table, plan, held).await?;
    if let Err(refused) = puts.into_result(swap.table) {
        return Ok(Some(refused));
    }
    // Only now: a reader that still plans on a partition which goes has had every chance to see the new ones.
    let deletes = converge::apply_deletes(catalog, swap.table, plan, held).await?;
    Ok(deletes.into_result(swap.table).err())
}

/// The last step: the table's own Location and marks, and the end of the intent. Gives the time of the publication.
async fn release(swap: &Swap<'_>, catalog: &Catalog) -> Result<Timestamp, Failure> {
    let mut waits = catalog.caller().backoff();
    loop {
        let live = LiveTable::read(catalog, swap.table).await?;
        let Some(table) = &live.table else { return Err(dropped(swap)) };
        check_held(swap, &live.state)?;
        let (wanted, at) = swap.live_definition(&live, table);
        match catalog.update_table(table, &wanted, |table| shows(table, &wanted)).await? {
            Update::Done => return Ok(at),
            // Still ours, as was checked just now: somebody else changes something about the table.
            Update::Conflict => waits.wait().await.map_err(|_| contended(swap))?,
        };
    }
}

fn check_held(swap: &Swap<'_>, state: &LiveState) -> Result<(), Failure> {
    let mine =
        |intent: &SwapIntent| intent.run == *swap.run_id() && intent.execution == *swap.context.execution();
    if state.swapping.as_ref().is_some_and(mine) { Ok(()) } else { Err(lost(swap)) }
}

fn lost(swap: &Swap<'_>) -> Failure {
    let message = format!(
        "the swap of run {} into {} was taken over by another execution, which puts every partition right",
        swap.run_id(),
        swap.table
    );
    Failure::new(Kind::Fenced, message)
}

fn dropped(swap: &Swap<'_>) -> Failure {
    let message = format!("{} was dropped while run {} went live: run again", swap.table, swap.run_id());
    Failure::new(Kind::Transient, message)
}

/// The intent in the live table's parameters, held by this execution.
struct Lock<'s, 'r> {
    swap: &'s Swap<'r>,
    renewed: Mutex<Timestamp>,
}

impl<'s, 'r> Lock<'s, 'r> {
    /// Puts the intent into the live table if it still is as it was read.
    async fn take(swap: &'s Swap<'r>, table: &Table) -> Result<Option<Self>, Failure> {
        let at = swap.context.now();
        let wanted = intent_definition(swap, table, at)?;
        let update = swap.catalog.update_table(table, &wanted, |table| carries(table, &wanted)).await?;
        let taken = update == Update::Done;
        Ok(taken.then(|| Self { swap, renewed: Mutex::new(at) }))
    }

    /// Makes sure that the intent is still ours, and renews it when a good part of the lease has passed.
    async fn renew(&self) -> Result<(), Failure> {
        let live = LiveTable::read(self.swap.catalog, self.swap.table).await?;
        let Some(table) = &live.table else { return Err(dropped(self.swap)) };
        check_held(self.swap, &live.state)?;
        let mut renewed = self.renewed.lock().await;
        let now = self.swap.context.now();
        let age = Duration::try_from(now.duration_since(*renewed)).unwrap_or(Duration::ZERO);
        if age < self.swap.lease / RENEW_AFTER {
            return Ok(());
        }
        let wanted = intent_definition(self.swap, table, now)?;
        // A conflict with a change that is no intent is met again, and read again, before the next batches.
        let update = self.swap.catalog.update_table(table, &wanted, |table| carries(table, &wanted)).await?;
        if update == Update::Done {
            *renewed = now;
        } else if age > self.swap.lease / 2 {
            return Err(contended(self.swap));
        }
        Ok(())
    }
}

fn intent_definition(
    swap: &Swap<'_>,
    before: &Table,
    at: Timestamp,
) -> Result<lakeward_catalog::TableDefinition, Failure> {
    // A time that cannot be represented lies so far ahead that the lease never runs out.
    let until = at.checked_add(swap.lease).unwrap_or(Timestamp::MAX);
    let intent =
        SwapIntent { run: swap.run_id().clone(), execution: swap.context.execution().clone(), at, until };
    run_table::swapping_definition(&swap.run, &before.definition, &intent)
        .or_fail(Kind::Unexpected, || "writing the intent".to_owned())
}

fn carries(table: &Table, wanted: &lakeward_catalog::TableDefinition) -> bool {
    let intent = |definition: &lakeward_catalog::TableDefinition| {
        definition.parameters.get(parameters::SWAPPING).cloned()
    };
    intent(&table.definition) == intent(wanted)
}
