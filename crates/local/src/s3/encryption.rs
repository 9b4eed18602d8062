//! Server-side encryption as writers ask for it: remembered and told again. Nothing is encrypted, but what a client could
//! take for granted without it no longer holds: the ETag of an object under a KMS key is not the MD5 of its bytes.

use s3s::dto::ServerSideEncryption;
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Backend;
use super::model::Buckets;
use crate::hex::hex;
use crate::options::ACCOUNT_ID;
use crate::storage::Id;

/// Half of a SHA-256 looks like the MD5 that it is not.
const ETAG_BYTES: usize = 16;

/// How an object is encrypted, as its writer asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Encryption {
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub(crate) algorithm: String,
    /// The KMS key, if one was named.
    pub(crate) key: Option<String>,
    pub(crate) bucket_key: bool,
}

impl Encryption {
    /// What the headers of a request ask for; none when they do not name an algorithm.
    ///
    /// # Errors
    /// An algorithm that S3 does not have, or a KMS key without `aws:kms`.
    pub(crate) fn asked(
        algorithm: Option<&ServerSideEncryption>,
        key: Option<&str>,
        bucket_key: Option<bool>,
    ) -> S3Result<Option<Self>> {
        let Some(algorithm) = algorithm.map(ServerSideEncryption::as_str) else {
            return match key {
                Some(_) => {
                    Err(s3_error!(InvalidArgument, "a KMS key goes with x-amz-server-side-encryption"))
                }
                None => Ok(None),
            };
        };
        let asked = Self {
            algorithm: algorithm.to_owned(),
            key: key.map(str::to_owned),
            bucket_key: bucket_key.unwrap_or(false),
        };
        let known = algorithm == ServerSideEncryption::AES256 || asked.is_by_kms();
        if !known || (key.is_some() && !asked.is_by_kms()) {
            return Err(s3_error!(
                InvalidArgument,
                "the encryption {algorithm:?} is not supported with this key"
            ));
        }
        Ok(Some(asked))
    }

    fn is_by_kms(&self) -> bool {
        [ServerSideEncryption::AWS_KMS, ServerSideEncryption::AWS_KMS_DSSE].contains(&self.algorithm.as_str())
    }

    /// The ETag of bytes with this MD5; one of its own for each object under a KMS key.
    pub(crate) fn etag(encryption: Option<&Self>, md5: String, unique: Id) -> String {
        if !encryption.is_some_and(Self::is_by_kms) {
            return md5;
        }
        let digest = Sha256::digest(format!("{unique} {md5}"));
        hex(digest.get(..ETAG_BYTES).unwrap_or(&digest))
    }
}

impl Backend {
    /// From now on the caller may not use this KMS key.
    pub(crate) fn deny_key(&self, key: &str) {
        self.buckets().denied_keys.insert(key.to_owned());
    }
}

impl Buckets {
    /// Refuses the use of a KMS key that is denied to the caller, in S3's words.
    pub(crate) fn check_key(&self, encryption: Option<&Encryption>, action: &str) -> S3Result<()> {
        match encryption.and_then(|encryption| encryption.key.as_deref()) {
            Some(key) if self.denied_keys.contains(key) => Err(s3_error!(
                AccessDenied,
                "User: arn:aws:iam::{ACCOUNT_ID}:user/local is not authorized to perform: {action} on resource: {key} \
                 because no identity-based policy allows the {action} action"
            )),
            _ => Ok(()),
        }
    }
}

/// Fills what answers tell of an object's encryption.
macro_rules! show_encryption {
    ($output:ident, $encryption:expr) => {
        if let Some(encryption) = $encryption {
            $output.server_side_encryption =
                Some(s3s::dto::ServerSideEncryption::from(encryption.algorithm.clone()));
            $output.ssekms_key_id = encryption.key.clone();
            $output.bucket_key_enabled = encryption.bucket_key.then_some(true);
        }
    };
}

pub(super) use show_encryption;
