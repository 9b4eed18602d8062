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
use lakeward_cli::{Context, Query, phase};
use lakeward_lake::{Lake, Work};
use lakeward_manifest::{AttemptId, Column, DataFile, Manifest, ManifestUri, Phase, Refusal, RunId, Written};
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
    context.record().set_query(Query { sql: job.request.sql.clone(), inputs: Vec::new() });
    context.begin_run(&job.table.root, &job.run.id);
    context.identify("table", &job.table.glue);
    let aws = context.aws().await?;
    let lake = Lake::open(&aws, job.table.root.clone(), &context)?;
    let attempt = AttemptId::from_random(context.random());
    let step = Write { job: &job, attempt: &attempt, aws: &aws, lake: &lake, context: &context };
    let outcome = step.write(&engine, &upload).await;
    let writing = Some((&job.request.fingerprint, &attempt));
    lake.conclude(outcome, Work { writing, ..Work::on(&job.run.id, job.command()) }, &context).await
}

/// What every part of the step uses.
struct Write<'w> {
    job: &'w Job,
    attempt: &'w AttemptId,
    aws: &'w SdkConfig,
    lake: &'w Lake,
    context: &'w Context,
}

impl Write<'_> {
    async fn write(&self, engine: &EngineArgs, upload: &UploadArgs) -> Result<WriteResult, Failure> {
        let Self { job, attempt, aws, lake, context } = *self;
        let manifests = &lake.manifests;
        if let Some(written) = phase("find", claim::find_written(manifests, job)).await? {
            tracing::info!("this request was written before: nothing to do");
            return self.result(&written, true);
        }

        context.identify("attempt", attempt);
        phase("preflight", preflight::check(lake, job, attempt)).await?;
        let scratch = Scratch::new(&engine.scratch_parent(), attempt.as_str())?;
        let prepared = inputs::prepare(aws, job, engine, upload.memory(), &scratch, context);
        let prepared = phase("prepare", prepared).await?;
        let columns = Columns::of(&prepared.plan, job)?;
        preflight::check_live_table(lake, job, &columns.partition, context.now()).await?;

        let claimed = match phase("claim", claim::claim(manifests, job, attempt, context)).await? {
            Claimed::Mine(claimed) => claimed,
            Claimed::AlreadyWritten(written) => {
                tracing::info!("another attempt has written this request meanwhile: nothing to do");
                return self.result(&written, true);
            }
        };
        let shipped = ship::ship(prepared, job, upload, &scratch, manifests, attempt, context);
        match phase("ship", shipped).await {
            Ok(files) => phase("seal", self.seal(claimed, columns, files)).await,
            Err(failure) => Err(self.give_up(failure, Undo::Always).await),
        }
    }

    /// Names the files in the manifest: from here on they are the run's.
    async fn seal(
        &self,
        claimed: Stored,
        columns: Columns,
        files: Vec<DataFile>,
    ) -> Result<WriteResult, Failure> {
        let written = Written {
            at: self.context.now(),
            location: self.job.table.root.location(&self.job.run.id, self.attempt),
            rows: files.iter().map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            columns: columns.data,
            partition_columns: columns.partition,
            files,
            attempt: self.attempt.clone(),
            extra: Map::new(),
        };
        let (rows, bytes, count) = (written.rows, written.bytes, written.files.len());
        let seal = |manifest: Manifest| manifest.seal(written.clone(), self.context.stamp());
        match self.lake.manifests.change(claimed, seal).await.map_err(Failure::from) {
            Ok(sealed) => {
                tracing::info!(rows, bytes, files = count, "sealed");
                self.result(&sealed, false)
            }
            // A seal whose fate is not known may still be put.
            Err(failure) if failure.kind() == Kind::Unknown => Err(self.give_up(failure, Undo::Never).await),
            Err(failure) => Err(self.give_up(failure, Undo::Always).await),
        }
    }

    /// Ends the attempt, which has failed: removes its files, unless the manifest names them after all. A failure that
    /// comes of having been overtaken says so.
    async fn give_up(&self, failure: Failure, undo: Undo) -> Failure {
        let manifests = &self.lake.manifests;
        let calm = manifests.with_caller(manifests.store().caller().for_cleanup());
        // What cannot be told now is left to gc, which can.
        let Ok(Some(Stored { manifest, .. })) = calm.find(&self.job.run.id).await else { return failure };
        let is_named = manifest.write.as_ref().is_some_and(|written| written.attempt == *self.attempt);
        if undo == Undo::Always && !is_named {
            ship::undo(manifests, self.job, self.attempt).await;
        }
        let overtaken = manifest.owner() != self.attempt;
        if overtaken && matches!(failure.kind(), Kind::Transient | Kind::Unexpected) {
            let (run, mine) = (manifest.run.id.clone(), self.attempt.clone());
            let fenced = Refusal::Fenced { run, mine, theirs: manifest.owner().clone() };
            return Failure::from(fenced).context(failure.message());
        }
        failure
    }

    fn result(&self, stored: &Stored, already_done: bool) -> Result<WriteResult, Failure> {
        let manifest = &stored.manifest;
        lakeward_lake::identify(self.context, manifest);
        let sealed = manifest.sealed()?;
        if already_done {
            self.context.record().set_unchanged();
        }
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
}

/// Whether an attempt that has failed removes its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undo {
    /// Unless the manifest names them.
    Always,
    /// The manifest may come to name them.
    Never,
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
