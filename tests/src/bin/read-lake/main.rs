//! `read-lake`: what a reader finds in a lake, for a person who wants to see it. It goes by S3 and Glue alone, and
//! takes the endpoint and the keys from the usual `AWS_*` variables.

mod text;
mod tree;

use std::env;
use std::io::Write as _;

use anyhow::{Context as _, Result, bail};
use duckdb::Connection;
use lakeward_tests::backend::Backend;
use lakeward_tests::conformance::Endpoint;
use lakeward_tests::reader::{self, GlueTable};

const USAGE: &str = "\
usage: read-lake files s3://BUCKET/PREFIX/
       read-lake table DATABASE.TABLE
       read-lake query DATABASE.TABLE \"SELECT ... FROM live\"";

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let shown = match arguments[..] {
        ["files", prefix] => files(prefix).await?,
        ["table", table] => text::table(table, &open(table).await?.1),
        ["query", table, sql] => query(table, sql).await?,
        _ => bail!("{USAGE}"),
    };
    std::io::stdout().write_all(shown.as_bytes()).context("writing to standard output")
}

/// The tree under a prefix.
async fn files(prefix: &str) -> Result<String> {
    let (bucket, prefix) = bucket_and_key(prefix)?;
    let s3 = endpoint()?.s3();
    let mut pages = s3.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
    let mut tree = tree::Tree::default();
    while let Some(page) = pages.next().await {
        let page = page.with_context(|| format!("listing {prefix} in {bucket}"))?;
        for object in page.contents() {
            let key =
                object.key().and_then(|key| key.strip_prefix(prefix)).context("a key without its prefix")?;
            tree.add(key, object.size().unwrap_or_default().unsigned_abs());
        }
    }
    Ok(tree.to_string())
}

/// The rows of a query over the live table, by DuckDB.
async fn query(name: &str, sql: &str) -> Result<String> {
    let (backend, table) = open(name).await?;
    let live = table.sql(&backend).await?.with_context(|| format!("{name} has no files"))?;
    let duckdb = Connection::open_in_memory()?;
    duckdb.execute_batch(&format!("{}; CREATE VIEW live AS {live}", reader::access(&backend)?))?;
    let mut statement = duckdb.prepare(&format!("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql})"))?;
    let mut rows = statement.query([]).with_context(|| format!("running {sql}"))?;
    let mut table: Vec<Vec<String>> = Vec::new();
    while let Some(row) = rows.next()? {
        let cell = |index| Ok(row.get::<_, Option<String>>(index)?.unwrap_or_default());
        table.push((0..row.as_ref().column_count()).map(cell).collect::<Result<_>>()?);
    }
    Ok(text::rows(&statement.column_names(), &table))
}

/// A table, and the backend whose bucket it lies in.
async fn open(name: &str) -> Result<(Backend, GlueTable)> {
    let (database, table) = name.split_once('.').with_context(|| format!("{name} is no DATABASE.TABLE"))?;
    let endpoint = endpoint()?;
    // Only the table knows its bucket.
    let catalog = Backend::new(endpoint.clone(), endpoint.clone(), "", database)?;
    let found = GlueTable::find(&catalog, table).await?.with_context(|| format!("there is no {name}"))?;
    let (bucket, _) = bucket_and_key(&found.location)?;
    Ok((Backend::new(endpoint.clone(), endpoint, bucket, database)?, found))
}

fn bucket_and_key(uri: &str) -> Result<(&str, &str)> {
    let path = uri.strip_prefix("s3://").and_then(|path| path.split_once('/'));
    path.with_context(|| format!("{uri} is no s3://BUCKET/PREFIX/"))
}

fn endpoint() -> Result<Endpoint> {
    let variable = |name| env::var(name).with_context(|| format!("{name} is not set"));
    let url = variable("AWS_ENDPOINT_URL")?;
    Ok(Endpoint::new(&url, &variable("AWS_ACCESS_KEY_ID")?, &variable("AWS_SECRET_ACCESS_KEY")?, "read"))
}
