//! What must be there: a model of what users are promised, from what can be seen from outside. It knows when each version
//! was live, and nothing of how gc plans.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use lakeward_tests::embedded::{Contents, Orders};
use serde_json::Value;

use crate::operations::Keep;

/// Clocks are set back by minutes in a history: nothing is asked of a file whose time is that near to its end.
const TOLERANCE: Duration = Duration::from_hours(1);

/// A run as its manifest says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) phase: String,
    /// The attempt that sealed it, or holds it.
    pub(crate) attempt: String,
    /// Its last change, or a later announcement of a swap.
    pub(crate) alive: Option<Timestamp>,
}

impl Known {
    pub(crate) fn of(manifest: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let attempt = text(&manifest["write"]["attempt"]).or_else(|| text(&manifest["attempt"]["id"]));
        let time = |value: &Value| value.as_str().and_then(|time| time.parse::<Timestamp>().ok());
        let alive = time(&manifest["updated"]["at"]).max(time(&manifest["swap"]["intent"]["at"]));
        let phase = text(&manifest["phase"]).unwrap_or_default();
        Self { phase, attempt: attempt.unwrap_or_default(), alive }
    }
}

/// Which version was live from when on, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    live: Vec<(Timestamp, String)>,
}

impl Model {
    /// Looks at the live table after an event.
    pub(crate) fn observe(&mut self, now: Timestamp, contents: &Contents) {
        let shown = contents.tables.get(Orders::NAME).and_then(|table| table.run.clone());
        if let Some(run) = shown.filter(|run| self.live.last().map(|(_, live)| live) != Some(run)) {
            self.live.push((now, run));
        }
    }

    /// The files that a gc with these settings must leave.
    pub(crate) fn reachable<'c>(
        &self,
        contents: &'c Contents,
        runs: &BTreeMap<String, Known>,
        keep: &Keep,
        now: Timestamp,
    ) -> BTreeSet<&'c String> {
        let mut files = BTreeSet::new();
        if let Some(live) = contents.tables.get(Orders::NAME) {
            files.extend(live.locations.iter().flat_map(|location| contents.files_at(location)));
        }
        let visible = visible(contents);
        for (id, run) in runs {
            let kept =
                visible.contains(&id) || self.keeps_version(id, keep, now) || keeps_alive(run, keep, now);
            if kept && !is_tombstone(run) {
                files.extend(contents.files_at(&format!("orders/_writes/{id}/{}/", run.attempt)));
            }
        }
        files
    }

    /// The runs that are on their way, or were just rejected, and that no reader has seen: gc with these settings must leave
    /// what else there is of them.
    pub(crate) fn on_their_way<'r>(
        &self,
        contents: &Contents,
        runs: &'r BTreeMap<String, Known>,
        keep: &Keep,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'r String, &'r Known)> {
        let seen = |id| visible(contents).contains(&id) || self.live.iter().any(|(_, live)| live == id);
        let ended = |run: &Known| is_tombstone(run) || run.phase == "abandoned";
        runs.iter().filter(move |(id, run)| keeps_alive(run, keep, now) && !ended(run) && !seen(*id))
    }

    /// Whether a version that was live is kept by retention, by its number, or for its readers.
    fn keeps_version(&self, run: &str, keep: &Keep, now: Timestamp) -> bool {
        let Some(last) = self.live.iter().rposition(|(_, id)| id == run) else { return false };
        let Some((replaced, _)) = self.live.get(last + 1) else { return true };
        let newer = |(at, id): &&(Timestamp, String)| id != run && *at + TOLERANCE > self.live[last].0;
        let newer: BTreeSet<&String> = self.live.iter().filter(newer).map(|(_, id)| id).collect();
        is_within(*replaced, keep.retention.max(keep.reader_grace), now) || newer.len() < keep.versions
    }
}

/// The runs that the live table shows, or is going to.
fn visible(contents: &Contents) -> Vec<&String> {
    let live = contents.tables.get(Orders::NAME).into_iter();
    live.flat_map(|live| live.run.iter().chain(&live.swapping)).collect()
}

/// Whether a run that is on its way, or was rejected, is left alone, or a swap to it has just been announced.
fn keeps_alive(run: &Known, keep: &Keep, now: Timestamp) -> bool {
    run.alive.is_some_and(|alive| is_within(alive, keep.orphan_grace, now)) && run.phase != "published"
}

/// A run whose end was decided: its files go, at once or bit by bit.
fn is_tombstone(run: &Known) -> bool {
    run.phase == "retiring" || run.phase == "retired"
}

fn is_within(since: Timestamp, time: Duration, now: Timestamp) -> bool {
    since + time > now + TOLERANCE
}
