//! What the programs are built from, as cargo resolves it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;
use crate::target::Target;
use crate::workspace::Workspace;

/// What cargo knows of the workspace and its dependencies on a target.
pub(crate) fn metadata(workspace: &Workspace, target: Target) -> Result<Value> {
    let triple = match target.foreign_triple() {
        Some(triple) => triple,
        None => host(workspace)?,
    };
    let mut metadata = workspace.cargo();
    metadata.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &triple]);
    serde_json::from_str(&process::capture(&mut metadata)?).context("`cargo metadata` did not write JSON")
}

/// What the compiler calls this machine.
fn host(workspace: &Workspace) -> Result<String> {
    let about = process::capture(workspace.command("rustc".as_ref()).arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(host.to_owned())
}

/// Crates by cargo's own ids, and what each is built with.
#[derive(Debug)]
pub(crate) struct Graph<'m> {
    /// The ids of the programs that it is about.
    roots: BTreeSet<&'m str>,
    packages: BTreeMap<&'m str, Package<'m>>,
    edges: BTreeMap<&'m str, Vec<&'m str>>,
}

/// A crate.
#[derive(Debug)]
pub(crate) struct Package<'m> {
    pub(crate) name: &'m str,
    pub(crate) version: &'m str,
    /// As an SPDX expression.
    pub(crate) license: Option<String>,
    pub(crate) is_ours: bool,
    /// Where its source lies here.
    pub(crate) folder: &'m Path,
}

impl Package<'_> {
    /// Names it in the bill, and everywhere: see the specification of package URLs.
    pub(crate) fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version.replace('+', "%2B"))
    }
}

impl<'m> Graph<'m> {
    /// Reads it from what [`metadata`] gives, for some programs, by their names.
    pub(crate) fn read(metadata: &'m Value, programs: &[&str]) -> Result<Self> {
        let (packages, edges) = (packages(metadata)?, edges(metadata)?);
        let named = packages.iter().filter(|(_, package)| programs.contains(&package.name));
        Ok(Self { roots: named.map(|(id, _)| *id).collect(), packages, edges })
    }

    /// The programs.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Package<'m>> {
        self.roots.iter().filter_map(|id| self.packages.get(id))
    }

    /// What one is built with.
    pub(crate) fn below(&self, id: &str) -> impl Iterator<Item = &Package<'m>> {
        self.edges.get(id).into_iter().flatten().filter_map(|id| self.packages.get(id))
    }

    /// Everything that the programs are made of, themselves as well.
    pub(crate) fn shipped(&self) -> BTreeMap<&'m str, &Package<'m>> {
        let mut left: Vec<&str> = self.roots.iter().copied().collect();
        let mut found = BTreeSet::new();
        while let Some(id) = left.pop() {
            if found.insert(id) {
                left.extend(self.edges.get(id).into_iter().flatten());
            }
        }
        self.packages
            .iter()
            .filter(|(id, _)| found.contains(*id))
            .map(|(id, package)| (*id, package))
            .collect()
    }
}

fn packages(metadata: &Value) -> Result<BTreeMap<&str, Package<'_>>> {
    let listed = metadata["packages"].as_array().context("`cargo metadata` names no packages")?;
    Ok(listed.iter().filter_map(package).collect())
}

fn package(package: &Value) -> Option<(&str, Package<'_>)> {
    // Before SPDX expressions, a slash was an OR.
    let license = package["license"].as_str().map(|license| license.replace('/', " OR "));
    let (name, version) = (package["name"].as_str()?, package["version"].as_str()?);
    let is_ours = package["source"].is_null();
    let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
    Some((package["id"].as_str()?, Package { name, version, license, is_ours, folder }))
}

/// What each package is built with: not what only tests or build scripts use.
fn edges(metadata: &Value) -> Result<BTreeMap<&str, Vec<&str>>> {
    let nodes = metadata["resolve"]["nodes"].as_array().context("`cargo metadata` resolves nothing")?;
    Ok(nodes.iter().filter_map(node).collect())
}

fn node(node: &Value) -> Option<(&str, Vec<&str>)> {
    let normal =
        |dep: &&Value| dep["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null());
    let deps = node["deps"].as_array().into_iter().flatten().filter(normal);
    Some((node["id"].as_str()?, deps.filter_map(|dep| dep["pkg"].as_str()).collect()))
}
