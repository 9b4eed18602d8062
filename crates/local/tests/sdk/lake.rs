//! What is particular to the lake: restarts, replication, and stores that ignore conditions.

use std::path::Path;
use std::sync::Arc;

use crate::common::{BUCKET, Clients, DATABASE, TABLE, input_of, start};
use aws_sdk_s3::types::{ReplicationStatus, Tag, Tagging};
use lakeward_local::{LocalLake, Options, ReplicationMode, Storage};

const REPLICA: &str = "replica";

fn in_folder(folder: &Path) -> Options {
    Options { storage: Storage::Folder(folder.to_owned()), ..Options::default() }
}

/// Writes one of everything, and begins an upload that is not completed.
async fn fill(clients: &Clients) -> String {
    clients.put("a key/é", "kept").await.unwrap();
    clients.put("gone", "x").await.unwrap();
    clients.s3.delete_object().bucket(BUCKET).key("gone").send().await.unwrap();
    let tag = Tag::builder().key("retired").value("yes").build().unwrap();
    let tagging = Tagging::builder().tag_set(tag).build().unwrap();
    let put = clients.s3.put_object_tagging().bucket(BUCKET).key("a key/é").tagging(tagging);
    put.send().await.unwrap();
    clients.create_table().await;
    let update = clients.glue.update_table().database_name(DATABASE).table_input(input_of("second"));
    update.send().await.unwrap();
    let created = clients.s3.create_multipart_upload().bucket(BUCKET).key("multi").send().await.unwrap();
    let id = created.upload_id.unwrap();
    let part = clients.s3.upload_part().bucket(BUCKET).key("multi").upload_id(&id).part_number(1);
    part.body(b"part".to_vec().into()).send().await.unwrap();
    id
}

#[tokio::test]
async fn a_lake_in_a_folder_is_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, clients) = start(in_folder(folder.path())).await;
    let upload = fill(&clients).await;
    lake.shutdown().await;
    drop(clients);

    let (lake, clients) = start(in_folder(folder.path())).await;
    assert_eq!(clients.get("a key/é").await.as_deref(), Some("kept"));
    assert_eq!(clients.get("gone").await, None);
    let tags = clients.s3.get_object_tagging().bucket(BUCKET).key("a key/é").send().await.unwrap();
    assert_eq!(tags.tag_set()[0].key(), "retired");
    assert_eq!(clients.comment().await, "second");
    let versions = clients.glue.get_table_versions().database_name(DATABASE).table_name(TABLE);
    assert_eq!(versions.send().await.unwrap().table_versions().len(), 2);
    let parts = clients.s3.list_parts().bucket(BUCKET).key("multi").upload_id(upload).send().await.unwrap();
    assert_eq!(parts.parts()[0].size(), Some(4));
    lake.shutdown().await;
}

#[tokio::test]
async fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (lake, _) = start(in_folder(folder.path())).await;
    let Err(error) = LocalLake::start(in_folder(folder.path())).await else {
        panic!("two lakes on one folder")
    };
    assert!(error.to_string().contains("cannot use folder"), "{error}");
    lake.shutdown().await;
}

async fn replicated(mode: ReplicationMode) -> (LocalLake, Clients) {
    let (lake, clients) = start(Options::default()).await;
    lake.create_bucket(REPLICA).unwrap();
    lake.replicate(BUCKET, REPLICA, mode).unwrap();
    clients.put("k", "replicated").await.unwrap();
    (lake, clients)
}

async fn status(clients: &Clients, bucket: &str) -> Option<ReplicationStatus> {
    clients.s3.head_object().bucket(bucket).key("k").send().await.ok()?.replication_status
}

#[tokio::test]
async fn a_completed_replication_has_its_copy() {
    let (_lake, clients) = replicated(ReplicationMode::Completed).await;
    assert_eq!(status(&clients, BUCKET).await, Some(ReplicationStatus::Completed));
    assert_eq!(status(&clients, REPLICA).await, Some(ReplicationStatus::Replica));
}

#[tokio::test]
async fn a_pending_replication_is_completed_when_told() {
    let (lake, clients) = replicated(ReplicationMode::Pending).await;
    assert_eq!(status(&clients, BUCKET).await, Some(ReplicationStatus::Pending));
    assert_eq!(status(&clients, REPLICA).await, None);
    assert_eq!(lake.finish_replication(BUCKET).unwrap(), 1);
    assert_eq!(status(&clients, BUCKET).await, Some(ReplicationStatus::Completed));
    assert_eq!(status(&clients, REPLICA).await, Some(ReplicationStatus::Replica));
}

#[tokio::test]
async fn a_failed_replication_has_no_copy() {
    let (lake, clients) = replicated(ReplicationMode::Failed).await;
    assert_eq!(status(&clients, BUCKET).await, Some(ReplicationStatus::Failed));
    assert_eq!(lake.finish_replication(BUCKET).unwrap(), 0);
    assert_eq!(status(&clients, REPLICA).await, None);
}

#[tokio::test]
async fn a_lake_that_ignores_conditions_overwrites() {
    let (lake, clients) = start(Options::default()).await;
    lake.ignore_conditions(true);
    clients.put("k", "first").await.unwrap();
    let create = clients.s3.put_object().bucket(BUCKET).key("k").if_none_match("*");
    create.body(b"second".to_vec().into()).send().await.unwrap();
    assert_eq!(clients.get("k").await.as_deref(), Some("second"));
}

#[tokio::test]
async fn objects_and_tables_bear_the_time_of_the_lakes_clock() {
    let long_ago: jiff::Timestamp = "2001-02-03T04:05:06Z".parse().unwrap();
    let (_lake, clients) = start(Options { clock: Arc::new(move || long_ago), ..Options::default() }).await;
    clients.put("k", "x").await.unwrap();
    let head = clients.s3.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.last_modified().unwrap().secs(), long_ago.as_second());
    clients.create_table().await;
    let table = clients.glue.get_table().database_name(DATABASE).name(TABLE).send().await.unwrap();
    assert_eq!(table.table.unwrap().create_time().unwrap().secs(), long_ago.as_second());
}
