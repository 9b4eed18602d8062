//! Tags and legal holds of a version.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectLegalHoldInput, GetObjectLegalHoldOutput,
    GetObjectTaggingInput, GetObjectTaggingOutput, ObjectLockLegalHold, ObjectLockLegalHoldStatus,
    PutObjectLegalHoldInput, PutObjectLegalHoldOutput, PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
    TagSet,
};
use s3s::{S3Response, S3Result, s3_error};

use super::Backend;
use super::model::{Object, Version};
use super::objects::{find, is_on};
use super::versions::no_object_lock;

/// Tags of one object.
const MAX_TAGS: usize = 10;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// Which version of which key a request means.
struct Target<'a> {
    bucket: &'a str,
    key: &'a str,
    version_id: Option<&'a str>,
    owner: Option<&'a str>,
}

/// Collects the members that name a version in a request.
macro_rules! target {
    ($input:expr) => {
        Target {
            bucket: &$input.bucket,
            key: &$input.key,
            version_id: $input.version_id.as_deref(),
            owner: $input.expected_bucket_owner.as_deref(),
        }
    };
}

impl Backend {
    pub(super) fn put_tags(
        &self,
        input: PutObjectTaggingInput,
    ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        let tags = from_set(input.tagging.tag_set.clone())?;
        let version_id = self.change(&target!(input), |object| object.tags = tags)?;
        Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
    }

    pub(super) fn delete_tags(
        &self,
        input: DeleteObjectTaggingInput,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        let version_id = self.change(&target!(input), |object| object.tags.clear())?;
        Ok(S3Response::new(DeleteObjectTaggingOutput { version_id }))
    }

    pub(super) fn get_tags(
        &self,
        input: GetObjectTaggingInput,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        let (version, object) = self.found(&target!(input))?;
        let tag = |(key, value)| Tag { key: Some(key), value: Some(value) };
        let tag_set = object.tags.into_iter().map(tag).collect();
        Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id: version.kept.version_id }))
    }

    pub(super) fn put_legal_hold(
        &self,
        input: PutObjectLegalHoldInput,
    ) -> S3Result<S3Response<PutObjectLegalHoldOutput>> {
        self.check_object_lock(&input.bucket)?;
        let status = input.legal_hold.as_ref().and_then(|hold| hold.status.clone());
        let status = status.ok_or_else(|| s3_error!(MalformedXML, "a legal hold has a status"))?;
        self.change(&target!(input), |object| object.legal_hold = is_on(&status))?;
        Ok(S3Response::new(PutObjectLegalHoldOutput::default()))
    }

    pub(super) fn get_legal_hold(
        &self,
        input: GetObjectLegalHoldInput,
    ) -> S3Result<S3Response<GetObjectLegalHoldOutput>> {
        self.check_object_lock(&input.bucket)?;
        let (_, object) = self.found(&target!(input))?;
        let status =
            if object.legal_hold { ObjectLockLegalHoldStatus::ON } else { ObjectLockLegalHoldStatus::OFF };
        let legal_hold = ObjectLockLegalHold { status: Some(ObjectLockLegalHoldStatus::from_static(status)) };
        Ok(S3Response::new(GetObjectLegalHoldOutput { legal_hold: Some(legal_hold) }))
    }

    fn check_object_lock(&self, name: &str) -> S3Result<()> {
        let buckets = self.buckets();
        if buckets.bucket(name, None)?.settings.object_lock { Ok(()) } else { Err(no_object_lock(name)) }
    }

    fn found(&self, target: &Target<'_>) -> S3Result<(Version, Object)> {
        let buckets = self.buckets();
        let bucket = buckets.bucket(target.bucket, target.owner)?;
        let (version, object) = find(bucket, target.key, target.version_id)?;
        Ok((version.clone(), object.clone()))
    }

    /// Changes what is said of a version. Returns its id, if the bucket is versioned.
    fn change(&self, target: &Target<'_>, change: impl FnOnce(&mut Object)) -> S3Result<Option<String>> {
        let mut buckets = self.buckets();
        let bucket = buckets.bucket_mut(target.bucket, target.owner)?;
        let record = find(bucket, target.key, target.version_id)?.0.record;
        let version = bucket
            .keys
            .get_mut(target.key)
            .and_then(|versions| versions.iter_mut().find(|version| version.record == record))
            .ok_or_else(|| s3_error!(NoSuchKey, "key {} has no object", target.key))?;
        if let Some(object) = &mut version.kept.object {
            change(object);
        }
        self.save_version(version)?;
        Ok(version.kept.version_id.clone())
    }
}

/// Tags as the `x-amz-tagging` header has them: URL-encoded `key=value` pairs.
pub(super) fn from_header(header: Option<&str>) -> S3Result<BTreeMap<String, String>> {
    let Some(header) = header.filter(|header| !header.is_empty()) else { return Ok(BTreeMap::new()) };
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = header.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    checked(pairs.map(|(key, value)| (decode(key), decode(value))))
}

fn from_set(set: TagSet) -> S3Result<BTreeMap<String, String>> {
    checked(set.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())))
}

fn checked(pairs: impl Iterator<Item = (String, String)>) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for (key, value) in pairs {
        if key.is_empty() || key.chars().count() > MAX_TAG_KEY || value.chars().count() > MAX_TAG_VALUE {
            return Err(s3_error!(InvalidTag, "tag {key} is empty or too long"));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(s3_error!(InvalidTag, "tag {key} is given twice"));
        }
    }
    if tags.len() > MAX_TAGS {
        return Err(s3_error!(InvalidTag, "an object has {MAX_TAGS} tags at most"));
    }
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tagging_header_is_decoded() {
        let tags = from_header(Some("retired=yes&who=a+b%26c")).unwrap();
        assert_eq!(tags, BTreeMap::from([("retired".into(), "yes".into()), ("who".into(), "a b&c".into())]));
    }

    #[test]
    fn an_object_has_ten_tags_at_most() {
        let header: Vec<_> = (0..11).map(|n| format!("k{n}=v")).collect();
        assert_eq!(from_header(Some(&header.join("&"))).unwrap_err().code().as_str(), "InvalidTag");
    }
}
