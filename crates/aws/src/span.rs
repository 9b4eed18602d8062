//! The span of a call, named as OpenTelemetry's conventions for the AWS SDK have it. It costs nothing unless somebody
//! collects it.

use tracing::Span;
use tracing::field::{Empty, debug, display};

use crate::{CallError, Fault, Tries};

/// A call that is being made, all of its tries.
#[derive(Debug)]
pub(crate) struct CallSpan(Span);

impl CallSpan {
    /// Begins the span of a call.
    pub(crate) fn begin(service: &'static str, operation: &'static str) -> Self {
        Self(tracing::debug_span!(
            "call",
            otel.name = display(format_args!("{service}.{operation}")),
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            rpc.system = "aws-api",
            rpc.service = service,
            rpc.method = operation,
            lakeward.tries = Empty,
            "error.type" = Empty,
        ))
    }

    /// The span in which the call has to be made.
    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    /// Ends it, as the call ended.
    pub(crate) fn end(self, error: Option<&CallError>, tries: Tries) {
        self.0.record("lakeward.tries", tries.count);
        let Some(error) = error else { return };
        self.0.record("error.type", debug(error.fault));
        if !is_answer(error.fault) {
            self.0.record("otel.status_code", "ERROR");
            self.0.record("otel.status_description", display(error));
        }
    }
}

/// What a step asks for as a question: whether something is there, or is as it was.
const fn is_answer(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::NotFound
            | Fault::Precondition
            | Fault::Conflict
            | Fault::ConcurrentModification
            | Fault::AlreadyExists
    )
}
