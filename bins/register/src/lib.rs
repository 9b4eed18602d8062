//! `register`: makes a sealed run queryable in Glue as its staged table, with every partition, and without touching
//! the live table.
//!
//! It creates what is missing, compares what is there, and repairs what differs, so that it can be run any number
//! of times.

mod args;

use lakeward_catalog::{Catalog, Create, Partition, TableName, Update, converge, run_table};
use lakeward_cli::{Context, phase};
use lakeward_lake::{Lake, Work};
use lakeward_manifest::{
    CommandLine, Manifest, ManifestUri, Phase, Registration, RunId, Sealed, Step, parameters,
};
use lakeward_outcome::{Failure, FailureExt, Kind};
use serde::Serialize;
use serde_json::Map;

pub use args::RegisterArgs;

/// The result of the step.
#[derive(Debug, Serialize)]
pub struct RegisterResult {
    /// The run's manifest.
    pub manifest: ManifestUri,
    /// The run.
    pub run: RunId,
    /// The live table's name in Glue.
    pub table: String,
    /// How far the run is.
    pub phase: Phase,
    /// Whether the run is live, so that there was nothing to do.
    pub already_done: bool,
    /// The staged table.
    pub staged_table: String,
    /// Its number of partitions.
    pub partitions: usize,
    /// Partitions that were created or repaired by this execution.
    pub changed: usize,
}

/// Runs the step.
///
/// # Errors
/// Every [`Failure`] that `docs/PROTOCOL.md` lists for `register`, with its kind.
pub async fn run(args: RegisterArgs, context: Context) -> Result<RegisterResult, Failure> {
    let RegisterArgs { manifest: uri, .. } = args;
    context.begin_run(&uri.root, &uri.run);
    let lake = Lake::open(&context.aws().await?, uri.root.clone(), &context)?;
    let outcome = register(&lake, &uri, &context).await;
    let work = Work::on(&uri.run, CommandLine::on_run(Step::Register, &uri));
    lake.conclude(outcome, work, &context).await
}

async fn register(lake: &Lake, uri: &ManifestUri, context: &Context) -> Result<RegisterResult, Failure> {
    let Lake { manifests, catalog } = lake;
    let stored = manifests.load(&uri.run).await?;
    lakeward_lake::identify(context, &stored.manifest);
    let sealed = stored.manifest.sealed()?;
    let live = stored.manifest.table.glue.clone();
    let staged = live.staged(&uri.run);
    let partitions = run_table::partitions(&sealed);
    if stored.manifest.phase == Phase::Published {
        tracing::info!("the run is published: nothing to do");
        context.record().set_unchanged();
        return Ok(RegisterResult {
            manifest: uri.clone(),
            run: stored.manifest.run.id.clone(),
            table: live.to_string(),
            phase: Phase::Published,
            already_done: true,
            staged_table: staged.to_string(),
            partitions: partitions.len(),
            changed: 0,
        });
    }

    let name = TableName::from(&staged);
    let settled = phase("table", settle_table(catalog, &name, &sealed)).await;
    settled.doing(|| format!("staged table {staged}"))?;
    let changed = phase("partitions", settle_partitions(catalog, &name, &partitions)).await?;

    let registration = Registration {
        at: context.now(),
        staged: staged.clone(),
        partitions: partitions.len() as u64,
        extra: Map::new(),
    };
    let register = |manifest: Manifest| manifest.register(registration.clone(), context.stamp());
    let stored = phase("record", manifests.change(stored.clone(), register)).await?;
    tracing::info!(staged = %staged, partitions = partitions.len(), changed, "registered");
    Ok(RegisterResult {
        manifest: uri.clone(),
        run: stored.manifest.run.id.clone(),
        table: live.to_string(),
        phase: stored.manifest.phase,
        already_done: false,
        staged_table: staged.to_string(),
        partitions: partitions.len(),
        changed,
    })
}

/// Creates the staged table, or makes the one that is there what it should be.
async fn settle_table(catalog: &Catalog, name: &TableName, run: &Sealed<'_>) -> Result<(), Failure> {
    let wanted = run_table::staged_definition(run);
    let mut backoff = catalog.caller().backoff();
    loop {
        let ours = |table: &lakeward_catalog::Table| table.definition.differences(&wanted).is_empty();
        let Some(found) = catalog.get_table(name).await? else {
            match catalog.create_table(name, &wanted, ours).await? {
                Create::Created => return Ok(()),
                Create::AlreadyThere => continue,
            }
        };
        let differences = found.definition.differences(&wanted);
        if differences.is_empty() {
            return Ok(());
        }
        if !shows_a_staged_run(&found) {
            let message = format!("{name} exists and was not made by lakeward: drop or rename it");
            return Err(Failure::new(Kind::Configuration, message));
        }
        tracing::warn!(?differences, "the staged table is not as it should be: repairing it");
        match catalog.update_table(&found, &wanted, ours).await? {
            Update::Done => return Ok(()),
            Update::Conflict => {
                let waited = backoff.wait().await;
                waited.map_err(|_| {
                    Failure::new(Kind::Transient, format!("{name} kept being changed by others"))
                })?;
            }
        }
    }
}

/// Gives the staged table the run's partitions, and says how many were not as they should be.
async fn settle_partitions(
    catalog: &Catalog,
    name: &TableName,
    wanted: &[Partition],
) -> Result<usize, Failure> {
    let plan = converge::diff(&catalog.partitions(name).await?, wanted);
    let report = converge::apply(catalog, name, &plan).await?;
    report.into_result(name).doing(|| format!("partitions of {name}"))
}

/// A table of this name that some other tool made is nobody's to overwrite.
fn shows_a_staged_run(table: &lakeward_catalog::Table) -> bool {
    table.definition.parameters.get(parameters::ROLE).is_some_and(|role| role == parameters::ROLE_STAGED)
}
