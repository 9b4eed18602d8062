//! A reader who looks at the live table after every change of the lake, as Athena does: GetTable, GetPartitions, lists,
//! and reads what it has listed to the last byte.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use crc_fast::CrcAlgorithm;
use lakeward_local::{Call, Effect, Hook, Rule, When};
use tokio::sync::Mutex as AsyncMutex;

use super::scenario::{PREFIX, TABLE};
use super::version::{File, Files, Passage, View};
use crate::embedded::{BUCKET, DATABASE, World};
use crate::reader::GlueTable;

/// Files that were read before, by key and ETag: what has the same of both has the same bytes. Clones share them, and
/// the forks of a lake have most of them in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<Mutex<HashMap<(String, String), File>>>);

/// Reads the live table of one lake.
#[derive(Debug)]
pub(crate) struct Reader {
    glue: aws_sdk_glue::Client,
    s3: aws_sdk_s3::Client,
    known: Known,
}

/// What a reader has found, and the keys of the files that the table's Location and partitions hold.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) view: View,
    pub(crate) keys: Vec<String>,
}

impl Reader {
    pub(crate) fn new(world: &World, known: &Known) -> Self {
        Self { glue: world.glue(), s3: world.s3(), known: known.clone() }
    }

    /// Looks once.
    pub(crate) async fn look(&self) -> Result<Found> {
        let Some(table) = GlueTable::read(&self.glue, DATABASE, TABLE).await? else {
            return Ok(Found::default());
        };
        let listed = self.list().await?;
        let mut found = Found::default();
        found.view.location = Some(self.read(&table.location, &listed, &mut found.keys).await?);
        for partition in &table.partitions {
            let files = self.read(&partition.location, &listed, &mut found.keys).await?;
            let twice = found.view.partitions.insert(partition.values.clone(), files);
            ensure!(twice.is_none(), "partition {:?} is there twice", partition.values);
        }
        Ok(found)
    }

    /// The keys of data files and their ETags.
    async fn list(&self) -> Result<BTreeMap<String, String>> {
        let prefix = format!("{PREFIX}_writes/");
        let mut pages = self.s3.list_objects_v2().bucket(BUCKET).prefix(prefix).into_paginator().send();
        let mut listed = BTreeMap::new();
        while let Some(page) = pages.next().await {
            for object in page.context("listing data files")?.contents.unwrap_or_default() {
                let key = object.key.context("an object without a key")?;
                listed.insert(key, object.e_tag.context("an object without an ETag")?);
            }
        }
        Ok(listed)
    }

    /// Reads the files below a Location.
    async fn read(
        &self,
        location: &str,
        listed: &BTreeMap<String, String>,
        keys: &mut Vec<String>,
    ) -> Result<Files> {
        let prefix = location.strip_prefix(&format!("s3://{BUCKET}/")).context("another bucket")?;
        ensure!(prefix.ends_with('/'), "{location} could be the start of another");
        let mut files = Files::new();
        for (key, etag) in listed.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix)) {
            files.push(self.file(key, etag).await?);
            keys.push(key.clone());
        }
        files.sort();
        Ok(files)
    }

    async fn file(&self, key: &str, etag: &str) -> Result<File> {
        let id = (key.to_owned(), etag.to_owned());
        if let Some(file) = self.known.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(*file);
        }
        let got = self.s3.get_object().bucket(BUCKET).key(key).if_match(etag).send().await;
        let body = got.with_context(|| format!("{key} was listed and cannot be read"))?.body;
        let bytes = body.collect().await.with_context(|| format!("reading {key}"))?.into_bytes();
        let file = File { bytes: bytes.len(), crc64: crc_fast::checksum(CrcAlgorithm::Crc64Nvme, &bytes) };
        self.known.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, file);
        Ok(file)
    }
}

/// A reader who looks after every change that a step makes.
#[derive(Clone, Debug)]
pub(crate) struct Watch(Arc<Watching>);

#[derive(Debug)]
struct Watching {
    reader: Reader,
    // Locked for the length of a look, so that looks come one after another.
    sight: AsyncMutex<Sight>,
}

#[derive(Debug)]
struct Sight {
    passage: Passage,
    looks: u64,
    wrong: Vec<String>,
}

impl Watch {
    /// Begins to watch a lake on its `passage`. To be set before other faults, whose effects would come first.
    pub(crate) fn begin(world: &World, known: &Known, passage: Passage) -> Self {
        let sight = AsyncMutex::new(Sight { passage, looks: 0, wrong: Vec::new() });
        let watch = Self(Arc::new(Watching { reader: Reader::new(world, known), sight }));
        let looking = watch.clone();
        let hook = Hook::new(move |call| {
            let watch = looking.clone();
            async move {
                if is_change(&call) {
                    watch.look(&format!("after {} on {}", call.operation, call.resource)).await;
                }
            }
        });
        world.faults().set(Rule::new(When::After, Effect::Hook(hook)).times(u64::MAX));
        watch
    }

    /// What may be seen from now on.
    pub(crate) async fn expect(&self, passage: Passage) {
        self.0.sight.lock().await.passage = passage;
    }

    /// The number of looks.
    ///
    /// # Errors
    /// What was seen and should not have been.
    pub(crate) async fn end(&self) -> Result<u64> {
        self.look("at the end").await;
        let sight = self.0.sight.lock().await;
        match sight.wrong.first() {
            None => Ok(sight.looks),
            Some(first) => bail!("a reader saw {} wrong states, the first {first}", sight.wrong.len()),
        }
    }

    async fn look(&self, when: &str) {
        let mut sight = self.0.sight.lock().await;
        sight.looks += 1;
        let seen = match self.0.reader.look().await {
            Ok(found) => sight.passage.look(&found.view),
            Err(error) => Err(format!("{error:#}")),
        };
        if let Err(why) = seen {
            sight.wrong.push(format!("{when}: {why}"));
        }
    }
}

/// Whether a request of a step may change the lake. Readers have no name.
fn is_change(call: &Call) -> bool {
    let reads = ["Get", "List", "Head", "BatchGet"].iter().any(|read| call.operation.starts_with(read));
    call.caller.is_some() && !reads
}
