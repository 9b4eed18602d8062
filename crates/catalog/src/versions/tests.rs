use lakeward_aws::testing::{Reply, Script};
use serde_json::{Value, json};

use super::*;
use crate::testing::{catalog, orders};

#[tokio::test(start_paused = true)]
async fn versions_are_listed_to_the_last_page() {
    let page = |id: &str, next: Value| {
        let version = json!({ "VersionId": id, "Table": { "Name": "orders", "UpdateTime": 1_779_170_400 } });
        Reply::new(200, json!({ "TableVersions": [version], "NextToken": next }).to_string())
    };
    let script = Script::in_order([page("2", json!("t1")), page("1", Value::Null)]);
    let versions = catalog(&script).table_versions(&orders()).await.unwrap();
    assert_eq!(versions.iter().map(|version| version.version.as_str()).collect::<Vec<_>>(), ["2", "1"]);
    assert_eq!(versions[0].updated, Some("2026-05-19T06:00:00Z".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn versions_are_deleted_a_hundred_a_call_and_each_error_is_read() {
    let failed = |id: &str, code: &str| json!({ "VersionId": id, "ErrorDetail": { "ErrorCode": code } });
    let errors =
        json!({ "Errors": [failed("0", "EntityNotFoundException"), failed("1", "AccessDeniedException")] });
    let script = Script::in_order([Reply::new(200, errors.to_string()), Reply::new(200, "{}")]);
    let versions: Vec<_> = (0..150).map(|id| GlueVersion::new(id.to_string())).collect();
    let mut deleted = DeletedVersions::default();
    catalog(&script).delete_versions(&orders(), &versions, &mut deleted).await.unwrap();
    assert_eq!(deleted.count, 149);
    assert_eq!(deleted.failures[0].version, GlueVersion::new("1"));
    assert_eq!(deleted.failures[0].code, "AccessDeniedException");
    let sent = script.seen().into_iter().map(|seen| serde_json::from_str::<Value>(&seen.body).unwrap());
    let sizes: Vec<_> = sent.map(|sent| sent["VersionIds"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 50]);
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_before_a_call_failed_is_told() {
    let denied = Reply::new(400, json!({ "__type": "AccessDeniedException" }).to_string());
    let script = Script::in_order([Reply::new(200, "{}"), denied]);
    let versions: Vec<_> = (0..150).map(|id| GlueVersion::new(id.to_string())).collect();
    let mut deleted = DeletedVersions::default();
    catalog(&script).delete_versions(&orders(), &versions, &mut deleted).await.unwrap_err();
    assert_eq!(deleted.count, 100);
}
