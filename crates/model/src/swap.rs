//! `lakeward-swap`, one request at a time.

mod moving;

use std::collections::BTreeSet;

use lakeward_manifest::{
    Direction, ExecutionId, LiveState, Manifest, Phase, Publication, Refusal, Step, SwapDecision, SwapIntent,
};
use serde_json::Map;

use crate::lake::{Lake, RunNo, Table, Value};
use crate::model::{Answer, End, Guard, Rules};
use crate::named::Named;
use crate::scene::{self, LEASE, id, now, number, partitions_of, published_at};

/// A swap that runs, or has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Swap {
    pub(crate) run: RunNo,
    pub(crate) direction: Way,
    pub(crate) partitioned: bool,
    pub(crate) execution: u32,
    pub(crate) at: Pc,
    /// The manifest as it was loaded, by which it is decided.
    loaded: Option<Named<Manifest>>,
    /// The manifest as it was last read or written.
    current: Option<Named<Manifest>>,
    /// The live table as it was read before it was decided.
    live: Option<Table>,
    /// The manifest of the run that is live, as it was read.
    before: Option<Named<Manifest>>,
    /// The live table as it was read before the last UpdateTable.
    last: Option<Table>,
    /// What the last conditional change was to be, while its answer is lost.
    wanted: Option<Named<LiveState>>,
    /// Partitions to be moved, in this order.
    plan: BTreeSet<(Batch, Value)>,
    rounds: u8,
    /// How often it has looked at the live table and decided.
    turns: u32,
    published: Option<Made>,
}

/// [`Direction`], which has no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Forward,
    Rollback,
}

/// What a batch does to partitions. What readers may still need goes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Batch {
    Update,
    Create,
    Delete,
}

/// A publication to be recorded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Made {
    at: jiff::Timestamp,
    replaced: Option<RunNo>,
}

/// The next request, or the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pc {
    Load,
    ReadLive,
    /// A partitioned table shows the run already: are all partitions as they should be?
    CompareLive,
    /// The run that is live may be of a swap that died before it recorded that.
    FindPredecessor,
    RecordPredecessor,
    Announce,
    ReloadToAnnounce,
    /// The CreateTable of a table that shows nothing.
    Create,
    /// The UpdateTable that makes an unpartitioned run live, or puts the intent there.
    Change,
    SettleChange,
    List,
    CheckHeld,
    Move,
    ListAgain,
    ReadToRelease,
    Release,
    SettleRelease,
    Record,
    ReloadToRecord,
    Ended(End),
}

impl Swap {
    pub(crate) fn new(run: RunNo, direction: Way, partitioned: bool, execution: u32) -> Self {
        Self {
            run,
            direction,
            partitioned,
            execution,
            at: Pc::Load,
            loaded: None,
            current: None,
            live: None,
            before: None,
            last: None,
            wanted: None,
            plan: BTreeSet::new(),
            rounds: 0,
            turns: 0,
            published: None,
        }
    }

    /// What is left of an execution that has ended.
    pub(crate) fn ended(&self, end: End) -> Self {
        Self { at: Pc::Ended(end), ..self.again(self.execution) }
    }

    /// The same command, run again.
    pub(crate) fn again(&self, execution: u32) -> Self {
        Self::new(self.run, self.direction, self.partitioned, execution)
    }

    /// Whether the next request changes something, so that its lost answer matters.
    pub(crate) const fn changes(&self) -> bool {
        match self.at {
            Pc::RecordPredecessor
            | Pc::Announce
            | Pc::Create
            | Pc::Change
            | Pc::Move
            | Pc::Release
            | Pc::Record => true,
            Pc::Load
            | Pc::ReadLive
            | Pc::CompareLive
            | Pc::FindPredecessor
            | Pc::ReloadToAnnounce
            | Pc::SettleChange
            | Pc::List
            | Pc::CheckHeld
            | Pc::ListAgain
            | Pc::ReadToRelease
            | Pc::SettleRelease
            | Pc::ReloadToRecord
            | Pc::Ended(_) => false,
        }
    }

    /// Whether the live table carries this execution's intent.
    pub(crate) fn holds(&self, lake: &Lake) -> bool {
        lake.table.as_ref().is_some_and(|table| self.is_mine(&table.state))
    }

    fn is_mine(&self, state: &LiveState) -> bool {
        let mine = ExecutionId::from_random(self.execution.into());
        state.swapping.as_ref().is_some_and(|intent| intent.run == id(self.run) && intent.execution == mine)
    }

    /// Sends the next request. None while it waits for a rival.
    pub(crate) fn step(&self, lake: &mut Lake, rules: Rules, passed: u32, answer: Answer) -> Option<Self> {
        let mut next = self.clone();
        next.at = match self.at {
            Pc::Load => next.load(lake),
            Pc::ReadLive => next.decide(lake, rules, passed)?,
            Pc::CompareLive => next.compare_live(lake),
            Pc::FindPredecessor => next.find_predecessor(lake, rules),
            Pc::RecordPredecessor => next.record_predecessor(lake, passed, answer),
            Pc::Announce => next.announce(lake, passed, answer),
            Pc::ReloadToAnnounce => {
                next.reload(lake);
                Pc::Announce
            }
            Pc::Create => {
                // Whether it was there already, or the answer is lost: it is read again.
                lake.put_table(None, LiveState::default(), None, true);
                Pc::ReadLive
            }
            Pc::Change => next.change(lake, rules, passed, answer),
            Pc::SettleChange => next.settle_change(lake),
            Pc::List => next.list(lake),
            Pc::CheckHeld => {
                let mine = lake.table.as_ref().is_some_and(|table| self.is_mine(&table.state));
                if mine { Pc::Move } else { Pc::Ended(End::Fenced) }
            }
            Pc::Move => next.move_one(lake, answer),
            Pc::ListAgain => next.list_again(lake),
            Pc::ReadToRelease => next.read_to_release(lake),
            Pc::Release => next.release(lake, rules, passed, answer),
            Pc::SettleRelease => next.settle_release(lake),
            Pc::Record => next.record(lake, passed, answer),
            Pc::ReloadToRecord => {
                next.reload(lake);
                Pc::Record
            }
            Pc::Ended(_) => return None,
        };
        Some(if let Pc::Ended(end) = next.at { next.ended(end) } else { next })
    }

    fn load(&mut self, lake: &Lake) -> Pc {
        let manifest = lake.manifests[&self.run].clone();
        let usable = match self.direction {
            Way::Forward => manifest.verified().is_ok(),
            Way::Rollback => manifest.version().is_ok(),
        };
        self.loaded = Some(manifest.clone());
        self.current = Some(manifest);
        if usable { Pc::ReadLive } else { Pc::Ended(End::Fenced) }
    }

    fn reload(&mut self, lake: &Lake) {
        self.current = lake.manifests.get(&self.run).cloned();
    }

    fn decide(&mut self, lake: &Lake, rules: Rules, passed: u32) -> Option<Pc> {
        self.live.clone_from(&lake.table);
        self.turns += 1;
        let mut state = state_of(self.live.as_ref());
        if !rules.has(Guard::Newest) {
            state.newest.clone_from(&state.run);
        }
        let direction = match self.direction {
            Way::Forward => Direction::Forward,
            Way::Rollback => Direction::Rollback,
        };
        match self.loaded.as_ref()?.decide_swap(&state, direction, now(passed)) {
            SwapDecision::AlreadyLive if self.partitioned => Some(Pc::CompareLive),
            SwapDecision::AlreadyLive => Some(self.was_live()),
            SwapDecision::Superseded { .. } => Some(Pc::Ended(End::Fenced)),
            SwapDecision::Wait { .. } => None,
            SwapDecision::Publish | SwapDecision::Resume => Some(Pc::FindPredecessor),
        }
    }

    fn compare_live(&mut self, lake: &Lake) -> Pc {
        if lake.partitions == partitions_of(self.run) { self.was_live() } else { Pc::Announce }
    }

    fn was_live(&mut self) -> Pc {
        let state = state_of(self.live.as_ref());
        let at = state.published_at.unwrap_or(now(0));
        self.published = Some(Made { at, replaced: state.replaced.as_ref().map(number) });
        self.live = None;
        Pc::Record
    }

    fn find_predecessor(&mut self, lake: &Lake, rules: Rules) -> Pc {
        let state = state_of(self.live.as_ref());
        let live = state.run.as_ref().map(number).filter(|live| *live != self.run);
        let before = live.and_then(|live| lake.manifests.get(&live)).cloned();
        let unrecorded = |manifest: &Named<Manifest>| manifest.phase == Phase::Verified;
        self.before = before.filter(|manifest| rules.has(Guard::Predecessor) && unrecorded(manifest));
        if self.before.is_some() { Pc::RecordPredecessor } else { Pc::Announce }
    }

    fn record_predecessor(&mut self, lake: &mut Lake, passed: u32, answer: Answer) -> Pc {
        let state = state_of(self.live.as_ref());
        let (Some(was), Some(at)) = (self.before.take(), state.published_at) else { return Pc::Announce };
        let stamp = scene::stamp(Step::Swap, self.execution, passed, self.turns);
        let made = Made { at, replaced: state.replaced.as_ref().map(number) };
        let before = Manifest::clone(&was);
        let Ok(recorded) = before.publish(publication(&made, false), String::new(), stamp) else {
            return Pc::Announce;
        };
        let done = lake.put_manifest(number(&was.run.id), &was, Named::new(recorded), true);
        // A lost answer is settled by reading back: as good as looking for the run before once more.
        if done && answer == Answer::Received { Pc::Announce } else { Pc::FindPredecessor }
    }

    fn announce(&mut self, lake: &mut Lake, passed: u32, answer: Answer) -> Pc {
        let stamp = scene::stamp(Step::Swap, self.execution, passed, self.turns);
        match self.put(lake, self.run, |manifest| manifest.intend_to_publish(stamp.clone())) {
            Err(_) => Pc::Ended(End::Fenced),
            // A lost answer is settled by reading back: as good as a reload, after which it is announced again.
            Ok(true) if answer == Answer::Lost => Pc::ReloadToAnnounce,
            Ok(true) if self.live.is_none() => Pc::Create,
            Ok(true) => Pc::Change,
            Ok(false) => Pc::ReloadToAnnounce,
        }
    }

    /// A compare-and-swap of a manifest as it was last read: whether it was carried out.
    fn put(
        &mut self,
        lake: &mut Lake,
        run: RunNo,
        transition: impl FnOnce(Manifest) -> Result<Manifest, Refusal>,
    ) -> Result<bool, Refusal> {
        let Some(current) = self.current.clone() else { return Ok(false) };
        let changed = Named::new(transition(Manifest::clone(&current))?);
        let done = changed == current || lake.put_manifest(run, &current, changed.clone(), true);
        if done {
            self.current = Some(changed);
        }
        Ok(done)
    }

    fn change(&mut self, lake: &mut Lake, rules: Rules, passed: u32, answer: Answer) -> Pc {
        let was = self.live.clone();
        let mut state = state_of(was.as_ref());
        if self.partitioned {
            let execution = ExecutionId::from_random(self.execution.into());
            let at = now(passed);
            state.swapping = Some(SwapIntent { run: id(self.run), execution, at, until: at + LEASE });
        } else {
            state = self.live_state(was.as_ref(), passed);
        }
        self.wanted = Some(Named::new(state.clone()));
        // An intent leaves gc's mark where it is, a publication takes it away.
        let fenced_by = was.as_ref().filter(|_| self.partitioned).and_then(|table| table.fenced_by);
        let done = lake.put_table(was.as_ref(), state, fenced_by, rules.has(Guard::VersionId));
        if done && !self.partitioned {
            self.went_live(lake);
        }
        match (done, answer) {
            (_, Answer::Lost) => Pc::SettleChange,
            (true, Answer::Received) => self.changed(),
            (false, Answer::Received) => Pc::ReadLive,
        }
    }

    fn settle_change(&mut self, lake: &Lake) -> Pc {
        let carries = |now: &LiveState, wanted: &LiveState| now.swapping == wanted.swapping;
        let made = self.is_made(lake, if self.partitioned { carries } else { shows });
        if made { self.changed() } else { Pc::ReadLive }
    }

    fn changed(&mut self) -> Pc {
        if self.partitioned {
            return Pc::List;
        }
        self.made()
    }

    /// The publication that `wanted` is.
    fn made(&mut self) -> Pc {
        let wanted = self.wanted.take();
        let at = wanted.and_then(|state| state.published_at).unwrap_or(now(0));
        self.published = Some(Made { at, replaced: replaced(self.run, self.live.as_ref()) });
        self.last = None;
        Pc::Record
    }

    /// The state of a table that shows the run from now on.
    fn live_state(&self, was: Option<&Table>, passed: u32) -> LiveState {
        let state = state_of(was);
        let mine = id(self.run);
        let newest = state.newest.filter(|newest| mine.is_older_than(newest));
        let version = was.map_or(0, |table| table.version) + 1;
        LiveState {
            newest: Some(newest.unwrap_or_else(|| mine.clone())),
            replaced: replaced(self.run, was).map(id),
            published_at: Some(published_at(passed, version)),
            swapping: None,
            run: Some(mine),
        }
    }

    /// The live table shows the run: history is told what the table's own parameters may have forgotten.
    fn went_live(&self, lake: &mut Lake) {
        let newer = lake.was_live.range(self.run + 1..).next().is_some();
        lake.went_back |= self.direction == Way::Forward && newer;
        lake.was_live.insert(self.run);
    }

    fn read_to_release(&mut self, lake: &Lake) -> Pc {
        self.last.clone_from(&lake.table);
        if self.last.as_ref().is_some_and(|table| self.is_mine(&table.state)) {
            Pc::Release
        } else {
            Pc::Ended(End::Fenced)
        }
    }

    fn release(&mut self, lake: &mut Lake, rules: Rules, passed: u32, answer: Answer) -> Pc {
        let state = self.live_state(self.last.as_ref(), passed);
        self.wanted = Some(Named::new(state.clone()));
        let done = lake.put_table(self.last.as_ref(), state, None, rules.has(Guard::VersionId));
        if done {
            self.went_live(lake);
        }
        match (done, answer) {
            (_, Answer::Lost) => Pc::SettleRelease,
            (true, Answer::Received) => self.made(),
            (false, Answer::Received) => Pc::ReadToRelease,
        }
    }

    fn settle_release(&mut self, lake: &Lake) -> Pc {
        if self.is_made(lake, shows) { self.made() } else { Pc::ReadToRelease }
    }

    /// Whether the table, read back, has what was wanted of it; the rest of it may be others' by now.
    fn is_made(&self, lake: &Lake, has: fn(&LiveState, &LiveState) -> bool) -> bool {
        lake.table.as_ref().zip(self.wanted.as_ref()).is_some_and(|(now, wanted)| has(&now.state, wanted))
    }

    fn record(&mut self, lake: &mut Lake, passed: u32, answer: Answer) -> Pc {
        let Some(made) = self.published.clone() else { return Pc::Ended(End::Done) };
        let stamp = scene::stamp(Step::Swap, self.execution, passed, self.turns);
        let publication = publication(&made, self.direction == Way::Rollback);
        let publish = |manifest: Manifest| {
            let publications = manifest.swap.iter().flat_map(|swap| &swap.publications);
            let recorded = publications.into_iter().any(|known| known.at == publication.at);
            let announced = manifest.swap.as_ref().is_some_and(|swap| swap.intent.is_some());
            if recorded && !announced && manifest.phase == Phase::Published {
                return Ok(manifest);
            }
            manifest.publish(publication.clone(), String::new(), stamp.clone())
        };
        match self.put(lake, self.run, publish) {
            Err(_) => Pc::Ended(End::Fenced),
            Ok(true) if answer == Answer::Lost => Pc::ReloadToRecord,
            Ok(true) => Pc::Ended(End::Done),
            Ok(false) => Pc::ReloadToRecord,
        }
    }
}

/// Whether a table shows the very publication that is wanted.
fn shows(now: &LiveState, wanted: &LiveState) -> bool {
    now.run == wanted.run && now.published_at == wanted.published_at
}

fn state_of(table: Option<&Table>) -> LiveState {
    table.map(|table| LiveState::clone(&table.state)).unwrap_or_default()
}

/// The run that `run` replaces.
fn replaced(run: RunNo, live: Option<&Table>) -> Option<RunNo> {
    let state = state_of(live);
    let live = state.run.as_ref().map(number);
    live.filter(|live| *live != run)
        .or_else(|| state.replaced.as_ref().map(number).filter(|_| live == Some(run)))
}

fn publication(made: &Made, rollback: bool) -> Publication {
    Publication {
        at: made.at,
        replaced: made.replaced.map(id),
        rollback,
        window_ms: None,
        window_calls: None,
        extra: Map::new(),
    }
}
