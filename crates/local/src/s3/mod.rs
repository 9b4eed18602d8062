//! The S3 side: the protocol by `s3s`, what the operations do by the modules below.

#![allow(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "every operation takes its input and gives its answer in the form that `s3s` has"
)]

mod buckets;
mod checksums;
mod conditions;
mod copy;
mod delete;
mod encryption;
mod listing;
mod load;
mod model;
mod multipart;
mod objects;
mod operations;
mod receive;
mod replication;
mod tags;
mod uploads;
mod versions;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::Timestamp;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3Result, s3_error};

use self::model::Buckets;
pub use self::model::ReplicationMode;
use crate::options::{Clock, Credentials};
use crate::storage::Store;

/// Everything that the S3 side holds.
pub(crate) struct Backend {
    store: Arc<Store>,
    buckets: Mutex<Buckets>,
    clock: Clock,
    region: String,
}

impl Backend {
    pub(crate) fn open(store: Arc<Store>, clock: Clock, region: String) -> std::io::Result<Self> {
        let buckets = Mutex::new(load::buckets(&store)?);
        Ok(Self { store, buckets, clock, region })
    }

    /// The Region that the buckets say they are in.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The same buckets and objects as of now, kept in `store`.
    pub(crate) fn fork(&self, store: Arc<Store>, clock: Clock) -> Self {
        Self { store, buckets: Mutex::new(self.buckets().clone()), clock, region: self.region.clone() }
    }

    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        crate::lock(&self.buckets)
    }

    /// The time of the lake's clock. S3 keeps whole seconds.
    fn now(&self) -> jiff::Timestamp {
        let now = (self.clock)();
        jiff::Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Refuses early what would be refused anyway, before the body is read.
    fn check_bucket(&self, name: &str, owner: Option<&str>) -> S3Result<()> {
        self.buckets().bucket(name, owner).map(drop)
    }
}

/// Puts the protocol in front of the backend; requests must be signed with `credentials`.
pub(crate) fn service(backend: Arc<Backend>, credentials: &Credentials) -> S3Service {
    let mut builder = S3ServiceBuilder::new(operations::Operations(backend));
    builder.set_auth(OneKey(credentials.clone()));
    builder.build()
}

/// Knows the one access key of the lake.
struct OneKey(Credentials);

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.0.access_key_id {
            return Ok(self.0.secret_access_key.clone().into());
        }
        Err(s3_error!(InvalidAccessKeyId, "access key {access_key} does not exist"))
    }
}

fn shown_time(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from(SystemTime::from(time))
}

fn internal(error: std::io::Error) -> S3Error {
    S3Error::internal_error(error)
}
