//! `lakeward-verify`. Result on stdout, logs on stderr, exit codes as in `docs/PROTOCOL.md`.

use std::process::ExitCode;

use lakeward_cli::run_step;
use lakeward_manifest::Step;
use lakeward_verify::VerifyArgs;

fn main() -> ExitCode {
    run_step(Step::Verify, |args: VerifyArgs, context| lakeward_verify::run(args, context))
}
