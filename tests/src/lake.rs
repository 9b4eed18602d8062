//! The local lake as a backend.

use anyhow::Result;
use lakeward_local::{Credentials, Faults, LocalLake, Options};

use crate::backend::Backend;
use crate::conformance::Endpoint;

const BUCKET: &str = "lake";
const DATABASE: &str = "shop";

/// A local lake in memory, with one bucket and one database, for one test.
pub struct Lake {
    local: LocalLake,
    backend: Backend,
}

impl Lake {
    /// Starts it.
    ///
    /// # Errors
    /// No port or no temporary folder can be had.
    pub async fn start() -> Result<Self> {
        Self::with(Credentials::default()).await
    }

    /// Starts it with a key of one's own.
    ///
    /// # Errors
    /// As [`Lake::start`].
    pub async fn with(credentials: Credentials) -> Result<Self> {
        let (buckets, databases) = (vec![BUCKET.to_owned()], vec![DATABASE.to_owned()]);
        let local =
            LocalLake::start(Options { buckets, databases, credentials, ..Options::default() }).await?;
        let endpoint = endpoint(&local);
        let backend = Backend::new(endpoint.clone(), endpoint, BUCKET, DATABASE)?;
        Ok(Self { local, backend })
    }

    /// The lake as every scenario sees it.
    pub const fn backend(&self) -> &Backend {
        &self.backend
    }

    /// The faults to come.
    pub fn faults(&self) -> &Faults {
        self.local.faults()
    }

    /// What only a local lake can do.
    pub const fn local(&self) -> &LocalLake {
        &self.local
    }
}

/// The endpoint of S3 and of Glue.
pub fn endpoint(lake: &LocalLake) -> Endpoint {
    let Credentials { access_key_id, secret_access_key } = lake.credentials();
    Endpoint::new(&lake.endpoint(), access_key_id, secret_access_key, "local")
}
