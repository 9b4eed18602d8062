use aws_credential_types::provider::{SharedCredentialsProvider, future};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_types::error::ErrorMetadata;
use tokio::net::TcpListener;

use super::*;
use crate::testing::{Reply, Script};
use crate::{Applied, CallError, Fault};

#[derive(Debug)]
struct Broken(fn() -> CredentialsError);

impl ProvideCredentials for Broken {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err((self.0)()))
    }
}

fn config_with(error: fn() -> CredentialsError) -> SdkConfig {
    let provider = SharedCredentialsProvider::new(Broken(error));
    SdkConfig::builder().credentials_provider(provider).build()
}

#[tokio::test]
async fn secrets_are_handed_over_and_never_shown() {
    let config = Script::in_order([Reply::Lost]).config();
    let credentials = credentials(&config).await.unwrap();
    assert_eq!(credentials.secret_access_key, "secret-of-the-test");
    let shown = format!("{credentials:?}");
    assert!(shown.contains("AKIDTEST") && !shown.contains("secret-of-the-test"), "{shown}");
}

#[tokio::test]
async fn missing_credentials_are_a_matter_of_configuration_and_a_broken_source_may_recover() {
    let missing = config_with(|| CredentialsError::not_loaded("no provider in the chain"));
    let error = credentials(&missing).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Configuration);
    assert!(error.to_string().contains("AWS_PROFILE"), "{error}");

    let broken = config_with(|| CredentialsError::provider_error("503 from STS"));
    assert_eq!(credentials(&broken).await.unwrap_err().kind(), Kind::Transient);
}

#[test]
fn a_missing_region_is_named_with_its_variable() {
    let error = region(&SdkConfig::builder().build()).unwrap_err();
    assert_eq!(error.kind(), Kind::Configuration);
    assert!(error.to_string().contains("AWS_REGION"));
}

#[test]
fn an_endpoint_that_is_no_url_is_a_matter_of_configuration() {
    for malformed in ["nonsense", "127.0.0.1:9000", "ftp://127.0.0.1", "http://"] {
        let config = SdkConfig::builder().endpoint_url(malformed).build();
        let error = check_endpoint(&config, "Glue").unwrap_err();
        assert_eq!(error.kind(), Kind::Configuration);
        assert!(error.to_string().contains("AWS_ENDPOINT_URL_GLUE"), "{error}");
    }
    let usable = SdkConfig::builder().endpoint_url("https://s3.example.com/path").build();
    assert!(check_endpoint(&usable, "S3").is_ok());
    assert!(check_endpoint(&SdkConfig::builder().build(), "S3").is_ok());
}

#[test]
fn an_endpoint_of_ones_own_is_found_and_aws_itself_has_none() {
    let own = SdkConfig::builder().endpoint_url("http://127.0.0.1:9000").build();
    assert_eq!(endpoint(&own, "S3").as_deref(), Some("http://127.0.0.1:9000"));
    assert_eq!(endpoint(&SdkConfig::builder().build(), "S3"), None);
}

/// Sends a request to `url` by the client that steps use, and describes how it failed.
async fn failure_of(url: String) -> CallError {
    let components = RuntimeComponentsBuilder::for_tests()
        .with_time_source(Some(SystemTimeSource::new()))
        .build()
        .unwrap();
    let connector = http_client().http_connector(&HttpConnectorSettings::default(), &components);
    let request = HttpRequest::get(url).unwrap();
    let error: SdkError<ErrorMetadata, HttpResponse> =
        SdkError::dispatch_failure(connector.call(request).await.unwrap_err());
    CallError::new("PutObject", &error)
}

#[tokio::test]
async fn a_request_that_met_no_listener_was_surely_not_applied() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for url in [format!("http://127.0.0.1:{port}/"), "http://no-such-host.invalid/".to_owned()] {
        let error = failure_of(url).await;
        assert_eq!((error.fault, error.applied), (Fault::Unreachable, Applied::No), "{error}");
    }
}

#[tokio::test]
async fn a_request_whose_connection_broke_after_it_was_sent_may_have_been_applied() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hang_up = async {
        let (connection, _) = listener.accept().await.unwrap();
        connection.readable().await.unwrap();
    };
    let (error, ()) = tokio::join!(failure_of(format!("http://127.0.0.1:{port}/")), hang_up);
    assert_eq!((error.fault, error.applied), (Fault::Lost, Applied::Maybe), "{error}");
}
