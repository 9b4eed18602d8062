//! The status as text for a person.

use std::fmt::{self, Display, Formatter};

use bytesize::ByteSize;
use jiff::Timestamp;

use crate::told::seconds;
use crate::{LastError, ManifestStatus, RunStatus, TableStatus};

const HEADER: [&str; 6] = ["RUN", "PHASE", "ROWS", "BYTES", "AGE", "ATTEMPTS"];
/// The columns from this one on are numbers, to the right.
const FIRST_NUMBER: usize = 2;

impl Display for TableStatus {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.root)?;
        if let Some(table) = &self.table {
            write!(f, " is {table}")?;
        }
        writeln!(f)?;
        self.write_live(f)?;
        if self.runs.is_empty() {
            return writeln!(f, "no runs");
        }
        writeln!(f)?;
        write_rows(f, &self.runs)?;
        if self.runs_left_out > 0 {
            writeln!(f, "and {} older runs, all of them finished (--limit)", self.runs_left_out)?;
        }
        for run in self.runs.iter().filter(|run| run.has_more_to_tell()) {
            writeln!(f)?;
            run.write_details(f, self.at)?;
        }
        self.write_way_back(f)
    }
}

impl TableStatus {
    /// How to undo the last publication, unless that was a rollback itself. Commands to all other versions are in the JSON.
    fn write_way_back(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let before = self.live.replaced.as_ref().filter(|before| Some(*before) < self.live.live.as_ref());
        let before = before.and_then(|before| self.runs.iter().find(|run| run.run == *before));
        match before.and_then(|run| Some((&run.run, run.roll_back.as_ref()?))) {
            Some((run, command)) => writeln!(f, "\nto roll back to {run}:\n{command}"),
            None => Ok(()),
        }
    }

    fn write_live(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let live = &self.live;
        match (&live.live, &live.live_unknown) {
            (_, Some(why)) => writeln!(f, "live: not known: {}", printable(why))?,
            (Some(run), None) => {
                write!(f, "live: {run}")?;
                if let Some(since) = live.live_since {
                    write!(f, ", for {}", age(seconds(since, self.at)))?;
                }
                writeln!(f)?;
            }
            (None, None) => writeln!(f, "live: nothing yet")?,
        }
        match &live.swapping {
            Some(run) => writeln!(f, "going live: {run}"),
            None => Ok(()),
        }
    }
}

impl RunStatus {
    fn cells(&self) -> [String; 6] {
        let run = self.run.to_string();
        let live = if self.live { ", live" } else { "" };
        let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        match &self.manifest {
            ManifestStatus::Unreadable { .. } => {
                let dash = || "-".to_owned();
                [run, format!("unreadable{live}"), dash(), dash(), dash(), dash()]
            }
            ManifestStatus::Read { phase, rows, bytes, age_seconds, attempts, .. } => [
                run,
                format!("{phase}{live}"),
                count(*rows),
                bytes.map_or_else(|| "-".to_owned(), |bytes| ByteSize(bytes).to_string()),
                age(*age_seconds),
                attempts.to_string(),
            ],
        }
    }

    fn has_more_to_tell(&self) -> bool {
        let unreadable = matches!(self.manifest, ManifestStatus::Unreadable { .. });
        unreadable || self.next.is_some() || self.last_error.is_some() || self.remark.is_some()
    }

    fn write_details(&self, f: &mut Formatter<'_>, now: Timestamp) -> fmt::Result {
        match &self.manifest {
            ManifestStatus::Unreadable { unreadable } => {
                writeln!(f, "{}: {}", self.run, printable(unreadable))?;
            }
            ManifestStatus::Read { phase, attempt_folders, .. } => {
                write!(f, "{} is {phase}", self.run)?;
                if let Some(folders) = attempt_folders.filter(|folders| *folders > 1) {
                    write!(f, "; {folders} attempts have left files")?;
                }
                writeln!(f)?;
            }
        }
        if let Some(LastError { step, at, kind, exit_code, message }) = &self.last_error {
            let ago = age(seconds(*at, now));
            let (kind, message) = (printable(kind), printable(message));
            writeln!(
                f,
                "last error: {step} failed {ago} ago with exit code {exit_code} ({kind}): {message}"
            )?;
        }
        if let Some(remark) = &self.remark {
            writeln!(f, "mind: {}", printable(remark))?;
        }
        match &self.next {
            // At the start of its line, as it may have several, and spaces in them would count.
            Some(next) => writeln!(f, "to continue:\n{next}"),
            None => Ok(()),
        }
    }
}

fn write_rows(f: &mut Formatter<'_>, runs: &[RunStatus]) -> fmt::Result {
    let rows: Vec<[String; 6]> =
        std::iter::once(HEADER.map(str::to_owned)).chain(runs.iter().map(RunStatus::cells)).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < FIRST_NUMBER { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        writeln!(f, "{}", cells.collect::<Vec<_>>().join("  "))?;
    }
    Ok(())
}

/// Seconds in the largest unit that says enough: `12s`, `5m`, `30h`, `12d`.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The text without what a terminal would act on.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_the_largest_unit_that_says_enough() {
        let told = [0, 59, 60, 3599, 3600, 172_799, 172_800].map(age);
        assert_eq!(told, ["0s", "59s", "1m", "59m", "1h", "47h", "2d"]);
    }

    #[test]
    fn a_message_does_nothing_to_the_terminal() {
        assert_eq!(printable("two\nlines \u{1b}[2J"), "two\nlines  [2J");
    }
}
