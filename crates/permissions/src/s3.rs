//! The S3 operations in use.
//!
//! Sources: "Required permissions for Amazon S3 API operations" in the S3 User Guide; "Actions, resources, and condition keys
//! for Amazon S3" in the Service Authorization Reference; for 403 and 404 the API reference of GetObject and HeadObject; for
//! If-Match "Add preconditions to S3 operations with conditional requests".

use crate::operation::{Need, Operation, When, always};

const GET_OBJECT: Need = always("s3:GetObject");
const PUT_OBJECT: Need = always("s3:PutObject");
const ABSENT: Need = Need { action: "s3:ListBucket", when: When::Absent };

const fn operation(name: &'static str, needs: &'static [Need]) -> Operation {
    Operation { name, needs }
}

/// Reads an object.
pub const GET: Operation = operation("GetObject", &[GET_OBJECT, ABSENT]);
/// Tells about an object.
pub const HEAD: Operation = operation("HeadObject", &[GET_OBJECT, ABSENT]);
/// Puts an object.
pub const PUT: Operation =
    operation("PutObject", &[PUT_OBJECT, Need { action: "s3:GetObject", when: When::IfMatch }]);
/// Lists objects.
pub const LIST: Operation = operation("ListObjectsV2", &[always("s3:ListBucket")]);
/// Lists versions and delete markers.
pub const LIST_VERSIONS: Operation = operation("ListObjectVersions", &[always("s3:ListBucketVersions")]);
/// Lists unfinished uploads.
pub const LIST_UPLOADS: Operation =
    operation("ListMultipartUploads", &[always("s3:ListBucketMultipartUploads")]);
/// Deletes objects or versions.
pub const DELETE: Operation = operation(
    "DeleteObjects",
    &[
        Need { action: "s3:DeleteObject", when: When::Unversioned },
        Need { action: "s3:DeleteObjectVersion", when: When::Versioned },
    ],
);
/// Replaces tags.
pub const TAG: Operation = operation(
    "PutObjectTagging",
    &[
        Need { action: "s3:PutObjectTagging", when: When::Unversioned },
        Need { action: "s3:PutObjectVersionTagging", when: When::Versioned },
    ],
);
/// Begins an upload in parts.
pub const CREATE_UPLOAD: Operation = operation("CreateMultipartUpload", &[PUT_OBJECT]);
/// Uploads a part.
pub const UPLOAD_PART: Operation = operation("UploadPart", &[PUT_OBJECT]);
/// Completes an upload.
pub const COMPLETE_UPLOAD: Operation = operation("CompleteMultipartUpload", &[PUT_OBJECT]);
/// Aborts an upload.
pub const ABORT_UPLOAD: Operation = operation("AbortMultipartUpload", &[always("s3:AbortMultipartUpload")]);
/// Lists the parts of an upload.
pub const LIST_PARTS: Operation = operation("ListParts", &[always("s3:ListMultipartUploadParts")]);

/// All of them.
pub const OPERATIONS: [Operation; 13] = [
    GET,
    HEAD,
    PUT,
    LIST,
    LIST_VERSIONS,
    LIST_UPLOADS,
    DELETE,
    TAG,
    CREATE_UPLOAD,
    UPLOAD_PART,
    COMPLETE_UPLOAD,
    ABORT_UPLOAD,
    LIST_PARTS,
];
