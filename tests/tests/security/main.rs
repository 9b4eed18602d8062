//! What docs/SECURITY.md promises beside the policies, the programs as processes on the local lake.

mod encryption;
mod injection;
mod owner;
mod secrets;
mod story;

use lakeward_tests::step::Step;
use lakeward_tests::table::{DAYS, Run, Table};

/// A later run's write, and every program on a verified run.
fn every_program(table: &Table<'_>, run: &Run, sql: &str) -> [Step; 7] {
    [
        table.write(DAYS[1], sql),
        table.register(run),
        table.verify(run),
        table.swap(run),
        table.gc(),
        table.backend().step("gc").args(["--abandon", &run.manifest]),
        table.status(),
    ]
}
