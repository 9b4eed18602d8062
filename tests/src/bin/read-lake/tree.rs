//! Keys as a tree of folders, shortened where it would repeat itself.

use std::collections::BTreeMap;
use std::fmt;

use bytesize::ByteSize;

/// A folder of more entries than these is shortened.
const LONGEST: usize = 4;
/// How many entries stay of a shortened folder; the others are counted.
const SHOWN: usize = 2;
/// The column in which sizes begin.
const SIZES: usize = 76;

/// Folders and files. A folder's name ends with its slash.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    entries: BTreeMap<String, Tree>,
    files: u64,
    bytes: u64,
}

impl Tree {
    /// Adds a file.
    pub(crate) fn add(&mut self, path: &str, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
        // A file's own entry has an empty rest.
        let (name, rest) = path.split_at(path.find('/').map_or(path.len(), |slash| slash + 1));
        if !name.is_empty() {
            self.entries.entry(name.to_owned()).or_default().add(rest, bytes);
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let long = self.entries.len() > LONGEST && self.is_uniform();
        let shown = if long { SHOWN } else { self.entries.len() };
        for (name, entry) in self.entries.iter().take(shown) {
            let (name, entry) = entry.unbranched(name.clone());
            line(f, depth, &name, entry.entries.is_empty().then_some(entry.bytes))?;
            entry.write(f, depth + 1)?;
        }
        let (mut files, mut bytes) = (0, 0);
        for entry in self.entries.values().skip(shown) {
            files += entry.files;
            bytes += entry.bytes;
        }
        if files > 0 { line(f, depth, &format!("... {files} more files"), Some(bytes)) } else { Ok(()) }
    }

    /// Whether no entry says anything that the first ones do not: all of them are files, or folders of files.
    fn is_uniform(&self) -> bool {
        self.entries.values().all(|entry| entry.entries.values().all(|below| below.entries.is_empty()))
    }

    /// Follows folders that hold one entry only.
    fn unbranched(&self, name: String) -> (String, &Self) {
        match self.entries.iter().next() {
            Some((below, entry)) if self.entries.len() == 1 => entry.unbranched(name + below),
            _ => (name, self),
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, depth: usize, name: &str, bytes: Option<u64>) -> fmt::Result {
    let name = format!("{:indent$}{name}", "", indent = 2 * depth);
    match bytes {
        Some(bytes) => writeln!(f, "{name:SIZES$}{:>10}", ByteSize(bytes).display().si().to_string()),
        None => writeln!(f, "{name}"),
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(keys: &[&str]) -> Vec<String> {
        let mut tree = Tree::default();
        for key in keys {
            tree.add(key, 1000);
        }
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        tree.to_string().lines().map(words).collect()
    }

    #[test]
    fn a_folder_of_one_entry_shares_its_line() {
        assert_eq!(shown(&["a/b/x", "a/b/y"]), ["a/b/", "x 1.0 kB", "y 1.0 kB"]);
    }

    #[test]
    fn entries_that_are_alike_are_counted_after_the_first_two() {
        let keys = ["n=1/x", "n=2/x", "n=3/x", "n=3/y", "n=4/x", "n=5/x"];
        assert_eq!(shown(&keys), ["n=1/x 1.0 kB", "n=2/x 1.0 kB", "... 4 more files 4.0 kB"]);
    }

    #[test]
    fn folders_that_differ_below_are_all_shown() {
        let keys = ["1/n/x/y", "2/n/x/y", "3/n/x/y", "4/n/x/y", "5/n/x/y"];
        assert_eq!(shown(&keys).len(), keys.len());
    }
}
