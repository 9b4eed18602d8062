//! How a lake ends: everything that is in it, in a form in which two lakes can be compared.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

use super::scenario::{PREFIX, TABLE};
use super::version::View;
use super::watch::{Known, Reader};
use crate::backend::Backend;
use crate::embedded::World;
use crate::reader::GlueTable;

/// What legitimately differs between two executions: when they were, who they were, how long they took.
const VOLATILE: [&str; 6] = ["at", "started_at", "execution", "number", "window_ms", "window_calls"];
/// The same in the live table's parameters. A gc fences only when there was a swap to fence.
const VOLATILE_PARAMETERS: [&str; 2] = ["lakeward.published-at", "lakeward.fenced-by"];

/// The end of a lake.
#[derive(Debug, PartialEq)]
pub(crate) struct End {
    pub(crate) view: View,
    table: Value,
    manifests: BTreeMap<String, Value>,
}

impl End {
    /// The end of this lake, once gc has deleted whatever nobody needs.
    ///
    /// # Errors
    /// There is something else in it than the live version, manifests, and the marker of the store's capabilities.
    pub(crate) async fn of(world: &World, known: &Known) -> Result<Self> {
        let backend = world.backend()?;
        let found = Reader::new(world, known).look().await?;
        let keys = backend.keys(PREFIX).await?;
        let manifests = manifests(&backend, &keys).await?;
        ensure_no_orphans(&backend, &keys, &found.keys).await?;
        let live = GlueTable::find(&backend, TABLE).await?.context("there is no live table")?;
        let attempts = attempts(manifests.values());
        let table = without_what_differs(described(&live), &attempts);
        let plain = |(key, manifest)| (key, without_what_differs(manifest, &attempts));
        Ok(Self { view: found.view, table, manifests: manifests.into_iter().map(plain).collect() })
    }

    /// Fails with the first difference to another end.
    ///
    /// # Errors
    /// They differ.
    pub(crate) fn ensure_is(&self, expected: &Self) -> Result<()> {
        ensure!(self.view == expected.view, "readers see {:?} instead of {:?}", self.view, expected.view);
        ensure!(
            self.table == expected.table,
            "the live table is {} instead of {}",
            self.table,
            expected.table
        );
        let runs: BTreeSet<_> = self.manifests.keys().chain(expected.manifests.keys()).collect();
        for run in runs {
            let (found, expected) = (self.manifests.get(run), expected.manifests.get(run));
            let text =
                |manifest: Option<&Value>| manifest.map_or_else(|| "missing".to_owned(), Value::to_string);
            ensure!(found == expected, "{run} is {} instead of {}", text(found), text(expected));
        }
        Ok(())
    }
}

async fn manifests(backend: &Backend, keys: &[String]) -> Result<BTreeMap<String, Value>> {
    let mut manifests = BTreeMap::new();
    for key in keys.iter().filter(|key| key.ends_with("/manifest.json")) {
        let bytes = backend.get(key).await?;
        manifests.insert(
            key.clone(),
            serde_json::from_slice(&bytes).with_context(|| format!("{key} is no JSON"))?,
        );
    }
    Ok(manifests)
}

async fn ensure_no_orphans(backend: &Backend, keys: &[String], live: &[String]) -> Result<()> {
    let marker = format!("{PREFIX}_runs/capabilities.json");
    let known = |key: &String| *key == marker || key.ends_with("/manifest.json") || live.contains(key);
    let orphans: Vec<_> = keys.iter().filter(|key| !known(key)).collect();
    ensure!(orphans.is_empty(), "left in S3: {orphans:?}");
    let uploads = backend.uploads(PREFIX).await?;
    ensure!(uploads.is_empty(), "unfinished uploads: {uploads:?}");
    let staged = backend.table(TABLE).staged_tables().await?;
    ensure!(staged.is_empty(), "left in Glue: {staged:?}");
    let versions = backend.glue().get_table_versions().database_name(backend.database()).table_name(TABLE);
    let versions = versions.send().await.context("reading the versions of the live table")?.table_versions;
    let count = versions.map_or(0, |versions| versions.len());
    ensure!(count <= 1, "{count} versions of the live table are left in Glue");
    Ok(())
}

fn described(table: &GlueTable) -> Value {
    let parameters =
        table.parameters.iter().filter(|(name, _)| !VOLATILE_PARAMETERS.contains(&name.as_str()));
    let partitions = table.partitions.iter().map(|partition| json!([partition.values, partition.location]));
    json!({
        "location": table.location,
        "schema": table.schema(),
        "keys": table.keys.len(),
        "description": table.description,
        "parameters": parameters.collect::<BTreeMap<_, _>>(),
        "partitions": partitions.collect::<Vec<_>>(),
    })
}

/// The ids of all attempts that these manifests name.
fn attempts<'m>(manifests: impl Iterator<Item = &'m Value>) -> BTreeSet<String> {
    let named = manifests.flat_map(|manifest| [&manifest["attempt"]["id"], &manifest["write"]["attempt"]]);
    named.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The document without times, executions, and the names of attempts and files.
fn without_what_differs(value: Value, attempts: &BTreeSet<String>) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| !VOLATILE.contains(&name.as_str()));
            let plain = kept.map(|(name, value)| (name, without_what_differs(value, attempts)));
            Value::Object(plain.collect::<Map<_, _>>())
        }
        Value::Array(values) => {
            let mut plain: Vec<_> =
                values.into_iter().map(|value| without_what_differs(value, attempts)).collect();
            // Files are sorted by their names, which are not what they were.
            plain.sort_by_cached_key(Value::to_string);
            Value::Array(plain)
        }
        Value::String(text) => Value::String(without_names(&text, attempts)),
        other => other,
    }
}

fn without_names(text: &str, attempts: &BTreeSet<String>) -> String {
    let text = attempts.iter().fold(text.to_owned(), |text, attempt| text.replace(attempt, "ATTEMPT"));
    match text.rsplit_once("part-") {
        Some((folder, name)) if name.ends_with(".parquet") => format!("{folder}FILE"),
        _ => text,
    }
}
