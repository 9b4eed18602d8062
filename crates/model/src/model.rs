//! The search: every step of every actor from every state, and what must hold in all of them.

use std::fmt;

use lakeward_manifest::{Phase, SwapSection};

use crate::gc::{self, Gc};
use crate::lake::{Lake, RunNo};
use crate::scene::{now, number, partitions_of};
use crate::swap::{self, Swap};

/// Whether a change's answer comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Received,
    /// The change is made, or refused, and nobody is told.
    Lost,
}

/// How an execution has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Done,
    Fenced,
    Transient,
    /// Killed, and never run again.
    Dead,
}

/// A guard of the protocol, which can be taken away to see what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guard {
    /// UpdateTable names the version that was read.
    VersionId,
    /// gc's mark names the ETag that was read.
    Etag,
    /// The live table knows the newest run that was ever live.
    Newest,
    /// A swap records that the run before is live, should that one's own swap have died, before it replaces it.
    Predecessor,
    /// gc changes the live table's version before it retires a run that a swap has announced.
    Fence,
    /// gc looks at Glue again before it marks.
    SecondLook,
    /// Nobody is suspended for longer than the lease while it holds the live table: an assumption.
    Lease,
}

/// The guards that stand: all of them, or all but one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rules {
    missing: Option<Guard>,
}

impl Rules {
    pub(crate) fn without(guard: Guard) -> Self {
        Self { missing: Some(guard) }
    }

    pub(crate) fn has(self, guard: Guard) -> bool {
        self.missing != Some(guard)
    }
}

/// A step that may act.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Actor {
    Swap(Swap),
    Gc(Gc),
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swap(swap) => write!(f, "{:?} to {} at {:?}", swap.direction, swap.run, swap.at),
            Self::Gc(gc) => write!(f, "gc at {:?}", gc.at),
        }
    }
}

impl Actor {
    pub(crate) const fn end(&self) -> Option<End> {
        match self {
            Self::Swap(Swap { at: swap::Pc::Ended(end), .. })
            | Self::Gc(Gc { at: gc::Pc::Ended(end), .. }) => Some(*end),
            Self::Swap(_) | Self::Gc(_) => None,
        }
    }

    pub(crate) fn step(&self, lake: &mut Lake, rules: Rules, passed: u32, answer: Answer) -> Option<Self> {
        match self {
            Self::Swap(swap) => swap.step(lake, rules, passed, answer).map(Self::Swap),
            Self::Gc(gc) => gc.step(lake, rules, passed, answer).map(Self::Gc),
        }
    }

    const fn changes(&self) -> bool {
        match self {
            Self::Swap(swap) => swap.changes(),
            Self::Gc(gc) => gc.changes(),
        }
    }

    /// The same command, run again by an execution of its own.
    fn again(&self) -> Self {
        match self {
            Self::Swap(swap) => Self::Swap(swap.again(swap.execution + 1)),
            Self::Gc(gc) => Self::Gc(Gc::new(gc.execution + 1)),
        }
    }

    fn dead(&self) -> Self {
        match self {
            Self::Swap(swap) => Self::Swap(swap.ended(End::Dead)),
            Self::Gc(gc) => Self::Gc(gc.ended(End::Dead)),
        }
    }

    fn holds(&self, lake: &Lake) -> bool {
        matches!(self, Self::Swap(swap) if self.end().is_none() && swap.holds(lake))
    }
}

/// How much may still go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Mishaps {
    /// Killed and run again, as orchestrators do.
    pub(crate) crashes: u32,
    /// Killed and never run again.
    pub(crate) deaths: u32,
    /// Lost answers to a change.
    pub(crate) lost: u32,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) lake: Lake,
    pub(crate) actors: Vec<Actor>,
    /// An actor that begins when all others have ended.
    pub(crate) last: Option<Actor>,
    pub(crate) mishaps: Mishaps,
    pub(crate) passed: u32,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Request(usize),
    /// A request whose answer is lost.
    LostAnswer(usize),
    Crash(usize),
    Death(usize),
    /// An orchestrator runs a step again that has ended as transient.
    Retry(usize),
    /// Every lease runs out.
    Lapse,
    /// The last actor begins.
    Last,
}

/// A rivalry.
#[derive(Clone, Debug)]
pub(crate) struct Rivalry {
    pub(crate) lake: Lake,
    pub(crate) actors: Vec<Actor>,
    pub(crate) last: Option<Actor>,
    pub(crate) mishaps: Mishaps,
    pub(crate) rules: Rules,
    pub(crate) partitioned: bool,
}

impl Rivalry {
    /// Where it begins.
    pub(crate) fn start(&self) -> State {
        let Self { lake, actors, last, mishaps, .. } = self.clone();
        State { lake, actors, last, mishaps, passed: 0 }
    }

    /// Everything that can happen next.
    pub(crate) fn events(&self, state: &State) -> Vec<Event> {
        let mut events = Vec::new();
        let Mishaps { crashes, deaths, lost } = state.mishaps;
        for (n, actor) in state.actors.iter().enumerate() {
            if actor.end() == Some(End::Transient) {
                events.push(Event::Retry(n));
            }
            if actor.end().is_some() {
                continue;
            }
            // One that waits can do nothing until somebody else does.
            if actor.step(&mut state.lake.clone(), self.rules, state.passed, Answer::Received).is_some() {
                events.push(Event::Request(n));
            }
            let mishaps = [
                (lost > 0 && actor.changes(), Event::LostAnswer(n)),
                (crashes > 0, Event::Crash(n)),
                (deaths > 0, Event::Death(n)),
            ];
            events.extend(mishaps.into_iter().filter(|(may, _)| *may).map(|(_, event)| event));
        }
        let held = self.rules.has(Guard::Lease) && state.actors.iter().any(|actor| actor.holds(&state.lake));
        if state.has_a_lease_left() && !held {
            events.push(Event::Lapse);
        }
        if state.last.is_some() && state.all_ended() {
            events.push(Event::Last);
        }
        events
    }

    /// The state after an event.
    pub(crate) fn after(&self, state: &State, event: &Event) -> Option<State> {
        let mut next = state.clone();
        let mut request = |n: usize, answer| {
            let stepped = state.actors[n].step(&mut next.lake, self.rules, state.passed, answer);
            stepped.map(|actor| next.actors[n] = actor)
        };
        match *event {
            Event::Request(n) => request(n, Answer::Received)?,
            Event::LostAnswer(n) => {
                request(n, Answer::Lost)?;
                next.mishaps.lost -= 1;
            }
            Event::Crash(n) => {
                next.actors[n] = state.actors[n].again();
                next.mishaps.crashes -= 1;
            }
            Event::Death(n) => {
                next.actors[n] = state.actors[n].dead();
                next.mishaps.deaths -= 1;
            }
            Event::Retry(n) => next.actors[n] = state.actors[n].again(),
            Event::Lapse => next.passed += 1,
            Event::Last => next.actors.extend(next.last.take()),
        }
        Some(next)
    }

    /// What does not hold in a state, if anything, of one property or of all; `over` when nothing can happen any more.
    pub(crate) fn broken(&self, state: &State, over: bool, of: Option<&str>) -> Option<&'static str> {
        let shown = || state.shown(self.partitioned);
        let properties = [
            (FORWARD, !state.lake.went_back),
            (READABLE, shown().all(|run| !state.lake.deleted.contains(&run))),
            (NEVER_BACK, shown().all(|run| !state.phase(run).is_ended())),
            (REMEMBERED, state.is_remembered()),
            (FINISHED, !over || state.all_ended()),
            (WHOLE, !over || state.is_whole(self.partitioned)),
            (RECORDED, !over || state.is_recorded()),
        ];
        let asked = |name: &str| of.is_none_or(|of| of == name);
        properties.into_iter().find(|(name, holds)| !holds && asked(name)).map(|(name, _)| name)
    }
}

/// The live run never goes back in time but by a rollback.
pub(crate) const FORWARD: &str = "forward";
/// Whatever readers are shown has its files.
const READABLE: &str = "readable";
/// No run that has ended is shown.
pub(crate) const NEVER_BACK: &str = "never back";
/// A run that was live and was replaced has a publication in its manifest: it can be rolled back to.
pub(crate) const REMEMBERED: &str = "remembered";
/// Everybody comes to an end.
const FINISHED: &str = "finished";
/// After everybody has ended, the live table shows one run and all of it.
pub(crate) const WHOLE: &str = "whole";
/// After everybody has ended, the live run's manifest says so.
const RECORDED: &str = "recorded";

impl State {
    fn all_ended(&self) -> bool {
        self.actors.iter().all(|actor| actor.end().is_some_and(|end| end != End::Transient))
    }

    /// Whether the live table carries an intent that has not run out.
    fn has_a_lease_left(&self) -> bool {
        let intent = self.lake.table.as_ref().and_then(|table| table.state.swapping.as_ref());
        intent.is_some_and(|intent| now(self.passed) < intent.until)
    }

    /// Whether a swap of this run died, and was never run again.
    fn died(&self, run: RunNo) -> bool {
        let of = |actor: &Actor| matches!(actor, Actor::Swap(swap) if swap.run == run);
        self.actors.iter().any(|actor| actor.end() == Some(End::Dead) && of(actor))
    }

    fn live(&self) -> Option<RunNo> {
        self.lake.table.as_ref().and_then(|table| table.state.run.as_ref()).map(number)
    }

    /// The runs whose files readers of the live table are sent to.
    fn shown(&self, partitioned: bool) -> impl Iterator<Item = RunNo> {
        let live = self.live().filter(|_| !partitioned);
        live.into_iter().chain(self.lake.partitions.values().copied().collect::<Vec<_>>())
    }

    fn phase(&self, run: RunNo) -> Phase {
        self.lake.manifests[&run].phase
    }

    /// Whether the table shows one run; a swap that died and was never run again may have left it half way.
    fn is_whole(&self, partitioned: bool) -> bool {
        let Some(table) = &self.lake.table else { return false };
        match (&table.state.swapping, self.live()) {
            (Some(intent), _) => self.died(number(&intent.run)),
            (None, Some(live)) => !partitioned || self.lake.partitions == partitions_of(live),
            (None, None) => false,
        }
    }

    /// Whether the live run's manifest has its publication; one whose swap died has it only when another replaces it.
    fn is_recorded(&self) -> bool {
        let Some(run) = self.live() else { return true };
        let at = self.lake.table.as_ref().and_then(|table| table.state.published_at);
        let manifest = &self.lake.manifests[&run];
        let publications = manifest.swap.iter().flat_map(|swap| &swap.publications);
        self.died(run) || publications.into_iter().any(|publication| Some(publication.at) == at)
    }

    /// Whether each run that was live and is no more has a publication in its manifest, whoever has died.
    fn is_remembered(&self) -> bool {
        let replaced = self.lake.was_live.iter().filter(|run| self.live() != Some(**run));
        let has_one = |swap: &SwapSection| !swap.publications.is_empty();
        replaced.into_iter().all(|run| self.lake.manifests[run].swap.as_ref().is_some_and(has_one))
    }
}
