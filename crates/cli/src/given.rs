//! The flags that an execution was given, so that a command that continues its work has them too.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command};
use lakeward_manifest::{CommandLine, Flag};

use crate::args::{CommonArgs, ObserveArgs, StepArgs};
use crate::program::Program;

/// How this execution reports is its own affair, and so is all of [`ObserveArgs`].
const REPORTING: [&str; 3] = ["result_path", "log_format", "log_level"];

/// The flags that an execution was given, on its command line or by variables; none that may hold a secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// Those that every step takes.
    common: Vec<Flag>,
    /// Those of its own.
    own: Vec<Flag>,
}

impl Given {
    /// From a command line of `A` that was parsed.
    pub(crate) fn of<A: StepArgs>(matches: &ArgMatches) -> Self {
        let common = CommonArgs::augment_args(Command::new("common"));
        let is_common = |flag: &&Arg| common.get_arguments().any(|known| known.get_id() == flag.get_id());
        let observe = ObserveArgs::augment_args(Command::new("observe"));
        let observes = |flag: &&Arg| observe.get_arguments().any(|known| known.get_id() == flag.get_id());
        let command = A::command();
        let (common, own) = command
            .get_arguments()
            .filter(|flag| is_repeated::<A>(flag) && !observes(flag))
            .partition::<Vec<&Arg>, _>(is_common);
        let given = |flags: Vec<&Arg>| flags.into_iter().flat_map(|flag| values(flag, matches)).collect();
        Self { common: given(common), own: given(own) }
    }

    /// Adds to `line` what it shares with this execution of `program`.
    pub(crate) fn complete(&self, line: CommandLine, program: impl Program) -> CommandLine {
        let same = line.step().binary() == program.binary();
        let line = if same { line.with(&self.own) } else { line };
        line.with(&self.common)
    }
}

fn is_repeated<A: StepArgs>(flag: &Arg) -> bool {
    let id = flag.get_id().as_str();
    // What --help does not show the value of may hold a secret.
    !flag.is_positional()
        && !flag.is_hide_env_values_set()
        && !REPORTING.contains(&id)
        && !A::NOT_REPEATED.contains(&id)
}

/// The flag as often as it was given.
fn values(flag: &Arg, matches: &ArgMatches) -> Vec<Flag> {
    let id = flag.get_id().as_str();
    let given = matches!(matches.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
    let Some(name) = flag.get_long().filter(|_| given).map(|long| format!("--{long}")) else {
        return Vec::new();
    };
    if matches!(flag.get_action(), ArgAction::SetTrue) {
        return if matches.get_flag(id) { vec![Flag::switch(&name)] } else { Vec::new() };
    }
    let raw = matches.get_raw(id).into_iter().flatten();
    raw.map(|value| value.to_str().map_or_else(|| Flag::unsayable(&name), |text| Flag::new(&name, text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::{CommandFactory, Parser};
    use lakeward_manifest::Step;

    use super::*;

    #[derive(Debug, Parser)]
    struct Verify {
        #[arg()]
        manifest: String,
        #[arg(long)]
        adopt: bool,
        #[arg(long)]
        dry: bool,
        #[arg(long = "check", value_delimiter = '\n')]
        checks: Vec<PathBuf>,
        #[arg(long, default_value = "1")]
        min_rows: u64,
        #[arg(long, hide_env_values = true)]
        secret: Option<String>,
        #[arg(long)]
        scratch: Option<String>,
        #[command(flatten)]
        common: CommonArgs,
    }

    impl StepArgs for Verify {
        const NOT_REPEATED: &'static [&'static str] = &["scratch"];

        fn common(&self) -> &CommonArgs {
            &self.common
        }
    }

    fn line(of: Step, step: Step) -> String {
        let given = [
            "lakeward-verify",
            "the manifest",
            "--adopt",
            "--check=a b.sql",
            "--check=c.sql",
            "--secret=planted",
            "--scratch=/tmp",
            "--region=eu-west-1",
            "--result-path=/tmp/result.json",
            "--metrics-file=/tmp/lakeward.prom",
        ];
        let given = Given::of::<Verify>(&Verify::command().get_matches_from(given));
        let manifest = "s3://lake/orders/_runs/2026-05-19-060000/manifest.json".parse().unwrap();
        let line = given.complete(CommandLine::on_run(step, &manifest), of).to_shell().unwrap().to_string();
        line.replace(&manifest.to_string(), "URI")
    }

    #[test]
    fn the_command_of_the_same_step_has_the_flags_that_were_given_and_no_secret() {
        let expected = "lakeward-verify URI --adopt --check='a b.sql' --check=c.sql --region=eu-west-1";
        assert_eq!(line(Step::Verify, Step::Verify), expected);
    }

    #[test]
    fn the_command_of_another_step_has_those_that_every_step_takes() {
        assert_eq!(line(Step::Verify, Step::Swap), "lakeward-swap URI --region=eu-west-1");
    }
}
