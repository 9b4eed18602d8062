//! One upload, from the first full part to the finished object.

use lakeward_aws::Fault;
use std::fs::File;
use std::io;
use std::sync::Arc;

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use super::plan::MOST_PARTS;
use super::{Contents, Stretch, Uploaded, Uploads, read};
use crate::encryption::Encrypted as _;
use crate::operations::{COMPLETE_UPLOAD, CREATE_UPLOAD, PUT, UPLOAD_PART};
use crate::{Crc64, ETag, Store, StoreError};

/// An upload in progress of a file that may still grow.
///
/// Every error of its methods has already aborted the multipart upload. Dropping an upload without
/// finishing or aborting it stops its parts but leaves the multipart upload for gc.
#[derive(Debug)]
pub struct Upload {
    uploads: Uploads,
    key: String,
    file: Arc<File>,
    contents: Contents,
    /// How much of the file is sent or being sent.
    offset: u64,
    /// The multipart upload, once a part was full.
    id: Option<Arc<str>>,
    /// Whether S3 may have begun multipart uploads of this key that we have no id of.
    strays: bool,
    started: u64,
    sending: JoinSet<Result<SentPart, StoreError>>,
    sent: Vec<SentPart>,
}

#[derive(Debug)]
struct SentPart {
    number: u64,
    length: u64,
    crc64: Crc64,
    etag: String,
}

impl Upload {
    pub(super) fn new(uploads: Uploads, key: String, file: File, contents: Contents) -> Self {
        Self {
            uploads,
            key,
            file: Arc::new(file),
            contents,
            offset: 0,
            id: None,
            strays: false,
            started: 0,
            sending: JoinSet::new(),
            sent: Vec::new(),
        }
    }

    /// The key of the object to be.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How many bytes of the file are sent or being sent.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Tells that the file's first `length` bytes are final, and starts to send those that fill parts.
    /// Waits while other uploads use the memory.
    pub async fn grown(&mut self, length: u64) -> Result<(), StoreError> {
        let started = self.send_full_parts(length).await;
        if started.is_err() {
            self.undo().await;
        }
        started
    }

    /// Tells that the file is complete with `length` bytes, sends the rest, and waits for the object.
    pub async fn finish(mut self, length: u64) -> Result<Uploaded, StoreError> {
        let finished = self.send_rest(length).await;
        if finished.is_err() {
            self.undo().await;
        }
        finished
    }

    /// Gives up: stops the parts in flight and aborts the multipart upload.
    pub async fn abort(mut self) {
        self.undo().await;
    }

    async fn send_full_parts(&mut self, length: u64) -> Result<(), StoreError> {
        loop {
            let size = self.uploads.limits.part_size(self.started + 1);
            if length.saturating_sub(self.offset) < size {
                return Ok(());
            }
            self.send_part(size).await?;
        }
    }

    async fn send_rest(&mut self, length: u64) -> Result<Uploaded, StoreError> {
        self.send_full_parts(length).await?;
        let rest = length.saturating_sub(self.offset);
        let Some(id) = self.id.clone() else {
            return self.put_whole(rest).await;
        };
        if rest > 0 {
            self.send_part(rest).await?;
        }
        while let Some(part) = self.sending.join_next().await {
            self.keep(part)?;
        }
        self.complete(&id).await
    }

    async fn send_part(&mut self, length: u64) -> Result<(), StoreError> {
        // A part that failed fails the file at once, not after the rest was sent for nothing.
        while let Some(part) = self.sending.try_join_next() {
            self.keep(part)?;
        }
        if self.started == MOST_PARTS {
            let bucket = self.uploads.store.bucket().to_owned();
            return Err(StoreError::TooLarge { bucket, key: self.key.clone() });
        }
        let id = match &self.id {
            Some(id) => Arc::clone(id),
            None => self.create().await?,
        };
        let memory = self.uploads.reserve(length).await;
        self.started += 1;
        let (number, offset) = (self.started, self.offset);
        let (store, key, file) = (self.uploads.store.clone(), self.key.clone(), Arc::clone(&self.file));
        let sent = async move {
            let stretch = read(&store, &key, &file, offset, length).await?;
            let part = upload_part(&store, &key, &id, number, stretch).await;
            drop(memory);
            part
        };
        self.sending.spawn(sent.in_current_span());
        self.offset += length;
        Ok(())
    }

    fn keep(&mut self, part: Result<Result<SentPart, StoreError>, JoinError>) -> Result<(), StoreError> {
        let store = &self.uploads.store;
        let part = part.map_err(|crashed| store.file(&self.key, io::Error::other(crashed)))??;
        self.sent.push(part);
        Ok(())
    }

    async fn create(&mut self) -> Result<Arc<str>, StoreError> {
        let store = &self.uploads.store;
        let send = || {
            let request = store.client.create_multipart_upload().bucket(store.bucket()).key(&self.key);
            let request = request.content_type(&self.contents.content_type);
            let request = request.set_metadata(Some(self.contents.metadata.clone().into_iter().collect()));
            let request = request.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
            let request = request.encrypted(store.encryption());
            request.checksum_type(ChecksumType::FullObject).set_expected_bucket_owner(store.owner()).send()
        };
        let (answer, tries) = store.caller.call(CREATE_UPLOAD.name, send).await;
        self.strays = tries.ambiguous;
        let answer = answer.map_err(|error| store.error(CREATE_UPLOAD, &self.key, error))?;
        let id =
            answer.upload_id.ok_or_else(|| store.malformed(CREATE_UPLOAD, &self.key, "has no upload id"))?;
        Ok(Arc::clone(self.id.insert(id.into())))
    }

    /// Completes the upload: never over an object that is there, and only if S3 has the same bytes.
    async fn complete(&mut self, id: &str) -> Result<Uploaded, StoreError> {
        self.sent.sort_by_key(|part| part.number);
        let crc64 =
            self.sent.iter().fold(Crc64::default(), |sum, part| sum.followed_by(part.crc64, part.length));
        let parts = self.sent.iter().map(|part| {
            let done = CompletedPart::builder().e_tag(&part.etag).checksum_crc64_nvme(part.crc64.to_string());
            done.part_number(i32::try_from(part.number).unwrap_or(i32::MAX)).build()
        });
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let store = &self.uploads.store;
        let send = || {
            let request = store.uploader.complete_multipart_upload().bucket(store.bucket()).key(&self.key);
            let request = request.upload_id(id).multipart_upload(parts.clone()).if_none_match("*");
            let request =
                request.checksum_crc64_nvme(crc64.to_string()).checksum_type(ChecksumType::FullObject);
            let request = request.mpu_object_size(i64::try_from(self.offset).unwrap_or(i64::MAX));
            request.set_expected_bucket_owner(store.owner()).send()
        };
        let (answer, tries) = store.caller.call(COMPLETE_UPLOAD.name, send).await;
        let uploaded = match answer {
            Ok(answer) => self.uploaded(crc64, answer.e_tag),
            Err(error) => {
                store
                    .settle_upload(COMPLETE_UPLOAD, (&self.key, Some(id)), (self.offset, crc64), error, tries)
                    .await
            }
        }?;
        if self.strays {
            abort_strays(&self.uploads.store.for_cleanup(), &self.key).await;
        }
        Ok(uploaded)
    }

    /// Uploads a file that is smaller than a part.
    async fn put_whole(&mut self, length: u64) -> Result<Uploaded, StoreError> {
        let store = &self.uploads.store;
        let memory = self.uploads.reserve(length).await;
        let stretch = read(store, &self.key, &self.file, 0, length).await?;
        self.offset = length;
        let send = || {
            let put = store.uploader.put_object().bucket(store.bucket()).key(&self.key).if_none_match("*");
            let put = put.content_type(&self.contents.content_type);
            let put = put.set_metadata(Some(self.contents.metadata.clone().into_iter().collect()));
            let put = put.checksum_crc64_nvme(stretch.crc64.to_string()).body(stretch.bytes.clone().into());
            put.encrypted(store.encryption()).set_expected_bucket_owner(store.owner()).send()
        };
        // A 409 says that another conditional write was under way and this one was not applied.
        let retry = |fault: Fault| fault.is_passing() || fault == Fault::Conflict;
        let (answer, tries) = store.caller.call_while(PUT.name, retry, send).await;
        drop(memory);
        match answer {
            Ok(answer) => self.uploaded(stretch.crc64, answer.e_tag),
            Err(error) => {
                store.settle_upload(PUT, (&self.key, None), (length, stretch.crc64), error, tries).await
            }
        }
    }

    fn uploaded(&self, crc64: Crc64, etag: Option<String>) -> Result<Uploaded, StoreError> {
        let store = &self.uploads.store;
        let etag = etag.ok_or_else(|| store.malformed(COMPLETE_UPLOAD, &self.key, "has no ETag"))?;
        Ok(Uploaded { key: self.key.clone(), size: self.offset, crc64, etag: ETag::new(etag) })
    }

    /// Stops the parts in flight and aborts what S3 holds of this upload. What cannot be aborted now is
    /// left for gc, which finds unfinished uploads by listing.
    async fn undo(&mut self) {
        self.sending.shutdown().await;
        let store = self.uploads.store.for_cleanup();
        if let Some(id) = self.id.take()
            && let Err(error) = store.abort_until_gone(&self.key, &id).await
        {
            tracing::warn!(key = self.key, upload = %id, %error, "could not abort a multipart upload; gc will");
        }
        if self.strays {
            abort_strays(&store, &self.key).await;
        }
    }
}

async fn upload_part(
    store: &Store,
    key: &str,
    id: &str,
    number: u64,
    stretch: Stretch,
) -> Result<SentPart, StoreError> {
    let Stretch { bytes, crc64 } = stretch;
    let send = || {
        let request = store.uploader.upload_part().bucket(store.bucket()).key(key).upload_id(id);
        let request = request.part_number(i32::try_from(number).unwrap_or(i32::MAX));
        let request = request.checksum_crc64_nvme(crc64.to_string()).body(bytes.clone().into());
        request.set_expected_bucket_owner(store.owner()).send()
    };
    let (answer, _) = store.caller.call(UPLOAD_PART.name, send).await;
    let answer = answer.map_err(|error| store.error(UPLOAD_PART, key, error))?;
    let etag = answer.e_tag.ok_or_else(|| store.malformed(UPLOAD_PART, key, "has no ETag"))?;
    Ok(SentPart { number, length: bytes.len() as u64, crc64, etag })
}

/// Aborts uploads of this very key that were begun by a request whose answer was lost.
async fn abort_strays(store: &Store, key: &str) {
    let aborted = async {
        for stray in store.uploads_of(key).await?.into_iter().filter(|upload| upload.key == key) {
            store.abort_until_gone(key, &stray.upload_id).await?;
        }
        Ok::<(), StoreError>(())
    };
    if let Err(error) = aborted.await {
        tracing::warn!(key, %error, "could not abort a stray multipart upload; gc will");
    }
}
