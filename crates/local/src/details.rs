//! What a request to S3 says besides its operation and resource, as far as permissions and encryption depend on it.

use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use s3s::dto::Delete;
use s3s::xml::{Deserialize, Deserializer};
use serde::Serialize;

/// Read from a request's outside, but for the objects of a `DeleteObjects`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Details {
    /// The prefix of a listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The version of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Whether it is conditional on the object's ETag (`If-Match`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub if_match: bool,
    /// The account that the bucket must belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_bucket_owner: Option<String>,
    /// The encryption that it asks for, such as `aws:kms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// The KMS key that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Whether it asks for an S3 Bucket Key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bucket_key: bool,
    /// What a `DeleteObjects` deletes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<DeletedObject>,
}

/// An object that a `DeleteObjects` names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeletedObject {
    /// Its key.
    pub key: String,
    /// The version to delete for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

impl Details {
    pub(crate) fn of(parts: &Parts) -> Self {
        let header = |name: &str| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let query = parts.uri.query().unwrap_or_default();
        Self {
            prefix: parameter(query, "prefix"),
            version_id: parameter(query, "versionId"),
            if_match: parts.headers.contains_key(hyper::header::IF_MATCH),
            expected_bucket_owner: header("x-amz-expected-bucket-owner"),
            encryption: header("x-amz-server-side-encryption"),
            kms_key_id: header("x-amz-server-side-encryption-aws-kms-key-id"),
            bucket_key: header("x-amz-server-side-encryption-bucket-key-enabled").as_deref() == Some("true"),
            objects: Vec::new(),
        }
    }
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(&found.replace('+', " ")).decode_utf8_lossy().into_owned())
}

/// The objects that the body of a `DeleteObjects` names; none when it is malformed, which S3 refuses.
pub(crate) fn deleted(body: &[u8]) -> Vec<DeletedObject> {
    let Ok(delete) = Delete::deserialize(&mut Deserializer::new(body)) else { return Vec::new() };
    let named =
        |object: s3s::dto::ObjectIdentifier| DeletedObject { key: object.key, version_id: object.version_id };
    delete.objects.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_delete_tells_its_keys_and_versions() {
        let body = b"<Delete><Object><Key>a &amp; b</Key></Object><Object><Key>c</Key><VersionId>v1</VersionId></Object></Delete>";
        let told =
            deleted(body).into_iter().map(|object| (object.key, object.version_id)).collect::<Vec<_>>();
        assert_eq!(told, [("a & b".to_owned(), None), ("c".to_owned(), Some("v1".to_owned()))]);
    }

    #[test]
    fn a_listing_tells_its_prefix() {
        let request = hyper::Request::builder().uri("/lake/?list-type=2&prefix=a%2Fb+c%2F").body(());
        let details = Details::of(&request.unwrap().into_parts().0);
        assert_eq!(details.prefix.as_deref(), Some("a/b c/"));
    }
}
