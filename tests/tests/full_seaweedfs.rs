//! SeaweedFS, a real S3 server, with the local lake as Glue.

use lakeward_local::{LocalLake, Options};
use lakeward_tests::conformance::{Gap, Service, checks, run};
use lakeward_tests::lake::endpoint;
use lakeward_tests::servers::{Site, seaweedfs};

/// Promises of S3 that SeaweedFS 4.48 does not keep.
const GAPS: &[Gap] = &[
    Gap {
        check: "more_than_a_thousand_keys_at_once_are_refused",
        hides: "only the code of the refusal, which is InvalidArgument",
    },
    Gap {
        check: "a_bucket_of_another_owner_is_forbidden",
        hides: "that --expected-bucket-owner keeps a step out of another account's bucket",
    },
    Gap {
        check: "replacing_what_is_gone_is_not_found",
        hides: "the difference between a manifest that was changed and one that is gone: both answer 412",
    },
    Gap {
        check: "a_wrong_size_of_the_whole_is_refused",
        hides: "an upload completed without one of its parts, which its checksum tells as well",
    },
    Gap {
        check: "one_of_two_concurrent_conditional_completions_wins",
        hides: "two uploads of one key at once; attempts have folders of their own, so that none of them share a key",
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn seaweedfs_keeps_every_promise_of_s3_but_the_known_gaps() -> anyhow::Result<()> {
    let server = seaweedfs().await?;
    run(&server.endpoint(), checks().filter(|check| check.service == Service::S3), GAPS).await.into_result()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pipeline_runs_on_seaweedfs() -> anyhow::Result<()> {
    let s3 = seaweedfs().await?;
    let glue = LocalLake::start(Options { credentials: s3.credentials(), ..Options::default() }).await?;
    Site::prepare(s3.endpoint(), endpoint(&glue)).await?.play(&[]).await.into_result()
}
