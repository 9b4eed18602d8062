//! Files of named SQL checks. Each check is one SELECT that returns offending rows:
//!
//! ```sql
//! -- name: no_negative_amounts
//! SELECT * FROM staged WHERE amount < 0;
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::VerifyError;
use crate::gates;

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) name: String,
    /// Where it was written.
    pub(crate) file: PathBuf,
    /// The SELECT.
    pub(crate) sql: String,
}

/// Reads all checks of all files. No two may share a name, as results and manifest know them by it.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<Check>, VerifyError> {
    let mut names: BTreeSet<String> = gates::NAMES.map(str::to_owned).into();
    let mut checks = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|source| VerifyError::CheckFile { file: file.clone(), source })?;
        for check in split(file, &text)? {
            if !names.insert(check.name.clone()) {
                return Err(VerifyError::NameTaken { name: check.name, file: check.file });
            }
            checks.push(check);
        }
    }
    Ok(checks)
}

/// The checks of one file: one for each line `-- name: NAME`, or one named after the file.
fn split(file: &Path, text: &str) -> Result<Vec<Check>, VerifyError> {
    let mut before = String::new();
    let mut checks: Vec<Check> = Vec::new();
    for line in text.lines() {
        if let Some(name) = name_line(line) {
            if name.is_empty() {
                return Err(VerifyError::NoName { file: file.to_owned() });
            }
            checks.push(Check { name: name.to_owned(), file: file.to_owned(), sql: String::new() });
            continue;
        }
        let sql = checks.last_mut().map_or(&mut before, |check| &mut check.sql);
        sql.push_str(line);
        sql.push('\n');
    }
    if checks.is_empty() {
        let name = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        checks.push(Check { name, file: file.to_owned(), sql: before });
    } else if !is_only_comments(&before) {
        return Err(VerifyError::Unnamed { file: file.to_owned() });
    }
    match checks.iter().find(|check| is_only_comments(&check.sql)) {
        Some(empty) => Err(VerifyError::NoSql { name: empty.name.clone(), file: file.to_owned() }),
        None => Ok(checks),
    }
}

/// The name in `-- name: NAME`.
fn name_line(line: &str) -> Option<&str> {
    let comment = line.trim_start().strip_prefix("--")?;
    comment.trim_start().strip_prefix("name:").map(str::trim)
}

fn is_only_comments(sql: &str) -> bool {
    sql.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with("--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Result<Vec<(String, String)>, VerifyError> {
        let checks = split(Path::new("checks/orders.sql"), text)?;
        Ok(checks.into_iter().map(|check| (check.name, check.sql.trim().to_owned())).collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned())).collect()
    }

    #[test]
    fn a_file_is_split_at_its_name_lines() {
        let text = "-- Checks of the orders table.\n\n-- name: first\nSELECT 1;\n--name:second one \nSELECT 2\n\
                    -- a comment inside\nWHERE true;\r\n";
        let expected = [("first", "SELECT 1;"), ("second one", "SELECT 2\n-- a comment inside\nWHERE true;")];
        assert_eq!(named(text).unwrap(), pairs(&expected));
    }

    #[test]
    fn a_file_without_a_name_line_is_one_check_named_after_it() {
        let text = "-- nothing is negative\nSELECT * FROM staged WHERE n < 0";
        assert_eq!(named(text).unwrap(), pairs(&[("orders", text)]));
    }

    #[test]
    fn files_that_would_lose_a_check_are_refused() {
        assert!(matches!(named(""), Err(VerifyError::NoSql { .. })));
        assert!(
            matches!(named("-- name: a\n-- name: b\nSELECT 1"), Err(VerifyError::NoSql { name, .. }) if name == "a")
        );
        assert!(matches!(named("SELECT 1;\n-- name: b\nSELECT 2"), Err(VerifyError::Unnamed { .. })));
        assert!(matches!(named("-- name:  \nSELECT 2"), Err(VerifyError::NoName { .. })));
    }

    #[test]
    fn no_two_checks_of_all_files_share_a_name_and_none_has_that_of_a_gate() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let one = file("one.sql", "-- name: same\nSELECT 1");
        let two = file("two.sql", "-- name: other\nSELECT 1\n-- name: same\nSELECT 2");
        let gate = file("min-rows.sql", "SELECT 1");
        assert_eq!(read(std::slice::from_ref(&one)).unwrap().len(), 1);
        assert!(
            matches!(read(&[one.clone(), two]), Err(VerifyError::NameTaken { name, .. }) if name == "same")
        );
        assert!(matches!(read(&[one, gate]), Err(VerifyError::NameTaken { .. })));
        assert!(matches!(read(&[folder.path().join("absent.sql")]), Err(VerifyError::CheckFile { .. })));
    }
}
