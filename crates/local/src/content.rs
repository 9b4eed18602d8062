//! The bytes of an object: written once, read by ranges, joined without copying.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::storage::{Id, Store};

/// How many bytes of a file are read at once.
const CHUNK: u64 = 256 * 1024;

/// An object's bytes, as pieces one after another: a multipart upload is the pieces of its parts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Content {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Piece {
    /// Only in a lake that keeps nothing.
    #[serde(skip)]
    Memory(Bytes),
    File {
        id: Id,
        len: u64,
    },
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }
}

impl Content {
    /// The number of bytes.
    pub(crate) fn len(&self) -> u64 {
        self.pieces.iter().map(Piece::len).sum()
    }

    /// The contents one after another, as one.
    pub(crate) fn joined(contents: impl IntoIterator<Item = Self>) -> Self {
        Self { pieces: contents.into_iter().flat_map(|content| content.pieces).collect() }
    }

    /// The files that hold these bytes.
    pub(crate) fn files(&self) -> impl Iterator<Item = Id> + '_ {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Memory(_) => None,
            Piece::File { id, .. } => Some(*id),
        })
    }

    /// Opens the bytes of `range`. What is open stays readable when the object is deleted meanwhile.
    pub(crate) fn open(&self, store: &Store, range: Range<u64>) -> io::Result<Reader> {
        let mut pieces = Vec::new();
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.len();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                pieces.push(OpenPiece::open(piece, store, from - start..to - start)?);
            }
            start = end;
        }
        pieces.reverse();
        Ok(Reader { pieces })
    }

    /// A second copy of the same bytes, which lives on when this one is removed.
    pub(crate) fn duplicate(&self, store: &Store) -> io::Result<Self> {
        let duplicate = |piece: &Piece| match piece {
            Piece::Memory(bytes) => Ok(Piece::Memory(bytes.clone())),
            Piece::File { id, len } => {
                let copy = store.fresh_id();
                if let (Some(from), Some(to)) = (store.content_path(*id), store.content_path(copy)) {
                    fs::hard_link(from, to)?;
                }
                Ok(Piece::File { id: copy, len: *len })
            }
        };
        Ok(Self { pieces: self.pieces.iter().map(duplicate).collect::<io::Result<_>>()? })
    }
}

enum OpenPiece {
    Memory(Bytes),
    File { file: File, left: u64 },
}

impl OpenPiece {
    fn open(piece: &Piece, store: &Store, range: Range<u64>) -> io::Result<Self> {
        match piece {
            Piece::Memory(bytes) => {
                let bound = |at: u64| usize::try_from(at).map_err(io::Error::other);
                Ok(Self::Memory(bytes.slice(bound(range.start)?..bound(range.end)?)))
            }
            Piece::File { id, .. } => {
                let path = store.content_path(*id).ok_or(io::ErrorKind::NotFound)?;
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(range.start))?;
                Ok(Self::File { file, left: range.end - range.start })
            }
        }
    }
}

/// Yields the opened bytes in chunks.
pub(crate) struct Reader {
    /// Last piece first.
    pieces: Vec<OpenPiece>,
}

impl Iterator for Reader {
    type Item = io::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.pieces.pop()? {
            OpenPiece::Memory(bytes) => Some(Ok(bytes)),
            OpenPiece::File { mut file, left } => {
                let take = left.min(CHUNK);
                let mut buffer = Vec::with_capacity(usize::try_from(take).unwrap_or_default());
                let read = Read::by_ref(&mut file).take(take).read_to_end(&mut buffer);
                if read.as_ref().is_ok_and(|&read| read as u64 != take) {
                    return Some(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                if left > take {
                    self.pieces.push(OpenPiece::File { file, left: left - take });
                }
                Some(read.map(|_| buffer.into()))
            }
        }
    }
}

/// Takes the bytes of one upload. Dropped unfinished, it leaves nothing behind.
pub(crate) struct Writer {
    target: Target,
}

enum Target {
    Memory(Vec<Bytes>),
    File { id: Id, path: PathBuf, file: File, len: u64 },
    Finished,
}

impl Writer {
    pub(crate) fn new(store: &Store) -> io::Result<Self> {
        let id = store.fresh_id();
        let target = match store.content_path(id) {
            None => Target::Memory(Vec::new()),
            Some(path) => Target::File { id, file: File::create(&path)?, path, len: 0 },
        };
        Ok(Self { target })
    }

    pub(crate) fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        match &mut self.target {
            Target::Memory(pieces) => pieces.push(bytes),
            Target::File { file, len, .. } => {
                file.write_all(&bytes)?;
                *len += bytes.len() as u64;
            }
            Target::Finished => {}
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Content {
        let pieces = match std::mem::replace(&mut self.target, Target::Finished) {
            Target::Memory(pieces) => pieces.into_iter().map(Piece::Memory).collect(),
            Target::File { id, len, .. } => vec![Piece::File { id, len }],
            Target::Finished => Vec::new(),
        };
        Content { pieces }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Target::File { path, .. } = &self.target {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn written(store: &Arc<Store>, text: &'static str) -> Content {
        let mut writer = Writer::new(store).unwrap();
        writer.write(Bytes::from_static(text.as_bytes())).unwrap();
        writer.finish()
    }

    fn read(store: &Store, content: &Content, range: Range<u64>) -> String {
        let bytes: Vec<u8> =
            content.open(store, range).unwrap().flat_map(|chunk| chunk.unwrap().to_vec()).collect();
        String::from_utf8(bytes).unwrap()
    }

    fn stores() -> (tempfile::TempDir, [Arc<Store>; 2]) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Store::in_folder(dir.path()).unwrap();
        (dir, [Arc::new(Store::in_memory()), Arc::new(folder)])
    }

    #[test]
    fn a_range_is_cut_across_joined_pieces() {
        let (_dir, stores) = stores();
        for store in stores {
            let joined = Content::joined(["one", "two", "three"].map(|text| written(&store, text)));
            assert_eq!(joined.len(), 11);
            assert_eq!(read(&store, &joined, 0..11), "onetwothree");
            assert_eq!(read(&store, &joined, 2..7), "etwot");
            assert_eq!(read(&store, &joined, 6..6), "");
        }
    }

    #[test]
    fn a_reader_keeps_its_bytes_when_they_are_removed() {
        let (_dir, stores) = stores();
        for store in stores {
            let content = written(&store, "kept");
            let reader = content.open(&store, 0..4).unwrap();
            store.remove_content(&content).unwrap();
            assert_eq!(reader.map(|chunk| chunk.unwrap().len()).sum::<usize>(), 4);
        }
    }

    #[test]
    fn a_duplicate_outlives_its_original() {
        let (_dir, stores) = stores();
        for store in stores {
            let content = written(&store, "copied");
            let copy = content.duplicate(&store).unwrap();
            store.remove_content(&content).unwrap();
            assert_eq!(read(&store, &copy, 0..6), "copied");
        }
    }

    #[test]
    fn a_writer_dropped_unfinished_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::in_folder(dir.path()).unwrap());
        let mut writer = Writer::new(&store).unwrap();
        writer.write(Bytes::from_static(b"half")).unwrap();
        drop(writer);
        assert_eq!(fs::read_dir(dir.path().join("content")).unwrap().count(), 0);
    }
}
