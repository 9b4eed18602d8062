//! Which step is disturbed, what the lake looks like when it begins, and what follows.

use std::fmt;

use lakeward_manifest::Step;

use crate::embedded::{BUCKET, Command, DATABASE};
use crate::table::{DAYS, NO_GRACE};

/// The table of every scenario.
pub(crate) const TABLE: &str = "orders";
/// The prefix of everything that it owns.
pub(crate) const PREFIX: &str = "orders/";

/// What the table is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Without partitions.
    Plain,
    /// Three partitions; each version loses one and gains one.
    Partitioned,
    /// So many partitions that a swap needs several batches to create, change and remove them.
    Wide,
    /// Without partitions, and of a file that is uploaded in parts.
    Large,
}

impl Shape {
    /// The query of a version, by its number from 1. No two versions have a file in common.
    pub(crate) fn sql(self, version: usize) -> String {
        match self {
            Self::Plain => format!("SELECT i AS id, {version} AS version FROM range({}) t(i)", 10 * version),
            Self::Partitioned => format!(
                "SELECT i AS id, {version} AS version, {version} + i % 3 AS part FROM range({}) t(i)",
                30 * version
            ),
            Self::Wide => format!(
                "SELECT i AS id, {version} AS version, {} + i AS part FROM range(140) t(i)",
                30 * version
            ),
            Self::Large => format!(
                "SELECT hash(i) AS a, hash(i + {version}) AS b, hash(-i) AS c FROM range(150000) t(i)"
            ),
        }
    }

    pub(crate) const fn is_partitioned(self) -> bool {
        matches!(self, Self::Partitioned | Self::Wide)
    }

    const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::Partitioned | Self::Wide => &["--partition-by=part"],
            Self::Large => &["--compression=uncompressed", "--part-size=5MiB"],
        }
    }

    /// The shape's name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "unpartitioned",
            Self::Partitioned => "partitioned",
            Self::Wide => "partitioned, several batches",
            Self::Large => "unpartitioned, upload in parts",
        }
    }
}

/// What has happened before the step begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Nothing was published yet.
    FirstRun,
    /// A version is live.
    LaterRun,
    /// An execution of the same step for the same run has died half way.
    TakeOver,
    /// A swap of the run before has died half way, and its lease is over.
    DeadRival,
    /// Two versions were published, and the older is published again.
    Rollback,
}

impl Story {
    /// The story's name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FirstRun => "first run",
            Self::LaterRun => "later run",
            Self::TakeOver => "take-over",
            Self::DeadRival => "after a dead rival",
            Self::Rollback => "rollback",
        }
    }
}

/// A step to be disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The step.
    pub step: Step,
    /// What has happened before.
    pub story: Story,
    /// What the table is like.
    pub shape: Shape,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.step, self.story.name(), self.shape.name())
    }
}

impl Scenario {
    /// The scenarios of a step with a table of this shape.
    pub fn of(step: Step, shape: Shape) -> Vec<Self> {
        use Story::{DeadRival, FirstRun, LaterRun, Rollback, TakeOver};
        let stories: &[Story] = match (step, shape) {
            // These differ from the others in the requests of one step alone.
            (_, Shape::Wide) => &[LaterRun],
            (_, Shape::Large) => &[FirstRun],
            (Step::Write | Step::Register, _) => &[FirstRun, LaterRun, TakeOver],
            // It leaves nothing behind before its last request that a second execution could meet.
            (Step::Verify, _) => &[FirstRun, LaterRun],
            (Step::Swap, _) => &[FirstRun, LaterRun, TakeOver, DeadRival, Rollback],
            (Step::Gc, _) => &[FirstRun, LaterRun, TakeOver, Rollback],
        };
        stories.iter().map(|&story| Self { step, story, shape }).collect()
    }

    /// The number of the version whose run the step is about.
    pub(crate) const fn version(self) -> usize {
        match self.story {
            Story::FirstRun | Story::Rollback => 1,
            Story::LaterRun | Story::TakeOver => 2,
            Story::DeadRival => 3,
        }
    }

    /// The step with its arguments.
    pub(crate) fn command(self) -> Command {
        match (self.step, self.story) {
            (Step::Swap, Story::Rollback) => roll_back(self.version()),
            (step, _) => self.of_version(step, self.version()),
        }
    }

    /// The rest of the pipeline after the step.
    pub(crate) fn rest(self) -> Vec<Command> {
        let rest: &[Step] = match self.step {
            Step::Write => &[Step::Register, Step::Verify, Step::Swap],
            Step::Register => &[Step::Verify, Step::Swap],
            Step::Verify => &[Step::Swap],
            Step::Swap | Step::Gc => &[],
        };
        rest.iter().map(|&step| self.of_version(step, self.version())).collect()
    }

    /// A step of the run of a version.
    pub(crate) fn of_version(self, step: Step, version: usize) -> Command {
        let command = Command::new(step);
        match step {
            Step::Write => {
                let glue = format!("{DATABASE}.{TABLE}");
                let target =
                    command.args(["--table", &root(), "--glue-table", &glue]).args(self.shape.flags());
                let run = target.args(["--run-ts", DAYS[version - 1]]);
                run.args(["--sql", &self.shape.sql(version), "--threads=1"])
            }
            // Far above any change, so that the live version is read and every run passes.
            Step::Verify if version > 1 => {
                command.args([&manifest(version), "--timeout=0s", "--max-row-change=1000000%"])
            }
            Step::Verify => command.args([&manifest(version), "--timeout=0s"]),
            Step::Register | Step::Swap => command.args([manifest(version)]),
            Step::Gc => command.args(NO_GRACE).args(["--database", DATABASE, &root()]),
        }
    }
}

/// The rollback to a version.
pub(crate) fn roll_back(version: usize) -> Command {
    Command::new(Step::Swap).args([root(), "--to".to_owned(), run_id(version)])
}

fn root() -> String {
    format!("s3://{BUCKET}/{PREFIX}")
}

fn manifest(version: usize) -> String {
    format!("{}_runs/{}/manifest.json", root(), run_id(version))
}

/// The id of a version's run: its timestamp without what separates the parts of the time.
pub(crate) fn run_id(version: usize) -> String {
    DAYS[version - 1].trim_end_matches('Z').replace('T', "-").replace(':', "")
}
