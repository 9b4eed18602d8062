//! Traces and metrics by OTLP: HTTP with protobuf, as every OpenTelemetry collector takes it.
//!
//! Headers, resource attributes, compression, batching and the like are configured as for any program that uses
//! OpenTelemetry, by the `OTEL_…` variables, which its SDK reads itself.

mod client;
mod ids;
mod meters;
mod tracing;

use std::io;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::SdkTracerProvider;

use self::client::Client;
use self::ids::Ids;
pub use self::tracing::StepSpan;
use crate::courier::BOUND;
use crate::{Address, Execution, ObserveError, Telling};

/// The name of everything that is told, unless `OTEL_SERVICE_NAME` says another.
const SERVICE: &str = "lakeward";
/// The variable by which OpenTelemetry is switched off altogether.
const DISABLED: &str = "OTEL_SDK_DISABLED";
/// The variables that say who takes traces, and who metrics.
const TRACES: &str = "OTEL_TRACES_EXPORTER";
const METRICS: &str = "OTEL_METRICS_EXPORTER";
/// What they say when nobody does. Other words than OTLP's are not understood, and as good as none.
const NOBODY: &str = "none";

/// Gives 128 random bits.
pub type Random = Arc<dyn Fn() -> u128 + Send + Sync>;

/// The traces and metrics of one execution, on their way to a collector.
/// Clones share it.
#[derive(Clone, Debug)]
pub struct Telemetry {
    collector: Address,
    client: Client,
    resource: Resource,
    ids: Ids,
    /// None when nobody takes traces.
    traces: Option<SdkTracerProvider>,
    /// Whether somebody takes metrics.
    metrics: bool,
    parent: Option<String>,
}

impl Telemetry {
    /// Starts to collect for `endpoint`, the URL of a collector. `execution` names this execution among all; `parent` is
    /// the `traceparent` of the span that it belongs to. None when OpenTelemetry is switched off, or nobody takes anything.
    ///
    /// # Errors
    /// The endpoint is no URL, or a variable of OpenTelemetry makes no sense.
    pub fn start(
        endpoint: &str,
        execution: &str,
        parent: Option<String>,
        random: Random,
    ) -> Result<Option<Self>, ObserveError> {
        let (traces, metrics) = (!says(TRACES, NOBODY), !says(METRICS, NOBODY));
        if says(DISABLED, "true") || !(traces || metrics) {
            return Ok(None);
        }
        let collector = Address::parse(endpoint)?;
        let client = Client::new(&collector);
        let (resource, ids) = (resource(execution), Ids::new(random));
        let exporter = if traces { Some(client.spans(&collector)?) } else { None };
        let traces = exporter.map(|exporter| {
            let builder = SdkTracerProvider::builder().with_batch_exporter(exporter);
            builder.with_id_generator(ids.clone()).with_resource(resource.clone()).build()
        });
        Ok(Some(Self { collector, client, resource, ids, traces, metrics, parent }))
    }

    /// What turns spans of `tracing` into those of the trace, if somebody takes it.
    pub(crate) fn tracer(&self) -> Option<opentelemetry_sdk::trace::SdkTracer> {
        self.traces.as_ref().map(|traces| traces.tracer(SERVICE))
    }

    /// Makes this execution part of the trace of a run, which all of its steps share, unless it has a parent. To be called
    /// before the first call to AWS.
    pub fn join(&self, root: &str, run: &str) {
        self.ids.join(root, run);
    }

    /// Sends what was collected, and the execution's metrics. Waits for nothing.
    pub fn finish(&self, execution: Execution) -> Telling {
        let Self { collector, client, resource, traces, metrics, .. } = self.clone();
        let sending = move || {
            // What the client has met says more than these errors.
            let _ = traces.map(|traces| traces.shutdown_with_timeout(BOUND));
            if metrics {
                let _ = meters::tell(client.metrics(&collector)?, resource, &execution);
            }
            client.failure().map_or(Ok(()), |reason| Err(ObserveError::Collector { collector, reason }))
        };
        let failed = |error: io::Error| ObserveError::Collector {
            collector: self.collector.clone(),
            reason: error.to_string(),
        };
        Telling::start(sending, failed)
    }
}

/// Whether a variable of OpenTelemetry says this word.
fn says(variable: &str, word: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| value.trim().eq_ignore_ascii_case(word))
}

/// What every span and metric is told with. The user's attributes win over ours.
fn resource(execution: &str) -> Resource {
    let ours = [
        KeyValue::new("service.version", crate::VERSION),
        KeyValue::new("service.instance.id", execution.to_owned()),
    ];
    let resource = Resource::builder_empty()
        .with_service_name(SERVICE)
        .with_attributes(ours)
        .with_detector(Box::new(EnvResourceDetector::new()));
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => resource.with_service_name(name).build(),
        _ => resource.build(),
    }
}
