//! What a bucket holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use s3s::dto::LifecycleRule;
use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::checksums::{Algorithm, Checksum, Extent};
use super::encryption::Encryption;
use crate::content::Content;
use crate::options::ACCOUNT_ID;
use crate::storage::Id;

/// The name that S3 gives the version of an object that has none.
pub(crate) const NULL_VERSION: &str = "null";

/// Every bucket, by name.
#[derive(Clone, Default)]
pub(crate) struct Buckets {
    pub(crate) by_name: BTreeMap<String, Bucket>,
    pub(crate) switches: Switches,
    /// KMS keys that the caller may not use.
    pub(crate) denied_keys: BTreeSet<String>,
}

/// Ways in which a store may differ from S3.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Switches {
    pub(crate) ignore_conditions: bool,
}

#[derive(Clone)]
pub(crate) struct Bucket {
    pub(crate) record: Id,
    pub(crate) settings: BucketSettings,
    /// Every version of every key, oldest first. No key has an empty list.
    pub(crate) keys: BTreeMap<String, Vec<Version>>,
    pub(crate) uploads: BTreeMap<UploadName, Upload>,
    pub(crate) replication: Option<Replication>,
}

/// What is kept of a bucket itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct BucketSettings {
    pub(crate) name: String,
    pub(crate) created: jiff::Timestamp,
    pub(crate) versioning: Versioning,
    pub(crate) object_lock: bool,
    pub(crate) lifecycle: Option<Vec<LifecycleRule>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    Never,
    Enabled,
    Suspended,
}

/// One version of a key: an object or a delete marker.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) record: Id,
    pub(crate) kept: KeptVersion,
}

/// What is kept of a version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptVersion {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// `None` for what was written while versioning was not enabled.
    pub(crate) version_id: Option<String>,
    pub(crate) modified: jiff::Timestamp,
    /// `None` for a delete marker.
    pub(crate) object: Option<Object>,
}

impl Version {
    pub(crate) fn object(&self) -> Option<&Object> {
        self.kept.object.as_ref()
    }

    /// The version's id as S3 shows it.
    pub(crate) fn shown_id(&self) -> &str {
        self.kept.version_id.as_deref().unwrap_or(NULL_VERSION)
    }
}

/// An object's bytes and what is said of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) content: Content,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
    pub(crate) headers: ObjectHeaders,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) legal_hold: bool,
    pub(crate) replication: Option<ReplicationState>,
}

/// What the writer of an object said about it and a reader is told again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ObjectHeaders {
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) cache_control: Option<String>,
    pub(crate) metadata: HashMap<String, String>,
    #[serde(default)]
    pub(crate) encryption: Option<Encryption>,
}

/// Uploads are listed by key, then by age; upload ids grow with time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UploadName {
    pub(crate) key: String,
    pub(crate) id: String,
}

/// A multipart upload that was neither completed nor aborted.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) record: Id,
    pub(crate) kept: KeptUpload,
    pub(crate) parts: BTreeMap<i32, Part>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptUpload {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) initiated: jiff::Timestamp,
    pub(crate) algorithm: Algorithm,
    pub(crate) extent: Extent,
    /// Whether the client named the algorithm: S3 then asks more of it.
    pub(crate) algorithm_was_named: bool,
    pub(crate) headers: ObjectHeaders,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) record: Id,
    pub(crate) kept: KeptPart,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct KeptPart {
    /// The record of the upload that it belongs to.
    pub(crate) upload: Id,
    pub(crate) number: i32,
    pub(crate) modified: jiff::Timestamp,
    pub(crate) content: Content,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
}

/// Where a bucket's new objects are copied to.
#[derive(Clone, Debug)]
pub(crate) struct Replication {
    pub(crate) target: String,
    pub(crate) mode: ReplicationMode,
}

/// How a replicated bucket behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicationMode {
    /// The copy is there as soon as the original is.
    Completed,
    /// Originals stay `PENDING`, without a copy, until [`LocalLake::finish_replication`] is called.
    ///
    /// [`LocalLake::finish_replication`]: crate::LocalLake::finish_replication
    Pending,
    /// Originals are `FAILED`, and no copy is made.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ReplicationState {
    Pending,
    Completed,
    Failed,
    Replica,
}

impl Buckets {
    /// Finds a bucket: 404 when there is none, 403 when `owner` is given and is somebody else.
    pub(crate) fn bucket(&self, name: &str, owner: Option<&str>) -> S3Result<&Bucket> {
        check_owner(owner)?;
        self.by_name.get(name).ok_or_else(|| no_such_bucket(name))
    }

    /// Finds a bucket to change it, as [`bucket`](Self::bucket) does.
    pub(crate) fn bucket_mut(&mut self, name: &str, owner: Option<&str>) -> S3Result<&mut Bucket> {
        check_owner(owner)?;
        self.by_name.get_mut(name).ok_or_else(|| no_such_bucket(name))
    }
}

fn check_owner(expected: Option<&str>) -> S3Result<()> {
    match expected {
        Some(expected) if expected != ACCOUNT_ID => {
            Err(s3_error!(AccessDenied, "the bucket belongs to account {ACCOUNT_ID}, not {expected}"))
        }
        _ => Ok(()),
    }
}

fn no_such_bucket(name: &str) -> S3Error {
    s3_error!(NoSuchBucket, "bucket {name} does not exist")
}

impl Bucket {
    /// The newest version of a key, unless it is a delete marker.
    pub(crate) fn current(&self, key: &str) -> Option<(&Version, &Object)> {
        let version = self.keys.get(key)?.last()?;
        Some((version, version.object()?))
    }

    /// The current object of every key, in the order of the keys.
    pub(crate) fn current_objects(&self) -> impl Iterator<Item = (&str, &Version)> {
        self.keys.iter().filter_map(|(key, versions)| {
            let newest = versions.last()?;
            newest.object().map(|_| (key.as_str(), newest))
        })
    }
}
