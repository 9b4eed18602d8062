//! Command lines of the steps as text for a POSIX shell, rebuilt from what a manifest holds.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::document::{Request, Run, Step};
use crate::root::{ManifestUri, TableRoot};
use crate::table::{Format, Mode, Strategy, TableSpec};

/// The variable that holds init SQL, which no document has.
const INIT_SQL: &str = "LAKEWARD_INIT_SQL";
/// Linux takes no longer argument: `MAX_ARG_STRLEN`, less the closing NUL.
const MAX_ARGUMENT: usize = 128 * 1024 - 1;

/// One flag of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    name: String,
    value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    /// A switch has none.
    None,
    Text(String),
    /// Taken from this variable by the shell, which stops when it is not set.
    Variable(&'static str),
}

impl Flag {
    /// A flag without a value, such as `--adopt`.
    pub fn switch(name: &str) -> Self {
        Self { name: name.to_owned(), value: Value::None }
    }

    /// A flag with its value.
    pub fn new(name: &str, value: impl fmt::Display) -> Self {
        Self { name: name.to_owned(), value: Value::Text(value.to_string()) }
    }
}

/// The command line of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    step: Step,
    operand: Option<String>,
    flags: Vec<Flag>,
}

impl CommandLine {
    /// `lakeward-write` of a request. Everything is said, defaults too, so that another release means the same by it.
    pub fn write(run: &Run, table: &TableSpec, request: &Request) -> Self {
        let flags = table_flags(table).into_iter().chain(run_flags(run)).chain(request_flags(request));
        Self { step: Step::Write, operand: None, flags: flags.collect() }
    }

    /// A later step on a run's manifest.
    pub fn on_run(step: Step, manifest: &ManifestUri) -> Self {
        Self { step, operand: Some(manifest.to_string()), flags: Vec::new() }
    }

    /// `lakeward-swap` to a version that was live before.
    pub fn roll_back(manifest: &ManifestUri) -> Self {
        let ManifestUri { root, run } = manifest;
        Self { flags: vec![Flag::new("--to", run)], ..Self::on_table(Step::Swap, root) }
    }

    /// `lakeward-gc` that gives a run up for good.
    pub fn abandon(manifest: &ManifestUri) -> Self {
        Self { step: Step::Gc, operand: None, flags: vec![Flag::new("--abandon", manifest)] }
    }

    /// A step on a table.
    pub fn on_table(step: Step, root: &TableRoot) -> Self {
        Self { step, operand: Some(root.to_string()), flags: Vec::new() }
    }

    /// The step.
    pub const fn step(&self) -> Step {
        self.step
    }

    /// Adds flags, but none that it has already.
    #[must_use]
    pub fn with(mut self, flags: &[Flag]) -> Self {
        let has = |flag: &&Flag| self.flags.iter().all(|known| known.name != flag.name);
        let added: Vec<Flag> = flags.iter().filter(has).cloned().collect();
        self.flags.extend(added);
        self
    }

    /// The line for a shell. None when a value has control characters that no shell keeps or a terminal would act on,
    /// or when the line is longer than `sh -c` can be given.
    pub fn to_shell(&self) -> Option<ShellCommand> {
        let operand =
            self.operand.as_deref().map(quoted).map(|operand| operand.map(|text| format!(" {text}")));
        let words =
            operand.into_iter().chain(self.flags.iter().map(|flag| Some(format!(" {}", flag.to_shell()?))));
        let words: String = words.collect::<Option<_>>()?;
        let line = format!("{}{words}", self.step.binary());
        (line.len() <= MAX_ARGUMENT).then_some(ShellCommand(line))
    }
}

impl Flag {
    /// Name and value in one word, so that a value may begin with a hyphen.
    fn to_shell(&self) -> Option<String> {
        let name = &self.name;
        Some(match &self.value {
            Value::None => name.clone(),
            Value::Text(text) => format!("{name}={}", quoted(text)?),
            Value::Variable(variable) => {
                format!("{name}=\"${{{variable}:?set it to what this run was begun with}}\"")
            }
        })
    }
}

fn quoted(text: &str) -> Option<String> {
    let odd = text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    if odd { None } else { shlex::try_quote(text).ok().map(std::borrow::Cow::into_owned) }
}

fn table_flags(table: &TableSpec) -> Vec<Flag> {
    // No field is left out by mistake: a new one does not compile until it has its flag.
    let TableSpec {
        root,
        glue,
        format: Format::Hive,
        mode: Mode::Replace,
        strategy: Strategy::Catalog,
        partition_by,
        sort_by,
        compression,
        row_group_size,
        target_file_size,
        comment,
        column_comments,
        properties,
        extra: _,
    } = table;
    let mut flags = vec![Flag::new("--table", root), Flag::new("--glue-table", glue)];
    for (name, columns) in [("--partition-by", partition_by), ("--sort-by", sort_by)] {
        if !columns.is_empty() {
            flags.push(Flag::new(name, columns.join(",")));
        }
    }
    flags.push(Flag::new("--compression", compression.codec.name()));
    flags.extend(compression.level.map(|level| Flag::new("--compression-level", level)));
    flags.push(Flag::new("--row-group-size", row_group_size));
    flags.push(Flag::new("--target-file-size", target_file_size));
    flags.extend(comment.iter().map(|text| Flag::new("--comment", text)));
    flags.extend(pairs("--column-comment", column_comments));
    flags.extend(pairs("--property", properties));
    flags
}

fn run_flags(run: &Run) -> Vec<Flag> {
    let Run { id: _, ts, key, extra: _ } = run;
    let key = key.iter().map(|key| Flag::new("--run-key", key.as_str()));
    std::iter::once(Flag::new("--run-ts", ts)).chain(key).collect()
}

fn request_flags(request: &Request) -> Vec<Flag> {
    let Request { fingerprint: _, sql, database, variables, init_sql_sha256, extra: _ } = request;
    let mut flags: Vec<Flag> = database.iter().map(|database| Flag::new("--database", database)).collect();
    flags.extend(pairs("--var", variables));
    if init_sql_sha256.is_some() {
        flags.push(Flag { name: "--init-sql".to_owned(), value: Value::Variable(INIT_SQL) });
    }
    flags.push(Flag::new("--sql", sql));
    flags
}

fn pairs<'p>(
    name: &'p str,
    pairs: impl IntoIterator<Item = (&'p String, &'p String)> + 'p,
) -> impl Iterator<Item = Flag> + 'p {
    pairs.into_iter().map(move |(key, value)| Flag::new(name, format_args!("{key}={value}")))
}

/// A line for a POSIX shell, quoted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ShellCommand(String);

impl fmt::Display for ShellCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri() -> ManifestUri {
        "s3://lake/orders/_runs/2026-05-19-060000/manifest.json".parse().unwrap()
    }

    #[test]
    fn a_flag_that_the_line_has_is_not_given_twice() {
        let given = [Flag::new("--to", "another"), Flag::switch("--adopt"), Flag::new("--region", "eu west")];
        let line = CommandLine::roll_back(&uri()).with(&given).to_shell().unwrap().to_string();
        assert_eq!(line, "lakeward-swap s3://lake/orders/ --to=2026-05-19-060000 --adopt --region='eu west'");
    }

    #[test]
    fn what_no_shell_can_carry_has_no_line() {
        let line = |value: &str| {
            CommandLine::on_run(Step::Verify, &uri()).with(&[Flag::new("--check", value)]).to_shell()
        };
        assert!(line("two\r\nlines\tof text").is_some());
        for bad in ["a\0b", "\u{1b}[201~", &"x".repeat(MAX_ARGUMENT)] {
            assert_eq!(line(bad), None);
        }
    }
}
