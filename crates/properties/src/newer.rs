//! A document as a release to come might write it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

const FIELD: &str = "from_a_newer_release";

/// Objects whose names are the user's, or that every change replaces.
const CLOSED: [&str; 4] = ["variables", "column_comments", "properties", "updated"];

/// Puts a field that no release knows into every object of a document.
pub fn mark(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(mark),
        Value::Object(fields) => {
            let open = fields.iter_mut().filter(|(name, _)| !CLOSED.contains(&name.as_str()));
            open.for_each(|(_, field)| mark(field));
            fields.insert(FIELD.to_owned(), json!({ "kept": [1, 0.1, null, "ö"] }));
        }
        _ => {}
    }
}

/// Where a document has that field.
pub fn marks(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    find(document, "", &mut found);
    found
}

fn find(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                find(item, &format!("{at}/{number}"), found);
            }
        }
        Value::Object(fields) => {
            if fields.get(FIELD).is_some_and(|field| field["kept"] == json!([1, 0.1, null, "ö"])) {
                found.insert(format!("{at}/"));
            }
            for (name, field) in fields {
                find(field, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}
