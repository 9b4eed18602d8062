//! Runs one after another, steps twice, and steps out of order.

use anyhow::{Result, ensure};
use lakeward_outcome::Kind;
use serde_json::json;

use crate::backend::Backend;
use crate::table::{DAYS, Table};

const BY_DAY: [&str; 2] = ["--partition-by", "day"];

/// Four days from `first` on.
fn days(first: u32) -> String {
    format!("SELECT i AS id, DATE '2026-05-01' + (i % 4 + {first})::INTEGER AS day FROM range(40) t(i)")
}

pub(crate) async fn every_step_run_twice_changes_nothing(backend: &Backend) -> Result<()> {
    let table = backend.table("steps_twice");
    let sql = days(0);
    let write = table.write(DAYS[0], &sql).args(BY_DAY);
    let run = table.registered(&write).await?;
    let again = write.succeeds().await?;
    ensure!(again["already_done"] == true && again["attempt"] == run.written["attempt"], "{again}");
    repaired(&table).await?;

    ensure!(table.register(&run).succeeds().await?["changed"] == 1, "nothing was repaired");
    ensure!(table.register(&run).succeeds().await?["changed"] == 0, "there was nothing to repair");
    ensure!(table.verify(&run).succeeds().await?["already_done"] == false);
    ensure!(table.verify(&run).succeeds().await?["already_done"] == true);
    ensure!(table.swap(&run).succeeds().await?["already_done"] == false);
    let (live, manifest) = (table.live().await?, table.manifest(&run).await?);

    for step in [write, table.register(&run), table.verify(&run), table.swap(&run)] {
        let again = step.succeeds().await?;
        ensure!(again["already_done"] == true && again["phase"] == "published", "{again}");
    }
    ensure!(table.live().await? == live, "the live table has changed");
    ensure!(table.manifest(&run).await? == manifest, "the manifest has changed");
    ensure!(table.data().await?.len() == 4, "other files: {:?}", table.data().await?);
    table.shows(&run, &sql).await
}

/// Takes a partition away from the only staged table.
async fn repaired(table: &Table<'_>) -> Result<()> {
    let backend = table.backend();
    let staged = table.staged_tables().await?;
    ensure!(staged.len() == 1, "staged tables: {staged:?}");
    let delete = backend.glue().delete_partition().database_name(backend.database()).table_name(&staged[0]);
    delete.partition_values("2026-05-02").send().await?;
    Ok(())
}

pub(crate) async fn a_sealed_run_takes_no_other_request(backend: &Backend) -> Result<()> {
    let table = backend.table("other_request");
    let run = table.published(&table.write(DAYS[0], "SELECT 1 AS a")).await?;
    let other_query = table.write(DAYS[0], "SELECT 2 AS a");
    let other_spec = table.write(DAYS[0], "SELECT 1 AS a").args(["--comment", "another"]);
    for other in [other_query, other_spec] {
        other.is_refused(Kind::Usage, &[&run.id, "another request"]).await?;
    }
    let other_key = table.write(DAYS[0], "SELECT 2 AS a").args(["--run-key", "manual"]);
    ensure!(other_key.succeeds().await?["already_done"] == false);
    table.shows(&run, "SELECT 1 AS a").await
}

pub(crate) async fn steps_out_of_order_are_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("out_of_order");
    let run = crate::table::Run::of(table.write(DAYS[0], "SELECT 1 AS a").succeeds().await?)?;
    for early in [table.verify(&run), table.swap(&run)] {
        early.is_refused(Kind::Usage, &["is written", "run lakeward-register first"]).await?;
    }
    table.register(&run).succeeds().await?;
    table.swap(&run).is_refused(Kind::Usage, &["is registered", "run lakeward-verify first"]).await?;
    table.verify(&run).succeeds().await?;
    table.roll_back(&run).is_refused(Kind::Usage, &["was never live"]).await?;
    backend.step("swap").arg(table.root()).is_refused(Kind::Usage, &["--to"]).await?;
    table.swap(&run).succeeds().await?;
    table.shows(&run, "SELECT 1 AS a").await
}

pub(crate) async fn a_newer_run_replaces_the_live_one(backend: &Backend) -> Result<()> {
    let table = backend.table("second_run");
    let (old, new) = (days(0), days(1));
    let first = table.published(&table.write(DAYS[0], &old).args(BY_DAY)).await?;
    table.shows(&first, &old).await?;
    let second = table.verified(&table.write(DAYS[1], &new).args(BY_DAY)).await?;
    table.shows(&first, &old).await?;

    let swapped = table.swap(&second).succeeds().await?;
    ensure!(swapped["replaced"] == first.id.as_str(), "{swapped}");
    ensure!(swapped["partitions"] == json!({"created": 1, "updated": 3, "deleted": 1}), "{swapped}");
    ensure!(swapped["window_ms"].is_u64() && swapped["window_calls"].is_u64(), "{swapped}");
    table.shows(&second, &new).await?;
    let live = table.live().await?;
    let moved = live.partitions.iter().all(|partition| partition.location.starts_with(&second.location));
    ensure!(moved, "partitions of both runs: {live:?}");
    ensure!(!live.parameters.contains_key("lakeward.swapping"), "an intent was left: {live:?}");
    Ok(())
}

pub(crate) async fn an_older_run_is_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("older_run");
    let older = table.verified(&table.write(DAYS[0], "SELECT 1 AS a")).await?;
    let newer = table.published(&table.write(DAYS[1], "SELECT 2 AS a")).await?;
    table.swap(&older).is_refused(Kind::Fenced, &[&older.id, "is older than", &newer.id]).await?;
    // One that is written only now is told so at once.
    let late = table.write("2026-05-18T06:00:00Z", "SELECT 3 AS a").run().await?;
    ensure!(late.code == Some(0) && late.stderr.contains("this one never will"), "{}", late.stderr);
    table.shows(&newer, "SELECT 2 AS a").await
}

pub(crate) async fn a_run_that_is_live_from_another_root_is_refused_before_its_query_runs(
    backend: &Backend,
) -> Result<()> {
    let table = backend.table("live_here");
    let run = table.published(&table.write(DAYS[1], "SELECT 2 AS a")).await?;
    let elsewhere = backend.table("live_elsewhere");
    let moved =
        backend.step("write").args(["--table", &elsewhere.root(), "--glue-table", &table.glue_name()]);
    let costly = "SELECT count(*) AS a FROM range(1000000000000) r(i) WHERE i % 3 = 1";
    let moved = moved.args(["--run-ts", DAYS[1], "--sql", costly]);
    moved.is_refused(Kind::Usage, &["from another root", run.id.as_str(), "--run-ts"]).await?;
    elsewhere.has_no_leftovers().await?;
    table.shows(&run, "SELECT 2 AS a").await
}

pub(crate) async fn a_rollback_holds_until_a_newer_run(backend: &Backend) -> Result<()> {
    for (name, flags) in [("rollback_plain", [].as_slice()), ("rollback_partitioned", &BY_DAY)] {
        let table = backend.table(name);
        let [one, two, three] = [days(0), days(2), days(3)];
        let first = table.published(&table.write(DAYS[0], &one).args(flags)).await?;
        let second = table.published(&table.write(DAYS[1], &two).args(flags)).await?;
        let back = table.roll_back(&first).succeeds().await?;
        ensure!(back["rollback"] == true && back["replaced"] == second.id.as_str(), "{back}");
        table.shows(&first, &one).await?;
        ensure!(table.roll_back(&first).succeeds().await?["already_done"] == true);

        // A retry of the run that was taken back must not undo the rollback.
        table.swap(&second).is_refused(Kind::Fenced, &[&second.id, "--to"]).await?;
        table.shows(&first, &one).await?;
        let third = table.published(&table.write(DAYS[2], &three).args(flags)).await?;
        table.shows(&third, &three).await?;
    }
    Ok(())
}

pub(crate) async fn a_dry_swap_changes_nothing(backend: &Backend) -> Result<()> {
    let table = backend.table("dry_swap");
    let (old, new) = (days(0), days(1));
    let first = table.published(&table.write(DAYS[0], &old).args(BY_DAY)).await?;
    let second = table.verified(&table.write(DAYS[1], &new).args(BY_DAY)).await?;
    let (live, manifest) = (table.live().await?, table.manifest(&second).await?);
    let dry = table.swap(&second).arg("--dry-run").succeeds().await?;
    ensure!(dry["dry_run"] == true && dry["phase"] == "verified", "{dry}");
    ensure!(dry["partitions"] == json!({"created": 1, "updated": 3, "deleted": 1}), "{dry}");
    ensure!(table.live().await? == live, "the live table has changed");
    ensure!(table.manifest(&second).await? == manifest, "the manifest has changed");
    table.shows(&first, &old).await
}
