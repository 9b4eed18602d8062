//! `write`: runs the query once and seals the run with what it wrote.
//!
//! The order is the protocol's: everything that can be refused is refused first; then the run is claimed, which
//! fences any earlier attempt; then files go to this attempt's own folder; then one conditional put of the
//! manifest seals the run. A failure that is known undoes this attempt's own files and nothing else.

mod args;
mod claim;
mod inputs;
mod job;
mod preflight;
mod scratch;
mod ship;

use lakeward_aws::SdkConfig;
use lakeward_cli::Context;
use lakeward_lake::Lake;
use lakeward_manifest::{AttemptId, Column, ManifestUri, Phase, RunId, Written};
use lakeward_outcome::{Failure, Kind};
use lakeward_session::EngineArgs;
use lakeward_store::Stored;
use serde::Serialize;
use serde_json::Map;

use args::UploadArgs;
pub use args::WriteArgs;
use claim::Claimed;
use job::Job;
use scratch::Scratch;

/// The result of the step.
#[derive(Debug, Serialize)]
pub struct WriteResult {
    /// The URI that the next steps are given.
    pub manifest: ManifestUri,
    /// The run.
    pub run: RunId,
    /// The live table's name in Glue.
    pub table: String,
    /// How far the run is.
    pub phase: Phase,
    /// Whether an earlier execution had written the run, so that this one had nothing to do.
    pub already_done: bool,
    /// The attempt whose files these are.
    pub attempt: AttemptId,
    /// Where the files lie.
    pub location: String,
    /// Rows in all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Number of files.
    pub files: usize,
    /// Number of partitions; 1 for an unpartitioned table.
    pub partitions: usize,
}

/// Runs the step.
///
/// # Errors
/// Every [`Failure`] that `docs/PROTOCOL.md` lists for `write`, with its kind.
pub async fn run(args: WriteArgs, context: Context) -> Result<WriteResult, Failure> {
    let WriteArgs { query, target, run, engine, upload, .. } = args;
    let job = Job::resolve(query, target, run, context.now())?;
    context.identify("run", &job.run.id);
    context.identify("table", &job.table.glue);
    let aws = context.aws().await?;
    let lake = Lake::open(&aws, job.table.root.clone(), &context)?;
    let outcome = write(&job, &engine, &upload, &aws, &lake, &context).await;
    lake.conclude(outcome, &job.run.id, job.command(), &context).await
}

async fn write(
    job: &Job,
    engine: &EngineArgs,
    upload: &UploadArgs,
    aws: &SdkConfig,
    lake: &Lake,
    context: &Context,
) -> Result<WriteResult, Failure> {
    let manifests = &lake.manifests;
    if let Some(written) = claim::find_written(manifests, job).await? {
        tracing::info!("this request was written before: nothing to do");
        return result(&written, true);
    }

    let attempt = AttemptId::from_random(context.random());
    context.identify("attempt", &attempt);
    preflight::check(lake, job, &attempt).await?;
    let scratch = Scratch::new(&engine.scratch_parent(), attempt.as_str())?;
    let prepared = inputs::prepare(aws, job, engine, upload.memory(), &scratch, context).await?;
    let columns = Columns::of(&prepared.plan, job)?;
    preflight::check_live_table(&lake.catalog, job, &columns.partition).await?;

    let claimed = match claim::claim(manifests, job, &attempt, context).await? {
        Claimed::Mine(claimed) => claimed,
        Claimed::AlreadyWritten(written) => {
            tracing::info!("another attempt has written this request meanwhile: nothing to do");
            return result(&written, true);
        }
    };
    let shipped = match ship::ship(prepared, job, upload, &scratch, manifests, &attempt, context).await {
        Ok(files) => files,
        Err(failure) => {
            ship::undo(manifests, job, &attempt).await;
            return Err(failure);
        }
    };
    let written = Written {
        at: context.now(),
        location: job.table.root.location(&job.run.id, &attempt),
        rows: shipped.iter().map(|file| file.rows).sum(),
        bytes: shipped.iter().map(|file| file.bytes).sum(),
        columns: columns.data,
        partition_columns: columns.partition,
        files: shipped,
        attempt: attempt.clone(),
        extra: Map::new(),
    };
    let sealed = manifests.change(claimed, |manifest| manifest.seal(written.clone(), context.stamp())).await;
    match sealed.map_err(Failure::from) {
        Ok(sealed) => {
            tracing::info!(rows = written.rows, bytes = written.bytes, files = written.files.len(), "sealed");
            result(&sealed, false)
        }
        Err(failure) => {
            // The store finds out whether the seal was put, and says so when it cannot: only then may the manifest
            // name these files.
            if !matches!(failure.kind(), Kind::Unknown | Kind::Unexpected) {
                ship::undo(manifests, job, &attempt).await;
            }
            Err(failure)
        }
    }
}

/// The columns as the manifest holds them.
struct Columns {
    data: Vec<Column>,
    partition: Vec<Column>,
}

impl Columns {
    fn of(plan: &lakeward_engine::Plan, job: &Job) -> Result<Self, Failure> {
        let mut columns = Self { data: Vec::new(), partition: Vec::new() };
        for column in &plan.columns {
            let target = if column.partition { &mut columns.partition } else { &mut columns.data };
            target.push(Column {
                name: column.name.clone(),
                duckdb_type: column.duckdb_type.clone(),
                glue_type: column.glue_type.clone(),
                extra: Map::new(),
            });
        }
        let known =
            |name: &String| columns.data.iter().chain(&columns.partition).any(|column| column.name == *name);
        match job.table.column_comments.keys().find(|name| !known(name)) {
            Some(name) => {
                let message =
                    format!("a comment is given for column {name:?}, which the query does not have");
                Err(Failure::new(Kind::Usage, message))
            }
            None => Ok(columns),
        }
    }
}

fn result(stored: &Stored, already_done: bool) -> Result<WriteResult, Failure> {
    let manifest = &stored.manifest;
    let sealed = manifest.sealed()?;
    Ok(WriteResult {
        manifest: manifest.uri(),
        run: manifest.run.id.clone(),
        table: manifest.table.glue.to_string(),
        phase: manifest.phase,
        already_done,
        attempt: sealed.written.attempt.clone(),
        location: sealed.written.location.clone(),
        rows: sealed.written.rows,
        bytes: sealed.written.bytes,
        files: sealed.written.files.len(),
        partitions: sealed.partitions().len(),
    })
}
