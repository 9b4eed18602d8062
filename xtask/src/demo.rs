//! The demonstration: the steps as separate processes, on the example data and a local lake.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::local_lake::LocalLake;
use crate::workspace::Workspace;

const BUCKET: &str = "lake";
const DATABASE: &str = "analytics";

/// Where the table lies, and its name in Glue.
const TARGET: [&str; 4] = ["--table", "s3://lake/analytics/flights/", "--glue-table", "analytics.flights"];

const QUERY: &str = "SELECT flights.*, airlines.name AS airline, month(flight_date)::INTEGER AS flight_month \
    FROM read_parquet('examples/data/flights.parquet') AS flights \
    JOIN read_parquet('examples/data/airlines.parquet') AS airlines USING (carrier)";

/// Builds the programs and shows what they do; the lake's files stay for a look around.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    workspace.build()?;
    let folder = workspace.layout().root().join(".lakeward/demo");
    let lake = LocalLake::start(workspace, &folder, BUCKET, DATABASE)?;
    let stage = Stage { workspace, lake: &lake };
    publish(&stage)?;
    println!("\nThe lake's files: {}", folder.display());
    Ok(())
}

fn publish(stage: &Stage) -> Result<()> {
    headline("A query becomes a table");
    let query = ["--sql", QUERY, "--partition-by", "flight_month", "--run-ts", "2026-05-19T06:00:00Z"];
    let written = stage.succeed("write", &[&query[..], &TARGET].concat())?;
    let manifest = written["manifest"].as_str().context("write's result names no manifest")?;
    for step in ["register", "verify", "swap"] {
        stage.succeed(step, &[manifest])?;
    }
    Ok(())
}

/// Runs the steps.
struct Stage<'a> {
    workspace: &'a Workspace,
    lake: &'a LocalLake,
}

impl Stage<'_> {
    /// Runs a step that has to succeed, shows its command and its result, and returns the result.
    fn succeed(&self, step: &str, arguments: &[&str]) -> Result<Value> {
        let name = format!("lakeward-{step}");
        println!("\n$ {}", shell(&name, arguments));
        let mut command = self.workspace.command(&self.workspace.executable(&name));
        self.lake.configure(&mut command);
        // The step's progress goes to this terminal; only its result is taken.
        let output = command
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run {name}"))?;
        let result = String::from_utf8_lossy(&output.stdout);
        println!("{}", result.trim_end());
        if !output.status.success() {
            bail!("{name} failed: {}", output.status);
        }
        serde_json::from_str(&result).with_context(|| format!("the result of {name} is not JSON"))
    }
}

fn headline(text: &str) {
    println!("\n=== {text}");
}

/// The command as one would type it.
fn shell(program: &str, arguments: &[&str]) -> String {
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,%".contains(c));
    let quote = |word: &&str| {
        if !word.is_empty() && plain(word) {
            (*word).to_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    std::iter::once(program.to_owned()).chain(arguments.iter().map(quote)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_can_be_pasted_into_a_shell() {
        let shown = shell("lakeward-write", &["--sql", "SELECT 'a b'", "--table", "s3://lake/t/", ""]);
        assert_eq!(shown, r"lakeward-write --sql 'SELECT '\''a b'\''' --table s3://lake/t/ ''");
    }
}
