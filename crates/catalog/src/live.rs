//! The live table as it is now, and whether a run may be shown by it at all.

use lakeward_manifest::{Column, ForeignParameter, LiveState, parameters};
use lakeward_outcome::{Classify, Kind};

use crate::{Catalog, CatalogError, Table, TableName};

/// A parameter that only Iceberg tables have.
const ICEBERG: &str = "metadata_location";

/// The live table, if there is one, and what it says of itself.
#[derive(Clone, Debug)]
pub struct LiveTable {
    /// The table.
    pub table: Option<Table>,
    /// What its parameters say.
    pub state: LiveState,
}

/// A live table that a run cannot be published to.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// It cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// What it says of itself is not in Lakeward's form.
    #[error("live table {table}")]
    Parameter {
        /// The table.
        table: TableName,
        /// The parameter.
        source: ForeignParameter,
    },
    /// Another tool made it.
    #[error(
        "glue table {0} exists and was not made by lakeward: give --adopt to take it over, or another --glue-table"
    )]
    Foreign(TableName),
    /// A view, an Iceberg table, or another kind that has no Location to move.
    #[error("glue table {0} is {1}, not a Parquet table by Location: publish under another name")]
    OtherKind(TableName, String),
    /// Its partition keys are others.
    #[error(
        "glue table {table} is partitioned by ({have}) and the run by ({want}): the keys of a table cannot change; \
         publish under another name"
    )]
    OtherKeys {
        /// The table.
        table: TableName,
        /// Its keys.
        have: String,
        /// The run's keys.
        want: String,
    },
}

impl Classify for LiveError {
    fn kind(&self) -> Kind {
        match self {
            Self::Catalog(error) => error.kind(),
            Self::Parameter { source, .. } => source.kind(),
            Self::Foreign(_) | Self::OtherKind(..) => Kind::Configuration,
            Self::OtherKeys { .. } => Kind::Usage,
        }
    }
}

impl LiveTable {
    /// Reads the live table.
    ///
    /// # Errors
    /// [`LiveError::Catalog`], [`LiveError::Parameter`].
    pub async fn read(catalog: &Catalog, name: &TableName) -> Result<Self, LiveError> {
        let table = catalog.get_table(name).await?;
        let state =
            table.as_ref().map(|table| LiveState::from_parameters(&table.definition.parameters)).transpose();
        let state = state.map_err(|source| LiveError::Parameter { table: name.clone(), source })?;
        Ok(Self { table, state: state.unwrap_or_default() })
    }

    /// Whether there is a table that another tool made.
    pub fn is_foreign(&self) -> bool {
        self.table.as_ref().is_some_and(|table| !self.state.is_ours() && !is_live_by_role(table))
    }

    /// Whether the table was made by Lakeward and has never shown anything: its keys may still change.
    pub fn awaits_its_first_version(&self) -> bool {
        let empty = |table: &Table| is_live_by_role(table) && table.definition.location.is_none();
        self.table.as_ref().is_some_and(|table| !self.state.is_ours() && empty(table))
    }

    /// Refuses to show a run with these partition keys in a table that is somebody else's (unless it is to be
    /// adopted) or of another shape. The keys of a table that was ever live cannot change: its partitions would no longer
    /// fit them.
    ///
    /// # Errors
    /// [`LiveError::Foreign`], [`LiveError::OtherKind`], [`LiveError::OtherKeys`].
    pub fn check_may_show(&self, keys: &[Column], adopt: bool) -> Result<(), LiveError> {
        let Some(table) = &self.table else { return Ok(()) };
        let definition = &table.definition;
        let other_kind = |kind: &str| Err(LiveError::OtherKind(table.name.clone(), kind.to_owned()));
        match definition.table_type() {
            _ if definition.parameters.contains_key(ICEBERG) => return other_kind("an Iceberg table"),
            None | Some(crate::parquet::TABLE_TYPE) => {}
            Some(kind) => return other_kind(kind),
        }
        if self.is_foreign() && !adopt {
            return Err(LiveError::Foreign(table.name.clone()));
        }
        if self.awaits_its_first_version() {
            return Ok(());
        }
        let have = described(definition.partition_keys.iter().map(|key| (&key.name, &key.glue_type)));
        let want = described(keys.iter().map(|key| (&key.name, &key.glue_type)));
        if have == want {
            Ok(())
        } else {
            Err(LiveError::OtherKeys { table: table.name.clone(), have, want })
        }
    }
}

fn is_live_by_role(table: &Table) -> bool {
    table.definition.parameters.get(parameters::ROLE).is_some_and(|role| role == parameters::ROLE_LIVE)
}

fn described<'k>(keys: impl Iterator<Item = (&'k String, &'k String)>) -> String {
    keys.map(|(name, glue_type)| format!("{name} {glue_type}")).collect::<Vec<_>>().join(", ")
}
