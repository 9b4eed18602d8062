//! What a failed call means: which fault it was, and whether the request may have been applied.

use std::error::Error as StdError;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lakeward_outcome::{Classify, Kind};

/// What went wrong with a call, in the words that S3 and Glue share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Too many requests: slow down and try again.
    Throttled,
    /// The service failed (5xx, `OperationTimeoutException`).
    Server,
    /// The request went out and no usable answer came back.
    Lost,
    /// No connection could be made, so nothing was sent.
    Unreachable,
    /// The thing asked for does not exist (404, `EntityNotFoundException`).
    NotFound,
    /// The caller may not do this (403).
    Denied,
    /// There are no credentials, or they are wrong or expired.
    Credentials,
    /// The KMS key that the request needs is missing, disabled, or of the wrong kind.
    Key,
    /// A condition of the request does not hold (412).
    Precondition,
    /// A concurrent request was in the way (409); nothing was applied.
    Conflict,
    /// The version that the request named is not the current one (Glue).
    ConcurrentModification,
    /// The thing to create is there already.
    AlreadyExists,
    /// A quota of the account is used up.
    Quota,
    /// The bucket lives in another Region (301, or a signature for the wrong Region).
    Moved,
    /// The service does not know this operation or header (501).
    Unsupported,
    /// The service refused the request as it stands (other 4xx).
    Invalid,
    /// The step was told to stop.
    Interrupted,
    /// Anything else, such as an answer that cannot be parsed.
    Other,
}

impl Fault {
    /// Whether the same call may succeed in a moment.
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Throttled | Self::Server | Self::Lost | Self::Unreachable)
    }
}

/// Whether a failed request can have changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Surely not.
    No,
    /// It may have: read back before concluding.
    Maybe,
}

/// A call that failed, described without the types of any one SDK.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation} failed: {message}")]
pub struct CallError {
    /// The API's name of the operation (`PutObject`).
    pub operation: &'static str,
    /// What went wrong.
    pub fault: Fault,
    /// Whether this try may have been applied.
    pub applied: Applied,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The service's own error code (`SlowDown`), when it gave one.
    pub code: Option<String>,
    /// What the service or the connection said, with status and code.
    pub message: String,
}

impl CallError {
    /// Describes `error`, which the SDK returned for `operation`.
    pub fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => {
                Self::answered(operation, answer.raw().status().as_u16(), answer.err())
            }
            SdkError::ResponseError(answer) => {
                let status = answer.raw().status().as_u16();
                let fault = if status >= 500 { Fault::Server } else { Fault::Lost };
                let message = format!("unreadable answer with status {status}: {}", causes(error));
                Self { operation, fault, applied: Applied::Maybe, status: Some(status), code: None, message }
            }
            SdkError::TimeoutError(_) => {
                Self::unanswered(operation, Fault::Lost, Applied::Maybe, causes(error))
            }
            SdkError::DispatchFailure(_) => {
                let (fault, applied) =
                    unsent(error).map_or((Fault::Lost, Applied::Maybe), |fault| (fault, Applied::No));
                Self::unanswered(operation, fault, applied, causes(error))
            }
            _ => Self::unanswered(operation, Fault::Other, Applied::No, causes(error)),
        }
    }

    /// The step was told to stop before the call had its answer.
    pub(crate) fn interrupted(operation: &'static str, applied: Applied) -> Self {
        let message = "the step was told to stop; run the same command again".to_owned();
        Self::unanswered(operation, Fault::Interrupted, applied, message)
    }

    fn unanswered(operation: &'static str, fault: Fault, applied: Applied, message: String) -> Self {
        Self { operation, fault, applied, status: None, code: None, message }
    }

    fn answered(operation: &'static str, status: u16, answer: &impl ProvideErrorMetadata) -> Self {
        let code = answer.code().map(str::to_owned);
        let fault = code.as_deref().and_then(fault_of_code).unwrap_or_else(|| fault_of_status(status));
        let applied = match fault {
            Fault::Server | Fault::Lost => Applied::Maybe,
            // A throttled request is refused at the door; but some stores answer 503 for both.
            Fault::Throttled if status >= 500 => Applied::Maybe,
            _ => Applied::No,
        };
        let mut message = status.to_string();
        for part in [code.as_deref(), answer.message()].into_iter().flatten() {
            message.push_str(if message.len() == 3 { " " } else { ": " });
            message.push_str(part);
        }
        Self { operation, fault, applied, status: Some(status), code, message }
    }
}

impl Classify for CallError {
    fn kind(&self) -> Kind {
        match self.fault {
            Fault::Throttled
            | Fault::Server
            | Fault::Lost
            | Fault::Unreachable
            | Fault::Conflict
            | Fault::Interrupted => Kind::Transient,
            Fault::Denied
            | Fault::Credentials
            | Fault::Key
            | Fault::Quota
            | Fault::Moved
            | Fault::Unsupported => Kind::Configuration,
            Fault::NotFound
            | Fault::Precondition
            | Fault::ConcurrentModification
            | Fault::AlreadyExists
            | Fault::Invalid
            | Fault::Other => Kind::Unexpected,
        }
    }
}

/// The fault behind an error code of S3 or Glue; `None` for codes whose HTTP status says enough.
///
/// Sources: the error lists of the S3 and Glue API references, and the common errors of AWS APIs.
fn fault_of_code(code: &str) -> Option<Fault> {
    Some(match code {
        "SlowDown"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "ResourceNotReadyException"
        | "KMS.ThrottlingException" => Fault::Throttled,
        "InternalError" | "InternalServiceException" | "InternalFailure" | "OperationTimeoutException" => {
            Fault::Server
        }
        // S3 gave up reading a slow request; a 400, but one that passes.
        "RequestTimeout" => Fault::Lost,
        "EntityNotFoundException" | "NoSuchKey" | "NoSuchBucket" | "NoSuchUpload" | "NoSuchVersion" => {
            Fault::NotFound
        }
        "AccessDeniedException" | "AccessDenied" | "AllAccessDisabled" => Fault::Denied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestTimeTooSkewed"
        | "RequestExpired"
        | "InvalidToken" => Fault::Credentials,
        // S3 passes on what KMS says under its name.
        code if code.starts_with("KMS.") => Fault::Key,
        "PreconditionFailed" => Fault::Precondition,
        "ConditionalRequestConflict" | "OperationAborted" => Fault::Conflict,
        "ConcurrentModificationException" | "VersionMismatchException" => Fault::ConcurrentModification,
        "AlreadyExistsException" => Fault::AlreadyExists,
        "ResourceNumberLimitExceededException" => Fault::Quota,
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            Fault::Moved
        }
        "NotImplemented" => Fault::Unsupported,
        _ => return None,
    })
}

/// The fault behind an HTTP status whose error code says nothing more.
const fn fault_of_status(status: u16) -> Fault {
    match status {
        301 | 307 | 308 => Fault::Moved,
        401 | 403 => Fault::Denied,
        404 => Fault::NotFound,
        409 => Fault::Conflict,
        412 => Fault::Precondition,
        429 => Fault::Throttled,
        501 => Fault::Unsupported,
        400..=499 => Fault::Invalid,
        500..=599 => Fault::Server,
        _ => Fault::Other,
    }
}

/// The fault of a request that surely never left this machine; `None` when it may have.
fn unsent(error: &(dyn StdError + 'static)) -> Option<Fault> {
    chain(error).find_map(|cause| {
        if let Some(credentials) = cause.downcast_ref::<CredentialsError>() {
            return Some(match credentials {
                CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => {
                    Fault::Unreachable
                }
                _ => Fault::Credentials,
            });
        }
        let never_connected = cause
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect)
            || cause
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        never_connected.then_some(Fault::Unreachable)
    })
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}

/// The causes of an error on one line, without those that only repeat the one before.
pub(crate) fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut line = String::new();
    for cause in chain(error).map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests;
