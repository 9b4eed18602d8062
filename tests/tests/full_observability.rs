//! What steps tell, read by the programs of those who are told: Prometheus' own parser, OpenLineage's own classes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::{DAYS, NO_GRACE, Run};

/// Names the folder of the Python environment that `tests/observe/requirements.txt` describes.
const VENV: &str = "LAKEWARD_OBSERVE_VENV";

/// How many things a reader finds in a file.
fn understood(what: &str, path: &Path) -> Result<usize> {
    let venv =
        std::env::var_os(VENV).with_context(|| format!("{VENV} is not set: cargo xtask test --full"))?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("observe/understand.py");
    let mut python = Command::new(Path::new(&venv).join("bin/python"));
    let output = python.arg("-B").arg(script).arg(what).arg(path).output().context("running Python")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what} of {} is not understood:\n{stderr}", path.display());
    String::from_utf8(output.stdout)?.trim().parse().context("not a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_step_tells_is_understood_by_programs_of_others() -> Result<()> {
    let lake = Lake::start().await?;
    let (backend, table) = (lake.backend(), lake.backend().table("orders"));
    let (metrics, lineage) = (backend.folder().join("lakeward.prom"), backend.folder().join("lineage.jsonl"));
    let told = |step: lakeward_tests::step::Step| {
        step.env("LAKEWARD_METRICS_FILE", &metrics).env("OPENLINEAGE_URL", &lineage)
    };
    let csv = backend.file("raw.csv", "id,amount\n1,2\n")?;
    let sql = format!("SELECT *, 'a \"b\"\n\\c' AS odd FROM read_csv('{}')", csv.display());
    let write = told(table.write(DAYS[0], &sql)).args(["--column-comment", "id=the \"order\""]);
    let run = Run::of(write.succeeds().await?)?;
    ensure!(understood("metrics", &metrics)? > 10);
    for step in [table.register(&run), table.verify(&run), table.swap(&run), table.gc().args(NO_GRACE)] {
        told(step).succeeds().await?;
        ensure!(understood("metrics", &metrics)? > 10);
    }
    let refused = table.write(DAYS[1], "SELECT \"no\nsuch\" AS x FROM 'nowhere.csv'");
    told(refused).is_refused(Kind::Usage, &[]).await?;
    ensure!(understood("metrics", &metrics)? > 5);
    // A beginning and an end of each execution.
    assert_eq!(understood("lineage", &lineage)?, 12);
    Ok(())
}
