//! Replication between two buckets of the same lake, as far as a reader of the objects can see it.

use s3s::{S3Error, S3Result};

use super::model::{Buckets, Object, Replication, ReplicationMode, ReplicationState, Version};
use super::{Backend, internal};

impl ReplicationMode {
    pub(super) const fn initial_state(self) -> ReplicationState {
        match self {
            Self::Completed => ReplicationState::Completed,
            Self::Pending => ReplicationState::Pending,
            Self::Failed => ReplicationState::Failed,
        }
    }
}

impl Backend {
    /// Whether conditions on writes are accepted and not looked at.
    pub(crate) fn ignore_conditions(&self, ignore: bool) {
        self.buckets().switches.ignore_conditions = ignore;
    }

    /// From now on, new objects of `source` are replicated to `target`.
    pub(crate) fn replicate(&self, source: &str, target: &str, mode: ReplicationMode) -> S3Result<()> {
        let mut buckets = self.buckets();
        buckets.bucket(target, None)?;
        let bucket = buckets.bucket_mut(source, None)?;
        bucket.replication = Some(Replication { target: target.to_owned(), mode });
        Ok(())
    }

    /// Copies everything of `source` that is pending, and marks it completed. Returns how many.
    pub(crate) fn finish_replication(&self, source: &str) -> S3Result<usize> {
        let mut buckets = self.buckets();
        let bucket = buckets.bucket_mut(source, None)?;
        let mut finished = Vec::new();
        for version in bucket.keys.values_mut().flatten() {
            if let Some(object) = &mut version.kept.object
                && object.replication == Some(ReplicationState::Pending)
            {
                object.replication = Some(ReplicationState::Completed);
                finished.push(version.clone());
            }
        }
        for version in &finished {
            self.save_version(version)?;
            self.replicate_new(&mut buckets, version)?;
        }
        Ok(finished.len())
    }

    /// Makes the replica of a version whose replication is completed.
    pub(super) fn replicate_new(&self, buckets: &mut Buckets, version: &Version) -> S3Result<()> {
        let Some(object) = version.object().filter(|o| o.replication == Some(ReplicationState::Completed))
        else {
            return Ok(());
        };
        let source = buckets.by_name.get(&version.kept.bucket);
        let Some(target) = source.and_then(|bucket| bucket.replication.as_ref()).map(|r| r.target.clone())
        else {
            return Ok(());
        };
        let replica = Object {
            content: object.content.duplicate(&self.store).map_err(internal)?,
            replication: Some(ReplicationState::Replica),
            legal_hold: false,
            ..object.clone()
        };
        let content = replica.content.clone();
        let added = self.add_version(buckets, &target, &version.kept.key, Some(replica));
        if added.is_err() {
            self.store.remove_content(&content).map_err(S3Error::internal_error)?;
        }
        added.map(drop)
    }
}
