//! What verify lets through.

use anyhow::{Context as _, Result, ensure};
use lakeward_outcome::Kind;

use crate::backend::Backend;
use crate::table::{DAYS, Run, Table};

const HUNDRED: &str = "SELECT i AS id, i - 3 AS amount FROM range(100) t(i)";

/// Fails unless the run is rejected for good: verified again or swapped, it stays where it is.
async fn stays_rejected(table: &Table<'_>, run: &Run) -> Result<()> {
    table.verify(run).is_refused(Kind::Rejected, &[&run.id, "rejected"]).await?;
    table.swap(run).is_refused(Kind::Rejected, &[&run.id, "rejected"]).await?;
    ensure!(table.manifest(run).await?["phase"] == "rejected");
    Ok(())
}

pub(crate) async fn too_few_rows_are_rejected(backend: &Backend) -> Result<()> {
    let table = backend.table("min_rows");
    let run = table.registered(&table.write(DAYS[0], HUNDRED)).await?;
    table.verify(&run).arg("--min-rows=101").is_refused(Kind::Rejected, &["min-rows", "100", "101"]).await?;
    stays_rejected(&table, &run).await?;
    let enough = table.registered(&table.write(DAYS[1], HUNDRED)).await?;
    let verified = table.verify(&enough).arg("--min-rows=100").succeeds().await?;
    ensure!(verified["checks"][0]["name"] == "min-rows" && verified["rows"] == 100, "{verified}");
    Ok(())
}

pub(crate) async fn too_great_a_change_of_rows_is_rejected(backend: &Backend) -> Result<()> {
    let table = backend.table("max_row_change");
    let live = table.published(&table.write(DAYS[0], HUNDRED)).await?;
    let fewer = table.registered(&table.write(DAYS[1], &format!("{HUNDRED} LIMIT 49"))).await?;
    let words = ["max-row-change", "51% fewer", &live.id];
    table.verify(&fewer).arg("--max-row-change=50%").is_refused(Kind::Rejected, &words).await?;
    stays_rejected(&table, &fewer).await?;
    let half = table.registered(&table.write(DAYS[2], &format!("{HUNDRED} LIMIT 50"))).await?;
    table.verify(&half).arg("--max-row-change=50%").succeeds().await?;
    table.swap(&half).succeeds().await?;
    table.shows(&half, &format!("{HUNDRED} LIMIT 50")).await
}

const CHECKS: &str = "-- name: has_an_amount\nSELECT * FROM staged WHERE amount IS NULL;\n\
                      -- name: no_negative_amount\nSELECT * FROM staged WHERE amount < 0\n";
const MORE_CHECKS: &str = "-- name: nothing_lost\nFROM live ANTI JOIN staged USING (id);\n\
                           -- name: of_today\nSELECT 1 WHERE getvariable('run_ts') < TIMESTAMPTZ '2026-05-19'";

const NONE_LOST: &str = "-- name: nothing_lost\nSELECT id FROM live EXCEPT SELECT id FROM staged\n";

pub(crate) async fn a_first_version_is_checked_against_an_empty_live_one(backend: &Backend) -> Result<()> {
    let table = backend.table("first_check");
    let checks = backend.file("none_lost.sql", NONE_LOST)?;
    let first = table.registered(&table.write(DAYS[0], HUNDRED)).await?;
    let verified = table.verify(&first).arg("--check").arg(&checks).succeeds().await?;
    ensure!(verified["checks"][1]["name"] == "nothing_lost", "{verified}");
    table.swap(&first).succeeds().await?;
    let fewer = table.registered(&table.write(DAYS[1], &format!("{HUNDRED} LIMIT 99"))).await?;
    let refused = table.verify(&fewer).arg("--check").arg(&checks);
    refused.is_refused(Kind::Rejected, &["nothing_lost", "1 "]).await.map(drop)
}

pub(crate) async fn a_check_that_was_not_asked_for_before_is_run_on_a_verified_run(
    backend: &Backend,
) -> Result<()> {
    let table = backend.table("later_check");
    let all = backend.file("all_offend.sql", "-- name: none_at_all\nSELECT * FROM staged\n")?;
    let run = table.verified(&table.write(DAYS[0], HUNDRED)).await?;
    let strict = table.verify(&run).arg("--check").arg(&all);
    strict.is_refused(Kind::Rejected, &["none_at_all", "100 "]).await?;
    let again = table.verify(&run).succeeds().await?;
    ensure!(again["already_done"] == true, "{again}");
    Ok(())
}

pub(crate) async fn checks_count_the_rows_that_offend(backend: &Backend) -> Result<()> {
    let table = backend.table("checks");
    let checks = backend.file("checks.sql", CHECKS)?;
    let more = backend.file("more_checks.sql", MORE_CHECKS)?;
    let good = "SELECT i AS id, i AS amount FROM range(100) t(i)";
    let live = table.published(&table.write(DAYS[0], good)).await?;
    let bad = table.registered(&table.write(DAYS[1], HUNDRED)).await?;
    let verify = |run: &Run| table.verify(run).arg("--check").arg(&checks).arg("--check").arg(&more);
    verify(&bad).is_refused(Kind::Rejected, &["no_negative_amount", "3 "]).await?;
    let offending = |checks: &serde_json::Value, name: &str| {
        let checks = checks.as_array()?;
        checks.iter().find(|check| check["name"] == name)?["offending"].as_u64()
    };
    let manifest = table.manifest(&bad).await?;
    let counts =
        ["has_an_amount", "no_negative_amount"].map(|name| offending(&manifest["verify"]["checks"], name));
    ensure!(counts == [Some(0), Some(3)], "{}", manifest["verify"]);
    stays_rejected(&table, &bad).await?;
    table.shows(&live, good).await?;

    let better = table.registered(&table.write(DAYS[2], good)).await?;
    let verified = verify(&better).succeeds().await?;
    for name in ["has_an_amount", "no_negative_amount", "nothing_lost", "of_today"] {
        ensure!(offending(&verified["checks"], name) == Some(0), "{name}: {verified}");
    }
    let broken =
        backend.file("broken_check.sql", "-- name: broken\nSELECT * FROM staged WHERE no_such_column")?;
    let another = table.registered(&table.write("2026-05-22T06:00:00Z", good)).await?;
    let check = table.verify(&another).arg("--check").arg(broken);
    check.is_refused(Kind::Usage, &["broken", "no_such_column"]).await?;
    ensure!(
        table.manifest(&another).await?["phase"] == "registered",
        "the run was rejected for a wrong check"
    );
    Ok(())
}

/// A registered run, and the key of its only file.
async fn one_file(table: &Table<'_>) -> Result<(Run, String)> {
    let run = table.registered(&table.write(DAYS[0], HUNDRED)).await?;
    let key = table.data().await?.into_iter().next().context("no file")?;
    Ok((run, key))
}

pub(crate) async fn a_corrupted_file_is_rejected(backend: &Backend) -> Result<()> {
    let table = backend.table("corrupted");
    let (run, key) = one_file(&table).await?;
    let mut bytes = backend.get(&key).await?;
    bytes[100] ^= 1;
    backend.put(&key, bytes).await?;
    table.verify(&run).is_refused(Kind::Rejected, &["part-", "has the checksum"]).await?;
    stays_rejected(&table, &run).await
}

pub(crate) async fn a_missing_file_is_rejected(backend: &Backend) -> Result<()> {
    let table = backend.table("missing");
    let (run, key) = one_file(&table).await?;
    backend.s3().delete_object().bucket(backend.bucket()).key(&key).send().await?;
    table.verify(&run).is_refused(Kind::Rejected, &["part-", "is missing"]).await?;
    stays_rejected(&table, &run).await
}

pub(crate) async fn a_stray_file_is_rejected(backend: &Backend) -> Result<()> {
    let table = backend.table("stray");
    let (run, key) = one_file(&table).await?;
    let stray = format!("{}stray.parquet", table.key(&run.location)?);
    backend.put(&stray, backend.get(&key).await?).await?;
    table.verify(&run).is_refused(Kind::Rejected, &["stray.parquet", "is not in the manifest"]).await?;
    stays_rejected(&table, &run).await
}

pub(crate) async fn a_staged_table_that_was_changed_is_rejected(backend: &Backend) -> Result<()> {
    let table = backend.table("staged_changed");
    let (run, _) = one_file(&table).await?;
    let staged = table.staged_tables().await?;
    let delete = backend.glue().delete_table().database_name(backend.database()).name(&staged[0]);
    delete.send().await?;
    table.verify(&run).is_refused(Kind::Rejected, &[&staged[0], "does not exist"]).await?;
    stays_rejected(&table, &run).await
}
