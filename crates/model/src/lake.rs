//! What S3 and Glue hold, and what they do with a request.

use std::collections::{BTreeMap, BTreeSet};

use lakeward_manifest::{LiveState, Manifest};

use crate::named::Named;

/// A run by its number: a later run has a higher one.
pub(crate) type RunNo = u32;
/// A partition by its value.
pub(crate) type Value = u32;

/// The live table as Glue has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Table {
    pub(crate) version: u32,
    pub(crate) state: Named<LiveState>,
    /// The gc that has changed the version last.
    pub(crate) fenced_by: Option<u32>,
}

/// Everything that is shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lake {
    pub(crate) table: Option<Table>,
    /// Which run each partition of the live table shows.
    pub(crate) partitions: BTreeMap<Value, RunNo>,
    pub(crate) manifests: BTreeMap<RunNo, Named<Manifest>>,
    /// Runs whose files gc has deleted.
    pub(crate) deleted: BTreeSet<RunNo>,
    /// Runs that were ever live. The newest of them is what the table's own parameters should know as well.
    pub(crate) was_live: BTreeSet<RunNo>,
    /// A forward swap has made a run live that is older than one which was.
    pub(crate) went_back: bool,
}

impl Lake {
    /// UpdateTable with a VersionId, or CreateTable where there was none: whether it was carried out.
    pub(crate) fn put_table(
        &mut self,
        was: Option<&Table>,
        state: LiveState,
        fenced_by: Option<u32>,
        checked: bool,
    ) -> bool {
        let version = |table: Option<&Table>| table.map(|table| table.version);
        let now = version(self.table.as_ref());
        if checked && now != version(was) {
            return false;
        }
        self.table = Some(Table { version: now.unwrap_or(0) + 1, state: Named::new(state), fenced_by });
        true
    }

    /// PutObject of a manifest with If-Match: whether it was carried out.
    pub(crate) fn put_manifest(
        &mut self,
        run: RunNo,
        was: &Named<Manifest>,
        new: Named<Manifest>,
        checked: bool,
    ) -> bool {
        if checked && self.manifests.get(&run) != Some(was) {
            return false;
        }
        self.manifests.insert(run, new);
        true
    }
}
