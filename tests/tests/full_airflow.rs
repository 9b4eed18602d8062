//! The example DAGs of `examples/airflow` in a real Airflow, whose pods are processes here: tests/airflow.

use anyhow::{Context as _, Result, bail, ensure};
use lakeward_local::{Effect, Rule, Service, When};
use lakeward_tests::airflow::{Airflow, DagRun};
use lakeward_tests::lake::Lake;
use lakeward_tests::reader::{self, GlueTable};
use serde_json::Value;

/// How long a step goes on trying before it ends as transient.
const PATIENCE: &str = "2s";
const ORDERS: &str =
    "SELECT i AS order_id, DATE '2026-05-01' + CAST(i % 3 AS INTEGER) AS day FROM range(100) t(i)";
const PRICES: &str = "SELECT i AS product, i * 2 AS price FROM range(10) t(i)";
const CHECKS: &str = "-- name: every_order_has_a_number\nSELECT * FROM staged WHERE order_id IS NULL\n";

/// An Airflow, and the lake that its pods reach.
struct Site {
    lake: Lake,
    airflow: Airflow,
}

impl Site {
    async fn start() -> Result<Self> {
        let lake = Lake::start().await?;
        let spec = |table: &str, sql: &str, more: &str| {
            format!("table: s3://lake/analytics/{table}/\nglue_table: shop.{table}\nsql: {sql}\n{more}")
        };
        let specs = [
            ("orders.yaml", spec("orders", ORDERS, "partition_by: [day]\n")),
            ("prices.yaml", spec("prices", PRICES, "")),
            ("orders_checks.sql", CHECKS.to_owned()),
        ];
        let specs = specs.each_ref().map(|(name, text)| (*name, text.as_str()));
        let airflow = Airflow::start(&lake.backend().clone().with_patience(PATIENCE), &specs).await?;
        Ok(Self { lake, airflow })
    }

    /// Lets Glue refuse to create tables, which `register` does first.
    fn refuse_new_tables(&self, code: &str) {
        let refuse = Effect::Refuse { status: 400, code: code.to_owned() };
        let rule = Rule::new(When::Before, refuse).service(Service::Glue).operation("CreateTable");
        self.lake.faults().set(rule.times(u64::MAX));
    }

    /// The run that the live table shows, once it was read in full.
    async fn live_run(&self, table: &str, sql: &str) -> Result<String> {
        let glue = GlueTable::find(self.lake.backend(), table).await?.context("no live table")?;
        reader::ensure_reads_as(self.lake.backend(), &glue, sql).await?;
        glue.parameters.get("lakeward.run").cloned().context("no live run")
    }

    /// The manifest of the one run that a DAG run has made.
    async fn manifest(&self, table: &str, dag_run: &DagRun) -> Result<Value> {
        let mut made = Vec::new();
        for key in self.lake.backend().keys(&format!("analytics/{table}/_runs/")).await? {
            if key.ends_with("/manifest.json") {
                let manifest: Value = serde_json::from_slice(&self.lake.backend().get(&key).await?)?;
                made.extend((manifest["run"]["key"] == dag_run.run_id).then_some(manifest));
            }
        }
        match <[Value; 1]>::try_from(made) {
            Ok([manifest]) => Ok(manifest),
            Err(made) => bail!("{} has made {} runs", dag_run.run_id, made.len()),
        }
    }
}

fn ensure_tasks(run: &DagRun, state: &str, wanted: &[(&str, &str, u32)]) -> Result<()> {
    ensure!(run.state == state, "the run is not {state}: {run:?}");
    for (task, state, tries) in wanted {
        ensure!(run.task(task)? == (*state, *tries), "{task} is not {state} after {tries} tries: {run:?}");
    }
    Ok(())
}

/// A scheduled run; `register` is throttled until it gives up, and does it at its second try.
async fn a_transient_failure_is_retried(site: &Site) -> Result<()> {
    let (dag, run) = ("publish_orders", "scheduled__");
    site.refuse_new_tables("ThrottlingException");
    site.airflow.command(&["dags", "unpause", dag, "--yes"]).await?;
    site.airflow.reaches(dag, run, "orders.register", "up_for_retry").await?;
    site.lake.faults().clear();
    let ended = site.airflow.ended(dag, run).await?;
    let once = |task| (task, "success", 1);
    let tasks =
        [once("orders.write"), ("orders.register", "success", 2), once("orders.verify"), once("orders.swap")];
    ensure_tasks(&ended, "success", &tasks)?;
    let manifest = site.manifest("orders", &ended).await?;
    ensure!(site.live_run("orders", ORDERS).await? == manifest["run"]["id"], "another run is live");
    let seconds = |time: &str| time.get(..19).map(str::to_owned);
    let due = seconds(&ended.run_after);
    ensure!(manifest["run"]["ts"].as_str().and_then(seconds) == due, "{manifest} was due at {due:?}");
    Ok(())
}

/// A run that a person has triggered, without a logical date; `register` lacks a permission.
async fn a_permanent_failure_is_not_retried_and_a_cleared_task_goes_on(site: &Site) -> Result<()> {
    let (dag, run) = ("publish_orders", "by-hand");
    let before = site.live_run("orders", ORDERS).await?;
    site.refuse_new_tables("AccessDeniedException");
    site.airflow.command(&["dags", "trigger", dag, "--run-id", run]).await?;
    let failed = site.airflow.ended(dag, run).await?;
    let never = |task| (task, "upstream_failed", 0);
    let tasks = [("orders.register", "failed", 1), never("orders.verify"), never("orders.swap")];
    ensure_tasks(&failed, "failed", &tasks)?;
    ensure!(
        site.live_run("orders", ORDERS).await? == before,
        "readers see something of a run that has failed"
    );

    site.lake.faults().clear();
    let clear =
        ["tasks", "clear", dag, "--task-regex", "orders.register", "--only-failed", "--downstream", "--yes"];
    site.airflow.command(&clear).await?;
    site.airflow.reaches(dag, run, "orders.swap", "success").await?;
    let mended = site.airflow.ended(dag, run).await?;
    let tasks =
        [("orders.write", "success", 1), ("orders.register", "success", 2), ("orders.swap", "success", 1)];
    ensure_tasks(&mended, "success", &tasks)?;
    let manifest = site.manifest("orders", &mended).await?;
    ensure!(site.live_run("orders", ORDERS).await? == manifest["run"]["id"], "another run is live");
    Ok(())
}

/// A backfill of a day long past: what is live is newer.
async fn an_overtaken_run_is_skipped(site: &Site) -> Result<()> {
    let (dag, run) = ("publish_orders", "backfill__");
    let before = site.live_run("orders", ORDERS).await?;
    let day = ["--from-date", "2026-05-19", "--to-date", "2026-05-20"];
    let create = ["backfill", "create", "--dag-id", dag];
    site.airflow.command(&[&create[..], &day[..]].concat()).await?;
    let ended = site.airflow.ended(dag, run).await?;
    ensure_tasks(&ended, "success", &[("orders.verify", "success", 1), ("orders.swap", "skipped", 1)])?;
    ensure!(site.live_run("orders", ORDERS).await? == before, "a backfill has gone live");
    Ok(())
}

/// The other DAG: its run fails as well, is ended for good, and still counts as a failure.
async fn a_failed_run_is_abandoned(site: &Site) -> Result<()> {
    let (dag, run) = ("publish_prices", "scheduled__");
    site.refuse_new_tables("AccessDeniedException");
    site.airflow.command(&["dags", "unpause", dag, "--yes"]).await?;
    let ended = site.airflow.ended(dag, run).await?;
    let tasks = [
        ("prices.register", "failed", 1),
        ("prices.swap", "upstream_failed", 0),
        ("prices.abandon", "success", 1),
        ("prices.published", "upstream_failed", 0),
    ];
    ensure_tasks(&ended, "failed", &tasks)?;
    let manifest = site.manifest("prices", &ended).await?;
    ensure!(manifest["phase"] == "retired", "the run has not ended: {manifest}");
    let run = manifest["run"]["id"].as_str().context("a run without an id")?;
    let left = site.lake.backend().keys(&format!("analytics/prices/_writes/{run}/")).await?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_dags_publish_retry_wait_for_a_person_and_abandon() -> Result<()> {
    let site = Site::start().await?;
    a_transient_failure_is_retried(&site).await?;
    a_permanent_failure_is_not_retried_and_a_cleared_task_goes_on(&site).await?;
    an_overtaken_run_is_skipped(&site).await?;
    a_failed_run_is_abandoned(&site).await
}
