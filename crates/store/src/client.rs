//! One bucket, and how errors about it are told.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use lakeward_aws::{CallError, Caller, Fault, SdkConfig};

use crate::StoreError;
use crate::encryption::{Encryption, denied_key_use};
use crate::operations::Operation;

/// How long an upload may take until S3 answers. The ordinary read timeout covers sending the body
/// too, which on a slow line takes longer; a line that is dead is found by the SDK's protection
/// against stalled streams.
const UPLOAD_TIMEOUT: Duration = Duration::from_mins(10);
/// The service as AWS names it.
const SERVICE: &str = "S3";

/// What narrows the use of a bucket.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// The account that must own the bucket; otherwise S3 answers 403 (`ExpectedBucketOwner`).
    pub expected_owner: Option<String>,
    /// How new objects are encrypted; the bucket's own default without it.
    pub encryption: Option<Encryption>,
}

/// One bucket. Clones share the connection and the count of calls.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) client: Client,
    /// The same client with time enough for uploads.
    pub(crate) uploader: Client,
    pub(crate) caller: Caller,
    place: Arc<Place>,
}

#[derive(Debug)]
struct Place {
    bucket: String,
    owner: Option<String>,
    encryption: Option<Encryption>,
    endpoint: String,
    region: String,
}

impl Store {
    /// The bucket `bucket`, reached with `config`. Makes no call.
    ///
    /// A custom endpoint is addressed by path (`http://host/bucket/key`): a bucket's name below an
    /// arbitrary host name or address would not resolve.
    pub fn open(
        config: &SdkConfig,
        bucket: impl Into<String>,
        options: StoreOptions,
        caller: Caller,
    ) -> Result<Self, StoreError> {
        let region = lakeward_aws::region(config)?.to_owned();
        let endpoint = lakeward_aws::endpoint(config, SERVICE);
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(endpoint.is_some()).build();
        let timeouts = s3.timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
        let patient = timeouts.read_timeout(UPLOAD_TIMEOUT).build();
        let uploader = Client::from_conf(s3.to_builder().timeout_config(patient).build());
        let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let StoreOptions { expected_owner: owner, encryption } = options;
        let place = Place { bucket: bucket.into(), owner, encryption, endpoint, region };
        let caller = caller.to(SERVICE);
        Ok(Self { client: Client::from_conf(s3), uploader, caller, place: Arc::new(place) })
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.place.bucket
    }

    /// The URI of a key in this bucket.
    pub fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket())
    }

    /// What makes this store's calls: their count, and the signal that stops them.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The same bucket through another caller.
    #[must_use]
    pub fn with_caller(&self, caller: Caller) -> Self {
        Self { caller: caller.to(SERVICE), ..self.clone() }
    }

    /// The same bucket for cleaning up, even after the step was told to stop.
    pub(crate) fn for_cleanup(&self) -> Self {
        self.with_caller(self.caller.for_cleanup())
    }

    pub(crate) fn owner(&self) -> Option<String> {
        self.place.owner.clone()
    }

    pub(crate) fn encryption(&self) -> Option<&Encryption> {
        self.place.encryption.as_ref()
    }

    /// Turns a failed call on a key or prefix into the error that says what to do.
    pub(crate) fn error(&self, operation: Operation, key: &str, source: CallError) -> StoreError {
        let source = Box::new(source);
        let (bucket, key) = (self.place.bucket.clone(), key.to_owned());
        match source.fault {
            Fault::NotFound if source.code.as_deref() == Some("NoSuchBucket") => {
                StoreError::NoSuchBucket { bucket }
            }
            Fault::NotFound if source.code.as_deref() == Some("NoSuchUpload") => {
                StoreError::UploadGone { bucket, key }
            }
            Fault::NotFound => StoreError::NoSuchKey { bucket, key },
            Fault::Key => StoreError::Key { bucket, key, source },
            Fault::Denied if denied_key_use(&source).is_some() => {
                let action = denied_key_use(&source).unwrap_or_default().to_owned();
                StoreError::KeyDenied { bucket, key, action, source }
            }
            Fault::Denied => {
                let owner = self
                    .place
                    .owner
                    .as_ref()
                    .map(|owner| format!(", and make sure that the bucket belongs to account {owner}"));
                let owner = owner.unwrap_or_default();
                StoreError::Denied { bucket, key, action: operation.to_allow(), owner, source }
            }
            Fault::Moved => StoreError::WrongRegion { bucket, region: self.place.region.clone(), source },
            Fault::Unreachable => {
                StoreError::Unreachable { endpoint: self.place.endpoint.clone(), bucket, source }
            }
            _ => StoreError::Call { bucket, key, source },
        }
    }

    pub(crate) fn file(&self, key: &str, source: io::Error) -> StoreError {
        StoreError::File { bucket: self.place.bucket.clone(), key: key.to_owned(), source }
    }

    pub(crate) fn no_such_key(&self, key: &str) -> StoreError {
        StoreError::NoSuchKey { bucket: self.place.bucket.clone(), key: key.to_owned() }
    }

    pub(crate) fn unsettled(&self, operation: Operation, key: &str, why: impl Into<String>) -> StoreError {
        let (bucket, key) = (self.place.bucket.clone(), key.to_owned());
        StoreError::Unsettled { operation: operation.name, bucket, key, why: why.into() }
    }

    pub(crate) fn malformed(&self, operation: Operation, key: &str, how: impl Into<String>) -> StoreError {
        let (bucket, key) = (self.place.bucket.clone(), key.to_owned());
        StoreError::Malformed { operation: operation.name, bucket, key, how: how.into() }
    }
}
