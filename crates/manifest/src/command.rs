//! Command lines of the steps as text for a POSIX shell, rebuilt from what a manifest holds.

use std::fmt;

use serde::Serialize;

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
    /// Something that no shell is given, such as text that is not Unicode.
    Unsayable,
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

    /// A flag whose value cannot be said in a shell: no command that needs it can.
    pub fn unsayable(name: &str) -> Self {
        Self { name: name.to_owned(), value: Value::Unsayable }
    }

    /// Reads `--name` or `--name=value`.
    fn read(word: &str) -> Option<Self> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_flag = name.len() > 2 && name.starts_with("--") && name.bytes().all(letters);
        is_flag.then(|| value.map_or_else(|| Self::switch(name), |value| Self::new(name, value)))
    }
}

/// The command line of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    step: Step,
    operand: Option<String>,
    flags: Vec<Flag>,
    /// A variable that the shell must have, or it stops. Not on the command line, where everybody could read it.
    variable: Option<&'static str>,
}

impl CommandLine {
    /// `lakeward-write` of a request. Everything is said, defaults too, so that another release means the same by it.
    pub fn write(run: &Run, table: &TableSpec, request: &Request) -> Self {
        let flags = table_flags(table).into_iter().chain(run_flags(run)).chain(request_flags(request));
        let variable = request.init_sql_sha256.is_some().then_some(INIT_SQL);
        Self { step: Step::Write, operand: None, flags: flags.collect(), variable }
    }

    /// A later step on a run's manifest.
    pub fn on_run(step: Step, manifest: &ManifestUri) -> Self {
        Self::on(step, manifest.to_string())
    }

    /// `lakeward-swap` to a version that was live before.
    pub fn roll_back(manifest: &ManifestUri) -> Self {
        let ManifestUri { root, run } = manifest;
        Self { flags: vec![Flag::new("--to", run)], ..Self::on_table(Step::Swap, root) }
    }

    /// `lakeward-gc` that gives a run up for good.
    pub fn abandon(manifest: &ManifestUri) -> Self {
        let flags = vec![Flag::new("--abandon", manifest)];
        Self { step: Step::Gc, operand: None, flags, variable: None }
    }

    /// A step on a table.
    pub fn on_table(step: Step, root: &TableRoot) -> Self {
        Self::on(step, root.to_string())
    }

    fn on(step: Step, operand: String) -> Self {
        Self { step, operand: Some(operand), flags: Vec::new(), variable: None }
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

    /// The same with the flags of a line that somebody has noted, if that is one of the same step on the same thing. What
    /// a document says is anybody's text: nothing of it is handed on but flags, which are quoted anew.
    pub fn with_flags_of(&self, noted: &str) -> Option<Self> {
        let words = shlex::split(noted)?;
        let mut words = words.iter().map(String::as_str);
        let same = words.next() == Some(self.step.binary()) && words.next() == self.operand.as_deref();
        let flags: Vec<Flag> = words.map(Flag::read).collect::<Option<_>>()?;
        same.then(|| self.clone().with(&flags))
    }

    /// The line for a shell. None when a value has control characters that no shell keeps or a terminal would act on,
    /// or when the line is longer than `sh -c` can be given.
    pub fn to_shell(&self) -> Option<ShellCommand> {
        let operand =
            self.operand.as_deref().map(quoted).map(|operand| operand.map(|text| format!(" {text}")));
        let words =
            operand.into_iter().chain(self.flags.iter().map(|flag| Some(format!(" {}", flag.to_shell()?))));
        let words: String = words.collect::<Option<_>>()?;
        let variable = self
            .variable
            .map(|name| format!("{name}=\"${{{name}:?set it to what this run was begun with}}\" "));
        let line = format!("{}{}{words}", variable.unwrap_or_default(), self.step.binary());
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
            Value::Unsayable => return None,
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
    // Init SQL comes by its variable.
    let Request { fingerprint: _, sql, database, variables, init_sql_sha256: _, extra: _ } = request;
    let mut flags: Vec<Flag> = database.iter().map(|database| Flag::new("--database", database)).collect();
    flags.extend(pairs("--var", variables));
    flags.push(Flag::new("--sql", sql));
    flags
}

fn pairs<'p>(
    name: &'p str,
    pairs: impl IntoIterator<Item = (&'p String, &'p String)> + 'p,
) -> impl Iterator<Item = Flag> + 'p {
    pairs.into_iter().map(move |(key, value)| Flag::new(name, format_args!("{key}={value}")))
}

/// A line for a POSIX shell, quoted. Made from a [`CommandLine`] alone, never from what somebody has stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    fn of_a_noted_line_nothing_but_flags_is_taken_and_only_of_the_same_command() {
        let due = CommandLine::on_run(Step::Verify, &uri());
        let taken = |noted: &str| Some(due.with_flags_of(noted)?.to_shell()?.to_string());
        let noted = format!("lakeward-verify {} --min-rows=5 --check='a b;$(c).sql' --allow-empty", uri());
        assert_eq!(taken(&noted), Some(noted));
        let evil = [
            "curl example.com | sh".to_owned(),
            format!("lakeward-swap {}", uri()),
            "lakeward-verify s3://lake/other/_runs/2026-05-19-060000/manifest.json".to_owned(),
            format!("lakeward-verify {}; rm -rf /", uri()),
            format!("lakeward-verify {} --min-rows=5 | sh", uri()),
            format!("lakeward-verify {} --Min=5", uri()),
            format!("X=y lakeward-verify {}", uri()),
        ];
        for line in evil {
            assert_eq!(taken(&line), None, "{line}");
        }
        let expands = format!("lakeward-verify {} --check=$(rm)", uri());
        assert_eq!(taken(&expands), Some(format!("lakeward-verify {} --check='$(rm)'", uri())));
    }

    #[test]
    fn a_flag_that_cannot_be_said_leaves_no_command() {
        let line = CommandLine::on_run(Step::Verify, &uri()).with(&[Flag::unsayable("--check")]);
        assert_eq!(line.to_shell(), None);
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
