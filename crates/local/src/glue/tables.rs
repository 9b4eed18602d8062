//! Tables and their column statistics.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{GlueError, GlueResult};
use super::model::{ArchivedVersion, KeptArchivedVersion, KeptTable, Table, TableState};
use super::wire::{TableInput, check_batch};
use super::{Catalog, nothing, paging};
use crate::storage::Kind;

const MAX_PAGE: usize = 100;
/// Tables in one `BatchDeleteTable`.
const MAX_BATCH: usize = 100;
/// Columns in one `UpdateColumnStatisticsForTable`.
const MAX_STATISTICS: usize = 25;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateTable {
    database_name: String,
    table_input: TableInput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NamedTable {
    database_name: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetTables {
    database_name: String,
    expression: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateTable {
    database_name: String,
    table_input: TableInput,
    #[serde(default)]
    skip_archive: bool,
    version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchDeleteTable {
    database_name: String,
    tables_to_delete: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetColumnStatistics {
    database_name: String,
    table_name: String,
    column_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateColumnStatistics {
    database_name: String,
    table_name: String,
    column_statistics_list: Vec<Value>,
}

impl Catalog {
    pub(super) fn create_table(&self, request: CreateTable) -> GlueResult<Value> {
        let input = request.table_input.checked()?;
        let mut databases = self.databases();
        let database = databases.database_mut(&request.database_name)?;
        let name = input.name.clone();
        if database.tables.contains_key(&name) {
            return Err(GlueError::already_exists(format!("Table {name} already exists.")));
        }
        let now = self.now();
        let state = TableState { version: 0, created: now, updated: now, input };
        let kept = KeptTable { database: database.kept.name.clone(), state, statistics: BTreeMap::new() };
        let record = self.store.fresh_id();
        self.store.save(Kind::Table, record, &kept)?;
        let table = Table { record, kept, archived: BTreeMap::new(), partitions: BTreeMap::new() };
        database.tables.insert(name, table);
        Ok(nothing())
    }

    pub(super) fn get_table(&self, request: &NamedTable) -> GlueResult<Value> {
        let databases = self.databases();
        let table = databases.table(&request.database_name, &request.name)?;
        Ok(json!({ "Table": table.kept.state.shown(&table.kept.database)? }))
    }

    pub(super) fn get_tables(&self, request: &GetTables) -> GlueResult<Value> {
        let after: Option<String> = paging::position(request.next_token.as_deref())?;
        let size = paging::size(request.max_results, MAX_PAGE)?;
        let pattern = request.expression.as_deref().map(whole_name_pattern).transpose()?;
        let databases = self.databases();
        let rest = databases.database(&request.database_name)?.tables.iter().filter(|(name, _)| {
            after.as_ref().is_none_or(|after| *name > after)
                && pattern.as_ref().is_none_or(|pattern| pattern.is_match(name))
        });
        let page = paging::page(rest, size)?;
        let shown = page.items.iter().map(|table| table.kept.state.shown(&table.kept.database));
        let shown = shown.collect::<GlueResult<Vec<_>>>()?;
        Ok(json!({ "TableList": shown, "NextToken": page.next }))
    }

    /// Replaces a table's whole description, if it still is at the version that the client read.
    pub(super) fn update_table(&self, request: UpdateTable) -> GlueResult<Value> {
        let input = request.table_input.checked()?;
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &input.name)?;
        let current = table.kept.state.version;
        if let Some(given) = request.version_id.filter(|given| *given != current.to_string()) {
            let name = &input.name;
            return Err(GlueError::concurrent_modification(format!(
                "Update table failed due to concurrent modifications: {name} is at version {current}, not {given}."
            )));
        }
        let (created, updated) = (table.kept.state.created, self.now());
        let state = TableState { version: current + 1, created, updated, input };
        let kept = KeptTable { state, ..table.kept.clone() };
        self.store.save(Kind::Table, table.record, &kept)?;
        let replaced = std::mem::replace(&mut table.kept, kept).state;
        if !request.skip_archive {
            let record = self.store.fresh_id();
            let archived = KeptArchivedVersion { table: table.record, state: replaced };
            self.store.save(Kind::TableVersion, record, &archived)?;
            table.archived.insert(current, ArchivedVersion { record, state: archived.state });
        }
        Ok(nothing())
    }

    pub(super) fn delete_table(&self, request: &NamedTable) -> GlueResult<Value> {
        self.remove_table(&request.database_name, &request.name)?;
        Ok(nothing())
    }

    pub(super) fn batch_delete_table(&self, request: &BatchDeleteTable) -> GlueResult<Value> {
        check_batch("tablesToDelete", request.tables_to_delete.len(), MAX_BATCH)?;
        self.databases().database(&request.database_name)?;
        let mut errors = Vec::new();
        for name in &request.tables_to_delete {
            if let Err(error) = self.remove_table(&request.database_name, name) {
                errors.push(json!({ "TableName": name, "ErrorDetail": error.detail() }));
            }
        }
        Ok(json!({ "Errors": errors }))
    }

    fn remove_table(&self, database: &str, name: &str) -> GlueResult<()> {
        let mut databases = self.databases();
        let name = databases.table(database, name)?.kept.state.input.name.clone();
        match databases.database_mut(database)?.tables.remove(&name) {
            Some(table) => self.forget_table(&table),
            None => Ok(()),
        }
    }

    /// Removes what is kept of a table that is no longer listed, with its partitions and versions.
    pub(super) fn forget_table(&self, table: &Table) -> GlueResult<()> {
        self.store.remove(Kind::Table, table.record)?;
        for version in table.archived.values() {
            self.store.remove(Kind::TableVersion, version.record)?;
        }
        for partition in table.partitions.values() {
            self.store.remove(Kind::Partition, partition.record)?;
        }
        Ok(())
    }

    pub(super) fn get_column_statistics(&self, request: &GetColumnStatistics) -> GlueResult<Value> {
        let databases = self.databases();
        let kept = &databases.table(&request.database_name, &request.table_name)?.kept.statistics;
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for name in &request.column_names {
            if let Some(statistics) = kept.get(name) {
                found.push(statistics);
            } else {
                let detail = GlueError::not_found("Statistics do not exist.").detail();
                errors.push(json!({ "ColumnName": name, "Error": detail }));
            }
        }
        Ok(json!({ "ColumnStatisticsList": found, "Errors": errors }))
    }

    pub(super) fn update_column_statistics(&self, request: UpdateColumnStatistics) -> GlueResult<Value> {
        check_batch("columnStatisticsList", request.column_statistics_list.len(), MAX_STATISTICS)?;
        let mut databases = self.databases();
        let table = databases.table_mut(&request.database_name, &request.table_name)?;
        for statistics in request.column_statistics_list {
            let name = statistics.get("ColumnName").and_then(Value::as_str).unwrap_or_default().to_owned();
            table.kept.statistics.insert(name, statistics);
        }
        self.store.save(Kind::Table, table.record, &table.kept)?;
        Ok(json!({ "Errors": [] }))
    }
}

/// `GetTables` matches its expression against the whole name.
fn whole_name_pattern(expression: &str) -> GlueResult<Regex> {
    Regex::new(&format!("^(?:{expression})$"))
        .map_err(|error| GlueError::invalid_input(format!("the expression is no pattern: {error}")))
}
