//! The live table's parameters, which anybody with access to Glue may have edited.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lakeward_manifest::{Direction, LiveState, RunId, SwapDecision, decide_swap, parameters};

/// The state that is read is written back as the same, and never lets a run go back in time.
pub(crate) fn holds(bytes: &[u8]) {
    let Ok(map) = serde_json::from_slice::<BTreeMap<String, String>>(bytes) else { return };
    let Ok(state) = LiveState::from_parameters(&map) else { return };
    assert_eq!(
        LiveState::from_parameters(&written(&state)).as_ref(),
        Ok(&state),
        "another state is read back"
    );
    assert_eq!(state.is_ours(), state.visible_runs().next().is_some());
    let runs = ["0000-01-01-000000", "2026-05-19-060000", "9999-12-31-235959-ffffffff"];
    for run in runs.iter().filter_map(|run| run.parse::<RunId>().ok()).chain(state.visible_runs().cloned()) {
        let decision = decide_swap(&state, &run, Direction::Forward, Timestamp::MAX);
        let goes_back = state.newest.as_ref().is_some_and(|newest| run.is_older_than(newest));
        assert!(decision != SwapDecision::Publish || !goes_back, "{run} goes back in time in {state:?}");
    }
}

fn written(state: &LiveState) -> BTreeMap<String, String> {
    let LiveState { run, newest, replaced, published_at, swapping } = state;
    let swapping = swapping.as_ref().and_then(|intent| serde_json::to_string(intent).ok());
    let fields = [
        (parameters::RUN, run.as_ref().map(ToString::to_string)),
        (parameters::NEWEST, newest.as_ref().map(ToString::to_string)),
        (parameters::REPLACED, replaced.as_ref().map(ToString::to_string)),
        (parameters::PUBLISHED_AT, published_at.as_ref().map(ToString::to_string)),
        (parameters::SWAPPING, swapping),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
