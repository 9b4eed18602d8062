//! What a person on call is told, and the commands that go on from there.

use anyhow::{Context as _, Result, ensure};
use lakeward_outcome::Kind;
use serde_json::Value;

use crate::backend::Backend;
use crate::table::{DAYS, Run, Table};

const SQL: &str = "SELECT i AS id FROM range(100) t(i)";
/// Nobody listens there: it is a reserved port of no service.
const NOWHERE: &str = "http://127.0.0.1:1";
/// What a shell would act on, were it not quoted.
const ODD: &str = "it's \"odd\": $HOME `pwd` \\ and\na second line; # $(exit 3), é";

fn command(told: &Value) -> Result<&str> {
    told["next"].as_str().with_context(|| format!("no command continues {told}"))
}

/// Runs the command that continues `run` in a shell; fails unless it is one of `step` and the run is in `phase` then.
async fn goes_on(table: &Table<'_>, run: &str, step: &str, phase: &str) -> Result<Value> {
    let told = table.told(run).await?;
    let line = command(&told)?;
    // A variable may stand before it.
    ensure!(line.split(' ').any(|word| word == format!("lakeward-{step}")), "{told}");
    let result = table.shell(line)?.env("LAKEWARD_INIT_SQL", INIT_SQL).succeeds().await?;
    ensure!(result["run"] == run && result["phase"] == phase, "{line}\ngave {result}");
    Ok(result)
}

const INIT_SQL: &str = "CREATE MACRO planted(x) AS x + 1";

pub(crate) async fn status_names_the_command_that_continues_each_run(backend: &Backend) -> Result<()> {
    let table = backend.table("status_continues");
    let input = backend.file("status_continues.csv", "n\nnot a number\n")?;
    let sql = format!(
        "SELECT planted(CAST(n AS INTEGER)) AS n, getvariable('odd') AS odd FROM read_csv('{}', all_varchar := true)",
        input.display()
    );
    let write = table.write(DAYS[0], &sql).args(["--run-key", "scheduled 'x' $y", "--init-sql", INIT_SQL]);
    let write = write.args([&format!("--var=odd={ODD}"), &format!("--comment={ODD}")]);
    let write = write.args(["--partition-by=n", &format!("--property=it's={ODD}"), "--compression-level=3"]);
    let refused = write.run().await?.into_next(Kind::Rejected)?;
    let runs = table.status().succeeds().await?;
    let run = runs["runs"][0]["run"].as_str().context("no run")?.to_owned();
    let told = table.told(&run).await?;
    ensure!(told["phase"] == "writing" && told["attempts"] == 1, "{told}");
    ensure!(refused.as_deref() == Some(command(&told)?), "the step printed {refused:?}, and status {told}");
    ensure!(!told.to_string().contains("MACRO"), "the init SQL is told: {told}");
    let forgotten = table.shell(command(&told)?)?.tells().await;
    ensure!(forgotten.is_err_and(|error| error.to_string().contains("LAKEWARD_INIT_SQL")));

    backend.file("status_continues.csv", "n\n41\n")?;
    let written = Run::of(goes_on(&table, &run, "write", "written").await?)?;
    // The very request that was made: another one would be refused.
    ensure!(write.succeeds().await?["already_done"] == true);
    ensure!(table.manifest(&written).await?["attempt"]["number"] == 2);
    goes_on(&table, &run, "register", "registered").await?;
    goes_on(&table, &run, "verify", "verified").await?;
    goes_on(&table, &run, "swap", "published").await?;
    let told = table.told(&run).await?;
    ensure!(told["live"] == true && told["next"].is_null() && told["remark"].is_null(), "{told}");
    table.shows(&written, &format!("SELECT '{}' AS odd, 42 AS n", ODD.replace('\'', "''"))).await
}

pub(crate) async fn a_failing_step_prints_the_command_that_continues(backend: &Backend) -> Result<()> {
    let table = backend.table("failing_prints");
    let older = table.verified(&table.write("2026-05-01T06:00:00Z", SQL)).await?;
    let run = Run::of(table.write(DAYS[0], SQL).succeeds().await?)?;
    let unreachable =
        |step: crate::step::Step| step.args(["--patience=1s"]).env("AWS_ENDPOINT_URL_GLUE", NOWHERE);
    // A retry is the same command with the same flags.
    let next = unreachable(table.register(&run)).run().await?.into_next(Kind::Transient)?;
    let next = next.context("no command")?;
    ensure!(next == format!("lakeward-register {} --patience=1s", run.manifest), "{next}");
    table.shell(&next)?.succeeds().await?;
    let verify = table.verify(&run).arg("--max-row-change=50%");
    let next = unreachable(verify).run().await?.into_next(Kind::Transient)?;
    let next = next.context("no command")?;
    let flags = ["--timeout=0s", "--max-row-change='50%'", "--patience=1s"];
    ensure!(flags.iter().all(|flag| next.contains(flag)), "flags are missing: {next}");
    // Out of order, nobody hands on a verify without its gates.
    let due = table.swap(&run).run().await?.into_next(Kind::Usage)?;
    ensure!(due.is_none(), "{due:?}");
    table.shell(&next)?.succeeds().await?;
    table.swap(&run).succeeds().await?;

    // Nothing goes on from a run that has ended, that was overtaken, or that nobody knows.
    let rejected = table.registered(&table.write(DAYS[1], SQL)).await?;
    let no_next = table.verify(&rejected).arg("--min-rows=101").run().await?.into_next(Kind::Rejected)?;
    ensure!(no_next.is_none(), "{no_next:?}");
    let no_next = table.swap(&older).run().await?.into_next(Kind::Fenced)?;
    ensure!(no_next.is_none(), "{no_next:?}");
    let other = table.write(DAYS[0], "SELECT 2 AS a").run().await?.into_next(Kind::Usage)?;
    ensure!(other.is_none(), "the run is another request's: {other:?}");
    ensure!(table.told(&run.id).await?["last_error"].is_null());
    let unknown = Run { manifest: table.manifest_of("2026-05-02-060000"), ..run };
    let no_next = table.register(&unknown).run().await?.into_next(Kind::Usage)?;
    ensure!(no_next.is_none(), "{no_next:?}");
    Ok(())
}

pub(crate) async fn a_wrong_command_line_has_a_result_too(backend: &Backend) -> Result<()> {
    let table = backend.table("wrong_line");
    let result = backend.folder().join("wrong_line.json");
    for name in ["write", "register", "verify", "swap", "gc", "status"] {
        let wrong = backend.step(name).args(["--no-such-flag", "--result-path"]).arg(&result);
        let ended = wrong.run().await?;
        ensure!(
            ended.stderr.contains("--no-such-flag") && ended.stderr.contains("--help"),
            "{}",
            ended.stderr
        );
        ensure!(ended.result["next"].is_null(), "{}", ended.result);
        let written: Value = serde_json::from_slice(&std::fs::read(&result)?)?;
        ensure!(written == ended.result, "{} is not {}", written, ended.result);
        let message = ended.into_refusal(Kind::Usage, &["--no-such-flag"])?;
        ensure!(!message.contains("Usage:") && !message.contains('\n'), "{message}");
        let help = backend.step(name).arg("--help").tells().await?;
        ensure!(help.contains("Usage:"), "{help}");
    }
    table.has_no_leftovers().await
}

pub(crate) async fn status_tells_the_live_run_and_what_failed(backend: &Backend) -> Result<()> {
    let table = backend.table("status_tells");
    let empty = table.status().succeeds().await?;
    ensure!(empty["runs"] == serde_json::json!([]) && empty["live"].is_null(), "{empty}");
    let first = table.published(&table.write(DAYS[0], SQL)).await?;
    let second = table.registered(&table.write(DAYS[1], SQL)).await?;
    let told = table.told(&second.id).await?;
    let says = told["remark"].as_str().unwrap_or_default();
    ensure!(says.contains("gates and checks") && told["last_error"].is_null(), "{told}");

    let verify = table.verify(&second).args(["--min-rows=7", "--patience=1s"]);
    let failed = verify.env("AWS_ENDPOINT_URL_GLUE", NOWHERE).run().await?;
    let next = failed.clone().into_next(Kind::Transient)?.context("no command")?;
    let told = table.told(&second.id).await?;
    ensure!(told["last_error"]["step"] == "verify" && told["last_error"]["exit_code"] == 10, "{told}");
    ensure!(told["last_error"]["message"] == failed.result["error"], "{told}");
    // With the gate, which only the execution that failed knew.
    ensure!(command(&told)? == next && next.contains("--min-rows=7"), "{told}");
    let text = table.status_text().tells().await?;
    let lines = [
        format!("{} is {}", table.root(), table.glue_name()),
        format!("live: {}, for ", first.id),
        format!("{}  published, live   100", first.id),
        format!("{}  registered        100", second.id),
        format!("{} is registered\nlast error: verify failed ", second.id),
        format!("to continue:\n{next}\n"),
    ];
    for line in lines {
        ensure!(text.contains(&line), "{line:?} is not in:\n{text}");
    }

    table.shell(&next)?.succeeds().await?;
    let told = table.told(&second.id).await?;
    ensure!(told["last_error"].is_null() && command(&told)?.starts_with("lakeward-swap "), "{told}");
    table.swap(&second).succeeds().await?;
    let status = table.status().succeeds().await?;
    ensure!(status["live"] == second.id.as_str() && status["runs"][0]["live"] == true, "{status}");
    ensure!(
        status["runs"][0]["rows"] == 100 && status["runs"][0]["bytes"] == second.written["bytes"],
        "{status}"
    );
    let told = table.told(&first.id).await?;
    ensure!(told["live"] == false && told["next"].is_null(), "{told}");
    let back = told["roll_back"].as_str().with_context(|| format!("no way back: {told}"))?;
    table.shell(back)?.succeeds().await?;
    table.shows(&first, SQL).await
}

pub(crate) async fn status_tells_what_it_cannot_read(backend: &Backend) -> Result<()> {
    let table = backend.table("status_unreadable");
    let run = table.published(&table.write(DAYS[0], SQL)).await?;
    let broken = table.manifest_of("2026-05-18-060000");
    backend.put(table.key(&broken)?, "not a manifest").await?;
    let told = table.told("2026-05-18-060000").await?;
    let why = told["unreadable"].as_str().unwrap_or_default();
    ensure!(why.contains("is not a manifest") && told["next"].is_null(), "{told}");

    let blind = table.status().args(["--patience=1s"]).env("AWS_ENDPOINT_URL_GLUE", NOWHERE);
    let status = blind.succeeds().await?;
    let why = status["live_unknown"].as_str().unwrap_or_default();
    ensure!(why.contains(NOWHERE) && status["live"].is_null(), "{status}");
    ensure!(
        status["runs"][0]["run"] == run.id.as_str() && status["runs"][0]["phase"] == "published",
        "{status}"
    );
    let text = table.status_text().tells().await?;
    ensure!(text.contains("2026-05-18-060000  unreadable"), "{text}");
    Ok(())
}

pub(crate) async fn status_leaves_out_old_runs_that_are_finished(backend: &Backend) -> Result<()> {
    let table = backend.table("status_limit");
    let live = table.published(&table.write(DAYS[0], SQL)).await?;
    let table = &table;
    let rejected = |day| async move {
        let run = table.registered(&table.write(day, SQL)).await?;
        table.verify(&run).arg("--min-rows=101").is_refused(Kind::Rejected, &[]).await?;
        anyhow::Ok(run)
    };
    let waiting = Run::of(table.write("2026-05-19T12:00:00Z", SQL).succeeds().await?)?;
    let (old, new) = (rejected(DAYS[1]).await?, rejected(DAYS[2]).await?);
    let status = table.status().arg("--limit=1").succeeds().await?;
    let runs: Vec<&str> =
        status["runs"].as_array().into_iter().flatten().filter_map(|run| run["run"].as_str()).collect();
    ensure!(runs == [new.id.as_str(), &waiting.id, &live.id], "{runs:?} without {}", old.id);
    ensure!(status["runs_left_out"] == 1, "{status}");
    let ended = status["runs"][0]["remark"].as_str().unwrap_or_default();
    ensure!(ended.contains("min-rows") && ended.contains("start a new run"), "{status}");
    Ok(())
}
