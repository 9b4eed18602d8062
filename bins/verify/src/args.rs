//! The command line of `lakeward-verify`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::builder::FalseyValueParser;
use lakeward_cli::{CommonArgs, StepArgs, parse_account, parse_duration};
use lakeward_manifest::ManifestUri;
use lakeward_session::EngineArgs;

use crate::gates::Percent;
use crate::replica::ReplicaBucket;

/// Proves that S3 and Glue hold what a registered run's manifest says, before anyone reads it.
///
/// Every file's size, checksum and Parquet footer, the staged table with its partitions, row-count gates, SQL
/// checks, and the replica bucket. A run that fails is marked as rejected and can never go live.
#[derive(Debug, Parser)]
#[command(name = "lakeward-verify", version)]
pub struct VerifyArgs {
    /// The run's manifest, as lakeward-write printed it
    #[arg(value_name = "MANIFEST", env = "LAKEWARD_MANIFEST")]
    pub manifest: ManifestUri,

    /// Files looked at at once
    #[arg(long, value_name = "N", default_value = "32", value_parser = clap::value_parser!(u16).range(1..=1024), env = "LAKEWARD_CONCURRENCY")]
    pub concurrency: u16,

    /// How long to wait for the replica, and at most half a minute of it for Glue to show what was registered
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_duration, env = "LAKEWARD_TIMEOUT")]
    pub timeout: Duration,

    /// What the number of rows has to be.
    #[command(flatten)]
    pub gates: GateArgs,
    /// The user's own checks.
    #[command(flatten)]
    pub sql: SqlArgs,
    /// What DuckDB may use for them.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// The second bucket.
    #[command(flatten)]
    pub replica: ReplicaArgs,
    /// What every step takes.
    #[command(flatten)]
    pub common: CommonArgs,
}

impl StepArgs for VerifyArgs {
    const NOT_REPEATED: &'static [&'static str] = &EngineArgs::OF_THIS_MACHINE;

    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

/// Gates on the number of rows.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Gates")]
pub struct GateArgs {
    /// Reject a run with fewer rows
    #[arg(long, value_name = "N", default_value = "1", env = "LAKEWARD_MIN_ROWS")]
    pub min_rows: u64,

    /// Let a run without any rows pass, whatever --min-rows says
    #[arg(long, value_parser = FalseyValueParser::new(), env = "LAKEWARD_ALLOW_EMPTY")]
    pub allow_empty: bool,

    /// Reject a run whose number of rows differs by more than this from the live version's, such as 50%
    #[arg(long, value_name = "PERCENT", env = "LAKEWARD_MAX_ROW_CHANGE")]
    pub max_row_change: Option<Percent>,
}

/// SQL checks.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "SQL checks")]
pub struct SqlArgs {
    /// A file of SELECTs that return offending rows, each after a line `-- name: NAME`. They see the run as the
    /// view `staged`, the live version as `live`, and the variables run_ts and run_id. May be repeated
    #[arg(long = "check", value_name = "FILE", env = "LAKEWARD_CHECKS", value_delimiter = '\n')]
    pub files: Vec<PathBuf>,
}

/// Another bucket that must have the files too.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Replica")]
pub struct ReplicaArgs {
    /// The bucket that S3 replicates the table to, under the same keys, such as s3://lake-replica/
    #[arg(long = "replica", value_name = "URI", env = "LAKEWARD_REPLICA")]
    pub replica_bucket: Option<ReplicaBucket>,

    /// The replica bucket's Region, when not the table's
    #[arg(long, value_name = "REGION", requires = "replica_bucket", env = "LAKEWARD_REPLICA_REGION")]
    pub replica_region: Option<String>,

    /// Refuse a replica bucket that belongs to another AWS account than this one (12 digits)
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account, env = "LAKEWARD_REPLICA_BUCKET_OWNER")]
    pub replica_bucket_owner: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "s3://lake/orders/_runs/2026-05-19-060000/manifest.json";

    fn parse(flags: &[&str]) -> Result<VerifyArgs, clap::Error> {
        VerifyArgs::try_parse_from([&["lakeward-verify", MANIFEST], flags].concat())
    }

    #[test]
    fn the_manifest_alone_is_enough_and_an_empty_run_is_then_refused() {
        let args = parse(&[]).unwrap();
        assert_eq!(
            (args.gates.min_rows, args.gates.allow_empty, args.gates.max_row_change),
            (1, false, None)
        );
        assert_eq!((args.concurrency, args.timeout), (32, Duration::from_mins(15)));
        assert!(args.sql.files.is_empty() && args.replica.replica_bucket.is_none());
    }

    #[test]
    fn every_flag_has_a_variable() {
        use clap::CommandFactory;
        assert_eq!(lakeward_cli::flags_without_variable(&VerifyArgs::command()), Vec::<String>::new());
    }

    #[test]
    fn flags_are_taken_as_documented() {
        let flags = [
            "--allow-empty",
            "--max-row-change=12.5%",
            "--check=a.sql",
            "--check=b.sql",
            "--replica=s3://lake-replica/",
            "--replica-region=eu-west-1",
            "--memory-limit=1GiB",
        ];
        let args = parse(&flags).unwrap();
        assert!(args.gates.allow_empty);
        assert_eq!(args.gates.max_row_change, "12.5".parse().ok());
        assert_eq!(args.sql.files, [PathBuf::from("a.sql"), PathBuf::from("b.sql")]);
        assert_eq!(args.engine.memory_limit, Some(1 << 30));
        assert_eq!(args.replica.replica_region.as_deref(), Some("eu-west-1"));
    }

    #[test]
    fn flags_that_make_no_sense_are_refused() {
        for flag in [
            "--concurrency=0",
            "--max-row-change=lots",
            "--memory-limit=0",
            "--replica=s3://lake-replica/orders/",
            "--replica-region=eu-west-1",
            "--timeout=-1m",
        ] {
            assert!(parse(&[flag]).is_err(), "{flag}");
        }
    }
}
