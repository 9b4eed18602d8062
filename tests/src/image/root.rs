//! The files of an image, as they are before a container changes anything.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Where an image is mounted.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

/// A file or folder of an image.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path in a container.
    pub path: PathBuf,
    /// Its type and permissions, as `stat` has them; those of a symbolic link itself.
    pub mode: u32,
    /// Its owner.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Whether it is a plain file.
    pub plain: bool,
    /// Whether it is a symbolic link, whose permissions mean nothing.
    pub link: bool,
    /// Whether it is a device, a pipe or a socket.
    pub special: bool,
}

impl File {
    /// Its name without folders.
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Whether this user, in a group of the same number, may write to it.
    pub fn writable_by(&self, user: u32) -> bool {
        let owner = self.user == user && self.mode & 0o200 != 0;
        let group = self.group == user && self.mode & 0o020 != 0;
        !self.link && (owner || group || self.mode & 0o002 != 0)
    }
}

impl Root {
    pub(crate) fn new(folder: &str) -> Self {
        Self(folder.into())
    }

    /// Where a path of a container lies outside.
    pub fn outside(&self, path: &str) -> PathBuf {
        self.0.join(path.trim_start_matches('/'))
    }

    /// Everything in it but its topmost folder.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn files(&self) -> Result<Vec<File>> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            let listed = || format!("listing {}", folder.display());
            for entry in std::fs::read_dir(&folder).with_context(listed)? {
                let path = entry.with_context(listed)?.path();
                files.push(self.file(&path)?);
                if path.symlink_metadata().with_context(listed)?.is_dir() {
                    folders.push(path);
                }
            }
        }
        Ok(files)
    }

    fn file(&self, path: &Path) -> Result<File> {
        let about = path.symlink_metadata().with_context(|| format!("looking at {}", path.display()))?;
        let kind = about.file_type();
        let special = kind.is_block_device() || kind.is_char_device() || kind.is_fifo() || kind.is_socket();
        Ok(File {
            path: Path::new("/").join(path.strip_prefix(&self.0)?),
            mode: about.mode(),
            user: about.uid(),
            group: about.gid(),
            plain: kind.is_file(),
            link: kind.is_symlink(),
            special,
        })
    }
}
