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

/// Claims a new run, or takes over an unsealed one and thereby fences the attempt that held it.
///
/// # Errors
/// Another attempt has sealed the run meanwhile, or the run has ended.
pub(crate) async fn claim(
    manifests: &Manifests,
    job: &Job,
    attempt: &AttemptId,
    context: &Context,
) -> Result<Stored, Failure> {
    if let Some(claimed) = manifests.create(first_document(job, attempt, context)).await? {
        return Ok(claimed);
    }
    let held = manifests.load(&job.run.id).await?;
    tracing::info!(
        fenced = %held.manifest.attempt.id,
        number = held.manifest.attempt.number + 1,
        "the run was claimed before: taking over"
    );
    let claimed = manifests
        .change(held, |manifest| {
            manifest.take_over(job.table.clone(), job.request.clone(), attempt.clone(), context.stamp())
        })
        .await?;
    Ok(claimed)
}

fn first_document(job: &Job, attempt: &AttemptId, context: &Context) -> Manifest {
    Manifest::claim(job.run.clone(), job.table.clone(), job.request.clone(), attempt.clone(), context.stamp())
}
