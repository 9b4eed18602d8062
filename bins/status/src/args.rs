//! The command line of `lakeward-status`.

use clap::Parser;
use clap::builder::FalseyValueParser;
use lakeward_cli::{CommonArgs, ReaderArgs, StepArgs};
use lakeward_manifest::TableRoot;

/// Tells which run of a table is live, how far every run has come, what failed last, and the command that continues it.
///
/// It reads and changes nothing.
#[derive(Debug, Parser)]
#[command(name = "lakeward-status", version)]
pub struct StatusArgs {
    /// The table's root, such as s3://lake/analytics/orders/
    #[arg(value_name = "ROOT", env = "LAKEWARD_TABLE")]
    pub root: TableRoot,

    /// Print one line of JSON instead of text
    #[arg(long, value_parser = FalseyValueParser::new(), env = "LAKEWARD_JSON")]
    pub json: bool,

    /// Tell of this many of the newest runs; of older ones only the live run and those that are not finished
    #[arg(long, value_name = "N", default_value_t = 20, env = "LAKEWARD_LIMIT")]
    pub limit: usize,

    /// What every step takes.
    #[command(flatten)]
    pub common: CommonArgs,
}

impl StepArgs for StatusArgs {
    fn common(&self) -> &CommonArgs {
        &self.common
    }
}

impl ReaderArgs for StatusArgs {
    fn json(&self) -> bool {
        self.json
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_flag_has_a_variable() {
        StatusArgs::command().debug_assert();
        assert_eq!(lakeward_cli::flags_without_variable(&StatusArgs::command()), Vec::<String>::new());
    }
}
