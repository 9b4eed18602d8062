use lakeward_aws::testing::{Reply, Script};

use super::*;
use crate::testing::store;

fn object(key: &str, version: Option<&str>) -> ObjectId {
    ObjectId { key: key.to_owned(), version_id: version.map(str::to_owned) }
}

fn answer(errors: &str) -> Reply {
    Reply::new(200, format!("<DeleteResult>{errors}</DeleteResult>"))
}

fn error(key: &str, code: &str) -> String {
    format!("<Error><Key>{key}</Key><Code>{code}</Code><Message>about {code}</Message></Error>")
}

async fn deleted(store: &Store, objects: Vec<ObjectId>) -> Deleted {
    let mut done = Deleted::default();
    store.delete_many(objects, &mut done).await.unwrap();
    done
}

#[tokio::test(start_paused = true)]
async fn a_thousand_keys_go_in_each_call() {
    let script = Script::answering(|_| answer(""));
    let objects = (0..2500).map(|n| object(&format!("a/{n}"), None)).collect();
    let deleted = deleted(&store(&script), objects).await;
    assert_eq!(deleted, Deleted { count: 2500, failures: Vec::new() });
    let mut sizes: Vec<_> = script.seen().iter().map(|seen| seen.body.matches("<Key>").count()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [500, 1000, 1000]);
}

#[tokio::test(start_paused = true)]
async fn nothing_to_delete_needs_no_call() {
    let script = Script::in_order([]);
    assert_eq!(deleted(&store(&script), Vec::new()).await, Deleted::default());
    assert!(script.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn keys_that_s3_was_too_busy_for_are_tried_again_and_refused_ones_are_told() {
    let first = error("a/2", "SlowDown") + &error("a/3", "AccessDenied");
    let script = Script::in_order([answer(&first), answer("")]);
    let objects = ["a/1", "a/2", "a/3"].map(|key| object(key, None)).to_vec();
    let deleted = deleted(&store(&script), objects).await;
    assert_eq!(deleted.count, 2);
    let refused = Failure {
        object: object("a/3", None),
        code: "AccessDenied".into(),
        message: "about AccessDenied".into(),
    };
    assert_eq!(deleted.failures, [refused]);
    let again = &script.seen()[1].body;
    assert!(again.contains("a/2") && !again.contains("a/1") && !again.contains("a/3"), "{again}");
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_throttled_for_minutes_are_gone_in_the_end() {
    let started = tokio::time::Instant::now();
    let script = Script::answering(move |_| {
        let throttled = started.elapsed() < std::time::Duration::from_mins(2);
        answer(&if throttled { error("a/1", "SlowDown") } else { String::new() })
    });
    let store = store(&script).with_caller(lakeward_aws::Caller::default());
    let deleted = deleted(&store, vec![object("a/1", None), object("a/2", None)]).await;
    assert_eq!((deleted.count, deleted.failures.len()), (2, 0));
    assert!(script.seen().len() < 60, "{} calls in two minutes add to the throttling", script.seen().len());
}

#[tokio::test(start_paused = true)]
async fn keys_that_stay_throttled_are_told_in_the_end() {
    let script = Script::answering(|_| answer(&error("a/1", "SlowDown")));
    let deleted = deleted(&store(&script), vec![object("a/1", None)]).await;
    assert_eq!((deleted.count, deleted.failures.len()), (0, 1));
    assert!(script.seen().len() > 2);
}

#[tokio::test(start_paused = true)]
async fn two_versions_of_one_key_are_told_apart() {
    let failed = "<Error><Key>a/1</Key><VersionId>v2</VersionId><Code>AccessDenied</Code></Error>";
    let script = Script::in_order([answer(failed)]);
    let objects = vec![object("a/1", Some("v1")), object("a/1", Some("v2"))];
    let deleted = deleted(&store(&script), objects).await;
    assert_eq!(deleted.count, 1);
    assert_eq!(deleted.failures[0].object, object("a/1", Some("v2")));
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_before_a_call_failed_is_told() {
    let busy = error("a/2", "SlowDown") + &error("a/3", "AccessDenied");
    let denied = Reply::new(403, "<Error><Code>AccessDenied</Code></Error>");
    let script = Script::in_order([answer(&busy), denied]);
    let objects = ["a/1", "a/2", "a/3"].map(|key| object(key, None)).to_vec();
    let mut done = Deleted::default();
    store(&script).delete_many(objects, &mut done).await.unwrap_err();
    assert_eq!((done.count, done.failures.len()), (1, 1));
}
