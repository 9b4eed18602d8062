//! What can go wrong with the store, and what to do about it.

use std::io;

use lakeward_aws::{AwsError, CallError};
use lakeward_outcome::{Classify, Kind};

/// An error of the store. Names the bucket and the key, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The bucket does not exist.
    #[error("bucket {bucket} does not exist: create it, or mend its name")]
    NoSuchBucket {
        /// The bucket.
        bucket: String,
    },
    /// The object does not exist.
    #[error("s3://{bucket}/{key} does not exist")]
    NoSuchKey {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The caller may not do this.
    #[error(
        "access to s3://{bucket}/{key} is denied: allow {action} in the policies of role, bucket and KMS key{owner}"
    )]
    Denied {
        /// The bucket.
        bucket: String,
        /// The key or prefix.
        key: String,
        /// The IAM actions to allow.
        action: String,
        /// What to say about the expected owner, if one was given.
        owner: String,
        /// S3's answer.
        source: Box<CallError>,
    },
    /// The caller may not use the KMS key of an object.
    #[error(
        "the KMS key of s3://{bucket}/{key} may not be used: allow {action} on the key, in the policies of the role and of \
         the key, or mend --sse-kms-key-id"
    )]
    KeyDenied {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// The IAM action to allow.
        action: String,
        /// S3's answer.
        source: Box<CallError>,
    },
    /// The KMS key of an object cannot be used by anybody.
    #[error(
        "the KMS key of s3://{bucket}/{key} cannot be used: it must exist, be enabled, and be in the bucket's region; \
         mend it, the bucket's default encryption or --sse-kms-key-id"
    )]
    Key {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
        /// S3's answer.
        source: Box<CallError>,
    },
    /// The bucket is in another Region.
    #[error("bucket {bucket} is not in region {region}: set AWS_REGION to the bucket's region")]
    WrongRegion {
        /// The bucket.
        bucket: String,
        /// The Region that was asked.
        region: String,
        /// S3's answer.
        source: Box<CallError>,
    },
    /// No connection to the endpoint.
    #[error("cannot reach {endpoint} for bucket {bucket}: check AWS_ENDPOINT_URL and the network")]
    Unreachable {
        /// The endpoint.
        endpoint: String,
        /// The bucket.
        bucket: String,
        /// What the connection said.
        source: Box<CallError>,
    },
    /// The store accepts conditional writes and ignores their conditions, or does not know them.
    #[error(
        "the store behind bucket {bucket} {how}: lakeward changes its manifests by compare-and-swap and needs a store that honours If-None-Match and If-Match, such as Amazon S3"
    )]
    ConditionsIgnored {
        /// The bucket.
        bucket: String,
        /// What the store did.
        how: &'static str,
    },
    /// An object that must be new is there already.
    #[error("s3://{bucket}/{key} exists already and is never overwritten: run again, which takes a new key")]
    AlreadyExists {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// Somebody aborted the multipart upload.
    #[error("the multipart upload of s3://{bucket}/{key} was aborted by somebody else: run again")]
    UploadGone {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// A change may or may not have been applied, and reading back did not tell.
    #[error(
        "it is not known whether {operation} on s3://{bucket}/{key} was applied ({why}): run the same command again"
    )]
    Unsettled {
        /// The operation.
        operation: &'static str,
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// Why reading back did not tell.
        why: String,
    },
    /// A local file could not be read or written.
    #[error(
        "a local file on its way to or from s3://{bucket}/{key} failed: check the scratch folder's room and permissions (--scratch)"
    )]
    File {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file has more bytes than parts can carry.
    #[error("file for s3://{bucket}/{key} is too large for S3: lower --target-file-size")]
    TooLarge {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// The store answered in a way that S3 does not.
    #[error("the store's answer to {operation} on s3://{bucket}/{key} {how}")]
    Malformed {
        /// The operation.
        operation: &'static str,
        /// The bucket.
        bucket: String,
        /// The key or prefix.
        key: String,
        /// What is wrong with it.
        how: String,
    },
    /// Any other failed call.
    #[error("s3://{bucket}/{key}")]
    Call {
        /// The bucket.
        bucket: String,
        /// The key or prefix.
        key: String,
        /// S3's answer.
        source: Box<CallError>,
    },
    /// AWS is not configured.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Classify for StoreError {
    fn kind(&self) -> Kind {
        match self {
            Self::NoSuchBucket { .. }
            | Self::Denied { .. }
            | Self::KeyDenied { .. }
            | Self::Key { .. }
            | Self::WrongRegion { .. }
            | Self::ConditionsIgnored { .. }
            | Self::File { .. } => Kind::Configuration,
            Self::Unreachable { .. } | Self::UploadGone { .. } | Self::AlreadyExists { .. } => {
                Kind::Transient
            }
            Self::Unsettled { .. } => Kind::Unknown,
            Self::TooLarge { .. } => Kind::Usage,
            Self::NoSuchKey { .. } | Self::Malformed { .. } => Kind::Unexpected,
            Self::Call { source, .. } => source.kind(),
            Self::Aws(error) => error.kind(),
        }
    }
}
