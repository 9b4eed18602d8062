//! What a query can read.

use anyhow::{Context as _, Result, ensure};

use crate::backend::Backend;
use crate::reader::query_after;
use crate::table::DAYS;

pub(crate) async fn the_query_sees_run_and_variables(backend: &Backend) -> Result<()> {
    let table = backend.table("variables");
    let sql = "SELECT getvariable('run_ts') AS run_ts, getvariable('run_id') AS run_id, \
               getvariable('region') AS region, getvariable('odd') AS odd";
    let write =
        table.write(DAYS[0], sql).args(["--run-key", "scheduled__2026-05-19", "--var=region=eu west"]);
    let run = table.published(&write.args(["--var", "odd=it's a=b"])).await?;
    let (day, key) = run.id.split_at("2026-05-19-060000".len());
    ensure!(day == "2026-05-19-060000" && key.len() == 9, "the run is {}", run.id);
    let expected = format!(
        "SELECT TIMESTAMPTZ '{}' AS run_ts, '{}' AS run_id, 'eu west' AS region, 'it''s a=b' AS odd",
        DAYS[0], run.id
    );
    table.shows(&run, &expected).await
}

pub(crate) async fn a_database_file_is_queried_where_it_lies(backend: &Backend) -> Result<()> {
    let file = backend.folder().join("shop.duckdb");
    let fill = format!(
        "ATTACH '{}' AS shop; CREATE TABLE shop.orders AS SELECT i AS id, i / 4 AS price FROM range(40) t(i); \
         DETACH shop",
        file.display()
    );
    query_after(backend, &fill, "SELECT 1").await?;
    backend.put("inputs/shop.duckdb", std::fs::read(&file)?).await?;
    let on_s3 = format!("s3://{}/inputs/shop.duckdb", backend.bucket());
    let local = file.to_str().context("a temporary folder that is not UTF-8")?;
    let expected = "SELECT i AS id, i / 4 AS price FROM range(40) t(i)";
    for (name, database) in [("database_on_disk", local), ("database_on_s3", on_s3.as_str())] {
        let table = backend.table(name);
        let write = table.write(DAYS[0], "SELECT * FROM shop.orders").args(["--database", database]);
        let run = table.published(&write).await?;
        table.shows(&run, expected).await?;
    }
    Ok(())
}

pub(crate) async fn inputs_on_s3_are_read(backend: &Backend) -> Result<()> {
    let folder = format!("s3://{}/inputs/sales ä", backend.bucket());
    let rows = "SELECT i AS id, i % 2 AS half FROM range(1000) t(i)";
    let copy = format!("COPY ({rows}) TO '{folder}/part.parquet' (FORMAT parquet)");
    query_after(backend, &copy, "SELECT 1").await?;
    let table = backend.table("from_s3");
    let sql = format!("SELECT * FROM read_parquet('{folder}/*.parquet')");
    let run = table.published(&table.write(DAYS[0], &sql)).await?;
    table.shows(&run, rows).await
}

pub(crate) async fn init_sql_runs_first_and_stays_out_of_the_manifest(backend: &Backend) -> Result<()> {
    let table = backend.table("init_sql");
    let init = "CREATE MACRO twice(x) AS x * 2; CREATE TEMP TABLE planted AS SELECT 21 AS n";
    let write = table.write(DAYS[0], "SELECT twice(n) AS n FROM planted").args(["--init-sql", init]);
    let run = table.published(&write).await?;
    table.shows(&run, "SELECT 42 AS n").await?;
    let manifest = table.manifest(&run).await?;
    ensure!(!manifest.to_string().contains("MACRO"), "the init SQL is in the manifest: {manifest}");
    Ok(())
}

pub(crate) async fn a_spec_file_says_everything(backend: &Backend) -> Result<()> {
    let table = backend.table("by_spec");
    let sql = "SELECT i AS id, i % 2 AS Half, getvariable('region') AS region FROM range(10) t(i)";
    backend.file("by_spec.sql", sql)?;
    let spec = format!(
        "table: {}\nglue_table: {}\nsql_file: by_spec.sql\npartition_by: [half]\nsort_by: [id]\n\
         compression: {{codec: zstd, level: 6}}\ntarget_file_size: 64MiB\ncomment: Ten rows\n\
         columns: {{ID: The number}}\nproperties: {{owner: bi}}\nvariables: {{region: eu}}\n",
        table.root(),
        table.glue_name()
    );
    let spec = backend.file("by_spec.yaml", &spec)?;
    let write = backend.step("write").arg("--spec").arg(spec).args(["--run-ts", DAYS[0]]);
    let run = table.published(&write).await?;
    table.shows(&run, "SELECT i AS id, i % 2 AS half, 'eu' AS region FROM range(10) t(i)").await?;
    let live = table.live().await?;
    ensure!(live.description.as_deref() == Some("Ten rows"), "{live:?}");
    ensure!(live.columns[0].comment.as_deref() == Some("The number"), "{live:?}");
    ensure!(live.parameters.get("owner").is_some_and(|owner| owner == "bi"), "{live:?}");

    let piped = backend.table("by_stdin");
    let run = piped.published(&piped.write_stdin(DAYS[0]).stdin("SELECT 1 AS one")).await?;
    piped.shows(&run, "SELECT 1 AS one").await?;
    Ok(())
}
