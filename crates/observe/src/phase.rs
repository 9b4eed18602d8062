//! Spans of a step: the step itself and its phases. They cost nothing unless somebody collects them.

use std::fmt::Display;
use std::future::Future;

use tracing::field::Empty;
use tracing::{Instrument as _, Span};

/// Runs a part of a step as a span of that name, which fails as its result does.
pub async fn phase<T, E: Display>(
    name: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = tracing::debug_span!(
        "phase",
        otel.name = name,
        otel.status_code = Empty,
        otel.status_description = Empty,
        lakeward.file = Empty,
        lakeward.bytes = Empty
    );
    let outcome = work.instrument(span.clone()).await;
    if let Err(error) = &outcome {
        failed(&span, error);
    }
    outcome
}

/// Says which file the phase that is under way has dealt with, and how large it is.
pub fn dealt_with(file: &str, bytes: u64) {
    let span = Span::current();
    span.record("lakeward.file", file);
    span.record("lakeward.bytes", bytes);
}

/// Says why what a span is about has failed.
pub(crate) fn failed(span: &Span, error: &impl Display) {
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", tracing::field::display(error));
}
