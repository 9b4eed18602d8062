//! One catalog, and how errors about it are told.

use std::fmt::Display;
use std::sync::Arc;

use aws_sdk_glue::Client;
use lakeward_aws::{CallError, Caller, Fault, SdkConfig};

use crate::{CatalogError, TableName};

/// The service as AWS names it.
const SERVICE: &str = "Glue";

/// A Glue Data Catalog. Clones share the connection and the count of calls.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub(crate) client: Client,
    pub(crate) caller: Caller,
    /// The account whose catalog it is, if not the caller's own.
    account: Option<Arc<str>>,
    endpoint: Arc<str>,
}

impl Catalog {
    /// The catalog reached with `config`: that of the account, or of another account (`catalog_id`).
    /// Makes no call.
    pub fn open(config: &SdkConfig, catalog_id: Option<&str>, caller: Caller) -> Result<Self, CatalogError> {
        let region = lakeward_aws::region(config)?;
        let endpoint = lakeward_aws::endpoint(config, SERVICE)
            .unwrap_or_else(|| format!("https://glue.{region}.amazonaws.com"));
        let (account, endpoint) = (catalog_id.map(Arc::from), Arc::from(endpoint));
        Ok(Self { client: Client::new(config), caller: caller.to(SERVICE), account, endpoint })
    }

    /// What makes this catalog's calls: their count, and the signal that stops them.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The same catalog through another caller, for example one that counts the calls of a swap.
    #[must_use]
    pub fn with_caller(&self, caller: Caller) -> Self {
        Self { caller: caller.to(SERVICE), ..self.clone() }
    }

    pub(crate) fn id(&self) -> Option<String> {
        self.account.as_deref().map(str::to_owned)
    }

    /// Turns a failed call on a table or database into the error that says what to do.
    pub(crate) fn error(&self, on: impl Display, source: CallError) -> CatalogError {
        let (on, source) = (on.to_string(), Box::new(source));
        match source.fault {
            Fault::Denied => CatalogError::Denied { on, action: to_allow(source.operation), source },
            Fault::Unreachable => {
                CatalogError::Unreachable { endpoint: self.endpoint.to_string(), on, source }
            }
            _ => CatalogError::Call { on, source },
        }
    }

    /// Like [`Self::error`], for calls that presume the table.
    pub(crate) fn table_error(&self, table: &TableName, source: CallError) -> CatalogError {
        match source.fault {
            Fault::NotFound => CatalogError::NoSuchTable { table: table.clone() },
            _ => self.error(table, source),
        }
    }

    /// Like [`Self::error`], for calls that presume the database.
    pub(crate) fn database_error(&self, database: &str, source: CallError) -> CatalogError {
        match source.fault {
            Fault::NotFound => CatalogError::NoSuchDatabase { database: database.to_owned() },
            _ => self.error(database, source),
        }
    }
}

fn to_allow(operation: &str) -> String {
    lakeward_permissions::glue::named(operation)
        .map_or_else(|| format!("glue:{operation}"), |operation| operation.to_allow())
}

pub(crate) fn malformed(operation: &'static str, on: impl Display, how: impl Display) -> CatalogError {
    CatalogError::Malformed { operation, on: on.to_string(), how: how.to_string() }
}
