//! Where a search begins: runs, how far each has come, which one is live.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use lakeward_manifest::{
    AttemptId, ExecutionId, Fingerprint, LiveState, Manifest, Publication, Registration, Request, Run, RunId,
    Stamp, Step, TableSpec, Verification, Written,
};
use serde_json::{Map, json};

use crate::lake::{Lake, RunNo, Table, Value};
use crate::named::Named;

/// How long an intent in the live table holds without being renewed.
pub(crate) const LEASE: Duration = Duration::from_mins(15);
/// Every lease has run out when time has passed once.
const A_WHILE: Duration = Duration::from_hours(1);

/// The time after it has passed so often. It stands still otherwise.
pub(crate) fn now(passed: u32) -> Timestamp {
    let start: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    start + A_WHILE * passed
}

/// When a version of the live table was made: no two are of one time.
pub(crate) fn published_at(passed: u32, version: u32) -> Timestamp {
    now(passed) + Duration::from_secs(1) * version
}

pub(crate) fn id(run: RunNo) -> RunId {
    format!("2026-05-{run:02}-060000").parse().unwrap()
}

pub(crate) fn number(run: &RunId) -> RunNo {
    run.as_str()[8..10].parse().unwrap()
}

pub(crate) fn attempt() -> AttemptId {
    AttemptId::from_random(1)
}

/// The stamp of the `nth` change of an execution: no two are alike.
pub(crate) fn stamp(step: Step, execution: u32, passed: u32, nth: u32) -> Stamp {
    let at = now(passed) + Duration::from_millis(1) * (10 * execution + nth);
    Stamp { at, step, execution: ExecutionId::from_random(execution.into()) }
}

/// The partitions that a run has: all runs have one in common, and every other run another one.
pub(crate) fn partitions_of(run: RunNo) -> BTreeMap<Value, RunNo> {
    BTreeMap::from([(0, run), (1 + run % 2, run)])
}

/// A verified run, by production's own transitions.
fn verified(run: RunNo) -> Manifest {
    let at = now(0);
    let table: TableSpec =
        serde_json::from_value(json!({ "root": "s3://lake/orders/", "glue": "shop.orders" })).unwrap();
    let request = Request {
        fingerprint: Fingerprint::of(&table, "SELECT 1", None, None, &BTreeMap::new()),
        sql: "SELECT 1".into(),
        database: None,
        variables: BTreeMap::new(),
        init_sql_sha256: None,
        extra: Map::new(),
    };
    let identity = Run { id: id(run), ts: at, key: None, extra: Map::new() };
    let written = Written {
        attempt: attempt(),
        at,
        location: table.root.location(&id(run), &attempt()),
        columns: vec![],
        partition_columns: vec![],
        files: vec![],
        rows: 1,
        bytes: 1,
        extra: Map::new(),
    };
    let registration =
        Registration { at, staged: table.glue.staged(&id(run)), partitions: 0, extra: Map::new() };
    let verification =
        Verification { at, passed: true, files: 1, checks: vec![], differences: vec![], extra: Map::new() };
    Manifest::claim(identity, table, request, attempt(), stamp(Step::Write, 0, 0, 0))
        .seal(written, stamp(Step::Write, 0, 0, 0))
        .and_then(|manifest| manifest.register(registration, stamp(Step::Register, 0, 0, 0)))
        .and_then(|manifest| manifest.verify(verification, stamp(Step::Verify, 0, 0, 0)))
        .unwrap()
}

/// A lake in which the runs up to `published` were published one after another, and those up to `verified` are verified.
pub(crate) fn lake(published: RunNo, verified_runs: RunNo, partitioned: bool) -> Lake {
    let mut lake = Lake {
        table: None,
        partitions: BTreeMap::new(),
        manifests: BTreeMap::new(),
        deleted: BTreeSet::new(),
        was_live: (1..=published).collect(),
        went_back: false,
    };
    for run in 1..=verified_runs {
        let mut manifest = verified(run);
        if run <= published {
            let at = published_at(0, run);
            let replaced = (run > 1).then(|| id(run - 1));
            let publication = Publication {
                at,
                replaced: replaced.clone(),
                rollback: false,
                window_ms: None,
                window_calls: None,
                extra: Map::new(),
            };
            manifest = manifest.publish(publication, String::new(), stamp(Step::Swap, 0, 0, 0)).unwrap();
            let state = LiveState {
                run: Some(id(run)),
                newest: Some(id(run)),
                replaced,
                published_at: Some(at),
                swapping: None,
            };
            lake.table = Some(Table { version: run, state: Named::new(state), fenced_by: None });
            if partitioned {
                lake.partitions = partitions_of(run);
            }
        }
        lake.manifests.insert(run, Named::new(manifest));
    }
    lake
}
