//! What a client sees of the faults, and what the lake has done behind them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::{DATABASE, TABLE, clients_of, input_of, soon, start};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use lakeward_local::{Effect, Hook, Options, Outcome, Rule, Service, When};

fn refuse(status: u16, code: &str) -> Effect {
    Effect::Refuse { status, code: code.to_owned() }
}

#[tokio::test]
async fn a_request_dropped_before_is_not_applied() {
    let (lake, clients) = start(Options::default()).await;
    let fault = lake.faults().set(Rule::new(When::Before, Effect::Drop).operation("PutObject"));
    let error = clients.put("k", "lost").await.unwrap_err();
    assert!(error.contains("DispatchFailure"), "{error}");
    assert_eq!(fault.fired(), 1);
    assert_eq!(clients.get("k").await, None);
    clients.put("k", "second try").await.unwrap();
    assert_eq!(fault.fired(), 1);
}

#[tokio::test]
async fn a_request_dropped_after_is_applied() {
    let (lake, clients) = start(Options::default()).await;
    lake.faults().set(Rule::new(When::After, Effect::Drop).operation("PutObject"));
    let error = clients.put("k", "applied").await.unwrap_err();
    assert!(error.contains("DispatchFailure"), "{error}");
    assert_eq!(clients.get("k").await.as_deref(), Some("applied"));
    let put = &lake.requests().entries()[0];
    assert_eq!((put.outcome, put.faults.len()), (Outcome::Dropped, 1));
}

#[tokio::test]
async fn an_s3_request_is_refused_with_the_code_that_was_ordered() {
    let (lake, clients) = start(Options::default()).await;
    lake.faults().set(Rule::new(When::Before, refuse(503, "SlowDown")).containing("manifest"));
    clients.put("data", "x").await.unwrap();
    let put = clients.s3.put_object().bucket("lake").key("a/manifest.json").send().await.unwrap_err();
    assert_eq!(put.raw_response().unwrap().status().as_u16(), 503);
    assert_eq!(put.as_service_error().unwrap().code(), Some("SlowDown"));
    assert_eq!(clients.get("a/manifest.json").await, None);
}

#[tokio::test]
async fn an_update_refused_after_it_was_applied_is_applied() {
    let (lake, clients) = start(Options::default()).await;
    clients.create_table().await;
    lake.faults().set(
        Rule::new(When::After, refuse(500, "InternalServiceException"))
            .service(Service::Glue)
            .operation("UpdateTable"),
    );
    let update = || clients.glue.update_table().database_name(DATABASE).version_id("0");
    let first = update().table_input(input_of("second")).send().await.unwrap_err();
    assert_eq!(first.as_service_error().unwrap().code(), Some("InternalServiceException"));
    // What a blind retry of the same call hears.
    let again = update().table_input(input_of("second")).send().await.unwrap_err();
    assert_eq!(again.as_service_error().unwrap().code(), Some("ConcurrentModificationException"));
    assert_eq!(clients.comment().await, "second");
}

#[tokio::test]
async fn items_of_a_batch_fail_with_errors_of_their_own_and_the_others_are_done() {
    for (when, done) in [(When::Before, vec!["a", "c", "d"]), (When::After, vec!["a", "b", "c", "d"])] {
        let (lake, clients) = start(Options::default()).await;
        clients.create_table().await;
        let key = aws_sdk_glue::types::Column::builder().name("p").r#type("string").build().unwrap();
        let input =
            aws_sdk_glue::types::TableInput::builder().name(TABLE).partition_keys(key).build().unwrap();
        clients.glue.update_table().database_name(DATABASE).table_input(input).send().await.unwrap();
        let code = "InternalServiceException".to_owned();
        let every = std::num::NonZeroUsize::new(2).unwrap();
        let rule = Rule::new(when, Effect::FailItems { every, code }).operation("BatchCreatePartition");
        let (fault, beyond) = (lake.faults().set(rule.clone()), lake.faults().set(rule.nth(2)));
        let input = |value: &str| aws_sdk_glue::types::PartitionInput::builder().values(value).build();
        let inputs = ["a", "b", "c"].map(input).to_vec();
        let create = || clients.glue.batch_create_partition().database_name(DATABASE).table_name(TABLE);
        let answer = create().set_partition_input_list(Some(inputs)).send().await.unwrap();
        assert_eq!((fault.fired(), fault.failed_items()), (1, 1));
        assert_eq!(answer.errors()[0].partition_values(), ["b"]);
        // A single item is no second one.
        let alone = create().partition_input_list(input("d")).send().await.unwrap();
        assert!(alone.errors().is_empty());
        assert_eq!((beyond.fired(), beyond.failed_items()), (0, 0));
        assert_eq!(answer.errors()[0].error_detail().unwrap().error_code(), Some("InternalServiceException"));
        let listed = clients.glue.get_partitions().database_name(DATABASE).table_name(TABLE).send().await;
        let listed = listed.unwrap();
        let mut values: Vec<_> = listed.partitions().iter().map(|found| found.values()[0].as_str()).collect();
        values.sort_unstable();
        assert_eq!(values, done);
    }
}

#[tokio::test]
async fn a_paused_request_is_carried_out_after_its_client_is_gone() {
    let (lake, clients) = start(Options::default()).await;
    let clients = Arc::new(clients);
    let fault = lake.faults().set(Rule::new(When::Before, Effect::Pause).operation("PutObject"));
    let writer = tokio::spawn({
        let clients = Arc::clone(&clients);
        async move { clients.put("late", "from the dead").await }
    });
    soon(fault.reached()).await;
    writer.abort();
    assert!(writer.await.unwrap_err().is_cancelled());
    assert_eq!(clients.get("late").await, None);
    fault.release();
    soon(async {
        while clients.get("late").await.as_deref() != Some("from the dead") {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_hook_runs_between_the_request_and_its_effect() {
    let (lake, clients) = start(Options::default()).await;
    let rival = Arc::new(clients_of(&lake, "rival"));
    let runs = Arc::new(AtomicU64::new(0));
    let hook = Hook::new({
        let runs = Arc::clone(&runs);
        move |_| {
            let (rival, runs) = (Arc::clone(&rival), Arc::clone(&runs));
            async move {
                runs.fetch_add(1, Ordering::Relaxed);
                rival.put("k", "the rival was here first").await.unwrap();
            }
        }
    });
    lake.faults().set(Rule::new(When::Before, Effect::Hook(hook)).caller("lakeward-test"));
    let create = clients.s3.put_object().bucket("lake").key("k").if_none_match("*");
    let error = create.body(b"late".to_vec().into()).send().await.unwrap_err();
    assert_eq!(error.as_service_error().unwrap().code(), Some("PreconditionFailed"));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    assert_eq!(clients.get("k").await.as_deref(), Some("the rival was here first"));
}

#[tokio::test]
async fn a_delayed_request_still_succeeds() {
    let (lake, clients) = start(Options::default()).await;
    let fault = lake.faults().set(Rule::new(When::After, Effect::Delay { ms: 20 }).operation("PutObject"));
    clients.put("k", "x").await.unwrap();
    assert_eq!(fault.fired(), 1);
}

#[tokio::test]
async fn the_journal_names_callers_operations_and_resources() {
    let (lake, clients) = start(Options::default()).await;
    clients.put("a/b", "x").await.unwrap();
    clients_of(&lake, "lakeward-gc").get("missing").await;
    let seen: Vec<_> = lake
        .requests()
        .entries()
        .into_iter()
        .map(|entry| (entry.call.operation, entry.call.resource, entry.call.caller.unwrap(), entry.outcome))
        .collect();
    let wanted =
        [("PutObject", "lake/a/b", "lakeward-test", 200), ("GetObject", "lake/missing", "lakeward-gc", 404)]
            .map(|(operation, resource, caller, status)| {
                (operation.to_owned(), resource.to_owned(), caller.to_owned(), Outcome::Answered { status })
            });
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn shutting_down_lets_go_of_paused_requests() {
    let (lake, clients) = start(Options::default()).await;
    let fault = lake.faults().set(Rule::new(When::Before, Effect::Pause));
    let put = tokio::spawn(async move { clients.put("k", "x").await });
    soon(fault.reached()).await;
    soon(lake.shutdown()).await;
    soon(put).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_operation_that_is_not_served_says_so() {
    let (lake, _) = start(Options::default()).await;
    let crawlers = clients_of(&lake, "test").glue.get_crawlers().send().await.unwrap_err();
    assert_eq!(crawlers.as_service_error().unwrap().code(), Some("UnknownOperationException"));
}
