//! What to delete: a pure function of what was found, the policy and the time.
//!
//! A run is kept for the first [`Keep`] reason that holds; only when none does is it retired. Everything unknown is
//! a reason to keep.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use lakeward_manifest::{AttemptId, Manifest, Phase, RunId};
use serde::Serialize;

use crate::inventory::{AttemptFolder, Inventory, Run, StaleUpload};

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long a version is kept after it was replaced.
    pub retention: Duration,
    /// How many versions are kept whatever their age, the live one among them.
    pub keep_versions: usize,
    /// How long whatever is in flight, or ended unpublished, is left alone after its last sign of life.
    pub orphan_grace: Duration,
    /// How long a replaced version is kept for queries that still read it.
    pub reader_grace: Duration,
}

/// Why a run is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Readers of the live table see it.
    Live,
    /// A Glue table or partition points at its files.
    PointedAt(String),
    /// Its manifest cannot be read, so nothing is known of it.
    Unreadable(String),
    /// It is on its way to being published.
    InFlight,
    /// It ended unpublished a short while ago, and somebody may want to look at it.
    EndedRecently,
    /// It is one of the newest versions.
    NewestVersions,
    /// It was replaced within the retention time.
    WithinRetention,
    /// It was replaced so recently that queries may still read it.
    WithinReaderGrace,
    /// It is not known when it was replaced.
    ReplacedAtUnknownTime,
    /// It is gone; the manifest stays, so that no stalled step can bring the run back.
    Tombstone,
    /// It has no manifest; its folders are judged one by one.
    WithoutManifest,
}

/// A run to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retirement {
    /// The run.
    pub run: RunId,
    /// Its phase when the plan was made.
    pub phase: Phase,
    /// Why.
    pub reason: String,
    /// Objects under its folder, versions and delete markers included.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An attempt's folder to be deleted from a run that is kept, or that has no manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadAttempt {
    /// The run.
    pub run: RunId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Why.
    pub reason: String,
    /// Objects in the folder, versions and delete markers included.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// An unfinished multipart upload to be aborted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadUpload {
    /// The key that it would create.
    pub key: String,
    /// Its id.
    pub upload_id: String,
}

/// The plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Runs to retire, oldest first.
    pub retire: Vec<Retirement>,
    /// Dead attempts.
    pub attempts: Vec<DeadAttempt>,
    /// Staged tables to drop.
    pub staged_tables: Vec<String>,
    /// Stale multipart uploads to abort.
    pub uploads: Vec<DeadUpload>,
    /// Left-over probe objects and notes: keys.
    pub leftovers: Vec<String>,
    /// Archived versions of the live Glue table to delete.
    pub table_versions: Vec<String>,
    /// What is kept, and why.
    pub kept: BTreeMap<RunId, Keep>,
    /// Why nothing is deleted at all, if so.
    pub refused: Option<String>,
}

impl Plan {
    /// Bytes that the plan frees.
    pub fn bytes(&self) -> u64 {
        let runs = self.retire.iter().map(|run| run.bytes);
        runs.chain(self.attempts.iter().map(|attempt| attempt.bytes)).sum()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.retire.is_empty()
            && self.attempts.is_empty()
            && self.staged_tables.is_empty()
            && self.uploads.is_empty()
            && self.leftovers.is_empty()
            && self.table_versions.is_empty()
    }
}

/// How long ago `then` was; zero if it lies ahead, so that a clock that is behind keeps things.
fn age(now: Timestamp, then: Timestamp) -> Duration {
    now.duration_since(then).try_into().unwrap_or(Duration::ZERO)
}

/// Plans.
pub fn plan(inventory: &Inventory, policy: &Policy, now: Timestamp) -> Plan {
    if let Some(reason) = inventory.unknown_live_state() {
        let refused = format!("{reason}: nothing is deleted, as it cannot be told what is still in use");
        return Plan { refused: Some(refused), ..Plan::default() };
    }
    let replaced = replaced_at(inventory);
    let newest = newest(inventory, policy, &replaced);
    let judge = Judge { inventory, policy, now, replaced, newest };
    let mut plan = Plan::default();
    for (id, run) in &inventory.runs {
        match judge.keep(id, run) {
            Some(keep) => {
                judge.dead_attempts(id, run, &keep, &mut plan);
                plan.kept.insert(id.clone(), keep);
            }
            None => judge.retire(id, run, &mut plan),
        }
    }
    let retired: BTreeSet<&RunId> = plan.retire.iter().map(|run| &run.run).collect();
    plan.staged_tables = judge.dead_staged_tables(&retired);
    plan.uploads = judge.stale_uploads(&plan.kept);
    let old = |at: &Timestamp| age(now, *at) > policy.orphan_grace;
    plan.leftovers =
        inventory.leftovers.iter().filter(|(_, at)| old(at)).map(|(key, _)| key.clone()).collect();
    plan.table_versions = judge.old_table_versions();
    plan
}

/// When each version stopped being live: the next publication of another run after its own last one, or a later one that
/// names it as the run that it has replaced.
fn replaced_at(inventory: &Inventory) -> BTreeMap<RunId, Timestamp> {
    let mut publications: Vec<(Timestamp, &RunId)> = Vec::new();
    // A swap that died after it changed the table has not told its own manifest; whoever replaced it has.
    let mut replaced: BTreeMap<RunId, Timestamp> = BTreeMap::new();
    for (id, manifest) in inventory.manifests() {
        for publication in manifest.swap.iter().flat_map(|swap| &swap.publications) {
            publications.push((publication.at, id));
            if let Some(before) = &publication.replaced {
                let at = replaced.entry(before.clone()).or_insert(publication.at);
                *at = publication.at.max(*at);
            }
        }
    }
    if let Some((at, live)) = inventory.live_publication() {
        publications.push((at, live));
        if let Some(before) = inventory.glue.live.as_ref().and_then(|live| live.replaced.as_ref()) {
            let known = replaced.entry(before.clone()).or_insert(at);
            *known = at.max(*known);
        }
    }
    publications.sort();
    for (n, (own, run)) in publications.iter().enumerate() {
        let next = publications.iter().skip(n + 1).find(|(_, other)| other != run).map(|(at, _)| *at);
        // Clocks differ, and so may the order of the times: who says that it has replaced a run goes before it, and no
        // run was replaced before it was live.
        let named = replaced.get(*run).copied();
        if let Some(at) = next.max(named) {
            replaced.insert((*run).clone(), at.max(*own));
        }
    }
    replaced
}

/// The newest versions by when they were last published, the live one first.
fn newest(inventory: &Inventory, policy: &Policy, replaced: &BTreeMap<RunId, Timestamp>) -> BTreeSet<RunId> {
    let live = inventory.live_run();
    let mut versions: Vec<(bool, Timestamp, &RunId)> = Vec::new();
    for (id, manifest) in inventory.manifests() {
        let last =
            manifest.swap.iter().flat_map(|swap| &swap.publications).map(|publication| publication.at).max();
        let version =
            !manifest.phase.is_ended() && (manifest.phase == Phase::Published || replaced.contains_key(id));
        if version || live == Some(id) {
            versions.push((live == Some(id), last.unwrap_or(manifest.updated.at), id));
        }
    }
    versions.sort();
    versions.iter().rev().take(policy.keep_versions).map(|(_, _, id)| (*id).clone()).collect()
}

struct Judge<'i> {
    inventory: &'i Inventory,
    policy: &'i Policy,
    now: Timestamp,
    replaced: BTreeMap<RunId, Timestamp>,
    newest: BTreeSet<RunId>,
}

impl Judge<'_> {
    /// Why the run is kept, or none.
    fn keep(&self, id: &RunId, run: &Run) -> Option<Keep> {
        if self.inventory.visible_runs().any(|visible| visible == id) {
            return Some(Keep::Live);
        }
        if let Some(table) = self.inventory.pointing_at(id) {
            return Some(Keep::PointedAt(table.to_owned()));
        }
        let manifest = match run {
            Run::Known(stored) => &stored.manifest,
            Run::Unreadable(why) => return Some(Keep::Unreadable(why.clone())),
            Run::WithoutManifest => return Some(Keep::WithoutManifest),
        };
        match manifest.phase {
            Phase::Retired => Some(Keep::Tombstone),
            Phase::Retiring => None,
            Phase::Published => self.keep_version(id, manifest),
            // Its swap died before it could say so.
            phase if phase.is_in_flight() && self.replaced.contains_key(id) => {
                self.keep_version(id, manifest)
            }
            phase => self.is_fresh(id, manifest).then_some(if phase.is_ended() {
                Keep::EndedRecently
            } else {
                Keep::InFlight
            }),
        }
    }

    fn keep_version(&self, id: &RunId, manifest: &Manifest) -> Option<Keep> {
        if self.is_fresh_intent(manifest) {
            return Some(Keep::InFlight);
        }
        if self.newest.contains(id) {
            return Some(Keep::NewestVersions);
        }
        let Some(replaced) = self.replaced.get(id) else { return Some(Keep::ReplacedAtUnknownTime) };
        let age = age(self.now, *replaced);
        if age < self.policy.reader_grace {
            Some(Keep::WithinReaderGrace)
        } else {
            (age < self.policy.retention).then_some(Keep::WithinRetention)
        }
    }

    /// Whether the run has shown a sign of life within the grace: a change of its manifest, an object, an upload.
    fn is_fresh(&self, id: &RunId, manifest: &Manifest) -> bool {
        let objects = self.inventory.attempts(id).filter_map(|(_, folder)| folder.newest);
        let uploads =
            self.inventory.uploads.iter().filter(|upload| upload.run == *id).map(|upload| upload.initiated);
        let last = objects.chain(uploads).fold(manifest.updated.at, Timestamp::max);
        age(self.now, last) < self.policy.orphan_grace
    }

    fn is_fresh_intent(&self, manifest: &Manifest) -> bool {
        let intent = manifest.swap.as_ref().and_then(|swap| swap.intent.as_ref());
        intent.is_some_and(|intent| age(self.now, intent.at) < self.policy.orphan_grace)
    }

    fn retire(&self, id: &RunId, run: &Run, plan: &mut Plan) {
        let Run::Known(stored) = run else { return };
        let manifest = &stored.manifest;
        let reason = match manifest.phase {
            Phase::Published => "replaced longer ago than retention".to_owned(),
            Phase::Retiring => "an earlier gc has begun to retire it".to_owned(),
            phase if phase.is_ended() => format!("{phase} longer ago than the grace"),
            // Its swap died before it could say so.
            _ if self.replaced.contains_key(id) => "replaced longer ago than retention".to_owned(),
            phase => format!("no sign of life since it was {phase}"),
        };
        let (objects, bytes) = sum(self.inventory.attempts(id).map(|(_, folder)| folder));
        plan.retire.push(Retirement { run: id.clone(), phase: manifest.phase, reason, objects, bytes });
    }

    /// The folders of a kept run that belong to no attempt which may still be, or become, the run's own.
    fn dead_attempts(&self, id: &RunId, run: &Run, keep: &Keep, plan: &mut Plan) {
        let owner = match run {
            Run::Known(stored) if stored.manifest.phase == Phase::Retired => None,
            Run::Known(stored) => Some(stored.manifest.owner()),
            Run::WithoutManifest => None,
            Run::Unreadable(_) => return,
        };
        // Whose folder it is that readers see is not told by the manifest alone.
        if owner.is_none() && matches!(keep, Keep::Live | Keep::PointedAt(_)) {
            return;
        }
        for (attempt, folder) in self.inventory.attempts(id) {
            let pointed_at = self.inventory.pointing_at_attempt(id, attempt).is_some();
            let fresh = folder.newest.is_none_or(|at| age(self.now, at) < self.policy.orphan_grace);
            if owner == Some(attempt) || pointed_at || fresh {
                continue;
            }
            let reason = match run {
                Run::WithoutManifest => "its run has no manifest",
                _ if owner.is_none() => "written after its run was retired",
                _ => "fenced by a later attempt",
            };
            plan.attempts.push(DeadAttempt {
                run: id.clone(),
                attempt: attempt.clone(),
                reason: reason.to_owned(),
                objects: folder.objects,
                bytes: folder.bytes,
            });
        }
    }

    /// When a run went live at the latest, as somebody else than its own manifest tells; none if nobody does.
    fn went_live(&self, run: &RunId) -> Option<Timestamp> {
        let live = self.inventory.live_publication().filter(|(_, live)| *live == run).map(|(at, _)| at);
        live.or_else(|| self.replaced.get(run).copied())
    }

    /// Staged tables of runs that are, or have ended being, on their way.
    fn dead_staged_tables(&self, retired: &BTreeSet<&RunId>) -> Vec<String> {
        let dead = |run: &RunId, created: Option<Timestamp>| match self.inventory.runs.get(run) {
            _ if retired.contains(run) => true,
            Some(Run::Known(stored)) => match stored.manifest.phase {
                Phase::Retired | Phase::Retiring | Phase::Abandoned => true,
                Phase::Rejected => !self.is_fresh(run, &stored.manifest),
                // Somebody may still be looking at the staged table of a run that has just gone live.
                Phase::Published => age(self.now, stored.manifest.updated.at) > self.policy.reader_grace,
                // Its swap died before it could say so.
                _ => self.went_live(run).is_some_and(|at| {
                    age(self.now, at.max(stored.manifest.updated.at)) > self.policy.reader_grace
                }),
            },
            Some(Run::Unreadable(_)) => false,
            // It may be of a run that began after the manifests were listed.
            Some(Run::WithoutManifest) | None => {
                created.is_some_and(|at| age(self.now, at) > self.policy.orphan_grace)
            }
        };
        let staged = self.inventory.staged_tables.iter().filter(|staged| dead(&staged.run, staged.created));
        staged.map(|staged| staged.name.clone()).collect()
    }

    fn stale_uploads(&self, kept: &BTreeMap<RunId, Keep>) -> Vec<DeadUpload> {
        let stale = self.inventory.uploads.iter().filter(|upload| {
            let old = age(self.now, upload.initiated) > self.policy.orphan_grace;
            old && kept.get(&upload.run) != Some(&Keep::InFlight)
        });
        let dead = |upload: &StaleUpload| DeadUpload {
            key: upload.key.clone(),
            upload_id: upload.upload_id.clone(),
        };
        stale.map(dead).collect()
    }

    fn old_table_versions(&self) -> Vec<String> {
        let versions = &self.inventory.table_versions;
        let old = |at: Option<Timestamp>| at.is_some_and(|at| age(self.now, at) > self.policy.retention);
        // The first is the current one; the newest are kept for whoever wants to look something up.
        let archived = versions.iter().skip(self.policy.keep_versions.max(1));
        archived.filter(|(_, at)| old(*at)).map(|(version, _)| version.clone()).collect()
    }
}

fn sum<'f>(folders: impl Iterator<Item = &'f AttemptFolder>) -> (u64, u64) {
    folders.fold((0, 0), |(objects, bytes), folder| (objects + folder.objects, bytes + folder.bytes))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
