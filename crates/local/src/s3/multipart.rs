//! Multipart uploads: begun, fed with parts, completed or aborted.

use std::collections::BTreeMap;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ETag, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::checksums::{self, Algorithm, Checksum, Claims, Extent, claims, show_checksum};
use super::conditions::{self, WriteConditions};
use super::encryption::{Encryption, show_encryption};
use super::model::{Bucket, KeptPart, KeptUpload, Object, Part, Upload, UploadName};
use super::objects::headers_of;
use super::receive::{Incoming, receive};
use super::{Backend, internal, tags};
use crate::content::Content;
use crate::storage::Kind;

/// Every part but the last has at least 5 MiB.
const MIN_PART: u64 = 5 << 20;
const MAX_PART_NUMBER: i32 = 10_000;

impl Backend {
    pub(super) fn create_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let named =
            input.checksum_algorithm.as_ref().map(|name| Algorithm::named(name.as_str())).transpose()?;
        let algorithm = named.unwrap_or(Algorithm::Crc64Nvme);
        let extent = input.checksum_type.as_ref().map(|name| Extent::named(name.as_str())).transpose()?;
        let extent = extent.unwrap_or_else(|| algorithm.default_extent());
        if !algorithm.allows(extent) {
            let (algorithm, extent) = (algorithm.name(), extent.name());
            return Err(s3_error!(InvalidRequest, "{algorithm} cannot be used with type {extent}"));
        }
        let record = self.store.fresh_id();
        let kept = KeptUpload {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            initiated: self.now(),
            algorithm,
            extent,
            algorithm_was_named: named.is_some(),
            headers: headers_of!(input),
            tags: tags::from_header(input.tagging.as_deref())?,
        };
        let mut buckets = self.buckets();
        buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        buckets.check_key(kept.headers.encryption.as_ref(), "kms:GenerateDataKey")?;
        let bucket = buckets.bucket_mut(&input.bucket, None)?;
        self.store.save(Kind::Upload, record, &kept).map_err(internal)?;
        let name = UploadName { key: input.key.clone(), id: record.to_string() };
        let upload_id = Some(name.id.clone());
        let encryption = kept.headers.encryption.clone();
        bucket.uploads.insert(name, Upload { record, kept, parts: BTreeMap::new() });
        let mut output = CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id,
            checksum_algorithm: named.map(|algorithm| ChecksumAlgorithm::from_static(algorithm.name())),
            checksum_type: named.map(|_| ChecksumType::from_static(extent.name())),
            ..Default::default()
        };
        show_encryption!(output, &encryption);
        Ok(S3Response::new(output))
    }

    pub(super) async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = req.input;
        if !(1..=MAX_PART_NUMBER).contains(&input.part_number) {
            return Err(s3_error!(InvalidArgument, "part numbers go from 1 to {MAX_PART_NUMBER}"));
        }
        let owner = input.expected_bucket_owner.clone();
        let name = UploadName { key: input.key.clone(), id: input.upload_id.clone() };
        let (algorithm, encryption) = {
            let buckets = self.buckets();
            let kept = &upload(buckets.bucket(&input.bucket, owner.as_deref())?, &name)?.kept;
            buckets.check_key(kept.headers.encryption.as_ref(), "kms:GenerateDataKey")?;
            (kept.algorithm, kept.headers.encryption.clone())
        };
        let incoming = Incoming {
            body: input.body.take(),
            content_length: input.content_length,
            content_md5: input.content_md5.as_deref(),
            claims: claims!(input),
            headers: &req.headers,
            trailers: req.trailing_headers.as_ref(),
        };
        let received = receive(&self.store, incoming, Some(algorithm)).await?;
        let claimed: Vec<_> = received.claimed().collect();
        let part = NewPart {
            number: input.part_number,
            etag: Encryption::etag(encryption.as_ref(), received.digests.etag(), self.store.fresh_id()),
            checksum: received.checksum(Some(algorithm))?,
            content: received.content,
        };
        let (etag, checksum, content) = (part.etag.clone(), part.checksum.clone(), part.content.clone());
        let added = self.add_part(&input.bucket, &name, &claimed, part);
        if let Err(error) = added {
            self.store.remove_content(&content).map_err(internal)?;
            return Err(error);
        }
        let mut output = UploadPartOutput { e_tag: Some(ETag::Strong(etag)), ..Default::default() };
        show_checksum!(output, checksum);
        show_encryption!(output, &encryption);
        Ok(S3Response::new(output))
    }

    /// Adds a part to an upload that may have gone while the part was on its way.
    fn add_part(
        &self,
        bucket: &str,
        name: &UploadName,
        claimed: &[Algorithm],
        part: NewPart,
    ) -> S3Result<()> {
        let mut buckets = self.buckets();
        let bucket = buckets.bucket_mut(bucket, None)?;
        let upload = bucket.uploads.get_mut(name).ok_or_else(|| no_such_upload(name))?;
        let expected = upload.kept.algorithm;
        if upload.kept.algorithm_was_named && claimed.iter().any(|algorithm| *algorithm != expected) {
            let expected = expected.name();
            return Err(s3_error!(
                InvalidRequest,
                "checksum type mismatch: the upload was begun with {expected}"
            ));
        }
        let record = self.store.fresh_id();
        let kept = KeptPart {
            upload: upload.record,
            number: part.number,
            modified: self.now(),
            content: part.content,
            etag: part.etag,
            checksum: part.checksum,
        };
        self.store.save(Kind::Part, record, &kept).map_err(internal)?;
        match upload.parts.insert(kept.number, Part { record, kept }) {
            Some(replaced) => self.forget_part(&replaced, true),
            None => Ok(()),
        }
    }

    pub(super) fn complete_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let claims = claims!(input);
        let mut buckets = self.buckets();
        let ignore = buckets.switches.ignore_conditions;
        let bucket = buckets.bucket_mut(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let name = UploadName { key: input.key.clone(), id: input.upload_id.clone() };
        let upload = upload(bucket, &name)?;
        let parts = chosen_parts(upload, input.multipart_upload.and_then(|upload| upload.parts))?;
        let checksum = checked_whole(upload, &parts, &claims, input.checksum_type, input.mpu_object_size)?;
        let conditions = WriteConditions { if_match: input.if_match, if_none_match: input.if_none_match };
        if !ignore {
            conditions.check(bucket.current(&input.key).map(|(_, object)| object))?;
        }
        let object = Object {
            content: Content::joined(parts.iter().map(|part| part.kept.content.clone())),
            etag: checksums::etag_of_parts(parts.iter().map(|part| part.kept.etag.as_str())),
            checksum: checksum.clone(),
            headers: upload.kept.headers.clone(),
            tags: upload.kept.tags.clone(),
            legal_hold: false,
            replication: None,
        };
        let used: Vec<i32> = parts.iter().map(|part| part.kept.number).collect();
        let (etag, encryption) = (object.etag.clone(), object.headers.encryption.clone());
        let version_id = self.add_version(&mut buckets, &input.bucket, &input.key, Some(object))?;
        let bucket = buckets.bucket_mut(&input.bucket, None)?;
        self.forget_upload(bucket, &name, &used)?;
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(etag)),
            version_id,
            checksum_type: Some(ChecksumType::from_static(checksum.extent.name())),
            ..Default::default()
        };
        show_checksum!(output, checksum);
        show_encryption!(output, &encryption);
        Ok(S3Response::new(output))
    }

    pub(super) fn abort_upload(
        &self,
        input: AbortMultipartUploadInput,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let mut buckets = self.buckets();
        let bucket = buckets.bucket_mut(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let name = UploadName { key: input.key, id: input.upload_id };
        upload(bucket, &name)?;
        self.forget_upload(bucket, &name, &[])?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    /// Removes an upload. The bytes of the parts in `used` live on in the object made of them.
    fn forget_upload(&self, bucket: &mut Bucket, name: &UploadName, used: &[i32]) -> S3Result<()> {
        let Some(upload) = bucket.uploads.remove(name) else { return Ok(()) };
        self.store.remove(Kind::Upload, upload.record).map_err(internal)?;
        upload.parts.values().try_for_each(|part| self.forget_part(part, !used.contains(&part.kept.number)))
    }

    fn forget_part(&self, part: &Part, with_bytes: bool) -> S3Result<()> {
        self.store.remove(Kind::Part, part.record).map_err(internal)?;
        if with_bytes { self.store.remove_content(&part.kept.content).map_err(internal) } else { Ok(()) }
    }
}

struct NewPart {
    number: i32,
    etag: String,
    checksum: Checksum,
    content: Content,
}

/// Finds an upload of a key.
pub(super) fn upload<'a>(bucket: &'a Bucket, name: &UploadName) -> S3Result<&'a Upload> {
    bucket.uploads.get(name).ok_or_else(|| no_such_upload(name))
}

fn no_such_upload(name: &UploadName) -> S3Error {
    s3_error!(NoSuchUpload, "upload {} of {} does not exist, or was completed or aborted", name.id, name.key)
}

/// The parts that the client lists: present, in order, unchanged, large enough.
fn chosen_parts(upload: &Upload, listed: Option<Vec<CompletedPart>>) -> S3Result<Vec<&Part>> {
    let listed = listed.filter(|parts| !parts.is_empty());
    let listed = listed.ok_or_else(|| s3_error!(MalformedXML, "completing takes at least one part"))?;
    if !listed.is_sorted_by(|left, right| left.part_number < right.part_number) {
        return Err(s3_error!(InvalidPartOrder, "parts must be listed in ascending order"));
    }
    let chosen = listed.iter().map(|listed| chosen_part(upload, listed)).collect::<S3Result<Vec<&Part>>>()?;
    let all_but_last = &chosen[..chosen.len() - 1];
    match all_but_last.iter().find(|part| part.kept.content.len() < MIN_PART) {
        Some(small) => {
            let (number, len) = (small.kept.number, small.kept.content.len());
            Err(s3_error!(EntityTooSmall, "part {number} has {len} bytes, fewer than {MIN_PART}"))
        }
        None => Ok(chosen),
    }
}

fn chosen_part<'a>(upload: &'a Upload, listed: &CompletedPart) -> S3Result<&'a Part> {
    let number = listed.part_number.unwrap_or_default();
    let part = upload.parts.get(&number);
    let part = part.ok_or_else(|| s3_error!(InvalidPart, "part {number} was not uploaded"))?;
    if !listed.e_tag.as_ref().is_some_and(|etag| conditions::is(etag, &part.kept.etag)) {
        return Err(s3_error!(InvalidPart, "the ETag of part {number} does not match"));
    }
    let claims = claims!(listed);
    let algorithm = upload.kept.algorithm;
    match claims.get(algorithm) {
        Some(claimed) if claimed != part.kept.checksum.value => {
            Err(s3_error!(InvalidPart, "the {} of part {number} does not match", algorithm.name()))
        }
        None if upload.kept.algorithm_was_named && upload.kept.extent == Extent::Composite => {
            Err(s3_error!(InvalidRequest, "part {number} is listed without its {}", algorithm.name()))
        }
        _ => Ok(part),
    }
}

/// The checksum of the whole object, once everything that the client says of it holds.
fn checked_whole(
    upload: &Upload,
    parts: &[&Part],
    claims: &Claims,
    extent: Option<ChecksumType>,
    size: Option<i64>,
) -> S3Result<Checksum> {
    let kept = &upload.kept;
    if let Some(extent) = extent.filter(|extent| extent.as_str() != kept.extent.name()) {
        let (given, begun) = (extent.as_str(), kept.extent.name());
        return Err(s3_error!(InvalidRequest, "the upload was begun with type {begun}, not {given}"));
    }
    let whole: u64 = parts.iter().map(|part| part.kept.content.len()).sum();
    if let Some(size) = size.filter(|size| u64::try_from(*size).ok() != Some(whole)) {
        return Err(s3_error!(InvalidRequest, "the parts have {whole} bytes, not {size}"));
    }
    let of_parts = parts.iter().map(|part| (&part.kept.checksum, part.kept.content.len()));
    let checksum = checksums::of_parts(kept.algorithm, kept.extent, of_parts)?;
    for algorithm in claims.algorithms() {
        if algorithm != kept.algorithm {
            return Err(s3_error!(InvalidRequest, "the upload was begun with {}", kept.algorithm.name()));
        }
        if claims.get(algorithm) != Some(checksum.value.as_str()) {
            let name = algorithm.name();
            return Err(s3_error!(BadDigest, "the {name} given does not match the calculated checksum"));
        }
    }
    Ok(checksum)
}
