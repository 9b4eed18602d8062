//! Conditional requests: what must be true of the current object for a write or a read to go on.

use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};

use super::model::{Object, Version};

/// The conditions of a write. S3 checks them and writes in one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    /// Whether the write may replace `current`: 412 when not, 404 for `If-Match` on a missing key.
    pub(crate) fn check(&self, current: Option<&Object>) -> S3Result<()> {
        match &self.if_none_match {
            None => {}
            Some(ETagCondition::Any) if current.is_none() => {}
            Some(ETagCondition::Any) => return Err(failed("If-None-Match")),
            Some(ETagCondition::ETag(_)) => {
                return Err(s3_error!(NotImplemented, "If-None-Match of a write takes nothing but *"));
            }
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey, "If-Match names an object that does not exist")),
            (Some(condition), Some(current)) if holds(condition, current) => Ok(()),
            (Some(_), Some(_)) => Err(failed("If-Match")),
        }
    }
}

/// The conditions of a read, named as their headers are.
#[expect(clippy::struct_field_names, reason = "the names are those of the headers")]
pub(crate) struct ReadConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// Whether the read may return the object: 412 or 304 when not. `ETags` win over times.
    pub(crate) fn check(&self, version: &Version, object: &Object) -> S3Result<()> {
        let modified = super::shown_time(version.kept.modified);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !holds(condition, object) => return Err(failed("If-Match")),
            (None, Some(since)) if modified > *since => return Err(failed("If-Unmodified-Since")),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if holds(condition, object) => Err(s3_error!(NotModified)),
            (None, Some(since)) if modified <= *since => Err(s3_error!(NotModified)),
            _ => Ok(()),
        }
    }
}

/// Whether `condition` is true of an object that exists.
pub(crate) fn holds(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => is(etag, &object.etag),
    }
}

/// Whether an ETag of a request names `etag`, which is kept without quotes.
pub(crate) fn is(given: &ETag, etag: &str) -> bool {
    given.value() == etag
}

fn failed(header: &str) -> s3s::S3Error {
    s3_error!(PreconditionFailed, "at least one of the preconditions did not hold: {header}")
}
