//! Who is told of an execution. What cannot be told is warned of, and changes nothing.

use std::path::PathBuf;
use std::sync::Arc;

use lakeward_manifest::ExecutionId;
use lakeward_observe::{Execution, ObserveError, Telemetry};

use crate::args::{METRICS_FILE, ObserveArgs, TERMINATION_LOG, TERMINATION_LOG_OF_KUBERNETES};
use crate::clock::Ids;
use crate::report;

/// The observers of one execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observers {
    termination_log: Option<PathBuf>,
    metrics_file: Option<PathBuf>,
    telemetry: Option<Telemetry>,
    /// Why one of them cannot be told.
    missing: Option<Arc<ObserveError>>,
}

impl Observers {
    /// As the arguments say.
    pub(crate) fn new(args: &ObserveArgs, execution: &ExecutionId, ids: Arc<dyn Ids>) -> Self {
        let random = Arc::new(move || ids.random());
        let started = match &args.otlp_endpoint {
            // A variable that is set to nothing is as good as none.
            Some(endpoint) if !endpoint.is_empty() => {
                Telemetry::start(endpoint, execution.as_str(), args.traceparent.clone(), random)
            }
            Some(_) | None => Ok(None),
        };
        let (telemetry, missing) = match started {
            Ok(telemetry) => (telemetry, None),
            Err(error) => (None, Some(Arc::new(error))),
        };
        Self {
            termination_log: Some(args.termination_log.clone()),
            metrics_file: args.metrics_file.clone(),
            telemetry,
            missing,
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

    /// Who collects traces and metrics.
    pub(crate) const fn telemetry(&self) -> Option<&Telemetry> {
        self.telemetry.as_ref()
    }

    /// Tells them how it ended.
    pub(crate) fn tell(&self, execution: &Execution) {
        if let Some(error) = &self.missing {
            tracing::warn!("{error}");
        }
        if let Some(path) = &self.termination_log {
            warn_of(execution.write_termination_log(path));
        }
        if let Some(path) = &self.metrics_file {
            warn_of(execution.write_metrics(path));
        }
        if let Some(telemetry) = &self.telemetry {
            warn_of(telemetry.finish(execution.clone()));
        }
    }
}

fn warn_of(told: Result<(), ObserveError>) {
    if let Err(error) = told {
        tracing::warn!("{error}");
    }
}
