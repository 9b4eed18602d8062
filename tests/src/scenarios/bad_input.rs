//! What cannot be published: refused by the documented exit code, in words that help, with nothing left behind.

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use lakeward_outcome::Kind;

use crate::backend::Backend;
use crate::step::Step;
use crate::table::DAYS;

const NO_BUCKET: &str = "lakeward-no-such-bucket";

/// Every step, for a run of the table at `root`.
fn every_step(backend: &Backend, root: &str, glue_name: &str) -> Vec<Step> {
    let manifest = format!("{root}_runs/2026-05-19-060000/manifest.json");
    let write =
        backend.step("write").args(["--table", root, "--glue-table", glue_name, "--sql=SELECT 1 AS a"]);
    let mut steps: Vec<Step> =
        ["register", "verify", "swap"].into_iter().map(|name| backend.step(name).arg(&manifest)).collect();
    steps.extend([write.args(["--run-ts", DAYS[0]]), backend.step("gc").arg(root)]);
    steps
}

pub(crate) async fn an_unknown_bucket_is_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("unknown_bucket");
    let words = [NO_BUCKET, "does not exist", "create it"];
    for step in every_step(backend, &format!("s3://{NO_BUCKET}/orders/"), &table.glue_name()) {
        step.is_refused(Kind::Configuration, &words).await?;
    }
    table.has_no_leftovers().await
}

pub(crate) async fn sql_that_does_not_bind_is_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("unbound_sql");
    for (sql, word) in [
        ("SELECT no_such_column FROM range(3)", "no_such_column"),
        ("SELECT * FROM no_such_table", "no_such_table"),
        ("SELEC 1", "SELEC"),
        ("CREATE TABLE t AS SELECT 1", "not one query"),
        ("SELECT 1 AS a; SELECT 2 AS a", "not one query"),
        (" ", "empty"),
    ] {
        table.write(DAYS[0], sql).is_refused(Kind::Usage, &[word]).await.with_context(|| sql.to_owned())?;
    }
    let missing = format!("SELECT * FROM 's3://{}/no/such/*.parquet'", backend.bucket());
    table.write(DAYS[0], &missing).is_refused(Kind::Usage, &["no/such"]).await?;
    table.has_no_leftovers().await?;
    ensure!(backend.keys(&format!("{}_runs/2", table.prefix())).await?.is_empty(), "a run was claimed");
    Ok(())
}

/// duckdb#12038, duckdb#14990: a COPY that failed or ran out of memory left broken Parquet on S3.
pub(crate) async fn data_that_fails_the_query_is_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("failing_data");
    for (sql, word) in [
        (
            "SELECT CAST(text AS INTEGER) AS n, i FROM (SELECT i, if(i = 999, 'x', '1') AS text FROM range(1000) t(i))",
            "'x'",
        ),
        ("SELECT if(i = 7, DATE 'infinity', DATE '2026-05-19') AS day FROM range(10) t(i)", "infinite"),
        ("SELECT 100000000000000000000000000000000000000::HUGEINT + i AS n FROM range(10) t(i)", "\"n\""),
    ] {
        // Twice, as an orchestrator would: the second takes over what the first has claimed.
        for _ in 0..2 {
            table
                .write(DAYS[0], sql)
                .is_refused(Kind::Rejected, &[word])
                .await
                .with_context(|| sql.to_owned())?;
        }
    }
    let empty = table.write(DAYS[1], "SELECT if(i = 1, '', 'x') AS key, i FROM range(3) t(i)");
    empty.args(["--partition-by=key"]).is_refused(Kind::Rejected, &["\"key\"", "empty"]).await?;
    table.has_no_leftovers().await?;
    // The claimed run is not lost: what is right seals it.
    let run = table.published(&table.write(DAYS[0], "SELECT 1 AS n")).await?;
    table.shows(&run, "SELECT 1 AS n").await
}

pub(crate) async fn unpublishable_columns_are_all_named(backend: &Backend) -> Result<()> {
    let table = backend.table("unpublishable");
    let sql = "SELECT NULL AS nothing, union_value(a := 1) AS either, 1 AS fine, {'part': NULL} AS nested, \
               1 AS \"Twice\", 2 AS twice, 3 AS \"odd name\"";
    let words = [
        "\"nothing\"",
        "CAST(\"nothing\" AS",
        "\"either\"",
        "nested.part",
        "\"Twice\" and \"twice\"",
        "\"odd name\" AS odd_name",
    ];
    let message = table.write(DAYS[0], sql).is_refused(Kind::Rejected, &words).await?;
    ensure!(!message.contains("fine"), "a good column is named: {message}");
    table.has_no_leftovers().await
}

pub(crate) async fn a_missing_partition_column_is_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("missing_partition");
    let write = table.write(DAYS[0], "SELECT 1 AS id, 2 AS day").args(["--partition-by", "day,region"]);
    write.is_refused(Kind::Usage, &["partition column \"region\"", "which has \"id\", \"day\""]).await?;
    let all = table.write(DAYS[0], "SELECT 1 AS id, 2 AS day").args(["--partition-by", "day,id"]);
    all.is_refused(Kind::Usage, &["every column is a partition column"]).await?;
    table.has_no_leftovers().await
}

pub(crate) async fn an_unreachable_endpoint_is_transient(backend: &Backend) -> Result<()> {
    let table = backend.table("unreachable");
    // Nobody listens there: it is a reserved port of no service.
    let nowhere = "http://127.0.0.1:1";
    let steps = every_step(backend, &table.root(), &table.glue_name());
    let unreachable = steps.into_iter().map(|step| async move {
        let step = step.args(["--patience=1s"]).env("AWS_ENDPOINT_URL_S3", nowhere);
        step.is_refused(Kind::Transient, &[nowhere, "AWS_ENDPOINT_URL"]).await
    });
    try_join_all(unreachable).await?;
    let glue =
        table.write(DAYS[0], "SELECT 1 AS a").args(["--patience=1s"]).env("AWS_ENDPOINT_URL_GLUE", nowhere);
    glue.is_refused(Kind::Transient, &[nowhere, "AWS_ENDPOINT_URL"]).await?;
    table.has_no_leftovers().await
}

pub(crate) async fn a_full_scratch_disk_leaves_nothing_behind(backend: &Backend) -> Result<()> {
    let table = backend.table("full_disk");
    let sql = "SELECT i, hash(i) AS h FROM range(1000000) t(i)";
    let write = table.write(DAYS[0], sql).args(["--compression=uncompressed"]);
    write.clone().largest_file(6 << 20).is_refused(Kind::Configuration, &["scratch"]).await?;
    table.has_no_leftovers().await?;
    let run = table.published(&write).await?;
    table.shows(&run, sql).await
}
