//! Published tables as readers that others wrote see them, with superseded runs still on the bucket.

use anyhow::Context as _;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use lakeward_local::{LocalLake, Options};
use lakeward_tests::backend::Backend;
use lakeward_tests::conformance::{Gap, Report};
use lakeward_tests::lake::endpoint;
use lakeward_tests::readers::{CASES, Reader};
use lakeward_tests::servers::{Site, moto, seaweedfs};

/// Tables published at once.
const AT_ONCE: usize = 2;

/// Defects of awswrangler 3.17.1: it takes partition values from the folders' names as they are.
const WRANGLER: &[Gap] = &[
    Gap {
        check: "by_day_and_any_place",
        hides: "the values of string keys that have to be escaped in a folder's name",
    },
    Gap {
        check: "by_escaped_place",
        hides: "the same, at its smallest: `two words` is read as `two%20words`",
    },
    Gap {
        check: "by_missing_place",
        hides: "NULL as the value of a string key, read as `__HIVE_DEFAULT_PARTITION__`",
    },
    Gap { check: "by_missing_day", hides: "NULL as the value of a date key, which it fails to parse" },
];

/// Defects of Sail 0.7.2: it does not know Hive's word for NULL.
const SAIL: &[Gap] = &[
    Gap {
        check: "by_missing_place",
        hides: "NULL as the value of a string key, read as `__HIVE_DEFAULT_PARTITION__`",
    },
    Gap { check: "by_missing_day", hides: "NULL as the value of a date key, which it fails to parse" },
];

const fn defects(reader: Reader) -> &'static [Gap] {
    match reader {
        Reader::DuckDb => &[],
        Reader::Wrangler => WRANGLER,
        Reader::Sail => SAIL,
    }
}

async fn every_reader_sees_the_live_runs(backend: &Backend) -> anyhow::Result<()> {
    let published = futures::stream::iter(CASES).map(|case| async {
        case.publish(backend).await.with_context(|| format!("publishing {}", case.name))
    });
    published.buffered(AT_ONCE).try_collect::<Vec<()>>().await?;

    let mut reports = Vec::new();
    for reader in Reader::ALL {
        let mut report = Report::new(defects(reader));
        for (case, outcome) in reader.read(backend, CASES).await? {
            report.add(case, outcome);
        }
        reports.push((reader, report));
    }
    let failed = |(reader, report): (Reader, Report)| report.into_result().context(format!("{reader:?}"));
    reports.into_iter().try_for_each(failed)
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_the_live_runs_on_seaweedfs() -> anyhow::Result<()> {
    let s3 = seaweedfs().await?;
    let glue = LocalLake::start(Options { credentials: s3.credentials(), ..Options::default() }).await?;
    every_reader_sees_the_live_runs(&Site::prepare(s3.endpoint(), endpoint(&glue)).await?.backend()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_the_live_runs_on_moto() -> anyhow::Result<()> {
    let server = moto().await?;
    every_reader_sees_the_live_runs(&Site::prepare(server.endpoint(), server.endpoint()).await?.backend()?)
        .await
}
