//! `lakeward-gc` without any grace, one request at a time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use lakeward_gc::{AttemptFolder, GlueState, Inventory, Policy, Run, plan};
use lakeward_manifest::{LiveState, Manifest, Step};
use lakeward_store::{ETag, Stored};

use crate::lake::{Lake, RunNo, Table, Value};
use crate::model::{Answer, End, Guard, Rules};
use crate::named::Named;
use crate::scene::{attempt, id, now, number, stamp};

/// Nothing is kept but what can be reached.
const POLICY: Policy = Policy {
    retention: Duration::ZERO,
    keep_versions: 1,
    orphan_grace: Duration::ZERO,
    reader_grace: Duration::ZERO,
};
const REASON: &str = "no grace";

/// A gc that runs, or has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gc {
    pub(crate) execution: u32,
    pub(crate) at: Pc,
    manifests: BTreeMap<RunNo, Named<Manifest>>,
    table: Option<Table>,
    /// Runs to be retired, and after that those that were marked.
    retire: VecDeque<RunNo>,
    marked: VecDeque<RunNo>,
}

/// The next request, or the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pc {
    /// Manifests are read one by one, Glue after them.
    ReadManifest(RunNo),
    ReadLive,
    ReadPartitions,
    ReadToFence,
    Fence,
    SettleFence,
    LookAgain,
    LookAtPartitionsAgain,
    Mark,
    SettleMark,
    Delete,
    Retire,
    Ended(End),
}

impl Gc {
    pub(crate) fn new(execution: u32) -> Self {
        Self {
            execution,
            at: Pc::ReadManifest(1),
            manifests: BTreeMap::new(),
            table: None,
            retire: VecDeque::new(),
            marked: VecDeque::new(),
        }
    }

    /// What is left of an execution that has ended.
    pub(crate) fn ended(&self, end: End) -> Self {
        Self { at: Pc::Ended(end), ..Self::new(self.execution) }
    }

    /// Whether the next request changes something, so that its lost answer matters.
    pub(crate) const fn changes(&self) -> bool {
        matches!(self.at, Pc::Fence | Pc::Mark | Pc::Delete | Pc::Retire)
    }

    /// Sends the next request.
    pub(crate) fn step(&self, lake: &mut Lake, rules: Rules, passed: u32, answer: Answer) -> Option<Self> {
        let mut next = self.clone();
        next.at = match self.at {
            Pc::ReadManifest(run) => next.read_manifest(lake, run),
            Pc::ReadLive => {
                next.table.clone_from(&lake.table);
                Pc::ReadPartitions
            }
            Pc::ReadPartitions => next.plan(&lake.partitions, rules, passed),
            Pc::ReadToFence => {
                next.table.clone_from(&lake.table);
                Pc::Fence
            }
            Pc::Fence => next.fence(lake, rules, answer),
            Pc::SettleFence => {
                let mark = lake.table.as_ref().and_then(|table| table.fenced_by);
                if mark == Some(next.execution) { Pc::LookAgain } else { Pc::ReadToFence }
            }
            Pc::LookAgain => {
                next.table.clone_from(&lake.table);
                Pc::LookAtPartitionsAgain
            }
            Pc::LookAtPartitionsAgain => next.leave_alone(&lake.partitions, rules),
            Pc::Mark => next.mark(lake, rules, passed, answer),
            Pc::SettleMark => {
                // Read back and compared: it is marked if the manifest is what was to be put.
                let run = next.retire.pop_front()?;
                if let Some(retiring) = next.retiring(run, passed)
                    && lake.manifests.get(&run) == Some(&retiring)
                {
                    next.marked.push_back(run);
                }
                next.go_on_marking()
            }
            Pc::Delete => {
                lake.deleted.extend(next.marked.front());
                // Without an answer, the files are listed and deleted again.
                if answer == Answer::Lost { Pc::Delete } else { Pc::Retire }
            }
            Pc::Retire => next.retire(lake, passed, answer),
            Pc::Ended(_) => return None,
        };
        Some(if let Pc::Ended(end) = next.at { next.ended(end) } else { next })
    }

    fn read_manifest(&mut self, lake: &Lake, run: RunNo) -> Pc {
        self.manifests.extend(lake.manifests.get(&run).map(|manifest| (run, manifest.clone())));
        let next = lake.manifests.range(run + 1..).next();
        next.map_or(Pc::ReadLive, |(run, _)| Pc::ReadManifest(*run))
    }

    /// The plan is gc's own.
    fn plan(&mut self, partitions: &BTreeMap<Value, RunNo>, rules: Rules, passed: u32) -> Pc {
        let inventory = self.inventory(partitions);
        let plan = plan(&inventory, &POLICY, now(passed));
        self.retire = plan.retire.iter().map(|retirement| number(&retirement.run)).collect();
        let announced = |run: &RunNo| {
            let manifest = self.manifests.get(run);
            manifest.and_then(|manifest| manifest.swap.as_ref()).is_some_and(|swap| swap.intent.is_some())
        };
        match self.retire.iter().any(announced) {
            _ if self.retire.is_empty() => Pc::Ended(End::Done),
            true if rules.has(Guard::Fence) => Pc::ReadToFence,
            true | false => Pc::LookAgain,
        }
    }

    fn inventory(&self, partitions: &BTreeMap<Value, RunNo>) -> Inventory {
        let stored = |manifest: &Named<Manifest>| {
            Run::Known(Box::new(Stored { manifest: Manifest::clone(manifest), etag: ETag::new("\"1\"") }))
        };
        let folder = AttemptFolder { objects: 1, bytes: 1, newest: Some(now(0)) };
        let live = self.table.as_ref().map(|table| LiveState::clone(&table.state));
        let pointing =
            self.pointed_at(partitions).map(|run| ((id(run), attempt()), "shop.orders".to_owned()));
        Inventory {
            table: Some("shop.orders".parse().unwrap()),
            runs: self.manifests.iter().map(|(run, manifest)| (id(*run), stored(manifest))).collect(),
            was_probed: true,
            folders: self.manifests.keys().map(|run| ((id(*run), attempt()), folder.clone())).collect(),
            uploads: vec![],
            leftovers: vec![],
            staged_tables: vec![],
            table_versions: vec![],
            glue: GlueState { live, pointing: pointing.collect(), odd_locations: BTreeMap::new() },
        }
    }

    /// Runs whose files the live table or its partitions lie at.
    fn pointed_at(&self, partitions: &BTreeMap<Value, RunNo>) -> impl Iterator<Item = RunNo> {
        let live = self.table.as_ref().and_then(|table| table.state.run.as_ref()).map(number);
        live.into_iter().chain(partitions.values().copied().collect::<Vec<_>>())
    }

    fn fence(&mut self, lake: &mut Lake, rules: Rules, answer: Answer) -> Pc {
        let Some(table) = self.table.clone() else { return Pc::LookAgain };
        let state = LiveState::clone(&table.state);
        let done = lake.put_table(Some(&table), state, Some(self.execution), rules.has(Guard::VersionId));
        match (done, answer) {
            (_, Answer::Lost) => Pc::SettleFence,
            (true, Answer::Received) => Pc::LookAgain,
            (false, Answer::Received) => Pc::ReadToFence,
        }
    }

    /// What has gone live, or is going live, since the plan was made stays.
    fn leave_alone(&mut self, partitions: &BTreeMap<Value, RunNo>, rules: Rules) -> Pc {
        if rules.has(Guard::SecondLook) {
            let state = self.table.as_ref().map(|table| LiveState::clone(&table.state)).unwrap_or_default();
            let visible = state.visible_runs().map(number);
            let stays: Vec<RunNo> = visible.chain(self.pointed_at(partitions)).collect();
            self.retire.retain(|run| !stays.contains(run));
        }
        self.go_on_marking()
    }

    fn go_on_marking(&mut self) -> Pc {
        match (self.retire.is_empty(), self.marked.is_empty()) {
            (false, _) => Pc::Mark,
            (true, false) => Pc::Delete,
            (true, true) => Pc::Ended(End::Done),
        }
    }

    /// The manifest of a run as this gc marks it.
    fn retiring(&self, run: RunNo, passed: u32) -> Option<Named<Manifest>> {
        let mut manifest = Manifest::clone(self.manifests.get(&run)?);
        let stamp = stamp(Step::Gc, self.execution, passed, 0);
        if manifest.phase.is_in_flight() {
            manifest = manifest.abandon(REASON.to_owned(), stamp.clone()).ok()?;
        }
        Some(Named::new(manifest.begin_retirement(REASON.to_owned(), stamp).ok()?))
    }

    fn mark(&mut self, lake: &mut Lake, rules: Rules, passed: u32, answer: Answer) -> Pc {
        let Some(run) = self.retire.front().copied() else { return Pc::Ended(End::Done) };
        if let (Some(was), Some(retiring)) = (self.manifests.get(&run), self.retiring(run, passed)) {
            let done = retiring == *was || lake.put_manifest(run, was, retiring, rules.has(Guard::Etag));
            if answer == Answer::Lost {
                return Pc::SettleMark;
            }
            if done {
                self.marked.push_back(run);
            }
        }
        self.retire.pop_front();
        self.go_on_marking()
    }

    fn retire(&mut self, lake: &mut Lake, passed: u32, answer: Answer) -> Pc {
        if let Some(run) = self.marked.front().copied()
            && let Some(was) = lake.manifests.get(&run).cloned()
            && let Ok(retired) = Manifest::clone(&was).retire(stamp(Step::Gc, self.execution, passed, 0))
        {
            // Nobody changes a manifest that is retiring, but another gc to the same end.
            lake.put_manifest(run, &was, Named::new(retired), true);
        }
        if answer == Answer::Lost {
            // Read back, and retired by another try if this one was not carried out.
            return Pc::Retire;
        }
        self.marked.pop_front();
        if self.marked.is_empty() { Pc::Ended(End::Done) } else { Pc::Delete }
    }
}
