//! `ListObjects`, `ListObjectsV2`, `ListObjectVersions`: pages over sorted names.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as TOKEN;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto as d;
use s3s::{S3Response, S3Result, s3_error};

use super::model::{Object, Version};
use super::{Backend, shown_time};
use crate::options::ACCOUNT_ID;

/// Entries on one page.
const MAX_PAGE: i32 = 1000;

/// What `encoding-type=url` leaves as it is.
const UNESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// What one request asks for.
pub(super) struct Query<'a> {
    pub(super) prefix: &'a str,
    /// Names that have it after the prefix are rolled up into one common prefix.
    pub(super) delimiter: Option<&'a str>,
    pub(super) max: usize,
}

/// One page of names.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) prefixes: Vec<String>,
    pub(super) truncated: bool,
    /// The last name, or common prefix, on the page.
    pub(super) last: Option<String>,
}

impl<'a> Query<'a> {
    pub(super) fn new(
        prefix: Option<&'a str>,
        delimiter: Option<&'a str>,
        max: Option<i32>,
    ) -> S3Result<Self> {
        let max = usize::try_from(max.unwrap_or(MAX_PAGE).min(MAX_PAGE))
            .map_err(|_| s3_error!(InvalidArgument, "a page has no negative size"))?;
        let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
        Ok(Self { prefix: prefix.unwrap_or_default(), delimiter, max })
    }

    /// The common prefix of a name, if it is rolled up.
    fn rolled_up<'n>(&self, name: &'n str) -> Option<&'n str> {
        let delimiter = self.delimiter?;
        let at = name.get(self.prefix.len()..)?.find(delimiter)?;
        name.get(..self.prefix.len() + at + delimiter.len())
    }

    /// Cuts a page out of `entries`, which are sorted by name. `skip` says what earlier pages had,
    /// for a name and the common prefix that it is rolled up into.
    pub(super) fn page<'n, T>(
        &self,
        entries: impl Iterator<Item = (&'n str, T)>,
        skip: impl Fn(&str, Option<&str>, &T) -> bool,
    ) -> Page<T> {
        let mut page = Page { items: Vec::new(), prefixes: Vec::new(), truncated: false, last: None };
        for (name, entry) in entries.filter(|(name, _)| name.starts_with(self.prefix)) {
            let common = self.rolled_up(name);
            if skip(name, common, &entry) || common.is_some() && common == page.last_prefix() {
                continue;
            }
            if page.items.len() + page.prefixes.len() == self.max {
                page.truncated = self.max > 0;
                break;
            }
            page.last = Some(common.unwrap_or(name).to_owned());
            match common {
                Some(common) => page.prefixes.push(common.to_owned()),
                None => page.items.push(entry),
            }
        }
        page
    }
}

impl<T> Page<T> {
    fn last_prefix(&self) -> Option<&str> {
        self.prefixes.last().map(String::as_str)
    }
}

/// Skips what comes up to a marker, and what a common prefix that is the marker rolls up.
fn up_to(marker: Option<&str>) -> impl Fn(&str, Option<&str>, &&Version) -> bool {
    move |name, common, _| marker.is_some_and(|marker| name <= marker || common == Some(marker))
}

impl Backend {
    pub(super) fn list_v2(
        &self,
        input: d::ListObjectsV2Input,
    ) -> S3Result<S3Response<d::ListObjectsV2Output>> {
        let query = Query::new(input.prefix.as_deref(), input.delimiter.as_deref(), input.max_keys)?;
        let marker = match &input.continuation_token {
            Some(token) => Some(from_token(token)?),
            None => input.start_after.clone(),
        };
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let page = query.page(bucket.current_objects(), up_to(marker.as_deref()));
        let encode = Encoding::new(input.encoding_type.as_ref())?;
        let with_owner = input.fetch_owner.unwrap_or(false);
        let contents = page.items.iter().filter_map(|version| encode.object(version, with_owner)).collect();
        Ok(S3Response::new(d::ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(encode.name(input.prefix.as_deref().unwrap_or_default())),
            delimiter: input.delimiter.as_deref().map(|delimiter| encode.name(delimiter)),
            start_after: input.start_after.as_deref().map(|start| encode.name(start)),
            max_keys: i32::try_from(query.max).ok(),
            key_count: i32::try_from(page.items.len() + page.prefixes.len()).ok(),
            is_truncated: Some(page.truncated),
            next_continuation_token: page.last.filter(|_| page.truncated).map(|last| TOKEN.encode(last)),
            continuation_token: input.continuation_token,
            contents: Some(contents),
            common_prefixes: Some(encode.prefixes(&page.prefixes)),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) fn list(&self, input: d::ListObjectsInput) -> S3Result<S3Response<d::ListObjectsOutput>> {
        let query = Query::new(input.prefix.as_deref(), input.delimiter.as_deref(), input.max_keys)?;
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let page = query.page(bucket.current_objects(), up_to(input.marker.as_deref()));
        let encode = Encoding::new(input.encoding_type.as_ref())?;
        let contents = page.items.iter().filter_map(|version| encode.object(version, true)).collect();
        // S3 names the next marker only when names are rolled up; the last key serves otherwise.
        let next = page.last.filter(|_| page.truncated && query.delimiter.is_some());
        Ok(S3Response::new(d::ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(encode.name(input.prefix.as_deref().unwrap_or_default())),
            delimiter: input.delimiter.as_deref().map(|delimiter| encode.name(delimiter)),
            marker: Some(encode.name(input.marker.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(query.max).ok(),
            is_truncated: Some(page.truncated),
            next_marker: next.map(|next| encode.name(&next)),
            contents: Some(contents),
            common_prefixes: Some(encode.prefixes(&page.prefixes)),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    pub(super) fn list_versions(
        &self,
        input: d::ListObjectVersionsInput,
    ) -> S3Result<S3Response<d::ListObjectVersionsOutput>> {
        let query = Query::new(input.prefix.as_deref(), input.delimiter.as_deref(), input.max_keys)?;
        if input.version_id_marker.is_some() && input.key_marker.is_none() {
            return Err(s3_error!(InvalidArgument, "a version id marker needs a key marker"));
        }
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let entries = bucket.keys.iter().flat_map(|(key, versions)| {
            let newest = versions.len();
            let numbered = versions.iter().enumerate().rev();
            numbered.map(move |(at, version)| (key.as_str(), (version, at + 1 == newest)))
        });
        let (key_marker, id_marker) = (input.key_marker.as_deref(), input.version_id_marker.as_deref());
        let seen = bucket.keys.get(key_marker.unwrap_or_default()).and_then(|versions| {
            versions.iter().find(|version| Some(version.shown_id()) == id_marker).map(|v| v.record)
        });
        let page = query.page(entries, |name, common, (version, _)| {
            key_marker.is_some_and(|marker| match id_marker {
                Some(_) if name == marker => seen.is_none_or(|seen| version.record >= seen),
                _ => name <= marker || common == Some(marker),
            })
        });
        let encode = Encoding::new(input.encoding_type.as_ref())?;
        let last_version = page.items.last().filter(|(v, _)| Some(&v.kept.key) == page.last.as_ref());
        let next_version_id_marker =
            last_version.filter(|_| page.truncated).map(|(version, _)| version.shown_id().to_owned());
        let (objects, markers): (Vec<_>, Vec<_>) =
            page.items.iter().partition(|(version, _)| version.object().is_some());
        Ok(S3Response::new(d::ListObjectVersionsOutput {
            name: Some(input.bucket),
            prefix: Some(encode.name(input.prefix.as_deref().unwrap_or_default())),
            delimiter: input.delimiter.as_deref().map(|delimiter| encode.name(delimiter)),
            key_marker: Some(encode.name(input.key_marker.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(query.max).ok(),
            is_truncated: Some(page.truncated),
            next_version_id_marker,
            next_key_marker: page.last.filter(|_| page.truncated).map(|last| encode.name(&last)),
            versions: Some(objects.iter().filter_map(|(v, newest)| encode.version(v, *newest)).collect()),
            delete_markers: Some(markers.iter().map(|(v, newest)| encode.marker(v, *newest)).collect()),
            common_prefixes: Some(encode.prefixes(&page.prefixes)),
            version_id_marker: input.version_id_marker,
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }
}

/// How names are written in an answer.
pub(super) struct Encoding {
    url: bool,
}

impl Encoding {
    pub(super) fn new(wanted: Option<&d::EncodingType>) -> S3Result<Self> {
        match wanted.map(d::EncodingType::as_str) {
            None => Ok(Self { url: false }),
            Some(d::EncodingType::URL) => Ok(Self { url: true }),
            Some(other) => Err(s3_error!(InvalidArgument, "encoding type {other} is unknown")),
        }
    }

    pub(super) fn name(&self, name: &str) -> String {
        if self.url { utf8_percent_encode(name, &UNESCAPED).to_string() } else { name.to_owned() }
    }

    pub(super) fn prefixes(&self, prefixes: &[String]) -> Vec<d::CommonPrefix> {
        prefixes.iter().map(|prefix| d::CommonPrefix { prefix: Some(self.name(prefix)) }).collect()
    }

    fn object(&self, version: &Version, with_owner: bool) -> Option<d::Object> {
        let object = version.object()?;
        Some(d::Object {
            key: Some(self.name(&version.kept.key)),
            size: i64::try_from(object.content.len()).ok(),
            e_tag: Some(d::ETag::Strong(object.etag.clone())),
            last_modified: Some(shown_time(version.kept.modified)),
            storage_class: Some(d::ObjectStorageClass::from_static(d::ObjectStorageClass::STANDARD)),
            owner: with_owner.then(owner),
            checksum_algorithm: Some(vec![algorithm(object)]),
            checksum_type: Some(d::ChecksumType::from_static(object.checksum.extent.name())),
            ..Default::default()
        })
    }

    fn version(&self, version: &Version, newest: bool) -> Option<d::ObjectVersion> {
        let object = version.object()?;
        Some(d::ObjectVersion {
            key: Some(self.name(&version.kept.key)),
            version_id: Some(version.shown_id().to_owned()),
            is_latest: Some(newest),
            size: i64::try_from(object.content.len()).ok(),
            e_tag: Some(d::ETag::Strong(object.etag.clone())),
            last_modified: Some(shown_time(version.kept.modified)),
            owner: Some(owner()),
            checksum_algorithm: Some(vec![algorithm(object)]),
            checksum_type: Some(d::ChecksumType::from_static(object.checksum.extent.name())),
            ..Default::default()
        })
    }

    fn marker(&self, version: &Version, newest: bool) -> d::DeleteMarkerEntry {
        d::DeleteMarkerEntry {
            key: Some(self.name(&version.kept.key)),
            version_id: Some(version.shown_id().to_owned()),
            is_latest: Some(newest),
            last_modified: Some(shown_time(version.kept.modified)),
            owner: Some(owner()),
        }
    }
}

fn algorithm(object: &Object) -> d::ChecksumAlgorithm {
    d::ChecksumAlgorithm::from_static(object.checksum.algorithm.name())
}

/// The one account that owns everything.
pub(super) fn owner() -> d::Owner {
    d::Owner { id: Some(ACCOUNT_ID.to_owned()), display_name: None }
}

fn from_token(token: &str) -> S3Result<String> {
    let bytes = TOKEN.decode(token).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| s3_error!(InvalidArgument, "the continuation token is not one of this store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["a", "b/1", "b/2", "b2", "c/x/1", "c/y"];

    fn walk(prefix: &str, delimiter: Option<&str>, max: i32) -> Vec<String> {
        let mut seen = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let query = Query::new(Some(prefix), delimiter, Some(max)).unwrap();
            let page = query.page(NAMES.iter().map(|name| (*name, *name)), |name, common, _| {
                marker.as_deref().is_some_and(|marker| name <= marker || common == Some(marker))
            });
            seen.extend(page.items.iter().map(|name| (*name).to_owned()));
            seen.extend(page.prefixes.iter().map(|prefix| format!("[{prefix}]")));
            if !page.truncated {
                return seen;
            }
            marker = page.last;
        }
    }

    #[test]
    fn pages_of_any_size_hold_everything_once() {
        for max in 1..7 {
            let mut all = walk("", Some("/"), max);
            all.sort();
            assert_eq!(all, ["[b/]", "[c/]", "a", "b2"], "pages of {max}");
        }
    }

    #[test]
    fn a_prefix_with_its_slash_leaves_its_siblings_out() {
        assert_eq!(walk("b/", None, 10), ["b/1", "b/2"]);
        assert_eq!(walk("c/", Some("/"), 10), ["c/y", "[c/x/]"]);
    }

    #[test]
    fn a_page_of_nothing_is_not_truncated() {
        assert!(walk("", None, 0).is_empty());
    }
}
