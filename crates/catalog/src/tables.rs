//! Tables: read, created, and changed by compare-and-swap.

use aws_sdk_glue::types as glue;
use lakeward_aws::{CallError, Fault, Tries};

use crate::client::malformed;
use crate::operations::{
    CREATE_TABLE, DELETE_TABLE, GET_DATABASE, GET_DATABASES, GET_TABLE, GET_TABLES, UPDATE_TABLE,
};
use crate::types::timestamp;
use crate::{Catalog, CatalogError, GlueVersion, Table, TableDefinition, TableName};

/// How creating a table ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// The table is ours.
    Created,
    /// A table of this name was there before.
    AlreadyThere,
}

/// How updating a table ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The table is as we wanted it, in a version that has to be read.
    Done,
    /// The table is no longer as it was read: changed by somebody else, or gone. Read it again.
    Conflict,
}

impl Catalog {
    /// Whether a database exists.
    pub async fn database_exists(&self, database: &str) -> Result<bool, CatalogError> {
        let send = || self.client.get_database().set_catalog_id(self.id()).name(database).send();
        match self.caller.call(GET_DATABASE, send).await.0 {
            Ok(_) => Ok(true),
            Err(error) if error.fault == Fault::NotFound => Ok(false),
            Err(error) => Err(self.error(database, error)),
        }
    }

    /// The names of all databases.
    pub async fn databases(&self) -> Result<Vec<String>, CatalogError> {
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let send = || {
                let request = self.client.get_databases().set_catalog_id(self.id());
                request.set_next_token(token.clone()).send()
            };
            let page = self.caller.call(GET_DATABASES, send).await.0;
            let page = page.map_err(|error| self.error("the catalog", error))?;
            all.extend(page.database_list.into_iter().map(|database| database.name));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// Reads a table; `None` when there is none.
    pub async fn get_table(&self, name: &TableName) -> Result<Option<Table>, CatalogError> {
        let send = || {
            let request = self.client.get_table().set_catalog_id(self.id());
            request.database_name(&name.database).name(&name.table).send()
        };
        match self.caller.call(GET_TABLE, send).await.0 {
            Ok(answer) => {
                let table = answer.table.ok_or_else(|| malformed(GET_TABLE, name, "has no table"))?;
                read(GET_TABLE, name.clone(), table).map(Some)
            }
            Err(error) if error.fault == Fault::NotFound => Ok(None),
            Err(error) => Err(self.error(name, error)),
        }
    }

    /// All tables of a database.
    pub async fn tables(&self, database: &str) -> Result<Vec<Table>, CatalogError> {
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let send = || {
                let request = self.client.get_tables().set_catalog_id(self.id());
                request.database_name(database).set_next_token(token.clone()).send()
            };
            let page = self.caller.call(GET_TABLES, send).await.0;
            let page = page.map_err(|error| self.database_error(database, error))?;
            for table in page.table_list.unwrap_or_default() {
                all.push(read(GET_TABLES, TableName::new(database, &table.name), table)?);
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// Creates a table if there is none of this name.
    ///
    /// `is_mine` recognises a table that this very call created, by marks in its parameters: it decides
    /// when an answer was lost.
    pub async fn create_table(
        &self,
        name: &TableName,
        definition: &TableDefinition,
        is_mine: impl Fn(&Table) -> bool,
    ) -> Result<Create, CatalogError> {
        let input = to_glue(CREATE_TABLE, name, definition)?;
        let send = || {
            let request = self.client.create_table().set_catalog_id(self.id());
            request.database_name(&name.database).table_input(input.clone()).send()
        };
        let (answer, tries) = self.caller.call(CREATE_TABLE, send).await;
        let Err(error) = answer else { return Ok(Create::Created) };
        let there = error.fault == Fault::AlreadyExists;
        if !tries.ambiguous {
            return if there {
                Ok(Create::AlreadyThere)
            } else {
                Err(self.database_error(&name.database, error))
            };
        }
        match self.read_back(CREATE_TABLE, name, &error).await? {
            Some(table) if is_mine(&table) => Ok(Create::Created),
            Some(_) => Ok(Create::AlreadyThere),
            None => Err(unsettled(CREATE_TABLE, name, &error)),
        }
    }

    /// Changes a table if it still is in the version that was read. Never archives the old version.
    ///
    /// `is_mine` recognises the table as this very call leaves it, by marks in its parameters: it
    /// decides when an answer was lost, or when a conflict may be with our own earlier try.
    pub async fn update_table(
        &self,
        was: &Table,
        definition: &TableDefinition,
        is_mine: impl Fn(&Table) -> bool,
    ) -> Result<Update, CatalogError> {
        let name = &was.name;
        let input = to_glue(UPDATE_TABLE, name, definition)?;
        let send = || {
            let request = self.client.update_table().set_catalog_id(self.id());
            let request = request.database_name(&name.database).table_input(input.clone());
            request.version_id(was.version.as_str()).skip_archive(true).send()
        };
        match self.caller.call(UPDATE_TABLE, send).await {
            (Ok(_), _) => Ok(Update::Done),
            (Err(error), tries) => self.settle_update(was, error, tries, is_mine).await,
        }
    }

    async fn settle_update(
        &self,
        was: &Table,
        error: CallError,
        tries: Tries,
        is_mine: impl Fn(&Table) -> bool,
    ) -> Result<Update, CatalogError> {
        let name = &was.name;
        let refused = matches!(error.fault, Fault::ConcurrentModification | Fault::NotFound);
        if !tries.ambiguous {
            return if refused { Ok(Update::Conflict) } else { Err(self.error(name, error)) };
        }
        match self.read_back(UPDATE_TABLE, name, &error).await? {
            Some(table) if is_mine(&table) => Ok(Update::Done),
            // Another version is there, so a request for the old one can no longer be applied.
            Some(table) if table.version != was.version => Ok(Update::Conflict),
            Some(_) if !refused => Err(unsettled(UPDATE_TABLE, name, &error)),
            Some(_) | None => Ok(Update::Conflict),
        }
    }

    /// Reads a table to learn what became of a change, even if the step is being stopped.
    async fn read_back(
        &self,
        operation: &'static str,
        name: &TableName,
        error: &CallError,
    ) -> Result<Option<Table>, CatalogError> {
        let found = self.with_caller(self.caller.for_cleanup()).get_table(name).await;
        found.map_err(|unreadable| CatalogError::Unsettled {
            operation,
            table: name.clone(),
            why: format!("{error}; and reading back: {unreadable}"),
        })
    }

    /// Deletes a table; says whether it was there. Its partitions and archived versions go with it,
    /// though not at once: the name must not be used again.
    pub async fn delete_table(&self, name: &TableName) -> Result<bool, CatalogError> {
        let send = || {
            let request = self.client.delete_table().set_catalog_id(self.id());
            request.database_name(&name.database).name(&name.table).send()
        };
        let (answer, tries) = self.caller.call(DELETE_TABLE, send).await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if error.fault == Fault::NotFound => Ok(tries.ambiguous),
            Err(error) => Err(self.error(name, error)),
        }
    }
}

fn read(operation: &'static str, name: TableName, table: glue::Table) -> Result<Table, CatalogError> {
    let Some(version) = table.version_id.clone() else {
        return Err(malformed(
            operation,
            name,
            "has no VersionId, without which nothing can be changed safely",
        ));
    };
    Ok(Table {
        name,
        version: GlueVersion::new(version),
        created: table.create_time.as_ref().and_then(timestamp),
        updated: table.update_time.as_ref().and_then(timestamp),
        definition: TableDefinition::from_glue(table),
    })
}

fn to_glue(
    operation: &'static str,
    name: &TableName,
    definition: &TableDefinition,
) -> Result<glue::TableInput, CatalogError> {
    definition.to_glue(&name.table).map_err(|error| malformed(operation, name, error))
}

fn unsettled(operation: &'static str, name: &TableName, error: &CallError) -> CatalogError {
    CatalogError::Unsettled { operation, table: name.clone(), why: error.to_string() }
}

#[cfg(test)]
mod tests;
