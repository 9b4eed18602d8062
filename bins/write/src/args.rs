//! The command line of `lakeward-write`.

use std::path::PathBuf;

use clap::Parser;
use jiff::Timestamp;
use lakeward_cli::{CommonArgs, StepArgs};
use lakeward_manifest::{Codec, GlueName, RunKey, TableRoot};
use lakeward_session::{EngineArgs, parse_size};

/// Runs a DuckDB query and writes its result as the files of a new run.
///
/// The run is not visible to any reader yet. The result line on stdout names its manifest, which is the one
/// argument of the next steps: lakeward-register, lakeward-verify, lakeward-swap.
#[derive(Debug, Parser)]
#[command(name = "lakeward-write", version)]
pub struct WriteArgs {
    /// What to run.
    #[command(flatten)]
    pub query: QueryArgs,
    /// What to write.
    #[command(flatten)]
    pub target: TargetArgs,
    /// Which run this is.
    #[command(flatten)]
    pub run: RunArgs,
    /// What DuckDB may use.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// How files go to S3.
    #[command(flatten)]
    pub upload: UploadArgs,
    /// What every step takes.
    #[command(flatten)]
    pub common: CommonArgs,
}

impl StepArgs for WriteArgs {
    const NOT_REPEATED: &'static [&'static str] =
        &["spec", "sql_file", EngineArgs::OF_THIS_MACHINE[0], EngineArgs::OF_THIS_MACHINE[1]];

    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

/// The query and what it runs in.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Query")]
pub struct QueryArgs {
    /// The query. Without --sql, --sql-file or sql in the spec it is read from standard input
    #[arg(
        long,
        conflicts_with = "sql_file",
        allow_hyphen_values = true,
        hide_env_values = true,
        env = "LAKEWARD_SQL"
    )]
    pub sql: Option<String>,

    /// A file with the query; `-` is standard input
    #[arg(long, value_name = "FILE", env = "LAKEWARD_SQL_FILE")]
    pub sql_file: Option<PathBuf>,

    /// A DuckDB database to attach read-only and use: a path or an s3:// URI
    #[arg(long, value_name = "PATH|URI", env = "LAKEWARD_DATABASE")]
    pub database: Option<String>,

    /// SQL to run first: settings, ATTACH, LOAD. Kept out of the manifest, as it may hold secrets
    #[arg(
        long,
        value_name = "SQL",
        allow_hyphen_values = true,
        hide_env_values = true,
        env = "LAKEWARD_INIT_SQL"
    )]
    pub init_sql: Option<String>,

    /// A DuckDB variable, read in SQL by getvariable('NAME'); run_ts and run_id are always set. May be repeated; its
    /// environment variable holds one
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = parse_pair, hide_env_values = true, env = "LAKEWARD_VAR")]
    pub variables: Vec<(String, String)>,
}

/// The table.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Table")]
pub struct TargetArgs {
    /// A YAML file that may hold everything that describes the table and the query; flags win over it
    #[arg(long, value_name = "FILE", env = "LAKEWARD_SPEC")]
    pub spec: Option<PathBuf>,

    /// The S3 prefix that the table owns, such as s3://lake/analytics/orders/
    #[arg(long, value_name = "URI", env = "LAKEWARD_TABLE")]
    pub table: Option<TableRoot>,

    /// The live table in Glue
    #[arg(long, value_name = "DATABASE.TABLE", env = "LAKEWARD_GLUE_TABLE")]
    pub glue_table: Option<GlueName>,

    /// Partition columns, in order
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', env = "LAKEWARD_PARTITION_BY")]
    pub partition_by: Vec<String>,

    /// Columns to sort rows by within their files
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',', env = "LAKEWARD_SORT_BY")]
    pub sort_by: Vec<String>,

    /// zstd, snappy, gzip, lz4 or uncompressed [default: zstd]
    #[arg(long, value_name = "CODEC", env = "LAKEWARD_COMPRESSION")]
    pub compression: Option<Codec>,

    /// The level of zstd, 1 to 22
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=22), env = "LAKEWARD_COMPRESSION_LEVEL")]
    pub compression_level: Option<u8>,

    /// Rows in a Parquet row group [default: DuckDB's, 122880]
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..), env = "LAKEWARD_ROW_GROUP_SIZE")]
    pub row_group_size: Option<u64>,

    /// Begin a new file at about this size, such as 256MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size, env = "LAKEWARD_TARGET_FILE_SIZE")]
    pub target_file_size: Option<u64>,

    /// The table's description
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, env = "LAKEWARD_COMMENT")]
    pub comment: Option<String>,

    /// The comment of a column. May be repeated; its environment variable holds one
    #[arg(long = "column-comment", value_name = "COLUMN=TEXT", value_parser = parse_pair, env = "LAKEWARD_COLUMN_COMMENT")]
    pub column_comments: Vec<(String, String)>,

    /// A Glue table parameter of your own. May be repeated; its environment variable holds one
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = parse_pair, env = "LAKEWARD_PROPERTY")]
    pub properties: Vec<(String, String)>,
}

/// The run's identity.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// The run timestamp, RFC 3339. The same for every retry of a run [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time, env = "LAKEWARD_RUN_TS")]
    pub run_ts: Option<Timestamp>,

    /// The orchestrator's own id of the run, such as Airflow's run_id
    #[arg(long, value_name = "ID", env = "LAKEWARD_RUN_KEY", requires = "run_ts")]
    pub run_key: Option<RunKey>,
}

/// How files go to S3.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Upload")]
pub struct UploadArgs {
    /// The size of an upload's part; grows for files of more than 10,000 parts
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = parse_part_size, env = "LAKEWARD_PART_SIZE")]
    pub part_size: u64,

    /// Parts uploaded at once; each takes a part's size of memory
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=256), env = "LAKEWARD_UPLOADS")]
    pub uploads: u16,
}

fn parse_time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|error| {
        format!("{error}; expected date, time and offset from UTC, such as 2026-05-19T06:00:00Z")
    })
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not of the form NAME=VALUE")),
    }
}

impl UploadArgs {
    /// Bytes that uploads hold in memory at most.
    pub(crate) fn memory(&self) -> u64 {
        self.part_size.saturating_mul(self.uploads.into())
    }
}

fn parse_part_size(text: &str) -> Result<u64, String> {
    let size = parse_size(text)?;
    // S3's own limits for every part but the last.
    let range = (5 << 20)..=(5 << 30);
    if range.contains(&size) { Ok(size) } else { Err("a part has 5MiB to 5GiB".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        WriteArgs::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_variable() {
        use clap::CommandFactory;
        assert_eq!(lakeward_cli::flags_without_variable(&WriteArgs::command()), Vec::<String>::new());
    }

    #[test]
    fn a_value_may_hold_equals_signs_and_a_name_may_not_be_empty() {
        assert_eq!(parse_pair("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert!(parse_pair("=b").is_err() && parse_pair("a").is_err());
    }

    #[test]
    fn a_part_has_the_sizes_that_s3_takes() {
        assert_eq!(parse_part_size("16MiB"), Ok(16 << 20));
        assert!(parse_part_size("1MiB").is_err() && parse_part_size("6GiB").is_err());
    }
}
