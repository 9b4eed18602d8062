//! Databases.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::{GlueError, GlueResult};
use super::model::{Database, KeptDatabase};
use super::wire::folded;
use super::{Catalog, nothing, paging};
use crate::storage::Kind;

const MAX_PAGE: usize = 100;

/// What a client may say of a database, besides its name.
const DATABASE_FIELDS: [&str; 5] =
    ["CreateTableDefaultPermissions", "Description", "LocationUri", "Parameters", "TargetDatabase"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateDatabase {
    database_input: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NamedDatabase {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetDatabases {
    next_token: Option<String>,
    max_results: Option<i64>,
}

impl Catalog {
    pub(super) fn create_database(&self, request: CreateDatabase) -> GlueResult<Value> {
        let name = request.database_input.get("Name").and_then(Value::as_str).unwrap_or_default();
        let name = name.to_owned();
        self.make_database(&name, request.database_input)?;
        Ok(nothing())
    }

    /// Creates a database; `input` is what else the client says of it.
    pub(crate) fn make_database(&self, name: &str, mut input: Map<String, Value>) -> GlueResult<()> {
        let name = folded("databaseInput.name", name)?;
        input.retain(|name, _| DATABASE_FIELDS.contains(&name.as_str()));
        let mut databases = self.databases();
        if databases.0.contains_key(&name) {
            return Err(GlueError::already_exists(format!("Database {name} already exists.")));
        }
        let kept = KeptDatabase { name: name.clone(), created: self.now(), input };
        let record = self.store.fresh_id();
        self.store.save(Kind::Database, record, &kept)?;
        databases.0.insert(name, Database { record, kept, tables: BTreeMap::new() });
        Ok(())
    }

    pub(crate) fn has_database(&self, name: &str) -> bool {
        self.databases().database(name).is_ok()
    }

    pub(super) fn get_database(&self, request: &NamedDatabase) -> GlueResult<Value> {
        let databases = self.databases();
        Ok(json!({ "Database": databases.database(&request.name)?.kept.shown() }))
    }

    pub(super) fn get_databases(&self, request: &GetDatabases) -> GlueResult<Value> {
        let after: Option<String> = paging::position(request.next_token.as_deref())?;
        let databases = self.databases();
        let rest = databases.0.iter().filter(|(name, _)| after.as_ref().is_none_or(|after| *name > after));
        let shown = rest.map(|(name, database)| (name, database.kept.shown()));
        let page = paging::page(shown, paging::size(request.max_results, MAX_PAGE)?)?;
        Ok(json!({ "DatabaseList": page.items, "NextToken": page.next }))
    }

    /// Deletes a database with its tables.
    pub(super) fn delete_database(&self, request: &NamedDatabase) -> GlueResult<Value> {
        let mut databases = self.databases();
        let name = databases.database(&request.name)?.kept.name.clone();
        if let Some(database) = databases.0.remove(&name) {
            self.store.remove(Kind::Database, database.record)?;
            database.tables.values().try_for_each(|table| self.forget_table(table))?;
        }
        Ok(nothing())
    }
}
