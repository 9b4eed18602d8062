//! S3 as Lakeward uses it: documents changed by compare-and-swap, files uploaded while they grow,
//! listings, and bulk deletes.
//!
//! A [`Store`] is one bucket. Nothing of the SDK leaks out: keys are strings, the rest are the plain
//! types of this crate. An outcome that is not known is settled here by reading back, or returned as
//! [`StoreError::Unsettled`]; it is never guessed.

mod client;
mod delete;
mod documents;
mod encryption;
mod error;
mod listing;
mod manifests;
mod objects;
mod operations;
mod probe;
mod types;
mod upload;

pub use client::{Store, StoreOptions};
pub use delete::{Deleted, Failure, ObjectId};
pub use documents::{Document, Put};
pub use encryption::{Algorithm, Encryption};
pub use error::StoreError;
pub use listing::{ListedObject, ObjectVersion, PendingUpload};
pub use manifests::{ManifestError, Manifests, Stored};
pub use objects::{ObjectInfo, Replication, Tail};
pub use probe::{is_probe, is_proof, probe_conditional_writes};
pub use types::{Crc64, ETag, NotACrc64};
pub use upload::{Contents, Upload, UploadLimits, Uploaded, Uploads};

pub use bytes::Bytes;

#[cfg(test)]
mod testing;
