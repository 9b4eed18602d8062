//! Lets DuckDB's httpfs reach S3 as the SDK does, for as long as the checks run.

use std::time::Duration;

use lakeward_aws::{AwsError, Credentials, SdkConfig};
use lakeward_engine::{S3Access, S3Secrets};

/// How long before temporary credentials end new ones are fetched.
const RENEW_BEFORE: Duration = Duration::from_mins(5);
/// The shortest wait between two renewals, for sources that give credentials which end sooner than that.
const RENEW_AT_LEAST: Duration = Duration::from_secs(30);

/// What DuckDB needs now.
pub(crate) async fn s3(aws: &SdkConfig) -> Result<S3Access, AwsError> {
    Ok(with(aws, lakeward_aws::credentials(aws).await?))
}

/// Hands DuckDB new credentials before temporary ones end. Returns when there is nothing to renew.
pub(crate) async fn renew(aws: SdkConfig, secrets: S3Secrets) {
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
        if secrets.set(&with(&aws, renewed)).is_err() {
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
