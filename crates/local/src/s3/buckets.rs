//! The buckets themselves: creating, listing, versioning, lifecycle.

use s3s::dto as d;
use s3s::{S3Response, S3Result, s3_error};

use super::model::{Bucket, BucketSettings, Versioning};
use super::{Backend, internal, shown_time};
use crate::storage::Kind;

impl Backend {
    pub(super) fn create_bucket(
        &self,
        input: d::CreateBucketInput,
    ) -> S3Result<S3Response<d::CreateBucketOutput>> {
        let object_lock = input.object_lock_enabled_for_bucket.unwrap_or(false);
        self.make_bucket(&input.bucket, object_lock)?;
        let location = Some(format!("/{}", input.bucket));
        Ok(S3Response::new(d::CreateBucketOutput { location }))
    }

    /// Creates a bucket; with Object Lock it is versioned from the start.
    pub(crate) fn make_bucket(&self, name: &str, object_lock: bool) -> S3Result<()> {
        let mut buckets = self.buckets();
        if buckets.by_name.contains_key(name) {
            return Err(s3_error!(BucketAlreadyOwnedByYou, "bucket {name} is there already"));
        }
        let settings = BucketSettings {
            name: name.to_owned(),
            created: self.now(),
            versioning: if object_lock { Versioning::Enabled } else { Versioning::Never },
            object_lock,
            lifecycle: None,
        };
        let bucket = Bucket::new(self.store.fresh_id(), settings);
        self.save_bucket(&bucket)?;
        buckets.by_name.insert(name.to_owned(), bucket);
        Ok(())
    }

    pub(crate) fn has_bucket(&self, name: &str) -> bool {
        self.buckets().by_name.contains_key(name)
    }

    fn save_bucket(&self, bucket: &Bucket) -> S3Result<()> {
        self.store.save(Kind::Bucket, bucket.record, &bucket.settings).map_err(internal)
    }

    pub(super) fn head_bucket(&self, input: d::HeadBucketInput) -> S3Result<S3Response<d::HeadBucketOutput>> {
        self.check_bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let bucket_region = Some(self.region.clone());
        Ok(S3Response::new(d::HeadBucketOutput { bucket_region, ..Default::default() }))
    }

    pub(super) fn delete_bucket(
        &self,
        input: d::DeleteBucketInput,
    ) -> S3Result<S3Response<d::DeleteBucketOutput>> {
        let mut buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        if !bucket.keys.is_empty() || !bucket.uploads.is_empty() {
            return Err(s3_error!(BucketNotEmpty, "bucket {} holds versions or uploads", input.bucket));
        }
        self.store.remove(Kind::Bucket, bucket.record).map_err(internal)?;
        buckets.by_name.remove(&input.bucket);
        Ok(S3Response::new(d::DeleteBucketOutput::default()))
    }

    pub(super) fn list_buckets(
        &self,
        input: d::ListBucketsInput,
    ) -> S3Result<S3Response<d::ListBucketsOutput>> {
        let prefix = input.prefix.clone().unwrap_or_default();
        let shown = |bucket: &Bucket| d::Bucket {
            name: Some(bucket.settings.name.clone()),
            creation_date: Some(shown_time(bucket.settings.created)),
            bucket_region: Some(self.region.clone()),
        };
        let buckets = self.buckets();
        let of_prefix = buckets.by_name.values().filter(|bucket| bucket.settings.name.starts_with(&prefix));
        Ok(S3Response::new(d::ListBucketsOutput {
            buckets: Some(of_prefix.map(shown).collect()),
            owner: Some(super::listing::owner()),
            prefix: input.prefix,
            ..Default::default()
        }))
    }

    pub(super) fn bucket_location(
        &self,
        input: d::GetBucketLocationInput,
    ) -> S3Result<S3Response<d::GetBucketLocationOutput>> {
        self.check_bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        // S3 says nothing for its oldest Region.
        let location = (self.region != "us-east-1").then(|| self.region.clone());
        let location_constraint = location.map(d::BucketLocationConstraint::from);
        Ok(S3Response::new(d::GetBucketLocationOutput { location_constraint }))
    }

    pub(super) fn put_versioning(
        &self,
        input: d::PutBucketVersioningInput,
    ) -> S3Result<S3Response<d::PutBucketVersioningOutput>> {
        let status = input.versioning_configuration.status;
        let versioning = match status.as_ref().map(d::BucketVersioningStatus::as_str) {
            Some(d::BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(d::BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            _ => return Err(s3_error!(MalformedXML, "versioning is Enabled or Suspended")),
        };
        let mut buckets = self.buckets();
        let bucket = buckets.bucket_mut(&input.bucket, input.expected_bucket_owner.as_deref())?;
        if bucket.settings.object_lock && versioning == Versioning::Suspended {
            return Err(s3_error!(InvalidBucketState, "a bucket with Object Lock stays versioned"));
        }
        bucket.settings.versioning = versioning;
        self.save_bucket(bucket)?;
        Ok(S3Response::new(d::PutBucketVersioningOutput::default()))
    }

    pub(super) fn get_versioning(
        &self,
        input: d::GetBucketVersioningInput,
    ) -> S3Result<S3Response<d::GetBucketVersioningOutput>> {
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let status = match bucket.settings.versioning {
            Versioning::Never => None,
            Versioning::Enabled => Some(d::BucketVersioningStatus::ENABLED),
            Versioning::Suspended => Some(d::BucketVersioningStatus::SUSPENDED),
        };
        let status = status.map(d::BucketVersioningStatus::from_static);
        Ok(S3Response::new(d::GetBucketVersioningOutput { status, ..Default::default() }))
    }

    pub(super) fn put_lifecycle(
        &self,
        input: d::PutBucketLifecycleConfigurationInput,
    ) -> S3Result<S3Response<d::PutBucketLifecycleConfigurationOutput>> {
        let rules = input.lifecycle_configuration.map(|configuration| configuration.rules);
        let rules = rules.ok_or_else(|| s3_error!(MalformedXML, "a lifecycle configuration has rules"))?;
        self.set_lifecycle(&input.bucket, input.expected_bucket_owner.as_deref(), Some(rules))?;
        Ok(S3Response::new(d::PutBucketLifecycleConfigurationOutput::default()))
    }

    pub(super) fn delete_lifecycle(
        &self,
        input: d::DeleteBucketLifecycleInput,
    ) -> S3Result<S3Response<d::DeleteBucketLifecycleOutput>> {
        self.set_lifecycle(&input.bucket, input.expected_bucket_owner.as_deref(), None)?;
        Ok(S3Response::new(d::DeleteBucketLifecycleOutput::default()))
    }

    fn set_lifecycle(
        &self,
        name: &str,
        owner: Option<&str>,
        rules: Option<Vec<d::LifecycleRule>>,
    ) -> S3Result<()> {
        let mut buckets = self.buckets();
        let bucket = buckets.bucket_mut(name, owner)?;
        bucket.settings.lifecycle = rules;
        self.save_bucket(bucket)
    }

    pub(super) fn get_lifecycle(
        &self,
        input: d::GetBucketLifecycleConfigurationInput,
    ) -> S3Result<S3Response<d::GetBucketLifecycleConfigurationOutput>> {
        let buckets = self.buckets();
        let bucket = buckets.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let rules = bucket.settings.lifecycle.clone();
        let rules = rules.ok_or_else(|| s3_error!(NoSuchLifecycleConfiguration, "there is none"))?;
        Ok(S3Response::new(d::GetBucketLifecycleConfigurationOutput {
            rules: Some(rules),
            ..Default::default()
        }))
    }
}
