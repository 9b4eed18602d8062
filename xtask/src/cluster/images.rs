//! The images that the node has, as it cannot pull any: those of the steps, and two around them.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::build::{Argo, Kubernetes};
use crate::layout;
use crate::process;

/// Writes them into `folder`.
pub(super) fn archive(folder: &Path, kubernetes: &Kubernetes, argo: &Argo) -> Result<()> {
    layout::empty(folder)?;
    for name in ["lakeward", "lakeward-slim"] {
        let image = format!("localhost/{name}:{}", env!("CARGO_PKG_VERSION"));
        println!("{image} is of {}", revision(&image)?);
        let target = format!("oci-archive:{}:{image}", folder.join(format!("{name}.tar")).display());
        process::run(Command::new("buildah").args(["push", "--quiet", &image, &target]))
            .with_context(|| format!("pushing {image}"))?;
    }
    of_one_program(folder, "pause", &kubernetes.pause)?;
    of_one_program(folder, "argoexec", &argo.executor)
}

/// The commit that an image was made of.
fn revision(image: &str) -> Result<String> {
    let label = "{{index .Labels \"org.opencontainers.image.revision\"}}";
    let said = process::capture(Command::new("podman").args(["image", "inspect", "--format", label, image]));
    Ok(said.context("`cargo xtask image` makes the images of the steps")?.trim().to_owned())
}

/// An image with nothing but a static program; it is named after that.
fn of_one_program(folder: &Path, name: &str, program: &Path) -> Result<()> {
    let container = process::capture(Command::new("buildah").args(["from", "scratch"]))?;
    let container = container.trim();
    let place = format!("/bin/{name}");
    let mut copy = Command::new("buildah");
    let config = ["config", "--env=PATH=/bin", "--user=65532", "--cmd", &place, container];
    let target = format!("oci-archive:{}:localhost/{name}:1", folder.join(format!("{name}.tar")).display());
    let made = process::run(copy.args(["copy", "--quiet", container]).arg(program).arg(&place))
        .and_then(|()| process::run(Command::new("buildah").args(config)))
        .and_then(|()| process::run(Command::new("buildah").args(["commit", "--quiet", container, &target])));
    process::run(Command::new("buildah").args(["rm", container]).stdout(Stdio::null()))?;
    made
}
