//! The S3 operations in use, with the IAM actions that each needs.

pub(crate) use lakeward_permissions::Operation;
pub(crate) use lakeward_permissions::s3::{
    ABORT_UPLOAD, COMPLETE_UPLOAD, CREATE_UPLOAD, DELETE, GET, HEAD, LIST, LIST_PARTS, LIST_UPLOADS,
    LIST_VERSIONS, PUT, TAG, UPLOAD_PART,
};
