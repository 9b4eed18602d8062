//! From `tracing`, by which the code tells what it does, to the trace.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::field::Empty;
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use super::Telemetry;
use crate::phase::failed;
use crate::{Ending, Execution, Measure};

/// Whose spans and events make up the trace: the SDK's own tell of every part of a request.
const OURS: &str = "lakeward";

impl Telemetry {
    /// The layer that collects spans, and what is logged within them, if somebody takes them.
    pub fn layer<S>(&self) -> Option<impl Layer<S> + Send + Sync + use<S>>
    where
        S: Subscriber + Send + Sync + for<'s> LookupSpan<'s>,
    {
        let layer = tracing_opentelemetry::layer()
            // A span begins in the trace with its first child or its own end: until then it can still join the run's.
            .with_context_activation(false)
            .with_error_events_to_status(false)
            .with_error_events_to_exceptions(false)
            .with_error_records_to_exceptions(false)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_tracer(self.tracer()?);
        Some(layer.with_filter(filter_fn(|of| of.target().starts_with(OURS) && *of.level() <= Level::DEBUG)))
    }
}

/// The span of a whole step. It ends when it is dropped, and must not outlive the telemetry.
#[derive(Debug)]
pub struct StepSpan(Span);

impl StepSpan {
    /// Begins the span of a step, as a child of the telemetry's parent.
    pub fn begin(binary: &'static str, telemetry: Option<&Telemetry>) -> Self {
        let span = tracing::debug_span!(
            "step",
            otel.name = binary,
            otel.status_code = Empty,
            otel.status_description = Empty,
            lakeward.table = Empty,
            lakeward.run = Empty,
            lakeward.attempt = Empty,
            lakeward.outcome = Empty,
            lakeward.exit_code = Empty,
            lakeward.rows = Empty,
            lakeward.bytes = Empty,
        );
        if let Some(parent) = telemetry.and_then(|telemetry| telemetry.parent.clone()) {
            let carrier = HashMap::from([("traceparent".to_owned(), parent)]);
            // What is no traceparent is no parent.
            let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
        }
        Self(span)
    }

    /// The span in which the step's code has to run.
    pub const fn span(&self) -> &Span {
        &self.0
    }

    /// Ends the span as the execution ended.
    pub fn end(self, execution: &Execution) {
        for (field, value) in
            [("table", &execution.table), ("run", &execution.run), ("attempt", &execution.attempt)]
        {
            if !value.is_empty() {
                self.0.record(format!("{OURS}.{field}").as_str(), value.as_str());
            }
        }
        for (field, measure) in [("lakeward.rows", Measure::Rows), ("lakeward.bytes", Measure::Bytes)] {
            if let Some(value) = execution.measures.get(&measure) {
                self.0.record(field, *value);
            }
        }
        self.0.record("lakeward.outcome", execution.ending.name());
        self.0.record("lakeward.exit_code", execution.ending.exit_code());
        if let Ending::Failed { reason, .. } = &execution.ending {
            failed(&self.0, reason);
        }
    }
}
