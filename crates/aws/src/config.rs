//! Where the configuration and the credentials come from: the SDK's own sources.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::service_config::ServiceConfigKey;
use lakeward_outcome::{Classify, Kind};
use url::Url;

use crate::fault::causes;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The services that steps talk to, as the SDK names them.
const SERVICES: [&str; 2] = ["S3", "Glue"];
/// The services that credentials can come from.
const CREDENTIAL_SERVICES: [&str; 3] = ["STS", "SSO", "SSO OIDC"];
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// How long one try of a call may take.
pub const LONGEST_TRY: Duration = CONNECT_TIMEOUT.saturating_add(READ_TIMEOUT);

/// What a step adds to the configuration that the SDK finds by itself.
#[derive(Clone, Debug)]
pub struct Options {
    /// The Region to use instead of the configured one.
    pub region: Option<String>,
    /// The step's name in the User-Agent, and with it in `CloudTrail` (`lakeward-write`).
    pub app_name: &'static str,
}

/// Why AWS cannot be talked to at all.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// No Region is configured anywhere.
    #[error("no AWS region is configured: set AWS_REGION, or `region` in the AWS profile")]
    NoRegion,
    /// No credentials are configured, or they are malformed.
    #[error(
        "no usable AWS credentials ({detail}): set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the pod a role"
    )]
    NoCredentials {
        /// What each source of credentials said.
        detail: String,
    },
    /// The source of the credentials did not answer.
    #[error("the source of the AWS credentials failed ({detail}): try again")]
    CredentialsUnavailable {
        /// What the source said.
        detail: String,
    },
    /// The endpoint of a service is no URL.
    #[error(
        "the endpoint {endpoint:?} of {service} is not an http:// or https:// URL: mend AWS_ENDPOINT_URL, \
         AWS_ENDPOINT_URL_{service_id}, or `endpoint_url` in the AWS profile", service_id = service.to_uppercase()
    )]
    Endpoint {
        /// The service (`S3`).
        service: &'static str,
        /// What is configured.
        endpoint: String,
    },
    /// The endpoint of a service holds a user name or a password, which would go into messages, logs and the Host header.
    #[error(
        "the endpoint {endpoint:?} of {service} holds a user name or password: leave it out, keys come by \
         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )]
    EndpointSecret {
        /// The service (`S3`).
        service: &'static str,
        /// What is configured, without them.
        endpoint: String,
    },
    /// The step's name cannot be sent in a User-Agent.
    #[error("app name {0:?} may hold only ASCII letters, digits and !#$%&'*+-.^_`|~")]
    AppName(&'static str),
}

impl Classify for AwsError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoRegion
            | Self::NoCredentials { .. }
            | Self::Endpoint { .. }
            | Self::EndpointSecret { .. } => Kind::Configuration,
            Self::CredentialsUnavailable { .. } => Kind::Transient,
            Self::AppName(_) => Kind::Unexpected,
        }
    }
}

/// Reads the configuration from the SDK's usual sources (environment, profile, SSO, IRSA, Pod
/// Identity, IMDS) and makes sure that there are a Region and credentials.
pub async fn load(options: Options) -> Result<SdkConfig, AwsError> {
    let app_name = AppName::new(options.app_name).map_err(|_| AwsError::AppName(options.app_name))?;
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .app_name(app_name)
        .http_client(http_client())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::enabled().build());
    if let Some(region) = options.region {
        loader = loader.region(Region::new(region));
    }
    // Only now, not in the loader: the sources of credentials (STS, IMDS) keep the SDK's retries.
    let config = loader.load().await.into_builder().retry_config(RetryConfig::disabled()).build();
    region(&config)?;
    SERVICES.into_iter().try_for_each(|service| check_endpoint(&config, service))?;
    // Most have no use for these: whether they are usable is for the SDK to say.
    CREDENTIAL_SERVICES.into_iter().try_for_each(|service| plain_endpoint(&config, service).map(drop))?;
    credentials(&config).await?;
    Ok(config)
}

/// The same configuration for another Region.
pub fn in_region(config: &SdkConfig, region: String) -> SdkConfig {
    config.clone().into_builder().region(Region::new(region)).build()
}

/// TLS by rustls with the system's certificates, so that no C library is needed; proxies from the
/// usual variables (`HTTPS_PROXY`, `NO_PROXY`).
fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().tls_provider(tls::Provider::Rustls(CryptoMode::Ring));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.build()
    })
}

/// The Region that calls go to.
pub fn region(config: &SdkConfig) -> Result<&str, AwsError> {
    config.region().map(AsRef::as_ref).filter(|region: &&str| !region.is_empty()).ok_or(AwsError::NoRegion)
}

/// The endpoint URL configured for a service (`S3`, `Glue`), if it is not AWS's own: from
/// `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, or the profile.
pub fn endpoint(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    config
        .service_config()
        .and_then(|sources| sources.load_config(key))
        .or_else(|| config.endpoint_url().map(str::to_owned))
}

/// The endpoint of a service, if it has one, and that without a user name or password.
fn plain_endpoint(config: &SdkConfig, service: &'static str) -> Result<Option<String>, AwsError> {
    let endpoint = endpoint(config, service);
    // Whatever is wrong with it: what stands before an @ may be a password.
    match endpoint.as_deref().and_then(|endpoint| endpoint.rsplit_once('@')) {
        Some((_, host)) => Err(AwsError::EndpointSecret { service, endpoint: format!("…@{host}") }),
        None => Ok(endpoint),
    }
}

/// What the SDK would only say when it builds a request, and then as of a request that failed.
fn check_endpoint(config: &SdkConfig, service: &'static str) -> Result<(), AwsError> {
    let Some(endpoint) = plain_endpoint(config, service)? else { return Ok(()) };
    let usable =
        Url::parse(&endpoint).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if usable { Ok(()) } else { Err(AwsError::Endpoint { service, endpoint }) }
}

/// Credentials to hand to something that is not the SDK. The secrets never appear in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id, which is no secret.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
    /// When temporary credentials end; ask again before.
    pub expires: Option<SystemTime>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The credentials that calls are signed with now.
pub async fn credentials(config: &SdkConfig) -> Result<Credentials, AwsError> {
    let Some(provider) = config.credentials_provider() else {
        return Err(AwsError::NoCredentials { detail: "no source of credentials".to_owned() });
    };
    let found = provider.provide_credentials().await.map_err(|error| {
        let detail = causes(&error);
        match error {
            CredentialsError::ProviderTimedOut(_) | CredentialsError::ProviderError(_) => {
                AwsError::CredentialsUnavailable { detail }
            }
            _ => AwsError::NoCredentials { detail },
        }
    })?;
    Ok(Credentials {
        access_key_id: found.access_key_id().to_owned(),
        secret_access_key: found.secret_access_key().to_owned(),
        session_token: found.session_token().map(str::to_owned),
        expires: found.expiry(),
    })
}

#[cfg(test)]
mod tests;
