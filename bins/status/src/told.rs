//! What is told of a run, from its manifest, the note of its last failure, and what is live.

use std::collections::BTreeMap;

use jiff::Timestamp;
use lakeward_cli::Context;
use lakeward_manifest::{FailureNote, LiveState, Manifest, ManifestUri, Next, RunId, ShellCommand, Step};

use crate::{LastError, ManifestStatus, RunStatus, Status};

/// What was found of a run.
pub(crate) enum Found<'m> {
    /// Its manifest, and what lies beside it.
    Manifest { manifest: &'m Manifest, note: Option<FailureNote>, folders: Option<usize> },
    /// Its manifest cannot be read, for this reason.
    Unreadable(&'m String),
}

/// The runs to tell of, oldest first: the newest `limit`, what is live or may be, and what is not finished.
pub(crate) fn shown<'r>(
    runs: &'r BTreeMap<RunId, Result<Manifest, String>>,
    live: Option<&LiveState>,
    now: Timestamp,
    limit: usize,
) -> Vec<(&'r RunId, Result<&'r Manifest, &'r String>)> {
    let older = runs.len().saturating_sub(limit);
    let unfinished = |manifest: &Manifest| !matches!(manifest.next(live, now), Next::Done | Next::Ended);
    let is_shown = |(nth, (id, read)): &(usize, (&RunId, &Result<Manifest, String>))| {
        *nth >= older || is_live(id, live) || read.as_ref().map_or(true, unfinished)
    };
    let shown = runs.iter().enumerate().filter(is_shown);
    shown.map(|(_, (id, read))| (id, read.as_ref())).collect()
}

/// What is told of a run.
pub(crate) fn run(
    uri: ManifestUri,
    found: &Found<'_>,
    live: Option<&LiveState>,
    context: &Context<Status>,
) -> RunStatus {
    let (manifest, note, folders) = match found {
        Found::Manifest { manifest, note, folders } => (*manifest, note.as_ref(), *folders),
        Found::Unreadable(why) => {
            return bare(uri, live, ManifestStatus::Unreadable { unreadable: (*why).clone() });
        }
    };
    let note = note.filter(|note| note.is_fresh(manifest));
    let (next, remark) = continued(manifest, note, live, context);
    let roll_back = live.and_then(|live| manifest.roll_back(live)).and_then(|line| context.command(line));
    let read = ManifestStatus::Read {
        phase: manifest.phase,
        rows: manifest.write.as_ref().map(|written| written.rows),
        bytes: manifest.write.as_ref().map(|written| written.bytes),
        updated_at: manifest.updated.at,
        age_seconds: seconds(manifest.updated.at, context.now()),
        attempts: manifest.attempt.number,
        attempt_folders: folders,
    };
    RunStatus { last_error: note.map(last_error), next, roll_back, remark, ..bare(uri, live, read) }
}

fn bare(uri: ManifestUri, live: Option<&LiveState>, manifest: ManifestStatus) -> RunStatus {
    RunStatus {
        run: uri.run.clone(),
        live: is_live(&uri.run, live),
        uri,
        manifest,
        last_error: None,
        next: None,
        roll_back: None,
        remark: None,
    }
}

/// The command that continues a run, and what to know before.
fn continued(
    manifest: &Manifest,
    note: Option<&FailureNote>,
    live: Option<&LiveState>,
    context: &Context<Status>,
) -> (Option<ShellCommand>, Option<String>) {
    let line = match manifest.next(live, context.now()) {
        Next::Continue(line) => line,
        Next::Done => return (None, None),
        Next::Superseded { by } => {
            let remark = format!(
                "run {by} is newer and has overtaken it: it cannot go live any more, gc will remove it"
            );
            return (None, Some(remark));
        }
        // A version that was retired in time, and not a run that failed.
        Next::Ended if manifest.swap.as_ref().is_some_and(|swap| !swap.publications.is_empty()) => {
            return (None, None);
        }
        Next::Ended => {
            let reason = manifest.end.as_ref().map(|end| end.reason.as_str());
            return (None, reason.map(|reason| format!("ended ({reason}): start a new run")));
        }
    };
    let step = line.step();
    // The execution that failed had the flags that no manifest holds.
    let noted = note.filter(|note| note.step == step).and_then(|note| note.next.as_deref());
    let noted = noted.and_then(|noted| line.with_flags_of(noted));
    let bare = noted.is_none();
    let command = context.command(noted.unwrap_or(line));
    let remark = if command.is_none() {
        Some(format!("no shell can carry its command: run {} as before", step.binary()))
    } else {
        remark(manifest, step, bare, context.now())
    };
    (command, remark)
}

fn remark(manifest: &Manifest, step: Step, bare: bool, now: Timestamp) -> Option<String> {
    match step {
        Step::Write => {
            let number = manifest.attempt.number;
            let began = crate::text::age(seconds(manifest.attempt.started_at, now));
            Some(format!("attempt {number} began {began} ago: if it is still running, another one fences it"))
        }
        Step::Verify if bare => {
            Some("add the gates and checks of your pipeline: the manifest does not have them".to_owned())
        }
        _ => None,
    }
}

fn last_error(note: &FailureNote) -> LastError {
    LastError {
        step: note.step,
        at: note.at,
        kind: note.kind.clone(),
        exit_code: note.exit_code,
        message: note.message.clone(),
    }
}

fn is_live(id: &RunId, live: Option<&LiveState>) -> bool {
    live.and_then(|live| live.run.as_ref()) == Some(id)
}

/// Whole seconds from `then` to `now`; 0 when a clock was set back between.
pub(crate) fn seconds(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0)
}
