//! The replica: whether S3 has copied every file to the second bucket.

use std::fmt;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use lakeward_aws::{Backoff, End, RetryPolicy};
use lakeward_manifest::{DataFile, Sealed};
use lakeward_outcome::Failure;
use lakeward_store::{Replication, Store, StoreError};

use crate::error::VerifyError;
use crate::files::{content_difference, prefix};

/// The first and the longest wait between two looks. Most objects are copied within seconds, some take minutes.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A bucket that holds the same keys as the table's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaBucket(String);

impl ReplicaBucket {
    /// The bucket's name.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReplicaBucket {
    type Err = String;

    fn from_str(uri: &str) -> Result<Self, String> {
        let bucket = uri.strip_prefix("s3://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
        match bucket {
            Some(bucket) if !bucket.is_empty() && !bucket.contains('/') => Ok(Self(bucket.to_owned())),
            _ => Err(format!(
                "{uri:?} is not a whole bucket, such as s3://lake-replica/: keys are the table's own"
            )),
        }
    }
}

impl fmt::Display for ReplicaBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/", self.0)
    }
}

/// The two buckets.
pub(crate) struct Pair<'s> {
    pub(crate) source: &'s Store,
    pub(crate) replica: &'s Store,
    /// Files looked at at once.
    pub(crate) concurrency: usize,
}

/// How to wait for S3 to copy, for `timeout` in all.
pub(crate) fn waits(timeout: Duration) -> RetryPolicy {
    RetryPolicy { patience: timeout, base: WAITS.0, cap: WAITS.1 }
}

/// What one look at one file has shown.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Same,
    Pending,
    Differs(String),
}

impl Pair<'_> {
    /// Waits until the replica has every file as the manifest says, and calls `done` with the number of files that
    /// each look has settled. One line for each difference that waiting would not mend; the first look that finds
    /// any ends the waiting.
    ///
    /// # Errors
    /// A replica bucket that does not exist or may not be listed, and [`VerifyError::ReplicaLate`] when S3 is still
    /// copying at the end of `backoff`.
    pub(crate) async fn compare(
        &self,
        run: &Sealed<'_>,
        mut backoff: Backoff,
        done: impl Fn(u64),
    ) -> Result<Vec<String>, Failure> {
        self.require_bucket(run).await?;
        let files = run.written.files.len();
        let mut waiting: Vec<(String, &DataFile)> =
            run.written.files.iter().map(|file| (run.key(file), file)).collect();
        loop {
            let before = waiting.len();
            let differences = self.look_at_all(&mut waiting).await?;
            done((before - waiting.len()) as u64);
            let Some((_, first)) = waiting.first().filter(|_| differences.is_empty()) else {
                return Ok(differences);
            };
            let (missing, first) = (waiting.len(), first.path.clone());
            match backoff.wait().await {
                Ok(wait) => tracing::info!(missing, ?wait, "the replica does not have every file yet"),
                Err(End::OutOfPatience) => {
                    let bucket = self.replica.bucket().to_owned();
                    return Err(VerifyError::ReplicaLate { missing, files, bucket, first }.into());
                }
                Err(End::Cancelled) => return Err(VerifyError::Stopped.into()),
            }
        }
    }

    /// A HEAD in a bucket that does not exist looks like a missing object, and a wrong `--replica` must not reject
    /// the run: a listing tells them apart.
    async fn require_bucket(&self, run: &Sealed<'_>) -> Result<(), Failure> {
        pin!(self.replica.list_pages(&prefix(run))).try_next().await?;
        Ok(())
    }

    /// Looks once at every file that is waited for, and keeps those that are still to come.
    async fn look_at_all(&self, waiting: &mut Vec<(String, &DataFile)>) -> Result<Vec<String>, StoreError> {
        let looks =
            stream::iter(waiting.iter()).map(|(key, file)| self.look(key, file)).buffered(self.concurrency);
        let mut looks = looks.try_collect::<Vec<Look>>().await?.into_iter();
        let mut differences = Vec::new();
        waiting.retain(|_| match looks.next() {
            Some(Look::Differs(line)) => {
                differences.push(line);
                false
            }
            Some(Look::Pending) => true,
            Some(Look::Same) | None => false,
        });
        Ok(differences)
    }

    async fn look(&self, key: &str, file: &DataFile) -> Result<Look, StoreError> {
        if let Some(found) = self.copy_of(key, file).await? {
            return Ok(found);
        }
        let differs =
            |why: &str| Ok(Look::Differs(format!("{} is not in the replica bucket: {why}", file.path)));
        let source = self.source.head(key).await?;
        match source.map(|info| info.replication) {
            None => differs("it is gone from the table's bucket too"),
            Some(None) => {
                differs("no replication rule covers it; add one, then replicate it with S3 Batch Replication")
            }
            Some(Some(Replication::Failed)) => {
                differs("S3 has given up; check the replication role's permissions")
            }
            Some(Some(Replication::Replica)) => {
                differs("it is a replica itself, which S3 does not replicate on")
            }
            Some(Some(Replication::Pending | Replication::Unknown(_))) => Ok(Look::Pending),
            // It may have been copied between the two looks.
            Some(Some(Replication::Completed)) => match self.copy_of(key, file).await? {
                Some(found) => Ok(found),
                None => {
                    differs("S3 says that it was replicated, so to another bucket, or it was deleted there")
                }
            },
        }
    }

    /// The replica's object against the manifest; none if it has none.
    async fn copy_of(&self, key: &str, file: &DataFile) -> Result<Option<Look>, StoreError> {
        let Some(info) = self.replica.head(key).await? else { return Ok(None) };
        let difference = content_difference(self.replica, key, &info, file).await?;
        let found =
            difference.map_or(Look::Same, |line| Look::Differs(format!("in the replica bucket, {line}")));
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use lakeward_aws::testing::{Reply, Script, caller};
    use lakeward_outcome::Kind;
    use lakeward_store::StoreOptions;

    use super::*;
    use crate::testing::{Bucket, Lake, backoff, lake};

    struct Buckets {
        lake: Lake,
        replica: Bucket,
        keys: Vec<String>,
    }

    /// A run of three files that are all replicated.
    fn replicated() -> Buckets {
        let lake = lake("SELECT range AS id, range % 3 AS region FROM range(30)", &["region"]);
        lake.bucket.edit_all(|object| object.replication = Some("COMPLETED"));
        let replica = lake.bucket.copy();
        replica.edit_all(|object| object.replication = Some("REPLICA"));
        let sealed = lake.manifest.sealed().unwrap();
        let keys = sealed.written.files.iter().map(|file| sealed.key(file)).collect();
        Buckets { lake, replica, keys }
    }

    impl Buckets {
        async fn compare(&self) -> Result<Vec<String>, Failure> {
            self.compare_with(|| {}).await
        }

        /// Compares, with `before` run before each answer of the replica.
        async fn compare_with(
            &self,
            before: impl Fn() + Send + Sync + 'static,
        ) -> Result<Vec<String>, Failure> {
            let (source, _) = self.lake.bucket.open("lake");
            let (replica, _) = self.replica.open_with("lake-replica", move |_| before());
            let pair = Pair { source: &source, replica: &replica, concurrency: 2 };
            let waiting = backoff(waits(Duration::from_mins(15)));
            pair.compare(&self.lake.manifest.sealed().unwrap(), waiting, |_| {}).await
        }

        /// The one line found when the first file is not in the replica and the source says `status` of it.
        async fn line(&self, status: Option<&'static str>) -> String {
            self.replica.remove(&self.keys[0]);
            self.lake.bucket.edit(&self.keys[0], |object| object.replication = status);
            let found = self.compare().await.unwrap();
            assert_eq!(found.len(), 1, "{found:?}");
            found.into_iter().next().unwrap()
        }
    }

    #[test]
    fn a_replica_is_a_whole_bucket() {
        for uri in ["s3://lake-replica/", "s3://lake-replica"] {
            assert_eq!(uri.parse::<ReplicaBucket>().unwrap().to_string(), "s3://lake-replica/");
        }
        for bad in ["lake-replica", "s3://", "s3:///", "s3://lake-replica/orders/", "https://lake-replica/"] {
            assert!(bad.parse::<ReplicaBucket>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_replica_bucket_that_does_not_exist_is_no_reason_to_reject_the_run() {
        let buckets = replicated();
        let (source, _) = buckets.lake.bucket.open("lake");
        let absent = Script::answering(|seen| match seen.method.as_str() {
            "HEAD" => Reply::new(404, ""),
            _ => Reply::xml_error(404, "NoSuchBucket"),
        });
        let replica = Store::open(&absent.config(), "typo", StoreOptions::default(), caller()).unwrap();
        let pair = Pair { source: &source, replica: &replica, concurrency: 2 };
        let sealed = buckets.lake.manifest.sealed().unwrap();
        let compared = pair.compare(&sealed, backoff(waits(Duration::ZERO)), |_| {});
        let failure = compared.await.unwrap_err();
        assert_eq!(failure.kind(), Kind::Configuration);
        assert!(failure.message().starts_with("bucket typo does not exist"), "{failure}");
    }

    #[tokio::test]
    async fn a_complete_replica_shows_no_difference() {
        assert_eq!(replicated().compare().await.unwrap(), [""; 0]);
    }

    #[tokio::test]
    async fn another_content_in_the_replica_is_a_difference() {
        let buckets = replicated();
        buckets.replica.put(&buckets.keys[1], vec![1, 2, 3]);
        let found = buckets.compare().await.unwrap();
        assert!(found.len() == 1 && found[0].contains("has 3 bytes instead of"), "{found:?}");
    }

    #[tokio::test]
    async fn what_waiting_would_not_mend_is_a_difference_at_once() {
        assert!(replicated().line(Some("FAILED")).await.contains("S3 has given up"));
        assert!(replicated().line(None).await.contains("no replication rule"));
        assert!(replicated().line(Some("REPLICA")).await.contains("a replica itself"));
        assert!(replicated().line(Some("COMPLETED")).await.contains("to another bucket"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_still_being_copied_is_waited_for() {
        let buckets = replicated();
        let key = buckets.keys[0].clone();
        buckets.lake.bucket.edit(&key, |object| object.replication = Some("PENDING"));
        let mut bytes = Vec::new();
        buckets.replica.edit(&key, |object| bytes.clone_from(&object.bytes));
        buckets.replica.remove(&key);
        let (looks, replica) = (AtomicUsize::new(0), buckets.replica.clone());
        let compared = buckets.compare_with(move || {
            // A listing, three looks at all files, then one each at the file that is missing.
            if looks.fetch_add(1, Ordering::SeqCst) == 6 {
                replica.put(&key, bytes.clone());
            }
        });
        assert_eq!(compared.await.unwrap(), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_that_is_late_is_no_reason_to_reject_the_run() {
        let buckets = replicated();
        buckets.replica.remove(&buckets.keys[2]);
        buckets.lake.bucket.edit(&buckets.keys[2], |object| object.replication = Some("PENDING"));
        let failure = buckets.compare().await.unwrap_err();
        assert_eq!(failure.kind(), Kind::Transient);
        assert!(failure.message().starts_with("1 of 3 files are not yet in the replica bucket lake-replica"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_hopeless_file_ends_the_wait_for_the_others() {
        let buckets = replicated();
        for (key, status) in [(0, "FAILED"), (1, "PENDING")] {
            buckets.replica.remove(&buckets.keys[key]);
            buckets.lake.bucket.edit(&buckets.keys[key], |object| object.replication = Some(status));
        }
        let started = tokio::time::Instant::now();
        assert_eq!(buckets.compare().await.unwrap().len(), 1);
        assert!(started.elapsed() < WAITS.0, "no wait between looks");
    }
}
