//! Server-side encryption of what is put.

use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::ServerSideEncryption;
use lakeward_aws::CallError;

/// How S3 encrypts, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// With keys of S3's own.
    S3,
    /// With a key of KMS.
    Kms,
    /// Twice, with a key of KMS.
    KmsTwice,
}

impl Algorithm {
    /// Its name in S3's API: `AES256`, `aws:kms`, `aws:kms:dsse`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S3 => "AES256",
            Self::Kms => "aws:kms",
            Self::KmsTwice => "aws:kms:dsse",
        }
    }

    /// Whether it takes a key of KMS.
    pub const fn is_by_kms(self) -> bool {
        matches!(self, Self::Kms | Self::KmsTwice)
    }
}

/// How new objects are to be encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// How.
    pub algorithm: Algorithm,
    /// The ARN, id or alias of a KMS key; without it, the account's own key for S3.
    pub kms_key_id: Option<String>,
    /// Whether S3 may use one data key for many objects, which makes fewer calls to KMS.
    pub bucket_key: bool,
}

impl Encryption {
    fn algorithm(encryption: Option<&Self>) -> Option<ServerSideEncryption> {
        encryption.map(|encryption| ServerSideEncryption::from(encryption.algorithm.name()))
    }

    fn key(encryption: Option<&Self>) -> Option<String> {
        encryption.and_then(|encryption| encryption.kms_key_id.clone())
    }

    fn bucket_key(encryption: Option<&Self>) -> Option<bool> {
        encryption.filter(|encryption| encryption.bucket_key).map(|_| true)
    }
}

/// A request that makes an object, which is where S3 is told how to encrypt it. Parts and completions follow what their
/// upload began with.
pub(crate) trait Encrypted: Sized {
    fn encrypted(self, encryption: Option<&Encryption>) -> Self;
}

macro_rules! encrypted {
    ($($builder:ty),+) => {
        $(impl Encrypted for $builder {
            fn encrypted(self, encryption: Option<&Encryption>) -> Self {
                self.set_server_side_encryption(Encryption::algorithm(encryption))
                    .set_ssekms_key_id(Encryption::key(encryption))
                    .set_bucket_key_enabled(Encryption::bucket_key(encryption))
            }
        })+
    };
}

encrypted!(PutObjectFluentBuilder, CreateMultipartUploadFluentBuilder);

/// The action on a KMS key that a denial is about (`kms:GenerateDataKey`): S3 answers for KMS, and only its message tells.
pub(crate) fn denied_key_use(denial: &CallError) -> Option<&str> {
    let action = &denial.message[denial.message.find("kms:")?..];
    Some(action.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').next().unwrap_or(action))
}
