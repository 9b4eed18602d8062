//! `gc`: deletes what nothing can reach. Finds, plans, prints the plan, and then acts on it; deletes nothing when it
//! cannot learn what is live.

mod args;
mod execute;
mod inventory;
mod lifecycle;
mod plan;
mod show;

use lakeward_cli::Context;
use lakeward_lake::Lake;
use lakeward_manifest::TableRoot;
use lakeward_outcome::{Failure, Kind};
use serde::Serialize;

pub use args::GcArgs;
pub use execute::Done;
use execute::{Executor, Removal};
pub use inventory::{AttemptFolder, GlueState, Inventory, Run, StagedTable, StaleUpload};
pub use plan::{DeadAttempt, DeadUpload, Keep, Plan, Policy, Retirement, plan};

/// The result of the step.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum GcResult {
    /// What was planned, and what was done of it.
    Collected(Box<Collected>),
    /// A lifecycle rule was asked for.
    Rule {
        /// The rule, as `put-bucket-lifecycle-configuration` takes it.
        lifecycle_configuration: serde_json::Value,
    },
}

/// What was planned, and what was done of it.
#[derive(Debug, Serialize)]
pub struct Collected {
    /// The table's root.
    pub root: TableRoot,
    /// The live table's name in Glue, from the newest manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// Bytes that the plan frees.
    pub bytes: u64,
    /// The plan.
    pub plan: Plan,
    /// What was done; nothing in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<Done>,
}

/// Runs the step.
///
/// # Errors
/// Every [`Failure`] that `docs/PROTOCOL.md` lists for `gc`, with its kind.
pub async fn run(args: GcArgs, context: Context) -> Result<GcResult, Failure> {
    context.identify("table", &args.root);
    if args.lifecycle_rule {
        return Ok(GcResult::Rule { lifecycle_configuration: lifecycle::rule(&args.root) });
    }
    let aws = context.aws().await?;
    let Lake { manifests, catalog } = Lake::open(&aws, args.root.clone(), &context)?;

    let inventory = Inventory::take(&manifests, &catalog, &args.databases).await?;
    let plan = plan(&inventory, &args.policy(), context.now());
    show::print(&plan);
    if let Some(reason) = &plan.refused {
        tracing::warn!("{reason}");
    }
    let done = if args.dry_run || plan.is_empty() {
        None
    } else {
        let removal = if args.via_lifecycle { Removal::Tag } else { Removal::Delete };
        let executor = Executor {
            manifests: &manifests,
            catalog: &catalog,
            context: &context,
            databases: &args.databases,
            removal,
        };
        Some(executor.carry_out(&inventory, &plan).await?)
    };
    if let Some(failure) = done.as_ref().and_then(refused) {
        return Err(failure);
    }
    Ok(GcResult::Collected(Box::new(Collected {
        root: args.root,
        table: inventory.table.as_ref().map(ToString::to_string),
        dry_run: args.dry_run,
        bytes: plan.bytes(),
        plan,
        done,
    })))
}

/// The failure to report when something could not be deleted.
fn refused(done: &Done) -> Option<Failure> {
    let (first, count) = (done.failures.first()?, done.failures.len());
    let (kind, remedy) = if done.failures_passing == count {
        (Kind::Transient, "run again")
    } else {
        (Kind::Configuration, "mend permissions or locks and run again")
    };
    let deleted = done.objects_deleted;
    Some(Failure::new(
        kind,
        format!("{count} things could not be deleted ({deleted} were), the first of them {first}: {remedy}"),
    ))
}
