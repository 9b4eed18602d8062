//! Where a table's things lie in S3. The one home of every key's shape:
//!
//! ```text
//! <root>/_runs/<run id>/manifest.json
//! <root>/_runs/<run id>/last-failure.json
//! <root>/_runs/capabilities.json
//! <root>/_writes/<run id>/<attempt>/[dt=2026-05-19/]part-<uuid>.parquet
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, RunId};
use crate::prefix::Prefix;

const RUNS: &str = "_runs";
const WRITES: &str = "_writes";
const MANIFEST: &str = "manifest.json";
const FAILURE: &str = "last-failure.json";
/// The longest key that S3 takes, in bytes.
pub const LONGEST_KEY: usize = 1024;
/// Leaves room for run, attempt and partition folders in [`LONGEST_KEY`].
const MAX_ROOT_KEY: usize = 400;

/// A URI that cannot be a table root or a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// No `s3://bucket/prefix/`.
    #[error("{0:?} is not of the form s3://bucket/prefix/")]
    NotS3(String),
    /// A table root must not be a whole bucket.
    #[error("{0:?} names a whole bucket: a table needs a prefix of its own, such as s3://bucket/orders/")]
    WholeBucket(String),
    /// Empty components, or characters that some reader does not take in a Location.
    #[error(
        "{uri:?}: {component:?} cannot be part of a table root: use letters, digits, '-', '_', '.' and '=', \
         one slash between names"
    )]
    Component {
        /// The URI as given.
        uri: String,
        /// The offending component.
        component: String,
    },
    /// The prefix is one of Lakeward's own folders inside another table.
    #[error("{0:?} lies inside the {RUNS}/ or {WRITES}/ folder of a table: give the table's root")]
    Inside(String),
    /// The prefix is too long to leave room for the files' own names.
    #[error("{0:?} is too long: a table root's prefix has at most {MAX_ROOT_KEY} bytes")]
    TooLong(String),
    /// Not `<root>/_runs/<run id>/manifest.json`.
    #[error("{0:?} is not the URI of a manifest: expected s3://bucket/prefix/{RUNS}/<run id>/{MANIFEST}")]
    NotManifest(String),
}

/// The S3 prefix that owns one table, `s3://bucket/prefix/`. Always ends in one slash, so that `orders/` never
/// reaches `orders_eu/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct TableRoot {
    bucket: String,
    /// Without a leading slash, with the closing one.
    prefix: String,
}

impl TableRoot {
    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key prefix, ending in a slash.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// `<prefix>_runs/`: one folder for each run's manifest.
    pub fn runs_prefix(&self) -> Prefix {
        Prefix::closed(format!("{}{RUNS}/", self.prefix))
    }

    /// `<prefix>_writes/`: one folder for each run's attempts.
    pub fn writes_prefix(&self) -> Prefix {
        Prefix::closed(format!("{}{WRITES}/", self.prefix))
    }

    /// The prefix of a run's documents: its manifest and the note of its last failure.
    pub fn run_prefix(&self, run: &RunId) -> Prefix {
        Prefix::closed(format!("{}{run}/", self.runs_prefix()))
    }

    /// The key of a run's manifest.
    pub fn manifest_key(&self, run: &RunId) -> String {
        self.run_prefix(run).key(MANIFEST)
    }

    /// The key of the note of a run's last failure.
    pub fn failure_key(&self, run: &RunId) -> String {
        self.run_prefix(run).key(FAILURE)
    }

    /// The prefix of all attempts of a run.
    pub fn run_writes_prefix(&self, run: &RunId) -> Prefix {
        Prefix::closed(format!("{}{run}/", self.writes_prefix()))
    }

    /// The prefix of one attempt's files: a version's Location, as a key.
    pub fn attempt_prefix(&self, run: &RunId, attempt: &AttemptId) -> Prefix {
        Prefix::closed(format!("{}{attempt}/", self.run_writes_prefix(run)))
    }

    /// The Location of one attempt's files: `s3://.../<attempt>/`.
    pub fn location(&self, run: &RunId, attempt: &AttemptId) -> String {
        self.uri(self.attempt_prefix(run, attempt).as_str())
    }

    /// The URI of a key in this root's bucket.
    pub fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// The key of a URI in this root's bucket, or none for another bucket.
    pub fn key_of<'u>(&self, uri: &'u str) -> Option<&'u str> {
        let rest = ["s3://", "s3a://", "s3n://"].iter().find_map(|scheme| uri.strip_prefix(scheme))?;
        rest.strip_prefix(self.bucket.as_str())?.strip_prefix('/')
    }

    /// Whether a URI is this root or lies under it. Tolerates a missing closing slash.
    pub fn contains(&self, uri: &str) -> bool {
        self.key_of(uri).is_some_and(|key| key.starts_with(&self.prefix) || format!("{key}/") == self.prefix)
    }

    /// The run and attempt that own a key under `_writes/`, if it has that shape.
    pub fn attempt_of_key(&self, key: &str) -> Option<(RunId, AttemptId)> {
        let mut parts = key.strip_prefix(self.writes_prefix().as_str())?.split('/');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    /// The run whose manifest lies at a key, if it has that shape.
    pub fn run_of_manifest_key(&self, key: &str) -> Option<RunId> {
        self.run_of_document(key, MANIFEST)
    }

    /// The run whose note of a failure lies at a key, if it has that shape.
    pub fn run_of_failure_key(&self, key: &str) -> Option<RunId> {
        self.run_of_document(key, FAILURE)
    }

    fn run_of_document(&self, key: &str, document: &str) -> Option<RunId> {
        let (run, name) = key.strip_prefix(self.runs_prefix().as_str())?.split_once('/')?;
        if name == document { run.parse().ok() } else { None }
    }
}

/// The bucket and the key of an `s3://` URI. The key may be anything, and nothing at all.
///
/// # Errors
/// It is no such URI, or what stands for the bucket can be none's name.
pub fn split_s3(uri: &str) -> Result<(&str, &str), RootError> {
    let rest = uri.strip_prefix("s3://").ok_or_else(|| RootError::NotS3(uri.into()))?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let valid = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
    if valid { Ok((bucket, key)) } else { Err(RootError::NotS3(uri.into())) }
}

impl FromStr for TableRoot {
    type Err = RootError;

    fn from_str(uri: &str) -> Result<Self, RootError> {
        let (bucket, key) = split_s3(uri)?;
        let key = key.strip_suffix('/').unwrap_or(key);
        if key.is_empty() {
            return Err(RootError::WholeBucket(uri.into()));
        }
        if key.len() > MAX_ROOT_KEY {
            return Err(RootError::TooLong(uri.into()));
        }
        for component in key.split('/') {
            let plain = component.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.=".contains(&b));
            if !plain || component.is_empty() || component == "." || component == ".." {
                return Err(RootError::Component { uri: uri.into(), component: component.into() });
            }
            if component == RUNS || component == WRITES {
                return Err(RootError::Inside(uri.into()));
            }
        }
        Ok(Self { bucket: bucket.into(), prefix: format!("{key}/") })
    }
}

impl TryFrom<String> for TableRoot {
    type Error = RootError;

    fn try_from(uri: String) -> Result<Self, RootError> {
        uri.parse()
    }
}

impl From<TableRoot> for String {
    fn from(root: TableRoot) -> Self {
        root.to_string()
    }
}

impl fmt::Display for TableRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// The URI of a run's manifest: what each later step is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ManifestUri {
    /// The table that the run belongs to.
    pub root: TableRoot,
    /// The run.
    pub run: RunId,
}

impl ManifestUri {
    /// The manifest's key in the root's bucket.
    pub fn key(&self) -> String {
        self.root.manifest_key(&self.run)
    }
}

impl FromStr for ManifestUri {
    type Err = RootError;

    fn from_str(uri: &str) -> Result<Self, RootError> {
        let not_manifest = || RootError::NotManifest(uri.into());
        let rest = uri.strip_suffix(&format!("/{MANIFEST}")).ok_or_else(not_manifest)?;
        let (above, run) = rest.rsplit_once('/').ok_or_else(not_manifest)?;
        let root = above.strip_suffix(&format!("/{RUNS}")).ok_or_else(not_manifest)?;
        Ok(Self { root: root.parse()?, run: run.parse().map_err(|_| not_manifest())? })
    }
}

impl TryFrom<String> for ManifestUri {
    type Error = RootError;

    fn try_from(uri: String) -> Result<Self, RootError> {
        uri.parse()
    }
}

impl From<ManifestUri> for String {
    fn from(uri: ManifestUri) -> Self {
        uri.to_string()
    }
}

impl fmt::Display for ManifestUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root.uri(&self.key()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(uri: &str) -> TableRoot {
        uri.parse().unwrap()
    }

    #[test]
    fn a_root_always_ends_in_one_slash() {
        assert_eq!(root("s3://lake/analytics/orders").to_string(), "s3://lake/analytics/orders/");
        assert_eq!(root("s3://lake/analytics/orders/").to_string(), "s3://lake/analytics/orders/");
    }

    /// aws-sdk-pandas#144: an overwrite of `foo` deleted its sibling `foo_bar` too.
    #[test]
    fn a_sibling_that_shares_a_name_is_not_inside() {
        let orders = root("s3://lake/orders/");
        assert!(orders.contains("s3://lake/orders/_writes/x/"));
        assert!(orders.contains("s3a://lake/orders"));
        assert!(!orders.contains("s3://lake/orders_eu/x"));
        assert!(!orders.contains("s3://lake-2/orders/x"));
    }

    #[test]
    fn what_cannot_be_a_location_is_refused() {
        for bad in [
            "lake/orders",
            "s3://",
            "s3://lake",
            "s3://lake/",
            "s3://lake//orders/",
            "s3://lake/orders//",
            "s3://lake/or ders/",
            "s3://lake/a/../b/",
            "s3://LAKE/orders/",
            "s3://lake/orders/_runs/",
            "s3://lake/orders/_writes/x/",
            "s3://lake/órders/",
            "s3://lake/or'ders/",
            "s3a://lake/orders/",
        ] {
            assert!(bad.parse::<TableRoot>().is_err(), "{bad}");
        }
        assert!(format!("s3://lake/{}/", "x".repeat(401)).parse::<TableRoot>().is_err());
    }

    #[test]
    fn a_manifest_uri_names_its_root_and_run() {
        let uri: ManifestUri = "s3://lake/a/orders/_runs/2026-05-19-060000/manifest.json".parse().unwrap();
        assert_eq!(uri.root, root("s3://lake/a/orders/"));
        assert_eq!(uri.run.as_str(), "2026-05-19-060000");
        assert_eq!(uri.to_string(), "s3://lake/a/orders/_runs/2026-05-19-060000/manifest.json");
        for bad in [
            "s3://lake/orders/",
            "s3://lake/_runs/2026-05-19-060000/manifest.json",
            "s3://lake/a/_runs/x/manifest.json",
        ] {
            assert!(bad.parse::<ManifestUri>().is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_read_back_into_the_ids_that_made_them() {
        let orders = root("s3://lake/orders/");
        let run: RunId = "2026-05-19-060000".parse().unwrap();
        let attempt: AttemptId = "0123456789ab".parse().unwrap();
        let key = format!("{}dt=1/part-0.parquet", orders.attempt_prefix(&run, &attempt));
        assert_eq!(orders.attempt_of_key(&key), Some((run.clone(), attempt)));
        assert_eq!(orders.run_of_manifest_key(&orders.manifest_key(&run)), Some(run.clone()));
        assert_eq!(orders.run_of_failure_key(&orders.failure_key(&run)), Some(run.clone()));
        assert_eq!(orders.run_of_manifest_key(&orders.failure_key(&run)), None);
        assert_eq!(orders.attempt_of_key("orders/_writes/elsewhere/x"), None);
        assert_eq!(orders.run_of_manifest_key("orders/_runs/capabilities.json"), None);
    }
}
