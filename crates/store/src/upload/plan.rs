//! How a file is cut into parts, and how many may be in memory.

/// The smallest part that S3 takes, but for the last.
const SMALLEST_PART: u64 = 5 << 20;
/// The largest part that S3 takes.
const LARGEST_PART: u64 = 5 << 30;
/// The most parts of one upload.
pub(super) const MOST_PARTS: u64 = 10_000;
/// Parts grow by the size of the first one every so many parts: gently enough that ordinary files
/// have parts of one size, and enough that 10,000 parts of 16 MiB and up hold 5 TiB.
const GROW_EVERY: u64 = 150;
/// The unit in which memory is counted.
const UNIT: u64 = 1 << 20;

/// How uploads use memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadLimits {
    part_size: u64,
    memory: u64,
}

impl UploadLimits {
    /// Parts of `part_size` bytes, kept within S3's bounds of 5 MiB to 5 GiB, and at most `memory` bytes
    /// of parts in memory, but always room for one.
    pub fn new(part_size: u64, memory: u64) -> Self {
        Self { part_size: part_size.clamp(SMALLEST_PART, LARGEST_PART), memory }
    }

    /// Limits below S3's own, for tests.
    #[cfg(test)]
    pub(super) const fn tiny(part_size: u64, memory: u64) -> Self {
        Self { part_size, memory }
    }

    /// The size of part `number`, counted from 1.
    pub(super) fn part_size(&self, number: u64) -> u64 {
        (self.part_size * (1 + number.saturating_sub(1) / GROW_EVERY)).min(LARGEST_PART)
    }

    /// All memory, in units.
    pub(super) fn memory_units(&self) -> u32 {
        u32::try_from(self.memory.div_ceil(UNIT)).unwrap_or(u32::MAX >> 3).max(1)
    }

    /// What a part of `bytes` bytes takes of it: never more than all.
    pub(super) fn units(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.memory_units())
    }
}

impl Default for UploadLimits {
    /// Parts of 16 MiB, sixteen of them at once.
    fn default() -> Self {
        Self::new(16 << 20, 256 << 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_parts_hold_the_largest_object() {
        let limits = UploadLimits::default();
        let all: u64 = (1..=MOST_PARTS).map(|number| limits.part_size(number)).sum();
        assert!(all >= 5 << 40, "only {all} bytes");
        assert!(limits.part_size(MOST_PARTS) <= LARGEST_PART);
    }

    #[test]
    fn part_sizes_stay_within_what_s3_takes() {
        assert_eq!(UploadLimits::new(1, 0).part_size(1), SMALLEST_PART);
        assert_eq!(UploadLimits::new(u64::MAX, 0).part_size(MOST_PARTS), LARGEST_PART);
    }

    #[test]
    fn a_part_larger_than_all_memory_still_gets_its_turn() {
        let limits = UploadLimits::new(64 << 20, 1 << 20);
        assert_eq!(limits.units(limits.part_size(1)), limits.memory_units());
    }
}
