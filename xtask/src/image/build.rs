//! buildah, and what it makes.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use bytesize::ByteSize;

use crate::layout::Layout;
use crate::process;
use crate::target::Target;

/// Tells when the images are from, as for any reproducible build; without it that is the last commit's time.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// The names of both images.
#[derive(Debug)]
pub(super) struct Images {
    /// With all programs.
    pub(super) full: String,
    /// Without DuckDB.
    pub(super) slim: String,
}

/// `buildah build` of the Dockerfile; what to build and from where is up to the caller.
pub(super) fn command(layout: &Layout, base: &str) -> Command {
    let mut buildah = Command::new("buildah");
    // The steps of a build need no namespaces of their own, which not every machine gives away. Layers of steps would be
    // left as images without a name.
    buildah.args(["build", "--isolation=chroot", "--layers=false", "--pull=never"]);
    buildah.arg("--file").arg(layout.root().join("Dockerfile")).arg(format!("--build-arg=BASE={base}"));
    buildah
}

/// Builds both images, and again without what the first build has left; the same input has to give the same images.
pub(super) fn twice(layout: &Layout, base: &str, programs: &Path, target: Target) -> Result<Images> {
    let images = Images::named(target);
    let both = || -> Result<[String; 2]> {
        let one = |stage, image| one(layout, base, programs, target, stage, image);
        Ok([one("lakeward", &images.full)?, one("lakeward-slim", &images.slim)?])
    };
    let (first, second) = (both()?, both()?);
    ensure!(
        first == second,
        "the same build gave other images, {second:?} instead of {first:?}; find what differs by `podman image mount`"
    );
    Ok(images)
}

impl Images {
    fn named(target: Target) -> Self {
        let mut tag = env!("CARGO_PKG_VERSION").to_owned();
        if target != Target::HOST {
            tag = format!("{tag}-{}", target.container_arch());
        }
        Self { full: format!("localhost/lakeward:{tag}"), slim: format!("localhost/lakeward-slim:{tag}") }
    }
}

/// Builds one image; gives its id.
fn one(
    layout: &Layout,
    base: &str,
    programs: &Path,
    target: Target,
    stage: &str,
    image: &str,
) -> Result<String> {
    let id = layout.images().join(format!("{stage}.id"));
    let mut build = command(layout, base);
    build.arg(format!("--platform=linux/{}", target.container_arch()));
    build.args(["--no-cache", "--identity-label=false", "--quiet"]).arg(format!("--target={stage}"));
    build.arg(format!("--timestamp={}", timestamp(layout)?));
    build.arg(format!("--build-arg=REVISION={}", revision(layout)?));
    build.arg(format!("--build-context=programs={}", programs.display()));
    build.arg(format!("--tag={image}")).arg("--iidfile").arg(&id).arg(layout.root());
    process::run(&mut build)?;
    fs::read_to_string(&id).with_context(|| format!("cannot read {}", id.display()))
}

fn timestamp(layout: &Layout) -> Result<String> {
    match env::var(SOURCE_DATE_EPOCH) {
        Ok(seconds) => Ok(seconds),
        Err(_) => git(layout, &["log", "-1", "--format=%ct"]),
    }
}

fn revision(layout: &Layout) -> Result<String> {
    git(layout, &["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])
}

fn git(layout: &Layout, arguments: &[&str]) -> Result<String> {
    let said = process::capture(Command::new("git").args(arguments).current_dir(layout.root()));
    Ok(said.context("images are named after a commit")?.trim().to_owned())
}

/// Writes both images to files as registries have them, compressed, for `docker load` and the like.
pub(super) fn archive(layout: &Layout, images: &Images) -> Result<()> {
    for image in [&images.full, &images.slim] {
        let file = archive_of(layout, image);
        if file.exists() {
            // buildah would add to it.
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        let target = format!("oci-archive:{}", file.display());
        process::run(Command::new("buildah").args(["push", "--quiet", image, &target]))?;
        let packed = fs::metadata(&file).with_context(|| format!("cannot find {}", file.display()))?.len();
        let size = ["image", "inspect", "--format", "{{.Size}}", image];
        let unpacked = process::capture(Command::new("podman").args(size))?;
        let unpacked: u64 = unpacked.trim().parse().context("podman gave no size")?;
        println!("{image}: {} unpacked, {} packed, {}", ByteSize(unpacked), ByteSize(packed), file.display());
    }
    Ok(())
}

fn archive_of(layout: &Layout, image: &str) -> PathBuf {
    let name = image.trim_start_matches("localhost/").replace(':', "-");
    layout.images().join(format!("{name}.oci.tar"))
}
