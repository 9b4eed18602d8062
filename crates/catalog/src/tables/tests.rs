use lakeward_aws::testing::{Reply, Script};
use lakeward_outcome::{Classify, Kind};
use serde_json::{Value, json};

use super::*;
use crate::testing::{catalog, orders};

const MARK: &str = "lakeward.run";

fn table(version: &str, run: &str) -> Reply {
    let parameters = json!({ MARK: run, "team": "sales" });
    let table = json!({ "Name": "orders", "VersionId": version, "Parameters": parameters, "Retention": 30 });
    Reply::new(200, json!({ "Table": table }).to_string())
}

fn ok() -> Reply {
    Reply::new(200, "{}")
}

fn error(code: &str) -> Reply {
    Reply::json_error(400, code)
}

fn is_mine(table: &Table) -> bool {
    table.definition.parameters.get(MARK).is_some_and(|run| run == "mine")
}

/// Updates a table read at version 7 to hold our mark, meeting `replies`.
async fn update(replies: Vec<Reply>) -> (Result<Update, CatalogError>, Script) {
    let script = Script::in_order([vec![table("7", "old")], replies].concat());
    let catalog = catalog(&script);
    let was = catalog.get_table(&orders()).await.unwrap().unwrap();
    let mut definition = was.definition.clone();
    definition.parameters.insert(MARK.into(), "mine".into());
    (catalog.update_table(&was, &definition, is_mine).await, script)
}

async fn create(replies: Vec<Reply>) -> Result<Create, CatalogError> {
    let script = Script::in_order(replies);
    catalog(&script).create_table(&orders(), &TableDefinition::parquet("zstd"), is_mine).await
}

#[tokio::test(start_paused = true)]
async fn an_update_names_the_version_it_was_read_at_and_archives_nothing() {
    let (result, script) = update(vec![ok()]).await;
    assert_eq!(result.unwrap(), Update::Done);
    let seen = script.seen();
    assert_eq!(seen[1].target(), "UpdateTable");
    let sent: Value = serde_json::from_str(&seen[1].body).unwrap();
    assert_eq!((&sent["VersionId"], &sent["SkipArchive"]), (&json!("7"), &json!(true)));
    assert_eq!(sent["TableInput"]["Parameters"], json!({ MARK: "mine", "team": "sales" }));
    assert_eq!(sent["TableInput"]["Retention"], 30);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_at_first_sight_is_a_conflict() {
    let (result, script) = update(vec![error("ConcurrentModificationException")]).await;
    assert_eq!(result.unwrap(), Update::Conflict);
    assert_eq!(script.seen().len(), 2, "nothing is read back");
    assert_eq!(update(vec![error("EntityNotFoundException")]).await.0.unwrap(), Update::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_our_own_lost_update_is_success() {
    for first in
        [Reply::Lost, Reply::json_error(500, "InternalServiceException"), error("OperationTimeoutException")]
    {
        let (result, _) =
            update(vec![first, error("ConcurrentModificationException"), table("8", "mine")]).await;
        assert_eq!(result.unwrap(), Update::Done);
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_somebody_elses_update_stays_one_after_a_lost_answer() {
    let conflict = error("ConcurrentModificationException");
    let (result, _) = update(vec![Reply::Lost, conflict.clone(), table("8", "theirs")]).await;
    assert_eq!(result.unwrap(), Update::Conflict);
    let (result, _) = update(vec![Reply::Lost, conflict, error("EntityNotFoundException")]).await;
    assert_eq!(result.unwrap(), Update::Conflict);
}

/// Answers every update with silence on the wire, and reads with `read`.
async fn update_into_the_void(read: Reply) -> Result<Update, CatalogError> {
    let script = Script::answering(move |seen| match seen.target() {
        "GetTable" => read.clone(),
        _ => Reply::Lost,
    });
    let name = orders();
    let was = Table {
        name,
        version: GlueVersion::new("7"),
        created: None,
        updated: None,
        definition: TableDefinition::parquet("zstd"),
    };
    catalog(&script).update_table(&was, &was.definition, is_mine).await
}

#[tokio::test(start_paused = true)]
async fn an_update_without_any_answer_is_settled_by_reading_back_or_unknown() {
    assert_eq!(update_into_the_void(table("8", "mine")).await.unwrap(), Update::Done);
    assert_eq!(update_into_the_void(table("8", "theirs")).await.unwrap(), Update::Conflict);
    // Still the old version: the update may yet be applied.
    assert_eq!(update_into_the_void(table("7", "old")).await.unwrap_err().kind(), Kind::Unknown);
    assert_eq!(update_into_the_void(Reply::Lost).await.unwrap_err().kind(), Kind::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_creation_tells_ours_from_what_was_there() {
    assert_eq!(create(vec![ok()]).await.unwrap(), Create::Created);
    let exists = || error("AlreadyExistsException");
    assert_eq!(create(vec![exists()]).await.unwrap(), Create::AlreadyThere);
    assert_eq!(create(vec![Reply::Lost, exists(), table("0", "mine")]).await.unwrap(), Create::Created);
    assert_eq!(
        create(vec![Reply::Lost, exists(), table("0", "theirs")]).await.unwrap(),
        Create::AlreadyThere
    );
}

#[tokio::test(start_paused = true)]
async fn errors_say_what_to_do() {
    let missing = create(vec![error("EntityNotFoundException")]).await.unwrap_err();
    assert!(missing.to_string().contains("create-database"), "{missing}");
    assert_eq!(missing.kind(), Kind::Configuration);

    let (denied, _) = update(vec![error("AccessDeniedException")]).await;
    let denied = denied.unwrap_err();
    assert!(denied.to_string().contains("glue:UpdateTable"), "{denied}");
    assert_eq!(denied.kind(), Kind::Configuration);

    let script = Script::answering(|_| Reply::Refused);
    let refused = catalog(&script).get_table(&orders()).await.unwrap_err();
    assert!(refused.to_string().contains("https://glue.eu-central-1.amazonaws.com"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_table_without_a_version_is_refused_because_it_could_not_be_changed_safely() {
    let script = Script::in_order([Reply::new(200, r#"{"Table":{"Name":"orders"}}"#)]);
    let error = catalog(&script).get_table(&orders()).await.unwrap_err();
    assert!(matches!(error, CatalogError::Malformed { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn tables_and_databases_are_listed_to_the_last_page() {
    let page = |name: &str, next: Value| {
        let table = json!({ "Name": name, "VersionId": "1" });
        Reply::new(200, json!({ "TableList": [table], "NextToken": next }).to_string())
    };
    let script = Script::in_order([page("a", json!("t1")), page("b", json!(""))]);
    let tables = catalog(&script).tables("lake").await.unwrap();
    let names: Vec<_> = tables.iter().map(|table| table.name.to_string()).collect();
    assert_eq!(names, ["lake.a", "lake.b"]);
    assert!(script.seen()[1].body.contains("t1"));

    let page = |name: &str, next: Value| {
        Reply::new(200, json!({ "DatabaseList": [{ "Name": name }], "NextToken": next }).to_string())
    };
    let script = Script::in_order([page("a", json!("t1")), page("b", Value::Null)]);
    assert_eq!(catalog(&script).databases().await.unwrap(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn deleting_tells_whether_the_table_was_there() {
    let script = Script::in_order([
        ok(),
        error("EntityNotFoundException"),
        Reply::Lost,
        error("EntityNotFoundException"),
    ]);
    let catalog = catalog(&script);
    assert!(catalog.delete_table(&orders()).await.unwrap());
    assert!(!catalog.delete_table(&orders()).await.unwrap());
    assert!(catalog.delete_table(&orders()).await.unwrap(), "gone by our own lost try");
}

#[tokio::test(start_paused = true)]
async fn a_database_exists_or_does_not() {
    let found = Reply::new(200, r#"{"Database":{"Name":"lake"}}"#);
    let script = Script::in_order([found, error("EntityNotFoundException")]);
    let catalog = catalog(&script);
    assert!(catalog.database_exists("lake").await.unwrap());
    assert!(!catalog.database_exists("lake").await.unwrap());
}
