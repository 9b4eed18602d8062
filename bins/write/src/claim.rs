//! Claiming the run: from here on only this attempt may seal it.

use lakeward_cli::Context;
use lakeward_manifest::{AttemptId, Claim, Manifest, claim_over};
use lakeward_outcome::Failure;
use lakeward_store::{Manifests, Stored};

use crate::job::Job;

/// The sealed manifest of the same request, if there is one: then there is nothing to do.
///
/// # Errors
/// The run has ended, or was sealed for another request.
pub(crate) async fn find_written(manifests: &Manifests, job: &Job) -> Result<Option<Stored>, Failure> {
    let Some(existing) = manifests.find(&job.run.id).await? else { return Ok(None) };
    match claim_over(&existing.manifest, &job.request.fingerprint)? {
        Claim::AlreadyWritten => Ok(Some(existing)),
        Claim::TakeOver => Ok(None),
    }
}

/// How claiming a run ended.
pub(crate) enum Claimed {
    /// This attempt holds it.
    Mine(Stored),
    /// Another attempt has sealed it for the same request meanwhile.
    AlreadyWritten(Stored),
}

/// Claims a new run, or takes over an unsealed one and thereby fences the attempt that held it.
///
/// # Errors
/// Another attempt has sealed the run for another request meanwhile, or the run has ended.
pub(crate) async fn claim(
    manifests: &Manifests,
    job: &Job,
    attempt: &AttemptId,
    context: &Context,
) -> Result<Claimed, Failure> {
    if let Some(claimed) = manifests.create(first_document(job, attempt, context)).await? {
        return Ok(Claimed::Mine(claimed));
    }
    let held = manifests.load(&job.run.id).await?;
    let (fenced, number) = (held.manifest.attempt.id.clone(), held.manifest.attempt.number);
    let take_over = |manifest: Manifest| {
        manifest.take_over(job.table.clone(), job.request.clone(), attempt.clone(), context.stamp())
    };
    let current = manifests.change(held, take_over).await?;
    if current.manifest.attempt.id != *attempt {
        return Ok(Claimed::AlreadyWritten(current));
    }
    tracing::info!(%fenced, number = number + 1, "the run was claimed before: taking over");
    Ok(Claimed::Mine(current))
}

fn first_document(job: &Job, attempt: &AttemptId, context: &Context) -> Manifest {
    Manifest::claim(job.run.clone(), job.table.clone(), job.request.clone(), attempt.clone(), context.stamp())
}
