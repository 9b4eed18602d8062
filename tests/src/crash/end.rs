//! How a lake ends: everything that is in it, in a form in which two lakes can be compared.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

use super::scenario::{PREFIX, TABLE};
use super::version::View;
use super::watch::{Known, Reader};
use crate::backend::Backend;
use crate::embedded::World;
use crate::reader::{Column, GlueTable};

/// What legitimately differs between two executions, as paths into a manifest: when they were, who they were, after
/// how many others they came, how long they took.
const VOLATILE: [&str; 13] = [
    "/attempt/number",
    "/attempt/started_at",
    "/updated/at",
    "/updated/execution",
    "/write/at",
    "/register/at",
    "/verify/at",
    "/swap/intent/at",
    "/swap/intent/execution",
    "/swap/publications/at",
    "/swap/publications/window_ms",
    "/swap/publications/window_calls",
    "/end/at",
];
/// Where the order tells nothing: files are sorted by their names, which are not what they were.
const UNORDERED: &str = "/write/files";
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
        let table = without_names(described(&live), &attempts);
        let plain = |(key, manifest)| {
            let named = without_names(without_what_differs(manifest, ""), &attempts);
            (key, in_one_order(named))
        };
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
    // Sorted by their values, as Glue lists them in any order.
    let partitions = table.partitions.iter().map(|partition| (&partition.values, &partition.location));
    let column = |column: &Column| json!([column.name, column.glue_type, column.comment]);
    json!({
        "location": table.location,
        "columns": table.columns.iter().map(column).collect::<Vec<_>>(),
        "keys": table.keys.iter().map(column).collect::<Vec<_>>(),
        "description": table.description,
        "parameters": parameters.collect::<BTreeMap<_, _>>(),
        "partitions": partitions.collect::<BTreeMap<_, _>>().into_iter().collect::<Vec<_>>(),
    })
}

/// The ids of all attempts that these manifests name.
fn attempts<'m>(manifests: impl Iterator<Item = &'m Value>) -> BTreeSet<String> {
    let named = manifests.flat_map(|manifest| [&manifest["attempt"]["id"], &manifest["write"]["attempt"]]);
    named.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The document without times and executions: what lies at a path of [`VOLATILE`], items of a list having that of the list.
fn without_what_differs(value: Value, path: &str) -> Value {
    match value {
        Value::Object(fields) => {
            let named = fields.into_iter().map(|(name, value)| (format!("{path}/{name}"), name, value));
            let kept = named.filter(|(path, ..)| !VOLATILE.contains(&path.as_str()));
            let plain = kept.map(|(path, name, value)| (name, without_what_differs(value, &path)));
            Value::Object(plain.collect::<Map<_, _>>())
        }
        Value::Array(values) => values.into_iter().map(|value| without_what_differs(value, path)).collect(),
        other => other,
    }
}

/// The manifest with its files in an order of their own, once they have no names.
fn in_one_order(mut manifest: Value) -> Value {
    if let Some(files) = manifest.pointer_mut(UNORDERED).and_then(Value::as_array_mut) {
        files.sort_by_cached_key(Value::to_string);
    }
    manifest
}

/// The document without the names of attempts and files.
fn without_names(value: Value, attempts: &BTreeSet<String>) -> Value {
    match value {
        Value::Object(fields) => {
            let plain = fields.into_iter().map(|(name, value)| (name, without_names(value, attempts)));
            Value::Object(plain.collect::<Map<_, _>>())
        }
        Value::Array(values) => values.into_iter().map(|value| without_names(value, attempts)).collect(),
        Value::String(text) => Value::String(nameless(&text, attempts)),
        other => other,
    }
}

fn nameless(text: &str, attempts: &BTreeSet<String>) -> String {
    let text = attempts.iter().fold(text.to_owned(), |text, attempt| text.replace(attempt, "ATTEMPT"));
    match text.rsplit_once("part-") {
        Some((folder, name)) if name.ends_with(".parquet") => format!("{folder}FILE"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(manifest: Value) -> Value {
        let attempts = attempts([&manifest].into_iter());
        in_one_order(without_names(without_what_differs(manifest, ""), &attempts))
    }

    fn manifest(attempt: &str, files: &Value, columns: &Value) -> Value {
        json!({
            "attempt": { "id": attempt, "number": attempt.len(), "started_at": attempt },
            "write": { "attempt": attempt, "at": attempt, "files": files, "columns": columns, "number": 1 },
        })
    }

    #[test]
    fn only_times_names_and_the_order_of_files_may_differ() {
        let columns = json!(["a", "b"]);
        let one = manifest("0a", &json!([{"path": "0a/part-0.parquet"}, {"path": "x"}]), &columns);
        let other = manifest("0ff", &json!([{"path": "x"}, {"path": "0ff/part-1.parquet"}]), &columns);
        assert_eq!(compared(one.clone()), compared(other));
        let turned = manifest("0a", &one["write"]["files"], &json!(["b", "a"]));
        assert_ne!(compared(one.clone()), compared(turned));
        let mut renumbered = one.clone();
        renumbered["write"]["number"] = json!(2);
        assert_ne!(compared(one), compared(renumbered));
    }
}
