//! One UpdateTable: atomic for every engine.

use lakeward_catalog::{LiveTable, Table, Update};
use lakeward_outcome::Failure;

use crate::go_live::{Change, Made};
use crate::{PartitionCounts, Swap, milliseconds, shows};

/// Makes the live table show the run, if it still is as it was read.
pub(crate) async fn change(swap: &Swap<'_>, live: &LiveTable, table: &Table) -> Result<Change, Failure> {
    let (wanted, at) = swap.live_definition(live, table);
    let catalog = swap.catalog.with_caller(swap.catalog.caller().counting_anew());
    if catalog.update_table(table, &wanted, |table| shows(table, &wanted)).await? != Update::Done {
        return Ok(Change::Overtaken);
    }
    Ok(Change::Made(Made {
        at,
        partitions: PartitionCounts::default(),
        window_ms: milliseconds(at, swap.context.now()),
        window_calls: catalog.caller().calls().total(),
    }))
}
