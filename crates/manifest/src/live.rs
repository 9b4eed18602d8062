//! What the live table says of itself, and whether a run may replace what it shows.
//!
//! The live table's own parameters are the truth of what is live; manifests follow. All predicates are pure, so
//! that steps and models share them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::{Manifest, Phase};
use crate::ids::{ExecutionId, RunId};

/// The Glue table parameters that Lakeward owns.
pub mod parameters {
    /// The run that the table shows.
    pub const RUN: &str = "lakeward.run";
    /// The attempt whose files it shows.
    pub const ATTEMPT: &str = "lakeward.attempt";
    /// The URI of the run's manifest.
    pub const MANIFEST: &str = "lakeward.manifest";
    /// The newest run that was ever live: after a rollback, newer than [`RUN`].
    pub const NEWEST: &str = "lakeward.newest";
    /// The run that was live before [`RUN`], if one was.
    pub const REPLACED: &str = "lakeward.replaced";
    /// When the table first showed the run, RFC 3339.
    pub const PUBLISHED_AT: &str = "lakeward.published-at";
    /// A swap that has begun, as JSON ([`super::SwapIntent`]).
    pub const SWAPPING: &str = "lakeward.swapping";
    /// The gc that last changed the table's version, so that a stalled swap finds another one than it read.
    pub const FENCED_BY: &str = "lakeward.fenced-by";
    /// `live` or `staged`.
    pub const ROLE: &str = "lakeward.role";
    /// The names of the user's own properties that the spec has set, comma-separated: what a later spec that
    /// does not have them takes away again.
    pub const PROPERTIES: &str = "lakeward.properties";
    /// Every parameter of ours starts so.
    pub const PREFIX: &str = "lakeward.";
    /// The value of [`ROLE`] for the table that readers use.
    pub const ROLE_LIVE: &str = "live";
    /// The value of [`ROLE`] for a table that shows an unpublished run.
    pub const ROLE_STAGED: &str = "staged";
}

/// A swap of a partitioned table that has begun: readers may see partitions of either version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SwapIntent {
    /// The run that is going live.
    pub run: RunId,
    /// Who does it.
    pub execution: ExecutionId,
    /// When it began or was last renewed.
    pub at: Timestamp,
    /// When it is void unless it is renewed: from then on another run may take over.
    pub until: Timestamp,
}

/// A parameter of the live table that is not what Lakeward writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "table parameter {name} has the value {value:?}, which is not one of Lakeward's: somebody has changed it"
)]
pub struct ForeignParameter {
    name: &'static str,
    value: String,
}

impl lakeward_outcome::Classify for ForeignParameter {
    fn kind(&self) -> lakeward_outcome::Kind {
        lakeward_outcome::Kind::Configuration
    }
}

/// The state of the live table, from its parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveState {
    /// The run that is live. None before the first swap has finished, or in a table that is not Lakeward's.
    pub run: Option<RunId>,
    /// The newest run that was ever live.
    pub newest: Option<RunId>,
    /// The run that was live before [`LiveState::run`].
    pub replaced: Option<RunId>,
    /// When the table first showed the run.
    pub published_at: Option<Timestamp>,
    /// A swap that has begun and not finished.
    pub swapping: Option<SwapIntent>,
}

impl LiveState {
    /// Reads the state from a table's parameters.
    ///
    /// # Errors
    /// [`ForeignParameter`] when one of ours does not have our form: the state is then unknown.
    pub fn from_parameters(map: &BTreeMap<String, String>) -> Result<Self, ForeignParameter> {
        let run_id = |name: &'static str| {
            let parse = |value: &String| {
                value.parse::<RunId>().map_err(|_| ForeignParameter { name, value: value.clone() })
            };
            map.get(name).map(parse).transpose()
        };
        let run = run_id(parameters::RUN)?;
        let newest = run_id(parameters::NEWEST)?.or_else(|| run.clone());
        let parsed =
            |name| map.get(name).map(|value| (value, ForeignParameter { name, value: value.clone() }));
        let published_at = parsed(parameters::PUBLISHED_AT)
            .map(|(value, foreign)| value.parse().map_err(|_| foreign))
            .transpose()?;
        let swapping = parsed(parameters::SWAPPING)
            .map(|(value, foreign)| serde_json::from_str(value).map_err(|_| foreign))
            .transpose()?;
        Ok(Self { run, newest, replaced: run_id(parameters::REPLACED)?, published_at, swapping })
    }

    /// Whether Lakeward has ever published, or begun to publish, this table.
    pub const fn is_ours(&self) -> bool {
        self.run.is_some() || self.swapping.is_some()
    }

    /// Every run that readers of the table may see.
    pub fn visible_runs(&self) -> impl Iterator<Item = &RunId> {
        self.run.iter().chain(self.swapping.iter().map(|intent| &intent.run))
    }
}

/// Which way a swap goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A new run replaces the live one; it must not be older than any run that was live.
    Forward,
    /// A person publishes an earlier version again.
    Rollback,
}

/// What a swap does.
#[derive(Clone, Debug, PartialEq)]
pub enum SwapDecision {
    /// The way is free.
    Publish,
    /// A swap of the same run has begun: go on with it.
    Resume,
    /// The live table already shows the run.
    AlreadyLive,
    /// Another run's swap is under way: wait for it to end or for its lease to run out.
    Wait {
        /// The run that is going live.
        rival: RunId,
        /// When its lease runs out.
        until: Timestamp,
    },
    /// A run that is not older was live, or is going live: this one may not.
    Superseded {
        /// The newer run, or this run itself when it was rolled back from.
        by: RunId,
    },
}

impl Manifest {
    /// Decides whether the run may go live. One that was published once does not go forward a second time.
    pub fn decide_swap(&self, live: &LiveState, direction: Direction, now: Timestamp) -> SwapDecision {
        let decision = decide_swap(live, &self.run.id, direction, now);
        let published = direction == Direction::Forward && self.phase == Phase::Published;
        match decision {
            SwapDecision::Publish if published => SwapDecision::Superseded { by: self.run.id.clone() },
            decision => decision,
        }
    }
}

/// Decides whether `run` may go live. A rival's intent is void once its time has run out.
pub fn decide_swap(live: &LiveState, run: &RunId, direction: Direction, now: Timestamp) -> SwapDecision {
    let intent = live.swapping.as_ref();
    if intent.is_some_and(|intent| intent.run == *run) {
        return SwapDecision::Resume;
    }
    if intent.is_none() && live.run.as_ref() == Some(run) {
        return SwapDecision::AlreadyLive;
    }
    if direction == Direction::Forward {
        let going_live = intent.map(|intent| &intent.run);
        let newer =
            live.newest.iter().chain(going_live).find(|other| run.is_older_than(other) || *other == run);
        if let Some(newer) = newer {
            return SwapDecision::Superseded { by: newer.clone() };
        }
    }
    match intent {
        Some(intent) if now < intent.until => {
            SwapDecision::Wait { rival: intent.run.clone(), until: intent.until }
        }
        Some(_) | None => SwapDecision::Publish,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(hour: u32) -> RunId {
        format!("2026-05-19-{hour:02}0000").parse().unwrap()
    }

    fn live(run: u32, newest: u32) -> LiveState {
        LiveState { run: Some(id(run)), newest: Some(id(newest)), ..LiveState::default() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-05-19T12:00:00Z")
    }

    fn with_intent(state: LiveState, run: u32, at: Timestamp) -> LiveState {
        let execution = ExecutionId::from_random(1);
        let until = at + std::time::Duration::from_mins(10);
        LiveState { swapping: Some(SwapIntent { run: id(run), execution, at, until }), ..state }
    }

    #[test]
    fn the_live_run_never_goes_back_in_time_but_by_rollback() {
        let forward = |run| decide_swap(&live(5, 5), &id(run), Direction::Forward, now());
        assert_eq!(forward(4), SwapDecision::Superseded { by: id(5) });
        assert_eq!(forward(5), SwapDecision::AlreadyLive);
        assert_eq!(forward(6), SwapDecision::Publish);
        assert_eq!(decide_swap(&live(5, 5), &id(4), Direction::Rollback, now()), SwapDecision::Publish);
    }

    #[test]
    fn after_a_rollback_no_stalled_swap_undoes_it() {
        // Run 3 was live and was rolled back to run 1; run 2 never went live.
        let forward = |run| decide_swap(&live(1, 3), &id(run), Direction::Forward, now());
        assert_eq!(forward(2), SwapDecision::Superseded { by: id(3) });
        assert_eq!(forward(3), SwapDecision::Superseded { by: id(3) });
        assert_eq!(forward(4), SwapDecision::Publish);
    }

    #[test]
    fn a_swap_that_died_is_resumed_by_its_own_run_and_taken_over_by_a_newer_one_after_the_lease() {
        let begun = at("2026-05-19T11:55:00Z");
        let state = with_intent(live(4, 4), 5, begun);
        let decide = |run, now| decide_swap(&state, &id(run), Direction::Forward, now);
        assert_eq!(decide(5, now()), SwapDecision::Resume);
        let until = at("2026-05-19T12:05:00Z");
        assert_eq!(decide(6, now()), SwapDecision::Wait { rival: id(5), until });
        assert_eq!(decide(6, until), SwapDecision::Publish);
        assert_eq!(decide(4, until), SwapDecision::Superseded { by: id(4) });
    }

    #[test]
    fn two_runs_of_one_second_may_follow_each_other() {
        let state = LiveState {
            run: Some("2026-05-19-060000-ffffffff".parse().unwrap()),
            newest: Some("2026-05-19-060000-ffffffff".parse().unwrap()),
            ..LiveState::default()
        };
        let same: RunId = "2026-05-19-060000-00000000".parse().unwrap();
        assert_eq!(decide_swap(&state, &same, Direction::Forward, now()), SwapDecision::Publish);
    }

    #[test]
    fn a_parameter_that_is_not_ours_makes_the_state_unknown_rather_than_empty() {
        let parameters = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        assert!(LiveState::from_parameters(&parameters(parameters::RUN, "latest")).is_err());
        assert!(LiveState::from_parameters(&parameters(parameters::SWAPPING, "{}")).is_err());
        let foreign = LiveState::from_parameters(&parameters("owner", "bi")).unwrap();
        assert!(!foreign.is_ours());
    }

    #[test]
    fn a_table_that_was_published_before_newest_was_written_has_its_run_as_newest() {
        let map = BTreeMap::from([(parameters::RUN.to_owned(), id(5).to_string())]);
        assert_eq!(LiveState::from_parameters(&map).unwrap(), live(5, 5));
    }
}
