//! What names may look like, and the checks that run inside the query.

use crate::error::REFUSED;
use lakeward_manifest::HIVE_NULL_PARTITION;
use lakeward_sql::{identifier, literal};

use crate::folder::{self, LONGEST_FOLDER};

/// The longest column name that Glue takes, in characters.
pub(crate) const LONGEST_NAME: usize = 255;

/// A name as Glue, Hive and Athena fold it.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Whether every reader takes this folded name.
pub(crate) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(plain)
}

/// A name near `name` that every reader takes: what the advice on a name proposes.
pub(crate) fn plain(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let name: String = name.chars().take(LONGEST_NAME).map(kept).collect();
    if name.is_empty() { "name".to_owned() } else { name }
}

/// Makes SQL that raises an error about one column's values.
pub(crate) struct Raise {
    column: String,
}

impl Raise {
    pub(crate) fn for_column(column: &str) -> Self {
        Self { column: column.to_owned() }
    }

    /// `value`, or an error that the column holds `what` where `condition` is true.
    pub(crate) fn when(&self, condition: &str, what: &str, value: &str) -> String {
        let message = literal(&format!("{REFUSED}the column {} holds {what}", identifier(&self.column)));
        format!("CASE WHEN {condition} THEN error({message}) ELSE {value} END")
    }

    /// `value` cast to `to`, or an error where it does not fit.
    pub(crate) fn unless_cast(&self, value: &str, to: &str) -> String {
        let cast = format!("TRY_CAST({value} AS {to})");
        let what = format!("a number or time that {to} cannot hold");
        self.when(&format!("{value} IS NOT NULL AND {cast} IS NULL"), &what, &cast)
    }

    /// A string partition value, or an error for one that a catalog or a reader would change.
    pub(crate) fn unless_partition_value(&self, value: &str) -> String {
        let folder = folder::sql(&self.column, value);
        let long =
            format!("a partition value whose folder name is longer than {LONGEST_FOLDER} bytes; shorten it");
        let long = self.when(&format!("strlen({folder}) > {LONGEST_FOLDER}"), &long, value);
        let reserved = format!(
            "a partition value that readers take for NULL ({HIVE_NULL_PARTITION}, or the word NULL); write NULL or another \
             text"
        );
        let condition = format!("{value} = {} OR lower({value}) = 'null'", literal(HIVE_NULL_PARTITION));
        let reserved = self.when(&condition, &reserved, &long);
        let nul = "the character NUL in a partition value, which no folder name can have; replace it";
        let reserved = self.when(&format!("contains({value}, chr(0))"), nul, &reserved);
        let empty = "an empty string as partition value, which Glue cannot hold; write NULL or another text";
        self.when(&format!("{value} = ''"), empty, &reserved)
    }

    /// A DATE partition value, or an error for one that is not written as `YYYY-MM-DD`.
    pub(crate) fn unless_four_digit_year(&self, value: &str) -> String {
        let what = "a date before the year 1 or after 9999 as partition value, which readers do not share; write NULL";
        self.when(&format!("strlen(CAST({value} AS VARCHAR)) <> 10"), what, value)
    }
}
