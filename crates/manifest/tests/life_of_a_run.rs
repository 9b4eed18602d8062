//! The life of a run, transition by transition, as the steps drive it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use lakeward_manifest::{
    Attempt, AttemptId, CheckResult, Claim, Column, CommandLine, DataFile, ExecutionId, Fingerprint,
    LiveState, Manifest, Next, Phase, Publication, Refusal, Registration, Request, Run, RunId, Stamp, Step,
    SwapIntent, TableSpec, Verification, Written, claim_over,
};
use serde_json::{Map, Value, json};

fn at() -> Timestamp {
    "2026-05-19T06:00:00Z".parse().unwrap()
}

fn stamp(step: Step) -> Stamp {
    Stamp { at: at(), step, execution: ExecutionId::from_random(7) }
}

fn table() -> TableSpec {
    serde_json::from_value(json!({ "root": "s3://lake/orders/", "glue": "shop.orders" })).unwrap()
}

fn request(sql: &str) -> Request {
    let fingerprint = Fingerprint::of(&table(), sql, None, None, &BTreeMap::new());
    Request {
        fingerprint,
        sql: sql.into(),
        database: None,
        variables: BTreeMap::new(),
        init_sql_sha256: None,
        extra: Map::new(),
    }
}

fn attempt(n: u128) -> AttemptId {
    AttemptId::from_random(n)
}

fn claimed() -> Manifest {
    let id: RunId = "2026-05-19-060000".parse().unwrap();
    let run = Run { id, ts: at(), key: None, extra: Map::new() };
    Manifest::claim(run, table(), request("select 1 as a"), attempt(1), stamp(Step::Write))
}

fn written(by: u128) -> Written {
    Written {
        attempt: attempt(by),
        at: at(),
        location: format!("s3://lake/orders/_writes/2026-05-19-060000/{}/", attempt(by)),
        columns: vec![Column {
            name: "a".into(),
            duckdb_type: "INTEGER".into(),
            glue_type: "int".into(),
            extra: Map::new(),
        }],
        partition_columns: vec![],
        files: vec![DataFile {
            path: "part-0.parquet".into(),
            rows: 1,
            bytes: 300,
            footer_bytes: 200,
            crc64nvme: "AAAAAAAAAAA=".into(),
            partition: vec![],
            extra: Map::new(),
        }],
        rows: 1,
        bytes: 300,
        extra: Map::new(),
    }
}

fn sealed() -> Manifest {
    claimed().seal(written(1), stamp(Step::Write)).unwrap()
}

fn registration() -> Registration {
    let staged = table().glue.staged(&"2026-05-19-060000".parse().unwrap());
    Registration { at: at(), staged, partitions: 0, extra: Map::new() }
}

fn verification(passed: bool) -> Verification {
    let check = CheckResult {
        name: "min-rows".into(),
        passed,
        detail: String::new(),
        offending: None,
        extra: Map::new(),
    };
    Verification { at: at(), passed, files: 1, checks: vec![check], differences: vec![], extra: Map::new() }
}

fn verified() -> Manifest {
    let registered = sealed().register(registration(), stamp(Step::Register)).unwrap();
    registered.verify(verification(true), stamp(Step::Verify)).unwrap()
}

fn publication() -> Publication {
    Publication {
        at: at(),
        replaced: None,
        rollback: false,
        window_ms: Some(3),
        window_calls: Some(1),
        extra: Map::new(),
    }
}

fn published() -> Manifest {
    verified().publish(publication(), "SELECT 1".into(), stamp(Step::Swap)).unwrap()
}

#[test]
fn a_run_goes_from_claim_to_tombstone() {
    let published = published();
    assert_eq!(published.phase, Phase::Published);
    let retiring = published.begin_retirement("past retention".into(), stamp(Step::Gc)).unwrap();
    let retired = retiring.retire(stamp(Step::Gc)).unwrap();
    assert_eq!(retired.phase, Phase::Retired);
    let written = retired.write.unwrap();
    assert!(
        written.files.is_empty() && written.rows == 1,
        "a tombstone keeps the totals and drops the files"
    );
}

#[test]
fn a_fenced_attempt_cannot_seal() {
    let taken_over =
        claimed().take_over(table(), request("select 1 as a"), attempt(2), stamp(Step::Write)).unwrap();
    assert!(matches!(&taken_over.attempt, Attempt { number: 2, .. }));
    let refused = taken_over.clone().seal(written(1), stamp(Step::Write)).unwrap_err();
    assert!(matches!(refused, Refusal::Fenced { .. }), "{refused}");
    taken_over.seal(written(2), stamp(Step::Write)).unwrap();
}

#[test]
fn a_sealed_run_never_changes_whoever_seals_it_again() {
    let again = Written { rows: 2, ..written(1) };
    assert_eq!(sealed().seal(again, stamp(Step::Write)).unwrap(), sealed());
    assert!(matches!(sealed().seal(written(2), stamp(Step::Write)), Err(Refusal::Fenced { .. })));
}

#[test]
fn the_same_request_is_a_no_op_and_another_is_refused_once_sealed() {
    let same = request("  select 1 as a\n").fingerprint;
    let other = request("select 2 as a").fingerprint;
    assert_eq!(claim_over(&sealed(), &same), Ok(Claim::AlreadyWritten));
    assert!(matches!(claim_over(&sealed(), &other), Err(Refusal::OtherRequest { .. })));
    assert_eq!(
        claim_over(&claimed(), &other),
        Ok(Claim::TakeOver),
        "a mended query may take over an unsealed run"
    );
}

#[test]
fn taking_over_a_run_that_the_same_request_has_sealed_changes_nothing() {
    let again =
        sealed().take_over(table(), request("select 1 as a"), attempt(2), stamp(Step::Write)).unwrap();
    assert_eq!(again, sealed());
    let other = sealed().take_over(table(), request("select 2 as a"), attempt(2), stamp(Step::Write));
    assert!(matches!(other, Err(Refusal::OtherRequest { .. })));
}

#[test]
fn a_publication_is_recorded_once() {
    let again = published().publish(publication(), "SELECT 1".into(), stamp(Step::Swap)).unwrap();
    assert_eq!(again.swap.unwrap().publications.len(), 1);
}

#[test]
fn a_late_record_does_not_end_an_announcement_that_came_after_it() {
    let later = at() + jiff::SignedDuration::from_hours(1);
    let other = Stamp { at: later, step: Step::Swap, execution: ExecutionId::from_random(8) };
    let announced = published().intend_to_publish(other.clone()).unwrap();
    let late = announced.clone().publish(publication(), "SELECT 1".into(), stamp(Step::Swap)).unwrap();
    assert_eq!(late, announced);
    let again = Publication { at: later, ..publication() };
    let ended = late.publish(again, "SELECT 1".into(), other).unwrap().swap.unwrap();
    assert_eq!((ended.intent, ended.publications.len()), (None, 2));
}

#[test]
fn a_record_ends_the_announcement_of_an_execution_that_died() {
    let dead = Stamp { execution: ExecutionId::from_random(8), ..stamp(Step::Swap) };
    let announced = verified().intend_to_publish(dead).unwrap();
    let recorded = announced.publish(publication(), "SELECT 1".into(), stamp(Step::Swap)).unwrap();
    assert_eq!(recorded.swap.unwrap().intent, None);
}

#[test]
fn no_step_runs_before_the_one_it_needs() {
    assert!(matches!(claimed().sealed(), Err(Refusal::TooEarly { needs: Step::Write, .. })));
    assert!(matches!(sealed().registered(), Err(Refusal::TooEarly { needs: Step::Register, .. })));
    let registered = sealed().register(registration(), stamp(Step::Register)).unwrap();
    assert!(matches!(registered.verified(), Err(Refusal::TooEarly { needs: Step::Verify, .. })));
    assert!(matches!(verified().version(), Err(Refusal::NeverLive { .. })));
    assert!(published().version().is_ok());
}

#[test]
fn a_run_that_ended_never_comes_back() {
    let registered = sealed().register(registration(), stamp(Step::Register)).unwrap();
    let rejected = registered.verify(verification(false), stamp(Step::Verify)).unwrap();
    let abandoned = verified().abandon("given up".into(), stamp(Step::Gc)).unwrap();
    let retiring = published().begin_retirement("old".into(), stamp(Step::Gc)).unwrap();
    let retired = retiring.clone().retire(stamp(Step::Gc)).unwrap();
    for ended in [rejected, abandoned, retiring, retired] {
        let phase = ended.phase;
        let same = ended.request.fingerprint.clone();
        assert!(claim_over(&ended, &same).is_err(), "{phase}: write");
        assert!(ended.clone().seal(written(1), stamp(Step::Write)).is_err(), "{phase}: seal");
        assert!(ended.clone().register(registration(), stamp(Step::Register)).is_err(), "{phase}: register");
        assert!(ended.clone().verify(verification(true), stamp(Step::Verify)).is_err(), "{phase}: verify");
        assert!(ended.clone().intend_to_publish(stamp(Step::Swap)).is_err(), "{phase}: intend");
        assert!(
            ended.clone().publish(publication(), String::new(), stamp(Step::Swap)).is_err(),
            "{phase}: publish"
        );
        assert!(ended.version().is_err(), "{phase}: rollback");
    }
}

#[test]
fn a_published_run_cannot_be_abandoned_and_a_run_in_flight_cannot_be_retired() {
    assert!(matches!(published().abandon("x".into(), stamp(Step::Gc)), Err(Refusal::Published { .. })));
    assert!(verified().begin_retirement("x".into(), stamp(Step::Gc)).is_err());
    assert!(published().retire(stamp(Step::Gc)).is_err(), "only what is retiring can be retired");
}

#[test]
fn a_late_step_never_moves_a_run_back() {
    let published = published();
    let again = published.clone().register(registration(), stamp(Step::Register)).unwrap();
    assert_eq!(again, published);
    assert_eq!(published.clone().verify(verification(false), stamp(Step::Verify)).unwrap(), published);
}

#[test]
fn the_reason_of_a_rejection_names_what_failed() {
    let registered = sealed().register(registration(), stamp(Step::Register)).unwrap();
    let rejected = registered.verify(verification(false), stamp(Step::Verify)).unwrap();
    assert_eq!(rejected.end.as_ref().map(|end| end.reason.as_str()), Some("failed: min-rows"));
    let refusal = rejected.sealed().unwrap_err();
    assert!(refusal.to_string().contains("failed: min-rows"), "{refusal}");
}

#[test]
fn fields_of_a_newer_writer_survive_every_step() {
    let mut document: Value = serde_json::to_value(sealed()).unwrap();
    for pointer in
        ["", "/run", "/table", "/request", "/attempt", "/write", "/write/files/0", "/write/columns/0"]
    {
        let object = document.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
        object.insert("from_the_future".into(), json!({ "kept": pointer }));
    }
    let uri = sealed().uri();
    let manifest = Manifest::from_json(document.to_string().as_bytes(), &uri).unwrap();
    let registered = manifest.register(registration(), stamp(Step::Register)).unwrap();
    let after: Value = serde_json::from_slice(&registered.to_json().unwrap()).unwrap();
    for pointer in
        ["", "/run", "/table", "/request", "/attempt", "/write", "/write/files/0", "/write/columns/0"]
    {
        assert_eq!(after.pointer(&format!("{pointer}/from_the_future/kept")), Some(&json!(pointer)));
    }
}

#[test]
fn a_document_that_is_malformed_newer_or_elsewhere_is_refused_with_a_reason() {
    let uri = sealed().uri();
    let read =
        |value: &Value| Manifest::from_json(value.to_string().as_bytes(), &uri).unwrap_err().to_string();
    assert!(Manifest::from_json(b"not json", &uri).unwrap_err().to_string().contains("is not a manifest"));
    let mut newer: Value = serde_json::to_value(sealed()).unwrap();
    newer["schema"] = json!("lakeward/manifest/v2");
    newer["phase"] = json!({ "of": "another shape" });
    assert!(read(&newer).contains("lakeward/manifest/v2"));
    let mut moved: Value = serde_json::to_value(sealed()).unwrap();
    moved["table"]["root"] = json!("s3://lake/other/");
    assert!(read(&moved).contains("must not be copied or moved"));
    let mut misled: Value = serde_json::to_value(sealed()).unwrap();
    misled["write"]["location"] = json!("s3://lake/evil/");
    assert!(read(&misled).contains("not its attempt's folder"));
    let mut escaped: Value = serde_json::to_value(sealed()).unwrap();
    escaped["write"]["files"][0]["path"] = json!("../../x.parquet");
    assert!(read(&escaped).contains("does not fit its partitions"));
    let mut torn: Value = serde_json::to_value(sealed()).unwrap();
    torn.as_object_mut().unwrap().remove("write");
    assert!(read(&torn).contains("without the section \"write\""));
}

#[test]
fn a_manifest_reads_back_as_it_was_written() {
    for manifest in [claimed(), sealed(), verified(), published()] {
        let read = Manifest::from_json(&manifest.to_json().unwrap(), &manifest.uri()).unwrap();
        assert_eq!(read, manifest);
    }
}

/// The command that continues a run; none when there is none.
fn continues(manifest: &Manifest, live: Option<&LiveState>) -> Option<String> {
    match manifest.next(live, at()) {
        Next::Continue(line) => line.to_shell().map(|line| line.to_string()),
        Next::Done | Next::Superseded { .. } | Next::Ended => None,
    }
}

#[test]
fn a_run_is_continued_by_the_step_after_its_phase() {
    let registered = sealed().register(registration(), stamp(Step::Register)).unwrap();
    let rejected = registered.clone().verify(verification(false), stamp(Step::Verify)).unwrap();
    let retiring = published().begin_retirement("old".into(), stamp(Step::Gc)).unwrap();
    let uri = "s3://lake/orders/_runs/2026-05-19-060000/manifest.json";
    let write = continues(&claimed(), None).unwrap();
    assert!(
        write.starts_with("lakeward-write --table=s3://lake/orders/ --glue-table=shop.orders "),
        "{write}"
    );
    assert!(write.ends_with(" --run-ts=2026-05-19T06:00:00Z --sql='select 1 as a'"), "{write}");
    for (manifest, line) in [
        (sealed(), Some(format!("lakeward-register {uri}"))),
        (registered, Some(format!("lakeward-verify {uri}"))),
        (verified(), Some(format!("lakeward-swap {uri}"))),
        (published(), None),
        (rejected, None),
        (retiring.clone(), Some(format!("lakeward-gc --abandon={uri}"))),
        (retiring.retire(stamp(Step::Gc)).unwrap(), None),
    ] {
        assert_eq!(continues(&manifest, None), line, "{}", manifest.phase);
    }
}

#[test]
fn what_the_live_table_shows_decides_whether_a_run_goes_on() {
    let shows =
        |run: &str| LiveState { run: run.parse().ok(), newest: run.parse().ok(), ..LiveState::default() };
    let newer = shows("2026-05-20-060000");
    for overtaken in [claimed(), sealed(), verified()] {
        let by = newer.run.clone().unwrap();
        assert_eq!(overtaken.next(Some(&newer), at()), Next::Superseded { by });
    }
    // Its swap died before it was recorded: the same command does so.
    let unrecorded = continues(&verified(), Some(&shows("2026-05-19-060000"))).unwrap();
    assert!(unrecorded.starts_with("lakeward-swap "), "{unrecorded}");
    assert_eq!(published().next(Some(&newer), at()), Next::Done);
    let back = published().roll_back(&newer);
    assert_eq!(back, Some(CommandLine::roll_back(&published().uri())));
    assert_eq!(published().roll_back(&shows("2026-05-19-060000")), None, "it is live");
    assert_eq!(verified().roll_back(&newer), None, "it was never live");
    // A rollback that died half way.
    let run = published().run.id;
    let intent = SwapIntent { run, execution: ExecutionId::from_random(1), at: at(), until: at() };
    let half_way = LiveState { swapping: Some(intent), ..newer };
    let resumed = continues(&published(), Some(&half_way));
    assert_eq!(resumed.as_deref(), Some("lakeward-swap s3://lake/orders/ --to=2026-05-19-060000"));
}
