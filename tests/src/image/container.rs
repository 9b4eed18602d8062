//! A step in a container, with as little as a cluster may give it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::Result;
use tokio::process::Command;

use super::{Image, Images};

/// How podman runs containers wherever this is root, in a virtual machine without systemd too.
const PODMAN: [&str; 4] = ["--runtime=runc", "--cgroup-manager=cgroupfs", "--log-level=error", "run"];

/// What a step has to get along with: another user, no capabilities, nothing to write to. The network is that of the test,
/// which `cargo xtask image` gives nothing but loopback. The limits are there because no runtime may raise its own.
const CONFINED: [&str; 11] = [
    "--rm",
    "--interactive",
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=host",
    "--http-proxy=false",
    "--ulimit=nproc=1000:1000",
    // A step that hangs must not outlive its test.
    "--timeout=600",
    "--pull=never",
];

/// The files that a container may have open, when nothing else is asked for.
const OPEN_FILES: u64 = 1024;

/// Where a container has its scratch space, as the image says.
const SCRATCH: &str = "/scratch";

/// What lies at [`SCRATCH`].
#[derive(Clone, Debug)]
pub enum Scratch {
    /// Room in memory.
    Memory,
    /// A folder of the test.
    Folder(PathBuf),
    /// What the image has there, and nobody can write to.
    Nothing,
}

/// Containers from the images.
#[derive(Clone, Debug)]
pub struct Container {
    images: Images,
    scratch: Scratch,
    shared: Option<PathBuf>,
}

/// What the kernel refuses to a container.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// A larger file than this, in bytes.
    pub(crate) file_size: Option<u64>,
    /// More open files than this.
    pub(crate) open_files: Option<u64>,
}

impl Container {
    /// Containers with room in memory.
    pub const fn new(images: Images) -> Self {
        Self { images, scratch: Scratch::Memory, shared: None }
    }

    /// The same with other scratch space.
    #[must_use]
    pub fn with_scratch(self, scratch: Scratch) -> Self {
        Self { scratch, ..self }
    }

    /// The same with a folder that has the same path inside and outside: for specs, checks and results.
    #[must_use]
    pub(crate) fn sharing(self, folder: &Path) -> Self {
        Self { shared: Some(folder.to_owned()), ..self }
    }

    /// The command that runs a step's program in the image that the chart runs it from.
    pub(crate) fn command<'e>(
        &self,
        step: &str,
        folder: &Path,
        limits: Limits,
        env: impl IntoIterator<Item = (&'e OsStr, &'e OsStr)>,
    ) -> Command {
        let mut command = self.podman(limits);
        command.arg("--workdir").arg(folder);
        for (name, value) in env {
            command.arg(join(&[OsStr::new("--env="), name, OsStr::new("="), value]));
        }
        command.arg(self.images.of(step).name()).arg(format!("lakeward-{step}"));
        command
    }

    /// The command that runs a program of an image, with the image's own folder and variables.
    pub fn program(&self, image: &Image, program: &str) -> Command {
        let mut command = self.podman(Limits::default());
        command.arg(image.name()).arg(program);
        command
    }

    fn podman(&self, limits: Limits) -> Command {
        let mut command = Command::new("podman");
        command.args(PODMAN).args(CONFINED);
        let open_files = limits.open_files.unwrap_or(OPEN_FILES);
        command.arg(format!("--ulimit=nofile={open_files}:{open_files}"));
        if let Some(bytes) = limits.file_size {
            command.arg(format!("--ulimit=fsize={bytes}:{bytes}"));
        }
        match &self.scratch {
            Scratch::Memory => _ = command.arg(format!("--tmpfs={SCRATCH}:rw,size=1g,mode=1777")),
            Scratch::Folder(folder) => _ = command.arg(volume(folder, Path::new(SCRATCH))),
            Scratch::Nothing => {}
        }
        if let Some(shared) = &self.shared {
            command.arg(volume(shared, shared));
        }
        command
    }
}

fn volume(outside: &Path, inside: &Path) -> OsString {
    join(&[OsStr::new("--volume="), outside.as_os_str(), OsStr::new(":"), inside.as_os_str()])
}

fn join(parts: &[&OsStr]) -> OsString {
    parts.iter().copied().collect()
}

/// Opens a folder to the containers' user.
///
/// # Errors
/// It is not there, or belongs to somebody else.
pub(crate) fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o1777))?;
    Ok(())
}
