//! Finding out how an upload ended whose last answer was not success.

use lakeward_aws::{CallError, Fault, Tries};

use super::Uploaded;
use crate::operations::{LIST_PARTS, Operation};
use crate::{Crc64, Store, StoreError};

/// How often an abort is repeated while parts that were in flight still arrive.
const ABORTS: usize = 3;

impl Store {
    /// Decides whether the object that was to be uploaded is there, by reading back.
    ///
    /// `target` is the key and, for a multipart upload, its id; `content` the size and checksum.
    pub(super) async fn settle_upload(
        &self,
        operation: Operation,
        (key, id): (&str, Option<&str>),
        (size, crc64): (u64, Crc64),
        error: CallError,
        tries: Tries,
    ) -> Result<Uploaded, StoreError> {
        let taken = error.fault == Fault::Precondition;
        let store = self.for_cleanup();
        if tries.ambiguous {
            if let Some(uploaded) = store.find_ours(operation, key, size, crc64).await? {
                return Ok(uploaded);
            }
            // Once the upload is surely gone, nothing can create the object behind our back.
            if let Some(id) = id {
                let aborted = store.abort_until_gone(key, id).await;
                aborted.map_err(|aborting| {
                    self.unsettled(operation, key, format!("{error}; then: {aborting}"))
                })?;
                if let Some(uploaded) = store.find_ours(operation, key, size, crc64).await? {
                    return Ok(uploaded);
                }
            }
        }
        if taken {
            return Err(StoreError::AlreadyExists { bucket: self.bucket().to_owned(), key: key.to_owned() });
        }
        Err(self.error(operation, key, error))
    }

    /// The object under `key` if it has this size and checksum. Keys are unique to one upload, so an
    /// object without a checksum of its own cannot be told apart from a half-known one: that is unsettled.
    async fn find_ours(
        &self,
        operation: Operation,
        key: &str,
        size: u64,
        crc64: Crc64,
    ) -> Result<Option<Uploaded>, StoreError> {
        let found =
            self.head(key).await.map_err(|error| self.unsettled(operation, key, error.to_string()))?;
        match found {
            Some(found) if found.size == size && found.crc64 == Some(crc64) => {
                Ok(Some(Uploaded { key: key.to_owned(), size, crc64, etag: found.etag }))
            }
            Some(found) if found.size == size && found.crc64.is_none() => {
                Err(self.unsettled(operation, key, "the store keeps no CRC64NVME to compare"))
            }
            _ => Ok(None),
        }
    }

    /// Aborts a multipart upload, again while parts of it that were in flight turn up.
    pub(super) async fn abort_until_gone(&self, key: &str, id: &str) -> Result<(), StoreError> {
        for _ in 0..ABORTS {
            self.abort_upload(key, id).await?;
            if !self.upload_exists(key, id).await? {
                return Ok(());
            }
        }
        Err(self.malformed(LIST_PARTS, key, "still shows the upload after it was aborted"))
    }

    async fn upload_exists(&self, key: &str, id: &str) -> Result<bool, StoreError> {
        let send = || {
            let request = self.client.list_parts().bucket(self.bucket()).key(key).upload_id(id).max_parts(1);
            request.set_expected_bucket_owner(self.owner()).send()
        };
        match self.caller.call(LIST_PARTS.name, send).await.0 {
            Ok(_) => Ok(true),
            Err(error) => match self.error(LIST_PARTS, key, error) {
                StoreError::UploadGone { .. } | StoreError::NoSuchKey { .. } => Ok(false),
                error => Err(error),
            },
        }
    }
}
