//! What only root on Debian can do here, and the programs that it takes.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::process;

/// Fails unless this runs as root, which it takes because of `why`, and all programs are there. Each comes with the packages
/// that hold it.
pub(crate) fn check(why: &str, tools: &[(&str, &str)], installs: &str) -> Result<()> {
    let user = process::capture(Command::new("id").arg("--user"))?;
    ensure!(user.trim() == "0", "run this as root: {why}");
    // What else is wrong with one of them shows when it is used.
    let lacks = |program: &str| {
        process::capture(Command::new(program).arg("--version"))
            .is_err_and(|error| process::is_missing(&error))
    };
    let missing: Vec<_> =
        tools.iter().filter(|(program, _)| lacks(program)).map(|(_, package)| *package).collect();
    ensure!(
        missing.is_empty(),
        "not installed: {}; on Debian {installs}`apt-get install --no-install-recommends {}` installs them",
        missing.join(", "),
        missing.join(" ")
    );
    Ok(())
}
