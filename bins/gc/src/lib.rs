//! `gc`: deletes what nothing can reach. Finds, plans, prints the plan, and then acts on it; deletes nothing when it
//! cannot learn what is live.

mod abandon;
mod args;
mod execute;
mod inventory;
mod lifecycle;
mod plan;
mod show;

use lakeward_cli::{Context, Measure, phase};
use lakeward_lake::Lake;
use lakeward_manifest::{CommandLine, Step, TableRoot};
use lakeward_outcome::{Failure, Kind};
use serde::Serialize;

pub use abandon::Abandoned;
pub use args::{GcArgs, Target};
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
    /// One run was ended.
    Abandoned(Box<Abandoned>),
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
    if args.dry_run {
        context.record().set_unchanged();
    }
    args.check_modes()?;
    let root = args.target.root().clone();
    // Until a manifest has told its name.
    context.identify("table", &root);
    if args.lifecycle_rule {
        return Ok(GcResult::Rule { lifecycle_configuration: lifecycle::rule(&root) });
    }
    match &args.target {
        Target::Table(root) => context.begin_table(root),
        Target::Run(uri) => context.begin_run(&uri.root, &uri.run),
    }
    let Lake { manifests, catalog } = Lake::open(&context.aws().await?, root, &context)?;
    let removal = if args.via_lifecycle { Removal::Tag } else { Removal::Delete };
    let executor = Executor {
        manifests: &manifests,
        catalog: &catalog,
        context: &context,
        databases: &args.databases,
        removal,
    };
    let (again, outcome) = match &args.target {
        Target::Table(root) => (CommandLine::on_table(Step::Gc, root), collect(&executor, root, &args).await),
        Target::Run(uri) => {
            let abandoned = executor.abandon(uri).await;
            (CommandLine::abandon(uri), abandoned.map(|run| GcResult::Abandoned(Box::new(run))))
        }
    };
    outcome.map_err(|failure| {
        let next = failure.kind().is_retryable().then(|| context.command(again)).flatten();
        failure.with_next(next)
    })
}

/// Finds, plans, prints the plan, and acts on it.
async fn collect(executor: &Executor<'_>, root: &TableRoot, args: &GcArgs) -> Result<GcResult, Failure> {
    let Executor { manifests, catalog, context, .. } = executor;
    let inventory = phase("inventory", Inventory::take(manifests, catalog, &args.databases)).await?;
    if let Some(table) = &inventory.table {
        context.identify("table", table);
    }
    let plan = plan(&inventory, &args.policy(), context.now());
    context.measure(Measure::PlannedBytes, plan.bytes());
    show::print(&plan);
    if let Some(reason) = &plan.refused {
        if !inventory.awaits_a_first_version() {
            let message = format!("{root}: {reason}");
            return Err(Failure::new(Kind::Configuration, message));
        }
        tracing::warn!("{reason}");
    }
    let done = if args.dry_run || plan.is_empty() {
        context.record().set_unchanged();
        None
    } else {
        let mut done = Done::default();
        let ended = phase("carry out", executor.carry_out(&inventory, &plan, &mut done)).await;
        done.settle(ended, context)?;
        Some(done)
    };
    Ok(GcResult::Collected(Box::new(Collected {
        root: root.clone(),
        table: inventory.table.as_ref().map(ToString::to_string),
        dry_run: args.dry_run,
        bytes: plan.bytes(),
        plan,
        done,
    })))
}
