//! Objects: written, read, listed, deleted, and who may do so.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, Delete, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter, ObjectIdentifier, Tag, Tagging,
};

use super::setup::{Endpoint, crc64, refused_as, refused_with};

super::promises! { S3:
    an_object_is_read_back_as_it_was_written,
    the_etag_of_a_single_put_is_its_md5,
    a_range_is_cut_and_one_beyond_the_end_refused,
    what_is_missing_is_not_found,
    a_key_of_any_characters_comes_back_from_a_listing,
    a_listing_in_pages_holds_every_key_once_in_order,
    a_listing_starts_after_a_key,
    a_prefix_with_its_slash_leaves_siblings_out,
    a_delimiter_rolls_up_folders,
    a_thousand_keys_are_deleted_at_once_and_missing_ones_count,
    more_than_a_thousand_keys_at_once_are_refused,
    a_wrong_checksum_is_refused_and_nothing_written,
    a_checksum_is_told_again_by_head,
    a_copy_keeps_content_and_metadata,
    tags_are_kept_replaced_and_removed,
    a_lifecycle_configuration_is_kept,
    a_bucket_that_is_not_empty_stays,
    a_bucket_of_another_owner_is_forbidden,
    a_wrong_secret_is_forbidden,
    an_unknown_access_key_is_forbidden,
}

pub(super) async fn put(s3: &Client, bucket: &str, key: &str, body: &'static str) -> Result<String> {
    let put = s3.put_object().bucket(bucket).key(key).body(body.as_bytes().to_vec().into()).send().await?;
    Ok(put.e_tag.unwrap_or_default())
}

pub(super) async fn text(s3: &Client, bucket: &str, key: &str) -> Result<String> {
    let got = s3.get_object().bucket(bucket).key(key).send().await?;
    Ok(String::from_utf8(got.body.collect().await?.to_vec())?)
}

async fn keys(s3: &Client, bucket: &str, prefix: &str) -> Result<Vec<String>> {
    let listed = s3.list_objects_v2().bucket(bucket).prefix(prefix).send().await?;
    Ok(listed.contents().iter().filter_map(|object| object.key()).map(str::to_owned).collect())
}

async fn an_object_is_read_back_as_it_was_written(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let put = s3.put_object().bucket(&bucket).key("k").body(b"content".to_vec().into());
    put.content_type("text/plain").metadata("run", "2026-05-19-010203").send().await?;
    let got = s3.get_object().bucket(&bucket).key("k").send().await?;
    ensure!(got.content_type() == Some("text/plain"), "type: {:?}", got.content_type());
    ensure!(got.metadata().and_then(|m| m.get("run")).is_some_and(|run| run == "2026-05-19-010203"));
    ensure!(got.content_length() == Some(7), "length: {:?}", got.content_length());
    ensure!(got.body.collect().await?.to_vec() == b"content");
    Ok(())
}

async fn the_etag_of_a_single_put_is_its_md5(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let etag = put(&s3, &bucket, "k", "hello").await?;
    ensure!(etag == "\"5d41402abc4b2a76b9719d911017c592\"", "{etag}");
    Ok(())
}

async fn a_range_is_cut_and_one_beyond_the_end_refused(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    put(&s3, &bucket, "k", "0123456789").await?;
    let ranged = |range: &str| s3.get_object().bucket(&bucket).key("k").range(range).send();
    let middle = ranged("bytes=2-4").await?;
    ensure!(middle.content_range() == Some("bytes 2-4/10"), "{:?}", middle.content_range());
    ensure!(middle.body.collect().await?.to_vec() == b"234");
    ensure!(ranged("bytes=-3").await?.body.collect().await?.to_vec() == b"789");
    refused_as(416, ranged("bytes=10-").await)
}

async fn what_is_missing_is_not_found(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    refused_with("NoSuchKey", s3.get_object().bucket(&bucket).key("k").send().await)?;
    refused_as(404, s3.head_object().bucket(&bucket).key("k").send().await)?;
    let missing = endpoint.fresh_name();
    refused_as(404, s3.head_bucket().bucket(&missing).send().await)?;
    refused_with("NoSuchBucket", s3.get_object().bucket(&missing).key("k").send().await)?;
    refused_with("NoSuchBucket", s3.list_objects_v2().bucket(&missing).send().await)
}

async fn a_key_of_any_characters_comes_back_from_a_listing(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let wanted = ["a b/c+d", "dt=2026-05-19/x%2Fy", "quote's & <angle>", "straße/日本"];
    for key in wanted {
        put(&s3, &bucket, key, "x").await?;
        ensure!(text(&s3, &bucket, key).await? == "x", "{key}");
    }
    let listed = keys(&s3, &bucket, "").await?;
    ensure!(listed == wanted, "{listed:?}");
    Ok(())
}

async fn twelve(endpoint: &Endpoint) -> Result<(Client, String)> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    for number in 0..12 {
        put(&s3, &bucket, &format!("k{number:02}"), "x").await?;
    }
    Ok((s3, bucket))
}

async fn a_listing_in_pages_holds_every_key_once_in_order(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = twelve(&endpoint).await?;
    let mut pages = s3.list_objects_v2().bucket(&bucket).max_keys(5).into_paginator().send();
    let (mut sizes, mut listed) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = page?;
        sizes.push(page.contents().len());
        listed.extend(page.contents().iter().filter_map(|object| object.key()).map(str::to_owned));
    }
    ensure!(sizes == [5, 5, 2], "{sizes:?}");
    ensure!(listed == (0..12).map(|number| format!("k{number:02}")).collect::<Vec<_>>(), "{listed:?}");
    Ok(())
}

async fn a_listing_starts_after_a_key(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = twelve(&endpoint).await?;
    let listed = s3.list_objects_v2().bucket(&bucket).start_after("k09").send().await?;
    ensure!(listed.key_count() == Some(2), "{:?}", listed.key_count());
    Ok(())
}

async fn a_prefix_with_its_slash_leaves_siblings_out(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    for key in ["orders/1", "orders/2", "orders_eu/1", "orders"] {
        put(&s3, &bucket, key, "x").await?;
    }
    let listed = keys(&s3, &bucket, "orders/").await?;
    ensure!(listed == ["orders/1", "orders/2"], "{listed:?}");
    Ok(())
}

async fn a_delimiter_rolls_up_folders(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    for key in ["a/1", "a/2/3", "b/1", "c"] {
        put(&s3, &bucket, key, "x").await?;
    }
    let (mut folders, mut keys) = (BTreeSet::new(), Vec::new());
    let mut pages = s3.list_objects_v2().bucket(&bucket).delimiter("/").max_keys(1).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page?;
        folders.extend(page.common_prefixes().iter().filter_map(|p| p.prefix()).map(str::to_owned));
        keys.extend(page.contents().iter().filter_map(|object| object.key()).map(str::to_owned));
    }
    ensure!(folders == ["a/", "b/"].map(str::to_owned).into(), "{folders:?}");
    ensure!(keys == ["c"], "{keys:?}");
    Ok(())
}

fn to_delete(keys: impl Iterator<Item = String>) -> Result<Delete> {
    let mut delete = Delete::builder().quiet(false);
    for key in keys {
        delete = delete.objects(ObjectIdentifier::builder().key(key).build()?);
    }
    Ok(delete.build()?)
}

async fn a_thousand_keys_are_deleted_at_once_and_missing_ones_count(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = twelve(&endpoint).await?;
    let delete = to_delete((0..1000).map(|number| format!("k{number:02}")))?;
    let deleted = s3.delete_objects().bucket(&bucket).delete(delete).send().await?;
    ensure!(deleted.errors().is_empty(), "{:?}", deleted.errors());
    ensure!(deleted.deleted().len() == 1000, "{} deleted", deleted.deleted().len());
    ensure!(keys(&s3, &bucket, "").await?.is_empty());
    Ok(())
}

async fn more_than_a_thousand_keys_at_once_are_refused(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let delete = to_delete((0..1001).map(|number| format!("k{number}")))?;
    refused_with("MalformedXML", s3.delete_objects().bucket(&bucket).delete(delete).send().await)
}

async fn a_wrong_checksum_is_refused_and_nothing_written(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let put = s3.put_object().bucket(&bucket).key("k").body(b"these bytes".to_vec().into());
    let outcome = put.checksum_crc64_nvme(crc64(b"other bytes")).send().await;
    refused_with("BadDigest", outcome)?;
    refused_as(404, s3.head_object().bucket(&bucket).key("k").send().await)
}

async fn a_checksum_is_told_again_by_head(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let algorithms = [
        (ChecksumAlgorithm::Crc64Nvme, "CRC64NVME"),
        (ChecksumAlgorithm::Crc32, "CRC32"),
        (ChecksumAlgorithm::Crc32C, "CRC32C"),
        (ChecksumAlgorithm::Sha1, "SHA1"),
        (ChecksumAlgorithm::Sha256, "SHA256"),
    ];
    for (algorithm, name) in algorithms {
        let put = s3.put_object().bucket(&bucket).key(name).body(b"bytes".to_vec().into());
        put.checksum_algorithm(algorithm).send().await?;
        let head = s3.head_object().bucket(&bucket).key(name).checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await?;
        let told = match name {
            "CRC64NVME" => head.checksum_crc64_nvme(),
            "CRC32" => head.checksum_crc32(),
            "CRC32C" => head.checksum_crc32_c(),
            "SHA1" => head.checksum_sha1(),
            _ => head.checksum_sha256(),
        };
        ensure!(told.is_some(), "{name} is not told");
        ensure!(name != "CRC64NVME" || told == Some(crc64(b"bytes").as_str()), "{name}: {told:?}");
    }
    Ok(())
}

async fn a_copy_keeps_content_and_metadata(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let put = s3.put_object().bucket(&bucket).key("from").body(b"copied".to_vec().into());
    put.metadata("run", "1").send().await?;
    s3.copy_object().bucket(&bucket).key("to").copy_source(format!("{bucket}/from")).send().await?;
    ensure!(text(&s3, &bucket, "to").await? == "copied");
    let head = s3.head_object().bucket(&bucket).key("to").send().await?;
    ensure!(head.metadata().and_then(|metadata| metadata.get("run")).is_some_and(|run| run == "1"));
    Ok(())
}

async fn tags_are_kept_replaced_and_removed(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    put(&s3, &bucket, "k", "x").await?;
    let tagging = |key: &str| -> Result<Tagging> {
        Ok(Tagging::builder().tag_set(Tag::builder().key(key).value("yes").build()?).build()?)
    };
    let tags = || s3.get_object_tagging().bucket(&bucket).key("k").send();
    s3.put_object_tagging().bucket(&bucket).key("k").tagging(tagging("first")?).send().await?;
    s3.put_object_tagging().bucket(&bucket).key("k").tagging(tagging("second")?).send().await?;
    let kept = tags().await?;
    ensure!(kept.tag_set().len() == 1 && kept.tag_set()[0].key() == "second", "{:?}", kept.tag_set());
    s3.delete_object_tagging().bucket(&bucket).key("k").send().await?;
    ensure!(tags().await?.tag_set().is_empty());
    Ok(())
}

async fn a_lifecycle_configuration_is_kept(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let missing = s3.get_bucket_lifecycle_configuration().bucket(&bucket).send().await;
    refused_with("NoSuchLifecycleConfiguration", missing)?;
    let tag = Tag::builder().key("retired").value("yes").build()?;
    let rule = LifecycleRule::builder()
        .id("retired")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().tag(tag).build())
        .expiration(LifecycleExpiration::builder().days(7).build())
        .build()?;
    let rules = aws_sdk_s3::types::BucketLifecycleConfiguration::builder().rules(rule).build()?;
    let put = s3.put_bucket_lifecycle_configuration().bucket(&bucket);
    put.lifecycle_configuration(rules).send().await?;
    let kept = s3.get_bucket_lifecycle_configuration().bucket(&bucket).send().await?;
    let rule = &kept.rules()[0];
    ensure!(rule.expiration().and_then(LifecycleExpiration::days) == Some(7), "{rule:?}");
    ensure!(rule.filter().and_then(|f| f.tag()).is_some_and(|tag| tag.key() == "retired"), "{rule:?}");
    Ok(())
}

async fn a_bucket_that_is_not_empty_stays(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    put(&s3, &bucket, "k", "x").await?;
    refused_with("BucketNotEmpty", s3.delete_bucket().bucket(&bucket).send().await)?;
    s3.delete_object().bucket(&bucket).key("k").send().await?;
    s3.delete_bucket().bucket(&bucket).send().await?;
    refused_as(404, s3.head_bucket().bucket(&bucket).send().await)
}

async fn a_bucket_of_another_owner_is_forbidden(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let somebody = "999999999999";
    let put = s3.put_object().bucket(&bucket).key("k").expected_bucket_owner(somebody);
    refused_as(403, put.body(b"x".to_vec().into()).send().await)?;
    let list = s3.list_objects_v2().bucket(&bucket).expected_bucket_owner(somebody);
    refused_with("AccessDenied", list.send().await)
}

async fn a_wrong_secret_is_forbidden(endpoint: Endpoint) -> Result<()> {
    let (_, bucket) = endpoint.s3_with_bucket().await?;
    let forger = endpoint.signed_with(endpoint.access_key_id(), "not the secret").s3();
    let put = forger.put_object().bucket(&bucket).key("k").body(b"x".to_vec().into());
    refused_with("SignatureDoesNotMatch", put.send().await)?;
    refused_as(403, forger.list_objects_v2().bucket(&bucket).send().await)
}

async fn an_unknown_access_key_is_forbidden(endpoint: Endpoint) -> Result<()> {
    let (_, bucket) = endpoint.s3_with_bucket().await?;
    let stranger = endpoint.signed_with("AKIANOBODY", "secret").s3();
    refused_with("InvalidAccessKeyId", stranger.list_objects_v2().bucket(&bucket).send().await)
}
