//! The local lake: S3 and AWS Glue in one process, on one loopback port, for the demo and the tests.
//!
//! It serves the part of the two services that Lakeward uses, to the real AWS SDKs, and is strict
//! where AWS is strict: conditional writes, checksums and signatures on the S3 side; version checks,
//! batch limits and per-item errors on the Glue side. It can be told to fail ([`Faults`]) and tells
//! what it was asked ([`Journal`]). See the crate's README for what it does *not* prove.
//!
//! ```no_run
//! # async fn example() -> Result<(), lakeward_local::LocalError> {
//! use lakeward_local::{Effect, LocalLake, Options, Rule, When};
//!
//! let lake = LocalLake::start(Options { buckets: vec!["lake".to_owned()], ..Options::default() }).await?;
//! // The answer to the second PutObject is lost, though the object is written.
//! let lost = lake.faults().set(Rule::new(When::After, Effect::Drop).operation("PutObject").nth(2));
//! // ... run a step with `lake.env()` ...
//! assert_eq!(lost.fired(), 1);
//! lake.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod admin;
mod call;
mod content;
mod details;
mod faults;
mod glue;
mod hex;
mod journal;
mod lake;
mod options;
mod s3;
mod server;
mod storage;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use call::{Call, Service};
pub use details::{DeletedObject, Details};
pub use faults::{Effect, Fault, FaultReport, Faults, Hook, Rule, When};
pub use journal::{Entry, Journal, Outcome};
pub use lake::{LocalError, LocalLake};
pub use options::{ACCOUNT_ID, Clock, Credentials, Options, Storage};
pub use s3::ReplicationMode;

/// Locks what a request that panicked may have left locked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
