//! Uploading files while they are still being written.
//!
//! A file that is written strictly forward is sent part by part as it grows. Every part carries its
//! own CRC64NVME, and the whole file's, combined from them, is given at the end: S3 checks the object
//! from end to end. A file that never filled a part goes up in one request.

mod multipart;
mod plan;
mod settle;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::multipart::Upload;
pub use self::plan::UploadLimits;
use crate::{Crc64, ETag, Store, StoreError};

/// What the object will be besides its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The media type.
    pub content_type: String,
    /// Metadata of one's own (`x-amz-meta-...`).
    pub metadata: BTreeMap<String, String>,
}

/// An uploaded object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// The key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// The checksum of the whole object, as S3 has verified it.
    pub crc64: Crc64,
    /// What names this very state of it.
    pub etag: ETag,
}

/// Uploads into one bucket that share a bound on memory, and with it on concurrency.
#[derive(Clone, Debug)]
pub struct Uploads {
    store: Store,
    limits: UploadLimits,
    memory: Arc<Semaphore>,
}

impl Uploads {
    /// Uploads into `store` within `limits`.
    pub fn new(store: Store, limits: UploadLimits) -> Self {
        let memory = Arc::new(Semaphore::new(limits.memory_units() as usize));
        Self { store, limits, memory }
    }

    /// Begins to upload `file` as `key`, which must not exist. Makes no call until a part is full.
    pub fn begin(&self, key: impl Into<String>, file: File, contents: Contents) -> Upload {
        Upload::new(self.clone(), key.into(), file, contents)
    }

    /// Reserves memory for `bytes` bytes, waiting for other parts to be sent.
    async fn reserve(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        // Never closed; `None` would only mean that nothing is being bounded.
        Arc::clone(&self.memory).acquire_many_owned(self.limits.units(bytes)).await.ok()
    }
}

/// A stretch of a file in memory, with its checksum.
#[derive(Debug)]
struct Stretch {
    bytes: Bytes,
    crc64: Crc64,
}

/// Reads a stretch of a file and sums it, off the async threads.
async fn read(
    store: &Store,
    key: &str,
    file: &Arc<File>,
    offset: u64,
    length: u64,
) -> Result<Stretch, StoreError> {
    let failed = |error| store.file(key, error);
    let file = Arc::clone(file);
    let length = usize::try_from(length).map_err(|error| failed(io::Error::other(error)))?;
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, offset)?;
        let crc64 = Crc64::of(&bytes);
        Ok(Stretch { bytes: Bytes::from(bytes), crc64 })
    });
    reading.await.unwrap_or_else(|crashed| Err(io::Error::other(crashed))).map_err(failed)
}

#[cfg(test)]
mod tests;
