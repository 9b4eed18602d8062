//! DuckDB's library and extension: in the cache, and where the linker and the executables look for them.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::fetch;
use crate::layout::Layout;
use crate::pins;

/// Fetches what is missing and links the library into the target folders. Quick when nothing is missing.
pub(crate) fn install(layout: &Layout) -> Result<()> {
    let _lock = fetch::lock(layout.cache())?;
    fetch::ensure(&pins::library()?, &layout.library(), &layout.incoming())?;
    fetch::ensure(&pins::httpfs()?, &layout.extensions(), &layout.incoming())?;
    layout.library_links().iter().try_for_each(|link| point(link, &layout.library()))
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
