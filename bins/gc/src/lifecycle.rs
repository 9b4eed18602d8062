//! An S3 lifecycle rule that cannot hurt a table.
//!
//! A rule by prefix and age would also expire the live version of a table that is not rebuilt often enough. So
//! objects expire by a tag that only gc sets, and by age go only uploads that were never finished.

use lakeward_manifest::TableRoot;
use serde_json::{Value, json};

use crate::execute::RETIRED_TAG;

/// The configuration, in the form that `aws s3api put-bucket-lifecycle-configuration` takes. That call replaces the
/// bucket's whole configuration, so these rules are to be added to those that are there.
pub(crate) fn rule(root: &TableRoot) -> Value {
    let (key, value) = RETIRED_TAG;
    let writes = root.writes_prefix().to_string();
    json!({
        "Rules": [
            {
                "ID": format!("lakeward-uploads-{}", name(root)),
                "Status": "Enabled",
                "Filter": { "Prefix": writes },
                "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 2 },
            },
            {
                "ID": format!("lakeward-retired-{}", name(root)),
                "Status": "Enabled",
                "Filter": { "And": { "Prefix": writes, "Tags": [{ "Key": key, "Value": value }] } },
                "Expiration": { "Days": 1 },
                "NoncurrentVersionExpiration": { "NoncurrentDays": 1 },
            },
        ]
    })
}

/// The root in characters that suit a rule's id, which has at most 255.
fn name(root: &TableRoot) -> String {
    root.prefix().trim_end_matches('/').replace('/', "-").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_expires_objects_by_prefix_and_age_alone() {
        let rules = rule(&"s3://lake/analytics/orders/".parse().unwrap());
        for rule in rules["Rules"].as_array().unwrap() {
            let expires =
                rule.get("Expiration").is_some() || rule.get("NoncurrentVersionExpiration").is_some();
            let tagged = rule["Filter"]["And"]["Tags"][0] == json!({ "Key": "lakeward", "Value": "retired" });
            assert!(!expires || tagged, "{rule}");
            assert!(
                rule.to_string().contains("analytics/orders/_writes/"),
                "a sibling must stay out of reach"
            );
        }
    }
}
