//! The licences of what is shipped, with their texts, as most of them ask for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::programs::PROGRAMS;
use crate::shipped::{Graph, Package};

/// How the files begin that hold them, in any case.
const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];

const HEAD: &str = "\
The crates that Lakeward's programs are made of, with their licences: before each text stand those that come with it. Rust's
own library is there, too, with the notices of the file beside this one. DuckDB and its extension have the licence of libduckdb-sys, and parts
of their own, which DuckDB's sources name.
";

const NO_TEXT: &str = "No text of their own comes with these.";

/// The texts of all packages that the programs are made of, from what [`shipped::metadata`](crate::shipped::metadata)
/// gives; the same sources give the same text.
pub(crate) fn text(metadata: &Value) -> Result<String> {
    let graph = Graph::read(metadata, &PROGRAMS)?;
    let packages: Vec<_> = graph.shipped().into_values().filter(|package| !package.is_ours).collect();
    Ok(together(by_text(&packages)?))
}

/// The packages by the texts that they bring.
fn by_text(packages: &[&Package<'_>]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut by_text: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages {
        let expression = package.license.as_deref().unwrap_or("no licence named");
        let line = format!("{} {} ({expression})", package.name, package.version);
        let mut texts = texts_in(package.folder)?;
        if texts.is_empty() {
            texts.push(NO_TEXT.to_owned());
        }
        for text in texts {
            by_text.entry(text).or_default().push(line.clone());
        }
    }
    Ok(by_text)
}

fn together(texts: BTreeMap<String, Vec<String>>) -> String {
    let rule = "=".repeat(80);
    let part = |(text, mut packages): (String, Vec<String>)| {
        packages.sort_unstable();
        packages.dedup();
        format!("\n{rule}\n{}\n{rule}\n\n{text}\n", packages.join("\n"))
    };
    std::iter::once(HEAD.to_owned()).chain(texts.into_iter().map(part)).collect()
}

/// The texts at the top of a package.
fn texts_in(folder: &Path) -> Result<Vec<String>> {
    let listed = || format!("cannot list {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(listed)? {
        let entry = entry.with_context(listed)?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if NAMES.iter().any(|begin| name.starts_with(begin)) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort_unstable();
    let read = |file: &std::path::PathBuf| {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(String::from_utf8_lossy(&text).trim().replace("\r\n", "\n"))
    };
    files.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package<'a>(name: &'a str, folder: &'a Path) -> Package<'a> {
        Package { name, version: "1.0.0", license: Some("MIT".to_owned()), is_ours: false, folder }
    }

    #[test]
    fn a_text_stands_once_with_every_package_that_brings_it() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in
            [("one/LICENSE-MIT", "the text\r\n"), ("two/License.md", "the text"), ("three/src", "not it")]
        {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let folders = ["one", "two", "three"].map(|name| (name, folder.path().join(name)));
        let packages: Vec<_> = folders.iter().map(|(name, folder)| package(name, folder)).collect();
        let text = together(by_text(&packages.iter().collect::<Vec<_>>()).unwrap());
        assert_eq!(text.matches("the text").count(), 1, "{text}");
        assert!(text.contains("one 1.0.0 (MIT)\ntwo 1.0.0 (MIT)\n"), "{text}");
        assert!(text.contains("three 1.0.0 (MIT)\n") && text.contains("No text of their own"), "{text}");
        assert!(!text.contains("not it"), "{text}");
    }
}
