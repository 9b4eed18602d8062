//! What others are told of an execution: Kubernetes by its termination log, Prometheus by a file of metrics, a collector of
//! OpenTelemetry by traces and metrics, and whoever keeps lineage by OpenLineage events.
//!
//! A step's code writes down what it has done in a [`Record`] and knows nothing of who reads it. Nothing here may fail a
//! step or change its exit code: what cannot be told is an [`ObserveError`] for the log.

mod courier;
mod execution;
mod exposition;
mod lineage;
mod metrics;
mod otlp;
mod phase;
mod record;
mod telling;
mod termination;

use std::io;
use std::path::PathBuf;

pub use courier::{Address, BOUND};
pub use execution::{CallCount, Ending, Execution};
pub use lineage::{Dataset, Lineage, LineageOptions, Place};
pub use metrics::{Aggregation, Measure, Metric};
pub use otlp::{Random, StepSpan, Telemetry};
pub use phase::{dealt_with, phase};
pub use record::{Columns, Glue, Query, Record};
pub use telling::Telling;

/// Lakeward's version, as others are told it.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why something could not be told. Never why a step fails.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The file of metrics.
    #[error("the metrics could not be written to {path} (--metrics-file): {source}", path = .path.display())]
    MetricsFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A collector's address that is none.
    #[error("traces and metrics are told to nobody: give an http:// or https:// URL (--otlp-endpoint)")]
    Address,
    /// The variables of OpenTelemetry.
    #[error("traces and metrics are told to nobody: a variable OTEL_EXPORTER_OTLP_… is not understood")]
    Variables,
    /// A target of OpenLineage events that is none.
    #[error("lineage is told to nobody: give a file, or an http:// or https:// URL (--openlineage)")]
    LineageTarget,
    /// Whoever is told OpenLineage events.
    #[error("not all lineage was told to {target} (--openlineage): {reason}")]
    Lineage {
        /// Who.
        target: String,
        /// What it was.
        reason: String,
    },
    /// A collector of OpenTelemetry.
    #[error("not all traces and metrics were told to {collector} (--otlp-endpoint): {reason}")]
    Collector {
        /// The collector.
        collector: Address,
        /// What it was.
        reason: String,
    },
    /// The termination log.
    #[error("the reason could not be written to {path} (--termination-log): {source}", path = .path.display())]
    TerminationLog {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}
