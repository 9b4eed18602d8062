//! The table of grants is whole, and the documentation has it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

use lakeward_permissions::{Place, Program, glue, policy, s3, tables};
use serde_json::{Value, json};

const BEGIN: &str = "<!-- tables: begin, made from crates/permissions -->\n\n";
const END: &str = "<!-- tables: end -->";

fn place() -> Place {
    Place {
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        account: "123456789012".to_owned(),
        root: "s3://lake/analytics/orders/".parse().unwrap(),
        table: "analytics.orders".parse().unwrap(),
        replica: None,
        inputs: Vec::new(),
        via_lifecycle: false,
        databases: Vec::new(),
        keys: Vec::new(),
    }
}

fn statement(policy: &Value, sid: &str) -> Option<Value> {
    policy["Statement"].as_array()?.iter().find(|statement| statement["Sid"] == sid).cloned()
}

#[test]
fn every_action_that_is_granted_is_one_that_an_operation_needs_and_the_other_way_round() {
    let needs = s3::OPERATIONS.iter().chain(glue::OPERATIONS).flat_map(|operation| operation.needs);
    let mut needed: BTreeSet<&str> = needs.map(|need| need.action).collect();
    needed.extend(["kms:GenerateDataKey", "kms:Decrypt"]);
    // gc tags versions only, as it finds objects by listing versions.
    needed.remove("s3:PutObjectTagging");
    let granted = Program::ALL.iter().flat_map(|program| program.grants()).flat_map(|grant| grant.actions);
    assert_eq!(granted.copied().collect::<BTreeSet<_>>(), needed);
}

#[test]
fn a_table_whose_name_begins_alike_is_out_of_reach() {
    let policy = policy(&Program::ALL, &place());
    let runs = statement(&policy, "Runs").unwrap();
    assert_eq!(runs["Resource"], json!(["arn:aws:s3:::lake/analytics/orders/_runs/*"]));
    let live = statement(&policy, "LiveTable").unwrap();
    let glue = |resource: &str| format!("arn:aws:glue:eu-west-1:123456789012:{resource}");
    let expected = [glue("catalog"), glue("database/analytics"), glue("table/analytics/orders")];
    assert_eq!(live["Resource"], json!(expected));
    let staged = statement(&policy, "StagedTables").unwrap();
    assert_eq!(staged["Resource"][2], json!(glue("table/analytics/orders__lakeward_*")));
}

#[test]
fn a_policy_has_only_the_variants_that_are_asked_for() {
    let plain = policy(&Program::ALL, &place());
    for sid in ["ReplicaBucket", "ReplicaWrites", "InputObjects", "InputBuckets", "Keys"] {
        assert_eq!(statement(&plain, sid), None, "{sid}");
    }
    let asked = Place {
        replica: Some("lake-replica".to_owned()),
        inputs: vec!["s3://raw/orders/".parse().unwrap()],
        keys: vec!["arn:aws:kms:eu-west-1:123456789012:key/1".to_owned()],
        databases: vec!["analytics".to_owned(), "marts".to_owned()],
        ..place()
    };
    let policy = policy(&Program::ALL, &asked);
    let condition = |sid: &str| statement(&policy, sid).unwrap()["Condition"].clone();
    assert_eq!(
        condition("Keys"),
        json!({ "StringEquals": { "kms:ViaService": ["s3.eu-west-1.amazonaws.com"] } })
    );
    assert_eq!(condition("InputBuckets"), json!({ "StringLike": { "s3:prefix": ["orders/*"] } }));
    assert!(statement(&policy, "AllTables").is_none());
    let tables = statement(&policy, "SearchedTables").unwrap()["Resource"].to_string();
    assert!(tables.contains("table/marts/*") && tables.contains("table/analytics/*"), "{tables}");
}

#[test]
fn the_databases_that_gc_searches_are_for_gc_alone() {
    let place = Place { databases: vec!["marts".to_owned()], ..place() };
    for program in Program::ALL {
        let policy = policy(&[program], &place).to_string();
        assert_eq!(policy.contains("marts"), program == Program::Gc, "{}", program.name());
    }
    let tables = statement(&policy(&Program::ALL, &place), "DatabaseTables").unwrap();
    let glue = |resource: &str| format!("arn:aws:glue:eu-west-1:123456789012:{resource}");
    assert_eq!(tables["Resource"], json!(["catalog", "database/analytics", "table/analytics/*"].map(glue)));
    assert_eq!(tables["Action"], json!(["glue:GetTables"]));
}

#[test]
fn a_key_is_for_s3_in_its_own_region() {
    let key = |region: &str| format!("arn:aws:kms:{region}:123456789012:key/1");
    let place = Place { keys: vec![key("us-east-1"), key("eu-central-1"), key("us-east-1")], ..place() };
    let keys = statement(&policy(&[Program::Verify], &place), "Keys").unwrap();
    let services = json!(["s3.eu-central-1.amazonaws.com", "s3.us-east-1.amazonaws.com"]);
    assert_eq!(keys["Condition"]["StringEquals"]["kms:ViaService"], services);
}

/// `UPDATE_DOCUMENTS=1` writes the tables.
#[test]
fn the_page_has_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/IAM.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the tables' beginning");
    let (found, after) = rest.split_once(END).expect("the tables' end");
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", tables())).unwrap();
    } else {
        assert_eq!(found, tables(), "UPDATE_DOCUMENTS=1 cargo test -p lakeward-permissions writes them");
    }
}
