//! One run that uses every field, in every phase, and every change that a step can make to it.

use lakeward_manifest::{
    AttemptId, ExecutionId, Manifest, ManifestUri, Phase, Refusal, Request, Run, Stamp, Step, TableSpec,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const ID: &str = "2026-05-19-060000-0a1b2c3d";

pub(crate) fn uri() -> ManifestUri {
    format!("s3://lake/shop/orders/_runs/{ID}/manifest.json").parse().unwrap()
}

fn of<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn stamp(step: Step, minute: u32) -> Stamp {
    let at = format!("2026-05-19T06:{minute:02}:00Z").parse().unwrap();
    Stamp { at, step, execution: ExecutionId::from_random(minute.into()) }
}

fn attempt(number: u128) -> AttemptId {
    AttemptId::from_random(number)
}

fn table() -> TableSpec {
    of(json!({
        "root": "s3://lake/shop/orders/",
        "glue": "shop.orders",
        "partition_by": ["day"],
        "sort_by": ["id"],
        "compression": { "codec": "zstd", "level": 6 },
        "row_group_size": 1000,
        "target_file_size": 1_048_576,
        "comment": "One row for each order",
        "column_comments": { "id": "The shop's own number" },
        "properties": { "owner": "bi" },
    }))
}

fn request() -> Request {
    of(json!({
        "fingerprint": "sha256:00", "sql": "SELECT * FROM orders", "database": "orders.duckdb",
        "variables": { "region": "eu" }, "init_sql_sha256": "00",
    }))
}

fn claimed() -> Manifest {
    let run: Run = of(json!({ "id": ID, "ts": "2026-05-19T06:00:00.25Z", "key": "scheduled__2026-05-19" }));
    Manifest::claim(run, table(), request(), attempt(1), stamp(Step::Write, 0))
}

fn seal(manifest: Manifest) -> Result<Manifest, Refusal> {
    let attempt = manifest.attempt.id.clone();
    let file = |path: &str, day: Value| {
        json!({
            "path": path, "rows": 2, "bytes": 400, "footer_bytes": 200, "crc64nvme": "AAAAAAAAAAA=",
            "partition": [day],
        })
    };
    let files = [
        file("day=2026-05-19/part-0.parquet", json!("2026-05-19")),
        file("day=__HIVE_DEFAULT_PARTITION__/part-1.parquet", Value::Null),
    ];
    let written = of(json!({
        "attempt": attempt, "at": "2026-05-19T06:01:00Z",
        "location": format!("s3://lake/shop/orders/_writes/{ID}/{attempt}/"),
        "columns": [{ "name": "id", "duckdb_type": "INTEGER", "glue_type": "int" }],
        "partition_columns": [{ "name": "day", "duckdb_type": "DATE", "glue_type": "date" }],
        "files": files, "rows": 4, "bytes": 800,
    }));
    manifest.seal(written, stamp(Step::Write, 1))
}

fn register(manifest: Manifest) -> Result<Manifest, Refusal> {
    let staged = table().glue.staged(&ID.parse().unwrap());
    let registration = of(json!({ "at": "2026-05-19T06:02:00Z", "staged": staged, "partitions": 2 }));
    manifest.register(registration, stamp(Step::Register, 2))
}

fn judge(manifest: Manifest, passed: bool) -> Result<Manifest, Refusal> {
    let check =
        json!({ "name": "no_negatives", "passed": passed, "detail": "rows that offend", "offending": 0 });
    let verification = of(json!({
        "at": "2026-05-19T06:03:00Z", "passed": passed, "files": 2, "checks": [check],
        "differences": if passed { json!([]) } else { json!(["part-0.parquet: is missing"]) },
    }));
    manifest.verify(verification, stamp(Step::Verify, 3))
}

fn announce(manifest: Manifest) -> Result<Manifest, Refusal> {
    manifest.intend_to_publish(stamp(Step::Swap, 4))
}

fn publish_at(manifest: Manifest, minute: u32) -> Result<Manifest, Refusal> {
    let publication = of(json!({
        "at": format!("2026-05-19T06:{minute:02}:00Z"), "replaced": "2026-05-18-060000", "rollback": minute > 5,
        "window_ms": 12, "window_calls": 3,
    }));
    manifest.publish(publication, "SELECT 1".to_owned(), stamp(Step::Swap, minute))
}

fn retire(manifest: Manifest) -> Result<Manifest, Refusal> {
    manifest.begin_retirement("replaced 8 days ago".to_owned(), stamp(Step::Gc, 7))
}

fn abandon(manifest: Manifest) -> Result<Manifest, Refusal> {
    manifest.abandon("no sign of life".to_owned(), stamp(Step::Gc, 8))
}

/// The run in a phase, on the way that leads there.
pub(crate) fn in_phase(phase: Phase) -> Manifest {
    let before = |phase| in_phase(phase);
    let made = match phase {
        Phase::Writing => Ok(claimed()),
        Phase::Written => seal(before(Phase::Writing)),
        Phase::Registered => register(before(Phase::Written)),
        Phase::Verified => judge(before(Phase::Registered), true).and_then(announce),
        Phase::Rejected => judge(before(Phase::Registered), false),
        Phase::Published => publish_at(before(Phase::Verified), 5),
        Phase::Abandoned => abandon(before(Phase::Verified)),
        Phase::Retiring => retire(before(Phase::Published)),
        Phase::Retired => before(Phase::Retiring).retire(stamp(Step::Gc, 9)),
    };
    made.unwrap()
}

/// A change that a step makes.
pub(crate) struct Change {
    pub(crate) name: &'static str,
    pub(crate) from: Phase,
    pub(crate) make: fn(Manifest) -> Result<Manifest, Refusal>,
    /// The parts of the document that it replaces as a whole.
    pub(crate) replaces: &'static [&'static str],
}

/// Every change, from every phase that allows it with another outcome.
pub(crate) fn changes() -> Vec<Change> {
    let change = |name, from, make| Change { name, from, make, replaces: &[] };
    let take_over =
        |manifest: Manifest| manifest.take_over(table(), request(), attempt(2), stamp(Step::Write, 1));
    let publish_after_an_announcement: fn(Manifest) -> _ = |manifest| publish_at(manifest, 5);
    let retired = |manifest: Manifest| manifest.retire(stamp(Step::Gc, 9));
    let ends_a_swap = &["/swap/intent/"];
    vec![
        Change {
            replaces: &["/table/", "/request/", "/attempt/"],
            ..change("take_over", Phase::Writing, take_over)
        },
        change("seal", Phase::Writing, seal),
        change("register", Phase::Written, register),
        change("verify", Phase::Registered, |manifest| judge(manifest, true)),
        change("reject", Phase::Registered, |manifest| judge(manifest, false)),
        Change { replaces: ends_a_swap, ..change("intend_to_publish", Phase::Verified, announce) },
        change("announce a rollback", Phase::Published, announce),
        Change { replaces: ends_a_swap, ..change("publish", Phase::Verified, publish_after_an_announcement) },
        change("publish again", Phase::Published, |manifest| publish_at(manifest, 6)),
        change("abandon", Phase::Verified, abandon),
        change("begin_retirement", Phase::Published, retire),
        change("retire a rejected run", Phase::Rejected, retire),
        Change { replaces: &["/write/files/"], ..change("retire", Phase::Retiring, retired) },
    ]
}
