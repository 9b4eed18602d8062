//! The command line of `lakeward-register`.

use clap::Parser;
use lakeward_cli::{CommonArgs, StepArgs};
use lakeward_manifest::ManifestUri;

/// Makes a written run queryable in Glue as its staged table, without touching the live table.
#[derive(Debug, Parser)]
#[command(name = "lakeward-register", version)]
pub struct RegisterArgs {
    /// The run's manifest, as lakeward-write printed it
    #[arg(value_name = "MANIFEST", env = "LAKEWARD_MANIFEST")]
    pub manifest: ManifestUri,

    /// What every step takes.
    #[command(flatten)]
    pub common: CommonArgs,
}

impl StepArgs for RegisterArgs {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_flag_has_a_variable() {
        RegisterArgs::command().debug_assert();
        assert_eq!(lakeward_cli::flags_without_variable(&RegisterArgs::command()), Vec::<String>::new());
    }
}
