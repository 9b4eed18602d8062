//! From flags and spec file to one job: everything decided before anything is done.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::num::NonZeroU64;
use std::path::Path;

use jiff::Timestamp;
use lakeward_manifest::{CommandLine, Fingerprint, Request, Run, RunId, TableSpec, sha256_hex};
use lakeward_outcome::{Classify, Failure, Kind, ResultExt};
use lakeward_session::parse_size;
use lakeward_spec::SpecFile;
use serde_json::Map;

use crate::args::{QueryArgs, RunArgs, TargetArgs};

/// What to do: the run, the table, the request.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// The run.
    pub(crate) run: Run,
    /// The table.
    pub(crate) table: TableSpec,
    /// The request, as the manifest holds it.
    pub(crate) request: Request,
    /// SQL to run first; not in the manifest.
    pub(crate) init_sql: Option<String>,
}

/// A command line that says too little or too much.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("{0} is missing: give {1}, or put {2} into the spec file")]
    Missing(&'static str, &'static str, &'static str),
    #[error(
        "the query is empty: give it by --sql, --sql-file or standard input, or put sql into the spec file"
    )]
    EmptyQuery,
    #[error("column {0:?} is given twice in {1}")]
    Twice(String, &'static str),
    #[error("property {0:?} is Lakeward's own: choose another name")]
    OwnProperty(String),
    #[error("the name of property {0:?} has a comma: choose another")]
    CommaInProperty(String),
    #[error("{what} {name:?} has an empty name, '=' in it, or white space around it: choose another")]
    Unspeakable { what: &'static str, name: String },
    #[error("{what} holds the character {character:?}, which Glue does not take: remove it")]
    Control { what: String, character: char },
    #[error("{what} has {length} characters: Glue takes at most {max}")]
    TooLong { what: String, length: usize, max: usize },
    #[error("the run timestamp cannot name a run (--run-ts)")]
    Run(#[from] lakeward_manifest::IdError),
}

impl Classify for JobError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

impl Job {
    /// Merges flags over the spec file, reads the query, and names the run.
    ///
    /// # Errors
    /// [`Kind::Usage`], saying which flag to give or to change.
    pub(crate) fn resolve(
        query: QueryArgs,
        target: TargetArgs,
        run: RunArgs,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let spec = target.spec.as_deref().map(SpecFile::read).transpose()?.unwrap_or_default();
        let sql = read_query(&query, &spec)?;
        let init_sql = query.init_sql.or_else(|| spec.init_sql.clone());
        let database = query.database.or_else(|| spec.database.clone());
        let mut variables = spec.variables.clone();
        variables.extend(query.variables);
        check_names("variable", &variables)?;
        let table = resolve_table(target, spec)?;
        let fingerprint = Fingerprint::of(&table, &sql, init_sql.as_deref(), database.as_deref(), &variables);
        let init_sql_sha256 = init_sql.as_deref().map(|sql| sha256_hex(sql.as_bytes()));
        let request = Request { fingerprint, sql, database, variables, init_sql_sha256, extra: Map::new() };
        let ts = run.run_ts.unwrap_or(now);
        let id = RunId::new(ts, run.run_key.as_ref()).map_err(JobError::from)?;
        let run = Run { id, ts, key: run.run_key, extra: Map::new() };
        Ok(Self { run, table, request, init_sql })
    }

    /// The command line that says the same.
    pub(crate) fn command(&self) -> CommandLine {
        CommandLine::write(&self.run, &self.table, &self.request)
    }
}

fn read_query(query: &QueryArgs, spec: &SpecFile) -> Result<String, Failure> {
    let from_flags = query.sql.is_some() || query.sql_file.is_some();
    let (text, file) = if from_flags { (&query.sql, &query.sql_file) } else { (&spec.sql, &spec.sql_file) };
    let sql = match (text, file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) if file != Path::new("-") => std::fs::read_to_string(file)
            .or_fail(Kind::Usage, || format!("reading the query from {}", file.display()))?,
        (None, file) => {
            let mut stdin = std::io::stdin();
            if file.is_none() && stdin.is_terminal() {
                let missing = JobError::Missing("the query", "--sql, --sql-file or standard input", "sql");
                return Err(missing.into());
            }
            let mut sql = String::new();
            stdin
                .read_to_string(&mut sql)
                .or_fail(Kind::Usage, || "reading the query from stdin".to_owned())?;
            sql
        }
    };
    if sql.trim().is_empty() { Err(JobError::EmptyQuery.into()) } else { Ok(sql) }
}

fn resolve_table(target: TargetArgs, spec: SpecFile) -> Result<TableSpec, Failure> {
    let root =
        target.table.or(spec.table).ok_or(JobError::Missing("the table's place", "--table", "table"))?;
    let glue = target.glue_table.or(spec.glue_table).ok_or(JobError::Missing(
        "the Glue table",
        "--glue-table",
        "glue_table",
    ))?;
    let defaults = TableSpec::new(root, glue);
    let spec_file_size = spec.target_file_size.as_deref().map(parse_size).transpose();
    let spec_file_size =
        spec_file_size.map_err(anyhow::Error::msg).or_fail(Kind::Usage, || "target_file_size".to_owned())?;
    let row_group_size = target.row_group_size.or(spec.row_group_size.map(NonZeroU64::get));
    let mut column_comments = fold_names(spec.columns);
    column_comments.extend(fold_names(target.column_comments));
    let mut properties = spec.properties;
    properties.extend(target.properties);
    let table = TableSpec {
        format: spec.format,
        mode: spec.mode,
        strategy: spec.strategy,
        partition_by: columns(target.partition_by, spec.partition_by, "partition-by")?,
        sort_by: columns(target.sort_by, spec.sort_by, "sort-by")?,
        compression: spec.compression.or(target.compression, target.compression_level)?,
        row_group_size: row_group_size.unwrap_or(defaults.row_group_size),
        target_file_size: target.target_file_size.or(spec_file_size).unwrap_or(defaults.target_file_size),
        comment: target.comment.or(spec.comment),
        column_comments,
        properties,
        ..defaults
    };
    check_names("column", &table.column_comments)?;
    check_names("property", &table.properties)?;
    check_texts(&table)?;
    Ok(table)
}

/// A spec file must not say what flags cannot: the command that continues a run is made of flags.
fn check_names(what: &'static str, pairs: &BTreeMap<String, String>) -> Result<(), JobError> {
    let unspeakable = |name: &&String| name.is_empty() || name.contains('=') || name.trim() != name.as_str();
    match pairs.keys().find(unspeakable) {
        Some(name) => Err(JobError::Unspeakable { what, name: name.clone() }),
        None => Ok(()),
    }
}

fn fold_names(pairs: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, text)| (name.to_lowercase(), text)).collect()
}

fn columns(flag: Vec<String>, spec: Vec<String>, what: &'static str) -> Result<Vec<String>, JobError> {
    let given = if flag.is_empty() { spec } else { flag };
    let mut folded = Vec::with_capacity(given.len());
    for name in given.iter().map(|name| name.trim().to_lowercase()) {
        if folded.contains(&name) {
            return Err(JobError::Twice(name, what));
        }
        folded.push(name);
    }
    Ok(folded)
}

/// Glue's limits, so that a comment does not fail the run after the query has been paid for.
fn check_texts(table: &TableSpec) -> Result<(), JobError> {
    const COMMENT: usize = 255;
    const DESCRIPTION: usize = 2048;
    if let Some(own) =
        table.properties.keys().find(|name| name.starts_with(lakeward_manifest::parameters::PREFIX))
    {
        return Err(JobError::OwnProperty(own.clone()));
    }
    // Lakeward remembers which properties it has set as a comma-separated list.
    if let Some(name) = table.properties.keys().find(|name| name.contains(',')) {
        return Err(JobError::CommaInProperty(name.clone()));
    }
    let description = table.comment.iter().map(|text| ("the table's comment".to_owned(), text, DESCRIPTION));
    let comments =
        table.column_comments.iter().map(|(name, text)| (format!("the comment of {name}"), text, COMMENT));
    let names = table.properties.keys().map(|name| (format!("the name of property {name}"), name, 255));
    let too_long = description.chain(comments).chain(names).find_map(|(what, text, max)| {
        let length = text.chars().count();
        (length > max).then_some(JobError::TooLong { what, length, max })
    });
    too_long.map_or(Ok(()), Err)?;
    check_characters(table)
}

/// Characters that Glue takes in no text, by the string patterns of its Table and Column structures.
fn check_characters(table: &TableSpec) -> Result<(), JobError> {
    const LINES: &[char] = &['\t', '\r', '\n'];
    const LINE: &[char] = &['\t'];
    let description = table.comment.iter().map(|text| ("the table's comment".to_owned(), text, LINES));
    let comments =
        table.column_comments.iter().map(|(name, text)| (format!("the comment of {name}"), text, LINE));
    let properties = table.properties.iter().flat_map(|(name, text)| {
        [(format!("the name of property {name:?}"), name, LINE), (format!("property {name:?}"), text, LINES)]
    });
    let odd = description.chain(comments).chain(properties).find_map(|(what, text, allowed)| {
        let character = text.chars().find(|c| c.is_ascii_control() && !allowed.contains(c))?;
        Some(JobError::Control { what, character })
    });
    odd.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use lakeward_manifest::Codec;

    use super::*;
    use crate::args::WriteArgs;

    fn query(sql: &str) -> QueryArgs {
        QueryArgs { sql: Some(sql.into()), ..QueryArgs::default() }
    }

    fn target() -> TargetArgs {
        TargetArgs {
            table: Some("s3://lake/orders/".parse().unwrap()),
            glue_table: Some("shop.orders".parse().unwrap()),
            ..TargetArgs::default()
        }
    }

    fn resolve(query: QueryArgs, target: TargetArgs) -> Result<Job, Failure> {
        Job::resolve(query, target, RunArgs::default(), "2026-05-19T06:00:00Z".parse().unwrap())
    }

    #[test]
    fn flags_win_over_the_spec_file() {
        let folder = tempfile::tempdir().unwrap();
        let spec = folder.path().join("orders.yaml");
        std::fs::write(
            &spec,
            "table: s3://lake/other/\nsql_file: q.sql\npartition_by: [a]\nvariables: {x: '1', y: '1'}\n\
             compression: {codec: zstd, level: 9}\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("q.sql"), "SELECT 2 AS a, 3 AS b").unwrap();
        let query = QueryArgs { variables: vec![("x".into(), "2".into())], ..QueryArgs::default() };
        let target = TargetArgs { spec: Some(spec), partition_by: vec!["B".into()], ..target() };
        let job = resolve(query, target).unwrap();
        assert_eq!(job.request.sql, "SELECT 2 AS a, 3 AS b");
        assert_eq!(job.table.root.to_string(), "s3://lake/orders/");
        assert_eq!(job.table.partition_by, ["b"]);
        assert_eq!(job.table.compression.level, Some(9));
        assert_eq!(job.request.variables["x"], "2");
        assert_eq!(job.request.variables["y"], "1");
    }

    #[test]
    fn what_is_missing_is_named_with_the_flag_to_give() {
        let error = resolve(query("SELECT 1"), TargetArgs::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().contains("--table"), "{error}");
    }

    #[test]
    fn the_same_request_has_the_same_fingerprint_and_any_other_has_another() {
        let fingerprint = |query, target| resolve(query, target).unwrap().request.fingerprint;
        let base = fingerprint(query("SELECT 1"), target());
        assert_eq!(base, fingerprint(query("SELECT 1\n"), target()));
        assert_ne!(base, fingerprint(query("SELECT 2"), target()));
        assert_ne!(
            base,
            fingerprint(query("SELECT 1"), TargetArgs { sort_by: vec!["a".into()], ..target() })
        );
        let with_init = QueryArgs { init_sql: Some("SET x = 1".into()), ..query("SELECT 1") };
        assert_ne!(base, fingerprint(with_init, target()));
    }

    #[test]
    fn init_sql_is_known_to_the_manifest_by_its_hash_only() {
        let secret =
            QueryArgs { init_sql: Some("CREATE SECRET (KEY_ID 'planted')".into()), ..query("SELECT 1") };
        let job = resolve(secret, target()).unwrap();
        assert!(!serde_json::to_string(&job.request).unwrap().contains("planted"));
    }

    /// A step that prints its arguments, and as one of them what it is given by a variable.
    const ECHO: &str =
        "#!/bin/sh\nprintf '%s\\0' \"$@\" ${LAKEWARD_INIT_SQL:+\"--init-sql=$LAKEWARD_INIT_SQL\"}\n";

    /// The job of the command line that says the same, as a shell splits it.
    fn rebuilt(job: &Job) -> Job {
        let shell = job.command().to_shell().unwrap().to_string();
        let shim = tempfile::tempdir().unwrap();
        let echo = shim.path().join("lakeward-write");
        std::fs::write(&echo, ECHO).unwrap();
        std::fs::set_permissions(&echo, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", shim.path().display());
        let mut sh = std::process::Command::new("sh");
        sh.args(["-c", &shell]).env("PATH", path);
        if let Some(sql) = &job.init_sql {
            sh.env("LAKEWARD_INIT_SQL", sql);
        }
        let output = sh.output().unwrap();
        assert!(output.status.success(), "{shell}: {output:?}");
        let words = String::from_utf8(output.stdout).unwrap();
        let words = words.split_terminator('\0');
        let args = WriteArgs::try_parse_from(std::iter::once("lakeward-write").chain(words)).unwrap();
        let WriteArgs { query, target, run, .. } = args;
        // Another time of day: the command must not depend on it.
        Job::resolve(query, target, run, "2030-01-01T00:00:00Z".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_command_that_continues_a_run_asks_for_the_same_whatever_its_values() {
        let odd = "it's \"odd\", $HOME `pwd` \\ !x = ü\n\ttwo lines; # $(exit 3)";
        let pairs = |names: [&str; 2]| names.map(|name| (name.to_owned(), odd.to_owned())).to_vec();
        let query = QueryArgs {
            sql: Some(format!("-- {odd}\nSELECT '{odd}' AS a, $$x$$ AS b\n")),
            init_sql: Some(format!("SET VARIABLE x = '{odd}'")),
            database: Some(format!("-{odd}.duckdb")),
            variables: pairs(["-a, 'b'", "$c"]),
            ..QueryArgs::default()
        };
        let target = TargetArgs {
            partition_by: vec!["Day".into(), "region".into()],
            sort_by: vec!["a".into(), "b".into()],
            compression_level: Some(3),
            row_group_size: Some(1000),
            target_file_size: Some(1_000_001),
            comment: Some(odd.into()),
            column_comments: pairs(["A", "-b"])
                .into_iter()
                .map(|(name, text)| (name, text.replace('\n', " ")))
                .collect(),
            properties: pairs(["it's", "-$p q"]),
            ..target()
        };
        let run = RunArgs {
            run_ts: Some("2026-05-19T06:00:00.123456789Z".parse().unwrap()),
            run_key: Some("-scheduled__2026 'x' $y".parse().unwrap()),
        };
        let now = "2026-05-19T06:00:00Z".parse().unwrap();
        let plain = resolve(self::query("SELECT 1"), self::target()).unwrap();
        for job in [Job::resolve(query, target, run, now).unwrap(), plain] {
            let again = rebuilt(&job);
            assert_eq!(again.request, job.request);
            assert_eq!(again.table, job.table);
            assert_eq!(again.run, job.run);
        }
    }

    #[test]
    fn without_its_init_sql_the_command_does_nothing() {
        let init = QueryArgs { init_sql: Some("SET x = 1".into()), ..query("SELECT 1") };
        let job = resolve(init, target()).unwrap();
        assert!(!job.command().to_shell().unwrap().to_string().contains("SET x"));
        let forgotten = Job { init_sql: None, ..job };
        let shell = forgotten.command().to_shell().unwrap().to_string();
        let output = std::process::Command::new("sh").args(["-c", &shell]).env_clear().output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("LAKEWARD_INIT_SQL: set it"), "{said}");
    }

    #[test]
    fn a_name_that_no_flag_can_give_is_refused_in_a_spec_too() {
        for name in ["", "a=b", " a"] {
            let pairs = vec![(name.to_owned(), "x".to_owned())];
            let variables = QueryArgs { variables: pairs.clone(), ..query("SELECT 1") };
            assert_eq!(resolve(variables, target()).unwrap_err().kind(), Kind::Usage, "{name:?}");
            let properties = TargetArgs { properties: pairs, ..target() };
            assert_eq!(resolve(query("SELECT 1"), properties).unwrap_err().kind(), Kind::Usage, "{name:?}");
        }
    }

    #[test]
    fn what_glue_would_refuse_later_is_refused_now() {
        let refused = |target| resolve(query("SELECT 1"), target).unwrap_err().message();
        let comments = vec![("a".to_owned(), "x".repeat(256))];
        assert!(refused(TargetArgs { column_comments: comments, ..target() }).contains("at most 255"));
        let lines = vec![("a".to_owned(), "two\nlines".to_owned())];
        assert!(refused(TargetArgs { column_comments: lines, ..target() }).contains("'\\n'"));
        assert!(refused(TargetArgs { comment: Some("a\0b".into()), ..target() }).contains("does not take"));
        let properties = vec![("lakeward.run".to_owned(), "x".to_owned())];
        assert!(refused(TargetArgs { properties, ..target() }).contains("Lakeward's own"));
        assert!(
            refused(TargetArgs { partition_by: vec!["a".into(), "A".into()], ..target() }).contains("twice")
        );
        let level = TargetArgs { compression: Some(Codec::Snappy), compression_level: Some(3), ..target() };
        assert!(refused(level).contains("takes no compression level"));
    }
}
