//! Small documents, created and replaced by compare-and-swap.

use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use bytes::Bytes;
use lakeward_aws::{CallError, Fault, Tries};

use crate::encryption::Encrypted as _;
use crate::objects::whole_body;
use crate::operations::{GET, PUT};
use crate::{Crc64, ETag, Store, StoreError};

const JSON: &str = "application/json";

/// A document as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its bytes.
    pub bytes: Bytes,
    /// What names this very state of it.
    pub etag: ETag,
}

/// How a conditional write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// The document holds our bytes under this tag.
    Done(ETag),
    /// The condition did not hold: somebody else created, changed or removed the document.
    Lost,
}

impl Store {
    /// Reads a whole document; `None` when there is none.
    pub async fn get(&self, key: &str) -> Result<Option<Document>, StoreError> {
        let send = || async {
            let request = self.client.get_object().bucket(self.bucket()).key(key);
            whole_body(request.set_expected_bucket_owner(self.owner()).send().await?).await
        };
        match self.caller.call(GET.name, send).await.0 {
            Ok((bytes, answer)) => {
                let etag =
                    answer.e_tag.map(ETag::new).ok_or_else(|| self.malformed(GET, key, "has no ETag"))?;
                Ok(Some(Document { bytes, etag }))
            }
            Err(error) => match self.error(GET, key, error) {
                StoreError::NoSuchKey { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Creates a JSON document if there is none (`If-None-Match: *`).
    ///
    /// The bytes must be unlike those of any other writer: that is how a lost answer is settled.
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<Put, StoreError> {
        self.put_if(key, bytes, |put| put.if_none_match("*")).await
    }

    /// Replaces a JSON document if it is still as it was read (`If-Match`).
    ///
    /// The bytes must be unlike those of any other writer: that is how a lost answer is settled.
    pub async fn replace(&self, key: &str, bytes: Bytes, read: &ETag) -> Result<Put, StoreError> {
        self.put_if(key, bytes, |put| put.if_match(read.as_str())).await
    }

    /// Puts a JSON document, whatever was there.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let send = || self.put_request(key, &bytes).send();
        let (result, _) = self.caller.call(PUT.name, send).await;
        result.map(drop).map_err(|error| self.error(PUT, key, error))
    }

    fn put_request(&self, key: &str, bytes: &Bytes) -> PutObjectFluentBuilder {
        let put = self.client.put_object().bucket(self.bucket()).key(key).content_type(JSON);
        let put = put.checksum_crc64_nvme(Crc64::of(bytes).to_string()).body(bytes.clone().into());
        put.encrypted(self.encryption()).set_expected_bucket_owner(self.owner())
    }

    async fn put_if(
        &self,
        key: &str,
        bytes: Bytes,
        condition: impl Fn(PutObjectFluentBuilder) -> PutObjectFluentBuilder,
    ) -> Result<Put, StoreError> {
        // A 409 says that another conditional write was under way and ours was not applied. Sent
        // again, it meets either the same state or a changed one, and then a 412 that is true.
        let retry = |fault: Fault| fault.is_passing() || fault == Fault::Conflict;
        let send = || condition(self.put_request(key, &bytes)).send();
        let (result, tries) = self.caller.call_while(PUT.name, retry, send).await;
        match result {
            Ok(answer) => answer
                .e_tag
                .map(|tag| Put::Done(ETag::new(tag)))
                .ok_or_else(|| self.malformed(PUT, key, "has no ETag")),
            Err(error) => self.settle(key, &bytes, error, tries).await,
        }
    }

    /// Finds out how a conditional write ended that was not answered with success.
    async fn settle(
        &self,
        key: &str,
        bytes: &Bytes,
        error: CallError,
        tries: Tries,
    ) -> Result<Put, StoreError> {
        let refused = match error.fault {
            Fault::Precondition => true,
            // If-Match on a document that is gone.
            Fault::NotFound => matches!(error.code.as_deref(), None | Some("NoSuchKey" | "NotFound")),
            _ => false,
        };
        if !tries.ambiguous {
            return if refused { Ok(Put::Lost) } else { Err(self.error(PUT, key, error)) };
        }
        // Cleanup's caller: this must be known even if the step is being stopped.
        match self.for_cleanup().get(key).await {
            Ok(Some(found)) if found.bytes == bytes => Ok(Put::Done(found.etag)),
            Ok(_) if refused => Ok(Put::Lost),
            Ok(_) => Err(self.unsettled(PUT, key, error.to_string())),
            Err(unreadable) => {
                Err(self.unsettled(PUT, key, format!("{error}; and reading back: {unreadable}")))
            }
        }
    }
}

#[cfg(test)]
mod tests;
