//! What makes two requests the same.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::table::TableSpec;

/// SHA-256 of a request, as `sha256:<hex>`: the same request for a sealed run is a no-op, another is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a query and the table that it is for. Surrounding white space of SQL does not count.
    pub fn of(
        table: &TableSpec,
        sql: &str,
        init_sql: Option<&str>,
        database: Option<&str>,
        variables: &BTreeMap<String, String>,
    ) -> Self {
        // Objects of serde_json keep their keys sorted, so that the text is the same on every machine.
        let request = json!({
            "table": table,
            "sql": sql.trim(),
            "init_sql": init_sql.map(str::trim),
            "database": database,
            "variables": variables,
        });
        Self(format!("sha256:{}", sha256_hex(request.to_string().as_bytes())))
    }
}

/// SHA-256 in lowercase hexadecimal, 64 digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
