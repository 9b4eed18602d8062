//! The HTTP interface to faults and journal, for processes other than the lake's own.
//!
//! | request | does |
//! | --- | --- |
//! | `POST /_local/faults` | sets a fault from its JSON ([`Rule`]); answers `{"id": 1}` |
//! | `GET /_local/faults` | lists the faults, with how often each fired |
//! | `DELETE /_local/faults` | removes them all, and releases what they paused |
//! | `POST /_local/release` | releases what the fault `{"id": 1}` paused |
//! | `GET /_local/requests` | lists the requests so far |
//! | `DELETE /_local/requests` | forgets them |

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{Faults, Rule};
use crate::journal::Journal;

/// No bucket's name begins so.
pub(crate) const PATH_PREFIX: &str = "/_local/";

#[derive(Deserialize)]
struct Release {
    id: u64,
}

/// Answers a request to the interface.
pub(crate) fn answer(
    method: &Method,
    path: &str,
    body: &[u8],
    faults: &Faults,
    journal: &Journal,
) -> (StatusCode, Value) {
    match (method, path.strip_prefix(PATH_PREFIX).unwrap_or(path)) {
        (&Method::POST, "faults") => match serde_json::from_slice::<Rule>(body) {
            Ok(rule) => (StatusCode::OK, json!({ "id": faults.set(rule).id() })),
            Err(error) => refused(&format!("the body is no rule: {error}")),
        },
        (&Method::GET, "faults") => (StatusCode::OK, json!({ "faults": faults.report() })),
        (&Method::DELETE, "faults") => {
            faults.clear();
            (StatusCode::OK, json!({}))
        }
        (&Method::POST, "release") => match serde_json::from_slice::<Release>(body) {
            Ok(Release { id }) => release(faults, id),
            Err(error) => refused(&format!("the body names no fault: {error}")),
        },
        (&Method::GET, "requests") => (StatusCode::OK, json!({ "requests": journal.entries() })),
        (&Method::DELETE, "requests") => {
            journal.clear();
            (StatusCode::OK, json!({}))
        }
        _ => (StatusCode::NOT_FOUND, json!({ "error": format!("{method} {path} is not served") })),
    }
}

fn release(faults: &Faults, id: u64) -> (StatusCode, Value) {
    match faults.get(id) {
        Some(fault) => {
            fault.release();
            (StatusCode::OK, json!({}))
        }
        None => (StatusCode::NOT_FOUND, json!({ "error": format!("there is no fault {id}") })),
    }
}

fn refused(message: &str) -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, json!({ "error": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_set_listed_released_and_removed() {
        let (faults, journal) = (Faults::default(), Journal::default());
        let ask = |method: Method, path: &str, body: &str| {
            answer(&method, &format!("{PATH_PREFIX}{path}"), body.as_bytes(), &faults, &journal)
        };
        let (status, set) = ask(Method::POST, "faults", r#"{"effect":"pause","operation":"GetTable"}"#);
        assert_eq!((status, &set), (StatusCode::OK, &json!({ "id": 1 })));
        assert_eq!(ask(Method::POST, "release", r#"{"id":1}"#).0, StatusCode::OK);
        let listed = ask(Method::GET, "faults", "").1;
        assert_eq!(listed["faults"][0]["released"], json!(true));
        assert_eq!(listed["faults"][0]["rule"]["operation"], json!("GetTable"));
        ask(Method::DELETE, "faults", "");
        assert_eq!(ask(Method::POST, "release", r#"{"id":1}"#).0, StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_refused() {
        let (faults, journal) = (Faults::default(), Journal::default());
        let body = br#"{"effect":"explode"}"#;
        let (status, _) = answer(&Method::POST, "/_local/faults", body, &faults, &journal);
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}
