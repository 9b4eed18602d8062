//! One UpdateTable: atomic for every engine.

use lakeward_catalog::{Create, LiveTable, Update};
use lakeward_outcome::Failure;

use crate::go_live::{Change, Made};
use crate::{PartitionCounts, Swap, milliseconds, shows};

/// Makes the live table show the run, if it still is as it was read.
pub(crate) async fn change(swap: &Swap<'_>, live: &LiveTable) -> Result<Change, Failure> {
    let (wanted, at) = swap.live_definition(live);
    let catalog = swap.catalog.with_caller(swap.catalog.caller().counting_anew());
    let is_mine = |table: &lakeward_catalog::Table| shows(table, &wanted);
    let made = match &live.table {
        Some(table) => catalog.update_table(table, &wanted, is_mine).await? == Update::Done,
        None => catalog.create_table(swap.table, &wanted, is_mine).await? == Create::Created,
    };
    if !made {
        return Ok(Change::Overtaken);
    }
    Ok(Change::Made(Made {
        at,
        partitions: PartitionCounts::default(),
        window_ms: milliseconds(at, swap.context.now()),
        window_calls: catalog.caller().calls().total(),
    }))
}
