//! How Lakeward talks to AWS: configuration, retries, and what a failed call means.
//!
//! The SDK's own retries are switched off. A step must know whether an earlier try of the same call
//! may have been applied before it reads a later `412 Precondition Failed`,
//! `ConcurrentModificationException` or `NoSuchUpload` as somebody else's doing; the SDK does not
//! tell. So every call goes through a [`Caller`], which retries what may be retried and hands back,
//! beside the result, what the tries before it may have done ([`Tries`]).
//!
//! Nothing here knows S3 or Glue: it works on any operation of any AWS SDK client.

mod backoff;
mod call;
mod calls;
mod cancel;
mod config;
mod fault;
mod span;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use backoff::{Backoff, End, RetryPolicy};
pub use call::{Caller, Tries};
pub use calls::{Calls, Count, Operation};
pub use cancel::Cancel;
pub use config::{
    AwsError, Credentials, LONGEST_TRY, Options, credentials, endpoint, in_region, load, region,
};
pub use fault::{Applied, CallError, Fault};

pub use aws_config::SdkConfig;
