//! What is kept and what goes, by name.

use lakeward_manifest::{
    ExecutionId, Fingerprint, LiveState, Publication, PublishIntent, Registration, Request, Stamp, Step,
    SwapIntent, SwapSection, TableSpec, Verification, Written,
};
use lakeward_store::{ETag, Stored};
use serde_json::{Map, json};

use super::*;
use crate::inventory::{GlueState, StagedTable};

const POLICY: Policy = Policy {
    retention: Duration::from_hours(24 * 90),
    keep_versions: 1,
    orphan_grace: Duration::from_hours(24),
    reader_grace: Duration::from_hours(4),
};

fn day(day: i64) -> Timestamp {
    let first: Timestamp = "2026-01-01T06:00:00Z".parse().unwrap();
    first + Duration::from_hours(24) * u32::try_from(day).unwrap()
}

fn id(n: i64) -> RunId {
    RunId::new(day(n), None).unwrap()
}

fn attempt(n: u128) -> AttemptId {
    AttemptId::from_random(n)
}

/// A run of day `n` in a phase, last changed on that day, with the publications given as days.
fn run(n: i64, phase: Phase, published: &[i64]) -> Manifest {
    let table: TableSpec =
        serde_json::from_value(json!({ "root": "s3://lake/orders/", "glue": "shop.orders" })).unwrap();
    let stamp = Stamp { at: day(n), step: Step::Write, execution: ExecutionId::from_random(1) };
    let request = Request {
        fingerprint: Fingerprint::of(&table, "SELECT 1", None, None, &BTreeMap::new()),
        sql: "SELECT 1".into(),
        database: None,
        variables: BTreeMap::new(),
        init_sql_sha256: None,
        extra: Map::new(),
    };
    let identity = lakeward_manifest::Run { id: id(n), ts: day(n), key: None, extra: Map::new() };
    let staged = table.glue.staged(&id(n));
    let location = table.root.location(&id(n), &attempt(1));
    let mut manifest = Manifest::claim(identity, table, request, attempt(1), stamp);
    manifest.phase = phase;
    if phase != Phase::Writing {
        manifest.write = Some(Written {
            attempt: attempt(1),
            at: day(n),
            location,
            columns: vec![],
            partition_columns: vec![],
            files: vec![],
            rows: 1,
            bytes: 100,
            extra: Map::new(),
        });
        manifest.register = Some(Registration { at: day(n), staged, partitions: 0, extra: Map::new() });
        manifest.verify = Some(Verification {
            at: day(n),
            passed: true,
            files: 1,
            checks: vec![],
            differences: vec![],
            extra: Map::new(),
        });
    }
    let publication = |at: &i64| Publication {
        at: day(*at),
        replaced: None,
        rollback: false,
        window_ms: None,
        window_calls: None,
        extra: Map::new(),
    };
    let publications: Vec<Publication> = published.iter().map(publication).collect();
    manifest.swap = Some(SwapSection { publications, ..SwapSection::default() });
    manifest
}

/// An inventory of these runs, each with one file of its own attempt, and `live` as the live run.
fn inventory(runs: Vec<Manifest>, live: i64) -> Inventory {
    let mut inventory = Inventory {
        table: Some("shop.orders".parse().unwrap()),
        runs: BTreeMap::new(),
        was_probed: true,
        folders: BTreeMap::new(),
        uploads: vec![],
        leftovers: vec![],
        staged_tables: vec![],
        table_versions: vec![],
        glue: GlueState::default(),
    };
    for manifest in runs {
        let id = manifest.run.id.clone();
        let folder = AttemptFolder { objects: 1, bytes: 100, newest: Some(manifest.updated.at) };
        inventory.folders.insert((id.clone(), attempt(1)), folder);
        let stored = Stored { manifest, etag: ETag::new("\"1\"") };
        inventory.runs.insert(id, Run::Known(Box::new(stored)));
    }
    inventory.glue.live =
        Some(LiveState { run: Some(id(live)), newest: Some(id(live)), ..LiveState::default() });
    inventory.glue.pointing.insert((id(live), attempt(1)), "shop.orders".into());
    inventory
}

fn retired(plan: &Plan) -> Vec<RunId> {
    plan.retire.iter().map(|run| run.run.clone()).collect()
}

#[test]
fn the_live_version_stays_however_old_it_is() {
    let inventory = inventory(vec![run(1, Phase::Published, &[1])], 1);
    let plan = plan(&inventory, &POLICY, day(2000));
    assert!(plan.is_empty());
    assert_eq!(plan.kept[&id(1)], Keep::Live);
}

#[test]
fn a_version_goes_when_it_was_replaced_longer_ago_than_retention() {
    let runs = || vec![run(1, Phase::Published, &[1]), run(2, Phase::Published, &[2])];
    let after = |days| plan(&inventory(runs(), 2), &POLICY, day(days));
    assert_eq!(after(91).kept[&id(1)], Keep::WithinRetention, "replaced on day 2, not on day 1");
    assert_eq!(retired(&after(92)), [id(1)]);
    assert_eq!(after(92).bytes(), 100);
}

#[test]
fn the_newest_versions_stay_whatever_their_age() {
    let runs =
        vec![run(1, Phase::Published, &[1]), run(2, Phase::Published, &[2]), run(3, Phase::Published, &[3])];
    let policy = Policy { keep_versions: 2, ..POLICY };
    assert_eq!(retired(&plan(&inventory(runs, 3), &policy, day(2000))), [id(1)]);
}

#[test]
fn a_reader_still_within_its_grace_keeps_its_version_even_without_retention() {
    let runs = vec![run(1, Phase::Published, &[1]), run(2, Phase::Published, &[2])];
    let policy = Policy { retention: Duration::ZERO, ..POLICY };
    let inventory = inventory(runs, 2);
    assert_eq!(
        plan(&inventory, &policy, day(2) + Duration::from_hours(3)).kept[&id(1)],
        Keep::WithinReaderGrace
    );
    assert_eq!(retired(&plan(&inventory, &policy, day(2) + Duration::from_hours(4))), [id(1)]);
}

#[test]
fn a_version_that_was_published_by_a_clock_that_was_behind_has_its_graces_too() {
    // Run 2 replaced run 1 before that was published, by its own clock, and was live until day 200.
    let mut runs = vec![
        run(1, Phase::Published, &[2]),
        run(2, Phase::Published, &[1]),
        run(3, Phase::Published, &[200]),
    ];
    for (n, before) in [(1, 1), (2, 2)] {
        runs[n].swap.as_mut().unwrap().publications[0].replaced = Some(id(before));
    }
    let inventory = inventory(runs, 3);
    assert_eq!(plan(&inventory, &POLICY, day(200)).kept[&id(2)], Keep::WithinReaderGrace);
    assert_eq!(plan(&inventory, &POLICY, day(289)).kept[&id(2)], Keep::WithinRetention);
    assert!(retired(&plan(&inventory, &POLICY, day(290))).contains(&id(2)));
}

#[test]
fn after_a_rollback_the_version_that_was_left_counts_from_the_rollback() {
    // Run 1, then run 2, then on day 10 run 1 again.
    let runs = vec![run(1, Phase::Published, &[1, 10]), run(2, Phase::Published, &[2])];
    let inventory = inventory(runs, 1);
    assert_eq!(plan(&inventory, &POLICY, day(99)).kept[&id(2)], Keep::WithinRetention);
    assert_eq!(retired(&plan(&inventory, &POLICY, day(100))), [id(2)]);
}

#[test]
fn a_swap_that_died_before_it_told_its_manifest_still_ends_the_version_before() {
    let mut inventory = inventory(vec![run(1, Phase::Published, &[1]), run(2, Phase::Verified, &[])], 2);
    assert_eq!(plan(&inventory, &POLICY, day(2000)).kept[&id(1)], Keep::ReplacedAtUnknownTime);
    inventory.glue.live.as_mut().unwrap().published_at = Some(day(2));
    let plan = plan(&inventory, &POLICY, day(2000));
    assert_eq!(plan.kept[&id(2)], Keep::Live, "it is live, whatever its manifest says");
    assert_eq!(retired(&plan), [id(1)]);
}

#[test]
fn a_version_whose_swap_died_before_it_told_its_manifest_has_its_graces_too() {
    // Run 2 was live and its manifest never says so; run 3 knows that it has replaced it.
    let mut third = run(3, Phase::Published, &[3]);
    third.swap.as_mut().unwrap().publications[0].replaced = Some(id(2));
    let inventory = inventory(vec![run(1, Phase::Published, &[1]), run(2, Phase::Verified, &[]), third], 3);
    let policy = Policy { retention: Duration::ZERO, ..POLICY };
    let soon = plan(&inventory, &policy, day(3) + Duration::from_hours(3));
    assert_eq!(soon.kept[&id(2)], Keep::WithinReaderGrace);
    assert_eq!(plan(&inventory, &POLICY, day(92)).kept[&id(2)], Keep::WithinRetention);
    assert!(retired(&plan(&inventory, &POLICY, day(93))).contains(&id(2)));
}

#[test]
fn both_runs_of_a_swap_under_way_stay() {
    let mut inventory = inventory(vec![run(1, Phase::Published, &[1]), run(2, Phase::Verified, &[])], 1);
    let intent = SwapIntent { run: id(2), execution: ExecutionId::from_random(1), at: day(2), until: day(3) };
    inventory.glue.live.as_mut().unwrap().swapping = Some(intent);
    let plan = plan(&inventory, &POLICY, day(2000));
    assert!(plan.retire.is_empty());
    assert_eq!((&plan.kept[&id(1)], &plan.kept[&id(2)]), (&Keep::Live, &Keep::Live));
}

#[test]
fn a_run_in_flight_goes_when_it_has_shown_no_sign_of_life_for_the_grace() {
    let runs = || vec![run(1, Phase::Published, &[1]), run(2, Phase::Writing, &[])];
    let quiet = inventory(runs(), 1);
    assert_eq!(plan(&quiet, &POLICY, day(2) + Duration::from_hours(23)).kept[&id(2)], Keep::InFlight);
    assert_eq!(retired(&plan(&quiet, &POLICY, day(3))), [id(2)]);
    let mut busy = inventory(runs(), 1);
    busy.folders.get_mut(&(id(2), attempt(1))).unwrap().newest = Some(day(4));
    assert_eq!(plan(&busy, &POLICY, day(4)).kept[&id(2)], Keep::InFlight, "a long query that still uploads");
}

#[test]
fn a_rollback_that_was_announced_a_moment_ago_keeps_its_version() {
    let mut announced = run(1, Phase::Published, &[1]);
    let intent = PublishIntent { at: day(200), execution: ExecutionId::from_random(2), extra: Map::new() };
    announced.swap.as_mut().unwrap().intent = Some(intent);
    let inventory = inventory(vec![announced, run(2, Phase::Published, &[2])], 2);
    assert_eq!(plan(&inventory, &POLICY, day(200)).kept[&id(1)], Keep::InFlight);
    assert_eq!(retired(&plan(&inventory, &POLICY, day(201))), [id(1)]);
}

/// apache/iceberg#4194: the removal of orphans broke a table.
#[test]
fn what_another_glue_table_points_at_stays() {
    let mut inventory = inventory(vec![run(1, Phase::Published, &[1]), run(2, Phase::Published, &[2])], 2);
    inventory.glue.pointing.insert((id(1), attempt(1)), "audit.orders_2025".into());
    assert_eq!(
        plan(&inventory, &POLICY, day(2000)).kept[&id(1)],
        Keep::PointedAt("audit.orders_2025".into())
    );
}

#[test]
fn nothing_goes_when_it_cannot_be_told_what_is_live() {
    let runs = || vec![run(1, Phase::Abandoned, &[]), run(2, Phase::Published, &[2])];
    let refused = |inventory: &Inventory| {
        let plan = plan(inventory, &POLICY, day(2000));
        assert!(plan.is_empty());
        plan.refused.unwrap()
    };
    let mut gone = inventory(runs(), 2);
    gone.glue.live = None;
    assert!(refused(&gone).contains("there is no glue table shop.orders"));
    let mut foreign = inventory(runs(), 2);
    foreign.glue.live = Some(LiveState::default());
    assert!(refused(&foreign).contains("shows no run of lakeward"));
    let mut odd = inventory(runs(), 2);
    odd.glue.odd_locations.insert("s3://lake/orders/".into(), "shop.everything".into());
    assert!(refused(&odd).contains("shop.everything"));
    let mut unknown = inventory(vec![], 2);
    unknown.table = None;
    assert!(refused(&unknown).contains("no manifest that can be read"));
}

#[test]
fn a_run_whose_manifest_cannot_be_read_stays_with_all_its_attempts() {
    let mut inventory = inventory(vec![run(1, Phase::Published, &[1]), run(2, Phase::Published, &[2])], 2);
    inventory.runs.insert(id(1), Run::Unreadable("schema v2".into()));
    let plan = plan(&inventory, &POLICY, day(2000));
    assert!(plan.is_empty());
    assert_eq!(plan.kept[&id(1)], Keep::Unreadable("schema v2".into()));
}

#[test]
fn a_fenced_attempt_goes_after_the_grace_and_the_runs_own_stays() {
    let mut inventory = inventory(vec![run(2, Phase::Published, &[2])], 2);
    let fenced = AttemptFolder { objects: 3, bytes: 30, newest: Some(day(2)) };
    inventory.folders.insert((id(2), attempt(7)), fenced);
    assert!(plan(&inventory, &POLICY, day(2) + Duration::from_hours(23)).is_empty());
    let plan = plan(&inventory, &POLICY, day(3) + Duration::from_secs(1));
    assert_eq!(plan.attempts.len(), 1);
    assert_eq!((&plan.attempts[0].attempt, plan.attempts[0].bytes), (&attempt(7), 30));
}

#[test]
fn what_a_zombie_wrote_after_its_run_was_retired_goes_and_the_tombstone_stays() {
    let inventory = inventory(vec![run(1, Phase::Retired, &[1]), run(2, Phase::Published, &[2])], 2);
    let plan = plan(&inventory, &POLICY, day(2000));
    assert_eq!(plan.kept[&id(1)], Keep::Tombstone);
    assert_eq!(plan.attempts.iter().map(|dead| &dead.run).collect::<Vec<_>>(), [&id(1)]);
}

#[test]
fn folders_without_a_manifest_go_after_the_grace() {
    let mut inventory = inventory(vec![run(1, Phase::Writing, &[]), run(2, Phase::Published, &[2])], 2);
    inventory.runs.insert(id(1), Run::WithoutManifest);
    assert!(plan(&inventory, &POLICY, day(1)).attempts.is_empty());
    assert_eq!(plan(&inventory, &POLICY, day(3)).attempts.len(), 1);
}

#[test]
fn rejected_and_abandoned_runs_stay_for_the_grace_so_that_somebody_can_look() {
    for phase in [Phase::Rejected, Phase::Abandoned] {
        let inventory = inventory(vec![run(1, Phase::Published, &[1]), run(2, phase, &[])], 1);
        let recently = plan(&inventory, &POLICY, day(2) + Duration::from_hours(23));
        assert_eq!(recently.kept[&id(2)], Keep::EndedRecently, "{phase}");
        assert_eq!(retired(&plan(&inventory, &POLICY, day(3))), [id(2)], "{phase}");
    }
}

#[test]
fn an_interrupted_retirement_goes_on() {
    let inventory = inventory(vec![run(1, Phase::Retiring, &[1]), run(2, Phase::Published, &[2])], 2);
    assert_eq!(retired(&plan(&inventory, &POLICY, day(2))), [id(1)]);
}

#[test]
fn stale_uploads_go_and_those_of_a_run_in_flight_stay() {
    let mut inventory = inventory(vec![run(1, Phase::Published, &[1]), run(4, Phase::Writing, &[])], 1);
    for (n, key) in [(1, "old"), (4, "busy")] {
        let upload = StaleUpload { run: id(n), key: key.into(), upload_id: "u".into(), initiated: day(1) };
        inventory.uploads.push(upload);
    }
    assert_eq!(
        plan(&inventory, &POLICY, day(4)).uploads,
        [DeadUpload { key: "old".into(), upload_id: "u".into() }]
    );
    assert!(plan(&inventory, &POLICY, day(1) + Duration::from_hours(23)).uploads.is_empty());
}

#[test]
fn a_staged_table_goes_once_its_run_has_ended_or_been_live_for_the_reader_grace() {
    let mut inventory = inventory(
        vec![run(1, Phase::Published, &[1]), run(2, Phase::Verified, &[]), run(3, Phase::Abandoned, &[])],
        1,
    );
    for n in 1..=4 {
        inventory.staged_tables.push(StagedTable {
            name: format!("staged_{n}"),
            run: id(n),
            created: Some(day(n)),
        });
    }
    assert_eq!(plan(&inventory, &POLICY, day(2)).staged_tables, ["staged_1", "staged_3"]);
    assert_eq!(plan(&inventory, &POLICY, day(1) + Duration::from_hours(1)).staged_tables, ["staged_3"]);
    // Run 4 has no manifest: it may have begun after the manifests were listed.
    assert!(plan(&inventory, &POLICY, day(4)).staged_tables.iter().all(|table| table != "staged_4"));
    assert!(plan(&inventory, &POLICY, day(6)).staged_tables.iter().any(|table| table == "staged_4"));
}

#[test]
fn a_staged_table_goes_when_its_run_went_live_and_its_swap_died_before_it_said_so() {
    let staged = |inventory: &mut Inventory, n| {
        inventory.staged_tables.push(StagedTable {
            name: "staged".into(),
            run: id(n),
            created: Some(day(n)),
        });
    };
    let mut live = inventory(vec![run(1, Phase::Verified, &[])], 1);
    staged(&mut live, 1);
    live.glue.live.as_mut().unwrap().published_at = Some(day(2));
    assert!(plan(&live, &POLICY, day(2)).staged_tables.is_empty(), "somebody may still be looking at it");
    assert_eq!(plan(&live, &POLICY, day(3)).staged_tables, ["staged"]);

    let mut replaced = inventory(vec![run(1, Phase::Verified, &[]), run(3, Phase::Published, &[3])], 3);
    staged(&mut replaced, 1);
    let live = replaced.glue.live.as_mut().unwrap();
    (live.published_at, live.replaced) = (Some(day(3)), Some(id(1)));
    assert!(plan(&replaced, &POLICY, day(3)).staged_tables.is_empty());
    let late = plan(&replaced, &POLICY, day(4));
    assert_eq!(
        (&late.staged_tables[..], retired(&late)),
        (&["staged".to_owned()][..], vec![]),
        "the version stays"
    );
}

#[test]
fn archived_table_versions_go_by_age_and_the_newest_stay() {
    let mut inventory = inventory(vec![run(1, Phase::Published, &[1])], 1);
    inventory.table_versions = vec![
        ("9".into(), Some(day(9))),
        ("8".into(), Some(day(8))),
        ("7".into(), Some(day(300))),
        ("6".into(), None),
    ];
    let policy = Policy { keep_versions: 2, ..POLICY };
    assert!(
        plan(&inventory, &policy, day(301)).table_versions.is_empty(),
        "the third is young, the fourth of no age"
    );
    assert_eq!(plan(&inventory, &POLICY, day(301)).table_versions, ["8"]);
}

#[test]
fn a_clock_that_is_behind_keeps_everything() {
    let runs = vec![
        run(100, Phase::Published, &[100]),
        run(101, Phase::Published, &[101]),
        run(102, Phase::Writing, &[]),
    ];
    assert!(plan(&inventory(runs, 101), &Policy { retention: Duration::ZERO, ..POLICY }, day(1)).is_empty());
}
