//! Where things lie: the clone, the cache that clones share, and the target folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::pins;
use crate::target::Target;

/// The folders that every task works in; all are absolute.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
    cache: PathBuf,
    target: PathBuf,
}

impl Layout {
    /// Reads the folders from the environment: the cache follows `XDG_CACHE_HOME`, the target folder
    /// `CARGO_TARGET_DIR` where it is set.
    pub(crate) fn from_environment() -> Result<Self> {
        // Not `env!`: a target folder that clones share may run the program that another clone compiled.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .context("CARGO_MANIFEST_DIR is not set; run this as `cargo xtask`")?;
        let root = Path::new(&package).parent().context("xtask has no folder above it")?.to_path_buf();
        let cache = cache_home()?.join("lakeward");
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => cache.join("target"),
        };
        Ok(Self { root, cache, target })
    }

    /// The clone's own folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The cache: downloads and installed components.
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// Where downloads lie until they are checked.
    pub(crate) fn incoming(&self) -> PathBuf {
        self.cache.join("incoming")
    }

    /// The target folder of the builds started here.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Holds DuckDB's library for this machine.
    pub(crate) fn library(&self) -> PathBuf {
        self.library_for(Target::HOST)
    }

    /// Holds DuckDB's extensions for this machine, `<name>.duckdb_extension` each.
    pub(crate) fn extensions(&self) -> PathBuf {
        self.extensions_for(Target::HOST)
    }

    /// Holds DuckDB's library for a target.
    pub(crate) fn library_for(&self, target: Target) -> PathBuf {
        let version = pins::DUCKDB;
        self.cache.join("duckdb").join(match target.foreign_triple() {
            None => version.to_owned(),
            Some(triple) => format!("{version}-{triple}"),
        })
    }

    /// Holds DuckDB's extensions for a target.
    pub(crate) fn extensions_for(&self, target: Target) -> PathBuf {
        self.library_for(target).join("extensions")
    }

    /// Holds what images are made of, and the images as files.
    pub(crate) fn images(&self) -> PathBuf {
        self.cache.join("image")
    }

    /// Where executables look for DuckDB's library (`.cargo/config.toml`): beside the profile folders of
    /// this target folder, and of cargo's default one for builds that were not started here.
    pub(crate) fn library_links(&self) -> [PathBuf; 2] {
        [self.target.join("lib"), self.root.join("target/lib")]
    }
}

/// Makes a folder that has nothing in it.
pub(crate) fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

fn cache_home() -> Result<PathBuf> {
    // The XDG specification has relative values ignored.
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    match named {
        Some(folder) => Ok(folder),
        None => Ok(env::home_dir().context("no home folder; set HOME or XDG_CACHE_HOME")?.join(".cache")),
    }
}
