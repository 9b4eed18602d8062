//! The committed JSON Schemas are made from the types; this keeps the two the same.

use std::path::PathBuf;

use schemars::Schema;

use crate::document::Manifest;
use crate::failure::FailureNote;

/// `UPDATE_SCHEMA=1 cargo test -p lakeward-manifest` writes the files anew.
fn is_committed(name: &str, schema: &Schema) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema").join(name);
    let text = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
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

#[test]
fn the_committed_json_schemas_are_those_of_the_types() {
    is_committed("manifest.v1.json", &schemars::schema_for!(Manifest));
    is_committed("failure.v1.json", &schemars::schema_for!(FailureNote));
}
