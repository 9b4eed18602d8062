//! Clients of an endpoint, names that no other check uses, and what checks have in common.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use aws_credential_types::Credentials;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use base64::Engine as _;
use crc_fast::CrcAlgorithm;

/// The Region that every endpoint is told.
pub(crate) const REGION: &str = "us-east-1";

/// Where S3, Glue or both are served.
#[derive(Clone, Debug)]
pub struct Endpoint {
    url: String,
    access_key_id: String,
    secret_access_key: String,
    suffix: String,
    counter: Arc<AtomicU64>,
}

impl Endpoint {
    /// An endpoint at `url`. `suffix` makes names unique on servers that outlive one run of the
    /// checks: lowercase letters and digits.
    pub fn new(url: &str, access_key_id: &str, secret_access_key: &str, suffix: &str) -> Self {
        Self {
            url: url.to_owned(),
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            suffix: suffix.to_owned(),
            counter: Arc::default(),
        }
    }

    /// The same endpoint for a client that signs with another key.
    #[must_use]
    pub fn signed_with(&self, access_key_id: &str, secret_access_key: &str) -> Self {
        Self {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret_access_key.to_owned(),
            ..self.clone()
        }
    }

    /// The access key id of its clients.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn secret_access_key(&self) -> &str {
        &self.secret_access_key
    }

    /// A client of S3 that never retries.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::new(REGION))
            .credentials_provider(self.credentials())
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// A client of Glue that never retries.
    pub fn glue(&self) -> aws_sdk_glue::Client {
        let config = aws_sdk_glue::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::new(REGION))
            .credentials_provider(self.credentials())
            .retry_config(RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_glue::Client::from_conf(config)
    }

    fn credentials(&self) -> Credentials {
        let (key, secret) = (self.access_key_id.as_str(), self.secret_access_key.as_str());
        Credentials::new(key, secret, None, None, "conformance")
    }

    /// A name that no other check uses.
    pub(crate) fn fresh_name(&self) -> String {
        format!("check-{}-{}", self.suffix, self.counter.fetch_add(1, Ordering::Relaxed))
    }

    /// A client, and a bucket of its own.
    pub(crate) async fn s3_with_bucket(&self) -> Result<(aws_sdk_s3::Client, String)> {
        let (s3, bucket) = (self.s3(), self.fresh_name());
        s3.create_bucket().bucket(&bucket).send().await.context("creating the bucket")?;
        Ok((s3, bucket))
    }
}

/// A call that the service refused: its code and HTTP status.
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) status: u16,
}

/// The refusal of a call. Fails when the call succeeded, or was not answered.
pub(crate) fn refusal<T: Debug, E: ProvideErrorMetadata>(
    outcome: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Refusal> {
    match outcome {
        Ok(output) => bail!("it succeeded: {output:?}"),
        Err(error) => {
            let status = error.raw_response().map(|response| response.status().as_u16());
            let status = status.context("there was no answer")?;
            let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
            Ok(Refusal { code: code.unwrap_or_default().to_owned(), status })
        }
    }
}

/// Fails unless the call was refused with this code.
pub(crate) fn refused_with<T: Debug, E: ProvideErrorMetadata>(
    code: &str,
    outcome: Result<T, SdkError<E, HttpResponse>>,
) -> Result<()> {
    let refusal = refusal(outcome)?;
    ensure!(refusal.code == code, "refused with {} ({}), not {code}", refusal.code, refusal.status);
    Ok(())
}

/// Fails unless the call was refused with this HTTP status.
pub(crate) fn refused_as<T: Debug, E: ProvideErrorMetadata>(
    status: u16,
    outcome: Result<T, SdkError<E, HttpResponse>>,
) -> Result<()> {
    let refusal = refusal(outcome)?;
    ensure!(refusal.status == status, "refused with {} ({}), not {status}", refusal.status, refusal.code);
    Ok(())
}

/// The CRC64NVME of bytes as S3 writes it.
pub(crate) fn crc64(bytes: &[u8]) -> String {
    let value = crc_fast::checksum(CrcAlgorithm::Crc64Nvme, bytes);
    base64::engine::general_purpose::STANDARD.encode(value.to_be_bytes())
}
