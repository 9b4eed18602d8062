//! `lakeward-status`. What there is to know on stdout, logs on stderr, exit codes as in `docs/PROTOCOL.md`.

use std::process::ExitCode;

use lakeward_cli::run_reader;
use lakeward_status::{Status, StatusArgs};

fn main() -> ExitCode {
    run_reader(Status, |args: StatusArgs, context| lakeward_status::run(args, context))
}
