//! Partitioned tables: typed keys, values of any characters, thousands of them.

use anyhow::{Context as _, Result, ensure};

use crate::backend::Backend;
use crate::reader::{NULL_PARTITION, query, query_after};
use crate::table::DAYS;

pub(crate) async fn a_date_partitions_a_table(backend: &Backend) -> Result<()> {
    let table = backend.table("by_date");
    let sql = "SELECT i AS id, CASE WHEN i % 7 > 0 THEN DATE '2026-05-01' + (i % 7)::INTEGER END AS day \
               FROM range(700) t(i)";
    let run = table.published(&table.write(DAYS[0], sql).args(["--partition-by", "day"])).await?;
    table.shows(&run, sql).await?;
    let live = table.live().await?;
    ensure!(live.schema() == ["id bigint", "day date"], "{:?}", live.schema());
    let mut days: Vec<_> = (2..8).map(|day| vec![format!("2026-05-0{day}")]).collect();
    days.push(vec![NULL_PARTITION.to_owned()]);
    ensure!(live.partition_values() == days, "{:?}", live.partition_values());
    Ok(())
}

pub(crate) async fn an_integer_and_a_string_partition_a_table(backend: &Backend) -> Result<()> {
    let table = backend.table("by_two_keys");
    let sql = "SELECT CASE WHEN i % 3 > 0 THEN i % 3 - 2 END::INTEGER AS Shard, i AS id, \
               ['north', 'south', NULL][i % 2 + 1] AS region, i > 50 AS late FROM range(100) t(i)";
    let run = table.published(&table.write(DAYS[0], sql).args(["--partition-by", "REGION,shard"])).await?;
    table.shows(&run, sql).await?;
    let live = table.live().await?;
    ensure!(
        live.schema() == ["id bigint", "late boolean", "region string", "shard int"],
        "{:?}",
        live.schema()
    );
    ensure!(live.partitions.len() == 6, "{:?}", live.partition_values());
    ensure!(live.partition_values().contains(&vec!["north".to_owned(), "-1".to_owned()]), "{live:?}");
    Ok(())
}

/// Values that some engine, file system or URL would like to have escaped.
const ODD: [&str; 15] = [
    "two words",
    " edges ",
    "a/b",
    "100%",
    "%2F",
    "a=b",
    "it's",
    "\"quoted\"",
    "zürich",
    "東京 🦆",
    "a+b&c",
    "q?#[x]{y}*",
    "back\\slash",
    "colon:semi;",
    "_under.dot~",
];

/// aws-sdk-pandas#921: rows with NULL as a partition value were dropped.
pub(crate) async fn partition_values_of_any_characters_are_read_back(backend: &Backend) -> Result<()> {
    let table = backend.table("by_odd_values");
    let values = ODD.map(|value| format!("('{}')", value.replace('\'', "''")));
    let sql =
        format!("SELECT place, length(place) AS n FROM (VALUES {}, (NULL)) t(place)", values.join(", "));
    let run = table.published(&table.write(DAYS[0], &sql).args(["--partition-by", "place"])).await?;
    table.shows(&run, &sql).await?;
    let mut wanted: Vec<_> = ODD.map(|value| vec![value.to_owned()]).into();
    wanted.push(vec![NULL_PARTITION.to_owned()]);
    wanted.sort();
    let live = table.live().await?;
    ensure!(live.partition_values() == wanted, "{:?}", live.partition_values());

    // Folder names are decoded by the readers that go by them instead of by Glue.
    let manifest = table.manifest(&run).await?;
    let view = manifest["swap"]["view_sql"].as_str().context("no view in the manifest")?;
    let viewed = query_after(backend, view, "SELECT place, n FROM by_odd_values").await?;
    ensure!(viewed == query(backend, &format!("SELECT place, n FROM ({sql})")).await?, "{viewed:?}");
    Ok(())
}

pub(crate) async fn two_thousand_partitions_are_published(backend: &Backend) -> Result<()> {
    let table = backend.table("by_two_thousand");
    let sql = "SELECT i AS id, (i % 2000)::INTEGER AS bucket FROM range(4000) t(i)";
    let first = table.published(&table.write(DAYS[0], sql).args(["--partition-by", "bucket"])).await?;
    ensure!(first.written["partitions"] == 2000, "{}", first.written);
    table.shows(&first, sql).await?;
    let pages = table.live().await?.pages;
    ensure!(pages > 1, "all partitions came in one page");
    Ok(())
}
