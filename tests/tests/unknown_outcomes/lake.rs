//! What the tests look at, and what the services answer.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use lakeward_local::Effect;
use lakeward_tests::embedded::{Command, DATABASE, Orders, World};
use serde_json::Value;

/// Without partitions.
pub(crate) const PLAIN: Orders = Orders { partitioned: false };
/// With partitions.
pub(crate) const BY_PART: Orders = Orders { partitioned: true };

/// `write` of a run that has a row in each of `partitions` partitions, which start at `first`.
pub(crate) fn write(number: usize, partitions: u32, first: u32) -> Command {
    BY_PART.write_of(number, &format!("SELECT i AS id, i + {first} AS part FROM range({partitions}) t(i)"))
}

/// Writes, registers and verifies a run.
pub(crate) async fn verified(world: &World, number: usize, write: &Command) -> Result<()> {
    for step in [write, &Orders::register(number), &Orders::verify(number)] {
        world.succeeds(step).await?;
    }
    Ok(())
}

pub(crate) async fn published(world: &World, number: usize, write: &Command) -> Result<()> {
    verified(world, number, write).await?;
    world.succeeds(&Orders::swap(number)).await?;
    Ok(())
}

/// A world with run 1 published, of `partitions` partitions, and run 2 verified, of as many that start `shift` further: a
/// swap creates and removes `shift` partitions, and moves the others.
pub(crate) async fn before_a_swap(partitions: u32, shift: u32) -> Result<World> {
    let world = World::start().await?;
    published(&world, 1, &write(1, partitions, 0)).await?;
    verified(&world, 2, &write(2, partitions, shift)).await?;
    Ok(world)
}

/// The manifest of a run.
pub(crate) async fn manifest(world: &World, number: usize) -> Result<Value> {
    world.json(&format!("orders/_runs/{}/manifest.json", Orders::run(number))).await
}

/// The live table's run, and whether a swap is under way.
pub(crate) async fn live(world: &World) -> Result<(String, bool)> {
    let got = world.glue().get_table().database_name(DATABASE).name(Orders::NAME).send().await?;
    let parameters = got.table.and_then(|table| table.parameters).unwrap_or_default();
    let run = parameters.get("lakeward.run").cloned().unwrap_or_default();
    Ok((run, parameters.contains_key("lakeward.swapping")))
}

/// The Locations of the live table's partitions, by value.
pub(crate) async fn partitions(world: &World) -> Result<Vec<(String, String)>> {
    let glue = world.glue();
    let listed = glue.get_partitions().database_name(DATABASE).table_name(Orders::NAME);
    let mut pages = listed.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page?.partitions.unwrap_or_default().into_iter().map(|partition| {
            let location = partition.storage_descriptor.and_then(|storage| storage.location);
            (partition.values.unwrap_or_default().concat(), location.unwrap_or_default())
        }));
    }
    found.sort();
    Ok(found)
}

/// Fails unless the live table shows this run alone: its marks, every partition of it, and one publication.
pub(crate) async fn shows(world: &World, number: usize) -> Result<()> {
    let found = live(world).await?;
    ensure!(found == (Orders::run(number), false), "the live table shows {found:?}");
    let document = manifest(world, number).await?;
    let publications = document["swap"]["publications"].as_array().map(Vec::len);
    ensure!(document["phase"] == "published" && publications == Some(1), "{document:#}");
    let files = document["write"]["files"].as_array().context("no files")?;
    let wanted: BTreeSet<&str> = files.iter().filter_map(|file| file["partition"][0].as_str()).collect();
    let found = partitions(world).await?;
    let values: BTreeSet<&str> = found.iter().map(|(value, _)| value.as_str()).collect();
    let whole = values == wanted && found.len() == wanted.len();
    ensure!(whole, "{} partitions instead of {}", found.len(), wanted.len());
    let location = document["write"]["location"].as_str().unwrap_or_default();
    let stray = found.iter().find(|(_, at)| !at.starts_with(location));
    ensure!(stray.is_none(), "a partition of another run: {stray:?}");
    Ok(())
}

pub(crate) fn refuse(status: u16, code: &str) -> Effect {
    Effect::Refuse { status, code: code.to_owned() }
}

/// The ways in which S3 leaves a request's outcome open.
pub(crate) fn open_at_s3() -> [Effect; 3] {
    [refuse(500, "InternalError"), refuse(503, "ServiceUnavailable"), Effect::Drop]
}

/// The ways in which Glue does.
pub(crate) fn open_at_glue() -> [Effect; 3] {
    [refuse(500, "InternalServiceException"), refuse(400, "OperationTimeoutException"), Effect::Drop]
}
