//! What a reader finds in a table, in a form in which two lakes can be compared: without the names of files, which no
//! two attempts share.

use std::collections::{BTreeMap, BTreeSet};

/// A file by its bytes: their number and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct File {
    pub(crate) bytes: usize,
    pub(crate) crc64: u64,
}

/// The files of one place, sorted.
pub(crate) type Files = Vec<File>;

/// What a reader finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// What lies in the table's own Location; none without a table.
    pub(crate) location: Option<Files>,
    /// What lies in each partition's Location, by the partition's values.
    pub(crate) partitions: BTreeMap<Vec<String>, Files>,
}

/// A place that a reader reads as one: the table's Location, or a partition.
pub(crate) type Place = Option<Vec<String>>;

impl View {
    fn at(&self, place: &Place) -> Option<&Files> {
        match place {
            None => self.location.as_ref(),
            Some(values) => self.partitions.get(values),
        }
    }

    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        std::iter::once(None).chain(self.partitions.keys().cloned().map(Some))
    }
}

/// The way of a table from one version to the next, place by place and never back.
#[derive(Debug)]
pub(crate) struct Passage {
    old: View,
    new: View,
    passed: BTreeSet<Place>,
}

impl Passage {
    /// From `old` to `new`.
    pub(crate) fn new(old: View, new: View) -> Self {
        Self { old, new, passed: BTreeSet::new() }
    }

    /// Whether the table may be seen in this state now. It then may not be seen in an earlier one.
    ///
    /// # Errors
    /// A place shows neither version, or an old one again.
    pub(crate) fn look(&mut self, seen: &View) -> Result<(), String> {
        let places: BTreeSet<Place> =
            seen.places().chain(self.old.places()).chain(self.new.places()).collect();
        for place in places {
            let (found, old, new) = (seen.at(&place), self.old.at(&place), self.new.at(&place));
            if found == new {
                // Where both are the same, nothing can be told.
                if old != new {
                    self.passed.insert(place);
                }
            } else if found != old {
                return Err(format!("{place:?} shows {found:?}, which is neither {old:?} nor {new:?}"));
            } else if self.passed.contains(&place) {
                return Err(format!("{place:?} has gone back to {old:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(of: u64) -> Files {
        vec![File { bytes: 1, crc64: of }]
    }

    fn view(location: u64, partitions: &[(&str, u64)]) -> View {
        let partitions = partitions.iter().map(|(name, of)| (vec![(*name).to_owned()], files(*of)));
        View { location: Some(files(location)), partitions: partitions.collect() }
    }

    #[test]
    fn each_partition_passes_alone_and_never_back() {
        let (old, new) = (view(1, &[("a", 1), ("b", 1)]), view(2, &[("b", 2), ("c", 2)]));
        let mut passage = Passage::new(old.clone(), new.clone());
        assert_eq!(passage.look(&old), Ok(()));
        assert_eq!(passage.look(&view(1, &[("a", 1), ("b", 2), ("c", 2)])), Ok(()));
        assert!(passage.look(&old).is_err_and(|why| why.contains("gone back")));
        assert_eq!(passage.look(&new), Ok(()));
    }

    #[test]
    fn a_partition_that_is_missing_half_or_doubled_is_seen() {
        let (old, new) = (view(1, &[("a", 1), ("b", 1)]), view(2, &[("a", 2), ("b", 2)]));
        let mut passage = Passage::new(old, new);
        assert!(passage.look(&view(1, &[("a", 1)])).is_err());
        let mut half = view(1, &[("a", 1), ("b", 1)]);
        half.partitions.insert(vec!["a".to_owned()], Files::new());
        assert!(passage.look(&half).is_err());
        half.partitions.insert(vec!["a".to_owned()], [files(1), files(2)].concat());
        assert!(passage.look(&half).is_err());
        assert!(passage.look(&View::default()).is_err(), "no table at all");
    }
}
