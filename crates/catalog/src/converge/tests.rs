use std::cell::RefCell;

use lakeward_aws::testing::{Reply, Script};

use super::*;
use crate::testing::{catalog, orders, partition, registered};

#[test]
fn a_diff_creates_updates_deletes_and_leaves_alone() {
    let have = [registered(&partition("1")), registered(&partition("2")), registered(&partition("3"))];
    let moved = Partition { location: "s3://lake/elsewhere/".into(), ..partition("2") };
    let plan = diff(&have, &[partition("1"), moved.clone(), partition("4")]);
    let expected = Plan {
        create: vec![partition("4")],
        update: vec![moved],
        delete: vec![vec!["3".to_owned()]],
        unchanged: 1,
    };
    assert_eq!(plan, expected);
    assert!(!plan.is_empty());
    assert!(diff(&have[..1], &[partition("1")]).is_empty());
}

#[test]
fn a_partition_that_keeps_an_old_schema_or_statistics_is_updated() {
    let wanted = partition("1");
    let mut old_schema = wanted.clone();
    old_schema.columns[0].glue_type = "int".into();
    let mut old_rows = wanted.clone();
    old_rows.parameters.insert("numRows".into(), "1".into());
    for have in [old_schema, old_rows] {
        let plan = diff(&[registered(&have)], std::slice::from_ref(&wanted));
        assert_eq!(plan.update, std::slice::from_ref(&wanted));
    }
    let mut with_foreign_parameter = wanted.clone();
    with_foreign_parameter.parameters.insert("team".into(), "sales".into());
    assert_eq!(diff(&[registered(&with_foreign_parameter)], std::slice::from_ref(&wanted)).unchanged, 1);
}

fn plan() -> Plan {
    Plan {
        create: vec![partition("1")],
        update: vec![partition("2")],
        delete: vec![vec!["3".to_owned()]],
        unchanged: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_carried_out_with_deletions_last() {
    let script = Script::answering(|_| Reply::new(200, "{}"));
    let report = apply(&catalog(&script), &orders(), &plan()).await.unwrap();
    assert_eq!(report, Report { done: 3, failures: Vec::new() });
    let seen = script.seen();
    let operations: Vec<_> = seen.iter().map(lakeward_aws::testing::Seen::target).collect();
    assert_eq!(operations, ["BatchUpdatePartition", "BatchCreatePartition", "BatchDeletePartition"]);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_stops_the_work_before_the_next_batch() {
    #[derive(Debug, PartialEq)]
    struct Fenced;
    impl From<CatalogError> for Fenced {
        fn from(_: CatalogError) -> Self {
            Self
        }
    }
    let script = Script::answering(|_| Reply::new(200, "{}"));
    let checks = RefCell::new(vec![Err(Fenced), Ok(())]);
    let check = async || checks.borrow_mut().pop().unwrap();
    assert_eq!(apply_puts(&catalog(&script), &orders(), &plan(), check).await, Err(Fenced));
    assert_eq!(script.seen().len(), 1, "the update went out, the creation did not");
}
