use lakeward_aws::testing::{Reply, Script, caller};
use lakeward_manifest::{AttemptId, Phase, Stamp, Step};
use serde_json::{Value, json};

use super::*;
use crate::testing::tagged;

const RUN: &str = "2026-05-19-060000";

/// A run that attempt 1 has claimed.
fn document(attempt: u8) -> Value {
    json!({
        "schema": "lakeward/manifest/v1",
        "phase": "writing",
        "run": { "id": RUN, "ts": "2026-05-19T06:00:00Z" },
        "table": { "root": "s3://lake/orders/", "glue": "shop.orders" },
        "request": { "fingerprint": "sha256:0", "sql": "SELECT 1" },
        "attempt": { "id": format!("{attempt:012x}"), "number": attempt, "started_at": "2026-05-19T06:00:00Z" },
        "updated": { "at": "2026-05-19T06:00:00Z", "step": "write", "execution": "e" },
    })
}

fn read_as(document: &Value, etag: &str) -> Reply {
    Reply::new(200, document.to_string()).header("etag", etag)
}

fn manifests(replies: Vec<Reply>) -> (Manifests, Script) {
    let script = Script::in_order(replies);
    let root = "s3://lake/orders/".parse().unwrap();
    let manifests = Manifests::open(&script.config(), root, StoreOptions::default(), caller()).unwrap();
    (manifests, script)
}

fn run() -> RunId {
    RUN.parse().unwrap()
}

fn stamp() -> Stamp {
    let execution = lakeward_manifest::ExecutionId::from_random(7);
    Stamp { at: "2026-05-19T07:00:00Z".parse().unwrap(), step: Step::Gc, execution }
}

fn abandon(manifest: Manifest) -> Result<Manifest, Refusal> {
    manifest.abandon("given up".to_owned(), stamp())
}

#[tokio::test(start_paused = true)]
async fn a_change_that_lost_a_race_is_decided_again_on_what_the_winner_left() {
    let (manifests, script) = manifests(vec![
        read_as(&document(1), "\"e1\""),
        Reply::xml_error(412, "PreconditionFailed"),
        read_as(&document(2), "\"e2\""),
        tagged("\"e3\""),
    ]);
    let stored = manifests.load(&run()).await.unwrap();
    let changed = manifests.change(stored, abandon).await.unwrap();
    assert_eq!(changed.manifest.phase, Phase::Abandoned);
    assert_eq!(changed.manifest.attempt.id, AttemptId::from_random(2), "what the winner wrote is kept");
    assert_eq!(script.seen()[3].headers["if-match"], "\"e2\"");
}

#[tokio::test(start_paused = true)]
async fn a_transition_that_is_refused_after_a_lost_race_writes_nothing() {
    let mut ended = document(1);
    ended["phase"] = json!("retired");
    let (manifests, script) = manifests(vec![
        read_as(&document(1), "\"e1\""),
        Reply::xml_error(412, "PreconditionFailed"),
        read_as(&ended, "\"e2\""),
    ]);
    let stored = manifests.load(&run()).await.unwrap();
    let error = manifests.change(stored, abandon).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Fenced, "{error}");
    assert_eq!(script.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_transition_that_changes_nothing_writes_nothing() {
    let mut abandoned = document(1);
    abandoned["phase"] = json!("abandoned");
    let (manifests, script) = manifests(vec![read_as(&abandoned, "\"e1\"")]);
    let stored = manifests.load(&run()).await.unwrap();
    manifests.change(stored, abandon).await.unwrap();
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn endless_contention_ends_in_a_request_to_run_again() {
    let script = Script::answering(|seen| match seen.method.as_str() {
        "GET" => read_as(&document(1), "\"e1\""),
        _ => Reply::xml_error(412, "PreconditionFailed"),
    });
    let root = "s3://lake/orders/".parse().unwrap();
    let manifests = Manifests::open(&script.config(), root, StoreOptions::default(), caller()).unwrap();
    let stored = manifests.load(&run()).await.unwrap();
    let error = manifests.change(stored, abandon).await.unwrap_err();
    assert!(matches!(error, ManifestError::Contended { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Transient);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_not_there_says_what_to_run_first() {
    let (manifests, _) = manifests(vec![Reply::xml_error(404, "NoSuchKey")]);
    let error = manifests.load(&run()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(error.to_string().contains("lakeward-write"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_another_attempt_has_claimed_is_not_created_again() {
    let (manifests, script) =
        manifests(vec![read_as(&document(1), "\"e1\""), Reply::xml_error(412, "PreconditionFailed")]);
    let claimed = manifests.load(&run()).await.unwrap().manifest;
    assert!(manifests.create(claimed).await.unwrap().is_none());
    assert_eq!(script.seen()[1].headers["if-none-match"], "*");
}
