use lakeward_aws::testing::{Reply, Script};

use super::*;
use crate::testing::{store, tagged};

#[tokio::test(start_paused = true)]
async fn head_tells_size_checksum_and_replication() {
    let crc64 = Crc64::of(b"123456789");
    let found = tagged("\"e1\"")
        .header("content-length", "9")
        .header("last-modified", "Tue, 19 May 2026 06:00:00 GMT")
        .header("x-amz-checksum-crc64nvme", &crc64.to_string())
        .header("x-amz-replication-status", "PENDING");
    let script = Script::in_order([found, Reply::new(404, "")]);
    let store = store(&script);
    let info = store.head("a/b.parquet").await.unwrap().unwrap();
    let expected = ObjectInfo {
        size: 9,
        etag: ETag::new("\"e1\""),
        crc64: Some(crc64),
        last_modified: Some("2026-05-19T06:00:00Z".parse().unwrap()),
        replication: Some(Replication::Pending),
    };
    assert_eq!(info, expected);
    assert_eq!(script.seen()[0].headers["x-amz-checksum-mode"], "ENABLED");
    assert_eq!(store.head("a/b.parquet").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_checksum_of_another_kind_counts_as_none() {
    let crc32 = tagged("\"e1\"").header("content-length", "9").header("x-amz-checksum-crc64nvme", "y/Q5Jg==");
    let info = store(&Script::in_order([crc32])).head("k").await.unwrap().unwrap();
    assert_eq!((info.size, info.crc64), (9, None));
}

#[tokio::test(start_paused = true)]
async fn a_range_is_all_there_or_an_error() {
    let script = Script::in_order([Reply::new(206, "3456"), Reply::new(206, "34")]);
    let store = store(&script);
    assert_eq!(store.get_range("k", 2..6).await.unwrap(), "3456");
    assert_eq!(script.seen()[0].headers["range"], "bytes=2-5");
    let short = store.get_range("k", 2..6).await.unwrap_err();
    assert!(matches!(short, StoreError::Malformed { .. }), "{short}");
    assert_eq!(store.get_range("k", 6..6).await.unwrap(), "", "an empty range needs no call");
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_tail_of_an_object_comes_with_its_size() {
    let script = Script::in_order([
        Reply::new(206, "789").header("content-range", "bytes 6-8/9"),
        Reply::new(206, "small").header("content-range", "bytes 0-4/5"),
        Reply::xml_error(416, "InvalidRange"),
        Reply::xml_error(404, "NoSuchKey"),
    ]);
    let store = store(&script);
    assert_eq!(store.tail("k", 3).await.unwrap(), Tail { bytes: "789".into(), size: 9 });
    assert_eq!(script.seen()[0].headers["range"], "bytes=-3");
    assert_eq!(store.tail("k", 30).await.unwrap(), Tail { bytes: "small".into(), size: 5 });
    assert_eq!(store.tail("k", 3).await.unwrap(), Tail { bytes: Bytes::new(), size: 0 });
    assert!(matches!(store.tail("k", 3).await.unwrap_err(), StoreError::NoSuchKey { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_download_never_mixes_two_states_of_an_object() {
    let head = || tagged("\"e1\"").header("content-length", "9");
    let script = Script::in_order([
        head(),
        Reply::new(206, "123456789"),
        head(),
        Reply::xml_error(412, "PreconditionFailed"),
    ]);
    let store = store(&script);
    let mut target = Vec::new();
    assert_eq!(store.download("k", &mut target).await.unwrap(), 9);
    assert_eq!(target, b"123456789");
    assert_eq!(script.seen()[1].headers["if-match"], "\"e1\"");
    assert!(store.download("k", &mut Vec::new()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn tags_go_to_the_version_that_was_named() {
    let script = Script::in_order([Reply::new(200, "")]);
    store(&script).tag("k", Some("v7"), &[("lakeward", "retired")]).await.unwrap();
    let seen = &script.seen()[0];
    assert_eq!(crate::testing::query(seen, "versionId"), Some("v7"));
    assert!(seen.body.contains("<Key>lakeward</Key><Value>retired</Value>"), "{}", seen.body);
}
