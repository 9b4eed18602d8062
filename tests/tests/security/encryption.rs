//! Server-side encryption with KMS keys.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use lakeward_outcome::Kind;
use lakeward_tests::lake::Lake;
use lakeward_tests::step::Step;
use lakeward_tests::table::{DAYS, IN_PARTS, LARGE, Run};

use crate::story::{SQL, Story};

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d";
const BY_KEY: [(&str, &str); 3] =
    [("LAKEWARD_SSE", "aws:kms"), ("LAKEWARD_SSE_KMS_KEY_ID", KEY), ("LAKEWARD_BUCKET_KEY_ENABLED", "true")];

/// The operations that make objects, and so say how they are encrypted.
const MAKING: [&str; 2] = ["PutObject", "CreateMultipartUpload"];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_any_program_puts_is_encrypted_as_asked() -> Result<()> {
    let lake = Lake::start().await?;
    let mut story = Story::new(&lake, &BY_KEY);
    story.play().await?;
    let mut kinds = BTreeSet::new();
    for call in story.asked.iter().map(|entry| &entry.call) {
        if !MAKING.contains(&call.operation.as_str()) {
            ensure!(call.details.encryption.is_none(), "S3 refuses encryption of {}", call.operation);
            continue;
        }
        let details = &call.details;
        let asked = (details.encryption.as_deref(), details.kms_key_id.as_deref(), details.bucket_key);
        ensure!(asked == (Some("aws:kms"), Some(KEY), true), "{} asks for {asked:?}", call.resource);
        kinds.insert(
            call.resource.rsplit('/').next().unwrap_or_default().split('-').next().unwrap_or_default(),
        );
    }
    // The manifest, the probe and what it finds, a failure's note, data files.
    let expected = BTreeSet::from(["manifest.json", "probe", "capabilities.json", "last", "part"]);
    ensure!(kinds == expected, "{kinds:?}");
    for key in lake.backend().keys("").await? {
        let found = lake.backend().s3().head_object().bucket("lake").key(&key).send().await?;
        ensure!(found.ssekms_key_id() == Some(KEY), "{key} is not encrypted with the key");
    }
    Ok(())
}

/// Under a KMS key an ETag is no MD5: nothing may rest on that.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_verified_by_their_checksums_where_etags_are_no_digests() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let etag = async |run: &Run| {
        let key = lake.backend().keys(table.key(&run.location)?).await?.pop().context("no file")?;
        let head = lake.backend().s3().head_object().bucket("lake").key(key).send().await?;
        anyhow::Ok((head.e_tag().map(str::to_owned), head.content_length()))
    };
    let mut tags = BTreeSet::new();
    for day in &DAYS[..2] {
        // The same bytes each time.
        let write = table.write(day, LARGE).args(IN_PARTS).envs(BY_KEY);
        let run = table.published(&write).await?;
        table.shows(&run, LARGE).await?;
        tags.insert(etag(&run).await?);
    }
    ensure!(tags.len() == 2, "the same bytes have the same ETag: {tags:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_not_be_used_is_named_with_what_to_allow() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let run = Run::of(table.write(DAYS[0], SQL).envs(BY_KEY).succeeds().await?)?;
    lake.local().deny_key(KEY);
    let write = lake.backend().table("another").write(DAYS[0], SQL).envs(BY_KEY);
    write
        .is_refused(Kind::Configuration, &["KMS key", "allow kms:GenerateDataKey", "--sse-kms-key-id"])
        .await?;
    for step in [table.register(&run), table.verify(&run), table.swap(&run)] {
        step.is_refused(Kind::Configuration, &["KMS key", "allow kms:Decrypt", "manifest.json"]).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_that_continues_keeps_the_encryption() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let run = Run::of(table.write(DAYS[0], SQL).envs(BY_KEY).succeeds().await?)?;
    let next = table.swap(&run).envs(BY_KEY).run().await?.result["next"].to_string();
    for flag in ["lakeward-register", "--sse=aws:kms", KEY, "--bucket-key-enabled"] {
        ensure!(next.contains(flag), "{next} lacks {flag}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_that_s3_does_not_have_is_refused_by_every_program() -> Result<()> {
    let lake = Lake::start().await?;
    let table = lake.backend().table("orders");
    let run = table.registered(&table.write(DAYS[0], SQL)).await?;
    let wrong: [&[&str]; 4] = [
        &["--sse-kms-key-id", KEY],
        &["--sse=AES256", "--sse-kms-key-id", KEY],
        &["--sse=aws:kms:dsse", "--bucket-key-enabled"],
        &["--sse=rot13"],
    ];
    let steps = |flags: &[&str]| {
        let with = |step: Step| step.args(flags);
        [table.write(DAYS[1], SQL), table.register(&run), table.verify(&run), table.swap(&run), table.gc()]
            .map(with)
    };
    for flags in wrong {
        for step in steps(flags) {
            step.is_refused(Kind::Usage, &["--sse"]).await?;
        }
    }
    Ok(())
}
