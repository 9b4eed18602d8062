use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lakeward_aws::Caller;
use lakeward_aws::testing::{Reply, Script, Seen};
use lakeward_outcome::{Classify, Kind};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::testing::{catalog, listed, orders, partition};

async fn unchecked() -> Result<(), CatalogError> {
    Ok(())
}

fn sent(seen: &Seen) -> Value {
    serde_json::from_str(&seen.body).unwrap()
}

fn numbered(count: usize) -> Vec<Partition> {
    (0..count).map(|n| partition(&format!("{n:04}"))).collect()
}

fn values(count: usize) -> Vec<Vec<String>> {
    numbered(count).into_iter().map(|partition| partition.values).collect()
}

/// An answer that tells of errors, in the words of creating and deleting.
fn errors(failed: &[(&str, &str)]) -> Reply {
    let error = |(value, code): &(&str, &str)| json!({ "PartitionValues": [value], "ErrorDetail": { "ErrorCode": code, "ErrorMessage": "because" } });
    Reply::new(200, json!({ "Errors": failed.iter().map(error).collect::<Vec<_>>() }).to_string())
}

/// The same in the words of updating.
fn update_errors(failed: &[(&str, &str)]) -> Reply {
    let error = |(value, code): &(&str, &str)| json!({ "PartitionValueList": [value], "ErrorDetail": { "ErrorCode": code, "ErrorMessage": "because" } });
    Reply::new(200, json!({ "Errors": failed.iter().map(error).collect::<Vec<_>>() }).to_string())
}

fn page(partitions: &[Partition], next: Option<&str>) -> Reply {
    let all: Vec<_> = partitions.iter().map(listed).collect();
    Reply::new(200, json!({ "Partitions": all, "NextToken": next }).to_string())
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_one_page_needs_one_call() {
    let script = Script::in_order([page(&[partition("2"), partition("1")], None)]);
    let all = catalog(&script).partitions(&orders()).await.unwrap();
    assert_eq!(
        all.iter().map(|found| found.partition.clone()).collect::<Vec<_>>(),
        [partition("1"), partition("2")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_longer_listing_is_read_in_segments_each_to_its_last_page() {
    let script = Script::answering(|seen| {
        let asked = sent(seen);
        let Some(segment) = asked["Segment"]["SegmentNumber"].as_u64() else {
            return page(&numbered(1), Some("more"));
        };
        match asked["NextToken"].as_str() {
            None => page(&[partition(&format!("{segment}-first"))], Some(&format!("t{segment}"))),
            Some(token) => {
                assert_eq!(token, format!("t{segment}"), "a token goes with its own segment");
                page(&[partition(&format!("{segment}-last"))], None)
            }
        }
    });
    let all = catalog(&script).partitions(&orders()).await.unwrap();
    let distinct: BTreeSet<_> = all.iter().map(|found| found.partition.values[0].clone()).collect();
    assert_eq!((all.len(), distinct.len()), (20, 20), "{distinct:?}");
}

#[tokio::test(start_paused = true)]
async fn places_leave_out_the_columns() {
    let script = Script::in_order([page(&[partition("1")], None)]);
    let all = catalog(&script).partition_places(&orders()).await.unwrap();
    assert_eq!(all[0].location, Some(partition("1").location));
    assert_eq!(sent(&script.seen()[0])["ExcludeColumnSchema"], true);
}

#[tokio::test(start_paused = true)]
async fn batches_have_the_size_that_glue_takes() {
    let script = Script::answering(|_| Reply::new(200, "{}"));
    let (catalog, name) = (catalog(&script), orders());
    assert_eq!(catalog.create_partitions(&name, numbered(250), unchecked).await.unwrap().done, 250);
    assert_eq!(catalog.update_partitions(&name, numbered(101), unchecked).await.unwrap().done, 101);
    assert_eq!(catalog.delete_partitions(&name, values(60), unchecked).await.unwrap().done, 60);
    let sizes = |operation: &str, list: &str| {
        let of = script.seen().into_iter().filter(|seen| seen.target() == operation);
        of.map(|seen| sent(&seen)[list].as_array().unwrap().len()).collect::<Vec<_>>()
    };
    assert_eq!(sizes("BatchCreatePartition", "PartitionInputList"), [100, 100, 50]);
    assert_eq!(sizes("BatchUpdatePartition", "Entries"), [100, 1]);
    assert_eq!(sizes("BatchDeletePartition", "PartitionsToDelete"), [25, 25, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_partition_error_is_never_swallowed() {
    let script = Script::in_order([errors(&[("0001", "InvalidInputException")])]);
    let name = orders();
    let report = catalog(&script).create_partitions(&name, numbered(3), unchecked).await.unwrap();
    assert_eq!(report.done, 2);
    let error = report.into_result(&name).unwrap_err();
    assert!(error.to_string().contains("0001") && error.to_string().contains("because"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn throttled_partitions_are_tried_again_alone() {
    let script = Script::in_order([errors(&[("0001", "ThrottlingException")]), Reply::new(200, "{}")]);
    let report = catalog(&script).create_partitions(&orders(), numbered(3), unchecked).await.unwrap();
    assert_eq!(report, Report { done: 3, failures: Vec::new() });
    let again = sent(&script.seen()[1]);
    assert_eq!(again["PartitionInputList"].as_array().unwrap().len(), 1);
    assert_eq!(again["PartitionInputList"][0]["Values"], json!(["0001"]));
}

/// Throttles until `length` has passed, whole calls and single items in turn.
fn throttling_for(length: Duration) -> Script {
    let started = Instant::now();
    let calls = AtomicU32::new(0);
    Script::answering(move |_| match calls.fetch_add(1, Ordering::Relaxed) % 2 {
        _ if started.elapsed() > length => Reply::new(200, "{}"),
        0 => Reply::json_error(400, "ThrottlingException"),
        _ => errors(&[("0001", "ThrottlingException")]),
    })
}

#[tokio::test(start_paused = true)]
async fn throttling_for_minutes_is_waited_out() {
    let script = throttling_for(Duration::from_mins(2));
    let catalog = catalog(&script).with_caller(Caller::default());
    let report = catalog.create_partitions(&orders(), numbered(3), unchecked).await.unwrap();
    assert_eq!(report, Report { done: 3, failures: Vec::new() });
    assert!(script.seen().len() < 60, "{} calls in two minutes add to the throttling", script.seen().len());
}

#[tokio::test(start_paused = true)]
async fn partitions_that_stay_throttled_fail_as_transient() {
    let script = Script::answering(|_| errors(&[("0000", "ThrottlingException")]));
    let report = catalog(&script).create_partitions(&orders(), numbered(1), unchecked).await.unwrap();
    assert_eq!(report.into_result(&orders()).unwrap_err().kind(), Kind::Transient);
}

#[tokio::test(start_paused = true)]
async fn an_existing_partition_is_success_only_if_it_is_the_wanted_one() {
    let elsewhere = Partition { location: "s3://lake/elsewhere/".into(), ..partition("0001") };
    let exist = errors(&[("0000", "AlreadyExistsException"), ("0001", "AlreadyExistsException")]);
    let script = Script::in_order([exist, page(&[partition("0000"), elsewhere], None)]);
    let report = catalog(&script).create_partitions(&orders(), numbered(3), unchecked).await.unwrap();
    assert_eq!(report.done, 2);
    assert_eq!(
        report.failures.iter().map(|failure| failure.values[0].as_str()).collect::<Vec<_>>(),
        ["0001"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_answer_was_lost_ends_in_success() {
    let exist = errors(&[("0000", "AlreadyExistsException"), ("0001", "AlreadyExistsException")]);
    let script = Script::in_order([Reply::Lost, exist, page(&numbered(2), None)]);
    let report = catalog(&script).create_partitions(&orders(), numbered(2), unchecked).await.unwrap();
    assert_eq!(report, Report { done: 2, failures: Vec::new() });
}

#[tokio::test(start_paused = true)]
async fn an_update_of_a_missing_partition_creates_it() {
    let script =
        Script::in_order([update_errors(&[("0001", "EntityNotFoundException")]), Reply::new(200, "{}")]);
    let report = catalog(&script).update_partitions(&orders(), numbered(2), unchecked).await.unwrap();
    assert_eq!(report, Report { done: 2, failures: Vec::new() });
    let created = &script.seen()[1];
    assert_eq!(created.target(), "BatchCreatePartition");
    assert_eq!(sent(created)["PartitionInputList"][0]["Values"], json!(["0001"]));
}

#[tokio::test(start_paused = true)]
async fn deleting_a_partition_that_is_gone_is_success() {
    let failed = [("0000", "EntityNotFoundException"), ("0001", "AccessDeniedException")];
    let script = Script::in_order([errors(&failed)]);
    let report = catalog(&script).delete_partitions(&orders(), values(2), unchecked).await.unwrap();
    assert_eq!(report.done, 1);
    assert_eq!(report.into_result(&orders()).unwrap_err().kind(), Kind::Configuration);
}

#[tokio::test(start_paused = true)]
async fn the_check_runs_before_every_wave_of_batches() {
    let checks = std::cell::Cell::new(0);
    let check = async || {
        checks.set(checks.get() + 1);
        Ok::<(), CatalogError>(())
    };
    let script = Script::answering(|_| Reply::new(200, "{}"));
    catalog(&script).create_partitions(&orders(), numbered(900), check).await.unwrap();
    assert_eq!(checks.get(), 3, "nine batches, four at once");
}

#[tokio::test(start_paused = true)]
async fn a_missing_table_is_named() {
    let script = Script::answering(|_| Reply::json_error(400, "EntityNotFoundException"));
    let (catalog, name) = (catalog(&script), orders());
    assert!(matches!(catalog.partitions(&name).await.unwrap_err(), CatalogError::NoSuchTable { .. }));
    let error = catalog.create_partitions(&name, numbered(1), unchecked).await.unwrap_err();
    assert!(error.to_string().contains("lake.orders"), "{error}");
}
