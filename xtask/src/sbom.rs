//! The bill of materials of what is shipped: the crates that the programs are built from, DuckDB's library and its
//! extension, with versions, licences and digests, as CycloneDX 1.6.
//!
//! Made here, from what cargo and the pins know, and not by a tool: those would take minutes to install, and know nothing
//! of DuckDB. That it is CycloneDX is for CycloneDX's own validator to say. It holds no time and no path, so that the same
//! sources give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::components;
use crate::pins::{self, Pinned, Source};
use crate::process;
use crate::programs::PROGRAMS;
use crate::shipped::{self, Graph, Package};
use crate::target::Target;
use crate::workspace::Workspace;

/// What links DuckDB.
const ENGINE: &str = "lakeward-engine";
const REQUIREMENTS: &str = "tests/sbom/requirements.txt";
const VALIDATOR: &str = "tests/sbom/validate.py";

/// Writes the bill of materials of all programs for a target into the target folder; gives its path.
pub(crate) fn write(workspace: &Workspace, target: Target) -> Result<PathBuf> {
    let path = workspace.layout().target().join(format!("lakeward-{}-{}.cdx.json", target.os, target.arch));
    let text = text(workspace, &shipped::metadata(workspace, target)?, target, &PROGRAMS)?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The bill of materials of some programs for a target, from what [`shipped::metadata`] gives for it.
pub(crate) fn text(
    workspace: &Workspace,
    metadata: &Value,
    target: Target,
    programs: &[&str],
) -> Result<String> {
    let graph = Graph::read(metadata, programs)?;
    let lock = workspace.layout().root().join("Cargo.lock");
    let lock = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let bill = bill(&graph, &checksums(&lock), &[pins::library(target)?, pins::httpfs(target)?]);
    serde_json::to_string_pretty(&bill).context("writing the bill of materials")
}

/// Writes it, and holds it against CycloneDX's schema.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let path = write(workspace, Target::HOST)?;
    let validator = components::install(workspace.layout(), REQUIREMENTS)?;
    process::run(workspace.command(&validator.program("python")).arg("-B").arg(VALIDATOR).arg(path))
}

fn bill(graph: &Graph<'_>, checksums: &BTreeMap<(String, String), String>, duckdb: &[Pinned]) -> Value {
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for (id, package) in graph.shipped() {
        let digest = checksums.get(&(package.name.to_owned(), package.version.to_owned()));
        components.push(component(package, digest));
        let mut below: BTreeSet<String> = graph.below(id).map(Package::purl).collect();
        if package.name == ENGINE {
            below.extend(duckdb.iter().map(reference));
        }
        dependencies.push(json!({ "ref": package.purl(), "dependsOn": below }));
    }
    if graph.shipped().values().any(|package| package.name == ENGINE) {
        components.extend(duckdb.iter().map(pinned));
    }
    let programs: BTreeSet<String> = graph.programs().map(Package::purl).collect();
    dependencies.insert(0, json!({ "ref": "lakeward", "dependsOn": programs }));
    let version = env!("CARGO_PKG_VERSION");
    let product = json!({ "type": "application", "bom-ref": "lakeward", "name": "lakeward", "version": version,
        "licenses": [{ "expression": "Apache-2.0" }] });
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": product },
        "components": components,
        "dependencies": dependencies,
    })
}

fn component(package: &Package<'_>, digest: Option<&String>) -> Value {
    let purl = package.purl();
    let kind = if PROGRAMS.contains(&package.name) { "application" } else { "library" };
    let mut component =
        json!({ "type": kind, "bom-ref": purl, "name": package.name, "version": package.version });
    if !package.is_ours {
        component["purl"] = purl.into();
    }
    if let Some(license) = &package.license {
        component["licenses"] = json!([{ "expression": license }]);
    }
    if let Some(digest) = digest {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": digest }]);
    }
    component
}

/// The package that the file is of: an extension has a wheel of its own, the library is of DuckDB's release.
fn reference(file: &Pinned) -> String {
    let wheel = file.sources.iter().find_map(|source| match source {
        Source::Wheel { requirement, .. } => Some(requirement.replace("==", "@")),
        _ => None,
    });
    match wheel {
        Some(wheel) => format!("pkg:pypi/{wheel}"),
        None => format!("pkg:github/duckdb/duckdb@v{}#{}", pins::DUCKDB, file.file),
    }
}

fn pinned(file: &Pinned) -> Value {
    json!({
        "type": "library",
        "bom-ref": reference(file),
        "name": file.file,
        "version": pins::DUCKDB,
        "purl": reference(file),
        "licenses": [{ "expression": "MIT" }],
        "hashes": [{ "alg": "SHA-256", "content": file.sha256 }],
    })
}

/// The SHA-256 of each crate as it was downloaded, by name and version, from the text of Cargo.lock.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let field = |block: &str, name: &str| {
        let value = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        Some(value?.trim_end_matches('"').to_owned())
    };
    let blocks = lock.split("[[package]]").skip(1);
    let read = |block| Some(((field(block, "name")?, field(block, "version")?), field(block, "checksum")?));
    blocks.filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Value {
        let package = |name: &str, source: Option<&str>| json!({ "id": format!("id of {name}"), "name": name, "version": "1.0.0+x", "license": "MIT/Apache-2.0", "source": source, "manifest_path": format!("/crates/{name}/Cargo.toml") });
        let dep = |name: &str, kind: Option<&str>| json!({ "pkg": format!("id of {name}"), "dep_kinds": [{ "kind": kind }] });
        json!({
            "packages": [package("lakeward-write", None), package(ENGINE, None), package("used", Some("r")), package("test-only", Some("r"))],
            "resolve": { "nodes": [
                { "id": "id of lakeward-write", "deps": [dep(ENGINE, None), dep("test-only", Some("dev"))] },
                { "id": format!("id of {ENGINE}"), "deps": [dep("used", None), dep("test-only", Some("build"))] },
                { "id": "id of used", "deps": [] },
                { "id": "id of test-only", "deps": [] },
            ] },
        })
    }

    #[test]
    fn the_bill_has_what_is_shipped_with_its_digest_and_nothing_else() {
        let lock =
            "version = 4\n\n[[package]]\nname = \"used\"\nversion = \"1.0.0+x\"\nchecksum = \"0a1b\"\n";
        let duckdb = [pins::library(Target::HOST).unwrap(), pins::httpfs(Target::HOST).unwrap()];
        let bill = bill(&Graph::read(&metadata(), &PROGRAMS).unwrap(), &checksums(lock), &duckdb);
        let named: Vec<&str> =
            bill["components"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
        assert_eq!(named[..3], [ENGINE, "lakeward-write", "used"]);
        assert!(named[3].starts_with("libduckdb") && named[4..] == ["httpfs.duckdb_extension"], "{named:?}");
        assert_eq!(
            bill["components"][4]["purl"],
            format!("pkg:pypi/duckdb-extension-httpfs@{}", pins::DUCKDB)
        );
        let used = &bill["components"][2];
        assert_eq!(used["purl"], "pkg:cargo/used@1.0.0%2Bx");
        assert_eq!(used["hashes"], json!([{ "alg": "SHA-256", "content": "0a1b" }]));
        assert_eq!(used["licenses"], json!([{ "expression": "MIT OR Apache-2.0" }]));
        let engine = bill["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .find(|d| d["ref"] == "pkg:cargo/lakeward-engine@1.0.0%2Bx");
        assert_eq!(engine.unwrap()["dependsOn"].as_array().unwrap().len(), 3, "{bill}");
    }
}
