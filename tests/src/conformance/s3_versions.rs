//! Versioned buckets: what a plain delete leaves behind, and how it is really deleted.

use anyhow::{Result, ensure};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    BucketVersioningStatus, Delete, ObjectIdentifier, ObjectLockLegalHold, ObjectLockLegalHoldStatus,
    VersioningConfiguration,
};

use super::s3::{put, text};
use super::setup::{Endpoint, refused_as, refused_with};

super::promises! { S3:
    a_bucket_is_not_versioned_until_it_is_told,
    a_plain_delete_hides_the_versions,
    deleting_every_version_and_marker_leaves_nothing,
    versions_are_listed_newest_first_in_pages,
    creating_over_a_delete_marker_succeeds,
    a_version_under_legal_hold_is_not_deleted,
}

async fn versioned(endpoint: &Endpoint) -> Result<(Client, String)> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket(&bucket).versioning_configuration(enabled).send().await?;
    Ok((s3, bucket))
}

async fn a_bucket_is_not_versioned_until_it_is_told(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    ensure!(s3.get_bucket_versioning().bucket(&bucket).send().await?.status().is_none());
    let (s3, bucket) = versioned(&endpoint).await?;
    let status = s3.get_bucket_versioning().bucket(&bucket).send().await?;
    ensure!(status.status() == Some(&BucketVersioningStatus::Enabled));
    Ok(())
}

async fn a_plain_delete_hides_the_versions(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = versioned(&endpoint).await?;
    put(&s3, &bucket, "k", "first").await?;
    put(&s3, &bucket, "k", "second").await?;
    let deleted = s3.delete_object().bucket(&bucket).key("k").send().await?;
    ensure!(deleted.delete_marker() == Some(true), "{deleted:?}");
    refused_with("NoSuchKey", s3.get_object().bucket(&bucket).key("k").send().await)?;
    ensure!(s3.list_objects_v2().bucket(&bucket).send().await?.contents().is_empty());
    let listed = s3.list_object_versions().bucket(&bucket).send().await?;
    ensure!((listed.versions().len(), listed.delete_markers().len()) == (2, 1), "{listed:?}");
    let marker = listed.delete_markers()[0].version_id().unwrap_or_default();
    s3.delete_object().bucket(&bucket).key("k").version_id(marker).send().await?;
    ensure!(text(&s3, &bucket, "k").await? == "second");
    Ok(())
}

async fn deleting_every_version_and_marker_leaves_nothing(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = versioned(&endpoint).await?;
    for key in ["a", "b"] {
        put(&s3, &bucket, key, "x").await?;
        s3.delete_object().bucket(&bucket).key(key).send().await?;
    }
    let listed = s3.list_object_versions().bucket(&bucket).send().await?;
    let versions = listed.versions().iter().map(|version| (version.key(), version.version_id()));
    let markers = listed.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
    let mut delete = Delete::builder();
    for (key, id) in versions.chain(markers) {
        let object = ObjectIdentifier::builder().key(key.unwrap_or_default());
        delete = delete.objects(object.version_id(id.unwrap_or_default()).build()?);
    }
    let deleted = s3.delete_objects().bucket(&bucket).delete(delete.build()?).send().await?;
    ensure!(deleted.errors().is_empty(), "{:?}", deleted.errors());
    s3.delete_bucket().bucket(&bucket).send().await?;
    Ok(())
}

async fn versions_are_listed_newest_first_in_pages(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = versioned(&endpoint).await?;
    for key in ["a", "a", "a", "b", "b"] {
        put(&s3, &bucket, key, "x").await?;
    }
    let (mut listed, mut pages) = (Vec::new(), 0);
    let (mut key_marker, mut id_marker) = (None, None);
    loop {
        let page = s3.list_object_versions().bucket(&bucket).max_keys(2);
        let page = page.set_key_marker(key_marker).set_version_id_marker(id_marker).send().await?;
        pages += 1;
        for version in page.versions() {
            let key = version.key().unwrap_or_default().to_owned();
            listed.push((key, version.is_latest() == Some(true)));
        }
        if page.is_truncated() != Some(true) {
            break;
        }
        (key_marker, id_marker) = (page.next_key_marker, page.next_version_id_marker);
    }
    let wanted = [("a", true), ("a", false), ("a", false), ("b", true), ("b", false)];
    ensure!(listed == wanted.map(|(key, latest)| (key.to_owned(), latest)), "{listed:?}");
    ensure!(pages == 3, "{pages} pages");
    Ok(())
}

async fn creating_over_a_delete_marker_succeeds(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = versioned(&endpoint).await?;
    put(&s3, &bucket, "k", "first").await?;
    s3.delete_object().bucket(&bucket).key("k").send().await?;
    let create = s3.put_object().bucket(&bucket).key("k").if_none_match("*");
    create.body(b"second".to_vec().into()).send().await?;
    Ok(())
}

async fn a_version_under_legal_hold_is_not_deleted(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = (endpoint.s3(), endpoint.fresh_name());
    s3.create_bucket().bucket(&bucket).object_lock_enabled_for_bucket(true).send().await?;
    let put = s3.put_object().bucket(&bucket).key("k").body(b"held".to_vec().into()).send().await?;
    let version = put.version_id.unwrap_or_default();
    let hold = |status| ObjectLockLegalHold::builder().status(status).build();
    let change = |status| s3.put_object_legal_hold().bucket(&bucket).key("k").legal_hold(hold(status)).send();
    change(ObjectLockLegalHoldStatus::On).await?;

    let object = ObjectIdentifier::builder().key("k").version_id(&version).build()?;
    let delete = Delete::builder().objects(object).build()?;
    let deleted = s3.delete_objects().bucket(&bucket).delete(delete).send().await?;
    ensure!(deleted.errors().first().and_then(|error| error.code()) == Some("AccessDenied"), "{deleted:?}");
    let by_version = || s3.delete_object().bucket(&bucket).key("k").version_id(&version).send();
    refused_as(403, by_version().await)?;

    change(ObjectLockLegalHoldStatus::Off).await?;
    by_version().await?;
    refused_as(404, s3.head_object().bucket(&bucket).key("k").send().await)
}
