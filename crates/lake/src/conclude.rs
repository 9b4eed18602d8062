//! What a step that fails leaves to whoever goes on: the command that does so, and a note beside the run's manifest.

use std::time::Duration;

use lakeward_cli::Context;
use lakeward_manifest::{
    CommandLine, FAILURE_SCHEMA, FailureNote, Manifest, Next, RunId, ShellCommand, Step,
};
use lakeward_outcome::{Failure, Kind};
use lakeward_store::{Bytes, Manifests};

use crate::Lake;

/// All the time that there is for it, so that a step that was told to stop ends in time.
const MOMENT: Duration = Duration::from_secs(5);

impl Lake {
    /// Ends a step on a run. A failure is given the command that goes on: `again`, the step's own, when it may succeed
    /// by itself; otherwise what the run's manifest has as next. It is noted beside the manifest, if there is one.
    ///
    /// # Errors
    /// The failure that the step ended with; that the run has ended, when that explains it.
    pub async fn conclude<R>(
        &self,
        outcome: Result<R, Failure>,
        run: &RunId,
        again: CommandLine,
        context: &Context,
    ) -> Result<R, Failure> {
        let failure = match outcome {
            Ok(result) => return Ok(result),
            Err(failure) => failure,
        };
        let manifests = self.manifests.with_caller(context.caller().for_a_moment());
        let told = tokio::time::timeout(MOMENT, manifests.find(run)).await;
        let manifest = told.ok().and_then(Result::ok).flatten().map(|stored| stored.manifest);
        let failure = explained(failure, manifest.as_ref());
        let manifest = manifest.filter(|manifest| is_of(context.step(), manifest));
        let next = next(&failure, manifest.as_ref(), again, context);
        if let Some(manifest) = manifest.filter(|manifest| is_worth_a_note(&failure, manifest, context)) {
            let note = note(&failure, &manifest, next.clone(), context);
            let key = manifests.root().failure_key(run);
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

/// Whether the run is that of the step's own request: a `write` that fails over a sealed run was asked for another.
fn is_of(step: Step, manifest: &Manifest) -> bool {
    step != Step::Write || manifest.write.is_none()
}

/// Whoever was overtaken has nothing to go on with.
fn next(
    failure: &Failure,
    manifest: Option<&Manifest>,
    again: CommandLine,
    context: &Context,
) -> Option<ShellCommand> {
    match failure.kind() {
        Kind::Fenced => None,
        kind if kind.is_retryable() => context.command(again),
        _ => match manifest?.next(None, context.now()) {
            Next::Continue(line) => context.command(line),
            Next::Done | Next::Superseded { .. } | Next::Ended => None,
        },
    }
}

/// An execution that was overtaken, or came too late, says nothing about its run.
fn is_worth_a_note(failure: &Failure, manifest: &Manifest, context: &Context) -> bool {
    let ended_before = manifest.phase.is_ended() && manifest.updated.execution != *context.execution();
    failure.kind() != Kind::Fenced && !ended_before
}

fn note(
    failure: &Failure,
    manifest: &Manifest,
    next: Option<ShellCommand>,
    context: &Context,
) -> FailureNote {
    FailureNote {
        schema: FAILURE_SCHEMA.to_owned(),
        at: context.now(),
        step: context.step(),
        execution: context.execution().clone(),
        attempt: (context.step() == Step::Write).then(|| manifest.attempt.id.clone()),
        kind: failure.kind().name().to_owned(),
        exit_code: failure.kind().exit_code(),
        message: failure.message(),
        next,
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
