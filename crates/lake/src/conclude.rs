//! What a step that fails leaves to whoever goes on: the command that does so, and a note beside the run's manifest.

use std::time::Duration;

use lakeward_cli::Context;
use lakeward_manifest::{
    AttemptId, CommandLine, FAILURE_SCHEMA, FailureNote, Fingerprint, Manifest, Next, RunId, ShellCommand,
    Step,
};
use lakeward_outcome::{Failure, Kind};
use lakeward_store::{Bytes, Manifests};

use crate::Lake;

/// All the time that there is for it, so that a step that was told to stop ends in time.
const MOMENT: Duration = Duration::from_secs(5);

/// What an execution of a step worked on.
#[derive(Clone, Debug)]
pub struct Work<'w> {
    /// The run.
    pub run: &'w RunId,
    /// The execution's own command.
    pub again: CommandLine,
    /// What was asked for, and the attempt at it, when the run is to be written: the run may hold something else.
    pub writing: Option<(&'w Fingerprint, &'w AttemptId)>,
    /// Whether a person asked for a step back, which is no part of the run's way: nothing else is due then.
    pub is_rollback: bool,
}

impl<'w> Work<'w> {
    /// Work on a run as its manifest has it.
    pub const fn on(run: &'w RunId, again: CommandLine) -> Self {
        Self { run, again, writing: None, is_rollback: false }
    }

    /// Whether the manifest is of what was asked for.
    fn is_of(&self, manifest: &Manifest) -> bool {
        self.writing.is_none_or(|(request, _)| manifest.request.fingerprint == *request)
    }
}

impl Lake {
    /// Ends a step on a run. A failure is given the command that goes on: the step's own when it may succeed
    /// by itself; otherwise what the run's manifest has as next. It is noted beside the manifest, if there is one.
    ///
    /// # Errors
    /// The failure that the step ended with; that the run has ended, when that explains it.
    pub async fn conclude<R>(
        &self,
        outcome: Result<R, Failure>,
        work: Work<'_>,
        context: &Context,
    ) -> Result<R, Failure> {
        let failure = match outcome {
            Ok(result) => return Ok(result),
            Err(failure) => failure,
        };
        let manifests = self.manifests.with_caller(context.caller().for_a_moment());
        let told = tokio::time::timeout(MOMENT, manifests.find(work.run)).await;
        let manifest = told.ok().and_then(Result::ok).flatten().map(|stored| stored.manifest);
        let failure = explained(failure, manifest.as_ref());
        let manifest = manifest.filter(|manifest| work.is_of(manifest));
        let due = manifest.as_ref().filter(|_| !work.is_rollback).map(|run| run.next(None, context.now()));
        let next = next(&failure, due.as_ref(), work.again, context);
        let noted = is_worth_a_note(&failure, due.as_ref(), context);
        if let Some(manifest) = manifest.filter(|manifest| noted && !ended_before(manifest, context)) {
            let attempt = work.writing.map(|(_, attempt)| attempt.clone());
            let note = note(&failure, attempt, next.as_ref(), context);
            let key = manifests.root().failure_key(&manifest.run.id);
            if tokio::time::timeout(MOMENT, put(&manifests, &key, &note)).await.is_err() {
                tracing::debug!(key, "no time for a note of the failure");
            }
        }
        Err(failure.with_next(next))
    }
}

/// What a failure comes from: when the run has ended meanwhile, from that. gc takes away what an ended run has in S3 and
/// Glue, and a stalled step that still works on it meets all kinds of gaps.
fn explained(failure: Failure, manifest: Option<&Manifest>) -> Failure {
    let ended = manifest.and_then(|manifest| manifest.require_not_ended().err());
    match ended {
        Some(ended) if matches!(failure.kind(), Kind::Transient | Kind::Unexpected) => {
            Failure::from(ended).context(failure.message())
        }
        Some(_) | None => failure,
    }
}

/// Whoever was overtaken has nothing to go on with. Nor does another step hand on a bare `verify`, which would let pass
/// what its user's own gates and checks are there to stop.
fn next(
    failure: &Failure,
    due: Option<&Next>,
    again: CommandLine,
    context: &Context,
) -> Option<ShellCommand> {
    match failure.kind() {
        Kind::Fenced => None,
        kind if kind.is_retryable() => context.command(again),
        _ => match due? {
            Next::Continue(line) if line.step() == Step::Verify && context.step() != Step::Verify => None,
            Next::Continue(line) => context.command(line.clone()),
            Next::Done | Next::Superseded { .. } | Next::Ended => None,
        },
    }
}

/// An execution that was overtaken says nothing about its run; nor does one of a run that is published all the same; nor
/// one that came before its turn, over the note of the step that is due.
fn is_worth_a_note(failure: &Failure, due: Option<&Next>, context: &Context) -> bool {
    if due == Some(&Next::Done) {
        return false;
    }
    let out_of_turn = matches!(due, Some(Next::Continue(line)) if line.step() != context.step());
    failure.kind() != Kind::Fenced && (failure.kind().is_retryable() || !out_of_turn)
}

/// Whether somebody else has ended the run.
fn ended_before(manifest: &Manifest, context: &Context) -> bool {
    manifest.phase.is_ended() && manifest.updated.execution != *context.execution()
}

fn note(
    failure: &Failure,
    attempt: Option<AttemptId>,
    next: Option<&ShellCommand>,
    context: &Context,
) -> FailureNote {
    FailureNote {
        schema: FAILURE_SCHEMA.to_owned(),
        at: context.now(),
        step: context.step(),
        execution: context.execution().clone(),
        attempt,
        kind: failure.kind().name().to_owned(),
        exit_code: failure.kind().exit_code(),
        message: failure.message(),
        next: next.map(ToString::to_string),
    }
}

async fn put(manifests: &Manifests, key: &str, note: &FailureNote) {
    let put = async {
        let bytes = note.to_json().map_err(|error| error.to_string())?;
        manifests.store().put(key, Bytes::from(bytes)).await.map_err(|error| error.to_string())
    };
    if let Err(error) = put.await {
        tracing::debug!(key, error, "the failure could not be noted");
    }
}
