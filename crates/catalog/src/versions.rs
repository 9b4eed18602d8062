//! Versions of tables that Glue has archived on updates by others.

use aws_sdk_glue::types as glue;
use jiff::Timestamp;

use crate::client::malformed;
use crate::operations::{BATCH_DELETE_TABLE_VERSION, GET_TABLE_VERSIONS};
use crate::types::timestamp;
use crate::{Catalog, CatalogError, GlueVersion, TableName};

/// The most versions that one `BatchDeleteTableVersion` call takes.
const VERSIONS_A_CALL: usize = 100;

/// A version of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    /// Its id.
    pub version: GlueVersion,
    /// When the table became so.
    pub updated: Option<Timestamp>,
}

/// A table version that was not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFailure {
    /// The version.
    pub version: GlueVersion,
    /// Glue's error code.
    pub code: String,
    /// Glue's explanation.
    pub message: String,
}

/// What deleting table versions achieved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeletedVersions {
    /// Versions that are gone, those that were gone before included.
    pub count: usize,
    /// Versions that are still there.
    pub failures: Vec<VersionFailure>,
}

impl Catalog {
    /// All versions of a table, the current one among them.
    pub async fn table_versions(&self, name: &TableName) -> Result<Vec<TableVersion>, CatalogError> {
        let mut all = Vec::new();
        let mut token = None;
        loop {
            let send = || {
                let request = self.client.get_table_versions().set_catalog_id(self.id());
                let request = request.database_name(&name.database).table_name(&name.table);
                request.set_next_token(token.clone()).send()
            };
            let page = self.caller.call(GET_TABLE_VERSIONS, send).await.0;
            let page = page.map_err(|error| self.table_error(name, error))?;
            for found in page.table_versions.unwrap_or_default() {
                let Some(version) = found.version_id else {
                    return Err(malformed(GET_TABLE_VERSIONS, name, "has a version without an id"));
                };
                let updated = found.table.and_then(|table| table.update_time);
                let updated = updated.as_ref().and_then(timestamp);
                all.push(TableVersion { version: GlueVersion::new(version), updated });
            }
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// Deletes versions of a table, 100 a call. Glue refuses to delete the current one. Adds what has come of it to
    /// `done`, as far as it is known when an error ends it.
    pub async fn delete_versions(
        &self,
        name: &TableName,
        versions: &[GlueVersion],
        done: &mut DeletedVersions,
    ) -> Result<(), CatalogError> {
        for batch in versions.chunks(VERSIONS_A_CALL) {
            let ids: Vec<_> = batch.iter().map(|version| version.as_str().to_owned()).collect();
            let send = || {
                let request = self.client.batch_delete_table_version().set_catalog_id(self.id());
                let request = request.database_name(&name.database).table_name(&name.table);
                request.set_version_ids(Some(ids.clone())).send()
            };
            let answer = self.caller.call(BATCH_DELETE_TABLE_VERSION, send).await.0;
            let errors = answer.map_err(|error| self.table_error(name, error))?.errors.unwrap_or_default();
            let failures: Vec<_> = errors.into_iter().filter_map(failure).collect();
            done.count += batch.len().saturating_sub(failures.len());
            done.failures.extend(failures);
        }
        Ok(())
    }
}

/// The failure that an item's error tells of; `None` when the version is gone, which was the aim.
fn failure(error: glue::TableVersionError) -> Option<VersionFailure> {
    let detail = error.error_detail;
    let (code, message) = detail.map(|detail| (detail.error_code, detail.error_message)).unwrap_or_default();
    let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
    let version = GlueVersion::new(error.version_id.unwrap_or_default());
    (code != "EntityNotFoundException").then_some(VersionFailure { version, code, message })
}

#[cfg(test)]
mod tests;
