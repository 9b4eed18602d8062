//! What the documentation says of crash points.

use std::fmt::Display;
use std::io::Write as _;

use anyhow::{Context as _, Result};

const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");

/// The head of the table of what is tried in this process.
pub const POINTS: &str = "| step | table | requests | points in each mode | in all |";
/// The head of the table of what is tried with processes.
pub const KILLED: &str = "| step | table | request lost | request lands |";

/// The rows of the table of `docs/PROTOCOL.md` that has this head.
///
/// # Errors
/// There is none.
pub fn rows(head: &str) -> Result<Vec<&'static str>> {
    let mut lines = PROTOCOL.lines();
    lines.by_ref().find(|line| *line == head).with_context(|| format!("docs/PROTOCOL.md lacks {head}"))?;
    // After the line that makes it a table.
    Ok(lines.skip(1).take_while(|line| line.starts_with('|')).collect())
}

/// Tells what was tried, past the test runner, which hides what a test prints that succeeds.
///
/// # Errors
/// It cannot be written.
pub fn tell(tried: &impl Display) -> Result<()> {
    write!(std::io::stderr().lock(), "{tried}").context("telling what was tried")
}
