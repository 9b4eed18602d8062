//! What IAM is asked to allow when a request arrives.

use std::collections::BTreeMap;

use lakeward_local::{ACCOUNT_ID, Entry, Service};
use lakeward_permissions::{Operation, Place, When, glue, s3};

use super::iam::Request;
use super::{REPLICA_REGION, is_absent};
use crate::conformance::REGION;

/// DuckDB's httpfs lists by an older operation.
const OF_OTHERS: [(&str, &str); 1] = [("ListObjects", "s3:ListBucket")];

/// What has to be allowed for a request. An operation that Lakeward is not known to use needs an action that nothing grants.
pub fn needs(entry: &Entry, place: &Place) -> Vec<Request> {
    match entry.call.service {
        Service::S3 => needs_of_s3(entry, place),
        Service::Glue => needs_of_glue(entry),
    }
}

fn request(action: &str, resource: String) -> Request {
    Request { action: action.to_owned(), resource, context: BTreeMap::new() }
}

fn needs_of_s3(entry: &Entry, place: &Place) -> Vec<Request> {
    let (call, details) = (&entry.call, &entry.call.details);
    let bucket = call.resource.split('/').next().unwrap_or_default();
    let on_bucket = |action: &str| {
        let context = details.prefix.iter().map(|prefix| ("s3:prefix", prefix.clone())).collect();
        Request { context, ..request(action, format!("arn:aws:s3:::{bucket}")) }
    };
    let on_object = |action: &str, key: &str| request(action, format!("arn:aws:s3:::{key}"));
    let Some(operation) = s3::OPERATIONS.into_iter().find(|known| known.name == call.operation) else {
        let of_others = OF_OTHERS.into_iter().find(|(name, _)| *name == call.operation);
        return vec![on_bucket(of_others.map_or(call.operation.as_str(), |(_, action)| action))];
    };
    let mut all = Vec::new();
    for need in operation.needs {
        let objects = objects(entry);
        match need.when {
            When::Absent if is_absent(entry) => {
                all.push(request(need.action, format!("arn:aws:s3:::{bucket}")));
            }
            When::IfMatch if details.if_match => all.push(on_object(need.action, &call.resource)),
            When::Unversioned | When::Versioned => {
                let versioned = need.when == When::Versioned;
                let fitting = objects.into_iter().filter(|(_, version)| *version == versioned);
                all.extend(fitting.map(|(key, _)| on_object(need.action, &key)));
            }
            When::Always if call.resource == bucket => all.push(on_bucket(need.action)),
            When::Always => all.push(on_object(need.action, &call.resource)),
            When::Absent | When::IfMatch => {}
        }
    }
    all.extend(needs_of_kms(operation, entry, place));
    all
}

/// The objects that a request is about, each with whether a version of it is.
fn objects(entry: &Entry) -> Vec<(String, bool)> {
    let (call, details) = (&entry.call, &entry.call.details);
    if details.objects.is_empty() {
        return vec![(call.resource.clone(), details.version_id.is_some())];
    }
    let named = details.objects.iter();
    named.map(|object| (format!("{}/{}", call.resource, object.key), object.version_id.is_some())).collect()
}

/// To write under a key takes a data key, to read takes it decrypted; what is put in parts takes both. HeadObject asks for
/// checksums, which are kept encrypted. The key is the one of the bucket's Region.
///
/// Source: "Using server-side encryption with AWS KMS keys" in the S3 User Guide, and the API reference of HeadObject.
fn needs_of_kms(operation: Operation, entry: &Entry, place: &Place) -> Vec<Request> {
    let bucket = entry.call.resource.split('/').next();
    let region = if place.replica.as_deref() == bucket { REPLICA_REGION } else { REGION };
    let key = place.keys.iter().find(|key| key.split(':').nth(3) == Some(region));
    let Some(key) = key.filter(|_| !is_absent(entry)) else { return Vec::new() };
    let writes = entry.call.details.kms_key_id.as_deref() == Some(key);
    let actions: &[&str] = match operation {
        s3::PUT if writes => &["kms:GenerateDataKey"],
        s3::CREATE_UPLOAD if writes => &["kms:GenerateDataKey", "kms:Decrypt"],
        s3::UPLOAD_PART | s3::COMPLETE_UPLOAD | s3::GET | s3::HEAD => &["kms:Decrypt"],
        _ => &[],
    };
    let context = BTreeMap::from([("kms:ViaService", format!("s3.{region}.amazonaws.com"))]);
    let request = |action: &&str| Request { context: context.clone(), ..request(action, key.clone()) };
    actions.iter().map(request).collect()
}

fn needs_of_glue(entry: &Entry) -> Vec<Request> {
    let call = &entry.call;
    let arn = |resource: String| format!("arn:aws:glue:{REGION}:{ACCOUNT_ID}:{resource}");
    let Some(operation) = glue::named(&call.operation) else {
        return vec![request(&format!("glue:{}", call.operation), arn("catalog".to_owned()))];
    };
    let (database, table) = match call.resource.split_once('.') {
        Some((database, table)) => (database, Some(table)),
        None => (call.resource.as_str(), None),
    };
    let mut resources = vec!["catalog".to_owned()];
    resources.push(match database {
        "" => "database/*".to_owned(),
        database => format!("database/{database}"),
    });
    resources.extend(table.map(|table| format!("table/{database}/{table}")));
    // All tables may come back.
    if operation == glue::GET_TABLES {
        resources.push(format!("table/{database}/*"));
    }
    let of_versions = [glue::GET_TABLE_VERSIONS, glue::BATCH_DELETE_TABLE_VERSION];
    if let Some(table) = table.filter(|_| of_versions.contains(&operation)) {
        resources.push(format!("tableVersion/{database}/{table}/*"));
    }
    let on_all = |action: &'static str| {
        resources.clone().into_iter().map(move |resource| request(action, arn(resource)))
    };
    operation.needs.iter().flat_map(|need| on_all(need.action)).collect()
}
