//! What a request is: its service, operation, resource and caller.
//!
//! Faults and the journal need to know this before the request is carried out, signed or not, so it
//! is read from the request's outside.

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::details::Details;
use crate::glue;

/// One of the two services on the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// Amazon S3.
    S3,
    /// The AWS Glue Data Catalog.
    Glue,
}

/// A request, as faults and the journal see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// The operation's name in the service's API, such as `PutObject` or `UpdateTable`.
    pub operation: String,
    /// `bucket`, `bucket/key`, `database` or `database.table`; empty when there is none.
    pub resource: String,
    /// The application's name in the User-Agent (`app/...`), if the client sets one.
    pub caller: Option<String>,
    /// The access key that the request says it is signed with.
    pub access_key_id: Option<String>,
    /// What else a permission may depend on.
    #[serde(flatten)]
    pub details: Details,
}

/// Where in S3 a request points.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Service,
    Bucket,
    Object,
}

/// S3's operations by method, level and what tells them apart: a query parameter or, with a leading
/// `@`, a header. The first that fits is the one; an empty marker fits always.
const S3_OPERATIONS: &[(Method, Level, &str, &str)] = &[
    (Method::GET, Level::Service, "", "ListBuckets"),
    (Method::GET, Level::Bucket, "list-type", "ListObjectsV2"),
    (Method::GET, Level::Bucket, "versions", "ListObjectVersions"),
    (Method::GET, Level::Bucket, "uploads", "ListMultipartUploads"),
    (Method::GET, Level::Bucket, "location", "GetBucketLocation"),
    (Method::GET, Level::Bucket, "versioning", "GetBucketVersioning"),
    (Method::GET, Level::Bucket, "lifecycle", "GetBucketLifecycleConfiguration"),
    (Method::GET, Level::Bucket, "", "ListObjects"),
    (Method::PUT, Level::Bucket, "versioning", "PutBucketVersioning"),
    (Method::PUT, Level::Bucket, "lifecycle", "PutBucketLifecycleConfiguration"),
    (Method::PUT, Level::Bucket, "", "CreateBucket"),
    (Method::HEAD, Level::Bucket, "", "HeadBucket"),
    (Method::DELETE, Level::Bucket, "lifecycle", "DeleteBucketLifecycle"),
    (Method::DELETE, Level::Bucket, "", "DeleteBucket"),
    (Method::POST, Level::Bucket, "delete", "DeleteObjects"),
    (Method::GET, Level::Object, "tagging", "GetObjectTagging"),
    (Method::GET, Level::Object, "legal-hold", "GetObjectLegalHold"),
    (Method::GET, Level::Object, "attributes", "GetObjectAttributes"),
    (Method::GET, Level::Object, "uploadId", "ListParts"),
    (Method::GET, Level::Object, "", "GetObject"),
    (Method::HEAD, Level::Object, "", "HeadObject"),
    (Method::PUT, Level::Object, "tagging", "PutObjectTagging"),
    (Method::PUT, Level::Object, "legal-hold", "PutObjectLegalHold"),
    (Method::PUT, Level::Object, "partNumber", "UploadPart"),
    (Method::PUT, Level::Object, "@x-amz-copy-source", "CopyObject"),
    (Method::PUT, Level::Object, "", "PutObject"),
    (Method::DELETE, Level::Object, "tagging", "DeleteObjectTagging"),
    (Method::DELETE, Level::Object, "uploadId", "AbortMultipartUpload"),
    (Method::DELETE, Level::Object, "", "DeleteObject"),
    (Method::POST, Level::Object, "uploads", "CreateMultipartUpload"),
    (Method::POST, Level::Object, "uploadId", "CompleteMultipartUpload"),
];

/// The name in the journal of what is none of the operations above.
const UNKNOWN: &str = "Unknown";

/// The target of a request in AWS JSON, such as `AWSGlue.GetTable`.
pub(crate) fn json_target(parts: &Parts) -> Option<&str> {
    let at_root = parts.method == Method::POST && parts.uri.path() == "/";
    parts.headers.get("x-amz-target").filter(|_| at_root).and_then(|target| target.to_str().ok())
}

impl Call {
    /// Describes a request in AWS JSON by its target and its members.
    pub(crate) fn of_glue(parts: &Parts, target: &str, body: &Value) -> Self {
        let operation = target.strip_prefix(glue::TARGET_PREFIX).unwrap_or(target);
        let member = |path: &str| body.pointer(path).and_then(Value::as_str);
        let of_table = member("/TableName").or_else(|| member("/TableInput/Name"));
        let resource = match (member("/DatabaseName"), of_table.or_else(|| member("/Name"))) {
            (Some(database), Some(table)) => format!("{database}.{table}"),
            (Some(database), None) => database.to_owned(),
            (None, name) => name.or_else(|| member("/DatabaseInput/Name")).unwrap_or_default().to_owned(),
        };
        Self::new(Service::Glue, operation, resource, &parts.headers, Details::default())
    }

    /// Describes a request to S3 by its method, path and query.
    pub(crate) fn of_s3(parts: &Parts) -> Self {
        let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
        let resource = path.trim_start_matches('/').trim_end_matches('/');
        let level = match path.trim_start_matches('/').split_once('/') {
            _ if resource.is_empty() => Level::Service,
            None | Some((_, "")) => Level::Bucket,
            Some(_) => Level::Object,
        };
        let resource = if level == Level::Object { path.trim_start_matches('/') } else { resource };
        let query = parts.uri.query().unwrap_or_default();
        let fits = |marker: &str| match marker.strip_prefix('@') {
            Some(header) => parts.headers.contains_key(header),
            None => marker.is_empty() || has_parameter(query, marker),
        };
        let operation = S3_OPERATIONS
            .iter()
            .find(|(method, at, marker, _)| *method == parts.method && *at == level && fits(marker))
            .map_or(UNKNOWN, |(_, _, _, operation)| operation);
        Self::new(Service::S3, operation, resource.to_owned(), &parts.headers, Details::of(parts))
    }

    fn new(
        service: Service,
        operation: &str,
        resource: String,
        headers: &HeaderMap,
        details: Details,
    ) -> Self {
        Self {
            service,
            operation: operation.to_owned(),
            resource,
            caller: application(headers),
            access_key_id: glue::access_key_id(headers).map(str::to_owned),
            details,
        }
    }
}

fn has_parameter(query: &str, name: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some(name))
}

fn application(headers: &HeaderMap) -> Option<String> {
    ["user-agent", "x-amz-user-agent"]
        .iter()
        .filter_map(|name| headers.get(*name)?.to_str().ok())
        .flat_map(str::split_whitespace)
        .find_map(|token| token.strip_prefix("app/"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = hyper::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn s3(method: &str, uri: &str) -> (String, String) {
        let call = Call::of_s3(&parts(method, uri, &[]));
        (call.operation, call.resource)
    }

    #[test]
    fn an_s3_request_is_told_by_method_path_and_query() {
        let expect = |found: (String, String), operation: &str, resource: &str| {
            assert_eq!((found.0.as_str(), found.1.as_str()), (operation, resource));
        };
        expect(s3("GET", "/"), "ListBuckets", "");
        expect(s3("GET", "/lake/?list-type=2&prefix=a%2F"), "ListObjectsV2", "lake");
        expect(s3("PUT", "/lake/a%20b/c?x-id=PutObject"), "PutObject", "lake/a b/c");
        expect(s3("PUT", "/lake/a/"), "PutObject", "lake/a/");
        expect(s3("PUT", "/lake/k?partNumber=1&uploadId=u"), "UploadPart", "lake/k");
        expect(s3("POST", "/lake/k?uploadId=u"), "CompleteMultipartUpload", "lake/k");
        expect(s3("POST", "/lake?delete"), "DeleteObjects", "lake");
        expect(s3("PATCH", "/lake/k"), "Unknown", "lake/k");
    }

    #[test]
    fn a_glue_request_is_told_by_target_and_members() {
        let headers =
            [("x-amz-target", "AWSGlue.UpdateTable"), ("user-agent", "aws-sdk-rust/1 app/lakeward-swap")];
        let parts = parts("POST", "/", &headers);
        let body = json!({ "DatabaseName": "db", "TableInput": { "Name": "orders" } });
        let call = Call::of_glue(&parts, json_target(&parts).unwrap(), &body);
        assert_eq!((call.operation.as_str(), call.resource.as_str()), ("UpdateTable", "db.orders"));
        assert_eq!(call.caller.as_deref(), Some("lakeward-swap"));
    }
}
