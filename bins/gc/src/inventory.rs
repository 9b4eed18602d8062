//! Everything that is there: manifests, attempts' folders, uploads, and what Glue points at. Read once, before the
//! plan is made; Glue is read last, so that nothing can have gone live between the two unseen.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use lakeward_catalog::{Catalog, CatalogError, Table, TableName};
use lakeward_manifest::{AttemptId, GlueName, LiveState, Manifest, Phase, RunId, TableRoot, parameters};
use lakeward_outcome::{Classify, Failure, FailureExt};
use lakeward_store::{ListedObject, ManifestError, Manifests, Stored};

/// Manifests read, and tables looked into, at once.
const AT_ONCE: usize = 16;

/// A run as its manifest tells it.
#[derive(Clone, Debug)]
pub enum Run {
    /// Its manifest.
    Known(Box<Stored>),
    /// Its manifest cannot be read, for this reason.
    Unreadable(String),
    /// There are folders of the run and no manifest.
    WithoutManifest,
}

/// What lies in an attempt's folder, versions and delete markers included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptFolder {
    /// Objects, versions and markers.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the newest was written.
    pub newest: Option<Timestamp>,
}

/// An unfinished multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleUpload {
    /// The run that it belongs to.
    pub run: RunId,
    /// The key that it would create.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// When it was begun.
    pub initiated: Timestamp,
}

/// A Glue table that shows a run which is not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedTable {
    /// Its name in the live table's database.
    pub name: String,
    /// The run that it shows.
    pub run: RunId,
    /// When it was created.
    pub created: Option<Timestamp>,
}

/// What Glue says.
#[derive(Clone, Debug, Default)]
pub struct GlueState {
    /// The live table's state; none when there is no such table.
    pub live: Option<LiveState>,
    /// Runs and attempts that a table or partition points at, and which table does. Staged tables do not count.
    pub pointing: BTreeMap<(RunId, AttemptId), String>,
    /// Locations under the root that are no attempt's folder, and which table has it.
    pub odd_locations: BTreeMap<String, String>,
}

/// Everything that is there.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The live table's name, from the newest manifest; none when there is no readable manifest.
    pub table: Option<GlueName>,
    /// Every run that has a manifest or a folder.
    pub runs: BTreeMap<RunId, Run>,
    /// Whether a write has proven the store, which it does before it claims its run.
    pub was_probed: bool,
    /// Every attempt's folder.
    pub folders: BTreeMap<(RunId, AttemptId), AttemptFolder>,
    /// Unfinished uploads under the root.
    pub uploads: Vec<StaleUpload>,
    /// Probe objects, and notes of failures of runs that are retired: keys, and when they were written.
    pub leftovers: Vec<(String, Timestamp)>,
    /// Staged tables of the live table.
    pub staged_tables: Vec<StagedTable>,
    /// Versions of the live Glue table, the newest first.
    pub table_versions: Vec<(String, Option<Timestamp>)>,
    /// What Glue says.
    pub glue: GlueState,
}

impl Inventory {
    /// Why it cannot be told what is in use; none when it can.
    pub fn unknown_live_state(&self) -> Option<String> {
        let Some(table) = &self.table else {
            return Some("there is no manifest that can be read; is this a table's root?".to_owned());
        };
        if let Some((location, table)) = self.glue.odd_locations.iter().next() {
            return Some(format!(
                "glue table {table} lies at {location}, under the root and outside any attempt's folder"
            ));
        }
        match &self.glue.live {
            None => Some(format!("there is no glue table {table}")),
            Some(live) if live.run.is_none() => Some(format!("glue table {table} shows no run of lakeward")),
            Some(_) => None,
        }
    }

    /// Whether a first version is on its way, as far as manifests tell: that none is live is nothing amiss then.
    pub fn awaits_a_first_version(&self) -> bool {
        let published =
            |manifest: &Manifest| manifest.swap.as_ref().is_some_and(|swap| !swap.publications.is_empty());
        match self.table {
            Some(_) => !self.manifests().any(|(_, manifest)| published(manifest)),
            None => self.runs.is_empty() && self.was_probed,
        }
    }

    /// The run that is live.
    pub fn live_run(&self) -> Option<&RunId> {
        self.glue.live.as_ref().and_then(|live| live.run.as_ref())
    }

    /// When the live run went live, as the table says.
    pub fn live_publication(&self) -> Option<(Timestamp, &RunId)> {
        let live = self.glue.live.as_ref()?;
        Some((live.published_at?, live.run.as_ref()?))
    }

    /// Runs that readers of the live table may see.
    pub fn visible_runs(&self) -> impl Iterator<Item = &RunId> {
        self.glue.live.iter().flat_map(LiveState::visible_runs)
    }

    /// The readable manifests.
    pub fn manifests(&self) -> impl Iterator<Item = (&RunId, &Manifest)> {
        self.runs.iter().filter_map(|(id, run)| match run {
            Run::Known(stored) => Some((id, &stored.manifest)),
            Run::Unreadable(_) | Run::WithoutManifest => None,
        })
    }

    /// The folders of a run's attempts.
    pub fn attempts(&self, run: &RunId) -> impl Iterator<Item = (&AttemptId, &AttemptFolder)> {
        self.folders
            .iter()
            .filter(move |((id, _), _)| id == run)
            .map(|((_, attempt), folder)| (attempt, folder))
    }

    /// A table that points at any attempt of a run.
    pub fn pointing_at(&self, run: &RunId) -> Option<&str> {
        self.glue.pointing.iter().find(|((id, _), _)| id == run).map(|(_, table)| table.as_str())
    }

    /// A table that points at an attempt.
    pub fn pointing_at_attempt(&self, run: &RunId, attempt: &AttemptId) -> Option<&str> {
        self.glue.pointing.get(&(run.clone(), attempt.clone())).map(String::as_str)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// Whatever keeps it from being read whole: gc must not act on half a picture.
    pub async fn take(
        manifests: &Manifests,
        catalog: &Catalog,
        databases: &[String],
    ) -> Result<Self, Failure> {
        let root = manifests.root();
        let objects = manifests.store().list(&root.runs_prefix()).await?;
        let was_probed = objects.iter().any(|object| lakeward_store::is_proof(&object.key));
        let (mut runs, leftovers) = read_runs(manifests, objects).await?;
        let folders = read_folders(manifests).await?;
        for (run, _) in folders.keys() {
            runs.entry(run.clone()).or_insert(Run::WithoutManifest);
        }
        let uploads = read_uploads(manifests).await?;
        let table = runs.values().rev().find_map(|run| match run {
            Run::Known(stored) => Some(stored.manifest.table.glue.clone()),
            Run::Unreadable(_) | Run::WithoutManifest => None,
        });
        let mut inventory = Self {
            table,
            runs,
            was_probed,
            folders,
            uploads,
            leftovers,
            staged_tables: Vec::new(),
            table_versions: Vec::new(),
            glue: GlueState::default(),
        };
        if let Some(table) = inventory.table.clone() {
            (inventory.glue, inventory.staged_tables) =
                GlueState::read(catalog, databases, root, &table).await?;
            inventory.table_versions =
                read_versions(catalog, &TableName::from(&table), &inventory.glue).await?;
        }
        Ok(inventory)
    }

    /// Reads Glue again, before anything is deleted.
    ///
    /// # Errors
    /// As [`Inventory::take`].
    pub async fn look_again(
        &self,
        manifests: &Manifests,
        catalog: &Catalog,
        databases: &[String],
    ) -> Result<GlueState, Failure> {
        let Some(table) = &self.table else { return Ok(GlueState::default()) };
        Ok(GlueState::read(catalog, databases, manifests.root(), table).await?.0)
    }
}

impl GlueState {
    /// Reads what Glue says of a table: its state, whatever points at the root's folders, and its staged tables.
    pub(crate) async fn read(
        catalog: &Catalog,
        databases: &[String],
        root: &TableRoot,
        live: &GlueName,
    ) -> Result<(Self, Vec<StagedTable>), Failure> {
        let names = database_names(catalog, databases, live).await?;
        let tables = tables_under(catalog, &names, root).await?;
        let state = read_glue(catalog, &tables, root, live).await?;
        Ok((state, staged_tables(&tables, live)))
    }
}

type Runs = BTreeMap<RunId, Run>;
type Leftovers = Vec<(String, Timestamp)>;

async fn read_runs(manifests: &Manifests, objects: Vec<ListedObject>) -> Result<(Runs, Leftovers), Failure> {
    let root = manifests.root();
    let mut leftovers = Vec::new();
    let (mut ids, mut notes) = (Vec::new(), Vec::new());
    for object in objects {
        if let Some(run) = root.run_of_manifest_key(&object.key) {
            ids.push(run);
        } else if let Some(at) = object.last_modified {
            match root.run_of_failure_key(&object.key) {
                Some(run) => notes.push((run, object.key, at)),
                None if lakeward_store::is_probe(&object.key) => leftovers.push((object.key, at)),
                None => {}
            }
        }
    }
    let read = stream::iter(ids).map(|id| async move {
        match manifests.load(&id).await {
            Ok(stored) => Ok((id, Run::Known(Box::new(stored)))),
            Err(ManifestError::Read(error)) => Ok((id, Run::Unreadable(Failure::from(error).message()))),
            Err(error) => Err(Failure::from(error)),
        }
    });
    let runs: Runs = read.buffer_unordered(AT_ONCE).try_collect().await?;
    // Put by a step that failed while gc was at its run: nobody will go on with that.
    let is_retired = |run: &Run| matches!(run, Run::Known(stored) if stored.manifest.phase == Phase::Retired);
    let stray = notes.into_iter().filter(|(run, ..)| runs.get(run).is_some_and(is_retired));
    leftovers.extend(stray.map(|(_, key, at)| (key, at)));
    Ok((runs, leftovers))
}

async fn read_folders(manifests: &Manifests) -> Result<BTreeMap<(RunId, AttemptId), AttemptFolder>, Failure> {
    let root = manifests.root();
    let mut folders: BTreeMap<(RunId, AttemptId), AttemptFolder> = BTreeMap::new();
    for version in manifests.store().list_versions(&root.writes_prefix()).await? {
        let Some(owner) = root.attempt_of_key(&version.key) else {
            tracing::warn!(key = version.key, "not an attempt's file: left alone");
            continue;
        };
        let folder = folders.entry(owner).or_default();
        folder.objects += 1;
        folder.bytes += version.size;
        folder.newest = folder.newest.max(version.last_modified);
    }
    Ok(folders)
}

async fn read_uploads(manifests: &Manifests) -> Result<Vec<StaleUpload>, Failure> {
    let root = manifests.root();
    let pending = manifests.store().list_uploads(&root.writes_prefix()).await?;
    let stale = pending.into_iter().filter_map(|upload| {
        let (run, _) = root.attempt_of_key(&upload.key)?;
        Some(StaleUpload { run, initiated: upload.initiated?, key: upload.key, upload_id: upload.upload_id })
    });
    Ok(stale.collect())
}

/// The databases to search: those that were named, or all. Always the live table's own.
async fn database_names(
    catalog: &Catalog,
    databases: &[String],
    table: &GlueName,
) -> Result<BTreeSet<String>, Failure> {
    let mut names: BTreeSet<String> = if databases.is_empty() {
        let all = catalog.databases().await.map_err(Failure::from);
        let hint = || {
            "listing every glue database, to find tables under the root (or name them with --database)".into()
        };
        all.doing(hint)?.into_iter().collect()
    } else {
        databases.iter().cloned().collect()
    };
    names.insert(table.database().to_owned());
    Ok(names)
}

/// Every table of these databases whose Location lies under the root.
async fn tables_under(
    catalog: &Catalog,
    names: &BTreeSet<String>,
    root: &TableRoot,
) -> Result<Vec<Table>, Failure> {
    let found = stream::iter(names).map(|database| async move {
        match catalog.tables(database).await {
            Ok(tables) => Ok(tables),
            // Dropped since it was listed, or never there: it holds no table either way.
            Err(CatalogError::NoSuchDatabase { .. }) => Ok(Vec::new()),
            Err(error) => Err(Failure::from(error)),
        }
    });
    let tables: Vec<Vec<Table>> = found.buffer_unordered(AT_ONCE).try_collect().await?;
    let under = |table: &Table| table.definition.location.as_deref().is_some_and(|at| root.contains(at));
    Ok(tables.into_iter().flatten().filter(under).collect())
}

fn staged_run(table: &Table, live: &GlueName) -> Option<RunId> {
    let says = |name| table.definition.parameters.get(name).map(String::as_str);
    let named = table.name.database == live.database() && live.is_staged_name(&table.name.table);
    let staged = named && says(parameters::ROLE) == Some(parameters::ROLE_STAGED);
    if staged { says(parameters::RUN)?.parse().ok() } else { None }
}

fn staged_tables(tables: &[Table], live: &GlueName) -> Vec<StagedTable> {
    let staged = |table: &Table| {
        let run = staged_run(table, live)?;
        Some(StagedTable { name: table.name.table.clone(), run, created: table.created })
    };
    tables.iter().filter_map(staged).collect()
}

/// The live table, and whatever points at the root's folders.
async fn read_glue(
    catalog: &Catalog,
    tables: &[Table],
    root: &TableRoot,
    live: &GlueName,
) -> Result<GlueState, Failure> {
    let live_name = TableName::from(live);
    // Read by name: its Location may lie elsewhere.
    let live_table = catalog.get_table(&live_name).await?;
    let mut state = GlueState::default();
    if let Some(table) = &live_table {
        let parameters = &table.definition.parameters;
        state.live = Some(LiveState::from_parameters(parameters).doing(|| format!("live table {live}"))?);
    }
    let others = tables.iter().filter(|table| table.name != live_name && staged_run(table, live).is_none());
    let read = stream::iter(others.chain(&live_table)).map(|table| locations(catalog, table));
    let locations: Vec<(String, Vec<String>)> = read.buffer_unordered(AT_ONCE).try_collect().await?;
    for (table, locations) in locations {
        for location in locations.iter().filter(|location| root.contains(location)) {
            match root.key_of(location).and_then(|key| root.attempt_of_key(&format!("{key}/"))) {
                Some(owner) => state.pointing.insert(owner, table.clone()),
                None => state.odd_locations.insert(location.clone(), table.clone()),
            };
        }
    }
    Ok(state)
}

/// Where a table and its partitions lie.
async fn locations(catalog: &Catalog, table: &Table) -> Result<(String, Vec<String>), Failure> {
    let mut locations: Vec<String> = table.definition.location.iter().cloned().collect();
    if !table.definition.partition_keys.is_empty() {
        let places = match catalog.partition_places(&table.name).await {
            Ok(places) => places,
            // Dropped since it was read: it points at nothing any more.
            Err(error @ CatalogError::NoSuchTable { .. }) => {
                tracing::info!(kind = error.kind().name(), "{error}");
                return Ok((table.name.to_string(), Vec::new()));
            }
            Err(error) => return Err(error.into()),
        };
        locations.extend(places.into_iter().filter_map(|place| place.location));
    }
    Ok((table.name.to_string(), locations))
}

async fn read_versions(
    catalog: &Catalog,
    table: &TableName,
    glue: &GlueState,
) -> Result<Vec<(String, Option<Timestamp>)>, Failure> {
    if glue.live.is_none() {
        return Ok(Vec::new());
    }
    let mut versions = catalog.table_versions(table).await?;
    // Ids are counters: the highest is the current one.
    versions.sort_by_key(|version| {
        std::cmp::Reverse(version.version.as_str().parse::<u64>().unwrap_or(u64::MAX))
    });
    Ok(versions.into_iter().map(|version| (version.version.to_string(), version.updated)).collect())
}
