//! The story: a table is published, replaced, spoiled, rolled back and cleaned up.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::demo::show;
use crate::demo::stage::Stage;

/// What describes the table and its query.
const SPEC: &str = "examples/flights.yaml";
/// What has to hold of every run.
const CHECKS: &str = "examples/flights_checks.sql";
const ROOT: &str = "s3://lake/analytics/flights/";
const TABLE: &str = "analytics.flights";

/// A run of the story.
struct Run {
    ts: &'static str,
    id: &'static str,
    /// The rows of its result.
    rows: u64,
}

/// Eleven months of flights.
const FIRST: Run = Run { ts: "2013-12-01T06:00:00Z", id: "2013-12-01-060000", rows: 308_641 };
/// The whole year.
const SECOND: Run = Run { ts: "2014-01-01T06:00:00Z", id: "2014-01-01-060000", rows: 336_776 };
/// December, without airlines.
const SPOILED: Run = Run { ts: "2014-01-02T06:00:00Z", id: "2014-01-02-060000", rows: 28_135 };

/// A query with two mistakes: it has lost a year, and joins on the wrong column.
const SPOILED_SQL: &str = "
SELECT flights.*, airlines.name AS airline, 12 AS flight_month
FROM read_parquet('examples/data/flights.parquet') AS flights
LEFT JOIN read_parquet('examples/data/airlines.parquet') AS airlines ON flights.carrier = airlines.name
WHERE month(flight_date) = 12";

/// The airlines that leave latest.
const DELAYS: &str = "
SELECT airline, count(*) AS flights, round(avg(departure_delay), 1) AS mean_delay
FROM live GROUP BY airline ORDER BY mean_delay DESC LIMIT 5";

/// The upload at which `write` dies: the third of twelve.
const FATAL_UPLOAD: u64 = 3;

/// Flags by which gc keeps nothing but the live version.
const NO_GRACE: [&str; 8] =
    ["--retention-days", "0", "--keep-versions", "1", "--orphan-grace", "0s", "--reader-grace", "0s"];

/// The exit codes of a run that another has overtaken, and of one that must not be published.
const FENCED: i32 = 11;
const REJECTED: i32 = 12;

impl Run {
    fn manifest(&self) -> String {
        format!("{ROOT}_runs/{}/manifest.json", self.id)
    }

    fn folder(&self) -> String {
        format!("{ROOT}_writes/{}/", self.id)
    }

    fn write(&self) -> [&str; 4] {
        ["--spec", SPEC, "--run-ts", self.ts]
    }
}

/// Tells it, and fails where the steps do not follow.
pub(crate) fn tell(stage: &Stage<'_>) -> Result<()> {
    publish(stage)?;
    crash(stage)?;
    replace(stage)?;
    spoil(stage)?;
    roll_back(stage)?;
    clean_up(stage)
}

fn publish(stage: &Stage<'_>) -> Result<()> {
    show::headline("1. A query becomes a table");
    show::text(
        "examples/flights.yaml names the table and examples/flights.sql the query: New York's flights before the \
         run's date, joined with their airlines, partitioned by month, sorted by airline and time. Four steps \
         publish it; a manifest in S3 is all that they share.",
    );
    let written = stage.succeeds("write", &FIRST.write())?;
    expect_rows(&written, &FIRST)?;
    ensure!(written["manifest"] == FIRST.manifest(), "the manifest is {}", written["manifest"]);
    check_and_swap(stage, &FIRST)?;

    show::text(
        "What is there now? read-lake belongs to the demo alone: it reads the lake with the AWS SDK and DuckDB, and \
         knows nothing of Lakeward. Where the files lie:",
    );
    let files = stage.reads(&["files", ROOT])?;
    ensure!(files.contains(FIRST.id), "no files of {}", FIRST.id);
    show::text("What Glue has:");
    let table = stage.reads(&["table", TABLE])?;
    ensure!(table.contains(&FIRST.folder()), "the table does not lie in {}", FIRST.folder());
    show::text("What readers see, here by DuckDB over the partitions that Glue names:");
    ensure!(stage.reads(&["query", TABLE, DELAYS])?.lines().count() == 6, "these are not five airlines");
    readers_see(stage, &FIRST)
}

fn crash(stage: &Stage<'_>) -> Result<()> {
    show::headline("2. A step dies, and is run again");
    show::text(
        "A month later. The lake is told to hold up the run's third upload, and write is killed there by SIGKILL: \
         some files have arrived, another is on its way.",
    );
    let admin = stage.admin()?;
    let fault = admin.hold_uploads(&format!("_writes/{}", SECOND.id), FATAL_UPLOAD)?;
    stage.killed("write", &SECOND.write(), &admin, &fault)?;
    let dead = stage.reads(&["files", &SECOND.folder()])?;
    show::text("Readers see what they saw before:");
    readers_see(stage, &FIRST)?;
    show::text("Whoever is called at night asks how the table stands, and gets the command that goes on:");
    let told = stage.status(ROOT)?;
    ensure!(told.contains("to continue:\nlakeward-write "), "status does not tell how to go on");

    show::text(
        "The same command again, as an orchestrator would. What the dead process had on its way arrives meanwhile; \
         the new attempt fences it off and writes to a folder of its own.",
    );
    admin.release()?;
    let written = stage.succeeds("write", &SECOND.write())?;
    expect_rows(&written, &SECOND)?;
    let attempt = written["attempt"].as_str().context("write names no attempt")?;
    ensure!(!dead.contains(attempt), "the second attempt went on in the folder of the first");
    let both = stage.reads(&["files", &SECOND.folder()])?;
    let folders = both.lines().filter(|line| !line.starts_with(' ')).count();
    ensure!(both.contains(attempt) && folders == 2, "the attempts have {folders} folders instead of two");
    show::text("Once more: the run is sealed, so there is nothing to do.");
    let again = stage.succeeds("write", &SECOND.write())?;
    ensure!(again["already_done"] == true && again["attempt"] == attempt, "it was written anew");
    Ok(())
}

fn replace(stage: &Stage<'_>) -> Result<()> {
    show::headline("3. The new run replaces the first");
    show::text("Nobody sees it yet: it is registered under a name of its own, verified, and then swapped.");
    let admin = stage.admin()?;
    stage.succeeds("register", &[&SECOND.manifest()])?;
    verify(stage, &SECOND)?;
    admin.forget_requests()?;
    let swapped = stage.succeeds("swap", &[&SECOND.manifest()])?;
    show::detail(&format!("all that it asked of Glue: {}", admin.requests_to("glue")?.join(", ")));
    ensure!(swapped["replaced"] == FIRST.id, "it replaced {}", swapped["replaced"]);
    readers_see(stage, &SECOND)
}

fn spoil(stage: &Stage<'_>) -> Result<()> {
    show::headline("4. A bad run is rejected");
    show::text(
        "Somebody changes the query: it yields December alone now, and joins airlines on the wrong column. The \
         gate on the number of rows and the checks in examples/flights_checks.sql see it before any reader does.",
    );
    let written = stage.succeeds("write", &[&SPOILED.write()[..], &["--sql", SPOILED_SQL]].concat())?;
    expect_rows(&written, &SPOILED)?;
    stage.succeeds("register", &[&SPOILED.manifest()])?;
    let rejected = stage.refused(REJECTED, "verify", &verification(&SPOILED.manifest()))?;
    let error = rejected["error"].as_str().unwrap_or_default();
    for check in ["max-row-change", "every_flight_names_its_airline"] {
        ensure!(error.contains(check), "{check} did not fail");
    }
    show::text("It can never go live:");
    stage.refused(REJECTED, "swap", &[&SPOILED.manifest()])?;
    readers_see(stage, &SECOND)?;
    show::text("What it left can go at once, as an orchestrator's failure handler has it:");
    let ended = stage.succeeds("gc", &["--abandon", &SPOILED.manifest()])?;
    ensure!(ended["phase"] == "retired", "it is {}", ended["phase"]);
    Ok(())
}

fn roll_back(stage: &Stage<'_>) -> Result<()> {
    show::headline("5. Back to the version before");
    show::text("Its files are still there, so that this is a swap like any other:");
    let swapped = stage.succeeds("swap", &[ROOT, "--to", FIRST.id])?;
    ensure!(swapped["rollback"] == true && swapped["replaced"] == SECOND.id, "that was no rollback");
    readers_see(stage, &FIRST)?;
    show::text("A retry of the newer run's swap that comes late does not undo it:");
    stage.refused(FENCED, "swap", &[&SECOND.manifest()])?;
    readers_see(stage, &FIRST)
}

fn clean_up(stage: &Stage<'_>) -> Result<()> {
    show::headline("6. What nobody needs is deleted");
    show::text(
        "With its usual times (90 days, two versions, a day for what failed), gc keeps everything so far:",
    );
    let cautious = stage.succeeds("gc", &[ROOT, "--dry-run"])?;
    ensure!(cautious["bytes"] == 0, "gc would free {} bytes", cautious["bytes"]);
    show::text("The plan without any of them:");
    let plan = stage.succeeds("gc", &[&[ROOT, "--dry-run"], &NO_GRACE[..]].concat())?;
    ensure!(plan["plan"]["kept"][FIRST.id] == "live", "gc does not know what is live");
    let done = stage.succeeds("gc", &[&[ROOT], &NO_GRACE[..]].concat())?;
    ensure!(done["done"]["runs_retired"] == 1, "gc retired {} runs", done["done"]["runs_retired"]);
    ensure!(done["bytes"] == plan["bytes"], "gc freed other than it planned");
    show::text("The live version is left. The manifests stay, so that no stalled step can bring a run back.");
    let files = stage.reads(&["files", &format!("{ROOT}_writes/")])?;
    ensure!(files.contains(FIRST.id), "gc deleted the live version");
    for gone in [&SECOND, &SPOILED] {
        ensure!(!files.contains(gone.id), "gc left files of {}", gone.id);
    }
    let manifests = stage.reads(&["files", &format!("{ROOT}_runs/")])?;
    ensure!(manifests.contains(SECOND.id), "gc left no tombstone of {}", SECOND.id);
    readers_see(stage, &FIRST)
}

fn check_and_swap(stage: &Stage<'_>, run: &Run) -> Result<()> {
    stage.succeeds("register", &[&run.manifest()])?;
    verify(stage, run)?;
    stage.succeeds("swap", &[&run.manifest()]).map(drop)
}

fn verify(stage: &Stage<'_>, run: &Run) -> Result<()> {
    expect_rows(&stage.succeeds("verify", &verification(&run.manifest()))?, run)
}

fn verification(manifest: &str) -> [&str; 5] {
    [manifest, "--check", CHECKS, "--max-row-change", "50%"]
}

fn expect_rows(result: &Value, run: &Run) -> Result<()> {
    ensure!(result["rows"] == run.rows, "{} has {} rows, and not {}", run.id, result["rows"], run.rows);
    Ok(())
}

/// Shows what the live table holds, which has to be `run`.
fn readers_see(stage: &Stage<'_>, run: &Run) -> Result<()> {
    let sql = "SELECT count(*) AS flights, max(flight_date) AS latest FROM live";
    let rows = stage.reads(&["query", TABLE, sql])?;
    let seen = rows.lines().nth(1).and_then(|line| line.split_whitespace().next());
    ensure!(
        seen == Some(&run.rows.to_string()),
        "readers do not see {}, which has {} rows",
        run.id,
        run.rows
    );
    Ok(())
}
