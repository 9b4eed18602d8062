//! The note that a failing step leaves beside its run's manifest.

use anyhow::Result;
use lakeward_local::{Effect, Rule, When};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::table::{DAYS, NO_GRACE, Run, Table};

const SQL: &str = "SELECT i AS id FROM range(100) t(i)";
const NOTE: &str = "last-failure.json";

fn refused(status: u16, code: &str) -> Effect {
    Effect::Refuse { status, code: code.to_owned() }
}

/// Fails a register for good, by a permission that it lacks.
async fn fails(lake: &Lake, table: &Table<'_>, run: &Run) -> Result<()> {
    let denied = Rule::new(When::Before, refused(400, "AccessDeniedException")).operation("CreateTable");
    let fault = lake.faults().set(denied);
    table.register(run).is_refused(Kind::Configuration, &["glue:CreateTable"]).await?;
    assert_eq!(fault.fired(), 1);
    lake.faults().clear();
    Ok(())
}

async fn notes(table: &Table<'_>) -> Result<Vec<String>> {
    let mut keys = table.backend().keys(&format!("{}_runs/", table.prefix())).await?;
    keys.retain(|key| key.ends_with(NOTE));
    Ok(keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_cannot_be_noted_ends_as_it_would_have() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let run = Run::of(table.write(DAYS[0], SQL).succeeds().await?)?;
    for effect in [refused(403, "AccessDenied"), refused(503, "SlowDown"), Effect::Drop] {
        let note = Rule::new(When::Before, effect).operation("PutObject").containing(NOTE).times(u64::MAX);
        let fault = lake.faults().set(note);
        let denied = Rule::new(When::Before, refused(400, "AccessDeniedException")).operation("CreateTable");
        lake.faults().set(denied);
        table.register(&run).is_refused(Kind::Configuration, &["glue:CreateTable"]).await?;
        assert!(fault.fired() > 0);
        lake.faults().clear();
    }
    assert_eq!(notes(&table).await?, [""; 0]);
    table.register(&run).succeeds().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_before_the_run_is_claimed_leaves_no_note() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    table.write(DAYS[0], "SELECT no_such_column").is_refused(Kind::Usage, &[]).await?;
    let unknown = Run::of(table.write(DAYS[0], SQL).succeeds().await?)?;
    let unknown = Run { manifest: unknown.manifest.replace("2026-05-19", "2026-05-18"), ..unknown };
    table.register(&unknown).is_refused(Kind::Usage, &[]).await?;
    assert_eq!(notes(&table).await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_that_comes_too_late_says_nothing_of_its_run() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let run = table.registered(&table.write(DAYS[0], SQL)).await?;
    table.verify(&run).arg("--min-rows=101").is_refused(Kind::Rejected, &["min-rows"]).await?;
    table.swap(&run).is_refused(Kind::Rejected, &["start a new run"]).await?;
    let told = table.told(&run.id).await?;
    assert_eq!(told["last_error"]["step"], "verify", "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_note_of_a_failure_goes_with_its_run() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let first = Run::of(table.write(DAYS[0], SQL).succeeds().await?)?;
    fails(&lake, &table, &first).await?;
    assert_eq!(notes(&table).await?.len(), 1);
    for step in [table.register(&first), table.verify(&first), table.swap(&first)] {
        step.succeeds().await?;
    }
    let second = table.published(&table.write(DAYS[1], SQL)).await?;
    // In the way of no gc that leaves its run alone.
    table.gc().succeeds().await?;
    assert_eq!(notes(&table).await?.len(), 1);
    table.gc().args(NO_GRACE).succeeds().await?;
    assert_eq!(notes(&table).await?, [""; 0]);
    assert_eq!(table.manifest(&first).await?["phase"], "retired");
    table.shows(&second, SQL).await
}
