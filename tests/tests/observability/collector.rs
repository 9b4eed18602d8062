//! Somebody who is told by HTTP, and keeps what he was told.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::{TcpListener, TcpStream};

/// How a collector treats whoever tells him something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Answers with this status.
    Answers(u16),
    /// Answers the first request with this status, and the others with 200.
    AnswersFirst(u16),
    /// Takes the request and never answers.
    Hangs,
}

/// A request that has arrived.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A collector on loopback, for one test.
#[derive(Clone, Debug)]
pub(crate) struct Collector {
    url: String,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Collector {
    pub(crate) async fn start(manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("binding a port")?;
        let url = format!("http://{}", listener.local_addr()?);
        let told = Arc::<Mutex<Vec<Told>>>::default();
        let collector = Self { url, told: Arc::clone(&told) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, manner, Arc::clone(&told)));
            }
        });
        Ok(collector)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn told(&self, path: &str) -> Vec<Told> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|told| told.path == path).cloned().collect()
    }

    /// Every span so far, with the attributes of its resource.
    pub(crate) fn spans(&self) -> Result<Vec<Seen>> {
        let mut seen = Vec::new();
        for told in self.told("/v1/traces") {
            let request = ExportTraceServiceRequest::decode(told.body).context("decoding spans")?;
            for of in request.resource_spans {
                let resource =
                    attributes(of.resource.map(|resource| resource.attributes).unwrap_or_default());
                let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
                seen.extend(spans.map(|span| Seen { resource: resource.clone(), span }));
            }
        }
        Ok(seen)
    }

    /// Every number so far.
    pub(crate) fn numbers(&self) -> Result<Vec<Number>> {
        let mut numbers = Vec::new();
        for told in self.told("/v1/metrics") {
            let request = ExportMetricsServiceRequest::decode(told.body).context("decoding metrics")?;
            let scopes = request.resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
            for metric in scopes.flat_map(|scope| scope.metrics) {
                let points = match metric.data {
                    Some(metric::Data::Gauge(gauge)) => gauge.data_points,
                    Some(metric::Data::Sum(sum)) => sum.data_points,
                    _ => Vec::new(),
                };
                for point in points {
                    let value = match point.value {
                        Some(number_data_point::Value::AsDouble(value)) => value,
                        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                        Some(number_data_point::Value::AsInt(value)) => value as f64,
                        None => continue,
                    };
                    let attributes = attributes(point.attributes);
                    numbers.push(Number { metric: metric.name.clone(), attributes, value });
                }
            }
        }
        Ok(numbers)
    }
}

/// A number as a collector sees it.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    pub(crate) metric: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// A span as a collector sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) resource: BTreeMap<String, String>,
    pub(crate) span: Span,
}

impl Seen {
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        attributes(self.span.attributes.clone()).remove(name)
    }
}

fn attributes(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

async fn serve(stream: TcpStream, manner: Manner, told: Arc<Mutex<Vec<Told>>>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let told = Arc::clone(&told);
        async move {
            let (head, body) = request.into_parts();
            let mut is_first = false;
            if let Ok(body) = body.collect().await {
                let path = head.uri.path().to_owned();
                let request = Told { path, headers: head.headers, body: body.to_bytes() };
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                is_first = told.is_empty();
                told.push(request);
            }
            let status = match manner {
                Manner::Answers(status) => status,
                Manner::AnswersFirst(status) if is_first => status,
                Manner::AnswersFirst(_) => 200,
                Manner::Hangs => return std::future::pending().await,
            };
            let mut answer = Response::new(Empty::<Bytes>::new());
            *answer.status_mut() = status.try_into().unwrap_or_default();
            Ok::<_, Infallible>(answer)
        }
    });
    // A client that hangs up is no concern of the test's.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
