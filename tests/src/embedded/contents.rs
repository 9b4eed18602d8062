//! Everything that is in an embedded lake, to compare one lake with another.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{BUCKET, DATABASE, World};

/// What a lake holds. Two are equal when a person could not tell the lakes apart but by times and execution ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Data files: size and ETag, which here is the MD5 of their bytes, by key.
    pub files: BTreeMap<String, (i64, String)>,
    /// The phase that each manifest says, by run.
    pub phases: BTreeMap<String, String>,
    /// What else there is: keys.
    pub others: BTreeSet<String>,
    /// Keys of unfinished uploads.
    pub uploads: BTreeSet<String>,
    /// The tables in Glue, by name.
    pub tables: BTreeMap<String, Shown>,
}

/// What a Glue table shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The run that it says it shows.
    pub run: Option<String>,
    /// The run that its partitions are being moved to.
    pub swapping: Option<String>,
    /// The Locations of the table and of its partitions.
    pub locations: BTreeSet<String>,
}

impl Contents {
    /// Reads everything.
    ///
    /// # Errors
    /// S3 or Glue fail, or a manifest is not one.
    pub async fn of(world: &World) -> Result<Self> {
        let mut contents = Self { tables: tables(world).await?, ..Self::default() };
        let s3 = world.s3();
        let mut pages = s3.list_objects_v2().bucket(BUCKET).into_paginator().send();
        while let Some(page) = pages.next().await {
            for object in page.context("listing the bucket")?.contents() {
                let key = object.key().context("an object without a key")?.to_owned();
                if key.contains("/_writes/") {
                    let etag = object.e_tag().context("an object without an ETag")?.to_owned();
                    contents.files.insert(key, (object.size().unwrap_or_default(), etag));
                } else if key.ends_with("/manifest.json") {
                    let (run, phase) = phase(world, &key).await?;
                    contents.phases.insert(run, phase);
                } else {
                    contents.others.insert(key);
                }
            }
        }
        let uploads = s3.list_multipart_uploads().bucket(BUCKET).send().await.context("listing uploads")?;
        contents.uploads =
            uploads.uploads().iter().filter_map(|upload| upload.key()).map(str::to_owned).collect();
        Ok(contents)
    }

    /// The files under a Location.
    pub fn files_at<'c>(&'c self, location: &str) -> impl Iterator<Item = &'c String> {
        let prefix = location.trim_start_matches("s3://").trim_start_matches(BUCKET).trim_start_matches('/');
        let prefix = prefix.to_owned();
        self.files.keys().filter(move |key| key.starts_with(&prefix))
    }
}

async fn phase(world: &World, key: &str) -> Result<(String, String)> {
    let manifest = world.json(key).await?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a manifest without run or phase");
    Ok((text(&manifest["run"]["id"])?, text(&manifest["phase"])?))
}

async fn tables(world: &World) -> Result<BTreeMap<String, Shown>> {
    let glue = world.glue();
    let mut shown = BTreeMap::new();
    let listed = glue.get_tables().database_name(DATABASE).send().await.context("listing tables")?;
    for table in listed.table_list() {
        let partitions = glue.get_partitions().database_name(DATABASE).table_name(table.name()).send().await;
        let partitions = partitions.context("listing partitions")?;
        let own = table.storage_descriptor().and_then(|storage| storage.location());
        let theirs = partitions.partitions().iter().filter_map(|p| p.storage_descriptor()?.location());
        let locations = own.into_iter().chain(theirs).map(str::to_owned).collect();
        let parameter = |name| table.parameters().and_then(|parameters| parameters.get(name));
        let run = parameter("lakeward.run").cloned();
        let swapping = parameter("lakeward.swapping").map(|intent| serde_json::from_str::<Value>(intent));
        let swapping = swapping.transpose()?.and_then(|intent| intent["run"].as_str().map(str::to_owned));
        shown.insert(table.name().to_owned(), Shown { run, swapping, locations });
    }
    Ok(shown)
}
