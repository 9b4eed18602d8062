//! Deleting many objects.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures::stream::{self, StreamExt};

use crate::operations::DELETE;
use crate::{Store, StoreError};

/// The most keys that one `DeleteObjects` call takes.
const KEYS_A_CALL: usize = 1000;

/// How many `DeleteObjects` calls run at once. S3 allows 3,500 writes a second on a prefix, and each key
/// counts as one.
const CALLS_AT_ONCE: usize = 4;

/// What to delete.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// The key.
    pub key: String,
    /// The version to delete for good; without one, a versioned bucket only adds a delete marker.
    pub version_id: Option<String>,
}

/// An object that was not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The object.
    pub object: ObjectId,
    /// S3's error code for it (`AccessDenied`).
    pub code: String,
    /// S3's explanation.
    pub message: String,
}

impl Failure {
    /// Whether the error may be gone in a moment.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.code.as_str(),
            "SlowDown" | "InternalError" | "ServiceUnavailable" | "RequestTimeout" | "OperationAborted"
        )
    }
}

/// What a bulk delete achieved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Objects that are gone, those that were gone before included.
    pub count: usize,
    /// Objects that are still there.
    pub failures: Vec<Failure>,
}

impl Store {
    /// Deletes objects: 1000 a call, several calls at once. Adds what has come of it to `done`, as far as it is known when an
    /// error ends it.
    ///
    /// S3 answers for each key. Keys that it was too busy for are tried again; others that it refused
    /// come back in [`Deleted::failures`]. An error means that a whole call failed; what other calls
    /// deleted stays deleted, so the same list may be given again.
    pub async fn delete_many(&self, objects: Vec<ObjectId>, done: &mut Deleted) -> Result<(), StoreError> {
        let batches: Vec<_> = objects.chunks(KEYS_A_CALL).map(<[ObjectId]>::to_vec).collect();
        let deleting = stream::iter(batches).map(|batch| self.delete_batch(batch));
        let mut deleting = deleting.buffer_unordered(CALLS_AT_ONCE);
        while let Some((batch, ended)) = deleting.next().await {
            done.count += batch.count;
            done.failures.extend(batch.failures);
            ended?;
        }
        Ok(())
    }

    /// What has come of a batch, and what ended it before its end.
    async fn delete_batch(&self, mut batch: Vec<ObjectId>) -> (Deleted, Result<(), StoreError>) {
        let mut backoff = self.caller.backoff();
        let mut done = Deleted::default();
        loop {
            let failures = match self.delete_once(&batch).await {
                Ok(failures) => failures,
                Err(error) => return (done, Err(error)),
            };
            done.count += batch.len() - failures.len();
            let (passing, lasting): (Vec<_>, Vec<_>) = failures.into_iter().partition(Failure::is_passing);
            done.failures.extend(lasting);
            if passing.is_empty() {
                return (done, Ok(()));
            }
            if backoff.wait().await.is_err() {
                done.failures.extend(passing);
                return (done, Ok(()));
            }
            batch = passing.into_iter().map(|failure| failure.object).collect();
        }
    }

    async fn delete_once(&self, batch: &[ObjectId]) -> Result<Vec<Failure>, StoreError> {
        let Some(first) = batch.first() else { return Ok(Vec::new()) };
        let malformed = |how: &dyn ToString| self.malformed(DELETE, &first.key, how.to_string());
        let identifiers = batch.iter().map(|object| {
            let identifier = ObjectIdentifier::builder().key(&object.key);
            identifier.set_version_id(object.version_id.clone()).build().map_err(|error| malformed(&error))
        });
        let identifiers = identifiers.collect::<Result<Vec<_>, _>>()?;
        let delete = Delete::builder().set_objects(Some(identifiers)).quiet(true).build();
        let delete = delete.map_err(|error| malformed(&error))?;
        let send = || {
            let request = self.client.delete_objects().bucket(self.bucket()).delete(delete.clone());
            request.set_expected_bucket_owner(self.owner()).send()
        };
        let (answer, _) = self.caller.call(DELETE.name, send).await;
        let answer = answer.map_err(|error| self.error(DELETE, &first.key, error))?;
        let mut failures = BTreeMap::new();
        for error in answer.errors.unwrap_or_default() {
            let (key, version) = (error.key.unwrap_or_default(), error.version_id);
            // Some stores name a version even where none was asked for.
            let asked = |object: &&ObjectId| {
                object.key == key && (object.version_id == version || object.version_id.is_none())
            };
            let object = batch.iter().find(asked);
            let object =
                object.ok_or_else(|| malformed(&format!("names {key:?}, which was not asked for")))?;
            let (code, message) = (error.code.unwrap_or_default(), error.message.unwrap_or_default());
            failures.insert(object, Failure { object: object.clone(), code, message });
        }
        Ok(failures.into_values().collect())
    }
}

#[cfg(test)]
mod tests;
