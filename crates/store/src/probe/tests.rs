use std::collections::BTreeMap;
use std::sync::Mutex;

use lakeward_aws::testing::{Reply, Script, Seen};
use lakeward_outcome::{Classify, Kind};

use super::*;
use crate::testing::{prefix, store, tagged};

/// How far a store's conditional writes go.
#[derive(Clone, Copy)]
struct Honours {
    none_match: bool,
    if_match: bool,
}

type Objects = Mutex<BTreeMap<String, (String, usize)>>;

/// A store that keeps what it is given, and honours conditions as told.
fn keeping(honours: Honours) -> (Script, &'static Objects) {
    let objects: &'static Objects = Box::leak(Box::default());
    (Script::answering(move |seen| serve(objects, honours, seen)), objects)
}

fn serve(objects: &Objects, honours: Honours, seen: &Seen) -> Reply {
    let mut objects = objects.lock().unwrap();
    let path =
        seen.uri.split_once(".com/").map_or("", |(_, path)| path.split('?').next().unwrap_or_default());
    match seen.method.as_str() {
        "GET" => match objects.get(path) {
            Some((body, tag)) => Reply::new(200, body.clone()).header("etag", &format!("\"{tag}\"")),
            None => Reply::xml_error(404, "NoSuchKey"),
        },
        "PUT" => {
            let tag = objects.get(path).map(|(_, tag)| format!("\"{tag}\""));
            let exists = honours.none_match && seen.headers.contains_key("if-none-match") && tag.is_some();
            let differs = honours.if_match
                && seen.headers.get("if-match").is_some_and(|wanted| Some(wanted) != tag.as_ref());
            if exists || differs {
                return Reply::xml_error(412, "PreconditionFailed");
            }
            let next = objects.values().map(|(_, tag)| *tag).max().unwrap_or(0) + 1;
            objects.insert(path.to_owned(), (seen.body.clone(), next));
            tagged(&format!("\"{next}\""))
        }
        _ => {
            objects.retain(|key, _| !seen.body.contains(&format!("<Key>{key}</Key>")));
            Reply::new(200, "<DeleteResult/>")
        }
    }
}

fn runs() -> Prefix {
    prefix("orders/_runs/")
}

#[tokio::test(start_paused = true)]
async fn a_store_that_honours_conditions_is_asked_only_once() {
    let (script, objects) = keeping(Honours { none_match: true, if_match: true });
    let store = store(&script);
    probe_conditional_writes(&store, &runs(), "p1").await.unwrap();
    let left: Vec<_> = objects.lock().unwrap().keys().cloned().collect();
    assert_eq!(left, ["orders/_runs/capabilities.json"], "the probe's object is gone");
    let calls = script.seen().len();
    probe_conditional_writes(&store, &runs(), "p2").await.unwrap();
    assert_eq!(script.seen().len(), calls + 1, "the marker is read and nothing is written");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_ignores_a_condition_is_refused_and_left_as_it_was() {
    for (none_match, if_match, told) in
        [(false, false, "If-None-Match"), (false, true, "If-None-Match"), (true, false, "If-Match")]
    {
        let (script, objects) = keeping(Honours { none_match, if_match });
        let error = probe_conditional_writes(&store(&script), &runs(), "p1").await.unwrap_err();
        assert!(error.to_string().contains(&format!("ignores {told}")), "{error}");
        assert_eq!(error.kind(), Kind::Configuration);
        assert!(objects.lock().unwrap().is_empty(), "{objects:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_know_conditions_is_refused() {
    let script = Script::answering(|seen| match seen.method.as_str() {
        "GET" => Reply::xml_error(404, "NoSuchKey"),
        "PUT" => Reply::xml_error(501, "NotImplemented"),
        _ => Reply::new(200, "<DeleteResult/>"),
    });
    let error = probe_conditional_writes(&store(&script), &runs(), "p1").await.unwrap_err();
    assert!(matches!(error, StoreError::ConditionsIgnored { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_marker_that_does_not_prove_anything_is_not_believed() {
    let script = Script::answering(|seen| match seen.method.as_str() {
        "GET" => Reply::new(200, r#"{"schema":"something else"}"#).header("etag", "\"e1\""),
        "PUT" => Reply::xml_error(403, "AccessDenied"),
        _ => Reply::new(200, "<DeleteResult/>"),
    });
    let error = probe_conditional_writes(&store(&script), &runs(), "p1").await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
}
