//! A running lake.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakeward_outcome::{Classify, Kind};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::faults::Faults;
use crate::glue::Catalog;
use crate::journal::Journal;
use crate::options::{Clock, Credentials, Options, Storage};
use crate::s3::{self, Backend, ReplicationMode};
use crate::server::{self, Server};
use crate::storage::Store;

/// Why a lake could not be started or set up.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The address is taken, or not this machine's.
    #[error("local lake: cannot listen on {address}: choose another port")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The folder cannot be used, or another lake is using it.
    #[error("local lake: cannot use folder {}: stop the lake that uses it, or choose another", folder.display())]
    Folder {
        /// The folder that was asked for.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A bucket, a database or a replication could not be set up.
    #[error("local lake: cannot set up {name}: {reason}")]
    Setup {
        /// The bucket or database.
        name: String,
        /// What S3 or Glue would have said.
        reason: String,
    },
}

impl Classify for LocalError {
    fn kind(&self) -> Kind {
        Kind::Configuration
    }
}

/// S3 and Glue on one loopback port. Dropped, it stops; [`shutdown`](Self::shutdown) also waits.
pub struct LocalLake {
    address: SocketAddr,
    store: Arc<Store>,
    server: Arc<Server>,
    backend: Arc<Backend>,
    stop: watch::Sender<bool>,
    serving: Option<JoinHandle<()>>,
}

impl LocalLake {
    /// Starts a lake on the current Tokio runtime.
    ///
    /// # Errors
    ///
    /// When the port or the folder cannot be had, or a bucket's or database's name is refused.
    pub async fn start(options: Options) -> Result<Self, LocalError> {
        let Options { bind, storage, credentials, region, buckets, databases, clock } = options;
        let folder = match &storage {
            Storage::Memory => Path::new(""),
            Storage::Folder(folder) => folder,
        };
        let in_folder = |source| LocalError::Folder { folder: folder.to_owned(), source };
        let store = match storage {
            Storage::Memory => Store::in_memory(),
            Storage::Folder(_) => Store::in_folder(folder).map_err(in_folder)?,
        };
        let store = Arc::new(store);
        let backend = Backend::open(Arc::clone(&store), Arc::clone(&clock), region);
        let backend = Arc::new(backend.map_err(in_folder)?);
        let catalog = Catalog::open(Arc::clone(&store), clock).map_err(in_folder)?;
        let lake = Self::serve(bind, store, backend, catalog, credentials).await?;
        buckets.iter().try_for_each(|name| lake.create_bucket(name))?;
        databases.iter().try_for_each(|name| lake.create_database(name))?;
        Ok(lake)
    }

    /// A second lake that holds what this one holds now, on a port of its own; from here on they differ. Without the
    /// faults and the journal of this one.
    ///
    /// # Errors
    ///
    /// When this lake keeps its objects in a folder, or no port can be had.
    pub async fn fork(&self, clock: Clock) -> Result<Self, LocalError> {
        if !self.store.is_in_memory() {
            return Err(refused("a fork", Some("only a lake in memory can be forked")));
        }
        let store = Arc::new(self.store.fork());
        let backend = Arc::new(self.backend.fork(Arc::clone(&store), Arc::clone(&clock)));
        let catalog = self.server.catalog.fork(Arc::clone(&store), clock);
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::serve(bind, store, backend, catalog, self.credentials().clone()).await
    }

    async fn serve(
        bind: SocketAddr,
        store: Arc<Store>,
        backend: Arc<Backend>,
        catalog: Catalog,
        credentials: Credentials,
    ) -> Result<Self, LocalError> {
        let listener = TcpListener::bind(bind).await;
        let listener = listener.map_err(|source| LocalError::Listen { address: bind, source })?;
        let address = listener.local_addr().map_err(|source| LocalError::Listen { address: bind, source })?;
        let s3 = s3::service(Arc::clone(&backend), &credentials);
        let (faults, journal) = (Faults::default(), Journal::default());
        let server = Arc::new(Server { s3, catalog: Arc::new(catalog), credentials, faults, journal });
        let stop = watch::Sender::new(false);
        let serving = tokio::spawn(server::serve(Arc::clone(&server), listener, stop.subscribe()));
        Ok(Self { address, store, server, backend, stop, serving: Some(serving) })
    }

    /// The URL of both services, such as `http://127.0.0.1:41234`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What requests must be signed with.
    pub fn credentials(&self) -> &Credentials {
        &self.server.credentials
    }

    /// The environment variables by which AWS SDKs find the lake.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let Credentials { access_key_id, secret_access_key } = self.credentials().clone();
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", access_key_id),
            ("AWS_SECRET_ACCESS_KEY", secret_access_key),
            ("AWS_REGION", self.backend.region().to_owned()),
            // Python's SDK reads this one instead.
            ("AWS_DEFAULT_REGION", self.backend.region().to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// The faults to come.
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// The requests so far.
    pub fn requests(&self) -> &Journal {
        &self.server.journal
    }

    /// Creates a bucket unless it is there.
    pub fn create_bucket(&self, name: &str) -> Result<(), LocalError> {
        if self.backend.has_bucket(name) {
            return Ok(());
        }
        self.backend.make_bucket(name, false).map_err(|error| refused(name, error.message()))
    }

    /// Creates a Glue database unless it is there.
    pub fn create_database(&self, name: &str) -> Result<(), LocalError> {
        if self.server.catalog.has_database(name) {
            return Ok(());
        }
        let made = self.server.catalog.make_database(name, serde_json::Map::new());
        made.map_err(|error| refused(name, Some(&error.message)))
    }

    /// From now on, new objects of bucket `source` are replicated to bucket `target`.
    ///
    /// They answer with an `x-amz-replication-status`; their copies say `REPLICA`.
    pub fn replicate(&self, source: &str, target: &str, mode: ReplicationMode) -> Result<(), LocalError> {
        let done = self.backend.replicate(source, target, mode);
        done.map_err(|error| refused(source, error.message()))
    }

    /// Completes what is pending in bucket `source`: the copies appear. Returns how many.
    pub fn finish_replication(&self, source: &str) -> Result<usize, LocalError> {
        self.backend.finish_replication(source).map_err(|error| refused(source, error.message()))
    }

    /// Makes the lake accept `If-Match` and `If-None-Match` and ignore them, as some stores do.
    pub fn ignore_conditions(&self, ignore: bool) {
        self.backend.ignore_conditions(ignore);
    }

    /// Refuses the use of this KMS key, to write or to read, as when the caller has no permission for it.
    pub fn deny_key(&self, key: &str) {
        self.backend.deny_key(key);
    }

    /// Stops: releases what is paused, lets requests in flight end, and frees port and folder.
    pub async fn shutdown(mut self) {
        self.server.faults.clear();
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            // It ends by itself; a panic inside it was reported where it happened.
            let _ = serving.await;
        }
    }
}

impl Drop for LocalLake {
    fn drop(&mut self) {
        self.server.faults.clear();
        self.stop.send_replace(true);
    }
}

fn refused(name: &str, reason: Option<&str>) -> LocalError {
    LocalError::Setup { name: name.to_owned(), reason: reason.unwrap_or("refused").to_owned() }
}
