//! Conditional writes and reads: the compare-and-swap that the manifest rests on.

use anyhow::{Result, ensure};
use aws_sdk_s3::Client;
use futures::future::join_all;

use super::s3::{put, text};
use super::setup::{Endpoint, refusal, refused_as, refused_with};

super::promises! { S3:
    creating_what_exists_fails,
    creating_again_after_a_delete_succeeds,
    one_of_many_concurrent_creates_wins,
    replacing_the_version_that_was_read_succeeds,
    replacing_another_version_fails,
    replacing_what_is_gone_is_not_found,
    one_of_many_concurrent_replaces_wins,
    a_read_with_a_stale_etag_fails,
    a_read_of_what_is_known_is_not_modified,
}

/// Writers in one race.
const RIVALS: usize = 16;

async fn create(s3: &Client, bucket: &str, key: &str, body: &str) -> Result<bool> {
    let put = s3.put_object().bucket(bucket).key(key).if_none_match("*");
    won(put.body(body.as_bytes().to_vec().into()).send().await)
}

async fn replace(s3: &Client, bucket: &str, etag: &str, body: &str) -> Result<bool> {
    let put = s3.put_object().bucket(bucket).key("k").if_match(etag);
    won(put.body(body.as_bytes().to_vec().into()).send().await)
}

/// Whether a conditional put was applied. A loser hears 412, or 409 from a race.
fn won(
    outcome: Result<
        aws_sdk_s3::operation::put_object::PutObjectOutput,
        aws_sdk_s3::error::SdkError<aws_sdk_s3::operation::put_object::PutObjectError>,
    >,
) -> Result<bool> {
    if outcome.is_ok() {
        return Ok(true);
    }
    let refusal = refusal(outcome)?;
    ensure!(matches!(refusal.status, 409 | 412), "lost with {} ({})", refusal.status, refusal.code);
    Ok(false)
}

async fn creating_what_exists_fails(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    ensure!(create(&s3, &bucket, "k", "first").await?);
    let again = s3.put_object().bucket(&bucket).key("k").if_none_match("*").body(b"second".to_vec().into());
    refused_with("PreconditionFailed", again.send().await)?;
    ensure!(text(&s3, &bucket, "k").await? == "first");
    Ok(())
}

async fn creating_again_after_a_delete_succeeds(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    ensure!(create(&s3, &bucket, "k", "first").await?);
    s3.delete_object().bucket(&bucket).key("k").send().await?;
    ensure!(create(&s3, &bucket, "k", "second").await?);
    Ok(())
}

async fn one_of_many_concurrent_creates_wins(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let bodies: Vec<String> = (0..RIVALS).map(|number| format!("rival {number}")).collect();
    let outcomes = join_all(bodies.iter().map(|body| create(&s3, &bucket, "k", body))).await;
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
    one_won(&s3, &bucket, &bodies, &outcomes).await
}

async fn one_won(s3: &Client, bucket: &str, bodies: &[String], outcomes: &[bool]) -> Result<()> {
    let winners: Vec<_> =
        bodies.iter().zip(outcomes).filter(|(_, won)| **won).map(|(body, _)| body).collect();
    ensure!(winners.len() == 1, "winners: {winners:?}");
    let content = text(s3, bucket, "k").await?;
    ensure!(&content == winners[0], "{} won, and the object says {content}", winners[0]);
    Ok(())
}

async fn replacing_the_version_that_was_read_succeeds(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let etag = put(&s3, &bucket, "k", "first").await?;
    ensure!(replace(&s3, &bucket, &etag, "second").await?);
    ensure!(text(&s3, &bucket, "k").await? == "second");
    Ok(())
}

async fn replacing_another_version_fails(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let stale = put(&s3, &bucket, "k", "first").await?;
    put(&s3, &bucket, "k", "second").await?;
    let late = s3.put_object().bucket(&bucket).key("k").if_match(stale).body(b"third".to_vec().into());
    refused_with("PreconditionFailed", late.send().await)?;
    ensure!(text(&s3, &bucket, "k").await? == "second");
    Ok(())
}

async fn replacing_what_is_gone_is_not_found(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let etag = put(&s3, &bucket, "k", "first").await?;
    s3.delete_object().bucket(&bucket).key("k").send().await?;
    let late = s3.put_object().bucket(&bucket).key("k").if_match(etag).body(b"second".to_vec().into());
    refused_with("NoSuchKey", late.send().await)?;
    refused_as(404, s3.head_object().bucket(&bucket).key("k").send().await)
}

async fn one_of_many_concurrent_replaces_wins(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let etag = put(&s3, &bucket, "k", "first").await?;
    let bodies: Vec<String> = (0..RIVALS).map(|number| format!("rival {number}")).collect();
    let outcomes = join_all(bodies.iter().map(|body| replace(&s3, &bucket, &etag, body))).await;
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
    one_won(&s3, &bucket, &bodies, &outcomes).await
}

async fn a_read_with_a_stale_etag_fails(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let stale = put(&s3, &bucket, "k", "first").await?;
    put(&s3, &bucket, "k", "second").await?;
    refused_as(412, s3.get_object().bucket(&bucket).key("k").if_match(&stale).send().await)?;
    refused_as(412, s3.head_object().bucket(&bucket).key("k").if_match(&stale).send().await)
}

async fn a_read_of_what_is_known_is_not_modified(endpoint: Endpoint) -> Result<()> {
    let (s3, bucket) = endpoint.s3_with_bucket().await?;
    let etag = put(&s3, &bucket, "k", "first").await?;
    refused_as(304, s3.get_object().bucket(&bucket).key("k").if_none_match(&etag).send().await)
}
