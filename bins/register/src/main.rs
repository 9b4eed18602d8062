//! `lakeward-register`. Result on stdout, logs on stderr, exit codes as in `docs/PROTOCOL.md`.

use std::process::ExitCode;

use lakeward_cli::run_step;
use lakeward_manifest::Step;
use lakeward_register::RegisterArgs;

fn main() -> ExitCode {
    run_step(Step::Register, |args: RegisterArgs, context| lakeward_register::run(args, context))
}
