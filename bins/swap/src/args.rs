//! The command line of `lakeward-swap`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use clap::builder::FalseyValueParser;
use lakeward_cli::{CommonArgs, StepArgs, parse_duration};
use lakeward_manifest::{ManifestUri, RootError, RunId, TableRoot};

/// Makes a verified run the live version of its table.
///
/// With --to, publishes an earlier version again: rollback.
#[derive(Debug, Parser)]
#[command(name = "lakeward-swap", version)]
pub struct SwapArgs {
    /// The run's manifest; with --to, any manifest of the table or its root
    #[arg(value_name = "MANIFEST|ROOT", env = "LAKEWARD_MANIFEST")]
    pub target: Target,

    /// Publish this earlier version again
    #[arg(long, value_name = "RUN", env = "LAKEWARD_TO")]
    pub to: Option<RunId>,

    /// Print what would change, and change nothing
    #[arg(long, value_parser = FalseyValueParser::new(), env = "LAKEWARD_DRY_RUN")]
    pub dry_run: bool,

    /// Take over a live table that Lakeward did not make
    #[arg(long, value_parser = FalseyValueParser::new(), env = "LAKEWARD_ADOPT")]
    pub adopt: bool,

    /// Write the SQL of a DuckDB view over the published files to this file
    #[arg(long, value_name = "FILE", env = "LAKEWARD_VIEW_SQL")]
    pub view_sql: Option<PathBuf>,

    /// How long a swap of partitions that has died keeps another run waiting; at least twice --patience and 130 seconds
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_duration, env = "LAKEWARD_LEASE")]
    pub lease: Duration,

    /// What every step takes.
    #[command(flatten)]
    pub common: CommonArgs,
}

impl StepArgs for SwapArgs {
    /// Said by the command itself, when it is a rollback.
    const NOT_REPEATED: &'static [&'static str] = &["to"];

    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

/// A manifest, or the root of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A run.
    Manifest(ManifestUri),
    /// A table.
    Root(TableRoot),
}

impl FromStr for Target {
    type Err = RootError;

    fn from_str(text: &str) -> Result<Self, RootError> {
        // A manifest's URI can never be a root, as a root holds no _runs/ folder of its own.
        match text.parse() {
            Ok(manifest) => Ok(Self::Manifest(manifest)),
            Err(not_manifest @ RootError::NotManifest(_)) => {
                text.parse().map(Self::Root).map_err(|_| not_manifest)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        SwapArgs::command().debug_assert();
    }

    #[test]
    fn every_flag_has_a_variable() {
        assert_eq!(lakeward_cli::flags_without_variable(&SwapArgs::command()), Vec::<String>::new());
    }

    #[test]
    fn a_target_is_a_manifest_or_a_root() {
        let manifest = "s3://lake/orders/_runs/2026-05-19-060000/manifest.json".parse();
        assert!(matches!(manifest, Ok(Target::Manifest(_))));
        assert!(matches!("s3://lake/orders/".parse(), Ok(Target::Root(_))));
        assert!("s3://lake/orders/_runs/x/manifest.json".parse::<Target>().is_err());
    }
}
