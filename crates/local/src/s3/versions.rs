//! The versions of a key: adding the newest, and taking one away.

use s3s::{S3Result, s3_error};

use super::model::{Buckets, KeptVersion, Object, Version, Versioning};
use super::{Backend, internal};
use crate::storage::Kind;

impl Backend {
    /// Makes an object, or with `None` a delete marker, the newest version of `key`.
    ///
    /// Returns the new version's id, if the bucket is versioned.
    pub(super) fn add_version(
        &self,
        buckets: &mut Buckets,
        bucket_name: &str,
        key: &str,
        mut object: Option<Object>,
    ) -> S3Result<Option<String>> {
        let bucket = buckets.bucket_mut(bucket_name, None)?;
        if let Some(object) = &mut object {
            if object.legal_hold && !bucket.settings.object_lock {
                return Err(no_object_lock(bucket_name));
            }
            let of_bucket = bucket.replication.as_ref().map(|replication| replication.mode.initial_state());
            object.replication = object.replication.or(of_bucket);
        }
        let record = self.store.fresh_id();
        let enabled = bucket.settings.versioning == Versioning::Enabled;
        let kept = KeptVersion {
            bucket: bucket_name.to_owned(),
            key: key.to_owned(),
            version_id: enabled.then(|| record.to_string()),
            modified: self.now(),
            object,
        };
        let version = Version { record, kept };
        self.save_version(&version)?;
        let version_id = version.kept.version_id.clone();
        if let Some(replaced) = place(bucket.keys.entry(key.to_owned()).or_default(), version.clone()) {
            self.forget(&replaced)?;
        }
        self.replicate_new(buckets, &version)?;
        Ok(version_id)
    }

    pub(super) fn save_version(&self, version: &Version) -> S3Result<()> {
        self.store.save(Kind::ObjectVersion, version.record, &version.kept).map_err(internal)
    }

    /// Removes what is kept of a version that is no longer listed.
    pub(super) fn forget(&self, version: &Version) -> S3Result<()> {
        self.store.remove(Kind::ObjectVersion, version.record).map_err(internal)?;
        match version.object() {
            Some(object) => self.store.remove_content(&object.content).map_err(internal),
            None => Ok(()),
        }
    }
}

/// Appends a version. A key has one null version at most: the one that is replaced is returned.
pub(super) fn place(versions: &mut Vec<Version>, version: Version) -> Option<Version> {
    let replaced = match &version.kept.version_id {
        Some(_) => None,
        None => versions.iter().position(|other| other.kept.version_id.is_none()),
    };
    let replaced = replaced.map(|at| versions.remove(at));
    versions.push(version);
    replaced
}

pub(super) fn no_object_lock(bucket: &str) -> s3s::S3Error {
    s3_error!(InvalidRequest, "bucket {bucket} is missing an Object Lock configuration")
}
