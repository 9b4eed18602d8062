//! Everything that a world holds of the table, and whether it fits together.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use aws_sdk_glue::types::Table;
use lakeward_manifest::{LiveState, Manifest, Phase, RunId, Sealed, Step, parameters};
use lakeward_tests::embedded::{BUCKET, DATABASE, World};

use crate::orders::{self, TABLE};

/// The table as it is.
pub(crate) struct Picture {
    manifests: BTreeMap<RunId, Manifest>,
    /// Data files and their sizes.
    files: BTreeMap<String, u64>,
    /// Keys of unfinished uploads.
    uploads: BTreeSet<String>,
    /// Keys of what lies beside the manifests: the capabilities, notes of failures, probes.
    documents: BTreeSet<String>,
    tables: BTreeMap<String, Shown>,
}

/// A Glue table, and where its partitions lie by their values.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    location: String,
    parameters: BTreeMap<String, String>,
    partitions: BTreeMap<Vec<String>, String>,
}

impl Picture {
    /// Looks at everything, by requests that no fault befalls.
    pub(crate) async fn of(world: &World) -> Result<Self> {
        let root = orders::root()?;
        let runs = objects(world, root.runs_prefix().as_str()).await?;
        let mut manifests = BTreeMap::new();
        for run in runs.keys().filter_map(|key| root.run_of_manifest_key(key)) {
            let manifest = manifest(world, &run).await?;
            manifests.insert(run, manifest);
        }
        let listed = world.s3().list_multipart_uploads().bucket(BUCKET).prefix(root.prefix()).send().await?;
        let uploads = listed.uploads().iter().filter_map(|upload| upload.key()).map(str::to_owned).collect();
        let documents = runs.into_keys().filter(|key| root.run_of_manifest_key(key).is_none()).collect();
        let files = objects(world, root.writes_prefix().as_str()).await?;
        Ok(Self { manifests, files, uploads, documents, tables: tables(world).await? })
    }

    /// How far a run is; none when it has no manifest.
    pub(crate) fn phase(&self, n: u32) -> Result<Option<Phase>> {
        Ok(self.manifests.get(&orders::run_id(n)?).map(|manifest| manifest.phase))
    }

    /// Everything but times and the ids of executions: two worlds of one likeness go on alike.
    pub(crate) fn likeness(&self) -> String {
        let swaps = |manifest: &Manifest| {
            let swap = manifest.swap.clone().unwrap_or_default();
            let replaced: Vec<_> =
                swap.publications.into_iter().map(|publication| publication.replaced).collect();
            (swap.intent.is_some(), replaced)
        };
        let manifests: Vec<_> = self
            .manifests
            .values()
            .map(|manifest| (&manifest.run.id, manifest.phase, &manifest.attempt.id, swaps(manifest)))
            .collect();
        let passing = [parameters::PUBLISHED_AT, parameters::FENCED_BY, parameters::SWAPPING];
        let tables: Vec<_> = self
            .tables
            .iter()
            .map(|(name, table)| {
                let lasting = table.parameters.iter().filter(|(name, _)| !passing.contains(&name.as_str()));
                (name, &table.location, &table.partitions, lasting.collect::<Vec<_>>())
            })
            .collect();
        // The names of files are random.
        let mut files = BTreeMap::<&str, usize>::new();
        for key in self.files.keys() {
            *files.entry(key.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default() += 1;
        }
        format!("{manifests:?} {tables:?} {files:?} {:?}", self.documents)
    }

    /// Whether the live table says that it shows the `n`th run, and yet has partitions of another one or lacks some.
    pub(crate) fn is_mixed(&self, n: u32) -> Result<bool> {
        let run = orders::run_id(n)?;
        let live = self.tables.get(TABLE).context("there is no live table")?;
        let manifest = self.manifests.get(&run).with_context(|| format!("run {run} has no manifest"))?;
        let says = live.parameters.get(parameters::RUN).is_some_and(|said| *said == run.as_str());
        Ok(says && !shows(live, &manifest.sealed()?))
    }

    /// Fails if readers of the live table would look where no file is.
    pub(crate) fn readers_find_files(&self) -> Result<()> {
        let live = self.tables.get(TABLE).context("there is no live table")?;
        let root = orders::root()?;
        for location in live.partitions.values().chain([&live.location]) {
            let prefix = root.key_of(location).with_context(|| format!("{location} is in another bucket"))?;
            let found = self.files.keys().any(|key| key.starts_with(prefix));
            ensure!(found, "nothing is left at {location}, where readers look");
        }
        Ok(())
    }

    /// The run that is live, which is whole: the live table, its partitions, its files and its manifest agree, and it
    /// is the run that was published last. What is on its way or kept is whole too.
    pub(crate) fn live_run(&self) -> Result<&RunId> {
        for manifest in self.manifests.values().filter(|manifest| !manifest.phase.is_ended()) {
            self.has_its_files(manifest)?;
            self.has_its_staged_table(manifest)?;
        }
        let live = self.tables.get(TABLE).context("there is no live table")?;
        let state = LiveState::from_parameters(&live.parameters)?;
        ensure!(state.swapping.is_none(), "an intent was left: {:?}", state.swapping);
        let run = state.run.context("the live table shows no run")?;
        let (run, manifest) = self.manifests.get_key_value(&run).context("the live run has no manifest")?;
        ensure!(manifest.phase == Phase::Published, "the live run {run} is {}", manifest.phase);
        ensure!(shows(live, &manifest.sealed()?), "the live table does not show run {run}, or not all of it");
        let last = self.last_publication();
        ensure!(
            last.is_some_and(|(at, last)| last == run && Some(at) == state.published_at),
            "run {run} is live since {:?}, and the manifests say {last:?}",
            state.published_at
        );
        Ok(run)
    }

    fn last_publication(&self) -> Option<(jiff::Timestamp, &RunId)> {
        let all = self.manifests.iter().flat_map(|(run, manifest)| {
            let publications = manifest.swap.iter().flat_map(|swap| &swap.publications);
            publications.map(move |publication| (publication.at, run))
        });
        all.max()
    }

    fn has_its_files(&self, manifest: &Manifest) -> Result<()> {
        if manifest.write.is_none() {
            return Ok(());
        }
        let sealed = manifest.sealed()?;
        let wanted: BTreeMap<String, u64> =
            sealed.written.files.iter().map(|file| (sealed.key(file), file.bytes)).collect();
        let prefix = manifest.table.root.attempt_prefix(&manifest.run.id, &sealed.written.attempt);
        let there: BTreeMap<String, u64> = self
            .files
            .iter()
            .filter(|(key, _)| key.starts_with(prefix.as_str()))
            .map(|(key, bytes)| (key.clone(), *bytes))
            .collect();
        ensure!(wanted == there, "run {} names {wanted:?} and has {there:?}", manifest.run.id);
        Ok(())
    }

    fn has_its_staged_table(&self, manifest: &Manifest) -> Result<()> {
        if !matches!(manifest.phase, Phase::Registered | Phase::Verified) {
            return Ok(());
        }
        let run = &manifest.run.id;
        let staged = manifest.table.glue.staged(run);
        let shown = self.tables.get(staged.table()).with_context(|| format!("{staged} is missing"))?;
        ensure!(shows(shown, &manifest.sealed()?), "{staged} does not show run {run}, or not all of it");
        Ok(())
    }

    /// What is other than in a picture of before, but for keys that begin like these, and staged tables where a register
    /// may have left one.
    pub(crate) fn changes_since(
        &self,
        before: &Self,
        beside: &BTreeSet<String>,
        failed: &[Step],
    ) -> Vec<String> {
        let keys = |picture: &Self| {
            let all = picture.files.keys().chain(&picture.uploads).chain(&picture.documents);
            all.filter(|key| !beside.iter().any(|own| key.starts_with(own))).cloned().collect()
        };
        let mut changes = differences(&keys(before), &keys(self));
        let manifests = |picture: &Self| picture.manifests.iter().map(|one| format!("{one:?}")).collect();
        changes.extend(differences(&manifests(before), &manifests(self)));
        let tables = |picture: &Self| {
            let all =
                picture.tables.iter().filter(|(name, _)| *name == TABLE || !failed.contains(&Step::Register));
            all.map(|one| format!("{one:?}")).collect()
        };
        changes.extend(differences(&tables(before), &tables(self)));
        changes
    }

    /// Fails unless everything belongs to a run that has use for it, before gc has seen any of it: files that its
    /// manifest names, a staged table, the note of a failure. Of steps that failed, a
    /// write may leave files of its own beside, and a register its run's staged table.
    pub(crate) fn everything_belongs(&self, failed: &[Step]) -> Result<()> {
        let root = orders::root()?;
        let is_kept = |manifest: &&Manifest| manifest.phase != Phase::Retired;
        let kept = |run: &RunId| self.manifests.get(run).filter(is_kept);
        let named = |key: &str| {
            let (run, attempt) = root.attempt_of_key(key)?;
            kept(&run)?.write.as_ref().filter(|written| written.attempt == attempt).map(drop)
        };
        let strays: Vec<_> = self.files.keys().filter(|key| named(key).is_none()).collect();
        ensure!(failed.contains(&Step::Write) || strays.is_empty(), "files of no run: {strays:?}");
        ensure!(self.uploads.is_empty(), "uploads were left: {:?}", self.uploads);
        let notes =
            self.manifests.values().filter(is_kept).map(|manifest| root.failure_key(&manifest.run.id));
        let known: BTreeSet<String> =
            notes.chain([format!("{}capabilities.json", root.runs_prefix())]).collect();
        let strays: Vec<_> = self.documents.difference(&known).collect();
        ensure!(strays.is_empty(), "documents of no run: {strays:?}");
        let staged = self
            .manifests
            .values()
            .filter(is_kept)
            .map(|manifest| manifest.table.glue.staged(&manifest.run.id).table().to_owned());
        let known: BTreeSet<String> = staged.chain([TABLE.to_owned()]).collect();
        let strays: Vec<_> = self.tables.keys().filter(|name| !known.contains(*name)).collect();
        ensure!(failed.contains(&Step::Register) || strays.is_empty(), "tables of no run: {strays:?}");
        Ok(())
    }

    /// Fails unless nothing is there but the live run: what gc without graces leaves.
    pub(crate) fn has_nothing_else(&self) -> Result<()> {
        self.everything_belongs(&[])?;
        let live = self.live_run()?;
        let prefix = orders::root()?.run_writes_prefix(live);
        let orphans: Vec<_> = self.files.keys().filter(|key| !key.starts_with(prefix.as_str())).collect();
        ensure!(orphans.is_empty(), "left behind: {orphans:?}");
        let own: BTreeSet<_> = self.files.keys().collect();
        let named = &self.manifests[live].sealed()?.written.files;
        ensure!(own.len() == named.len(), "beside the live run's files: {own:?}");
        let tables: Vec<_> = self.tables.keys().collect();
        ensure!(tables == [TABLE], "left behind: tables {tables:?}");
        for (run, manifest) in self.manifests.iter().filter(|(run, _)| *run != live) {
            ensure!(manifest.phase == Phase::Retired, "run {run} is {}", manifest.phase);
        }
        Ok(())
    }
}

/// What is only in one of the two.
fn differences(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let gone = before.difference(after).map(|gone| format!("gone: {gone}"));
    gone.chain(after.difference(before).map(|new| format!("new: {new}"))).collect()
}

/// Whether a table and its partitions show a run, all of it and nothing else.
fn shows(table: &Shown, run: &Sealed<'_>) -> bool {
    let location = &run.written.location;
    let partitioned = !run.written.partition_columns.is_empty();
    let wanted = run.partitions().into_iter().filter(|_| partitioned).map(|(values, files)| {
        let values = values.iter().map(|value| value.as_glue().to_owned()).collect();
        (values, format!("{location}{}", files.first().map_or("", |file| file.folder())))
    });
    table.location == *location && table.partitions == wanted.collect()
}

/// A run's manifest.
pub(crate) async fn manifest(world: &World, run: &RunId) -> Result<Manifest> {
    let uri = orders::manifest_uri(run)?;
    let got = world.s3().get_object().bucket(BUCKET).key(uri.key()).send().await?;
    Ok(Manifest::from_json(&got.body.collect().await?.into_bytes(), &uri)?)
}

async fn objects(world: &World, prefix: &str) -> Result<BTreeMap<String, u64>> {
    let s3 = world.s3();
    let mut pages = s3.list_objects_v2().bucket(BUCKET).prefix(prefix).into_paginator().send();
    let mut objects = BTreeMap::new();
    while let Some(page) = pages.next().await {
        for object in page?.contents.unwrap_or_default() {
            let size = u64::try_from(object.size.unwrap_or_default())?;
            objects.insert(object.key.unwrap_or_default(), size);
        }
    }
    Ok(objects)
}

async fn tables(world: &World) -> Result<BTreeMap<String, Shown>> {
    let mut tables = BTreeMap::new();
    let mut pages = world.glue().get_tables().database_name(DATABASE).into_paginator().send();
    while let Some(page) = pages.next().await {
        for table in page?.table_list.unwrap_or_default() {
            tables.insert(table.name.clone(), shown(world, table).await?);
        }
    }
    Ok(tables)
}

async fn shown(world: &World, table: Table) -> Result<Shown> {
    let mut partitions = BTreeMap::new();
    if !table.partition_keys().is_empty() {
        let glue = world.glue();
        let request = glue.get_partitions().database_name(DATABASE).table_name(&table.name);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            for partition in page?.partitions.unwrap_or_default() {
                let location = partition.storage_descriptor.and_then(|storage| storage.location);
                partitions.insert(partition.values.unwrap_or_default(), location.unwrap_or_default());
            }
        }
    }
    let location = table.storage_descriptor.and_then(|storage| storage.location).unwrap_or_default();
    let parameters = table.parameters.unwrap_or_default().into_iter().collect();
    Ok(Shown { location, parameters, partitions })
}
