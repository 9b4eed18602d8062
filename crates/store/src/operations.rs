//! The S3 operations in use, each with the IAM action that it needs.
//!
//! Source: "Actions, resources, and condition keys for Amazon S3" in the Service Authorization Reference.

/// An operation by its API name, and the action that a policy must allow for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) action: &'static str,
}

const fn operation(name: &'static str, action: &'static str) -> Operation {
    Operation { name, action }
}

pub(crate) const GET: Operation = operation("GetObject", "s3:GetObject");
/// Without `s3:ListBucket`, S3 answers 403 for a key that does not exist.
pub(crate) const HEAD: Operation = operation("HeadObject", "s3:GetObject and s3:ListBucket");
pub(crate) const PUT: Operation = operation("PutObject", "s3:PutObject (and s3:GetObject, for If-Match)");
pub(crate) const LIST: Operation = operation("ListObjectsV2", "s3:ListBucket");
pub(crate) const LIST_VERSIONS: Operation = operation("ListObjectVersions", "s3:ListBucketVersions");
pub(crate) const LIST_UPLOADS: Operation = operation("ListMultipartUploads", "s3:ListBucketMultipartUploads");
pub(crate) const DELETE: Operation = operation("DeleteObjects", "s3:DeleteObject and s3:DeleteObjectVersion");
pub(crate) const TAG: Operation =
    operation("PutObjectTagging", "s3:PutObjectTagging and s3:PutObjectVersionTagging");
pub(crate) const CREATE_UPLOAD: Operation = operation("CreateMultipartUpload", "s3:PutObject");
pub(crate) const UPLOAD_PART: Operation = operation("UploadPart", "s3:PutObject");
pub(crate) const COMPLETE_UPLOAD: Operation = operation("CompleteMultipartUpload", "s3:PutObject");
pub(crate) const ABORT_UPLOAD: Operation = operation("AbortMultipartUpload", "s3:AbortMultipartUpload");
pub(crate) const LIST_PARTS: Operation = operation("ListParts", "s3:ListMultipartUploadParts");
