//! `ListMultipartUploads` and `ListParts`.

use s3s::dto as d;
use s3s::{S3Response, S3Result, s3_error};

use super::checksums::show_checksum;
use super::listing::{Encoding, Query, owner};
use super::model::{Part, Upload, UploadName};
use super::multipart::upload;
use super::{Backend, shown_time};

/// Parts on one page.
const MAX_PARTS: i32 = 1000;

impl Backend {
    pub(super) fn list_uploads(
        &self,
        input: d::ListMultipartUploadsInput,
    ) -> S3Result<S3Response<d::ListMultipartUploadsOutput>> {
        let query = Query::new(input.prefix.as_deref(), input.delimiter.as_deref(), input.max_uploads)?;
        let encode = Encoding::new(input.encoding_type.as_ref())?;
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let entries = bucket.uploads.iter().map(|(name, upload)| (name.key.as_str(), (name, upload)));
        let (key_marker, id_marker) = (input.key_marker.as_deref(), input.upload_id_marker.as_deref());
        let page = query.page(entries, |key, common, (name, _)| {
            key_marker.is_some_and(|marker| match id_marker {
                Some(id) if key == marker => name.id.as_str() <= id,
                _ => key <= marker || common == Some(marker),
            })
        });
        let last =
            page.items.last().filter(|(name, _)| page.truncated && Some(&name.key) == page.last.as_ref());
        Ok(S3Response::new(d::ListMultipartUploadsOutput {
            next_upload_id_marker: last.map(|(name, _)| name.id.clone()),
            bucket: Some(input.bucket),
            prefix: input.prefix.as_deref().map(|prefix| encode.name(prefix)),
            delimiter: input.delimiter.as_deref().map(|delimiter| encode.name(delimiter)),
            key_marker: Some(encode.name(input.key_marker.as_deref().unwrap_or_default())),
            max_uploads: i32::try_from(query.max).ok(),
            is_truncated: Some(page.truncated),
            next_key_marker: page.last.filter(|_| page.truncated).map(|last| encode.name(&last)),
            uploads: Some(
                page.items.iter().map(|(name, upload)| shown_upload(&encode, name, upload)).collect(),
            ),
            common_prefixes: Some(encode.prefixes(&page.prefixes)),
            upload_id_marker: input.upload_id_marker,
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) fn list_parts(&self, input: d::ListPartsInput) -> S3Result<S3Response<d::ListPartsOutput>> {
        let max = input.max_parts.unwrap_or(MAX_PARTS).min(MAX_PARTS);
        let limit =
            usize::try_from(max).map_err(|_| s3_error!(InvalidArgument, "a page has no negative size"))?;
        let name = UploadName { key: input.key.clone(), id: input.upload_id.clone() };
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let upload = upload(bucket, &name)?;
        let after = input.part_number_marker.unwrap_or_default();
        let mut rest = upload.parts.range(after.saturating_add(1)..);
        let page: Vec<_> = rest.by_ref().take(limit).map(|(_, part)| part).collect();
        let truncated = limit > 0 && rest.next().is_some();
        Ok(S3Response::new(d::ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            max_parts: Some(max),
            part_number_marker: Some(after),
            is_truncated: Some(truncated),
            next_part_number_marker: page.last().filter(|_| truncated).map(|part| part.kept.number),
            parts: Some(page.into_iter().map(shown_part).collect()),
            checksum_algorithm: Some(d::ChecksumAlgorithm::from_static(upload.kept.algorithm.name())),
            checksum_type: Some(d::ChecksumType::from_static(upload.kept.extent.name())),
            owner: Some(owner()),
            ..Default::default()
        }))
    }
}

fn shown_upload(encode: &Encoding, name: &UploadName, upload: &Upload) -> d::MultipartUpload {
    d::MultipartUpload {
        key: Some(encode.name(&name.key)),
        upload_id: Some(name.id.clone()),
        initiated: Some(shown_time(upload.kept.initiated)),
        owner: Some(owner()),
        checksum_algorithm: Some(d::ChecksumAlgorithm::from_static(upload.kept.algorithm.name())),
        checksum_type: Some(d::ChecksumType::from_static(upload.kept.extent.name())),
        ..Default::default()
    }
}

fn shown_part(part: &Part) -> d::Part {
    let mut shown = d::Part {
        part_number: Some(part.kept.number),
        e_tag: Some(d::ETag::Strong(part.kept.etag.clone())),
        size: i64::try_from(part.kept.content.len()).ok(),
        last_modified: Some(shown_time(part.kept.modified)),
        ..Default::default()
    };
    show_checksum!(shown, part.kept.checksum);
    shown
}
