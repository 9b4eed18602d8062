//! `lakeward-write`. Result on stdout, logs on stderr, exit codes as in `docs/PROTOCOL.md`.

use std::process::ExitCode;

use lakeward_cli::run_step;
use lakeward_manifest::Step;
use lakeward_write::WriteArgs;

fn main() -> ExitCode {
    run_step(Step::Write, |args: WriteArgs, context| lakeward_write::run(args, context))
}
