use std::io::Write;
use std::time::Duration;

use lakeward_aws::testing::{Reply, Script, Seen};
use lakeward_outcome::{Classify, Kind};

use super::*;
use crate::testing::{query, store, tagged};

const KEY: &str = "orders/_writes/r1/a1/part-1.parquet";
const DATA: &[u8] = b"0123456789";
const CREATED: &str =
    "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
const COMPLETED: &str = "<CompleteMultipartUploadResult><ETag>\"e9\"</ETag></CompleteMultipartUploadResult>";

/// What a request is about, as one word.
fn kind(seen: &Seen) -> &'static str {
    let upload = query(seen, "uploadId").is_some();
    match (seen.method.as_str(), upload) {
        ("PUT", true) => "part",
        ("PUT", false) => "put",
        ("POST", true) => "complete",
        ("POST", false) => "create",
        ("DELETE", _) => "abort",
        ("HEAD", _) => "head",
        ("GET", true) => "parts",
        _ => "uploads",
    }
}

/// Answers as S3 does when all goes well, but for what `fault` answers itself.
fn s3(fault: impl Fn(&str, &Seen) -> Option<Reply> + Send + Sync + 'static) -> Script {
    Script::answering(move |seen| {
        let kind = kind(seen);
        fault(kind, seen).unwrap_or_else(|| match kind {
            "create" => Reply::new(200, CREATED),
            "part" | "put" => tagged("\"e1\""),
            "complete" => Reply::new(200, COMPLETED),
            "abort" => Reply::new(204, ""),
            "parts" => Reply::xml_error(404, "NoSuchUpload"),
            "head" => Reply::new(404, ""),
            _ => Reply::new(200, "<ListMultipartUploadsResult/>"),
        })
    })
}

/// Like [`s3`], with the answers to requests of one kind given one after the other.
fn s3_with(kind: &'static str, replies: Vec<Reply>) -> Script {
    let replies = std::sync::Mutex::new(replies.into_iter());
    s3(move |asked, _| if asked == kind { replies.lock().unwrap().next() } else { None })
}

fn kinds(script: &Script) -> Vec<&'static str> {
    script.seen().iter().map(kind).collect()
}

/// Begins to upload [`DATA`] in parts of 4 bytes; `memory` is in MiB, of which every part takes one.
fn begin(script: &Script, memory: u64) -> Upload {
    begin_in(store(script), memory)
}

fn begin_in(store: Store, memory: u64) -> Upload {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(DATA).unwrap();
    let contents = Contents { content_type: "application/vnd.apache.parquet".into(), ..Contents::default() };
    Uploads::new(store, UploadLimits::tiny(4, memory << 20)).begin(KEY, file, contents)
}

fn whole() -> Reply {
    let crc64 = Crc64::of(DATA).to_string();
    tagged("\"e9\"").header("content-length", "10").header("x-amz-checksum-crc64nvme", &crc64)
}

#[tokio::test(start_paused = true)]
async fn a_small_file_goes_up_in_one_request_that_cannot_overwrite() {
    let script = s3(|_, _| None);
    let uploaded = begin(&script, 16).finish(3).await.unwrap();
    let expected = Uploaded { key: KEY.into(), size: 3, crc64: Crc64::of(b"012"), etag: ETag::new("\"e1\"") };
    assert_eq!(uploaded, expected);
    let [put] = &script.seen()[..] else { panic!("{:?}", kinds(&script)) };
    assert_eq!((kind(put), put.body.as_str()), ("put", "012"));
    assert_eq!(put.headers["if-none-match"], "*");
    assert_eq!(put.headers["x-amz-checksum-crc64nvme"], Crc64::of(b"012").to_string());
    assert_eq!(put.headers["content-type"], "application/vnd.apache.parquet");
}

#[tokio::test(start_paused = true)]
async fn a_growing_file_is_sent_as_soon_as_parts_are_full_and_checked_as_a_whole() {
    let script = s3(|_, _| None);
    let mut upload = begin(&script, 16);
    upload.grown(3).await.unwrap();
    assert!(script.seen().is_empty(), "no part is full");
    upload.grown(9).await.unwrap();
    assert_eq!(upload.offset(), 8);
    let uploaded = upload.finish(10).await.unwrap();
    let expected = Uploaded { key: KEY.into(), size: 10, crc64: Crc64::of(DATA), etag: ETag::new("\"e9\"") };
    assert_eq!(uploaded, expected);

    let seen = script.seen();
    let of = |wanted: &str| seen.iter().filter(|seen| kind(seen) == wanted).collect::<Vec<_>>();
    let created = of("create")[0];
    assert_eq!(created.headers["x-amz-checksum-algorithm"], "CRC64NVME");
    assert_eq!(created.headers["x-amz-checksum-type"], "FULL_OBJECT");
    let mut parts: Vec<_> =
        of("part").iter().map(|s| (query(s, "partNumber").unwrap(), s.body.as_str())).collect();
    parts.sort_unstable();
    assert_eq!(parts, [("1", "0123"), ("2", "4567"), ("3", "89")]);
    let completed = of("complete")[0];
    assert_eq!(completed.headers["x-amz-checksum-crc64nvme"], Crc64::of(DATA).to_string());
    assert_eq!(completed.headers["x-amz-mp-object-size"], "10");
    assert_eq!(completed.headers["if-none-match"], "*");
    let numbers: Vec<_> = completed.body.split("<PartNumber>").skip(1).map(|rest| &rest[..1]).collect();
    assert_eq!(numbers, ["1", "2", "3"], "{}", completed.body);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_fails_is_aborted() {
    let script = s3(|kind, seen| {
        (kind == "part" && query(seen, "partNumber") == Some("2"))
            .then(|| Reply::xml_error(403, "AccessDenied"))
    });
    let error = begin(&script, 16).finish(10).await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    assert_eq!(kinds(&script).iter().filter(|kind| **kind == "abort").count(), 1);
    assert!(!kinds(&script).contains(&"complete"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_read_aborts_its_upload() {
    let script = s3(|_, _| None);
    let error = begin(&script, 16).finish(11).await.unwrap_err();
    assert!(matches!(error, StoreError::File { .. }), "the file has 10 bytes: {error}");
    assert!(kinds(&script).contains(&"abort"), "{:?}", kinds(&script));
}

#[tokio::test(start_paused = true)]
async fn an_abort_is_repeated_while_late_parts_turn_up() {
    let late = "<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>";
    let script = s3_with("parts", vec![Reply::new(200, late), Reply::xml_error(404, "NoSuchUpload")]);
    let mut upload = begin(&script, 16);
    upload.grown(4).await.unwrap();
    upload.abort().await;
    assert_eq!(kinds(&script).iter().filter(|kind| **kind == "abort").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_aborted_even_after_the_step_was_told_to_stop() {
    let script = s3(|_, _| None);
    let store = store(&script);
    let cancel = store.caller().cancel().clone();
    let mut upload = begin_in(store, 16);
    upload.grown(4).await.unwrap();
    cancel.cancel();
    let error = upload.finish(10).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    assert!(kinds(&script).contains(&"abort"), "{:?}", kinds(&script));
}

#[tokio::test(start_paused = true)]
async fn a_completion_whose_answer_was_lost_is_found_by_size_and_checksum() {
    for second in [Reply::xml_error(404, "NoSuchUpload"), Reply::xml_error(412, "PreconditionFailed")] {
        let completions = std::sync::Mutex::new(vec![second, Reply::Lost]);
        let script = s3(move |kind, _| match kind {
            "complete" => completions.lock().unwrap().pop(),
            "head" => Some(whole()),
            _ => None,
        });
        let uploaded = begin(&script, 16).finish(10).await.unwrap();
        assert_eq!((uploaded.size, uploaded.crc64), (10, Crc64::of(DATA)));
        assert!(!kinds(&script).contains(&"abort"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_failed_with_status_200_is_tried_again() {
    let inside =
        "<Error><Code>InternalError</Code><Message>We encountered an internal error</Message></Error>";
    let script = s3_with("complete", vec![Reply::new(200, inside), Reply::new(200, COMPLETED)]);
    assert_eq!(begin(&script, 16).finish(10).await.unwrap().etag, ETag::new("\"e9\""));
    assert_eq!(kinds(&script).iter().filter(|kind| **kind == "complete").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_small_upload_whose_answer_was_lost_is_found_by_size_and_checksum() {
    let puts = std::sync::Mutex::new(vec![Reply::xml_error(412, "PreconditionFailed"), Reply::Lost]);
    let script = s3(move |kind, _| match kind {
        "put" => puts.lock().unwrap().pop(),
        "head" => {
            let crc64 = Crc64::of(b"012").to_string();
            Some(tagged("\"e1\"").header("content-length", "3").header("x-amz-checksum-crc64nvme", &crc64))
        }
        _ => None,
    });
    assert_eq!(begin(&script, 16).finish(3).await.unwrap().size, 3);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_was_aborted_by_somebody_else_is_no_success() {
    let script = s3_with("complete", vec![Reply::Lost, Reply::xml_error(404, "NoSuchUpload")]);
    let error = begin(&script, 16).finish(10).await.unwrap_err();
    assert!(matches!(error, StoreError::UploadGone { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Transient);
}

#[tokio::test(start_paused = true)]
async fn an_object_without_a_checksum_does_not_prove_that_it_is_ours() {
    let completions = std::sync::Mutex::new(vec![Reply::xml_error(404, "NoSuchUpload"), Reply::Lost]);
    let script = s3(move |kind, _| match kind {
        "complete" => completions.lock().unwrap().pop(),
        "head" => Some(tagged("\"e9\"").header("content-length", "10")),
        _ => None,
    });
    let error = begin(&script, 16).finish(10).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unknown, "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_existing_object_is_never_overwritten() {
    for (length, kind) in [(3, "put"), (10, "complete")] {
        let script = s3_with(kind, vec![Reply::xml_error(412, "PreconditionFailed")]);
        let error = begin(&script, 16).finish(length).await.unwrap_err();
        assert!(matches!(error, StoreError::AlreadyExists { .. }), "{error}");
        assert!(!kinds(&script).contains(&"head"), "nothing was ambiguous");
    }
}

#[tokio::test(start_paused = true)]
async fn a_multipart_upload_that_was_begun_without_our_knowing_is_aborted_too() {
    let creations = std::sync::Mutex::new(vec![Reply::Lost]);
    let script = s3(move |kind, _| match kind {
        "create" => creations.lock().unwrap().pop(),
        "uploads" => {
            let stray = |key: &str, id| format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>");
            let both = stray(KEY, "stray") + &stray("orders/_writes/r1/a1/part-1.parquet.other", "foreign");
            Some(Reply::new(200, format!("<ListMultipartUploadsResult>{both}</ListMultipartUploadsResult>")))
        }
        _ => None,
    });
    begin(&script, 16).finish(10).await.unwrap();
    let seen = script.seen();
    let aborted: Vec<_> =
        seen.iter().filter(|s| kind(s) == "abort").map(|s| query(s, "uploadId").unwrap()).collect();
    assert_eq!(aborted, ["stray"]);
}

#[tokio::test(start_paused = true)]
async fn parts_wait_for_memory() {
    let script = s3(|kind, _| (kind == "part").then_some(Reply::Silence));
    let parts = || kinds(&script).iter().filter(|kind| **kind == "part").count();
    let mut narrow = begin(&script, 1);
    let waiting = tokio::time::timeout(Duration::from_secs(1), narrow.grown(8)).await;
    assert!(waiting.is_err(), "the second part has no memory");
    assert_eq!(parts(), 1);
    drop(narrow);

    let waiting = tokio::time::timeout(Duration::from_secs(1), begin(&script, 2).finish(8)).await;
    assert!(waiting.is_err(), "no part is answered");
    assert_eq!(parts(), 1 + 2, "both at once");
}

#[tokio::test(start_paused = true)]
async fn uploads_can_run_on_other_threads() {
    let script = s3(|_, _| None);
    let upload = begin(&script, 16);
    assert_eq!(tokio::spawn(upload.finish(10)).await.unwrap().unwrap().size, 10);
}
