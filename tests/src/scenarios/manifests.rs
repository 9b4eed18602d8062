//! Manifests that are not what a step was promised.

use anyhow::{Context as _, Result, ensure};
use lakeward_outcome::Kind;

use crate::backend::Backend;
use crate::table::{DAYS, Run, Table};

const ID: &str = "2026-05-19-060000";
const SQL: &str = "SELECT 1 AS a";

/// The run whose manifest lies, or should lie, in the table's folder for [`ID`].
fn run(table: &Table<'_>) -> Run {
    let manifest = table.manifest_of(ID);
    Run { manifest, id: ID.to_owned(), location: String::new(), written: serde_json::Value::Null }
}

/// Fails unless every step refuses what lies in place of the manifest, and leaves it as it is.
async fn is_refused(table: &Table<'_>, text: Vec<u8>, words: &[&str]) -> Result<()> {
    let (backend, run) = (table.backend(), run(table));
    let key = table.key(&run.manifest)?;
    backend.put(key, text.clone()).await?;
    let words: Vec<&str> = words.iter().copied().chain([run.manifest.as_str()]).collect();
    for step in [table.write(DAYS[0], SQL), table.register(&run), table.verify(&run), table.swap(&run)] {
        step.is_refused(Kind::Configuration, &words).await?;
    }
    ensure!(backend.get(key).await? == text, "the manifest was changed");
    table.has_no_leftovers().await?;
    // It cannot be told what it names, so nothing may be deleted.
    let gc = table.gc().args(crate::table::NO_GRACE);
    gc.is_refused(Kind::Configuration, &["no manifest that can be read", "nothing is deleted"])
        .await
        .map(drop)
}

/// The manifest of a run of another table.
async fn of_another(table: &Table<'_>) -> Result<String> {
    let run = table.verified(&table.write(DAYS[0], SQL)).await?;
    let bytes = table.backend().get(table.key(&run.manifest)?).await?;
    String::from_utf8(bytes).context("a manifest that is not UTF-8")
}

pub(crate) async fn a_malformed_manifest_is_refused(backend: &Backend) -> Result<()> {
    is_refused(&backend.table("malformed"), b"{\"schema\": \"lakeward/manifest/v1\", ".into(), &[]).await?;
    let lacking = b"{\"schema\": \"lakeward/manifest/v1\", \"phase\": \"written\"}".into();
    is_refused(&backend.table("malformed_fields"), lacking, &["run"]).await
}

pub(crate) async fn a_newer_manifest_is_refused(backend: &Backend) -> Result<()> {
    let newer = of_another(&backend.table("newer_source")).await?;
    let newer =
        newer.replace("lakeward/manifest/v1", "lakeward/manifest/v2").replace("newer_source", "newer");
    is_refused(&backend.table("newer"), newer.into(), &["lakeward/manifest/v2"]).await
}

pub(crate) async fn the_manifest_of_another_table_is_refused(backend: &Backend) -> Result<()> {
    let source = backend.table("elsewhere_source");
    let theirs = of_another(&source).await?;
    is_refused(&backend.table("elsewhere"), theirs.into(), &[&source.root()]).await
}

pub(crate) async fn a_missing_manifest_is_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("no_manifest");
    let run = run(&table);
    for step in [table.register(&run), table.verify(&run), table.swap(&run), table.roll_back(&run)] {
        step.is_refused(Kind::Usage, &[&run.manifest, "run lakeward-write first"]).await?;
    }
    for name in ["register", "verify"] {
        let odd = backend.step(name).arg(format!("{}manifest.json", table.root()));
        odd.is_refused(Kind::Usage, &["_runs/<run id>/manifest.json"]).await?;
    }
    Ok(())
}
