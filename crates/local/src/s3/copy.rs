//! `CopyObject`.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use s3s::dto::{
    ChecksumType, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETag, ETagCondition,
    MetadataDirective, TaggingDirective,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::checksums::{Algorithm, Digester, show_checksum};
use super::conditions::{WriteConditions, holds};
use super::model::Object;
use super::objects::{find, headers_of};
use super::{Backend, internal, shown_time, tags};

/// The largest object that one `CopyObject` copies: 5 GiB.
const MAX_COPY: u64 = 5 << 30;

impl Backend {
    pub(super) fn copy(&self, req: &S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = &req.input;
        let conditions = conditions(&req.headers)?;
        self.check_bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let (source, source_version) = self.copy_source(input)?;
        let wanted =
            input.checksum_algorithm.as_ref().map(|name| Algorithm::named(name.as_str())).transpose()?;
        let algorithm = wanted.unwrap_or(source.checksum.algorithm);
        let mut digester = Digester::new([algorithm]);
        for chunk in source.content.open(&self.store, 0..source.content.len()).map_err(internal)? {
            digester.update(&chunk.map_err(internal)?);
        }
        let digests = digester.finish();
        let checksum = digests.checksum(algorithm)?;
        let copy = Object {
            etag: digests.etag(),
            checksum: checksum.clone(),
            headers: if replaces(input.metadata_directive.as_ref().map(MetadataDirective::as_str)) {
                headers_of!(input)
            } else {
                source.headers
            },
            tags: if replaces(input.tagging_directive.as_ref().map(TaggingDirective::as_str)) {
                tags::from_header(input.tagging.as_deref())?
            } else {
                source.tags
            },
            legal_hold: false,
            replication: None,
            content: source.content.duplicate(&self.store).map_err(internal)?,
        };
        let etag = copy.etag.clone();
        let version_id = self.commit(&input.bucket, &input.key, copy, &conditions)?;
        let mut result = CopyObjectResult {
            e_tag: Some(ETag::Strong(etag)),
            last_modified: Some(shown_time(self.now())),
            checksum_type: Some(ChecksumType::from_static(checksum.extent.name())),
            ..Default::default()
        };
        show_checksum!(result, checksum);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            copy_source_version_id: source_version,
            version_id,
            ..Default::default()
        }))
    }

    fn copy_source(&self, input: &CopyObjectInput) -> S3Result<(Object, Option<String>)> {
        let CopySource::Bucket { bucket, key, version_id } = &input.copy_source else {
            return Err(s3_error!(NotImplemented, "access points are not served"));
        };
        let buckets = self.buckets();
        let bucket = buckets.bucket(bucket, input.expected_source_bucket_owner.as_deref())?;
        let (version, object) = find(bucket, key, version_id.as_deref())?;
        if object.content.len() > MAX_COPY {
            return Err(s3_error!(InvalidRequest, "the source is larger than {MAX_COPY} bytes"));
        }
        let fails = |condition: &ETagCondition, wanted: bool| holds(condition, object) != wanted;
        if input.copy_source_if_match.as_ref().is_some_and(|condition| fails(condition, true))
            || input.copy_source_if_none_match.as_ref().is_some_and(|condition| fails(condition, false))
        {
            return Err(s3_error!(PreconditionFailed, "a condition on the copy's source did not hold"));
        }
        Ok((object.clone(), version.kept.version_id.clone()))
    }
}

/// The conditions on the target: `s3s` knows only those on the source.
fn conditions(headers: &HeaderMap) -> S3Result<WriteConditions> {
    let condition = |name: HeaderName| {
        let parse = |value: &HeaderValue| ETagCondition::parse_http_header(value.as_bytes());
        headers.get(&name).map(parse).transpose().map_err(|_| s3_error!(InvalidArgument, "{name} is no ETag"))
    };
    Ok(WriteConditions {
        if_match: condition(header::IF_MATCH)?,
        if_none_match: condition(header::IF_NONE_MATCH)?,
    })
}

fn replaces(directive: Option<&str>) -> bool {
    directive == Some(MetadataDirective::REPLACE)
}
