//! The Helm chart in a cluster: Kubernetes and Argo Workflows, compiled from their Go modules, on one node, this machine.

mod build;
mod images;
mod tools;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::chart;
use crate::components;
use crate::fetch;
use crate::layout;
use crate::process;
use crate::report::Report;
use crate::workspace::Workspace;

use build::{Argo, ArgoRelease, Kubernetes};

pub(crate) use build::{ARGO_3, ARGO_4};

/// The tests; they start the cluster.
const TESTS: &str = "tests/cluster";
/// Says where the cluster's programs and images are, and where it keeps what it has.
const FOLDER: &str = "LAKEWARD_CLUSTER";
/// The control group of the pods, as the tests name it.
const CONTROL_GROUP: &str = "lakeward-cluster";
/// They would lead what the cluster's programs ask of each other out of its network.
const PROXIES: [&str; 6] =
    ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
/// Namespaces that end with the tests, and with them all processes, mounts and addresses of the cluster.
const ALONE: [&str; 6] = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Builds what is not there yet, and runs the tests. The images of the steps are those that `cargo xtask image` made last.
pub(crate) fn run(workspace: &Workspace, release: ArgoRelease) -> Result<()> {
    let layout = workspace.layout();
    let mut report = Report::default();
    report.step("tools", tools::check)?;
    let python =
        report.step("install the chart's tools", || components::install(layout, chart::REQUIREMENTS))?;
    let lock = fetch::lock(layout.cache())?;
    let helm = chart::install_helm(layout)?;
    let kubernetes = report.step("Kubernetes", || build::kubernetes(layout))?;
    let argo = report.step("Argo Workflows", || build::argo(layout, release))?;
    drop(lock);
    let lake = ["build", "--package", "lakeward-local"];
    report.step("local lake", || process::run(workspace.cargo().args(lake)))?;
    let folder = layout.target().join("cluster");
    layout::empty(&folder)?;
    link_programs(&folder.join("programs"), &kubernetes, &argo, &workspace.executable("lakeward-local"))?;
    report.step("images", || images::archive(&folder.join("images"), &kubernetes, &argo))?;
    report.step("tests, in the cluster", || {
        let mut pytest = Command::new("unshare");
        pytest.args(ALONE).arg(python.program("python"));
        pytest.args(["-B", "-m", "pytest", "-p", "no:cacheprovider", "--quiet", TESTS]);
        pytest.current_dir(layout.root()).env(FOLDER, &folder).env(chart::HELM, &helm);
        for variable in PROXIES {
            pytest.env_remove(variable);
        }
        let ended = process::run(&mut pytest);
        remove_cgroups();
        ended.with_context(|| format!("the logs of the cluster are in {}", folder.join("run").display()))
    })
}

/// What the tests start, by the names that they start it by.
fn link_programs(folder: &Path, kubernetes: &Kubernetes, argo: &Argo, lake: &Path) -> Result<()> {
    layout::empty(folder)?;
    let link = |from: &Path, name: &str| {
        symlink(from, folder.join(name)).with_context(|| format!("cannot link {name} to {}", from.display()))
    };
    for name in ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet"] {
        link(&kubernetes.program, name)?;
    }
    link(&argo.controller, "workflow-controller")?;
    link(&argo.definitions, "crds")?;
    link(lake, "lakeward-local")
}

/// The control groups of the pods outlive their processes. One that is left does no harm.
fn remove_cgroups() {
    let root = Path::new("/sys/fs/cgroup");
    let controllers = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let groups = controllers.chain([root.to_owned()]).map(|hierarchy| hierarchy.join(CONTROL_GROUP));
    for folder in groups.filter(|folder| folder.is_dir()) {
        let _ = Command::new("find")
            .arg(folder)
            .args(["-depth", "-type", "d", "-exec", "rmdir", "{}", "+"])
            .status();
    }
}
