use lakeward_manifest::{ExecutionId, LiveState, Manifest};
use serde_json::{Value, json};

use super::*;

const RUN: &str = "2026-05-19-060000";

/// A sealed run of two partitions, one of them NULL, with a spec of the caller's.
fn sealed(spec: &Value) -> Manifest {
    let location = format!("s3://lake/orders/_writes/{RUN}/000000000001/");
    let mut table = json!({ "root": "s3://lake/orders/", "glue": "shop.orders", "partition_by": ["day"] });
    table.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let file = |path: &str, value: Value, rows: u64| {
        json!({
            "path": path, "rows": rows, "bytes": rows * 100, "footer_bytes": 10, "crc64nvme": "AAAAAAAAAAA=",
            "partition": [value],
        })
    };
    let document = json!({
        "schema": "lakeward/manifest/v1",
        "phase": "written",
        "run": { "id": RUN, "ts": "2026-05-19T06:00:00Z" },
        "table": table,
        "request": { "fingerprint": "sha256:0", "sql": "SELECT 1" },
        "attempt": { "id": "000000000001", "number": 1, "started_at": "2026-05-19T06:00:00Z" },
        "updated": { "at": "2026-05-19T06:00:00Z", "step": "write", "execution": "e" },
        "write": {
            "attempt": "000000000001",
            "at": "2026-05-19T06:00:00Z",
            "location": location,
            "columns": [{ "name": "id", "duckdb_type": "INTEGER", "glue_type": "int" }],
            "partition_columns": [{ "name": "day", "duckdb_type": "DATE", "glue_type": "date" }],
            "files": [
                file("day=2026-05-19/a.parquet", json!("2026-05-19"), 2),
                file("day=2026-05-19/b.parquet", json!("2026-05-19"), 3),
                file("day=__HIVE_DEFAULT_PARTITION__/c.parquet", Value::Null, 1),
            ],
            "rows": 6,
            "bytes": 600,
        },
    });
    let uri = format!("s3://lake/orders/_runs/{RUN}/manifest.json").parse().unwrap();
    Manifest::from_json(document.to_string().as_bytes(), &uri).unwrap()
}

fn mark() -> LiveMark {
    LiveMark {
        newest: RUN.parse().unwrap(),
        replaced: Some("2026-05-18-060000".parse().unwrap()),
        published_at: "2026-05-19T07:00:00Z".parse().unwrap(),
    }
}

fn live(manifest: &Manifest, before: Option<&TableDefinition>) -> TableDefinition {
    let sealed = manifest.sealed().unwrap();
    let awaiting = awaiting_definition(&sealed);
    live_definition(&sealed, before.unwrap_or(&awaiting), &mark())
}

#[test]
fn the_live_table_says_which_run_it_shows_and_where_it_lies() {
    let table = live(&sealed(&json!({})), None);
    let state = LiveState::from_parameters(&table.parameters).unwrap();
    assert_eq!(state.run.as_ref().map(RunId::as_str), Some(RUN));
    assert_eq!(state.replaced, mark().replaced);
    assert_eq!(state.published_at, Some(mark().published_at));
    assert_eq!(table.location.as_deref(), Some("s3://lake/orders/_writes/2026-05-19-060000/000000000001/"));
    assert_eq!(table.parameters["numRows"], "6");
}

#[test]
fn what_lakeward_does_not_own_survives() {
    let first = sealed(&json!({}));
    let mut before = live(&first, None);
    before.parameters.insert("owner".into(), "bi".into());
    before.description = Some("written by a person".into());
    before.columns[0].comment = Some("also by a person".into());
    let after = live(&first, Some(&before));
    assert_eq!(after.parameters["owner"], "bi");
    assert_eq!(after.description.as_deref(), Some("written by a person"));
    assert_eq!(after.columns[0].comment.as_deref(), Some("also by a person"));
}

#[test]
fn a_property_that_the_spec_no_longer_has_is_taken_away_and_a_persons_own_is_not() {
    let before = live(&sealed(&json!({ "properties": { "team": "a", "tier": "gold" } })), None);
    let mut before = before.clone();
    before.parameters.insert("owner".into(), "bi".into());
    let after = live(&sealed(&json!({ "properties": { "team": "b" } })), Some(&before));
    assert_eq!(after.parameters["team"], "b");
    assert!(!after.parameters.contains_key("tier"));
    assert_eq!(after.parameters["owner"], "bi");
    let without = live(&sealed(&json!({})), Some(&after));
    assert!(
        !without.parameters.contains_key("team") && !without.parameters.contains_key(parameters::PROPERTIES)
    );
}

#[test]
fn comments_of_the_spec_go_before_those_that_are_there() {
    let before = live(&sealed(&json!({ "comment": "old", "column_comments": { "id": "old" } })), None);
    let after =
        live(&sealed(&json!({ "comment": "new", "column_comments": { "id": "new" } })), Some(&before));
    assert_eq!(after.description.as_deref(), Some("new"));
    assert_eq!(after.columns[0].comment.as_deref(), Some("new"));
}

#[test]
fn an_intent_changes_nothing_that_readers_see_and_goes_with_the_commit() {
    let manifest = sealed(&json!({}));
    let before = live(&manifest, None);
    let intent = SwapIntent {
        run: RUN.parse().unwrap(),
        execution: ExecutionId::from_random(1),
        at: "2026-05-19T07:00:00Z".parse().unwrap(),
        until: "2026-05-19T07:15:00Z".parse().unwrap(),
    };
    let swapping = swapping_definition(&manifest.sealed().unwrap(), &before, &intent).unwrap();
    assert_eq!((&swapping.location, &swapping.columns), (&before.location, &before.columns));
    assert_eq!(LiveState::from_parameters(&swapping.parameters).unwrap().swapping, Some(intent.clone()));
    assert_eq!(live(&manifest, Some(&swapping)), before);
    let sealed = manifest.sealed().unwrap();
    let new = swapping_definition(&sealed, &awaiting_definition(&sealed), &intent).unwrap();
    let state = LiveState::from_parameters(&new.parameters).unwrap();
    assert_eq!(
        (state.run, state.swapping),
        (None, Some(intent)),
        "a first version is not live before its commit"
    );
}

#[test]
fn a_table_that_awaits_its_first_version_has_nothing_to_read() {
    let table = awaiting_definition(&sealed(&json!({})).sealed().unwrap());
    assert_eq!(table.location, None);
    assert_eq!(LiveState::from_parameters(&table.parameters).unwrap(), LiveState::default());
    assert_eq!(table.partition_keys.len(), 1);
}

#[test]
fn partitions_have_their_values_unescaped_and_their_own_locations_and_statistics() {
    let manifest = sealed(&json!({}));
    let partitions = partitions(&manifest.sealed().unwrap());
    let described: Vec<_> = partitions
        .iter()
        .map(|partition| {
            let folder = partition.location.rsplit('/').nth(1).unwrap_or_default();
            (partition.values.join(","), folder.to_owned(), partition.parameters["numRows"].clone())
        })
        .collect();
    let expected = [
        ("2026-05-19", "day=2026-05-19", "5"),
        ("__HIVE_DEFAULT_PARTITION__", "day=__HIVE_DEFAULT_PARTITION__", "1"),
    ];
    assert_eq!(described, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
}

#[test]
fn a_staged_table_says_so() {
    let table = staged_definition(&sealed(&json!({})).sealed().unwrap());
    assert_eq!(table.parameters[parameters::ROLE], parameters::ROLE_STAGED);
    assert!(!table.parameters.contains_key(parameters::NEWEST));
}
