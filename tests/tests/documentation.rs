//! What the documentation says of the tests is true.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use lakeward_tests::conformance::checks;
use lakeward_tests::scenarios::SCENARIOS;

/// Pages of their own, beside all of `docs`.
const PAGES: [&str; 4] = ["README.md", "CHANGELOG.md", "crates/local/README.md", "examples/data/README.md"];
/// Pages that are nothing without the tests that they name.
const MAPS: [&str; 3] = ["docs/PROTOCOL.md", "docs/PEERS.md", "docs/TESTING.md"];
/// Folders with code.
const CODE: [&str; 4] = ["bins", "crates", "tests", "xtask"];
/// Folders of the project, by which a path is told from other text.
const FOLDERS: [&str; 7] = ["bins", "crates", "docs", "examples", "fuzz", "tests", "xtask"];
/// A word of code with as many underscores is the name of a test: they are sentences.
const UNDERSCORES_OF_A_TEST: usize = 3;

fn root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).context("no folder above the tests")
}

/// Every file below a folder that has this extension.
fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, extension, found)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    Ok(())
}

/// A function that may be a test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Function {
    name: String,
    /// The comment above it.
    doc: String,
    /// Whether it is run as a test.
    is_test: bool,
}

/// The functions of a file, and the tests that its macros make.
fn functions(source: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let (mut next, mut in_macro) = (Function::default(), false);
    for line in source.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            next.doc.push_str(comment);
        } else if line.starts_with("#[") {
            next.is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else if let Some(name) = function_name(line) {
            found.push(Function { name, ..std::mem::take(&mut next) });
        } else if let Some((name, _)) = line.split_once(": ").filter(|_| in_macro && line.ends_with(';')) {
            found.push(Function { name: name.to_owned(), is_test: true, ..std::mem::take(&mut next) });
        } else {
            in_macro = line == "tests! {" || (in_macro && line != "}");
            next = Function::default();
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let (before, rest) = line.split_once("fn ")?;
    let qualifiers = |word: &str| word == "async" || word.starts_with("pub");
    let name = rest.split(['(', '<']).next()?;
    before.split_whitespace().all(qualifiers).then(|| name.to_owned())
}

/// Every test, also those that are listed and run by name.
fn tests(root: &Path) -> Result<Vec<Function>> {
    let mut sources = Vec::new();
    CODE.iter().try_for_each(|folder| files(&root.join(folder), "rs", &mut sources))?;
    let listed: Vec<&str> =
        SCENARIOS.iter().map(|scenario| scenario.name).chain(checks().map(|check| check.name)).collect();
    let mut found = Vec::new();
    for source in sources {
        found.extend(functions(&std::fs::read_to_string(source)?));
    }
    found.retain(|function| function.is_test || listed.contains(&function.name.as_str()));
    Ok(found)
}

/// What a page has between backticks.
fn code(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

fn is_test_name(word: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '…';
    word.matches('_').count() >= UNDERSCORES_OF_A_TEST && word.chars().all(letters)
}

/// Whether a page means this test. A long name may be cut (`a_write_killed_…`), or share its start with the one before it
/// (`…_is_rejected`).
fn means(word: &str, test: &str) -> bool {
    match (word.strip_suffix('…'), word.strip_prefix('…')) {
        (Some(start), _) => test.starts_with(start),
        (_, Some(end)) => test.ends_with(end),
        (None, None) => test == word,
    }
}

/// Whether a word says where a file or folder of the project is. A Rust file is one even when nobody could find it.
fn is_path(word: &str) -> bool {
    let of_the_project = word.split_once('/').is_some_and(|(first, _)| FOLDERS.contains(&first));
    let is_rust = word.contains('/') && Path::new(word).extension().is_some_and(|found| found == "rs");
    (of_the_project || is_rust) && !word.contains(['*', '<', '…', ' '])
}

/// Where the links of a page go, but for those to other sites and within the page.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains("://"))
}

#[test]
fn every_test_and_file_that_the_documentation_names_exists() -> Result<()> {
    let root = root()?;
    let tests = tests(&root)?;
    let mut pages: Vec<PathBuf> = PAGES.iter().map(|page| root.join(page)).collect();
    files(&root.join("docs"), "md", &mut pages)?;
    ensure!(MAPS.iter().all(|map| pages.contains(&root.join(map))), "a map is missing: {pages:?}");
    let mut wrong = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
        let named: Vec<&str> = code(&text).filter(|word| is_test_name(word)).collect();
        let is_map = MAPS.iter().any(|map| page.ends_with(map));
        ensure!(!named.is_empty() || !is_map, "{} names no test", page.display());
        let unknown = |word: &&&str| !tests.iter().any(|test| means(word, &test.name));
        wrong.extend(named.iter().filter(unknown).map(|word| format!("{}: test {word}", page.display())));
        let below = page.parent().context("a page without a folder")?;
        let places = code(&text).filter(|word| is_path(word)).map(|path| root.join(path));
        let places = places.chain(links(&text).map(|link| below.join(link)));
        let missing = places.filter(|place| !place.exists());
        wrong.extend(missing.map(|place| format!("{}: {}", page.display(), place.display())));
    }
    ensure!(wrong.is_empty(), "these do not exist:\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn every_pain_of_other_tools_is_named_with_its_threads_by_a_test_that_holds_it() -> Result<()> {
    let root = root()?;
    let tests = tests(&root)?;
    let page = std::fs::read_to_string(root.join("docs/PEERS.md"))?;
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .map(|line| line.trim_matches('|').split(" | ").collect())
        .skip(1)
        .collect();
    ensure!(rows.len() > 15, "the table has {} rows", rows.len());
    let mut unnamed = Vec::new();
    for row in rows {
        let [pain, threads, held_by] = row[..] else { anyhow::bail!("not three cells: {row:?}") };
        let holders: Vec<&str> = code(held_by).filter(|word| is_test_name(word)).collect();
        ensure!(!holders.is_empty(), "{pain}: no test");
        ensure!(threads.contains('#'), "{pain}: no thread");
        for thread in threads.split(',').map(str::trim) {
            let holds = |test: &&Function| holders.iter().any(|word| means(word, &test.name));
            if !tests.iter().filter(holds).any(|test| names(&test.doc, thread)) {
                unnamed.push(thread);
            }
        }
    }
    ensure!(unnamed.is_empty(), "no test of their row names {unnamed:?}");
    Ok(())
}

/// Whether a comment names a thread as a whole word.
fn names(comment: &str, thread: &str) -> bool {
    comment.split_whitespace().any(|word| word.trim_end_matches([',', ':', ';', '.']) == thread)
}

#[test]
fn a_test_is_told_from_another_function() {
    let source = "/// Why.\n#[test]\nfn one() {}\nfn helper() {}\n#[tokio::test(start_paused = true)]\nasync fn two() {}\n\
                  tests! {\n    three: Write, Plain;\n}\nlet four: u8 = 4;\npub(crate) async fn listed(b: &B) {}\n";
    let found = functions(source);
    let tests: Vec<&str> = found.iter().filter(|f| f.is_test).map(|f| f.name.as_str()).collect();
    assert_eq!(tests, ["one", "two", "three"]);
    assert_eq!(found[0].doc, " Why.");
    let others: Vec<&str> = found.iter().filter(|f| !f.is_test).map(|f| f.name.as_str()).collect();
    assert_eq!(others, ["helper", "listed"]);
}

#[test]
fn a_thread_is_told_from_one_whose_number_begins_alike() {
    assert!(names(" dbt-athena#464, docs.getdbt.com#7606: both.", "docs.getdbt.com#7606"));
    assert!(!names(" dbt-athena#464: pages.", "dbt-athena#46"));
}

#[test]
fn a_path_is_told_from_other_text() {
    assert!(is_path("tests/src/crash") && is_path("pipeline_local/rivals.rs"));
    assert!(!is_path("tests/tests/full_*.rs") && !is_path("_runs/") && !is_path("lib.rs"));
    let page = "[a](PEERS.md) [b](#here) [c](https://example.com/x) [d](steps/gc.md#abandon-a-run)";
    assert_eq!(links(page).collect::<Vec<_>>(), ["PEERS.md", "steps/gc.md"]);
}
