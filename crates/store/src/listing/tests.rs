use futures::StreamExt;
use lakeward_aws::testing::{Reply, Script};
use lakeward_outcome::Classify;

use super::*;
use crate::testing::{prefix, query, store};

fn objects(keys: &[&str], next: &str) -> Reply {
    let object = |key: &&str| {
        let rest = "<Size>7</Size><ETag>\"e\"</ETag><LastModified>2026-05-19T06:00:00.000Z</LastModified>";
        format!("<Contents><Key>{key}</Key>{rest}</Contents>")
    };
    let contents = keys.iter().map(object).collect::<Vec<_>>().concat();
    Reply::new(200, format!("<ListBucketResult>{contents}{next}</ListBucketResult>"))
}

const MORE: &str = "<IsTruncated>true</IsTruncated><NextContinuationToken>t1</NextContinuationToken>";

#[tokio::test(start_paused = true)]
async fn a_listing_goes_on_to_its_last_page() {
    let script = Script::in_order([objects(&["a/1", "a/2"], MORE), objects(&["a/3"], "")]);
    let all = store(&script).list(&prefix("a/")).await.unwrap();
    assert_eq!(all.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), ["a/1", "a/2", "a/3"]);
    assert_eq!(all[0].size, 7);
    assert_eq!(all[0].last_modified, Some("2026-05-19T06:00:00Z".parse().unwrap()));
    let seen = script.seen();
    assert_eq!(query(&seen[0], "prefix"), Some("a%2F"), "with its closing slash");
    assert_eq!(query(&seen[1], "continuation-token"), Some("t1"));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_promises_more_without_a_token_is_an_error_and_not_the_end() {
    let script = Script::in_order([objects(&["a/1"], "<IsTruncated>true</IsTruncated>")]);
    let error = store(&script).list(&prefix("a/")).await.unwrap_err();
    assert!(matches!(error, StoreError::Malformed { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn pages_arrive_one_by_one() {
    let script = Script::in_order([objects(&["a/1"], MORE), objects(&["a/2"], "")]);
    let (store, folder) = (store(&script), prefix("a/"));
    let mut pages = std::pin::pin!(store.list_pages(&folder));
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 1);
    assert_eq!(script.seen().len(), 1, "the second page is not fetched before it is wanted");
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 1);
    assert!(pages.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn folders_are_listed_over_pages() {
    let folders = |name: &str, next: &str| {
        let body = format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>{next}");
        Reply::new(200, format!("<ListBucketResult>{body}</ListBucketResult>"))
    };
    let script = Script::in_order([folders("a/x/", MORE), folders("a/y/", "")]);
    let all = store(&script).list_folders(&prefix("a/")).await.unwrap();
    assert_eq!(all, [prefix("a/x/"), prefix("a/y/")]);
    assert_eq!(query(&script.seen()[0], "delimiter"), Some("%2F"));
}

#[tokio::test(start_paused = true)]
async fn versions_and_delete_markers_are_listed_over_pages() {
    let version =
        "<Version><Key>a/1</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest><Size>7</Size></Version>";
    let marker =
        "<DeleteMarker><Key>a/1</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest></DeleteMarker>";
    let more = "<IsTruncated>true</IsTruncated><NextKeyMarker>a/1</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>";
    let page = |body: &str| Reply::new(200, format!("<ListVersionsResult>{body}</ListVersionsResult>"));
    let script = Script::in_order([page(&format!("{version}{more}")), page(marker)]);
    let all = store(&script).list_versions(&prefix("a/")).await.unwrap();
    let told: Vec<_> =
        all.iter().map(|v| (v.version_id.as_str(), v.is_delete_marker, v.is_latest, v.size)).collect();
    assert_eq!(told, [("v1", false, false, 7), ("v2", true, true, 0)]);
    assert_eq!(query(&script.seen()[1], "version-id-marker"), Some("v1"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_list_versions_says_so() {
    let script = Script::in_order([Reply::xml_error(501, "NotImplemented")]);
    let error = store(&script).list_versions(&prefix("a/")).await.unwrap_err();
    assert_eq!(error.kind(), lakeward_outcome::Kind::Configuration, "{error}");
}

#[tokio::test(start_paused = true)]
async fn unfinished_uploads_are_listed_over_pages_and_aborted_even_when_they_are_gone() {
    let upload = |id: &str| {
        format!(
            "<Upload><Key>a/1</Key><UploadId>{id}</UploadId><Initiated>2026-05-19T06:00:00.000Z</Initiated></Upload>"
        )
    };
    let more = "<IsTruncated>true</IsTruncated><NextKeyMarker>a/1</NextKeyMarker><NextUploadIdMarker>u1</NextUploadIdMarker>";
    let page = |body: String| {
        Reply::new(200, format!("<ListMultipartUploadsResult>{body}</ListMultipartUploadsResult>"))
    };
    let script = Script::in_order([
        page(upload("u1") + more),
        page(upload("u2")),
        Reply::new(204, ""),
        Reply::xml_error(404, "NoSuchUpload"),
    ]);
    let store = store(&script);
    let all = store.list_uploads(&prefix("a/")).await.unwrap();
    assert_eq!(all.iter().map(|upload| upload.upload_id.as_str()).collect::<Vec<_>>(), ["u1", "u2"]);
    assert_eq!(query(&script.seen()[1], "upload-id-marker"), Some("u1"));
    for upload in &all {
        store.abort_upload(&upload.key, &upload.upload_id).await.unwrap();
    }
}
