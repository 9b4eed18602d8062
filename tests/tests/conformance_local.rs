//! The local lake keeps every promise that the conformance checks name, in memory and in a folder.

use lakeward_local::{LocalLake, Options, Storage};
use lakeward_tests::conformance::{Endpoint, Gap, checks, run};

fn endpoint(lake: &LocalLake) -> Endpoint {
    let key = lake.credentials();
    Endpoint::new(&lake.endpoint(), &key.access_key_id, &key.secret_access_key, "local")
}

async fn conforms(storage: Storage) -> anyhow::Result<()> {
    let lake = LocalLake::start(Options { storage, ..Options::default() }).await?;
    let outcome = run(&endpoint(&lake), checks(), &[]).await.into_result();
    lake.shutdown().await;
    outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_in_memory_keeps_every_promise() -> anyhow::Result<()> {
    conforms(Storage::Memory).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_in_a_folder_keeps_every_promise() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    conforms(Storage::Folder(folder.path().to_owned())).await
}

/// The checks that a store fails which accepts conditions and ignores them.
const IGNORED_CONDITIONS: [&str; 7] = [
    "creating_what_exists_fails",
    "one_of_many_concurrent_creates_wins",
    "replacing_another_version_fails",
    "replacing_what_is_gone_is_not_found",
    "one_of_many_concurrent_replaces_wins",
    "completing_over_what_exists_fails_when_it_must_not",
    "one_of_two_concurrent_conditional_completions_wins",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_notice_a_store_that_ignores_conditions() -> anyhow::Result<()> {
    let lake = LocalLake::start(Options::default()).await?;
    lake.ignore_conditions(true);
    let gaps = IGNORED_CONDITIONS.map(|check| Gap { check, hides: "every lost update" });
    run(&endpoint(&lake), checks(), &gaps).await.into_result()
}
