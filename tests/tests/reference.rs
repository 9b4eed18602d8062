//! The reference of flags is what the programs print.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use lakeward_tests::step::{NAMES, program};

const PAGE: &str = "../docs/FLAGS.md";
/// Set, it writes the page anew.
const UPDATE: &str = "UPDATE_DOCUMENTS";

/// What a program prints for `--help`, where nothing is set by variables.
fn help(name: &str) -> Result<String> {
    let output = Command::new(program(name)?).arg("--help").env_clear().output()?;
    ensure!(output.status.success(), "{name}: {}", output.status);
    let text = String::from_utf8(output.stdout).with_context(|| format!("{name} prints no UTF-8"))?;
    let lines = text.lines().map(|line| line.trim_end().replace("=]", "]"));
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_page_of_flags_is_what_the_programs_print() -> Result<()> {
    let mut page = "# Flags\n\nWhat every program prints for `--help`. A flag on the command line goes before its variable.\n".to_owned();
    for name in NAMES.iter().chain(&["iam"]) {
        write!(page, "\n## lakeward-{name}\n\n```text\n{}\n```\n", help(name)?)?;
    }
    let path = Path::new(PAGE);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, &page).context("writing the page")?;
    }
    let written = std::fs::read_to_string(path).context("reading the page")?;
    ensure!(
        written == page,
        "{PAGE} is behind: {UPDATE}=1 cargo xtask cargo test -p lakeward-tests --test reference"
    );
    Ok(())
}
