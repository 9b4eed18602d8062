//! One table of an embedded lake, and the steps of its numbered runs.

use lakeward_manifest::Step;

use super::Command;
use crate::table::NO_GRACE;

/// The table `shop.orders` at `s3://lake/orders/`. Its runs are numbered: a higher number is a newer run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    /// Whether it has partitions; those of a run are others than those of the run before.
    pub partitioned: bool,
}

impl Orders {
    /// Its root.
    pub const ROOT: &str = "s3://lake/orders/";
    /// Its name in Glue, without the database.
    pub const NAME: &str = "orders";

    /// The id of a run.
    pub fn run(number: usize) -> String {
        format!("2026-01-{:02}-{:02}0000", 1 + number / 24, number % 24)
    }

    /// The URI of a run's manifest.
    pub fn manifest(number: usize) -> String {
        format!("{}_runs/{}/manifest.json", Self::ROOT, Self::run(number))
    }

    /// The prefix of a run's files, as keys have it.
    pub fn writes(number: usize) -> String {
        format!("orders/_writes/{}/", Self::run(number))
    }

    /// `write`, of rows that no other run has.
    pub fn write(self, number: usize) -> Command {
        let rows = 3 + number;
        let sql =
            format!("SELECT i AS id, {number} AS run, (i + {number}) % 4 AS part FROM range({rows}) t(i)");
        self.write_of(number, &sql)
    }

    /// `write`, of this query.
    pub fn write_of(self, number: usize, sql: &str) -> Command {
        let time = format!("2026-01-{:02}T{:02}:00:00Z", 1 + number / 24, number % 24);
        let write = Command::new(Step::Write).args(["--table", Self::ROOT, "--glue-table", "shop.orders"]);
        let write = write.args(["--run-ts", &time, "--sql", sql]);
        if self.partitioned { write.args(["--partition-by", "part"]) } else { write }
    }

    /// `register`.
    pub fn register(number: usize) -> Command {
        Command::new(Step::Register).args([Self::manifest(number)])
    }

    /// `verify`, which waits for nothing.
    pub fn verify(number: usize) -> Command {
        Command::new(Step::Verify).args([&Self::manifest(number), "--timeout=0s"])
    }

    /// `verify`, with a gate that no run passes.
    pub fn reject(number: usize) -> Command {
        Self::verify(number).args(["--min-rows=1000"])
    }

    /// `swap`.
    pub fn swap(number: usize) -> Command {
        Command::new(Step::Swap).args([Self::manifest(number)])
    }

    /// `swap --to`.
    pub fn roll_back(number: usize) -> Command {
        Command::new(Step::Swap).args([Self::ROOT, "--to", &Self::run(number)])
    }

    /// `gc`, with its default times.
    pub fn gc() -> Command {
        Command::new(Step::Gc).args([Self::ROOT])
    }

    /// `gc` that keeps nothing but the live version.
    pub fn gc_all() -> Command {
        Self::gc().args(NO_GRACE)
    }

    /// `gc --abandon`.
    pub fn abandon(number: usize) -> Command {
        Command::new(Step::Gc).args(["--abandon", &Self::manifest(number)])
    }

    /// The steps that publish a run, in their order.
    pub fn publish(self, number: usize) -> [Command; 4] {
        [self.write(number), Self::register(number), Self::verify(number), Self::swap(number)]
    }
}
