//! Kubernetes and Argo Workflows, compiled into the cache; other versions and sources get another folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::fetch;
use crate::layout::{self, Layout};
use crate::process;

const KUBERNETES_SOURCE: &str = "tests/cluster/kubernetes";
const KUBERNETES_MODULE: &str = "k8s.io/kubernetes";

/// A release of Argo Workflows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArgoRelease {
    module: &'static str,
    version: &'static str,
}

/// The one of which `tests/chart/argo-tool` is made, too.
pub(crate) const ARGO_3: ArgoRelease =
    ArgoRelease { module: "github.com/argoproj/argo-workflows/v3", version: "v3.7.4" };

/// The one whose schema the chart is held against.
pub(crate) const ARGO_4: ArgoRelease =
    ArgoRelease { module: "github.com/argoproj/argo-workflows/v4", version: "v4.0.5" };

/// What a cluster has of Kubernetes.
#[derive(Debug)]
pub(super) struct Kubernetes {
    /// All programs in one.
    pub(super) program: PathBuf,
    /// What holds a pod's namespaces.
    pub(super) pause: PathBuf,
}

/// What a cluster has of Argo Workflows.
#[derive(Debug)]
pub(super) struct Argo {
    /// Runs workflows.
    pub(super) controller: PathBuf,
    /// Runs beside and around a step in its pod.
    pub(super) executor: PathBuf,
    /// The folder of the kinds of objects that Kubernetes has to know.
    pub(super) definitions: PathBuf,
}

/// Compiles Kubernetes: 10 minutes of one core, once.
pub(super) fn kubernetes(layout: &Layout) -> Result<Kubernetes> {
    let source = layout.root().join(KUBERNETES_SOURCE);
    let [module, program] = ["go.mod", "main.go"].map(|name| fetch::sha256(&source.join(name)));
    let name = format!("kubernetes-{}-{}", &module?[..12], &program?[..12]);
    let folder = layout.cache().join("cluster").join(name);
    let made = Kubernetes { program: folder.join("kubernetes"), pause: folder.join("pause") };
    if !made.program.exists() {
        let module = module_of(&source, KUBERNETES_MODULE)?;
        layout::empty(&folder)?;
        // The image of a sandbox is Kubernetes' own, and a page of C.
        let pause = Path::new(text(&module, "Dir")?).join("build/pause/linux/pause.c");
        let mut cc = Command::new("cc");
        process::run(cc.args(["-Os", "-static", "-DVERSION=1", "-o"]).arg(&made.pause).arg(pause))?;
        go_build(&source, &stamp(text(&module, "Version")?)?, &made.program, ".")?;
    }
    Ok(made)
}

/// Compiles Argo's controller and executor: 5 minutes of one core, once.
pub(super) fn argo(layout: &Layout, release: ArgoRelease) -> Result<Argo> {
    let ArgoRelease { module, version } = release;
    let folder = layout.cache().join("cluster").join(format!("argo-{version}"));
    let source = folder.join("source");
    let made = Argo {
        controller: folder.join("workflow-controller"),
        executor: folder.join("argoexec"),
        definitions: source.join("manifests/base/crds/minimal"),
    };
    if !made.executor.exists() {
        let wanted = format!("{module}@{version}");
        let fetched = go_json(&folder_above(&folder)?, &["mod", "download", "-json", &wanted])?;
        layout::empty(&folder)?;
        let mut copy = Command::new("cp");
        process::run(copy.args(["-r", "--no-preserve=mode", text(&fetched, "Dir")?]).arg(&source))?;
        // A link in Argo's repository, and modules have none.
        let signals = source.join("workflow/executor/osspecific");
        symlink("signal_darwin.go", signals.join("signal_linux.go"))
            .with_context(|| format!("cannot complete {}", signals.display()))?;
        let flags = format!("-X {module}.version={version}");
        go_build(&source, &flags, &made.controller, "./cmd/workflow-controller")?;
        go_build(&source, &flags, &made.executor, "./cmd/argoexec")?;
    }
    Ok(made)
}

/// An existing folder to start go in.
fn folder_above(folder: &Path) -> Result<PathBuf> {
    let above = folder.parent().context("the cache is a root folder")?;
    fs::create_dir_all(above).with_context(|| format!("cannot create {}", above.display()))?;
    Ok(above.to_owned())
}

/// What a release build tells the linker; the chart asks the API server for its version.
fn stamp(version: &str) -> Result<String> {
    let numbers: Vec<_> = version.trim_start_matches('v').split('.').collect();
    ensure!(numbers.len() == 3, "{KUBERNETES_MODULE} has the version {version}, which is no release");
    let variables = [("gitVersion", version), ("gitMajor", numbers[0]), ("gitMinor", numbers[1])];
    let packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
    let flags = packages.iter().flat_map(|package| {
        variables.iter().map(move |(name, value)| format!("-X {package}.{name}={value}"))
    });
    Ok(flags.collect::<Vec<_>>().join(" "))
}

/// Where a module of `source` lies, and which version it is.
fn module_of(source: &Path, module: &str) -> Result<Value> {
    process::run(Command::new("go").current_dir(source).args(["mod", "download"]))?;
    go_json(source, &["list", "-m", "-json", module])
}

fn go_json(folder: &Path, arguments: &[&str]) -> Result<Value> {
    let said = process::capture(Command::new("go").current_dir(folder).args(arguments))
        .context("Go is needed to build a cluster: 1.24 or later, for Argo 4 1.25.7")?;
    serde_json::from_str(&said).with_context(|| format!("`go {}` did not write JSON", arguments.join(" ")))
}

fn go_build(source: &Path, flags: &str, target: &Path, package: &str) -> Result<()> {
    let mut go = Command::new("go");
    go.current_dir(source)
        .args(["build", "-trimpath", "-buildvcs=false"])
        .arg(format!("-ldflags=-s -w {flags}"));
    // They run in images that have no libraries.
    go.arg("-o").arg(target).arg(package).env("CGO_ENABLED", "0");
    process::run(&mut go)
}

fn text<'a>(module: &'a Value, field: &str) -> Result<&'a str> {
    module[field].as_str().with_context(|| format!("go does not say {field} of a module: {module}"))
}
