//! `lakeward-gc`. Result on stdout, logs on stderr, exit codes as in `docs/PROTOCOL.md`.

use std::process::ExitCode;

use lakeward_cli::run_step;
use lakeward_gc::GcArgs;
use lakeward_manifest::Step;

fn main() -> ExitCode {
    run_step(Step::Gc, |args: GcArgs, context| lakeward_gc::run(args, context))
}
