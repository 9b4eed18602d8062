//! Credentials for `DuckDB`'s own reads of `s3://`.

use std::fmt;

use duckdb::Connection;

use crate::error::EngineError;
use lakeward_sql::literal;

/// What `DuckDB` needs to read S3 as the process's own SDK does.
#[derive(Clone)]
pub struct S3Access {
    /// The access key's id.
    pub key_id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
    /// The Region, such as `eu-central-1`.
    pub region: Option<String>,
    /// Another endpoint than AWS's own, as a URL: `http://127.0.0.1:8333`.
    pub endpoint: Option<String>,
    /// Whether the bucket goes into the path rather than the host name.
    pub path_style: bool,
}

impl fmt::Debug for S3Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Access")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("path_style", &self.path_style)
            .finish_non_exhaustive()
    }
}

/// Puts credentials where `DuckDB` looks for them, also while a query runs.
///
/// They are global settings, not a `CREATE SECRET`: a running query keeps the secrets of its own
/// start, but reads these settings whenever it opens a file, so that a query may outlive its first
/// credentials. A secret that the user created still goes before them.
pub struct S3Secrets {
    connection: Connection,
}

impl S3Secrets {
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Uses `access` for every file opened from now on.
    ///
    /// The error tells no more than that it failed: `DuckDB`'s text could quote the statement.
    pub fn set(&self, access: &S3Access) -> Result<(), EngineError> {
        self.connection.execute_batch(&settings(access)).map_err(|_| {
            EngineError::Extension(
                "the S3 credentials cannot be handed to DuckDB; load its httpfs extension first".to_owned(),
            )
        })
    }
}

/// The credentials come last and together: files that are opened meanwhile must not mix old and new.
fn settings(access: &S3Access) -> String {
    let mut settings = Vec::new();
    if let Some(region) = &access.region {
        settings.push(("s3_region", literal(region)));
    }
    if let Some(endpoint) = &access.endpoint {
        let (host, tls) = host_of(endpoint);
        settings.push(("s3_endpoint", literal(host)));
        settings.push(("s3_use_ssl", tls.to_string()));
    }
    settings.push(("s3_url_style", literal(if access.path_style { "path" } else { "vhost" })));
    settings.push(("s3_access_key_id", literal(&access.key_id)));
    settings.push(("s3_secret_access_key", literal(&access.secret)));
    settings.push(("s3_session_token", literal(access.session_token.as_deref().unwrap_or_default())));
    let statements: Vec<String> =
        settings.iter().map(|(name, value)| format!("SET GLOBAL {name} = {value}")).collect();
    statements.join("; ")
}

/// Host and port of an endpoint URL, and whether it is TLS; `DuckDB` takes them apart.
fn host_of(endpoint: &str) -> (&str, bool) {
    let (tls, rest) = match endpoint.split_once("://") {
        Some((scheme, rest)) => (!scheme.eq_ignore_ascii_case("http"), rest),
        None => (true, endpoint),
    };
    (rest.trim_end_matches('/'), tls)
}

#[cfg(test)]
#[path = "s3_tests.rs"]
mod tests;
