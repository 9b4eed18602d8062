//! What others are told of an execution, from outside.

mod collector;
mod lineage;
mod logs;
mod metrics;
mod otlp;
mod termination;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A query that any step can be watched on.
const SQL: &str = "SELECT i AS id FROM range(100) t(i)";
/// How long a step may wait for those who are told: the bound of the telling, and what a busy machine takes.
const LONGEST: SignedDuration = SignedDuration::from_secs(9);

/// When a line was logged.
fn time(line: &str) -> Result<Timestamp> {
    let line: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
    Ok(line["time"].as_str().context("no time")?.parse()?)
}
