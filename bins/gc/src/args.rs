//! The command line of `lakeward-gc`.

use std::time::Duration;

use clap::Parser;
use clap::builder::FalseyValueParser;
use lakeward_cli::{CommonArgs, StepArgs, parse_duration};
use lakeward_manifest::TableRoot;

use crate::plan::Policy;

/// Deletes what nothing can reach any more: old versions, dead attempts, runs that were given up, stale uploads,
/// staged tables, archived Glue table versions.
///
/// It plans first, prints the plan, and then acts on it. It deletes nothing when it cannot learn what is live.
#[derive(Debug, Parser)]
#[command(name = "lakeward-gc", version)]
pub struct GcArgs {
    /// The table's root, such as s3://lake/analytics/orders/
    #[arg(value_name = "ROOT", env = "LAKEWARD_TABLE")]
    pub root: TableRoot,

    /// Keep a version for this many days after another has replaced it
    #[arg(long, value_name = "DAYS", default_value_t = 90, env = "LAKEWARD_RETENTION_DAYS")]
    pub retention_days: u32,

    /// Keep this many versions whatever their age, the live one among them
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..), env = "LAKEWARD_KEEP_VERSIONS")]
    pub keep_versions: u32,

    /// Leave alone what was active within this time: runs in flight, attempts, uploads, rejected runs
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_duration, env = "LAKEWARD_ORPHAN_GRACE")]
    pub orphan_grace: Duration,

    /// Keep a replaced version at least this long for queries that still read it
    #[arg(long, value_name = "DURATION", default_value = "4h", value_parser = parse_duration, env = "LAKEWARD_READER_GRACE")]
    pub reader_grace: Duration,

    /// Print the plan and change nothing
    #[arg(long, value_parser = FalseyValueParser::new(), env = "LAKEWARD_DRY_RUN")]
    pub dry_run: bool,

    /// Tag retired objects instead of deleting them; a lifecycle rule then expires them (--lifecycle-rule)
    #[arg(long, value_parser = FalseyValueParser::new(), env = "LAKEWARD_VIA_LIFECYCLE")]
    pub via_lifecycle: bool,

    /// Print an S3 lifecycle rule that is safe for this table, and do nothing else
    #[arg(long, conflicts_with_all = ["dry_run", "via_lifecycle"], value_parser = FalseyValueParser::new(), env = "LAKEWARD_LIFECYCLE_RULE")]
    pub lifecycle_rule: bool,

    /// The Glue databases to search for tables that lie under the root [default: all]
    #[arg(long = "database", value_name = "NAME", env = "LAKEWARD_GC_DATABASES", value_delimiter = ',')]
    pub databases: Vec<String>,

    /// What every step takes.
    #[command(flatten)]
    pub common: CommonArgs,
}

impl StepArgs for GcArgs {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

impl GcArgs {
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            retention: Duration::from_hours(24).saturating_mul(self.retention_days),
            keep_versions: usize::try_from(self.keep_versions).unwrap_or(usize::MAX),
            orphan_grace: self.orphan_grace,
            reader_grace: self.reader_grace,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        GcArgs::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_variable() {
        assert_eq!(lakeward_cli::flags_without_variable(&GcArgs::command()), Vec::<String>::new());
    }
}
