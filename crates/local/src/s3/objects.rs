//! `PutObject`, `GetObject`, `HeadObject`, `GetObjectAttributes`.

use std::ops::Range;

use s3s::dto::{
    ChecksumType, ETag, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectInput, GetObjectOutput,
    HeadObjectInput, HeadObjectOutput, ObjectAttributes, ObjectLockLegalHoldStatus, PutObjectInput,
    PutObjectOutput, ReplicationStatus, StorageClass, StreamingBlob,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::checksums::{Algorithm, claims, show_checksum};
use super::conditions::{ReadConditions, WriteConditions};
use super::encryption::{Encryption, show_encryption};
use super::model::{Bucket, Object, ObjectHeaders, ReplicationState, Version};
use super::receive::{Incoming, receive};
use super::{Backend, shown_time, tags};

impl Backend {
    pub(super) async fn put(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = req.input;
        self.check_bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let headers = headers_of!(input);
        self.buckets().check_key(headers.encryption.as_ref(), "kms:GenerateDataKey")?;
        let wanted =
            input.checksum_algorithm.as_ref().map(|name| Algorithm::named(name.as_str())).transpose()?;
        let incoming = Incoming {
            body: input.body.take(),
            content_length: input.content_length,
            content_md5: input.content_md5.as_deref(),
            claims: claims!(input),
            headers: &req.headers,
            trailers: req.trailing_headers.as_ref(),
        };
        let received = receive(&self.store, incoming, wanted).await?;
        let checksum = received.checksum(wanted)?;
        let encryption = headers.encryption.clone();
        let object = Object {
            etag: Encryption::etag(encryption.as_ref(), received.digests.etag(), self.store.fresh_id()),
            checksum: checksum.clone(),
            headers,
            tags: tags::from_header(input.tagging.as_deref())?,
            legal_hold: input.object_lock_legal_hold_status.is_some_and(|status| is_on(&status)),
            replication: None,
            content: received.content,
        };
        let conditions = WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
        let etag = object.etag.clone();
        let version_id = self.commit(&input.bucket, &input.key, object, &conditions)?;
        let mut output =
            PutObjectOutput { e_tag: Some(ETag::Strong(etag)), version_id, ..Default::default() };
        show_checksum!(output, checksum);
        output.checksum_type = Some(ChecksumType::from_static(checksum.extent.name()));
        show_encryption!(output, &encryption);
        Ok(S3Response::new(output))
    }

    /// Checks the conditions and makes `object` the newest version of `key`, in one step.
    ///
    /// Returns the version id, if the bucket has any.
    pub(super) fn commit(
        &self,
        bucket: &str,
        key: &str,
        object: Object,
        conditions: &WriteConditions,
    ) -> S3Result<Option<String>> {
        let content = object.content.clone();
        let committed = self.try_commit(bucket, key, object, conditions);
        if committed.is_err() {
            self.store.remove_content(&content).map_err(S3Error::internal_error)?;
        }
        committed
    }

    fn try_commit(
        &self,
        bucket: &str,
        key: &str,
        object: Object,
        conditions: &WriteConditions,
    ) -> S3Result<Option<String>> {
        let mut buckets = self.buckets();
        let ignore = buckets.switches.ignore_conditions;
        let found = buckets.bucket(bucket, None)?;
        if !ignore {
            conditions.check(found.current(key).map(|(_, object)| object))?;
        }
        self.add_version(&mut buckets, bucket, key, Some(object))
    }

    pub(super) fn get(&self, input: GetObjectInput) -> S3Result<S3Response<GetObjectOutput>> {
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let (version, object) = find(bucket, &input.key, input.version_id.as_deref())?;
        buckets.check_key(object.headers.encryption.as_ref(), "kms:Decrypt")?;
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        conditions.check(version, object)?;
        let (range, content_range) = range_of(input.range, object.content.len())?;
        let mut output = shown!(GetObjectOutput, version, object, input.checksum_mode.is_some());
        // S3 leaves the checksum of a whole object out of an answer with a part of it.
        if content_range.is_some() {
            clear_checksum(&mut output);
        }
        output.content_length = i64::try_from(range.end - range.start).ok();
        output.content_range = content_range;
        output.tag_count = i32::try_from(object.tags.len()).ok().filter(|count| *count > 0);
        let reader = object.content.open(&self.store, range).map_err(S3Error::internal_error)?;
        output.body = Some(StreamingBlob::wrap(futures::stream::iter(reader)));
        Ok(S3Response::new(output))
    }

    pub(super) fn head(&self, input: HeadObjectInput) -> S3Result<S3Response<HeadObjectOutput>> {
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let (version, object) = find(bucket, &input.key, input.version_id.as_deref())?;
        buckets.check_key(object.headers.encryption.as_ref(), "kms:Decrypt")?;
        let conditions = ReadConditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        conditions.check(version, object)?;
        let (range, content_range) = range_of(input.range, object.content.len())?;
        let mut output = shown!(HeadObjectOutput, version, object, input.checksum_mode.is_some());
        output.content_length = i64::try_from(range.end - range.start).ok();
        output.content_range = content_range;
        Ok(S3Response::new(output))
    }

    pub(super) fn attributes(
        &self,
        input: GetObjectAttributesInput,
    ) -> S3Result<S3Response<GetObjectAttributesOutput>> {
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let (version, object) = find(bucket, &input.key, input.version_id.as_deref())?;
        let wants = |name: &str| input.object_attributes.iter().any(|wanted| wanted.as_str() == name);
        let mut checksum = s3s::dto::Checksum {
            checksum_type: Some(ChecksumType::from_static(object.checksum.extent.name())),
            ..Default::default()
        };
        show_checksum!(checksum, object.checksum);
        Ok(S3Response::new(GetObjectAttributesOutput {
            checksum: wants(ObjectAttributes::CHECKSUM).then_some(checksum),
            e_tag: wants(ObjectAttributes::ETAG).then(|| ETag::Strong(object.etag.clone())),
            object_size: wants(ObjectAttributes::OBJECT_SIZE)
                .then(|| i64::try_from(object.content.len()).ok())
                .flatten(),
            last_modified: Some(shown_time(version.kept.modified)),
            version_id: version.kept.version_id.clone(),
            ..Default::default()
        }))
    }
}

/// Collects what the writer of an object says about it.
macro_rules! headers_of {
    ($input:expr) => {
        $crate::s3::model::ObjectHeaders {
            content_type: $input.content_type.clone(),
            content_encoding: $crate::s3::objects::stored_encoding($input.content_encoding.as_deref()),
            content_disposition: $input.content_disposition.clone(),
            content_language: $input.content_language.clone(),
            cache_control: $input.cache_control.clone(),
            metadata: $input.metadata.clone().unwrap_or_default(),
            encryption: $crate::s3::encryption::Encryption::asked(
                $input.server_side_encryption.as_ref(),
                $input.ssekms_key_id.as_deref(),
                $input.bucket_key_enabled,
            )?,
        }
    };
}

/// Fills what `GetObject` and `HeadObject` both tell about an object.
macro_rules! shown {
    ($output:ident, $version:expr, $object:expr, $with_checksum:expr) => {{
        let ObjectHeaders {
            content_type,
            content_encoding,
            content_disposition,
            content_language,
            cache_control,
            metadata,
            encryption,
        } = $object.headers.clone();
        let mut output = $output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
            content_type: content_type.or_else(|| Some(DEFAULT_CONTENT_TYPE.to_owned())),
            e_tag: Some(ETag::Strong($object.etag.clone())),
            last_modified: Some(shown_time($version.kept.modified)),
            metadata: Some(metadata),
            object_lock_legal_hold_status: $object
                .legal_hold
                .then(|| ObjectLockLegalHoldStatus::from_static(ObjectLockLegalHoldStatus::ON)),
            replication_status: $object.replication.map(shown_replication),
            storage_class: None::<StorageClass>,
            version_id: $version.kept.version_id.clone(),
            ..Default::default()
        };
        show_encryption!(output, &encryption);
        if $with_checksum {
            show_checksum!(output, $object.checksum);
            output.checksum_type = Some(ChecksumType::from_static($object.checksum.extent.name()));
        }
        output
    }};
}

pub(super) use headers_of;
use shown;

/// What S3 says of an object whose writer named no type.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// `aws-chunked` describes the transfer and is not kept with the object.
pub(super) fn stored_encoding(given: Option<&str>) -> Option<String> {
    let kept: Vec<_> =
        given?.split(',').map(str::trim).filter(|e| !e.is_empty() && *e != "aws-chunked").collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

fn clear_checksum(output: &mut GetObjectOutput) {
    output.checksum_crc32 = None;
    output.checksum_crc32c = None;
    output.checksum_crc64nvme = None;
    output.checksum_sha1 = None;
    output.checksum_sha256 = None;
    output.checksum_type = None;
}

fn shown_replication(state: ReplicationState) -> ReplicationStatus {
    ReplicationStatus::from_static(match state {
        ReplicationState::Pending => ReplicationStatus::PENDING,
        ReplicationState::Completed => ReplicationStatus::COMPLETED,
        ReplicationState::Failed => ReplicationStatus::FAILED,
        ReplicationState::Replica => ReplicationStatus::REPLICA,
    })
}

pub(super) fn is_on(status: &ObjectLockLegalHoldStatus) -> bool {
    status.as_str() == ObjectLockLegalHoldStatus::ON
}

fn range_of(range: Option<s3s::dto::Range>, len: u64) -> S3Result<(Range<u64>, Option<String>)> {
    match range {
        None => Ok((0..len, None)),
        Some(range) => {
            let range = range.check(len)?;
            let shown = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            Ok((range, Some(shown)))
        }
    }
}

/// Finds a version by its id, or the newest: 404 when there is none, 405 for a marker asked by id.
pub(super) fn find<'a>(
    bucket: &'a Bucket,
    key: &str,
    version_id: Option<&str>,
) -> S3Result<(&'a Version, &'a Object)> {
    let Some(version_id) = version_id else {
        return bucket
            .current(key)
            .ok_or_else(|| marked(S3ErrorCode::NoSuchKey, bucket.keys.contains_key(key)));
    };
    let version = bucket
        .keys
        .get(key)
        .and_then(|versions| versions.iter().find(|version| version.shown_id() == version_id))
        .ok_or_else(|| s3_error!(NoSuchVersion, "key {key} has no version {version_id}"))?;
    let object = version.object().ok_or_else(|| marked(S3ErrorCode::MethodNotAllowed, true))?;
    Ok((version, object))
}

fn marked(code: S3ErrorCode, by_delete_marker: bool) -> S3Error {
    let mut error = S3Error::with_message(code, "the key has no object");
    if by_delete_marker {
        let marker = (
            hyper::header::HeaderName::from_static("x-amz-delete-marker"),
            hyper::header::HeaderValue::from_static("true"),
        );
        error.set_headers([marker].into_iter().collect());
    }
    error
}
