//! What takes spans and metrics to the collector, and remembers what went wrong.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    MetricExporter, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, SpanExporter,
    WithExportConfig as _, WithHttpConfig as _,
};

use crate::courier::Courier;
use crate::{Address, ObserveError};

/// An HTTP client for the threads of OpenTelemetry, which may block.
#[derive(Clone, Debug)]
pub(super) struct Client {
    courier: Courier,
    tries: Arc<Mutex<Tries>>,
}

/// What has come of the requests. The exporter tries again what a collector may yet take, with the same body: only its
/// last try counts.
#[derive(Debug, Default)]
struct Tries {
    /// The request that failed last, which may be tried again, and why it failed.
    open: Option<(Bytes, String)>,
    /// Why one before it was given up.
    lost: Option<String>,
}

impl Tries {
    fn record(&mut self, body: Bytes, outcome: Result<(), String>) {
        if let Some((_, reason)) = self.open.take().filter(|(before, _)| *before != body) {
            self.lost = Some(reason);
        }
        self.open = outcome.err().map(|reason| (body, reason));
    }

    fn failure(&self) -> Option<&String> {
        self.open.as_ref().map(|(_, reason)| reason).or(self.lost.as_ref())
    }
}

impl Client {
    pub(super) fn new(collector: &Address) -> Self {
        Self { courier: Courier::to(collector), tries: Arc::default() }
    }

    /// Why something was lost: the reason of the last request that was given up.
    pub(super) fn failure(&self) -> Option<String> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).failure().cloned()
    }

    /// What sends spans.
    ///
    /// # Errors
    /// A variable of OpenTelemetry makes no sense.
    pub(super) fn spans(&self, collector: &Address) -> Result<SpanExporter, ObserveError> {
        let builder = SpanExporter::builder().with_http().with_http_client(self.clone());
        let built = if has_own_endpoint(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) {
            builder.build()
        } else {
            builder.with_endpoint(collector.below("v1/traces").url()).build()
        };
        built.map_err(|_| ObserveError::Variables)
    }

    /// What sends metrics.
    ///
    /// # Errors
    /// A variable of OpenTelemetry makes no sense.
    pub(super) fn metrics(&self, collector: &Address) -> Result<MetricExporter, ObserveError> {
        let builder = MetricExporter::builder().with_http().with_http_client(self.clone());
        let built = if has_own_endpoint(OTEL_EXPORTER_OTLP_METRICS_ENDPOINT) {
            builder.build()
        } else {
            builder.with_endpoint(collector.below("v1/metrics").url()).build()
        };
        built.map_err(|_| ObserveError::Variables)
    }

    fn record(&self, body: Bytes, outcome: Result<(), String>) {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).record(body, outcome);
    }
}

/// Whether a kind of signals has an endpoint of its own, which OpenTelemetry reads itself.
fn has_own_endpoint(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let body = request.body().clone();
        let answer = self.courier.take(request.map(|body| body.to_vec()));
        let outcome = answer.as_ref().map_err(Clone::clone).and_then(|answer| {
            let status = answer.status();
            if status.is_success() { Ok(()) } else { Err(format!("it answers {status}")) }
        });
        self.record(body, outcome);
        // The exporter knows which status is worth another try, and when.
        Ok(answer?.map(Bytes::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_arrives_when_it_is_tried_again_was_not_lost() {
        let (first, second) = (Bytes::from_static(b"first"), Bytes::from_static(b"second"));
        let mut tries = Tries::default();
        tries.record(first.clone(), Err("503".to_owned()));
        assert_eq!(tries.failure().map(String::as_str), Some("503"));
        tries.record(first.clone(), Ok(()));
        assert_eq!(tries.failure(), None);
        // Another one that arrives does not bring back what was given up.
        tries.record(first, Err("502".to_owned()));
        tries.record(second, Ok(()));
        assert_eq!(tries.failure().map(String::as_str), Some("502"));
    }
}
