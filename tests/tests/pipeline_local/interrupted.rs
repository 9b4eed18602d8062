//! Writes that are killed, or told to stop, at a chosen moment.

use anyhow::Result;
use lakeward_local::{Effect, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::{DAYS, IN_PARTS, LARGE, NO_GRACE, Run, Table};

const BY_PART: &str = "SELECT i AS id, i % 4 AS part FROM range(100) t(i)";
/// All but what is on its way goes.
const KEEP_IN_FLIGHT: [&str; 3] = ["--retention-days=0", "--keep-versions=1", "--reader-grace=0s"];

fn pause(when: When, operation: &str) -> Rule {
    Rule::new(when, Effect::Pause).operation(operation).containing("_writes/")
}

/// Publishes the run that a dead attempt has left, and has gc remove that attempt's files.
async fn recovers(table: &Table<'_>, write: &lakeward_tests::step::Step, sql: &str) -> Result<()> {
    let run = table.published(write).await?;
    table.shows(&run, sql).await?;
    assert_eq!(table.manifest(&run).await?["attempt"]["number"], 2);
    let own = table.key(&run.location)?.to_owned();
    table.gc().args(NO_GRACE).succeeds().await?;
    let left = table.data().await?;
    assert!(left.iter().all(|key| key.starts_with(&own)), "files of the dead attempt: {left:?}");
    assert_eq!(table.backend().uploads(&table.prefix()).await?, [""; 0]);
    table.shows(&run, sql).await
}

/// How many attempts have files.
async fn attempts(table: &Table<'_>) -> Result<usize> {
    let attempt = |key: &String| key.split('/').nth(4).map(str::to_owned);
    Ok(table.data().await?.iter().filter_map(attempt).collect::<std::collections::BTreeSet<_>>().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_killed_between_two_files_is_made_good_by_a_retry() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let write = table.write(DAYS[0], BY_PART).args(["--partition-by", "part"]);
    // One file is there, and three are not.
    let stored = lake.faults().set(pause(When::After, "PutObject"));
    let missing = lake.faults().set(pause(When::Before, "PutObject").nth(2).times(3));
    let mut running = write.start().await?;
    running.reaches(&stored).await?;
    running.reaches(&missing).await?;
    running.kill().await?;
    // A request that was on its way lands after its sender has died.
    lake.faults().clear();
    let run = Run::of(write.succeeds().await?)?;
    assert_eq!(attempts(&table).await?, 2, "the first attempt has left no files: {:?}", table.data().await?);
    assert_eq!(run.written["files"], 4);
    recovers(&table, &write, BY_PART).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_killed_within_a_file_is_made_good_by_a_retry() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let write = table.write(DAYS[0], LARGE).args(IN_PARTS);
    let fault = lake.faults().set(pause(When::After, "UploadPart"));
    let mut running = write.start().await?;
    running.reaches(&fault).await?;
    running.kill().await?;
    lake.faults().clear();
    assert_eq!(lake.backend().uploads(&table.prefix()).await?.len(), 1);
    recovers(&table, &write, LARGE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_killed_before_its_seal_is_made_good_by_a_retry() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let write = table.write(DAYS[0], BY_PART);
    // The first put of the manifest is the claim.
    let seal =
        Rule::new(When::Before, Effect::Pause).operation("PutObject").containing("manifest.json").nth(2);
    let fault = lake.faults().set(seal);
    let mut running = write.start().await?;
    running.reaches(&fault).await?;
    running.kill().await?;
    let taken_over = Run::of(write.succeeds().await?)?;
    // Only now does the seal of the dead attempt arrive: too late, as the manifest has changed.
    lake.faults().clear();
    assert_eq!(table.manifest(&taken_over).await?["write"]["attempt"], taken_over.written["attempt"]);
    recovers(&table, &write, BY_PART).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_killed_after_its_seal_has_nothing_left_to_do() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let write = table.write(DAYS[0], BY_PART);
    let seal =
        Rule::new(When::After, Effect::Pause).operation("PutObject").containing("manifest.json").nth(2);
    let fault = lake.faults().set(seal);
    let mut running = write.start().await?;
    running.reaches(&fault).await?;
    running.kill().await?;
    lake.faults().clear();
    let again = write.succeeds().await?;
    assert_eq!(again["already_done"], true);
    let run = table.published(&write).await?;
    table.shows(&run, BY_PART).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_killed_between_partitions_is_made_good_by_a_retry() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    // More than one batch of partitions.
    let sql = |n: u32| format!("SELECT i AS id, {n} AS version, i AS part FROM range(130) t(i)");
    let by_part = ["--partition-by", "part"];
    table.published(&table.write(DAYS[0], &sql(1)).args(by_part)).await?;
    let second = table.verified(&table.write(DAYS[1], &sql(2)).args(by_part)).await?;
    let batch = Rule::new(When::After, Effect::Pause).operation("BatchUpdatePartition");
    let fault = lake.faults().set(batch);
    let mut swap = table.swap(&second).start().await?;
    swap.reaches(&fault).await?;
    swap.kill().await?;
    lake.faults().clear();

    let third = table.verified(&table.write(DAYS[2], &sql(3)).args(by_part)).await?;
    let waits = table.swap(&third).arg("--patience=1s");
    waits.is_refused(Kind::Transient, &[&second.id, "is going live"]).await?;
    // What is half visible stays, however little else is to be kept.
    let kept = table.gc().args(KEEP_IN_FLIGHT).succeeds().await?;
    assert_eq!(kept["plan"]["kept"][&second.id], "live");
    table.swap(&second).succeeds().await?;
    table.shows(&second, &sql(2)).await?;
    table.swap(&third).succeeds().await?;
    table.shows(&third, &sql(3)).await
}

/// Sends SIGTERM once the fault has befallen a request, and fails unless nothing but the claim is left.
async fn stops_without_a_trace(rule: Rule, sql: &str, flags: &[&str]) -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let write = table.write(DAYS[0], sql).args(flags);
    let fault = lake.faults().set(rule);
    let mut running = write.start().await?;
    running.reaches(&fault).await?;
    running.terminate().await?;
    running.ended().await?.into_refusal(Kind::Transient, &["told to stop"])?;
    lake.faults().clear();
    table.has_no_leftovers().await?;
    let run = table.published(&write).await?;
    table.shows(&run, sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_told_to_stop_between_two_files_leaves_nothing() -> Result<()> {
    let rule = pause(When::After, "PutObject").nth(2).times(u64::MAX);
    stops_without_a_trace(rule, BY_PART, &["--partition-by", "part"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_told_to_stop_within_a_file_leaves_nothing() -> Result<()> {
    stops_without_a_trace(pause(When::After, "UploadPart"), LARGE, &IN_PARTS).await
}
