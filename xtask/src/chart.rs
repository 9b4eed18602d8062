//! The Helm chart: rendered by Helm, judged by the schemas of Kubernetes and by Argo's own code, and its commands run.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::components::{self, Components};
use crate::fetch;
use crate::layout::Layout;
use crate::pins;
use crate::process;
use crate::workspace::Workspace;

/// Says where Helm is; set by a user, it is the Helm to take.
pub(crate) const HELM: &str = "LAKEWARD_HELM";
/// Says where the program of `tests/chart/argo-tool` is.
const ARGO: &str = "LAKEWARD_ARGO";
/// Says where the steps' programs are.
const PROGRAMS: &str = "LAKEWARD_PROGRAMS";

/// The tests, and what they are run with.
const TESTS: &str = "tests/chart";
pub(crate) const REQUIREMENTS: &str = "tests/chart/requirements.txt";
const ARGO_SOURCE: &str = "tests/chart/argo-tool";

/// What the chart's tests are run with.
#[derive(Debug)]
pub(crate) struct Tools {
    python: Components,
    helm: PathBuf,
    argo: PathBuf,
}

/// Fetches or builds the tools, unless they are there.
pub(crate) fn install(layout: &Layout) -> Result<Tools> {
    let python = components::install(layout, REQUIREMENTS)?;
    let _lock = fetch::lock(layout.cache())?;
    Ok(Tools { python, helm: install_helm(layout)?, argo: build_argo(layout)? })
}

/// Runs the tests against the programs that were built last.
pub(crate) fn test(workspace: &Workspace, tools: &Tools) -> Result<()> {
    let mut pytest = workspace.command(&tools.python.program("python"));
    // Nothing is written into the clone.
    pytest.args(["-B", "-m", "pytest", "-p", "no:cacheprovider", "--quiet", TESTS]);
    pytest.env(HELM, &tools.helm).env(ARGO, &tools.argo).env(PROGRAMS, workspace.programs());
    process::run(&mut pytest)
}

/// Puts the table of values into the chart's README.
pub(crate) fn write_readme(layout: &Layout) -> Result<()> {
    let python = components::install(layout, REQUIREMENTS)?;
    let script = layout.root().join(TESTS).join("readme.py");
    process::run(Command::new(python.program("python")).arg("-B").arg(script).arg("--write"))
}

/// Where Helm is. The caller holds the lock of the cache.
pub(crate) fn install_helm(layout: &Layout) -> Result<PathBuf> {
    if let Some(helm) = env::var_os(HELM) {
        return Ok(helm.into());
    }
    let pinned = pins::helm()?;
    let folder = layout.cache().join("helm").join(&pinned.sha256[..12]);
    fetch::ensure(&pinned, &folder, &layout.incoming())?;
    let helm = folder.join(pinned.file);
    fs::set_permissions(&helm, Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", helm.display()))?;
    Ok(helm)
}

/// Other sources get another folder, as other requirements do.
fn build_argo(layout: &Layout) -> Result<PathBuf> {
    let source = layout.root().join(ARGO_SOURCE);
    let [module, program] = ["go.mod", "main.go"].map(|name| fetch::sha256(&source.join(name)));
    let folder = layout.cache().join("argo").join(format!("{}-{}", &module?[..12], &program?[..12]));
    let argo = folder.join("argo");
    if !argo.exists() {
        println!("building {} into {}", source.display(), folder.display());
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        go_build(&source, &folder.join("unfinished"))?;
        fs::rename(folder.join("unfinished"), &argo)
            .with_context(|| format!("cannot name {}", argo.display()))?;
    }
    Ok(argo)
}

fn go_build(source: &Path, target: &Path) -> Result<()> {
    let mut go = Command::new("go");
    go.current_dir(source).args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(target);
    // Half of the modules below it have C in them that nothing here calls.
    go.env("CGO_ENABLED", "0");
    process::run(&mut go).context("Go 1.24 or later is needed to lint for Argo")
}
