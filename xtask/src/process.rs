//! Running other programs.

use std::io::ErrorKind;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Runs a command with this terminal; a failure names the command and how it ended.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it wrote to standard output; a failure holds what it wrote to standard
/// error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not write UTF-8"))
}

/// Whether an error of [`run`] or [`capture`] means that the program is not installed.
pub(crate) fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_installed_is_told_from_one_that_fails() {
        let missing = capture(&mut Command::new("no-such-program-anywhere")).unwrap_err();
        let failed = capture(&mut Command::new("false")).unwrap_err();
        assert!(is_missing(&missing));
        assert!(!is_missing(&failed));
    }

    #[test]
    fn a_failure_says_what_the_program_said() {
        let error = capture(Command::new("sh").args(["-c", "echo disk is full >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{error}");
    }
}
