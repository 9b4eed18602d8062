//! DuckDB's library and extension: in the cache, and where the linker and the executables look for them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::fetch;
use crate::layout::Layout;
use crate::pins;
use crate::target::Target;

/// Fetches what this machine needs and links the library into the target folders. Quick when nothing is missing.
pub(crate) fn install(layout: &Layout) -> Result<()> {
    let _lock = fetch::lock(layout.cache())?;
    fetch(layout, Target::HOST)?;
    layout.library_links().iter().try_for_each(|link| point(link, &layout.library()))
}

/// Fetches what is missing for a target.
pub(crate) fn fetch_for(layout: &Layout, target: Target) -> Result<()> {
    let _lock = fetch::lock(layout.cache())?;
    fetch(layout, target)
}

fn fetch(layout: &Layout, target: Target) -> Result<()> {
    fetch::ensure(&pins::library(target)?, &layout.library_for(target), &layout.incoming())?;
    fetch::ensure(&pins::httpfs(target)?, &layout.extensions_for(target), &layout.incoming())
}

/// Makes `link` a symbolic link to `folder`, whatever link it was.
fn point(link: &Path, folder: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|current| current == folder) {
        return Ok(());
    }
    let failed = || format!("cannot link {} to {}", link.display(), folder.display());
    if let Some(parent) = link.parent() {
        fs::create_dir_all(parent).with_context(failed)?;
    }
    match fs::remove_file(link) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(failed),
        _ => {}
    }
    std::os::unix::fs::symlink(folder, link).with_context(failed)
}
