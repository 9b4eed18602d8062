//! The ids of spans and of their trace.

use std::fmt;
use std::sync::{Arc, OnceLock};

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use sha2::{Digest as _, Sha256};

use super::Random;

/// Gives every span an id. Spans without a parent are all of one trace.
#[derive(Clone)]
pub(super) struct Ids {
    random: Random,
    trace: Arc<OnceLock<TraceId>>,
}

impl Ids {
    pub(super) fn new(random: Random) -> Self {
        Self { random, trace: Arc::default() }
    }

    /// Makes the trace that of a run. Too late when a span has begun: that trace stays.
    pub(super) fn join(&self, root: &str, run: &str) {
        let _ = self.trace.set(trace_of(root, run));
    }
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        *self.trace.get_or_init(|| TraceId::from((self.random)()))
    }

    fn new_span_id(&self) -> SpanId {
        // The upper half always fits.
        u64::try_from((self.random)() >> 64).map_or(SpanId::INVALID, SpanId::from)
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ids").field("trace", &self.trace.get()).finish_non_exhaustive()
    }
}

/// The trace of a run, which each of its steps finds by itself.
fn trace_of(root: &str, run: &str) -> TraceId {
    let digest = Sha256::digest(format!("{root}\n{run}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    TraceId::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_of_a_run_share_a_trace_and_those_of_another_do_not() {
        let ids = |random: u128| Ids::new(Arc::new(move || random));
        let (write, swap, other) = (ids(1 << 64), ids(2 << 64), ids(3 << 64));
        write.join("s3://lake/orders/", "2026-05-19-060000");
        swap.join("s3://lake/orders/", "2026-05-19-060000");
        other.join("s3://lake/orders/", "2026-05-20-060000");
        assert_eq!(write.new_trace_id(), swap.new_trace_id());
        assert_ne!(write.new_trace_id(), other.new_trace_id());
        assert_ne!(write.new_span_id(), swap.new_span_id());
    }

    #[test]
    fn without_a_run_all_spans_of_an_execution_are_still_of_one_trace() {
        let counter = std::sync::atomic::AtomicU64::new(1);
        let ids =
            Ids::new(Arc::new(move || counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed).into()));
        let first = ids.new_trace_id();
        ids.join("s3://lake/orders/", "2026-05-19-060000");
        assert_eq!(ids.new_trace_id(), first);
        assert_ne!(first, TraceId::INVALID);
    }
}
