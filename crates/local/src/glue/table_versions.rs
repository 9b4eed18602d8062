//! The versions of a table: the current one, and those that an update archived.

use std::cmp::Reverse;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{GlueError, GlueResult};
use super::model::{Table, TableState};
use super::wire::check_batch;
use super::{Catalog, nothing, paging};
use crate::storage::Kind;

const MAX_PAGE: usize = 100;
/// Versions in one `BatchDeleteTableVersion`.
const MAX_BATCH: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTableVersions {
    database_name: String,
    table_name: String,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneVersion {
    database_name: String,
    table_name: String,
    version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchDeleteTableVersion {
    database_name: String,
    table_name: String,
    version_ids: Vec<String>,
}

impl Catalog {
    /// Newest first, the current version among them.
    pub(super) fn get_table_versions(&self, request: &GetTableVersions) -> GlueResult<Value> {
        let after: Option<u64> = paging::position(request.next_token.as_deref())?;
        let size = paging::size(request.max_results, MAX_PAGE)?;
        let databases = self.databases();
        let table = databases.table(&request.database_name, &request.table_name)?;
        let rest = states(table).filter(|state| after.is_none_or(|after| state.version < after));
        let page = paging::page(rest.map(|state| (state.version, state)), size)?;
        let shown = page.items.into_iter().map(|state| shown(table, state));
        let shown = shown.collect::<GlueResult<Vec<_>>>()?;
        Ok(json!({ "TableVersions": shown, "NextToken": page.next }))
    }

    pub(super) fn get_table_version(&self, request: &OneVersion) -> GlueResult<Value> {
        let databases = self.databases();
        let table = databases.table(&request.database_name, &request.table_name)?;
        let wanted = match &request.version_id {
            Some(id) => number(id)?,
            None => table.kept.state.version,
        };
        let state = states(table).find(|state| state.version == wanted);
        let state = state.ok_or_else(|| no_version(wanted))?;
        Ok(json!({ "TableVersion": shown(table, state)? }))
    }

    pub(super) fn delete_table_version(&self, request: &OneVersion) -> GlueResult<Value> {
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &request.table_name)?;
        self.remove_version(table, request.version_id.as_deref().unwrap_or_default())?;
        Ok(nothing())
    }

    pub(super) fn batch_delete_table_version(&self, request: &BatchDeleteTableVersion) -> GlueResult<Value> {
        check_batch("versionIds", request.version_ids.len(), MAX_BATCH)?;
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &request.table_name)?;
        let mut errors = Vec::new();
        for id in &request.version_ids {
            if let Err(error) = self.remove_version(table, id) {
                let name = &request.table_name;
                errors.push(json!({ "TableName": name, "VersionId": id, "ErrorDetail": error.detail() }));
            }
        }
        Ok(json!({ "Errors": errors }))
    }

    fn remove_version(&self, table: &mut Table, id: &str) -> GlueResult<()> {
        let version = number(id)?;
        if version == table.kept.state.version {
            return Err(GlueError::invalid_input(format!("version {id} is the current one")));
        }
        let removed = table.archived.remove(&version).ok_or_else(|| no_version(version))?;
        Ok(self.store.remove(Kind::TableVersion, removed.record)?)
    }
}

/// Every version of a table, newest first.
fn states(table: &Table) -> impl Iterator<Item = &TableState> {
    let archived = table.archived.values().map(|version| &version.state);
    let mut states: Vec<_> = archived.chain([&table.kept.state]).collect();
    states.sort_by_key(|state| Reverse(state.version));
    states.into_iter()
}

fn shown(table: &Table, state: &TableState) -> GlueResult<Value> {
    let shown = state.shown(&table.kept.database)?;
    Ok(json!({ "Table": shown, "VersionId": state.version.to_string() }))
}

fn number(id: &str) -> GlueResult<u64> {
    id.parse().map_err(|_| GlueError::invalid_input(format!("{id} is no version id")))
}

fn no_version(version: u64) -> GlueError {
    GlueError::not_found(format!("Table version {version} not found."))
}
