//! Where the lake keeps what it holds: small JSON records and the bytes of objects.
//!
//! In memory nothing is written. In a folder every record is one file, replaced by writing a new
//! file and renaming it, and the bytes of an object lie in files of their own:
//!
//! ```text
//! <folder>/lock                     held while a lake is running on the folder
//! <folder>/generation               counts the starts: ids never repeat
//! <folder>/<kind>/<id>.json         records
//! <folder>/content/<id>             bytes
//! ```
//!
//! Nothing is synced to the disk: the folder survives the end of the process, not a power cut.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::content::Content;

const LOCK: &str = "lock";
const GENERATION: &str = "generation";
const CONTENT: &str = "content";
/// Ids of one start of the lake differ in their lower bits.
const GENERATION_SHIFT: u32 = 40;

/// Names one record or one file of bytes. Grows with time and never repeats within a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Id(u64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Id {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// The kinds of records, each with a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bucket,
    ObjectVersion,
    Upload,
    Part,
    Database,
    Table,
    TableVersion,
    Partition,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Bucket,
        Self::ObjectVersion,
        Self::Upload,
        Self::Part,
        Self::Database,
        Self::Table,
        Self::TableVersion,
        Self::Partition,
    ];

    const fn folder(self) -> &'static str {
        match self {
            Self::Bucket => "buckets",
            Self::ObjectVersion => "objects",
            Self::Upload => "uploads",
            Self::Part => "parts",
            Self::Database => "databases",
            Self::Table => "tables",
            Self::TableVersion => "table-versions",
            Self::Partition => "partitions",
        }
    }
}

/// Memory or a folder. See the module's documentation.
#[derive(Debug)]
pub(crate) struct Store {
    folder: Option<Folder>,
    next: AtomicU64,
}

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    /// Holds the lock for as long as the store lives.
    _lock: File,
}

impl Store {
    /// A store that forgets everything when it is dropped.
    pub(crate) fn in_memory() -> Self {
        Self { folder: None, next: AtomicU64::new(1) }
    }

    /// A store in memory whose ids go on from this one's.
    pub(crate) fn fork(&self) -> Self {
        Self { folder: None, next: AtomicU64::new(self.next.load(Ordering::Relaxed)) }
    }

    /// Whether nothing of it outlives the process.
    pub(crate) const fn is_in_memory(&self) -> bool {
        self.folder.is_none()
    }

    /// Opens a folder, making it if need be. Fails when another process is using it.
    pub(crate) fn in_folder(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join(CONTENT))?;
        for kind in Kind::ALL {
            fs::create_dir_all(root.join(kind.folder()))?;
        }
        let lock = File::create(root.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        let folder = Folder { root: root.to_owned(), _lock: lock };
        let generation = folder.next_generation()?;
        Ok(Self { folder: Some(folder), next: AtomicU64::new(generation << GENERATION_SHIFT) })
    }

    /// An id that was never given before.
    pub(crate) fn fresh_id(&self) -> Id {
        Id(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes a record, whole or not at all.
    pub(crate) fn save<T: Serialize>(&self, kind: Kind, id: Id, record: &T) -> io::Result<()> {
        match &self.folder {
            None => Ok(()),
            Some(folder) => Folder::replace(&folder.record(kind, id), &serde_json::to_vec_pretty(record)?),
        }
    }

    /// Removes a record. One that is already gone is no error.
    pub(crate) fn remove(&self, kind: Kind, id: Id) -> io::Result<()> {
        match &self.folder {
            None => Ok(()),
            Some(folder) => remove_if_present(&folder.record(kind, id)),
        }
    }

    /// Reads every record of a kind, oldest first.
    pub(crate) fn load<T: DeserializeOwned>(&self, kind: Kind) -> io::Result<Vec<(Id, T)>> {
        let Some(folder) = &self.folder else { return Ok(Vec::new()) };
        let mut records = Vec::new();
        for id in folder.ids(kind.folder())? {
            let record = serde_json::from_slice(&fs::read(folder.record(kind, id))?)?;
            records.push((id, record));
        }
        Ok(records)
    }

    /// The file for the bytes of `id`; `None` in memory.
    pub(crate) fn content_path(&self, id: Id) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.root.join(CONTENT).join(id.to_string()))
    }

    /// Removes the bytes of something that is no longer there.
    pub(crate) fn remove_content(&self, content: &Content) -> io::Result<()> {
        content.files().filter_map(|id| self.content_path(id)).try_for_each(|path| remove_if_present(&path))
    }

    /// Removes bytes that no record speaks of: what a process left that ended while it wrote them.
    pub(crate) fn remove_unreferenced(&self, referenced: &BTreeSet<Id>) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        for id in folder.ids(CONTENT)? {
            if !referenced.contains(&id) {
                remove_if_present(&folder.root.join(CONTENT).join(id.to_string()))?;
            }
        }
        Ok(())
    }
}

impl Folder {
    fn record(&self, kind: Kind, id: Id) -> PathBuf {
        self.root.join(kind.folder()).join(format!("{id}.json"))
    }

    fn next_generation(&self) -> io::Result<u64> {
        let path = self.root.join(GENERATION);
        let last = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let next: u64 = last + 1;
        Self::replace(&path, next.to_string().as_bytes())?;
        Ok(next)
    }

    fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = path.with_extension("unfinished");
        File::create(&unfinished)?.write_all(bytes)?;
        fs::rename(&unfinished, path)
    }

    /// The ids of the files in a folder, oldest first. Files that were never finished are removed.
    fn ids(&self, folder: &str) -> io::Result<BTreeSet<Id>> {
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(self.root.join(folder))? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            match (path.extension().and_then(|extension| extension.to_str()), stem.parse()) {
                (None | Some("json"), Ok(id)) => drop(ids.insert(id)),
                _ => fs::remove_file(&path)?,
            }
        }
        Ok(ids)
    }
}

fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_by_the_next_process_and_ids_never_repeat() {
        let dir = tempfile::tempdir().unwrap();
        let first = Store::in_folder(dir.path()).unwrap();
        let id = first.fresh_id();
        first.save(Kind::Database, id, &"sales").unwrap();
        drop(first);

        let second = Store::in_folder(dir.path()).unwrap();
        assert_eq!(second.load::<String>(Kind::Database).unwrap(), [(id, "sales".to_owned())]);
        assert!(second.fresh_id() > id);
    }

    #[test]
    fn a_folder_belongs_to_one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Store::in_folder(dir.path()).unwrap();
        assert!(Store::in_folder(dir.path()).is_err());
    }

    #[test]
    fn a_record_that_was_never_finished_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::in_folder(dir.path()).unwrap());
        fs::write(dir.path().join("tables/0000000000000001.unfinished"), "{").unwrap();
        let store = Store::in_folder(dir.path()).unwrap();
        assert!(store.load::<String>(Kind::Table).unwrap().is_empty());
    }

    #[test]
    fn bytes_without_a_record_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::in_folder(dir.path()).unwrap();
        let path = store.content_path(store.fresh_id()).unwrap();
        fs::write(&path, "left over").unwrap();
        store.remove_unreferenced(&BTreeSet::new()).unwrap();
        assert!(!path.exists());
    }
}
