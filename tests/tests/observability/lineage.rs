//! OpenLineage events.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::step::Step;
use lakeward_tests::table::{DAYS, Run};
use serde_json::{Value, json};

use crate::SQL;
use crate::collector::{Collector, Manner};

/// The events in a file, each a line.
fn events(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines().map(|line| serde_json::from_str(line).context("an event that is no JSON")).collect()
}

/// Fails unless `event` has all that `wanted` has.
fn has(event: &Value, wanted: &Value) -> Result<()> {
    let missing = match (event, wanted) {
        (Value::Object(event), Value::Object(wanted)) => wanted.iter().try_for_each(|(name, wanted)| {
            has(event.get(name).unwrap_or(&Value::Null), wanted).context(name.clone())
        }),
        (event, wanted) if event == wanted => Ok(()),
        (event, wanted) => Err(anyhow::anyhow!("{event} instead of {wanted}")),
    };
    missing.with_context(|| event.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_a_run_tells_what_it_read_and_wrote() -> Result<()> {
    let lake = Lake::start().await?;
    let (backend, table) = (lake.backend(), lake.backend().table("orders"));
    let path = backend.folder().join("lineage.jsonl");
    let csv = backend.file("raw.csv", "id,amount\n1,2\n3,4\n")?;
    let sql = format!("SELECT id, amount FROM read_csv('{}')", csv.display());
    let write = table.write(DAYS[0], &sql).args(["--column-comment", "id=the order"]);
    let write = write.args(["--catalog-id", "123456789012"]);
    let run = Run::of(write.arg("--openlineage").arg(&path).succeeds().await?)?;
    for step in [table.register(&run), table.verify(&run), table.swap(&run)] {
        step.arg("--openlineage").arg(&path).succeeds().await?;
    }
    let events = events(&path)?;
    let told: Vec<_> = events.iter().map(|event| (&event["job"]["name"], &event["eventType"])).collect();
    let root = format!("{}/{}", backend.bucket(), table.prefix().trim_end_matches('/'));
    let expected: Vec<_> = ["write", "register", "verify", "swap"]
        .into_iter()
        .flat_map(|step| ["START", "COMPLETE"].map(|kind| (json!(format!("{root}.{step}")), json!(kind))))
        .collect();
    assert_eq!(told, expected.iter().map(|(name, kind)| (name, kind)).collect::<Vec<_>>());
    for pair in events.chunks(2) {
        assert_eq!(pair[0]["run"]["runId"], pair[1]["run"]["runId"]);
        assert_eq!(pair[0]["run"]["facets"]["parent"], events[0]["run"]["facets"]["parent"]);
    }
    ensure!(events[0]["run"]["runId"] != events[2]["run"]["runId"], "two executions are one run");
    let (written, verified) = (&events[1], &events[5]);
    has(
        &written["job"],
        &json!({ "namespace": "lakeward", "facets": { "sql": { "query": sql, "dialect": "duckdb" } } }),
    )?;
    let csv = csv.display().to_string();
    has(&written["inputs"][0], &json!({ "namespace": "file", "name": csv }))?;
    let bytes = &run.written["bytes"];
    let statistics = json!({ "outputStatistics": { "rowCount": 2, "size": bytes, "fileCount": 1 } });
    let dataset = json!({ "namespace": format!("s3://{}", backend.bucket()), "name": table.prefix().trim_end_matches('/') });
    has(&written["outputs"][0], &dataset)?;
    has(&written["outputs"][0]["outputFacets"], &statistics)?;
    ensure!(events[0]["outputs"][0]["facets"]["version"].is_null(), "a version before it was written");
    let facets = &written["outputs"][0]["facets"];
    has(facets, &json!({ "version": { "datasetVersion": run.id } }))?;
    let fields = json!([
        { "name": "id", "type": "bigint", "description": "the order" },
        { "name": "amount", "type": "bigint" },
    ]);
    has(facets, &json!({ "schema": { "fields": fields } }))?;
    let glue = json!({ "name": "table/shop/orders", "type": "TABLE" });
    has(&facets["symlinks"]["identifiers"][0], &glue)?;
    let namespace = facets["symlinks"]["identifiers"][0]["namespace"].as_str().unwrap_or_default();
    ensure!(namespace.starts_with("arn:aws:glue:") && namespace.ends_with(":123456789012"), "{namespace}");
    has(&verified["inputs"][0], &dataset)?;
    ensure!(verified["outputs"] == json!([]) && verified["inputs"][0]["outputFacets"].is_null());
    Ok(())
}

/// Makes a DuckDB database with these statements.
fn database(path: &Path, statements: &str) -> Result<()> {
    let made = duckdb::Connection::open(path).and_then(|database| database.execute_batch(statements));
    made.with_context(|| format!("making {}", path.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_told_by_the_database_that_they_are_in_and_names_of_with_are_not() -> Result<()> {
    let lake = Lake::start().await?;
    let (backend, folder) = (lake.backend(), lake.backend().folder());
    let (path, shop, other) =
        (folder.join("lineage.jsonl"), folder.join("shop.duckdb"), folder.join("other.duckdb"));
    let tables = "CREATE TABLE orders AS SELECT 1 AS id; CREATE TABLE days AS SELECT 1 AS id";
    database(&shop, &format!("{tables}; CREATE VIEW recent AS FROM orders"))?;
    database(&other, tables)?;
    backend.put("in/shop.duckdb", std::fs::read(&shop)?).await?;
    let on_s3 = format!("s3://{}/in/shop.duckdb", backend.bucket());
    let sql = "WITH days AS (SELECT 1 AS id) SELECT id FROM recent JOIN days USING (id) \
               JOIN other.main.orders USING (id) JOIN mine USING (id)";
    let init = format!("ATTACH '{}' AS other; CREATE TEMP TABLE mine AS SELECT 1 AS id", other.display());
    let write = backend.table("orders").write(DAYS[0], sql).args(["--database", &on_s3, "--init-sql", &init]);
    write.arg("--openlineage").arg(&path).succeeds().await?;
    let told = events(&path)?.pop().context("nothing was told")?;
    let inputs = told["inputs"].as_array().into_iter().flatten();
    let mut inputs: Vec<_> =
        inputs.map(|input| (input["namespace"].clone(), input["name"].clone())).collect();
    inputs.sort_by_key(|(namespace, _)| namespace.to_string());
    let expected = [format!("duckdb://{}", other.display()), format!("duckdb://{on_s3}")];
    assert_eq!(inputs, expected.map(|namespace| (json!(namespace), json!("main.orders"))));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_by_a_dry_run_or_by_a_step_that_finds_its_work_done() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let path = lake.backend().folder().join("lineage.jsonl");
    let run = Run::of(table.write(DAYS[0], SQL).succeeds().await?)?;
    table.register(&run).succeeds().await?;
    table.verify(&run).succeeds().await?;
    let told = |step: Step| step.arg("--openlineage").arg(&path);
    told(table.swap(&run).arg("--dry-run")).succeeds().await?;
    table.swap(&run).succeeds().await?;
    for step in [table.write(DAYS[0], SQL), table.register(&run), table.swap(&run)] {
        ensure!(told(step).succeeds().await?["already_done"] == json!(true));
    }
    told(table.gc().arg("--dry-run")).succeeds().await?;
    ensure!(told(table.gc()).succeeds().await?["done"].is_null(), "there was something to collect");
    let dead = Run::of(table.write(DAYS[1], SQL).succeeds().await?)?;
    let abandon = |manifest: &str| lake.backend().step("gc").args(["--abandon", manifest]);
    abandon(&dead.manifest).succeeds().await?;
    ensure!(told(abandon(&dead.manifest)).succeeds().await?["already_done"] == json!(true));
    let never = dead.manifest.replace(&dead.id, "2026-05-30-060000");
    ensure!(told(abandon(&never)).succeeds().await?["claimed"] == json!(false));
    let events = events(&path)?;
    let ended: Vec<_> = events.iter().filter(|event| event["eventType"] == "COMPLETE").collect();
    assert_eq!(ended.len(), 8);
    for event in ended {
        ensure!(event["inputs"] == json!([]) && event["outputs"] == json!([]), "{event}");
    }
    ensure!(events[0]["outputs"] == json!([]), "a dry run begins to write: {}", events[0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_by_http_with_its_reason_its_parent_and_no_secret() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let collector = Collector::start(Manner::Answers(201)).await?;
    let parent = "01a20cfa-bca5-73e7-9c1b-6e4857a17ef3";
    let write =
        table.write(DAYS[0], "SELECT nothing FROM read_csv('https://user:planted@host/x.csv?key=planted')");
    let write = write.env("OPENLINEAGE_URL", collector.url().replace("http://", "http://user:planted@"));
    let write = write.env("OPENLINEAGE_API_KEY", "planted").env("OPENLINEAGE_NAMESPACE", "shop");
    let write = write.env("LAKEWARD_INIT_SQL", "SET VARIABLE x = 'planted'; SELECT no_such_column");
    let write = write.env("OPENLINEAGE_PARENT_ID", format!("airflow/dag/with/task/{parent}"));
    write.is_refused(Kind::Usage, &[]).await?;
    let told = collector.told("/api/v1/lineage");
    let events: Vec<Value> =
        told.iter().map(|told| serde_json::from_slice(&told.body)).collect::<Result<_, _>>()?;
    let kinds: Vec<_> = events.iter().map(|event| event["eventType"].as_str()).collect();
    assert_eq!(kinds, [Some("START"), Some("FAIL")]);
    for (told, event) in told.iter().zip(&events) {
        let key = told.headers.get("authorization").and_then(|value| value.to_str().ok());
        assert_eq!(key, Some("Bearer planted"));
        has(&event["job"], &json!({ "namespace": "shop" }))?;
        let of =
            json!({ "run": { "runId": parent }, "job": { "namespace": "airflow", "name": "dag/with/task" } });
        has(&event["run"]["facets"]["parent"], &of)?;
        // The query's own text is in the manifest, and no place for secrets.
        let mut event = event.clone();
        event["job"]["facets"]["sql"] = Value::Null;
        ensure!(!event.to_string().contains("planted"), "{event}");
    }
    has(&events[1]["inputs"][0], &json!({ "namespace": "https://host", "name": "x.csv" }))?;
    let message = events[1]["run"]["facets"]["errorMessage"]["message"].as_str().context("no message")?;
    ensure!(message.starts_with("usage (exit code 2): "), "{message}");
    ensure!(events[1]["outputs"][0]["outputFacets"].is_null(), "something was written: {}", events[1]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_set_to_nothing_is_as_good_as_none() -> Result<()> {
    let lake = Lake::start().await?;
    let path = lake.backend().folder().join("lineage.jsonl");
    let nothing = [
        "LAKEWARD_METRICS_FILE",
        "LAKEWARD_TERMINATION_LOG",
        "OPENLINEAGE_NAMESPACE",
        "OPENLINEAGE_PARENT_ID",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "TRACEPARENT",
    ];
    let write = lake.backend().table("orders").write(DAYS[0], SQL).arg("--openlineage").arg(&path);
    let ended = write.envs(nothing.map(|name| (name, ""))).run().await?;
    ensure!(!ended.stderr.contains("\"warn\""), "{}", ended.stderr);
    ended.into_result()?;
    has(&events(&path)?[0]["job"], &json!({ "namespace": "lakeward" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn lineage_that_was_delivered_is_not_called_lost_because_another_collector_hangs() -> Result<()> {
    let lake = Lake::start().await?;
    let (hanging, told) =
        (Collector::start(Manner::Hangs).await?, Collector::start(Manner::Answers(201)).await?);
    let write = lake.backend().table("orders").write(DAYS[0], SQL);
    let write = write.args(["--otlp-endpoint", hanging.url(), "--openlineage", told.url()]);
    let ended = write.run().await?;
    assert_eq!(told.told("/api/v1/lineage").len(), 2);
    ensure!(ended.stderr.contains("--otlp-endpoint"), "{}", ended.stderr);
    ensure!(!ended.stderr.contains("--openlineage"), "{}", ended.stderr);
    ended.into_result().map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_told_of_lineage_changes_nothing_but_a_warning() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let (broken, hanging) =
        (Collector::start(Manner::Answers(500)).await?, Collector::start(Manner::Hangs).await?);
    let missing = lake.backend().folder().join("no/such/folder.jsonl").display().to_string();
    let targets = [
        (broken.url(), "500"),
        (hanging.url(), hanging.url()),
        (&missing, "No such file"),
        ("ftp://planted", "http://"),
    ];
    for (target, word) in targets {
        let ended = table.write(DAYS[0], SQL).env("OPENLINEAGE_URL", target).run().await?;
        let warnings: Vec<&str> =
            ended.stderr.lines().filter(|line| line.contains("--openlineage")).collect();
        ensure!(
            matches!(warnings[..], [warning] if warning.contains(word) && !warning.contains("planted")),
            "{}",
            ended.stderr
        );
        ended.into_result()?;
    }
    Ok(())
}
