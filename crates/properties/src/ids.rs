//! Run ids, attempt ids and run keys.

use jiff::Timestamp;
use lakeward_manifest::{AttemptId, GlueName, RunId, RunKey};

/// An accepted run id sorts by its time, reads back as itself, and fits wherever an id goes.
pub(crate) fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(run) = text.parse::<RunId>() {
        run_id(text, &run);
    }
    if let Ok(attempt) = text.parse::<AttemptId>() {
        assert_eq!(attempt.as_str(), text);
        assert!(text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text:?}");
    }
    if let Ok(key) = text.parse::<RunKey>() {
        assert_eq!(key.as_str(), text);
        let keyed = RunId::new(Timestamp::UNIX_EPOCH, Some(&key));
        assert!(keyed.is_ok_and(|id| id.as_str().parse() == Ok(id)), "{text:?} names no run");
    }
}

fn run_id(text: &str, run: &RunId) {
    assert_eq!(run.as_str(), text);
    let form = text.char_indices().all(|(at, letter)| match at {
        4 | 7 | 10 | 17 => letter == '-',
        0..17 => letter.is_ascii_digit(),
        _ => letter.is_ascii_digit() || ('a'..='f').contains(&letter),
    });
    assert!(form && matches!(text.len(), 17 | 26), "{text:?} does not sort by its time");
    let json = serde_json::to_string(run).and_then(|json| serde_json::from_str::<RunId>(&json));
    assert!(json.is_ok_and(|read| read == *run), "{text:?} is not read back");
    assert!(!run.is_older_than(run));
    if let Ok(live) = "shop.orders".parse::<GlueName>() {
        let staged = live.staged(run);
        assert!(live.is_staged_name(staged.table()));
        assert_eq!(GlueName::try_from(staged.to_string()), Ok(staged));
    }
}
