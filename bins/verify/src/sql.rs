//! Running the user's SQL checks over the run and the live version.

use lakeward_aws::SdkConfig;
use lakeward_cli::Context;
use lakeward_engine::{EngineError, FileColumn, Limits, S3Access, S3Secrets, Session, SessionOptions};
use lakeward_manifest::{CheckResult, Run, Sealed};
use lakeward_outcome::{Classify, Failure, FailureExt, Kind, ResultExt};
use serde_json::Map;

use crate::access;
use crate::args::SqlArgs;
use crate::checks::Check;
use crate::error::VerifyError;

/// The view over the run that is being verified.
const STAGED: &str = "staged";
/// The view over the live version.
const LIVE: &str = "live";

/// The files of a run as a view shows them.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    files: Vec<String>,
    columns: Vec<FileColumn>,
}

impl View {
    /// The view over all files of a run.
    pub(crate) fn of(run: &Sealed<'_>) -> Self {
        let root = &run.manifest.table.root;
        let column = |column: &lakeward_manifest::Column, partition: bool| FileColumn {
            name: column.name.clone(),
            duckdb_type: column.duckdb_type.clone(),
            partition,
        };
        let data = run.written.columns.iter().map(|data| column(data, false));
        let keys = run.written.partition_columns.iter().map(|key| column(key, true));
        Self {
            files: run.written.files.iter().map(|file| root.uri(&run.key(file))).collect(),
            columns: data.chain(keys).collect(),
        }
    }
}

/// What the checks see.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) run: Run,
    pub(crate) staged: View,
    pub(crate) live: Option<View>,
}

impl Subject {
    fn views(&self) -> impl Iterator<Item = (&'static str, &View)> {
        [(STAGED, &self.staged)].into_iter().chain(self.live.iter().map(|live| (LIVE, live)))
    }
}

/// Counts the offending rows of every check.
///
/// # Errors
/// SQL that cannot be run is the user's to mend ([`Kind::Usage`]) and says nothing about the run.
pub(crate) async fn run(
    checks: Vec<Check>,
    subject: Subject,
    args: &SqlArgs,
    aws: &SdkConfig,
    context: &Context,
) -> Result<Vec<CheckResult>, Failure> {
    let parent = args.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = tempfile::Builder::new()
        .prefix(&format!("lakeward-{}", context.execution().as_str()))
        .rand_bytes(0)
        .tempdir_in(&parent)
        .or_fail(Kind::Configuration, || format!("creating a folder in {} (--scratch)", parent.display()))?;
    let threads = args.threads.and_then(|threads| usize::try_from(threads).ok());
    let options = SessionOptions {
        limits: Limits::detect(0).overridden(args.memory_limit, threads),
        scratch: scratch.path().to_owned(),
        extension_dir: args.extension_dir.clone(),
    };
    let remote = subject.views().any(|(_, view)| !view.files.is_empty());
    let access = if remote { Some(access::s3(aws).await?) } else { None };
    let opened = blocking(move || open(options, &subject, access.as_ref()));
    let (session, secrets) = opened.await?.doing(|| "preparing the SQL checks".to_owned())?;

    let renewing = secrets.map(|secrets| tokio::spawn(access::renew(aws.clone(), secrets)));
    let interrupt = session.cancel();
    let mut counting = tokio::task::spawn_blocking(move || count(&session, &checks));
    let counted = tokio::select! {
        counted = &mut counting => counted.or_fail(Kind::Unexpected, crashed)?,
        () = context.cancel().cancelled() => {
            // Waits until DuckDB has stopped, so that it does not use the scratch folder while that is removed.
            blocking(move || interrupt.cancel()).await?;
            Err(VerifyError::Stopped.into())
        }
    };
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    counted
}

/// A database in which the checks only have to be run.
fn open(
    options: SessionOptions,
    subject: &Subject,
    access: Option<&S3Access>,
) -> Result<(Session, Option<S3Secrets>), Failure> {
    let session = Session::open(options)?;
    session.load_extensions()?;
    let secrets = match access {
        Some(access) => {
            session.require_httpfs()?;
            let secrets = session.s3_secrets()?;
            secrets.set(access)?;
            Some(secrets)
        }
        None => None,
    };
    session.set_timestamp_variable("run_ts", subject.run.ts)?;
    session.set_variable("run_id", subject.run.id.as_str())?;
    for (name, view) in subject.views() {
        let created = session.create_view_over_files(name, &view.files, &view.columns);
        created.map_err(not_the_data).doing(|| format!("making the view {name}"))?;
    }
    Ok((session, secrets))
}

fn count(session: &Session, checks: &[Check]) -> Result<Vec<CheckResult>, Failure> {
    checks.iter().map(|check| count_one(session, check)).collect()
}

fn count_one(session: &Session, check: &Check) -> Result<CheckResult, Failure> {
    let counted = session.count_offending(&check.sql).map_err(|error| match error {
        // Such as a cast that fails on a row: the check has no answer, so it neither holds nor fails.
        EngineError::Data { .. } => Failure::from_error(Kind::Usage, error),
        error => error.into(),
    });
    let file = check.file.display();
    let offending = counted.doing(|| {
        format!(
            "check {} of {file} could not be run, so that the run is neither verified nor rejected",
            check.name
        )
    })?;
    tracing::info!(check = check.name, offending, "checked");
    let detail = format!("{offending} offending {} ({file})", if offending == 1 { "row" } else { "rows" });
    Ok(CheckResult {
        name: check.name.clone(),
        passed: offending == 0,
        detail,
        offending: Some(offending),
        extra: Map::new(),
    })
}

/// The footers were compared before, so that whatever DuckDB does not like about the files is no finding about the
/// run: it must not look like a rejection.
fn not_the_data(error: EngineError) -> Failure {
    match error.kind() {
        Kind::Rejected => Failure::from_error(Kind::Unexpected, error),
        _ => error.into(),
    }
}

/// Runs DuckDB's synchronous work off the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.or_fail(Kind::Unexpected, crashed)
}

fn crashed() -> String {
    "the thread that runs DuckDB crashed".to_owned()
}
