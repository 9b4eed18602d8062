//! `verify`: proves, before anyone reads it, that what S3 and Glue hold is what the manifest says.
//!
//! Everything that differs is collected and listed, and the run is then marked as rejected. A call that fails is no
//! finding: throttling, a lost connection or a missing permission end the step with their own kind and leave the run
//! as it was, to be verified again.

mod args;
mod checks;
mod error;
mod files;
mod findings;
mod footer;
mod gates;
mod live;
mod replica;
mod schema;
mod sql;
mod staged;
#[cfg(test)]
mod testing;
mod verdict;

use lakeward_aws::{Backoff, RetryPolicy, SdkConfig};
use lakeward_catalog::Catalog;
use lakeward_cli::{Context, Unit, phase};
use lakeward_lake::{Lake, Work};
use lakeward_manifest::{CheckResult, CommandLine, ManifestUri, Phase, Registered, RunId, Step};
use lakeward_outcome::Failure;
use lakeward_store::{Store, StoreOptions, Stored};
use serde::Serialize;

pub use args::{GateArgs, ReplicaArgs, SqlArgs, VerifyArgs};
use checks::Check;
use error::VerifyError;
use findings::Findings;
pub use gates::Percent;
use live::LiveVersion;
pub use replica::ReplicaBucket;
use sql::{Subject, View};

/// The result of the step.
#[derive(Debug, Serialize)]
pub struct VerifyResult {
    /// The run's manifest.
    pub manifest: ManifestUri,
    /// The run.
    pub run: RunId,
    /// The live table's name in Glue.
    pub table: String,
    /// How far the run is.
    pub phase: Phase,
    /// Whether an earlier execution had verified the run, so that this one had nothing to do.
    pub already_done: bool,
    /// Number of files.
    pub files: usize,
    /// Rows in all files.
    pub rows: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// The gates and the user's checks, all of which hold.
    pub checks: Vec<CheckResult>,
}

/// Runs the step.
///
/// # Errors
/// Every [`Failure`] that `docs/PROTOCOL.md` lists for `verify`, with its kind.
pub async fn run(args: VerifyArgs, context: Context) -> Result<VerifyResult, Failure> {
    let uri = args.manifest.clone();
    context.begin_run(&uri.root, &uri.run);
    let aws = context.aws().await?;
    let lake = Lake::open(&aws, uri.root.clone(), &context)?;
    let outcome = verify(&args, &aws, &lake, &context).await;
    let work = Work::on(&uri.run, CommandLine::on_run(Step::Verify, &uri));
    lake.conclude(outcome, work, &context).await
}

async fn verify(
    args: &VerifyArgs,
    aws: &SdkConfig,
    lake: &Lake,
    context: &Context,
) -> Result<VerifyResult, Failure> {
    let uri = &args.manifest;
    let checks = checks::read(&args.sql.files)?;
    if let Some(bucket) =
        args.replica.replica_bucket.as_ref().filter(|bucket| bucket.name() == uri.root.bucket())
    {
        return Err(VerifyError::OwnReplica { bucket: bucket.name().to_owned() }.into());
    }
    let Lake { manifests, catalog } = lake;
    let stored = manifests.load(&uri.run).await?;
    lakeward_lake::identify(context, &stored.manifest);
    let registered = stored.manifest.registered()?;
    if matches!(stored.manifest.phase, Phase::Verified | Phase::Published) {
        let unasked = unasked_before(&stored, args, &checks);
        if unasked.is_empty() || stored.manifest.phase == Phase::Published {
            tracing::info!("the run was verified before: nothing to do");
            return result(&stored, true);
        }
        tracing::warn!(?unasked, "the run was verified before, and not for these: verifying it again");
    }

    let step = Verify { args, aws, store: manifests.store(), catalog, context };
    let findings = step.examine(&registered, checks).await?;
    let verified =
        phase("verdict", verdict::conclude(manifests, &stored, &findings, || context.stamp())).await?;
    tracing::info!(checks = findings.checks.len(), "verified");
    result(&verified, false)
}

/// Gates and checks that an earlier verification of the run was not asked for.
fn unasked_before<'c>(stored: &Stored, args: &VerifyArgs, checks: &'c [Check]) -> Vec<&'c str> {
    let known = stored.manifest.verify.iter().flat_map(|verification| &verification.checks);
    let known: Vec<&str> = known.map(|check| check.name.as_str()).collect();
    let gates = args.gates.names().map(|name| -> &'c str { name });
    let asked = gates.chain(checks.iter().map(|check| check.name.as_str()));
    asked.filter(|name| !known.contains(name)).collect()
}

/// What every part of the examination uses.
struct Verify<'a> {
    args: &'a VerifyArgs,
    aws: &'a SdkConfig,
    store: &'a Store,
    catalog: &'a Catalog,
    context: &'a Context,
}

impl Verify<'_> {
    async fn examine(&self, run: &Registered<'_>, checks: Vec<Check>) -> Result<Findings, Failure> {
        let args = self.args;
        let mut findings = Findings::default();
        findings.differences.extend(phase("files", self.files(run)).await?);
        let files_are_good = findings.is_clean();
        let backoff = self.backoff(staged::waits(args.timeout));
        let compared = staged::compare(self.catalog, run, backoff);
        findings.differences.extend(phase("table", compared).await?);

        let live = phase("live", self.live(run, &checks)).await?;
        findings.checks.extend(gates::check(&args.gates, run.sealed.written.rows, live.as_ref()));
        // On broken files the SQL would fail for a reason that is not its own.
        if files_are_good && !checks.is_empty() {
            let staged = View::of(&run.sealed);
            let live = live.map_or_else(|| staged.without_rows(), |live| live.view);
            let subject = Subject { run: run.sealed.manifest.run.clone(), staged, live };
            let checked = sql::run(checks, subject, &args.engine, self.aws, self.context);
            findings.checks.extend(phase("checks", checked).await?);
        }
        // Last, as it may wait for long; and not at all for a run that is rejected anyway.
        if findings.is_clean() {
            findings.differences.extend(phase("replica", self.replica(run)).await?);
        }
        Ok(findings)
    }

    async fn files(&self, run: &Registered<'_>) -> Result<Vec<String>, Failure> {
        let bar = self.context.progress("files", run.sealed.written.files.len() as u64, Unit::Items);
        let compared =
            files::compare(self.store, &run.sealed, self.args.concurrency.into(), || bar.add(1)).await;
        bar.finish();
        compared
    }

    /// The live version, if a gate or a check wants to know it.
    async fn live(&self, run: &Registered<'_>, checks: &[Check]) -> Result<Option<LiveVersion>, Failure> {
        if self.args.gates.max_row_change.is_none() && checks.is_empty() {
            return Ok(None);
        }
        live::find(self.aws, self.catalog, run.sealed.manifest, self.context).await
    }

    async fn replica(&self, run: &Registered<'_>) -> Result<Vec<String>, Failure> {
        let Some(bucket) = &self.args.replica.replica_bucket else { return Ok(Vec::new()) };
        let aws = match &self.args.replica.replica_region {
            Some(region) => self.context.aws_in(region.clone()).await?,
            None => self.aws.clone(),
        };
        // A replica often belongs to an account of its own, and so has an expected owner of its own.
        let owner = self.args.replica.replica_bucket_owner.clone();
        let options = StoreOptions { expected_owner: owner, ..StoreOptions::default() };
        let replica = Store::open(&aws, bucket.name(), options, self.context.caller().clone())?;
        let concurrency = self.args.concurrency.into();
        let pair = replica::Pair { source: self.store, replica: &replica, concurrency };
        let bar = self.context.progress("replica", run.sealed.written.files.len() as u64, Unit::Items);
        let backoff = self.backoff(replica::waits(self.args.timeout));
        let compared = pair.compare(&run.sealed, backoff, |settled| bar.add(settled)).await;
        bar.finish();
        compared
    }

    fn backoff(&self, policy: RetryPolicy) -> Backoff {
        Backoff::new(policy, self.context.cancel().clone())
    }
}

fn result(stored: &Stored, already_done: bool) -> Result<VerifyResult, Failure> {
    let manifest = &stored.manifest;
    let verified = manifest.verified()?;
    let written = verified.registered.sealed.written;
    Ok(VerifyResult {
        manifest: manifest.uri(),
        run: manifest.run.id.clone(),
        table: manifest.table.glue.to_string(),
        phase: manifest.phase,
        already_done,
        files: written.files.len(),
        rows: written.rows,
        bytes: written.bytes,
        checks: verified.verification.checks.clone(),
    })
}
