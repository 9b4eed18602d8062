//! What happens to a request.

use lakeward_local::{Effect, Fault, Faults, Rule, When};

/// What happens to the k-th request of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is refused before it is applied, once.
    Refused,
    /// It and every later one are refused, and the step does not try again.
    RefusedForGood,
    /// It is applied, and the answer is lost.
    AnswerLost,
    /// It is applied and answered with an error of the server.
    AnsweredWithAnError,
    /// The step is killed right before it.
    KilledBefore,
    /// It is applied, and the step is killed before it learns so.
    KilledAfter,
    /// It is applied, and its answer arrives after a rival has run the same step.
    AnswerLate,
    /// It is applied after a rival has run the same step.
    RequestLate,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::RefusedForGood,
        Self::AnswerLost,
        Self::AnsweredWithAnError,
        Self::KilledBefore,
        Self::KilledAfter,
        Self::AnswerLate,
        Self::RequestLate,
    ];

    /// The mode's name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused once",
            Self::RefusedForGood => "refused for good",
            Self::AnswerLost => "answer lost",
            Self::AnsweredWithAnError => "applied, answered with 500",
            Self::KilledBefore => "killed before",
            Self::KilledAfter => "killed after",
            Self::AnswerLate => "answer after a rival",
            Self::RequestLate => "request after a rival",
        }
    }

    /// Whether the step dies of it.
    pub(crate) const fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }

    /// Whether another execution passes while the request or its answer waits.
    pub(crate) const fn has_a_rival(self) -> bool {
        matches!(self, Self::AnswerLate | Self::RequestLate)
    }

    /// Sets the faults for the k-th request of `caller`; the one that is returned tells whether it came to that.
    pub(crate) fn arm(self, faults: &Faults, caller: &str, k: u64) -> Fault {
        let rule = |when, effect| Rule::new(when, effect).caller(caller).nth(k);
        let refuse = |status, code: &str| Effect::Refuse { status, code: code.to_owned() };
        let unavailable = || refuse(503, "ServiceUnavailable");
        match self {
            Self::Refused => faults.set(rule(When::Before, unavailable())),
            Self::RefusedForGood => faults.set(rule(When::Before, unavailable()).times(u64::MAX)),
            Self::AnswerLost => faults.set(rule(When::After, Effect::Drop)),
            Self::AnsweredWithAnError => faults.set(rule(When::After, refuse(500, "InternalError"))),
            Self::KilledBefore => faults.set(rule(When::Before, Effect::Drop).times(u64::MAX)),
            Self::KilledAfter => {
                // What the dying step still sends comes to nothing.
                faults.set(Rule { nth: k + 1, ..rule(When::Before, Effect::Drop) }.times(u64::MAX));
                faults.set(rule(When::After, Effect::Drop))
            }
            Self::AnswerLate => faults.set(rule(When::After, Effect::Pause)),
            Self::RequestLate => faults.set(rule(When::Before, Effect::Pause)),
        }
    }
}
