//! What can happen to a table.

use std::time::Duration;

use lakeward_local::When;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// An event of a history. An index picks one of the runs that there are then.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// A new run takes these steps, 1 to 4, and each succeeds or not.
    Run { steps: usize },
    /// A new run is rejected by `verify`.
    Reject,
    /// A new run dies in its last step, at a request.
    Die { steps: usize, at: Death },
    /// A run that has not ended takes its next step, as a retry does.
    GoOn { run: Index },
    /// A rollback to any run, which may die at a request.
    RollBack { run: Index, at: Option<Death> },
    /// A run is abandoned, which may die at a request.
    Abandon { run: Index, at: Option<Death> },
    /// gc, which may die at a request.
    Collect { keep: Keep, at: Option<Death> },
    /// A multipart upload of a run is begun and not finished.
    Upload { run: Index },
    /// Time passes.
    Pass { time: Duration },
    /// The clock is set back a little.
    SetBack { time: Duration },
    /// A new run stalls in its last step, at a request of this kind. A step that stalls already wakes first.
    Stall { steps: usize, operation: &'static str, nth: u64 },
    /// The step that stalls wakes up.
    Wake,
}

/// The request at which a step dies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death {
    pub(crate) nth: u64,
    pub(crate) when: When,
}

/// What gc is told to keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    pub(crate) retention: Duration,
    pub(crate) versions: usize,
    pub(crate) orphan_grace: Duration,
    pub(crate) reader_grace: Duration,
}

/// Where a step may stall. Not in a batch of partitions: that a swap which is suspended there for longer than its lease
/// moves partitions back is known (`docs/PROTOCOL.md`).
const STALLS: [&str; 8] = [
    "GetObject",
    "PutObject",
    "GetTable",
    "CreateTable",
    "UpdateTable",
    "GetPartitions",
    "ListObjectVersions",
    "DeleteObjects",
];

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let hours = Duration::from_hours;
    let run = any::<Index>;
    let passing = select(vec![hours(1), hours(3), hours(5), hours(30), hours(24 * 40)]);
    prop_oneof![
        6 => select(vec![1_usize, 2, 3, 4, 4, 4, 4]).prop_map(|steps| Operation::Run { steps }),
        1 => Just(Operation::Reject),
        3 => (1..=4_usize, death()).prop_map(|(steps, at)| Operation::Die { steps, at }),
        2 => run().prop_map(|run| Operation::GoOn { run }),
        2 => (run(), maybe(death())).prop_map(|(run, at)| Operation::RollBack { run, at }),
        1 => (run(), maybe(death())).prop_map(|(run, at)| Operation::Abandon { run, at }),
        5 => (keep(), maybe(death())).prop_map(|(keep, at)| Operation::Collect { keep, at }),
        1 => run().prop_map(|run| Operation::Upload { run }),
        4 => passing.prop_map(|time| Operation::Pass { time }),
        1 => (1..=10_u64).prop_map(|minutes| Operation::SetBack { time: Duration::from_mins(minutes) }),
        2 => (1..=4_usize, select(STALLS.to_vec()), 1..=4_u64)
            .prop_map(|(steps, operation, nth)| Operation::Stall { steps, operation, nth }),
        2 => Just(Operation::Wake),
    ]
}

fn maybe(death: impl Strategy<Value = Death>) -> impl Strategy<Value = Option<Death>> {
    prop::option::weighted(0.25, death)
}

fn death() -> impl Strategy<Value = Death> {
    let when = prop_oneof![Just(When::Before), Just(When::After)];
    (1..=24_u64, when).prop_map(|(nth, when)| Death { nth, when })
}

fn keep() -> impl Strategy<Value = Keep> {
    let hours = Duration::from_hours;
    let times = (select(vec![hours(0), hours(24 * 30)]), 1..=3_usize);
    let graces = (select(vec![hours(0), hours(24)]), select(vec![hours(0), hours(4)]));
    (times, graces).prop_map(|((retention, versions), (orphan_grace, reader_grace))| Keep {
        retention,
        versions,
        orphan_grace,
        reader_grace,
    })
}
