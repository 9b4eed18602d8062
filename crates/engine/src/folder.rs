//! The folders of partitions: `dt=2026-05-19/region=a%20b/`.

use lakeward_manifest::HIVE_NULL_PARTITION;
use lakeward_sql::literal;

/// The longest name that file systems take for a folder, in bytes. Glue's own limit for a value is
/// 1,024 characters, and an S3 key has 1,024 bytes for all of its folders.
pub(crate) const LONGEST_FOLDER: usize = 255;

/// SQL for the folder of the key `name` with the SQL value `value`, escaped as `DuckDB` escapes it.
pub(crate) fn sql(name: &str, value: &str) -> String {
    let null = literal(HIVE_NULL_PARTITION);
    format!("{} || coalesce(url_encode(CAST({value} AS VARCHAR)), {null})", literal(&format!("{name}=")))
}
