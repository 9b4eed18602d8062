use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;

use super::*;

fn answered(status: u16, code: &str) -> CallError {
    let metadata = ErrorMetadata::builder().code(code).message("a message").build();
    let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
    CallError::new("PutObject", &SdkError::service_error(metadata, response))
}

fn dispatch(error: ConnectorError) -> CallError {
    CallError::new::<ErrorMetadata>("PutObject", &SdkError::dispatch_failure(error))
}

#[test]
fn answers_are_told_apart_by_code_first_and_by_status_otherwise() {
    for (status, code, fault, applied) in [
        (503, "SlowDown", Fault::Throttled, Applied::Maybe),
        (400, "ThrottlingException", Fault::Throttled, Applied::No),
        (500, "InternalError", Fault::Server, Applied::Maybe),
        (400, "OperationTimeoutException", Fault::Server, Applied::Maybe),
        (400, "EntityNotFoundException", Fault::NotFound, Applied::No),
        (400, "AccessDeniedException", Fault::Denied, Applied::No),
        (400, "ConcurrentModificationException", Fault::ConcurrentModification, Applied::No),
        (403, "SignatureDoesNotMatch", Fault::Credentials, Applied::No),
        (404, "NoSuchUpload", Fault::NotFound, Applied::No),
        (409, "ConditionalRequestConflict", Fault::Conflict, Applied::No),
        (412, "PreconditionFailed", Fault::Precondition, Applied::No),
        (502, "somebody's proxy", Fault::Server, Applied::Maybe),
        (400, "InvalidInputException", Fault::Invalid, Applied::No),
    ] {
        let error = answered(status, code);
        assert_eq!((error.fault, error.applied), (fault, applied), "{status} {code}");
        assert_eq!(error.message, format!("{status} {code}: a message"));
    }
}

#[test]
fn a_refused_connection_and_missing_credentials_were_surely_not_applied() {
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    let refused = dispatch(ConnectorError::io(refused.into()));
    assert_eq!((refused.fault, refused.applied), (Fault::Unreachable, Applied::No));

    let nobody = dispatch(ConnectorError::other(CredentialsError::not_loaded("no provider").into(), None));
    assert_eq!((nobody.fault, nobody.applied), (Fault::Credentials, Applied::No));
    assert_eq!(nobody.kind(), Kind::Configuration);
}

#[test]
fn a_reset_connection_and_a_timeout_may_have_been_applied() {
    let reset = dispatch(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into()));
    assert_eq!((reset.fault, reset.applied), (Fault::Lost, Applied::Maybe));

    let timeout = CallError::new::<ErrorMetadata>("PutObject", &SdkError::timeout_error("after 60 s"));
    assert_eq!((timeout.fault, timeout.applied), (Fault::Lost, Applied::Maybe));
    assert_eq!(timeout.kind(), Kind::Transient);
}

#[test]
fn causes_are_named_once_each() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer: {0}")]
    struct Outer(#[source] io::Error);
    let error = Outer(io::Error::other("inner"));
    assert_eq!(causes(&error), "outer: inner");
}
