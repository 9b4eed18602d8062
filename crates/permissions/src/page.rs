//! The tables of `docs/IAM.md`.

use std::fmt::Write as _;

use crate::grants::Program;

/// A section with a table for each program, in Markdown.
pub fn tables() -> String {
    let mut page = String::new();
    for program in Program::ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "### {}\n", program.name());
        let _ = writeln!(page, "| actions | on | what for |\n| --- | --- | --- |");
        for grant in program.grants() {
            let actions: Vec<String> = grant.actions.iter().map(|action| format!("`{action}`")).collect();
            let only = grant.only.map(|variant| format!(" ({})", variant.words())).unwrap_or_default();
            let _ = writeln!(
                page,
                "| {} | {} | {}{only} |",
                actions.join(", "),
                grant.on.words(),
                grant.what_for
            );
        }
        page.push('\n');
    }
    page
}
