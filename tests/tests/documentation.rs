//! What the documentation says of the tests is true.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use lakeward_tests::conformance::checks;
use lakeward_tests::scenarios::SCENARIOS;

/// Pages that name tests.
const PAGES: [&str; 3] = ["docs/PROTOCOL.md", "docs/PEERS.md", "docs/TESTING.md"];
/// Folders with code.
const CODE: [&str; 4] = ["bins", "crates", "tests", "xtask"];
/// A word of code with as many underscores is the name of a test: they are sentences.
const UNDERSCORES_OF_A_TEST: usize = 3;

fn root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).context("no folder above the tests")
}

/// Every Rust file below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// The functions of a file that are run as tests.
fn tests_in(source: &str) -> impl Iterator<Item = String> {
    let attribute = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
    let mut marked = false;
    source.lines().map(str::trim).filter_map(move |line| {
        marked |= attribute(line);
        let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
        let name = name.split(['(', '<']).next()?.to_owned();
        std::mem::take(&mut marked).then_some(name)
    })
}

fn all_tests(root: &Path) -> Result<BTreeSet<String>> {
    let mut files = Vec::new();
    CODE.iter().try_for_each(|folder| sources(&root.join(folder), &mut files))?;
    let outside = SCENARIOS.iter().map(|scenario| scenario.name).chain(checks().map(|check| check.name));
    let mut names: BTreeSet<String> = outside.map(str::to_owned).collect();
    for file in files {
        names.extend(tests_in(&std::fs::read_to_string(file)?));
    }
    Ok(names)
}

/// What a page has between backticks.
fn code(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

fn is_test_name(word: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '…';
    word.matches('_').count() >= UNDERSCORES_OF_A_TEST && word.chars().all(letters)
}

#[test]
fn every_test_and_file_that_the_documentation_names_exists() -> Result<()> {
    let root = root()?;
    let tests = all_tests(&root)?;
    for page in PAGES {
        let text = std::fs::read_to_string(root.join(page)).with_context(|| page.to_owned())?;
        let named: Vec<&str> = code(&text).filter(|word| is_test_name(word)).collect();
        ensure!(!named.is_empty(), "{page} names no test");
        for name in named {
            // A long name may be cut: `a_write_killed_…`, or share its start with the one before: `…_is_rejected`.
            let known = match (name.strip_suffix('…'), name.strip_prefix('…')) {
                (Some(start), _) => tests.iter().any(|test| test.starts_with(start)),
                (_, Some(end)) => tests.iter().any(|test| test.ends_with(end)),
                (None, None) => tests.contains(name),
            };
            ensure!(known, "{page} names the test {name}, which does not exist");
        }
        let is_rust = |word: &str| Path::new(word).extension().is_some_and(|extension| extension == "rs");
        let file = |word: &&str| word.contains('/') && is_rust(word) && !word.contains('*');
        for path in code(&text).filter(file) {
            ensure!(root.join(path).is_file(), "{page} names {path}, which does not exist");
        }
    }
    Ok(())
}

#[test]
fn every_pain_of_other_tools_names_a_thread_and_a_test() -> Result<()> {
    let page = std::fs::read_to_string(root()?.join("docs/PEERS.md"))?;
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .map(|line| line.trim_matches('|').split(" | ").collect())
        .skip(1)
        .collect();
    ensure!(rows.len() > 15, "the table has {} rows", rows.len());
    for row in rows {
        let [pain, threads, tests] = row[..] else { anyhow::bail!("not three cells: {row:?}") };
        ensure!(threads.contains('#'), "{pain}: no thread");
        ensure!(code(tests).any(is_test_name), "{pain}: no test");
    }
    Ok(())
}

#[test]
fn a_test_is_told_from_another_function() {
    let source =
        "#[test]\nfn one() {}\nfn helper() {}\n#[tokio::test(start_paused = true)]\nasync fn two() {}\n";
    assert_eq!(tests_in(source).collect::<Vec<_>>(), ["one", "two"]);
}
