//! How much memory and how many threads `DuckDB` may use: what the container has, not the machine.

use std::fs;
use std::path::Path;
use std::thread;

const MIB: u64 = 1024 * 1024;
/// `DuckDB`'s limit covers its buffers, not all of its allocations: part of the memory stays free.
const SHARE_PERCENT: u64 = 80;
/// Below this much memory a thread gains nothing and runs out (`DuckDB`'s guide asks for 125 MB).
const MEMORY_PER_THREAD: u64 = 128 * MIB;
/// `DuckDB` cannot do anything useful with less.
const LEAST_MEMORY: u64 = 64 * MIB;
/// Taken when neither the container nor the machine tells its memory.
const UNKNOWN_MEMORY: u64 = 1024 * MIB;

/// What a [`Session`](crate::Session) may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `DuckDB`'s `memory_limit`, in bytes.
    pub memory_bytes: u64,
    /// `DuckDB`'s `threads`, at least 1.
    pub threads: usize,
}

impl Limits {
    /// The limits of this process's container, or of the machine where there is none.
    ///
    /// `reserve_bytes` is kept free for what the process holds besides `DuckDB`: upload buffers.
    pub fn detect(reserve_bytes: u64) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::from_root(Path::new("/"), cores, reserve_bytes)
    }

    /// As [`Limits::detect`], with the system's files below `root` and a machine of `cores` cores.
    pub fn from_root(root: &Path, cores: usize, reserve_bytes: u64) -> Self {
        let read = |path: &str| fs::read_to_string(root.join(path)).ok();
        let memory = [
            read("sys/fs/cgroup/memory.max").and_then(|text| cgroup::memory_v2(&text)),
            read("sys/fs/cgroup/memory/memory.limit_in_bytes").and_then(|text| cgroup::memory_v1(&text)),
            read("proc/meminfo").and_then(|text| cgroup::meminfo(&text)),
        ];
        let v1 = || {
            let quota = read("sys/fs/cgroup/cpu/cpu.cfs_quota_us")?;
            cgroup::cpus_v1(&quota, &read("sys/fs/cgroup/cpu/cpu.cfs_period_us")?)
        };
        let cpus = read("sys/fs/cgroup/cpu.max").and_then(|text| cgroup::cpus_v2(&text)).or_else(v1);
        let memory = memory.into_iter().flatten().min().unwrap_or(UNKNOWN_MEMORY);
        Self::shared(memory, cpus.map_or(cores, |cpus| cpus.min(cores)), reserve_bytes)
    }

    fn shared(memory: u64, cpus: usize, reserve_bytes: u64) -> Self {
        let rest = memory.saturating_sub(reserve_bytes);
        let memory_bytes = (rest / 100 * SHARE_PERCENT).max(LEAST_MEMORY);
        let affordable = usize::try_from(memory_bytes / MEMORY_PER_THREAD).unwrap_or(usize::MAX);
        Self { memory_bytes, threads: cpus.min(affordable).max(1) }
    }

    /// These limits with what somebody set by hand in place of what was found.
    #[must_use]
    pub fn overridden(self, memory_bytes: Option<u64>, threads: Option<usize>) -> Self {
        Self {
            memory_bytes: memory_bytes.unwrap_or(self.memory_bytes),
            threads: threads.unwrap_or(self.threads).max(1),
        }
    }
}

/// The formats of the kernel's files. `None` everywhere means that there is no limit.
pub mod cgroup {
    /// Version 1 writes "no limit" as the largest whole number of pages, near 2^63.
    const NO_LIMIT_V1: u64 = 1 << 60;

    /// Bytes in cgroup v2's `memory.max`: a number or `max`.
    pub fn memory_v2(text: &str) -> Option<u64> {
        text.trim().parse().ok()
    }

    /// Bytes in cgroup v1's `memory.limit_in_bytes`.
    pub fn memory_v1(text: &str) -> Option<u64> {
        text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT_V1)
    }

    /// Bytes of the machine's memory in `/proc/meminfo`.
    pub fn meminfo(text: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    }

    /// Whole CPUs, rounded up, in cgroup v2's `cpu.max`: `<quota or max> <period>`.
    pub fn cpus_v2(text: &str) -> Option<usize> {
        let (quota, period) = text.trim().split_once(' ')?;
        cpus_v1(quota, period)
    }

    /// Whole CPUs, rounded up, from cgroup v1's quota (-1: no limit) and period, in microseconds.
    pub fn cpus_v1(quota: &str, period: &str) -> Option<usize> {
        let quota: u64 = quota.trim().parse().ok()?;
        let period: u64 = period.trim().parse().ok().filter(|period| *period > 0)?;
        usize::try_from(quota.div_ceil(period)).ok().filter(|cpus| *cpus > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\n");

    #[test]
    fn a_container_of_cgroup_v2_sets_memory_and_threads() {
        let root = root(&[
            ("sys/fs/cgroup/memory.max", "2147483648\n"),
            ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
            MEMINFO,
        ]);
        let limits = Limits::from_root(root.path(), 16, 147_483_648);
        assert_eq!(limits, Limits { memory_bytes: 1_600_000_000, threads: 2 });
    }

    #[test]
    fn a_container_of_cgroup_v1_sets_memory_and_threads() {
        let root = root(&[
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000000000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            MEMINFO,
        ]);
        let limits = Limits::from_root(root.path(), 16, 0);
        assert_eq!(limits, Limits { memory_bytes: 3_200_000_000, threads: 3 });
    }

    #[test]
    fn without_limits_the_machine_counts() {
        let unlimited = root(&[
            ("sys/fs/cgroup/memory.max", "max\n"),
            ("sys/fs/cgroup/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
            MEMINFO,
        ]);
        let limits = Limits::from_root(unlimited.path(), 4, 0);
        assert_eq!(limits, Limits { memory_bytes: 16_384_000 * 1024 / 100 * 80, threads: 4 });
    }

    #[test]
    fn a_limit_above_the_machine_is_cut_to_the_machine() {
        let root = root(&[
            ("sys/fs/cgroup/memory.max", "99999999999999"),
            ("sys/fs/cgroup/cpu.max", "6400000 100000"),
            MEMINFO,
        ]);
        let limits = Limits::from_root(root.path(), 4, 0);
        assert_eq!(limits, Limits { memory_bytes: 16_384_000 * 1024 / 100 * 80, threads: 4 });
    }

    #[test]
    fn little_memory_means_few_threads_and_never_none() {
        let root = root(&[("sys/fs/cgroup/memory.max", "536870912")]);
        assert_eq!(Limits::from_root(root.path(), 16, 0).threads, 3);
        let starved = Limits::from_root(root.path(), 16, 600 * MIB);
        assert_eq!(starved, Limits { memory_bytes: LEAST_MEMORY, threads: 1 });
    }

    #[test]
    fn what_is_set_by_hand_wins() {
        let found = Limits { memory_bytes: 1, threads: 2 };
        assert_eq!(found.overridden(Some(9), None), Limits { memory_bytes: 9, threads: 2 });
        assert_eq!(found.overridden(None, Some(0)), Limits { memory_bytes: 1, threads: 1 });
    }
}
