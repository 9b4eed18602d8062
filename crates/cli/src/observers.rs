//! Who is told of an execution. What cannot be told is warned of, and changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use lakeward_manifest::ExecutionId;
use lakeward_observe::{BOUND, Execution, Lineage, LineageOptions, ObserveError, Place, Record, Telemetry};

use crate::args::{
    LINEAGE_NAMESPACE, METRICS_FILE, ObserveArgs, TERMINATION_LOG, TERMINATION_LOG_OF_KUBERNETES,
};
use crate::clock::Ids;
use crate::report;

/// The variables of OpenLineage that are no flags: a key is no word for a command line.
const ENDPOINT: &str = "OPENLINEAGE_ENDPOINT";
const API_KEY: &str = "OPENLINEAGE_API_KEY";
const DISABLED: &str = "OPENLINEAGE_DISABLED";
/// Where OpenLineage's own backend takes events.
const DEFAULT_ENDPOINT: &str = "api/v1/lineage";

/// The observers of one execution, and what it writes down for them. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observers {
    record: Record,
    termination_log: Option<PathBuf>,
    metrics_file: Option<PathBuf>,
    telemetry: Option<Telemetry>,
    lineage: Option<Lineage>,
    /// Why some of them cannot be told.
    missing: Arc<Vec<ObserveError>>,
}

impl Observers {
    /// As the arguments say.
    pub(crate) fn new(
        args: &ObserveArgs,
        step: &'static str,
        execution: &ExecutionId,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let record = Record::default();
        let mut missing = Vec::new();
        let mut started = |error| missing.push(error);
        let telemetry = telemetry(args, execution, ids).unwrap_or_else(|error| {
            started(error);
            None
        });
        let lineage = lineage(args, step, execution, &record).unwrap_or_else(|error| {
            started(error);
            None
        });
        let termination_log = given_path(&args.termination_log);
        Self {
            record,
            termination_log: termination_log.or_else(|| Some(TERMINATION_LOG_OF_KUBERNETES.into())),
            metrics_file: args.metrics_file.as_deref().and_then(given_path),
            telemetry,
            lineage,
            missing: Arc::new(missing),
        }
    }

    /// Those that are named on a command line which cannot be parsed as a whole.
    pub(crate) fn of_wrong_command_line() -> Self {
        let termination_log = report::given_path("--termination-log", TERMINATION_LOG);
        Self {
            termination_log: termination_log.or_else(|| Some(TERMINATION_LOG_OF_KUBERNETES.into())),
            metrics_file: report::given_path("--metrics-file", METRICS_FILE),
            ..Self::default()
        }
    }

    /// What the execution writes down of itself.
    pub(crate) const fn record(&self) -> &Record {
        &self.record
    }

    /// Who collects traces and metrics.
    pub(crate) const fn telemetry(&self) -> Option<&Telemetry> {
        self.telemetry.as_ref()
    }

    /// Whether somebody wants to know what was read.
    pub(crate) const fn keep_lineage(&self) -> bool {
        self.lineage.is_some()
    }

    /// Tells them at which table the execution has begun to work, and at which run.
    pub(crate) fn begin(&self, place: Place, at: Timestamp) {
        if let (Some(telemetry), Some(run)) = (&self.telemetry, &place.run) {
            telemetry.join(&format!("s3://{}/{}", place.bucket, place.prefix), run);
        }
        self.record.set_place(place);
        if let Some(lineage) = &self.lineage {
            lineage.begin(at);
        }
    }

    /// Tells them how it ended, all at once: one of them that hangs must not make another look lost. Takes no longer than
    /// [`BOUND`], whoever does not answer.
    pub(crate) fn tell(&self, execution: &Execution) {
        let deadline = Instant::now() + BOUND;
        for error in self.missing.iter() {
            tracing::warn!("{error}");
        }
        let told = [
            self.termination_log.as_deref().map(|path| execution.leave_reason(path)),
            self.metrics_file.as_deref().map(|path| execution.leave_metrics(path)),
            self.lineage.as_ref().map(|lineage| lineage.end(execution)),
            self.telemetry.as_ref().map(|telemetry| telemetry.finish(execution.clone())),
        ];
        for telling in told.into_iter().flatten() {
            if let Err(error) = telling.settle(deadline) {
                tracing::warn!("{error}");
            }
        }
    }
}

fn telemetry(
    args: &ObserveArgs,
    execution: &ExecutionId,
    ids: Arc<dyn Ids>,
) -> Result<Option<Telemetry>, ObserveError> {
    let Some(endpoint) = given(args.otlp_endpoint.as_deref()) else { return Ok(None) };
    let random = Arc::new(move || ids.random());
    Telemetry::start(endpoint, execution.as_str(), args.traceparent.clone(), random)
}

fn lineage(
    args: &ObserveArgs,
    step: &'static str,
    execution: &ExecutionId,
    record: &Record,
) -> Result<Option<Lineage>, ObserveError> {
    let Some(target) = given(args.openlineage.as_deref()) else { return Ok(None) };
    if variable(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let options = LineageOptions {
        target: target.to_owned(),
        endpoint: variable(ENDPOINT).unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned()),
        api_key: variable(API_KEY),
        namespace: given(Some(&args.openlineage_namespace)).unwrap_or(LINEAGE_NAMESPACE).to_owned(),
        parent: args.openlineage_parent.clone(),
    };
    Lineage::start(options, step, execution.as_str(), record.clone()).map(Some)
}

/// A variable that is set to nothing is as good as none.
fn given(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

fn given_path(path: &Path) -> Option<PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
