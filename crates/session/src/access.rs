//! Lets DuckDB's httpfs reach S3 as the SDK does, for as long as the step runs.

use std::time::Duration;

use lakeward_aws::{AwsError, Credentials, SdkConfig};
use lakeward_engine::{EngineError, S3Access, S3Secrets, Session, SessionOptions};
use tokio::task::JoinHandle;

/// How long before temporary credentials end new ones are fetched.
const RENEW_BEFORE: Duration = Duration::from_mins(5);
/// The shortest wait between two renewals, for sources that give credentials which end sooner than that.
const RENEW_AT_LEAST: Duration = Duration::from_secs(30);

/// What DuckDB needs now.
///
/// # Errors
/// No credentials.
pub async fn s3_access(aws: &SdkConfig) -> Result<S3Access, AwsError> {
    Ok(with(aws, lakeward_aws::credentials(aws).await?))
}

/// Opens a session, loads the extensions of its folder, and with `access` makes remote files readable. The secrets
/// are for [`Renewal::start`].
///
/// # Errors
/// [`EngineError::Extension`] when remote files are wanted and httpfs is not there.
pub fn open(
    options: SessionOptions,
    access: Option<&S3Access>,
) -> Result<(Session, Option<S3Secrets>), EngineError> {
    let session = Session::open(options)?;
    session.load_extensions()?;
    let Some(access) = access else { return Ok((session, None)) };
    session.require_httpfs()?;
    let secrets = session.s3_secrets()?;
    secrets.set(access)?;
    Ok((session, Some(secrets)))
}

/// Hands DuckDB new credentials before temporary ones end, until it is dropped.
#[derive(Debug)]
pub struct Renewal(Option<JoinHandle<()>>);

impl Renewal {
    /// Starts to renew; nothing happens without secrets, or for credentials that do not end.
    pub fn start(aws: SdkConfig, secrets: Option<S3Secrets>) -> Self {
        Self(secrets.map(|secrets| tokio::spawn(renew(aws, secrets))))
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

async fn renew(aws: SdkConfig, mut secrets: S3Secrets) {
    loop {
        let renewed = match lakeward_aws::credentials(&aws).await {
            Ok(renewed) => renewed,
            Err(error) => {
                tracing::warn!(%error, "credentials for DuckDB could not be renewed: trying again");
                tokio::time::sleep(RENEW_AT_LEAST).await;
                continue;
            }
        };
        let Some(expires) = renewed.expires else { return };
        let access = with(&aws, renewed);
        let setting = tokio::task::spawn_blocking(move || {
            let taken = secrets.set(&access).is_ok();
            (secrets, taken)
        });
        let Ok((returned, taken)) = setting.await else { return };
        secrets = returned;
        if !taken {
            tracing::warn!("DuckDB did not take renewed credentials");
        }
        let left = expires.elapsed().err().map_or(Duration::ZERO, |ahead| ahead.duration());
        tokio::time::sleep(left.saturating_sub(RENEW_BEFORE).max(RENEW_AT_LEAST)).await;
    }
}

fn with(aws: &SdkConfig, credentials: Credentials) -> S3Access {
    let endpoint = lakeward_aws::endpoint(aws, "S3");
    S3Access {
        key_id: credentials.access_key_id,
        secret: credentials.secret_access_key,
        session_token: credentials.session_token,
        region: lakeward_aws::region(aws).ok().map(str::to_owned),
        path_style: endpoint.is_some(),
        endpoint,
    }
}
