//! How a lake is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// The one AWS account of a lake: the owner of every bucket and the id of the catalog.
pub const ACCOUNT_ID: &str = "123456789012";

/// Tells the time. What is written bears it; request signatures are checked by the system's clock.
pub type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// How a lake is set up. [`Options::default`] is an empty lake in memory on a free port.
#[derive(Clone)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Where to keep what is written.
    pub storage: Storage,
    /// What requests must be signed with.
    pub credentials: Credentials,
    /// The Region that the lake says it is in.
    pub region: String,
    /// Buckets to create if they are missing.
    pub buckets: Vec<String>,
    /// Glue databases to create if they are missing.
    pub databases: Vec<String>,
    /// Tells the time that objects and tables bear.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            storage: Storage::Memory,
            credentials: Credentials::default(),
            region: "us-east-1".to_owned(),
            buckets: Vec::new(),
            databases: Vec::new(),
            clock: Arc::new(system_time),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the lake's clock reads the system's unless it is given another"
)]
fn system_time() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Where a lake keeps what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Gone when the lake ends.
    Memory,
    /// In this folder, which one lake at a time may use.
    Folder(PathBuf),
}

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public half, as in `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// The secret half, as in `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { access_key_id: "AKIALOCALLAKE".to_owned(), secret_access_key: "local-lake-secret".to_owned() }
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
