//! What a run's manifest tells those who observe a step.

use lakeward_cli::{Columns, Context, Measure};
use lakeward_manifest::{Manifest, Sealed};

/// Names the table, and the attempt whose files these are, in every log line from here on, and writes down how large the run is and which columns it has, once it is sealed.
pub fn identify(context: &Context, manifest: &Manifest) {
    context.identify("table", &manifest.table.glue);
    let Ok(sealed) = manifest.sealed() else { return };
    context.identify("attempt", &sealed.written.attempt);
    context.measure(Measure::Rows, sealed.written.rows);
    context.measure(Measure::Bytes, sealed.written.bytes);
    context.measure(Measure::Files, sealed.written.files.len() as u64);
    context.measure(Measure::Partitions, sealed.partitions().len() as u64);
    context.record().set_columns(columns(&sealed));
}

fn columns(run: &Sealed<'_>) -> Columns {
    let comments = &run.manifest.table.column_comments;
    let columns = run.written.columns.iter().chain(&run.written.partition_columns);
    let described = |name: &String| comments.get(name).cloned();
    columns.map(|column| (column.name.clone(), column.glue_type.clone(), described(&column.name))).collect()
}
