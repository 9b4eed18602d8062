//! The command line of `lakeward-gc`.

use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, FromArgMatches, Parser};
use lakeward_cli::{CommonArgs, StepArgs, parse_duration};
use lakeward_manifest::{ManifestUri, TableRoot};
use lakeward_outcome::{Failure, Kind};

use crate::plan::Policy;

/// Deletes what nothing can reach any more: old versions, dead attempts, runs that were given up, stale uploads,
/// staged tables, archived Glue table versions.
///
/// It plans first, prints the plan, and then acts on it. It deletes nothing when it cannot learn what is live.
/// With --abandon, ends one run that failed and removes what it left.
#[derive(Debug, Parser)]
#[command(name = "lakeward-gc", version)]
pub struct GcArgs {
    /// What to work on.
    #[command(flatten)]
    pub target: Target,

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
    #[arg(long, value_parser = FalseyValueParser::new(), env = "LAKEWARD_LIFECYCLE_RULE")]
    pub lifecycle_rule: bool,

    /// The Glue databases to search for tables that lie under the root [default: all]
    #[arg(long = "database", value_name = "NAME", env = "LAKEWARD_GC_DATABASES", value_delimiter = ',')]
    pub databases: Vec<String>,

    /// What every step takes.
    #[command(flatten)]
    pub common: CommonArgs,
}

impl StepArgs for GcArgs {
    /// Said by the command itself.
    const NOT_REPEATED: &'static [&'static str] = &["abandon"];

    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

/// What to work on: a table, or one run of it. ROOT and `--abandon` exclude each other; what the command line says
/// goes before the environment, where all steps of a table may share `LAKEWARD_TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Collect what nothing of the table can reach.
    Table(TableRoot),
    /// Abandon the run.
    Run(ManifestUri),
}

#[derive(Debug, Args)]
struct TargetArgs {
    /// The table's root, such as s3://lake/analytics/orders/
    #[arg(value_name = "ROOT", env = "LAKEWARD_TABLE", required_unless_present = "abandon")]
    root: Option<TableRoot>,

    /// End this run for good and remove what it left, instead of collecting; for failure handlers
    #[arg(long, value_name = "MANIFEST", env = "LAKEWARD_ABANDON")]
    abandon: Option<ManifestUri>,
}

impl Args for Target {
    fn augment_args(command: clap::Command) -> clap::Command {
        TargetArgs::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        TargetArgs::augment_args_for_update(command)
    }
}

impl FromArgMatches for Target {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let TargetArgs { root, abandon } = TargetArgs::from_arg_matches(matches)?;
        let typed = |id| matches.value_source(id) == Some(ValueSource::CommandLine);
        match (root, abandon) {
            (Some(root), None) => Ok(Self::Table(root)),
            (Some(root), Some(_)) if typed("root") && !typed("abandon") => Ok(Self::Table(root)),
            (None, Some(run)) => Ok(Self::Run(run)),
            (Some(_), Some(run)) if typed("abandon") && !typed("root") => Ok(Self::Run(run)),
            (Some(_), Some(_)) => {
                let message = "ROOT and --abandon MANIFEST exclude each other: give one of them";
                Err(clap::Error::raw(ErrorKind::ArgumentConflict, message))
            }
            (None, None) => {
                let message = "give the ROOT of a table, or --abandon MANIFEST";
                Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, message))
            }
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Target {
    /// The table's root.
    pub const fn root(&self) -> &TableRoot {
        match self {
            Self::Table(root) | Self::Run(ManifestUri { root, .. }) => root,
        }
    }
}

impl GcArgs {
    /// Refuses two modes at once. Not the parser's work: to it a variable that says `false` is a mode as well.
    pub(crate) fn check_modes(&self) -> Result<(), Failure> {
        let modes = [
            (matches!(self.target, Target::Run(_)), "--abandon"),
            (self.lifecycle_rule, "--lifecycle-rule"),
            (self.dry_run || self.via_lifecycle, "--dry-run and --via-lifecycle"),
        ];
        let mut chosen = modes.into_iter().filter(|(chosen, _)| *chosen).map(|(_, name)| name);
        match (chosen.next(), chosen.next()) {
            (Some(one), Some(other)) => {
                Err(Failure::new(Kind::Usage, format!("{one} does not go with {other}: give one of them")))
            }
            _ => Ok(()),
        }
    }

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

    const ROOT: &str = "s3://lake/orders/";
    const RUN: &str = "s3://lake/orders/_runs/2026-05-19-060000/manifest.json";

    fn parsed(args: &[&str]) -> Result<Target, ErrorKind> {
        let line = std::iter::once("lakeward-gc").chain(args.iter().copied());
        GcArgs::try_parse_from(line).map(|args| args.target).map_err(|error| error.kind())
    }

    #[test]
    fn a_table_is_collected_or_a_run_abandoned_and_never_both() {
        assert_eq!(parsed(&[ROOT]), Ok(Target::Table(ROOT.parse().unwrap())));
        assert_eq!(parsed(&["--abandon", RUN]), Ok(Target::Run(RUN.parse().unwrap())));
        assert_eq!(parsed(&[ROOT, "--abandon", RUN]), Err(ErrorKind::ArgumentConflict));
        assert_eq!(parsed(&[]), Err(ErrorKind::MissingRequiredArgument));
    }

    #[test]
    fn modes_that_exclude_each_other_are_refused() {
        let modes = |args: &[&str]| {
            let line = std::iter::once("lakeward-gc").chain(args.iter().copied());
            GcArgs::try_parse_from(line).unwrap().check_modes().map_err(|failure| failure.kind())
        };
        for mode in ["--dry-run", "--via-lifecycle", "--lifecycle-rule"] {
            assert_eq!(modes(&["--abandon", RUN, mode]), Err(Kind::Usage), "{mode}");
            assert_eq!(modes(&[ROOT, mode]), Ok(()), "{mode}");
        }
        assert_eq!(modes(&[ROOT, "--lifecycle-rule", "--dry-run"]), Err(Kind::Usage));
        assert_eq!(modes(&[ROOT, "--dry-run", "--via-lifecycle"]), Ok(()));
    }

    #[test]
    fn every_flag_has_a_variable() {
        assert_eq!(lakeward_cli::flags_without_variable(&GcArgs::command()), Vec::<String>::new());
    }
}
