//! `lakeward-swap`. Result on stdout, logs on stderr, exit codes as in `docs/PROTOCOL.md`.

use std::process::ExitCode;

use lakeward_cli::run_step;
use lakeward_manifest::Step;
use lakeward_swap::SwapArgs;

fn main() -> ExitCode {
    run_step(Step::Swap, |args: SwapArgs, context| lakeward_swap::run(args, context))
}
