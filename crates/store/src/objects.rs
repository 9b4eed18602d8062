//! Objects one by one: what they are, and their bytes in part or in whole.

use std::ops::Range;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{ChecksumMode, ReplicationStatus};
use bytes::Bytes;
use jiff::Timestamp;
use lakeward_aws::CallError;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::operations::{GET, HEAD, TAG};
use crate::types::Crc64;
use crate::{ETag, Store, StoreError};

/// How much of an object one request fetches when all of it is wanted.
const DOWNLOAD_STEP: u64 = 16 << 20;

/// What is known of an object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Size in bytes.
    pub size: u64,
    /// What names this very state of it.
    pub etag: ETag,
    /// The checksum of the whole object, where the store keeps one.
    pub crc64: Option<Crc64>,
    /// When it was written.
    pub last_modified: Option<Timestamp>,
    /// Where it stands in replication; `None` when no rule replicates it.
    pub replication: Option<Replication>,
}

/// Where an object stands in replication (`x-amz-replication-status`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replication {
    /// On the source: not there yet.
    Pending,
    /// On the source: the replica is there.
    Completed,
    /// On the source: it will not get there.
    Failed,
    /// This object is itself a replica.
    Replica,
    /// A status that S3 did not have when this was written.
    Unknown(String),
}

/// The end of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The last bytes: as many as were asked for, or all that there are.
    pub bytes: Bytes,
    /// The size of the whole object.
    pub size: u64,
}

impl Store {
    /// What is known of an object; `None` when there is none.
    pub async fn head(&self, key: &str) -> Result<Option<ObjectInfo>, StoreError> {
        let send = || {
            let request = self.client.head_object().bucket(self.bucket()).key(key);
            request.checksum_mode(ChecksumMode::Enabled).set_expected_bucket_owner(self.owner()).send()
        };
        match self.caller.call(HEAD.name, send).await.0 {
            Ok(answer) => self.info(key, answer).map(Some),
            Err(error) => match self.error(HEAD, key, error) {
                StoreError::NoSuchKey { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    fn info(&self, key: &str, answer: HeadObjectOutput) -> Result<ObjectInfo, StoreError> {
        let malformed = |how: &str| self.malformed(HEAD, key, how);
        Ok(ObjectInfo {
            size: size(answer.content_length).ok_or_else(|| malformed("has no size"))?,
            etag: answer.e_tag.map(ETag::new).ok_or_else(|| malformed("has no ETag"))?,
            crc64: answer.checksum_crc64_nvme.and_then(|text| self.readable(key, &text)),
            last_modified: answer.last_modified.as_ref().and_then(timestamp),
            replication: answer.replication_status.map(|status| match status {
                ReplicationStatus::Pending => Replication::Pending,
                ReplicationStatus::Complete | ReplicationStatus::Completed => Replication::Completed,
                ReplicationStatus::Failed => Replication::Failed,
                ReplicationStatus::Replica => Replication::Replica,
                other => Replication::Unknown(other.as_str().to_owned()),
            }),
        })
    }

    /// A checksum as the store tells it; none when it is no CRC64NVME, as some stores answer for files of several parts.
    /// Whoever needs it computes it then.
    fn readable(&self, key: &str, text: &str) -> Option<Crc64> {
        let read = text.parse();
        if let Err(error) = &read {
            tracing::warn!(%error, checksum = text, bucket = self.bucket(), key, "the store tells no CRC64NVME");
        }
        read.ok()
    }

    /// The bytes `range` of an object, which must have them all.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            return Ok(Bytes::new());
        };
        let (bytes, _) = self.ranged(key, &format!("bytes={}-{last}", range.start), None).await?;
        if bytes.len() as u64 == range.end - range.start {
            return Ok(bytes);
        }
        let how = format!("holds {} bytes where {} to {last} were asked for", bytes.len(), range.start);
        Err(self.malformed(GET, key, how))
    }

    /// The last `length` bytes of an object, or all of it when it is smaller.
    pub async fn tail(&self, key: &str, length: u64) -> Result<Tail, StoreError> {
        match self.ranged(key, &format!("bytes=-{length}"), None).await {
            Ok((bytes, answer)) => {
                let size = answer.content_range.as_deref().and_then(total).unwrap_or(bytes.len() as u64);
                if bytes.len() as u64 == length.min(size) {
                    return Ok(Tail { bytes, size });
                }
                let how =
                    format!("holds {} bytes where the last {length} of {size} were asked for", bytes.len());
                Err(self.malformed(GET, key, how))
            }
            // No range of an empty object can be satisfied.
            Err(StoreError::Call { source, .. }) if source.status == Some(416) => {
                Ok(Tail { bytes: Bytes::new(), size: 0 })
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the whole object into `target`, part by part, and says how many bytes it has. An object
    /// that is replaced meanwhile is an error, never a mixture.
    pub async fn download(
        &self,
        key: &str,
        target: &mut (impl AsyncWrite + Unpin),
    ) -> Result<u64, StoreError> {
        let info = self.head(key).await?.ok_or_else(|| self.no_such_key(key))?;
        let failed = |error| self.file(key, error);
        let mut done = 0;
        while done < info.size {
            let last = (done + DOWNLOAD_STEP).min(info.size) - 1;
            let (bytes, _) = self.ranged(key, &format!("bytes={done}-{last}"), Some(&info.etag)).await?;
            if bytes.is_empty() {
                return Err(self.malformed(GET, key, "is empty"));
            }
            target.write_all(&bytes).await.map_err(failed)?;
            done += bytes.len() as u64;
        }
        target.flush().await.map_err(failed)?;
        Ok(done)
    }

    /// Replaces the tags of an object, or of one version of it.
    pub async fn tag(
        &self,
        key: &str,
        version: Option<&str>,
        tags: &[(&str, &str)],
    ) -> Result<(), StoreError> {
        let malformed = |error: aws_sdk_s3::error::BuildError| self.malformed(TAG, key, error.to_string());
        let tags = tags.iter().map(|(name, value)| {
            aws_sdk_s3::types::Tag::builder().key(*name).value(*value).build().map_err(malformed)
        });
        let tags = tags.collect::<Result<Vec<_>, _>>()?;
        let tagging =
            aws_sdk_s3::types::Tagging::builder().set_tag_set(Some(tags)).build().map_err(malformed)?;
        let send = || {
            let request = self.client.put_object_tagging().bucket(self.bucket()).key(key);
            let request = request.tagging(tagging.clone()).set_version_id(version.map(str::to_owned));
            request.set_expected_bucket_owner(self.owner()).send()
        };
        let (result, _) = self.caller.call(TAG.name, send).await;
        result.map(drop).map_err(|error| self.error(TAG, key, error))
    }

    async fn ranged(
        &self,
        key: &str,
        range: &str,
        only: Option<&ETag>,
    ) -> Result<(Bytes, GetObjectOutput), StoreError> {
        let send = || async {
            let request = self.client.get_object().bucket(self.bucket()).key(key).range(range);
            let request = request.set_if_match(only.map(|etag| etag.as_str().to_owned()));
            whole_body(request.set_expected_bucket_owner(self.owner()).send().await?).await
        };
        let (result, _) = self.caller.call(GET.name, send).await;
        result.map_err(|error: CallError| self.error(GET, key, error))
    }
}

/// Reads the body of an answer. A body that breaks off counts as a lost answer, so that the call is
/// tried again.
pub(crate) async fn whole_body<E>(
    mut answer: GetObjectOutput,
) -> Result<(Bytes, GetObjectOutput), SdkError<E, HttpResponse>> {
    let body = std::mem::replace(&mut answer.body, ByteStream::new(SdkBody::empty()));
    let bytes = body.collect().await.map_err(SdkError::timeout_error)?;
    Ok((bytes.into_bytes(), answer))
}

/// The total in `bytes 5-9/10`.
fn total(content_range: &str) -> Option<u64> {
    content_range.rsplit('/').next()?.parse().ok()
}

pub(crate) fn size(length: Option<i64>) -> Option<u64> {
    length.and_then(|length| u64::try_from(length).ok())
}

pub(crate) fn timestamp(time: &aws_sdk_s3::primitives::DateTime) -> Option<Timestamp> {
    Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos()).ok()?).ok()
}

#[cfg(test)]
mod tests;
