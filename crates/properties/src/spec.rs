//! Spec files.

use lakeward_manifest::{Codec, GlueName};
use lakeward_spec::SpecFile;

use crate::root;

/// An accepted spec says one thing, and nothing that a flag could not say.
pub(crate) fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(spec) = text.parse::<SpecFile>() else { return };
    let again = text.parse::<SpecFile>();
    assert!(again.is_ok_and(|again| again == spec), "two readings of one text differ");
    assert!(spec.sql.is_none() || spec.sql_file.is_none(), "two queries");
    spec.table.iter().for_each(root::own_prefix);
    if let Some(name) = &spec.glue_table {
        assert_eq!(name.to_string().parse::<GlueName>().as_ref(), Ok(name), "a staged table's name");
    }
    if let Ok(compression) = spec.compression.or(None, None)
        && let Some(level) = compression.level
    {
        assert!(compression.codec == Codec::Zstd && (1..=22).contains(&level), "{compression:?}");
    }
}
