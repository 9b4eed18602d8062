//! Results without rows.

use anyhow::{Context as _, Result, ensure};
use lakeward_outcome::Kind;

use crate::backend::Backend;
use crate::reader::query_after;
use crate::step::Step;
use crate::table::{DAYS, Table};

const NOTHING: &str = "SELECT i AS id, DATE '2026-05-19' AS day FROM range(0) t(i)";
const SOMETHING: &str = "SELECT i AS id, DATE '2026-05-19' AS day FROM range(3) t(i)";

/// dbt-adapters#1821: an empty result lost the table. dbt-duckdb#848: it was published as one row of NULLs.
pub(crate) async fn an_empty_result_is_published_only_when_allowed(backend: &Backend) -> Result<()> {
    let table = backend.table("empty_plain");
    only_when_allowed(&table, |step| step).await
}

pub(crate) async fn an_empty_partitioned_result_is_published_only_when_allowed(
    backend: &Backend,
) -> Result<()> {
    let table = backend.table("empty_partitioned");
    only_when_allowed(&table, |step| step.args(["--partition-by", "day"])).await?;
    let live = table.live().await?;
    ensure!(live.partitions.is_empty(), "partitions of nothing: {:?}", live.partition_values());
    Ok(())
}

async fn only_when_allowed(table: &Table<'_>, shape: impl Fn(Step) -> Step) -> Result<()> {
    let full = table.published(&shape(table.write(DAYS[0], SOMETHING))).await?;
    let refused = table.registered(&shape(table.write(DAYS[1], NOTHING))).await?;
    table.verify(&refused).is_refused(Kind::Rejected, &["no rows", "--allow-empty"]).await?;
    table.swap(&refused).is_refused(Kind::Rejected, &["rejected", "min-rows"]).await?;
    table.shows(&full, SOMETHING).await?;

    let allowed = table.registered(&shape(table.write(DAYS[2], NOTHING))).await?;
    table.verify(&allowed).arg("--allow-empty").succeeds().await?;
    table.swap(&allowed).succeeds().await?;
    table.shows(&allowed, NOTHING).await?;
    let manifest = table.manifest(&allowed).await?;
    let view = manifest["swap"]["view_sql"].as_str().context("no view in the manifest")?;
    let rows = query_after(table.backend(), view, &format!("FROM {}", table.name())).await?;
    ensure!(rows.is_empty(), "the view has {rows:?}");
    Ok(())
}
