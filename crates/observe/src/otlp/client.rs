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
    failure: Arc<Mutex<Option<String>>>,
}

impl Client {
    pub(super) fn new(collector: &Address) -> Self {
        Self { courier: Courier::to(collector), failure: Arc::default() }
    }

    /// Why the last request that failed did so.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

    fn fail(&self, reason: String) -> HttpError {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.clone());
        reason.into()
    }
}

/// Whether a kind of signals has an endpoint of its own, which OpenTelemetry reads itself.
fn has_own_endpoint(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer =
            self.courier.take(request.map(|body| body.to_vec())).map_err(|reason| self.fail(reason))?;
        if !answer.status().is_success() {
            return Err(self.fail(format!("it answers {}", answer.status())));
        }
        Ok(answer.map(Bytes::from))
    }
}
