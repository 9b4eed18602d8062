//! The Dockerfile's own stage, which compiles the programs as `docker build` does.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::duckdb;
use crate::image::{base, build};
use crate::layout::Layout;
use crate::process;
use crate::target::Target;

/// Compiles the programs in a container into an empty folder, with the compiler and DuckDB of this machine, and what else this
/// machine needs to reach the registry of crates.
pub(super) fn programs(layout: &Layout, target: Target, folder: &Path) -> Result<()> {
    let base = base::prepare(layout, base::Purpose::Compile, Target::HOST)?;
    duckdb::fetch_for(layout, target)?;
    let sysroot = process::capture(Command::new("rustc").args(["--print", "sysroot"]))?;
    let duckdb = layout.cache().join("duckdb");
    let machine = process::capture(Command::new("uname").arg("-m"))?;
    let mut build = build::command(layout, &base);
    // What BuildKit tells by itself. This stage is of the builder's platform, whatever it compiles for.
    let (host, target) = (Target::HOST.container_arch(), target.container_arch());
    build.arg(format!("--build-arg=BUILDPLATFORM=linux/{host}"));
    build.arg(format!("--build-arg=BUILDARCH={host}")).arg(format!("--build-arg=TARGETARCH={target}"));
    build.args(["--network=host", "--target=programs"]);
    build.arg(format!("--volume={}:{}:ro", sysroot.trim(), base::RUST));
    build.arg(format!("--volume={}:/cache/{}/lakeward/duckdb:ro", duckdb.display(), machine.trim()));
    build.arg("--volume=/etc/ssl/certs:/etc/ssl/certs:ro");
    let id = layout.images().join("programs.id");
    build.arg(format!("--output=type=local,dest={}", folder.display())).arg("--iidfile").arg(&id);
    process::run(build.arg(layout.root()))?;
    // The folder is all that is wanted of it.
    let image = fs::read_to_string(&id).with_context(|| format!("cannot read {}", id.display()))?;
    process::run(Command::new("buildah").args(["rmi", image.trim()]))
}
