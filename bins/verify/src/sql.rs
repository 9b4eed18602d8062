//! Running the user's SQL checks over the run and the live version.

use lakeward_aws::SdkConfig;
use lakeward_cli::Context;
use lakeward_engine::{EngineError, FileColumn, S3Access, S3Secrets, Session, SessionOptions};
use lakeward_manifest::{CheckResult, Run, Sealed};
use lakeward_outcome::{Classify, Failure, FailureExt, Kind, ResultExt};
use lakeward_session::{EngineArgs, Renewal, blocking, s3_access, stop};
use serde_json::Map;

use crate::checks::Check;
use crate::error::VerifyError;

/// The view over the run that is being verified.
const STAGED: &str = "staged";
/// The view over the live version; without rows before there is one, so that a check that compares the two holds.
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
        let files = run.written.files.iter().map(|file| root.uri(&run.key(file))).collect();
        Self { files, columns: lakeward_sql::columns_of_run(run) }
    }

    /// The same columns, and nothing in them.
    pub(crate) fn without_rows(&self) -> Self {
        Self { files: Vec::new(), columns: self.columns.clone() }
    }
}

/// What the checks see.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) run: Run,
    pub(crate) staged: View,
    pub(crate) live: View,
}

impl Subject {
    fn views(&self) -> [(&'static str, &View); 2] {
        [(STAGED, &self.staged), (LIVE, &self.live)]
    }
}

/// Counts the offending rows of every check.
///
/// # Errors
/// SQL that cannot be run is the user's to mend ([`Kind::Usage`]) and says nothing about the run.
pub(crate) async fn run(
    checks: Vec<Check>,
    subject: Subject,
    args: &EngineArgs,
    aws: &SdkConfig,
    context: &Context,
) -> Result<Vec<CheckResult>, Failure> {
    let parent = args.scratch_parent();
    let scratch = tempfile::Builder::new()
        .prefix(&format!("lakeward-{}", context.execution().as_str()))
        .rand_bytes(0)
        .tempdir_in(&parent)
        .or_fail(Kind::Configuration, || format!("creating a folder in {} (--scratch)", parent.display()))?;
    let options = args.options(scratch.path().to_owned(), 0);
    let remote = subject.views().into_iter().any(|(_, view)| !view.files.is_empty());
    let access = if remote { Some(s3_access(aws).await?) } else { None };
    let opened = blocking(move || open(options, &subject, access.as_ref()));
    let (session, secrets) = opened.await.doing(|| "preparing the SQL checks".to_owned())?;

    let _renewal = Renewal::start(aws.clone(), secrets);
    let interrupt = session.cancel();
    let counting = blocking(move || count(&session, &checks));
    tokio::select! {
        counted = counting => counted,
        () = context.cancel().cancelled() => {
            stop(interrupt).await?;
            Err(VerifyError::Stopped.into())
        }
    }
}

/// A database in which the checks only have to be run.
fn open(
    options: SessionOptions,
    subject: &Subject,
    access: Option<&S3Access>,
) -> Result<(Session, Option<S3Secrets>), Failure> {
    let (session, secrets) = lakeward_session::open(options, access)?;
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
