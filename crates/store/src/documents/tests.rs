use lakeward_aws::testing::{Reply, Script};
use lakeward_outcome::{Classify, Kind};

use super::*;
use crate::testing::{store, tagged};

const KEY: &str = "orders/_runs/r1/manifest.json";

fn ours() -> Bytes {
    Bytes::from_static(br#"{"execution":"ours"}"#)
}

fn document(body: &'static str) -> Reply {
    Reply::new(200, body).header("etag", "\"e9\"")
}

async fn create(replies: Vec<Reply>) -> (Result<Put, StoreError>, Script) {
    let script = Script::in_order(replies);
    (store(&script).create(KEY, ours()).await, script)
}

async fn replace(replies: Vec<Reply>) -> Result<Put, StoreError> {
    store(&Script::in_order(replies)).replace(KEY, ours(), &ETag::new("\"e1\"")).await
}

#[tokio::test(start_paused = true)]
async fn writes_carry_their_condition_and_a_checksum() {
    let script = Script::in_order([tagged("\"e1\""), tagged("\"e2\"")]);
    let store = store(&script);
    assert_eq!(store.create(KEY, ours()).await.unwrap(), Put::Done(ETag::new("\"e1\"")));
    store.replace(KEY, ours(), &ETag::new("\"e1\"")).await.unwrap();
    let [created, replaced] = &script.seen()[..] else { panic!("{:?}", script.seen()) };
    assert_eq!(created.headers["if-none-match"], "*");
    assert_eq!(replaced.headers["if-match"], "\"e1\"");
    assert_eq!(created.headers["x-amz-checksum-crc64nvme"], Crc64::of(&ours()).to_string());
    assert_eq!(created.body.as_bytes(), ours());
}

#[tokio::test(start_paused = true)]
async fn a_missing_document_is_none_and_a_missing_bucket_is_an_error() {
    let script =
        Script::in_order([Reply::xml_error(404, "NoSuchKey"), Reply::xml_error(404, "NoSuchBucket")]);
    let store = store(&script);
    assert_eq!(store.get(KEY).await.unwrap(), None);
    let error = store.get(KEY).await.unwrap_err();
    assert!(matches!(&error, StoreError::NoSuchBucket { bucket } if bucket == "lake"), "{error}");
    assert_eq!(error.kind(), Kind::Configuration);
}

#[tokio::test(start_paused = true)]
async fn a_refused_condition_is_lost_without_reading_back() {
    let (result, script) = create(vec![Reply::xml_error(412, "PreconditionFailed")]).await;
    assert_eq!(result.unwrap(), Put::Lost);
    assert_eq!(script.seen().len(), 1);
    assert_eq!(replace(vec![Reply::xml_error(404, "NoSuchKey")]).await.unwrap(), Put::Lost);
}

#[tokio::test(start_paused = true)]
async fn a_412_after_a_lost_answer_is_ours_when_the_document_holds_our_bytes() {
    for first in [Reply::Lost, Reply::xml_error(500, "InternalError")] {
        let replies =
            [first, Reply::xml_error(412, "PreconditionFailed"), document(r#"{"execution":"ours"}"#)];
        assert_eq!(create(replies.to_vec()).await.0.unwrap(), Put::Done(ETag::new("\"e9\"")));
        assert_eq!(replace(replies.to_vec()).await.unwrap(), Put::Done(ETag::new("\"e9\"")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_412_after_a_lost_answer_is_lost_when_the_document_holds_other_bytes() {
    let conflict = || vec![Reply::Lost, Reply::xml_error(412, "PreconditionFailed")];
    let theirs = || [conflict(), vec![document(r#"{"execution":"theirs"}"#)]].concat();
    assert_eq!(create(theirs()).await.0.unwrap(), Put::Lost);
    let gone = [conflict(), vec![Reply::xml_error(404, "NoSuchKey")]].concat();
    assert_eq!(replace(gone).await.unwrap(), Put::Lost);
}

#[tokio::test(start_paused = true)]
async fn a_409_is_tried_again() {
    let (result, script) =
        create(vec![Reply::xml_error(409, "ConditionalRequestConflict"), tagged("\"e1\"")]).await;
    assert_eq!(result.unwrap(), Put::Done(ETag::new("\"e1\"")));
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_read_back_is_unknown_and_never_guessed() {
    let silent = Script::answering(|_| Reply::Lost);
    let error = store(&silent).create(KEY, ours()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unknown, "{error}");

    // The write may yet arrive: its absence now proves nothing.
    let absent = Script::answering(|seen| match seen.method.as_str() {
        "PUT" => Reply::Lost,
        _ => Reply::xml_error(404, "NoSuchKey"),
    });
    let error = store(&absent).create(KEY, ours()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unknown, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_never_left_the_machine_is_no_unknown_outcome() {
    let refused = Script::answering(|_| Reply::Refused);
    let error = store(&refused).create(KEY, ours()).await.unwrap_err();
    assert!(error.to_string().contains("https://s3.eu-central-1.amazonaws.com"), "{error}");
    assert_eq!(error.kind(), Kind::Transient);
}

#[tokio::test(start_paused = true)]
async fn errors_say_what_to_do() {
    let (denied, _) = create(vec![Reply::xml_error(403, "AccessDenied")]).await;
    let denied = denied.unwrap_err();
    assert!(denied.to_string().contains("s3:PutObject") && denied.to_string().contains(KEY), "{denied}");
    assert_eq!(denied.kind(), Kind::Configuration);

    let (moved, _) = create(vec![Reply::xml_error(301, "PermanentRedirect")]).await;
    let moved = moved.unwrap_err();
    assert!(moved.to_string().contains("AWS_REGION"), "{moved}");
    assert_eq!(moved.kind(), Kind::Configuration);
}

#[tokio::test(start_paused = true)]
async fn a_foreign_owner_is_named_in_the_error_and_every_call_demands_the_right_one() {
    let script = Script::in_order([Reply::xml_error(403, "AccessDenied")]);
    let options =
        crate::StoreOptions { expected_owner: Some("111122223333".into()), ..crate::StoreOptions::default() };
    let store = Store::open(&script.config(), "lake", options, lakeward_aws::testing::caller()).unwrap();
    let error = store.get(KEY).await.unwrap_err();
    assert!(error.to_string().contains("111122223333"), "{error}");
    assert_eq!(script.seen()[0].headers["x-amz-expected-bucket-owner"], "111122223333");
}
