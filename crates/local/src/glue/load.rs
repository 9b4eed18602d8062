//! Reading the catalog back from a folder when the lake starts.

use std::collections::BTreeMap;
use std::io;

use super::model::{
    ArchivedVersion, Database, Databases, KeptArchivedVersion, KeptDatabase, KeptPartition, KeptTable,
    Partition, Table,
};
use crate::storage::{Id, Kind, Store};

/// The whole catalog. What belongs to a table or database that is gone is removed.
pub(super) fn databases(store: &Store) -> io::Result<Databases> {
    let mut databases = Databases::default();
    for (record, kept) in store.load::<KeptDatabase>(Kind::Database)? {
        databases.0.insert(kept.name.clone(), Database { record, kept, tables: BTreeMap::new() });
    }
    let mut tables = BTreeMap::new();
    for (record, kept) in store.load::<KeptTable>(Kind::Table)? {
        if databases.0.contains_key(&kept.database) {
            let (archived, partitions) = (BTreeMap::new(), BTreeMap::new());
            tables.insert(record, Table { record, kept, archived, partitions });
        } else {
            store.remove(Kind::Table, record)?;
        }
    }
    load_versions(store, &mut tables)?;
    load_partitions(store, &mut tables)?;
    for table in tables.into_values() {
        if let Some(database) = databases.0.get_mut(&table.kept.database) {
            database.tables.insert(table.kept.state.input.name.clone(), table);
        }
    }
    Ok(databases)
}

fn load_versions(store: &Store, tables: &mut BTreeMap<Id, Table>) -> io::Result<()> {
    for (record, KeptArchivedVersion { table, state }) in store.load(Kind::TableVersion)? {
        match tables.get_mut(&table) {
            Some(table) => drop(table.archived.insert(state.version, ArchivedVersion { record, state })),
            None => store.remove(Kind::TableVersion, record)?,
        }
    }
    Ok(())
}

fn load_partitions(store: &Store, tables: &mut BTreeMap<Id, Table>) -> io::Result<()> {
    for (record, kept) in store.load::<KeptPartition>(Kind::Partition)? {
        match tables.get_mut(&kept.table) {
            Some(table) => {
                drop(table.partitions.insert(kept.input.values.clone(), Partition { record, kept }));
            }
            None => store.remove(Kind::Partition, record)?,
        }
    }
    Ok(())
}
