//! Making a call: counting it, trying it again, and remembering what earlier tries may have done.

use std::future::Future;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tracing::Instrument as _;

use crate::span::CallSpan;
use crate::{Applied, Backoff, CallError, Calls, Cancel, End, Fault, Operation, RetryPolicy};

/// How long a call in flight may still take once the step is told to stop. Cutting it at once would
/// make the outcome of a nearly finished commit unknown for nothing.
const GRACE: Duration = Duration::from_secs(5);

/// What happened before a call's final answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// How often the request was sent.
    pub count: u32,
    /// Whether a try that failed, the last one included, may have been applied all the same. While
    /// this holds, an answer that speaks of a conflict may be the echo of our own change.
    pub ambiguous: bool,
}

/// Makes calls to AWS: retries, counts, and stops when the step is told to. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    policy: RetryPolicy,
    cancel: Cancel,
    calls: Calls,
    service: &'static str,
}

impl Caller {
    /// A caller that retries by `policy` until `cancel` is raised.
    pub fn new(policy: RetryPolicy, cancel: Cancel) -> Self {
        Self { policy, cancel, calls: Calls::default(), service: "" }
    }

    /// The same for calls to `service` (`S3`).
    #[must_use]
    pub fn to(self, service: &'static str) -> Self {
        Self { service, ..self }
    }

    /// The count of calls sent through this caller and its clones.
    pub const fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The signal that ends this caller's waits.
    pub const fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// A caller for cleaning up: it works after the step was told to stop, and gives up soon.
    #[must_use]
    pub fn for_cleanup(&self) -> Self {
        Self { policy: RetryPolicy::CLEANUP, cancel: Cancel::new(), ..self.clone() }
    }

    /// A caller for what is worth a moment and no more; it too works after the step was told to stop.
    #[must_use]
    pub fn for_a_moment(&self) -> Self {
        Self { policy: RetryPolicy::BRIEF, ..self.for_cleanup() }
    }

    /// A caller that counts from 0, to measure one stretch of a step; its calls count for the whole step too.
    #[must_use]
    pub fn counting_anew(&self) -> Self {
        Self { calls: self.calls.stretch(), ..self.clone() }
    }

    /// The waits of one piece of work under this caller's policy.
    pub fn backoff(&self) -> Backoff {
        Backoff::new(self.policy, self.cancel.clone())
    }

    /// Makes a call, and again while it fails for the moment ([`Fault::is_passing`]).
    ///
    /// `operation` is the API's name for it (`PutObject`); `send` builds and sends the request anew
    /// for every try.
    pub async fn call<T, E, Sent>(
        &self,
        operation: &'static str,
        send: impl FnMut() -> Sent,
    ) -> (Result<T, CallError>, Tries)
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        Sent: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        self.call_while(operation, Fault::is_passing, send).await
    }

    /// Makes a call, and again while it fails with a fault that `retry` accepts.
    pub async fn call_while<T, E, Sent>(
        &self,
        operation: &'static str,
        retry: impl Fn(Fault) -> bool,
        send: impl FnMut() -> Sent,
    ) -> (Result<T, CallError>, Tries)
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        Sent: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let span = CallSpan::begin(self.service, operation);
        let (outcome, tries) = self.try_while(operation, retry, send).instrument(span.span()).await;
        span.end(outcome.as_ref().err(), tries);
        (outcome, tries)
    }

    async fn try_while<T, E, Sent>(
        &self,
        operation: &'static str,
        retry: impl Fn(Fault) -> bool,
        mut send: impl FnMut() -> Sent,
    ) -> (Result<T, CallError>, Tries)
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        Sent: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let mut backoff = self.backoff();
        let mut tries = Tries::default();
        if self.cancel.is_cancelled() {
            return (Err(CallError::interrupted(operation, Applied::No)), tries);
        }
        loop {
            tries.count += 1;
            self.calls.count(Operation { service: self.service, name: operation }, tries.count > 1);
            // Boxed: the SDK's futures are large, and callers hold many at once.
            let error = match self.send_once(operation, Box::pin(send())).await {
                Ok(answer) => return (Ok(answer), tries),
                Err(error) => error,
            };
            tries.ambiguous |= error.applied == Applied::Maybe;
            if !retry(error.fault) {
                return (Err(error), tries);
            }
            match backoff.wait().await {
                Ok(wait) => tracing::debug!(operation, tries = tries.count, ?wait, %error, "trying again"),
                Err(End::OutOfPatience) => {
                    tracing::warn!(operation, tries = tries.count, %error, "giving up");
                    return (Err(error), tries);
                }
                Err(End::Cancelled) => return (Err(CallError::interrupted(operation, error.applied)), tries),
            }
        }
    }

    /// One try, which is cut off when it outlasts the grace that a stopping step has.
    async fn send_once<T, E>(
        &self,
        operation: &'static str,
        sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, CallError>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let cut_off = async {
            self.cancel.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            answer = sent => answer.map_err(|error| CallError::new(operation, &error)),
            () = cut_off => Err(CallError::interrupted(operation, Applied::Maybe)),
        }
    }
}

#[cfg(test)]
mod tests;
