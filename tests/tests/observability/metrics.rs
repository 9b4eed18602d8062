//! The file of metrics.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use lakeward_local::{Effect, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::step::Step;
use lakeward_tests::table::{DAYS, NO_GRACE, Run, Table};

use crate::SQL;

/// The value of the one sample of a metric that has all of these labels.
fn value(path: &Path, metric: &str, labels: &[(&str, &str)]) -> Result<f64> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let labelled = |line: &&str| {
        line.split_once('{').is_some_and(|(name, _)| name == metric)
            && labels.iter().all(|(name, value)| line.contains(&format!("{name}=\"{value}\"")))
    };
    let found: Vec<&str> = text.lines().filter(labelled).collect();
    let [line] = found[..] else {
        anyhow::bail!("{metric} {labels:?} is there {} times:\n{text}", found.len())
    };
    let value = line.rsplit(' ').next().context("no value")?;
    value.parse().with_context(|| line.to_owned())
}

/// Fails unless the metrics of the last execution are these.
fn has(path: &Path, wanted: &[(&str, f64)]) -> Result<()> {
    for (metric, wanted) in wanted {
        let found = value(path, metric, &[])?;
        ensure!((found - wanted).abs() < f64::EPSILON, "{metric} is {found} instead of {wanted}");
    }
    Ok(())
}

fn measured(step: Step, path: &Path) -> Step {
    step.env("LAKEWARD_METRICS_FILE", path)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_leaves_its_metrics_however_it_ends() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let path = lake.backend().folder().join("lakeward.prom");
    let run = Run::of(measured(table.write(DAYS[0], SQL), &path).succeeds().await?)?;
    let bytes = run.written["bytes"].as_u64().context("no bytes")?;
    #[expect(clippy::cast_precision_loss, reason = "a small file")]
    let bytes = bytes as f64;
    let sizes = [("lakeward_run_size_bytes", bytes), ("lakeward_upload_size_bytes", bytes)];
    has(&path, &sizes)?;
    has(
        &path,
        &[("lakeward_run_rows", 100.0), ("lakeward_run_files", 1.0), ("lakeward_step_exit_code", 0.0)],
    )?;
    let info =
        [("run", run.id.as_str()), ("table", &table.glue_name()), ("step", "write"), ("outcome", "done")];
    value(&path, "lakeward_step_info", &info)?;
    ensure!(value(&path, "lakeward_aws_calls", &[("service", "Glue"), ("operation", "GetDatabase")])? > 0.0);
    a_failing_register_tells_its_retries(&lake, &table, &run, &path).await?;
    table.register(&run).succeeds().await?;
    table.verify(&run).succeeds().await?;
    let swapped = measured(table.swap(&run), &path).succeeds().await?;
    let window = swapped["window_ms"].as_f64().context("no window")?;
    has(&path, &[("lakeward_swap_window_seconds", window / 1000.0)])?;
    // The calls of the window count for the whole step.
    ensure!(value(&path, "lakeward_aws_calls", &[("service", "Glue"), ("operation", "UpdateTable")])? > 0.0);
    table.published(&table.write(DAYS[1], SQL)).await?;
    let collected = measured(table.gc().args(NO_GRACE), &path).succeeds().await?;
    has(
        &path,
        &[
            ("lakeward_gc_runs_retired", 1.0),
            (
                "lakeward_gc_objects_deleted",
                collected["done"]["objects_deleted"].as_f64().context("none deleted")?,
            ),
            ("lakeward_gc_planned_bytes", collected["bytes"].as_f64().context("no bytes")?),
        ],
    )?;
    value(&path, "lakeward_step_info", &[("step", "gc"), ("table", &table.glue_name())])?;
    Ok(())
}

async fn a_failing_register_tells_its_retries(
    lake: &Lake,
    table: &Table<'_>,
    run: &Run,
    path: &Path,
) -> Result<()> {
    let refuse = |status, code: &str| Effect::Refuse { status, code: code.to_owned() };
    let create = |effect| Rule::new(When::Before, effect).operation("CreateTable");
    lake.faults().set(create(refuse(400, "ThrottlingException")).times(2));
    lake.faults().set(create(refuse(400, "AccessDeniedException")).nth(3));
    measured(table.register(run), path).is_refused(Kind::Configuration, &["glue:CreateTable"]).await?;
    lake.faults().clear();
    has(path, &[("lakeward_step_exit_code", 14.0)])?;
    value(path, "lakeward_step_info", &[("step", "register"), ("outcome", "configuration")])?;
    let calls = [("service", "Glue"), ("operation", "CreateTable")];
    let told = (value(path, "lakeward_aws_calls", &calls)?, value(path, "lakeward_aws_retries", &calls)?);
    ensure!(told == (3.0, 2.0), "{told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_line_does_not_leave_the_metrics_of_a_success() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let path = lake.backend().folder().join("lakeward.prom");
    measured(table.write(DAYS[0], SQL), &path).succeeds().await?;
    let wrong = measured(table.write(DAYS[0], SQL).arg("--no-such-flag"), &path);
    wrong.is_refused(Kind::Usage, &[]).await?;
    has(&path, &[("lakeward_step_exit_code", 2.0)])
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_that_cannot_be_written_change_nothing() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let path = lake.backend().folder().join("no/such/folder.prom");
    let ended = measured(table.write(DAYS[0], SQL), &path).run().await?;
    ensure!(ended.stderr.contains("--metrics-file"), "{}", ended.stderr);
    ended.into_result().map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gc_that_fails_midway_tells_what_it_has_done() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let path = lake.backend().folder().join("lakeward.prom");
    for day in DAYS {
        table.published(&table.write(day, SQL)).await?;
    }
    let denied = Effect::Refuse { status: 403, code: "AccessDenied".to_owned() };
    lake.faults().set(Rule::new(When::Before, denied).operation("DeleteObjects").nth(2));
    let gc = measured(table.gc().args(NO_GRACE), &path);
    gc.is_refused(Kind::Configuration, &["s3:DeleteObject"]).await?;
    let one_of_two = [("lakeward_gc_runs_retired", 1.0), ("lakeward_gc_objects_deleted", 1.0)];
    has(&path, &one_of_two)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_tells_of_every_byte_that_it_has_uploaded() -> Result<()> {
    let lake = Lake::start().await?;
    let (backend, table) = (lake.backend(), lake.backend().table("orders"));
    let path = backend.folder().join("lakeward.prom");
    table.write(DAYS[0], SQL).succeeds().await?;
    let known = table.data().await?;
    // One file is refused at once, the others arrive while the write is giving up, and nothing can be removed.
    let denied = Effect::Refuse { status: 403, code: "AccessDenied".to_owned() };
    let put = |effect| Rule::new(When::Before, effect).operation("PutObject").containing("_writes/");
    lake.faults().set(put(denied.clone()));
    lake.faults().set(put(Effect::Delay { ms: 1000 }).nth(2).times(u64::MAX));
    lake.faults().set(Rule::new(When::Before, denied).operation("DeleteObjects").times(u64::MAX));
    let write = table.write(DAYS[1], "SELECT i AS id, i % 4 AS part FROM range(100) t(i)");
    let write = measured(write.args(["--partition-by", "part"]), &path);
    write.is_refused(Kind::Configuration, &["s3:PutObject"]).await?;
    let mut bytes = 0;
    let arrived: Vec<_> = table.data().await?.into_iter().filter(|key| !known.contains(key)).collect();
    for key in &arrived {
        bytes += u32::try_from(backend.get(key).await?.len())?;
    }
    assert_eq!(arrived.len(), 3);
    has(&path, &[("lakeward_upload_size_bytes", f64::from(bytes))])
}
