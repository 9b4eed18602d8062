//! One UpdateTable: atomic for every engine.

use lakeward_catalog::run_table::LiveMark;
use lakeward_catalog::{Create, LiveTable, Table, Update};
use lakeward_manifest::parameters;
use lakeward_outcome::Failure;

use crate::{Change, PartitionCounts, Swap, live_definition, milliseconds};

/// Makes the live table show the run, if it still is as it was read.
pub(crate) async fn change(swap: &Swap<'_>, live: &LiveTable, mark: &LiveMark) -> Result<Change, Failure> {
    let wanted = live_definition(swap, live, mark);
    let catalog = swap.catalog.with_caller(swap.catalog.caller().counting_anew());
    // Whoever made the table show this very publication made what we want.
    let is_mine = |table: &Table| {
        let says = |name| table.definition.parameters.get(name) == wanted.parameters.get(name);
        says(parameters::RUN) && says(parameters::PUBLISHED_AT)
    };
    let began = swap.context.now();
    let made = match &live.table {
        Some(table) => catalog.update_table(table, &wanted, is_mine).await? == Update::Done,
        None => catalog.create_table(swap.table, &wanted, is_mine).await? == Create::Created,
    };
    if !made {
        return Ok(Change::Overtaken);
    }
    Ok(Change::Made {
        partitions: PartitionCounts::default(),
        window_ms: milliseconds(began, swap.context.now()),
        window_calls: catalog.caller().calls().total(),
    })
}
