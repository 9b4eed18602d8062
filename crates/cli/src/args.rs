//! Arguments that every step takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{FalseyValueParser, OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, ValueEnum};
use jiff::SignedDuration;

/// The variable of `--result-path`.
pub(crate) const RESULT_PATH: &str = "LAKEWARD_RESULT_PATH";
/// The variable of `--termination-log`.
pub(crate) const TERMINATION_LOG: &str = "LAKEWARD_TERMINATION_LOG";
/// Where Kubernetes puts it.
pub(crate) const TERMINATION_LOG_OF_KUBERNETES: &str = "/dev/termination-log";
/// The variable of `--metrics-file`.
pub(crate) const METRICS_FILE: &str = "LAKEWARD_METRICS_FILE";
/// The namespace of jobs in OpenLineage events.
pub(crate) const LINEAGE_NAMESPACE: &str = "lakeward";

/// How logs are written to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON lines elsewhere.
    Auto,
    /// Text.
    Text,
    /// JSON lines.
    Json,
}

/// Arguments that every step takes. AWS itself is configured as for any SDK: the `AWS_*` variables, profiles,
/// IRSA, Pod Identity, `AWS_ENDPOINT_URL`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub struct CommonArgs {
    /// Also write the result, one line of JSON, to this file (Argo output parameter, Airflow XCom)
    #[arg(long, value_name = "FILE", env = RESULT_PATH)]
    pub result_path: Option<PathBuf>,

    /// Form of the logs on stderr
    #[arg(long, value_enum, default_value = "auto", env = "LAKEWARD_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,

    /// Which logs: a level, or directives such as `info,lakeward_store=debug`
    #[arg(long, value_name = "FILTER", default_value = "info", env = "LAKEWARD_LOG")]
    pub(crate) log_level: String,

    /// AWS Region, when not the configured one
    #[arg(long, env = "LAKEWARD_REGION")]
    pub region: Option<String>,

    /// How long to go on trying while S3 or Glue throttles or cannot be reached
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = parse_duration, env = "LAKEWARD_PATIENCE")]
    pub patience: Duration,

    /// Refuse a table's bucket that belongs to another AWS account than this one (12 digits)
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account, env = "LAKEWARD_EXPECTED_BUCKET_OWNER")]
    pub expected_bucket_owner: Option<String>,

    /// The AWS account whose Glue Data Catalog to use, when not the caller's own (12 digits)
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account, env = "LAKEWARD_CATALOG_ID")]
    pub catalog_id: Option<String>,

    /// How S3 is to encrypt what this step puts [default: as the bucket does]
    #[arg(long, value_enum, env = "LAKEWARD_SSE")]
    pub sse: Option<Sse>,

    /// The KMS key to encrypt with, an ARN, an id or an alias; with --sse aws:kms or aws:kms:dsse
    #[arg(long, value_name = "KEY", env = "LAKEWARD_SSE_KMS_KEY_ID")]
    pub sse_kms_key_id: Option<String>,

    /// Let S3 use one data key for many objects, which makes fewer calls to KMS; with --sse aws:kms
    #[arg(long, value_parser = FalseyValueParser::new(), env = "LAKEWARD_BUCKET_KEY_ENABLED")]
    pub bucket_key_enabled: bool,

    /// Who else is told of the execution.
    #[command(flatten)]
    pub(crate) observe: ObserveArgs,
}

/// Who is told of an execution, besides those who read its result and logs. None of it can fail a step, so each takes
/// nothing at all as well: as good as not given.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Observability")]
pub(crate) struct ObserveArgs {
    /// Write the reason of a failure to this file, if it is there: Kubernetes shows it in the state of the pod
    #[arg(long, value_name = "FILE", default_value = TERMINATION_LOG_OF_KUBERNETES, value_parser = any_path(), env = TERMINATION_LOG)]
    pub(crate) termination_log: PathBuf,

    /// Write metrics of this execution to this file when it ends, for Prometheus (node exporter's textfile collector)
    #[arg(long, value_name = "FILE", value_parser = any_path(), env = METRICS_FILE)]
    pub(crate) metrics_file: Option<PathBuf>,

    /// Send traces and metrics to this OpenTelemetry collector, by HTTP with protobuf (port 4318). All that is usual is
    /// taken from the OTEL_... variables
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true)]
    pub(crate) otlp_endpoint: Option<String>,

    /// The W3C trace context of what this execution is part of; without one, the steps of a run share a trace of their own
    #[arg(long, value_name = "CONTEXT", env = "TRACEPARENT")]
    pub(crate) traceparent: Option<String>,

    /// Tell OpenLineage events to this URL (its /api/v1/lineage), or append them to this file
    #[arg(long, value_name = "URL|FILE", env = "OPENLINEAGE_URL", hide_env_values = true)]
    pub(crate) openlineage: Option<String>,

    /// The namespace of the jobs in OpenLineage events
    #[arg(long, value_name = "NAME", default_value = LINEAGE_NAMESPACE, env = "OPENLINEAGE_NAMESPACE")]
    pub(crate) openlineage_namespace: String,

    /// The run that this execution is part of, as NAMESPACE/JOB/RUN-ID [default: the run of its table]
    #[arg(long, value_name = "PARENT", env = "OPENLINEAGE_PARENT_ID")]
    pub(crate) openlineage_parent: Option<String>,
}

/// Server-side encryption, in the words of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sse {
    /// With keys of S3's own.
    #[value(name = "AES256")]
    S3,
    /// With a key of KMS.
    #[value(name = "aws:kms")]
    Kms,
    /// Twice, with a key of KMS.
    #[value(name = "aws:kms:dsse")]
    KmsTwice,
}

/// The arguments of one binary.
pub trait StepArgs: Parser {
    /// The ids of flags that a command which continues this one's work is not given: the manifest holds what they say,
    /// or they are about this machine.
    const NOT_REPEATED: &'static [&'static str] = &[];

    /// The arguments that every step takes.
    fn common(&self) -> &CommonArgs;
}

/// The arguments of a binary that a person runs to be told something.
pub trait ReaderArgs: StepArgs {
    /// Whether the result is to be one line of JSON, as that of a step, instead of text.
    fn json(&self) -> bool;
}

/// The flags of a command that no environment variable sets: by contract there is none but help and version. For the
/// tests of the binaries.
pub fn flags_without_variable(command: &clap::Command) -> Vec<String> {
    let flags = command.get_arguments().filter(|flag| flag.get_env().is_none());
    flags.map(|flag| flag.get_id().to_string()).filter(|id| id != "help" && id != "version").collect()
}

/// Parses `90s`, `15m`, `4h`, `24h`, `1h 30m`.
///
/// # Errors
/// A sentence for the user.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let malformed = || format!("{text:?} is not a duration such as 90s, 15m or 24h");
    let signed: SignedDuration = text.parse().map_err(|_| malformed())?;
    Duration::try_from(signed).map_err(|_| malformed())
}

/// Takes a path as it is. Clap's own parser refuses an empty one, and with it a variable that is set to nothing.
fn any_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Parses an AWS account id.
///
/// # Errors
/// A sentence for the user.
pub fn parse_account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is not an AWS account id of 12 digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("24h"), Ok(Duration::from_hours(24)));
        assert_eq!(parse_duration("1h 30m"), Ok(Duration::from_mins(90)));
        for bad in ["", "5", "-5m", "soon"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
