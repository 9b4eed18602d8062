//! What is left to do for a run.

use jiff::Timestamp;

use crate::command::CommandLine;
use crate::document::{Manifest, Phase, Step};
use crate::ids::RunId;
use crate::live::{Direction, LiveState, SwapDecision};

/// What is left to do for a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This command continues it.
    Continue(CommandLine),
    /// It was published: nothing is left to do.
    Done,
    /// A run that is not older was live, or is going live: this one never will.
    Superseded {
        /// The newer run.
        by: RunId,
    },
    /// It has ended: only a new run goes on.
    Ended,
}

impl Manifest {
    /// What is left to do for the run, given what the live table says, if that is known.
    ///
    /// The command of `verify` is the bare one: gates and checks are their user's own and in no manifest.
    pub fn next(&self, live: Option<&LiveState>, now: Timestamp) -> Next {
        let uri = self.uri();
        let step = match self.phase {
            Phase::Writing => Step::Write,
            Phase::Written => Step::Register,
            Phase::Registered => Step::Verify,
            Phase::Verified => Step::Swap,
            Phase::Published => return self.after_publication(live),
            // Not a whole gc: how long it keeps other versions is its user's own and in no manifest.
            Phase::Retiring => return Next::Continue(CommandLine::abandon(&uri)),
            Phase::Retired | Phase::Rejected | Phase::Abandoned => return Next::Ended,
        };
        let decision = live.map(|live| self.decide_swap(live, Direction::Forward, now));
        match (decision, step) {
            (Some(SwapDecision::Superseded { by }), _) => Next::Superseded { by },
            (_, Step::Write) => Next::Continue(CommandLine::write(&self.run, &self.table, &self.request)),
            (_, step) => Next::Continue(CommandLine::on_run(step, &uri)),
        }
    }

    /// A rollback to the run that has begun and not ended is gone on with.
    fn after_publication(&self, live: Option<&LiveState>) -> Next {
        let going_live = live.and_then(|live| live.swapping.as_ref()).map(|intent| &intent.run);
        if going_live == Some(&self.run.id) {
            Next::Continue(CommandLine::roll_back(&self.uri()))
        } else {
            Next::Done
        }
    }

    /// The command that publishes the run again; none unless it is a version that readers do not see.
    pub fn roll_back(&self, live: &LiveState) -> Option<CommandLine> {
        let version = self.version().is_ok() && live.visible_runs().all(|run| *run != self.run.id);
        version.then(|| CommandLine::roll_back(&self.uri()))
    }
}
