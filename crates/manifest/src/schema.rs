//! The committed JSON Schema is made from the types; this keeps the two the same.

use std::path::PathBuf;

use crate::document::Manifest;

/// `UPDATE_SCHEMA=1 cargo test -p lakeward-manifest` writes the file anew.
#[test]
fn the_committed_json_schema_is_that_of_the_types() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema/manifest.v1.json");
    let schema = schemars::schema_for!(Manifest);
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == text,
        "{} is out of date: run UPDATE_SCHEMA=1 cargo test -p lakeward-manifest",
        path.display()
    );
}
