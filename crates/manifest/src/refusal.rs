//! Why a manifest does not take a change.

use lakeward_outcome::{Classify, Kind};

use crate::document::{Phase, Step};
use crate::ids::{AttemptId, RunId};

/// A change that the run's state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A step was run before the one that it needs.
    #[error("run {run} is {phase}: run {} first", needs.binary())]
    TooEarly {
        /// The run.
        run: RunId,
        /// Where it is.
        phase: Phase,
        /// The step to run first.
        needs: Step,
    },
    /// The run can never go on.
    #[error("run {run} is {phase}{}: start a new run", reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default())]
    Ended {
        /// The run.
        run: RunId,
        /// How it ended.
        phase: Phase,
        /// Why, if the manifest says so.
        reason: Option<String>,
    },
    /// Another attempt of `write` holds or has sealed the run.
    #[error("attempt {mine} of run {run} was fenced: attempt {theirs} has taken over")]
    Fenced {
        /// The run.
        run: RunId,
        /// The attempt that asks.
        mine: AttemptId,
        /// The attempt that holds the run.
        theirs: AttemptId,
    },
    /// A sealed run was asked for with another query or spec.
    #[error(
        "run {run} was already written for another request (query, spec or variables differ): \
         give this request a run timestamp or run key of its own"
    )]
    OtherRequest {
        /// The run.
        run: RunId,
    },
    /// A published run cannot be abandoned.
    #[error(
        "run {run} is published: it cannot be abandoned; publish another run or roll back with lakeward-swap --to"
    )]
    Published {
        /// The run.
        run: RunId,
    },
    /// A run that never was live cannot be rolled back to.
    #[error("run {run} is {phase} and was never live: only a published run can be rolled back to")]
    NeverLive {
        /// The run.
        run: RunId,
        /// Where it is.
        phase: Phase,
    },
}

impl Classify for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Self::TooEarly { .. }
            | Self::OtherRequest { .. }
            | Self::Published { .. }
            | Self::NeverLive { .. } => Kind::Usage,
            Self::Ended { phase: Phase::Rejected, .. } => Kind::Rejected,
            Self::Ended { .. } | Self::Fenced { .. } => Kind::Fenced,
        }
    }
}
