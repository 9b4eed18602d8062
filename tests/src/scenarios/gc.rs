//! What gc deletes, and above all what it does not.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use lakeward_outcome::Kind;
use serde_json::{Value, json};

use super::live_table::edit;
use crate::backend::Backend;
use crate::table::{DAYS, NO_GRACE, Run, Table};

const OLD: &str = "SELECT i AS id, i % 2 AS half FROM range(10) t(i)";
const NEW: &str = "SELECT i AS id, i % 3 AS half FROM range(20) t(i)";
const BY_HALF: [&str; 2] = ["--partition-by", "half"];

/// Two versions; the second is live.
async fn two_versions(table: &Table<'_>, flags: &[&str]) -> Result<[Run; 2]> {
    let first = table.published(&table.write(DAYS[0], OLD).args(flags)).await?;
    let second = table.published(&table.write(DAYS[1], NEW).args(flags)).await?;
    Ok([first, second])
}

/// The runs in `plan.retire`.
fn retired(result: &Value) -> Vec<&str> {
    let retire = result["plan"]["retire"].as_array().into_iter().flatten();
    retire.filter_map(|run| run["run"].as_str()).collect()
}

/// dbt-athena#76: the clean-up of `foo` deleted its sibling `foo_bar` too.
pub(crate) async fn a_replaced_version_is_retired_and_the_live_one_stays(backend: &Backend) -> Result<()> {
    for (name, flags) in [("gc_plain", [].as_slice()), ("gc_partitioned", &BY_HALF)] {
        let (table, sibling) = (backend.table(name), backend.table(&format!("{name}_eu")));
        let neighbour = sibling.published(&sibling.write(DAYS[0], OLD)).await?;
        let [first, second] = two_versions(&table, flags).await?;
        let kept = table.gc().succeeds().await?;
        ensure!(retired(&kept).is_empty(), "retired before its time: {kept}");
        ensure!(kept["plan"]["kept"][&first.id] == "newest-versions", "{kept}");

        let collected = table.gc().args(NO_GRACE).succeeds().await?;
        ensure!(retired(&collected) == [first.id.as_str()], "{collected}");
        ensure!(
            collected["done"]["runs_retired"] == 1 && collected["bytes"].as_u64() > Some(0),
            "{collected}"
        );
        let location = table.key(&second.location)?.to_owned();
        let left = table.data().await?;
        ensure!(left.iter().all(|key| key.starts_with(&location)), "files of dead versions: {left:?}");
        ensure!(table.staged_tables().await?.is_empty(), "staged tables: {:?}", table.staged_tables().await?);
        table.shows(&second, NEW).await?;
        sibling.shows(&neighbour, OLD).await?;
        is_a_tombstone(&table, &first, flags).await?;
        let again = table.gc().args(NO_GRACE).succeeds().await?;
        ensure!(again["bytes"] == 0 && again["done"].is_null(), "there was more to do: {again}");
    }
    Ok(())
}

/// Fails unless no step can bring the run back.
async fn is_a_tombstone(table: &Table<'_>, run: &Run, flags: &[&str]) -> Result<()> {
    let manifest = table.manifest(run).await?;
    ensure!(manifest["phase"] == "retired" && manifest["write"]["files"] == json!([]), "{manifest}");
    let write = table.write(DAYS[0], OLD).args(flags);
    for step in [write, table.register(run), table.verify(run), table.swap(run), table.roll_back(run)] {
        step.is_refused(Kind::Fenced, &[&run.id, "is retired", "start a new run"]).await?;
    }
    Ok(())
}

pub(crate) async fn a_run_on_its_way_stays_and_a_rejected_one_goes(backend: &Backend) -> Result<()> {
    let table = backend.table("gc_in_flight");
    let live = table.published(&table.write(DAYS[0], OLD)).await?;
    let rejected = table.registered(&table.write(DAYS[1], NEW)).await?;
    table.verify(&rejected).arg("--min-rows=1000").is_refused(Kind::Rejected, &[]).await?;
    let coming = table.verified(&table.write(DAYS[2], NEW)).await?;
    let early = table.gc().succeeds().await?;
    ensure!(early["plan"]["kept"][&coming.id] == "in-flight" && early["done"].is_null(), "{early}");

    table.swap(&coming).succeeds().await?;
    let collected = table.gc().args(NO_GRACE).succeeds().await?;
    ensure!(retired(&collected) == [live.id.as_str(), &rejected.id], "{collected}");
    ensure!(table.staged_tables().await?.is_empty(), "staged tables: {:?}", table.staged_tables().await?);
    ensure!(table.data().await?.len() == 1, "files of dead runs: {:?}", table.data().await?);
    table.shows(&coming, NEW).await
}

pub(crate) async fn no_version_of_a_retired_object_stays(backend: &Backend) -> Result<()> {
    let bucket = "lakeward-versioned";
    backend.s3().create_bucket().bucket(bucket).send().await.context("creating the bucket")?;
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let version = backend.s3().put_bucket_versioning().bucket(bucket).versioning_configuration(enabled);
    version.send().await.context("enabling versions")?;
    let backend = &backend.in_bucket(bucket);
    let table = backend.table("gc_versioned");
    let [first, second] = two_versions(&table, &BY_HALF).await?;
    // Deleted by hand, an object leaves a marker, and its version under it.
    let location = table.key(&first.location)?;
    let by_hand = backend.keys(location).await?.into_iter().next().context("no file")?;
    backend.s3().delete_object().bucket(bucket).key(by_hand).send().await?;
    table.gc().args(NO_GRACE).succeeds().await?;
    let left = backend.s3().list_object_versions().bucket(bucket).prefix(location).send().await?;
    ensure!(left.versions().is_empty() && left.delete_markers().is_empty(), "left: {left:?}");
    table.shows(&second, NEW).await
}

pub(crate) async fn archived_table_versions_go(backend: &Backend) -> Result<()> {
    let table = backend.table("gc_table_versions");
    let run = table.published(&table.write(DAYS[0], OLD)).await?;
    for comment in ["one", "two", "three"] {
        // Without SkipArchive, every update archives a version.
        edit(&table, |input| input.description = Some(comment.to_owned())).await?;
    }
    let collected = table.gc().args(NO_GRACE).succeeds().await?;
    ensure!(collected["done"]["table_versions_deleted"].as_u64() >= Some(2), "{collected}");
    let versions =
        backend.glue().get_table_versions().database_name(backend.database()).table_name(table.name());
    let versions = versions.send().await.context("reading the versions")?;
    ensure!(versions.table_versions().len() == 1, "{:?}", versions.table_versions());
    ensure!(table.live().await?.description.as_deref() == Some("three"), "the newest version was lost");
    table.shows(&run, OLD).await
}

pub(crate) async fn a_dry_gc_changes_nothing(backend: &Backend) -> Result<()> {
    let table = backend.table("gc_dry");
    let [first, second] = two_versions(&table, &BY_HALF).await?;
    let before = (backend.keys(&table.prefix()).await?, table.staged_tables().await?, table.live().await?);
    let manifest = table.manifest(&first).await?;
    let dry = table.gc().args(NO_GRACE).arg("--dry-run").succeeds().await?;
    ensure!(dry["dry_run"] == true && dry["done"].is_null(), "{dry}");
    ensure!(retired(&dry) == [first.id.as_str()], "{dry}");
    let after = (backend.keys(&table.prefix()).await?, table.staged_tables().await?, table.live().await?);
    ensure!(before == after && table.manifest(&first).await? == manifest, "a dry run has changed something");
    table.shows(&second, NEW).await
}

/// A mistyped root must not look like a table that needs no cleaning.
pub(crate) async fn a_root_without_a_table_is_refused(backend: &Backend) -> Result<()> {
    let table = backend.table("gc_without_runs");
    table.gc().is_refused(Kind::Configuration, &[&table.root(), "is this a table's root?"]).await.map(drop)
}

pub(crate) async fn before_a_first_version_is_live_gc_has_nothing_to_say(backend: &Backend) -> Result<()> {
    let table = backend.table("gc_before_the_first");
    // A write that is refused once it has found the store fit has claimed nothing.
    table.write(DAYS[0], "SELECT no_such_column").is_refused(Kind::Usage, &[]).await?;
    let begun = table.gc().succeeds().await?;
    ensure!(begun["plan"]["refused"].is_string() && begun["done"].is_null(), "{begun}");
    table.verified(&table.write(DAYS[0], OLD)).await?;
    let waiting = table.gc().succeeds().await?;
    ensure!(waiting["plan"]["refused"].is_string() && waiting["done"].is_null(), "{waiting}");
    Ok(())
}

pub(crate) async fn nothing_is_deleted_without_a_live_table(backend: &Backend) -> Result<()> {
    let table = backend.table("gc_without_live");
    let runs = two_versions(&table, &[]).await?;
    let delete = backend.glue().delete_table().database_name(backend.database()).name(table.name());
    delete.send().await.context("deleting the live table")?;
    let before = backend.keys(&table.prefix()).await?;
    let words = [table.glue_name(), "nothing is deleted".to_owned()];
    let words = words.each_ref().map(String::as_str);
    table.gc().args(NO_GRACE).is_refused(Kind::Configuration, &words).await?;
    ensure!(backend.keys(&table.prefix()).await? == before, "files were deleted");
    for run in runs {
        ensure!(table.manifest(&run).await?["phase"] == "published");
    }
    Ok(())
}

pub(crate) async fn stale_uploads_and_fenced_attempts_go(backend: &Backend) -> Result<()> {
    let table = backend.table("gc_orphans");
    let run = table.published(&table.write(DAYS[0], OLD)).await?;
    let attempt = |id: &str| format!("{}_writes/{}/{id}/part-0.parquet", table.prefix(), run.id);
    let fenced = attempt("000000000001");
    backend.put(&fenced, "half a file").await?;
    backend.put(&format!("{}_runs/probe-000000000001", table.prefix()), "a probe that died").await?;
    let upload = backend.s3().create_multipart_upload().bucket(backend.bucket());
    upload.key(attempt("000000000002")).send().await?;

    let early = table.gc().succeeds().await?;
    ensure!(early["done"].is_null(), "deleted within the grace: {early}");
    let collected = table.gc().args(NO_GRACE).succeeds().await?;
    ensure!(collected["plan"]["attempts"][0]["attempt"] == "000000000001", "{collected}");
    ensure!(collected["done"]["uploads_aborted"] == 1, "{collected}");
    let keys = backend.keys(&table.prefix()).await?;
    ensure!(!keys.contains(&fenced) && !keys.iter().any(|key| key.contains("probe-")), "left: {keys:?}");
    ensure!(backend.uploads(&table.prefix()).await?.is_empty(), "an upload is left");
    table.shows(&run, OLD).await
}

pub(crate) async fn retired_objects_can_be_left_to_a_lifecycle_rule(backend: &Backend) -> Result<()> {
    let table = backend.table("gc_lifecycle");
    let [first, second] = two_versions(&table, &[]).await?;
    let rule = table.gc().arg("--lifecycle-rule").succeeds().await?;
    let tag = &rule["lifecycle_configuration"]["Rules"][1]["Filter"]["And"]["Tags"][0];
    let tagged = table.gc().args(NO_GRACE).arg("--via-lifecycle").succeeds().await?;
    ensure!(tagged["done"]["objects_tagged"] == 1 && tagged["done"]["objects_deleted"] == 0, "{tagged}");
    let location = table.key(&first.location)?;
    for key in table.data().await? {
        let tags = backend.s3().get_object_tagging().bucket(backend.bucket()).key(&key).send().await?;
        let is_tagged =
            tags.tag_set().iter().any(|found| tag["Key"] == found.key() && tag["Value"] == found.value());
        ensure!(is_tagged == key.starts_with(location), "{key} has the tags {:?}", tags.tag_set());
    }
    ensure!(table.manifest(&first).await?["phase"] == "retiring");
    table.roll_back(&first).is_refused(Kind::Fenced, &["is retiring"]).await?;
    table.shows(&second, NEW).await
}
