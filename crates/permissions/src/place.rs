//! Where a table lies: what the resources of its policies are named by.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use lakeward_manifest::{GlueName, TableRoot, split_s3};

/// A text that names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPlace {
    /// Not `s3://bucket/prefix`.
    #[error("{0:?} is not of the form s3://bucket/prefix")]
    Inputs(String),
    /// A glob, whose wildcards a policy would take for characters of the keys.
    #[error("{0:?} has a wildcard: give what the keys begin with")]
    Wildcard(String),
}

/// Objects that a query, or a check, reads: all whose URIs begin with this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inputs {
    /// The bucket.
    pub bucket: String,
    /// What the keys begin with; maybe nothing.
    pub prefix: String,
}

impl FromStr for Inputs {
    type Err = NotAPlace;

    fn from_str(uri: &str) -> Result<Self, NotAPlace> {
        let (bucket, prefix) = split_s3(uri).map_err(|_| NotAPlace::Inputs(uri.to_owned()))?;
        if prefix.contains(['*', '?', '[']) {
            return Err(NotAPlace::Wildcard(uri.to_owned()));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

/// Where a table lies, and what of the variants applies to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The partition of AWS (`aws`, `aws-cn`, `aws-us-gov`).
    pub partition: String,
    /// The Region of Glue.
    pub region: String,
    /// The account whose Glue Data Catalog it is.
    pub account: String,
    /// The table's root.
    pub root: TableRoot,
    /// The live table.
    pub table: GlueName,
    /// The bucket that the table is replicated to.
    pub replica: Option<String>,
    /// What queries and checks read from S3.
    pub inputs: Vec<Inputs>,
    /// Whether gc leaves deletion to a lifecycle rule.
    pub via_lifecycle: bool,
    /// The databases that gc searches; all, without any.
    pub databases: Vec<String>,
    /// ARNs of the KMS keys that encrypt, each with its own Region: the bucket's.
    pub keys: Vec<String>,
}

impl Place {
    pub(crate) fn bucket(&self, bucket: impl fmt::Display) -> String {
        format!("arn:{}:s3:::{bucket}", self.partition)
    }

    pub(crate) fn objects(&self, bucket: &str, prefix: &str) -> String {
        format!("{}/{}*", self.bucket(bucket), literally(prefix))
    }

    pub(crate) fn glue(&self, resource: impl fmt::Display) -> String {
        format!("arn:{}:glue:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// By which KMS knows that S3 uses a key on the caller's behalf: S3 in the Region of each key, as a key serves no other.
    pub(crate) fn s3_services(&self) -> BTreeSet<String> {
        let domain = if self.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let regions = self.keys.iter().filter_map(|key| key.split(':').nth(3));
        regions.map(|region| format!("s3.{region}.{domain}")).collect()
    }
}

/// `text` for a policy, in which nothing of it is a wildcard or a variable.
///
/// Source: "IAM policy elements: Variables and tags", special characters.
pub(crate) fn literally(text: &str) -> String {
    let escaped = |c: char| match c {
        '*' | '?' | '$' => format!("${{{c}}}"),
        other => other.to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_a_bucket_and_what_keys_begin_with() {
        let inputs = |uri: &str| uri.parse::<Inputs>().map(|found| (found.bucket, found.prefix));
        assert_eq!(inputs("s3://raw/orders/2026"), Ok(("raw".into(), "orders/2026".into())));
        assert_eq!(inputs("s3://raw"), Ok(("raw".into(), String::new())));
        for wrong in ["raw/orders", "s3://", "s3://*/orders/", "s3://raw*/", "s3://Raw/", "s3://r?w/"] {
            assert_eq!(inputs(wrong), Err(NotAPlace::Inputs(wrong.into())));
        }
        for glob in ["s3://raw/orders/*.csv", "s3://raw/orders/?.csv", "s3://raw/[ab]/"] {
            assert_eq!(inputs(glob), Err(NotAPlace::Wildcard(glob.into())));
        }
    }

    #[test]
    fn a_wildcard_in_a_name_is_no_wildcard_in_a_policy() {
        assert_eq!(literally("a*b?c${d"), "a${*}b${?}c${$}{d");
    }
}
