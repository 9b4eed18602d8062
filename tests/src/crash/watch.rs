//! A reader who looks at the live table after every change of the lake, as Athena does: GetTable, GetPartitions, lists,
//! and reads what it has listed to the last byte.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use crc_fast::CrcAlgorithm;
use lakeward_local::{Call, Effect, Entry, Faults, Hook, Journal, Outcome, Rule, When};
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
        if self.awaits_a_version().await? {
            return Ok(Found::default());
        }
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

    /// Whether the table is there and has no Location: that of a first version, before there is anything to read.
    async fn awaits_a_version(&self) -> Result<bool> {
        match self.glue.get_table().database_name(DATABASE).name(TABLE).send().await {
            Ok(got) => {
                let table = got.table.context("no table in the answer")?;
                Ok(table.storage_descriptor.is_none_or(|storage| storage.location.is_none()))
            }
            Err(error) => {
                let error = error.into_service_error();
                if error.is_entity_not_found_exception() { Ok(false) } else { Err(error.into()) }
            }
        }
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
    faults: Faults,
    journal: Journal,
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
        let (faults, journal) = (world.faults().clone(), world.lake().requests().clone());
        let watch = Self(Arc::new(Watching { reader: Reader::new(world, known), faults, journal, sight }));
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

    /// The number of looks: one after each change that the lake's journal has.
    ///
    /// # Errors
    /// What was seen and should not have been, or a change that was not looked at.
    pub(crate) async fn end(&self) -> Result<u64> {
        // What is in flight may or may not have been looked at. It may end meanwhile, so it is counted before and after.
        let (made, _) = self.changes();
        let sight = self.0.sight.lock().await;
        let (made_since, in_flight) = self.changes();
        let looks = sight.looks;
        ensure!(
            made > 0 && (made..=made_since + in_flight).contains(&looks),
            "a reader looked {looks} times at {made} changes"
        );
        match sight.wrong.first() {
            None => Ok(looks),
            Some(first) => bail!("a reader saw {} wrong states, the first {first}", sight.wrong.len()),
        }
    }

    /// How many requests that change the lake were carried out so far, and how many may still be.
    fn changes(&self) -> (u64, u64) {
        let stopping = self.0.faults.report().into_iter().filter(|fault| {
            let stops = matches!(fault.rule.effect, Effect::Refuse { .. } | Effect::Drop);
            stops && fault.rule.when == When::Before
        });
        let stopping: BTreeSet<u64> = stopping.map(|fault| fault.id).collect();
        let arrived = |entry: &Entry| entry.faults.iter().all(|fault| !stopping.contains(fault));
        // Without another fault than this watch, its client was gone before all of it was here.
        let cut_off = |entry: &Entry| entry.outcome == Outcome::Dropped && entry.faults.len() <= 1;
        let mut counts = (0, 0);
        for entry in self.0.journal.entries() {
            if is_change(&entry.call) && arrived(&entry) {
                let open = entry.outcome == Outcome::InFlight || cut_off(&entry);
                *(if open { &mut counts.1 } else { &mut counts.0 }) += 1;
            }
        }
        counts
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
