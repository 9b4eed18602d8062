//! The errors of the Glue side, as AWS JSON 1.1 has them.

use hyper::StatusCode;
use serde_json::json;

/// A refusal by Glue: the exception's name and its message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct GlueError {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) status: StatusCode,
}

/// What an operation of the Glue side comes to.
pub(crate) type GlueResult<T> = Result<T, GlueError>;

/// The name of Glue's answer to a batch or a text that is too long.
pub(crate) const VALIDATION: &str = "ValidationException";

impl GlueError {
    pub(crate) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status }
    }

    fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::refused("EntityNotFoundException", message)
    }

    pub(crate) fn already_exists(message: impl Into<String>) -> Self {
        Self::refused("AlreadyExistsException", message)
    }

    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::refused("InvalidInputException", message)
    }

    /// A request that breaks a length or a range of the service's model.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::refused(VALIDATION, message)
    }

    pub(crate) fn concurrent_modification(message: impl Into<String>) -> Self {
        Self::refused("ConcurrentModificationException", message)
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::refused("SerializationException", message)
    }

    pub(crate) fn unknown_operation(operation: &str) -> Self {
        Self::refused("UnknownOperationException", format!("the local lake does not serve {operation}"))
    }

    pub(crate) fn bad_signature(message: impl Into<String>) -> Self {
        Self::refused("InvalidSignatureException", message)
    }

    pub(crate) fn unknown_key(message: impl Into<String>) -> Self {
        Self::refused("UnrecognizedClientException", message)
    }

    /// The error of one item of a batch, as the batch's answer lists it.
    pub(crate) fn detail(&self) -> serde_json::Value {
        json!({ "ErrorCode": self.code, "ErrorMessage": self.message })
    }
}

impl From<std::io::Error> for GlueError {
    fn from(error: std::io::Error) -> Self {
        let message = format!("the lake's folder: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceException", message)
    }
}
