//! Who is told of an execution when it has ended. What cannot be told is warned of, and changes nothing.

use std::path::PathBuf;

use lakeward_observe::{Execution, ObserveError};

use crate::args::{METRICS_FILE, ObserveArgs, TERMINATION_LOG, TERMINATION_LOG_OF_KUBERNETES};
use crate::report;

/// The observers of one execution.
#[derive(Clone, Debug)]
pub(crate) struct Observers {
    termination_log: PathBuf,
    metrics_file: Option<PathBuf>,
}

impl Observers {
    /// As the arguments say.
    pub(crate) fn new(args: &ObserveArgs) -> Self {
        Self { termination_log: args.termination_log.clone(), metrics_file: args.metrics_file.clone() }
    }

    /// Those that are named on a command line which cannot be parsed as a whole.
    pub(crate) fn of_wrong_command_line() -> Self {
        let termination_log = report::given_path("--termination-log", TERMINATION_LOG);
        Self {
            termination_log: termination_log.unwrap_or_else(|| TERMINATION_LOG_OF_KUBERNETES.into()),
            metrics_file: report::given_path("--metrics-file", METRICS_FILE),
        }
    }

    /// Tells them how it ended.
    pub(crate) fn tell(&self, execution: &Execution) {
        warn_of(execution.write_termination_log(&self.termination_log));
        if let Some(path) = &self.metrics_file {
            warn_of(execution.write_metrics(path));
        }
    }
}

fn warn_of(told: Result<(), ObserveError>) {
    if let Err(error) = told {
        tracing::warn!("{error}");
    }
}
