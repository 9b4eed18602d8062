//! `DeleteObject` and `DeleteObjects`.

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETagCondition, Error,
};
use s3s::{S3Response, S3Result, s3_error};

use super::Backend;
use super::conditions::WriteConditions;
use super::model::{Buckets, Versioning};

/// Keys in one `DeleteObjects` request.
const MAX_KEYS: usize = 1000;

/// What a delete did to a key.
#[derive(Default)]
struct Deleted {
    /// A marker was made, or a marker was removed.
    marker: bool,
    /// The marker's own id, or the id of the removed version.
    version_id: Option<String>,
}

impl Backend {
    pub(super) fn delete(&self, input: DeleteObjectInput) -> S3Result<S3Response<DeleteObjectOutput>> {
        let mut buckets = self.buckets();
        buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let deleted = self.delete_one(
            &mut buckets,
            &input.bucket,
            &input.key,
            input.version_id.as_deref(),
            input.if_match,
        )?;
        Ok(S3Response::new(DeleteObjectOutput {
            delete_marker: deleted.marker.then_some(true),
            version_id: deleted.version_id,
            ..Default::default()
        }))
    }

    pub(super) fn delete_many(&self, input: DeleteObjectsInput) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let objects = input.delete.objects;
        if objects.is_empty() || objects.len() > MAX_KEYS {
            return Err(s3_error!(MalformedXML, "DeleteObjects takes 1 to {MAX_KEYS} keys"));
        }
        let mut buckets = self.buckets();
        buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let quiet = input.delete.quiet.unwrap_or(false);
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in objects {
            let condition = object.e_tag.map(ETagCondition::ETag);
            let version_id = object.version_id.as_deref();
            match self.delete_one(&mut buckets, &input.bucket, &object.key, version_id, condition) {
                Ok(_) if quiet => {}
                Ok(done) => deleted.push(DeletedObject {
                    delete_marker: done.marker.then_some(true),
                    delete_marker_version_id: done.version_id.filter(|_| done.marker),
                    key: Some(object.key),
                    version_id: object.version_id,
                }),
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    key: Some(object.key),
                    version_id: object.version_id,
                }),
            }
        }
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted),
            errors: Some(errors),
            ..Default::default()
        }))
    }

    fn delete_one(
        &self,
        buckets: &mut Buckets,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        if_match: Option<ETagCondition>,
    ) -> S3Result<Deleted> {
        let found = buckets.bucket(bucket, None)?;
        if !buckets.switches.ignore_conditions {
            let conditions = WriteConditions { if_match, if_none_match: None };
            conditions.check(found.current(key).map(|(_, object)| object))?;
        }
        match (version_id, found.settings.versioning) {
            (Some(version_id), _) => self.remove_version(buckets, bucket, key, version_id),
            (None, Versioning::Never) => {
                self.remove_version(buckets, bucket, key, super::model::NULL_VERSION)?;
                Ok(Deleted::default())
            }
            (None, Versioning::Enabled | Versioning::Suspended) => {
                let version_id = self.add_version(buckets, bucket, key, None)?;
                Ok(Deleted { marker: true, version_id })
            }
        }
    }

    /// Removes one version for good. One that is not there counts as removed.
    fn remove_version(
        &self,
        buckets: &mut Buckets,
        bucket: &str,
        key: &str,
        version_id: &str,
    ) -> S3Result<Deleted> {
        let keys = &mut buckets.bucket_mut(bucket, None)?.keys;
        let Some(versions) = keys.get_mut(key) else { return Ok(Deleted::default()) };
        let Some(at) = versions.iter().position(|version| version.shown_id() == version_id) else {
            return Ok(Deleted::default());
        };
        if versions[at].object().is_some_and(|object| object.legal_hold) {
            return Err(s3_error!(AccessDenied, "version {version_id} of {key} is under legal hold"));
        }
        let removed = versions.remove(at);
        if versions.is_empty() {
            keys.remove(key);
        }
        self.forget(&removed)?;
        Ok(Deleted { marker: removed.object().is_none(), version_id: Some(version_id.to_owned()) })
    }
}
