//! As much of IAM as the policies use: Allow statements, wildcards in resources, `StringLike` and `StringEquals`.
//!
//! Source: "Policy evaluation logic" and "IAM JSON policy elements" in the IAM User Guide.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// Something that IAM is asked to allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The action (`s3:GetObject`).
    pub action: String,
    /// The ARN.
    pub resource: String,
    /// Condition keys, with their values.
    pub context: BTreeMap<&'static str, String>,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)
    }
}

pub(super) fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    policy["Statement"].as_array().into_iter().flatten()
}

/// A text or several.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

/// The ids of the statements that allow a request.
pub fn allowing<'p>(policy: &'p Value, request: &Request) -> Vec<&'p str> {
    let allows = |statement: &&Value| {
        statement["Effect"] == "Allow"
            && texts(&statement["Action"]).contains(&request.action.as_str())
            && texts(&statement["Resource"]).iter().any(|pattern| fits(pattern, &request.resource))
            && statement["Condition"].as_object().into_iter().flatten().all(|(operator, keys)| {
                keys.as_object()
                    .into_iter()
                    .flatten()
                    .all(|(key, wanted)| holds(operator, key, wanted, request))
            })
    };
    statements(policy).filter(allows).filter_map(|statement| statement["Sid"].as_str()).collect()
}

/// A key that the request does not have makes a condition fail.
fn holds(operator: &str, key: &str, wanted: &Value, request: &Request) -> bool {
    let Some(found) = request.context.get(key) else { return false };
    texts(wanted).into_iter().any(|wanted| match operator {
        "StringLike" => fits(wanted, found),
        "StringEquals" => wanted == found,
        _ => false,
    })
}

/// Whether `text` fits a pattern with `*`, `?` and their escapes (`${*}`).
fn fits(pattern: &str, text: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("${") {
        let escaped = rest.chars().next().zip(rest.get(1..).and_then(|rest| rest.strip_prefix('}')));
        return escaped
            .is_some_and(|(c, pattern)| text.strip_prefix(c).is_some_and(|text| fits(pattern, text)));
    }
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let tails = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            tails.into_iter().any(|at| fits(rest.as_str(), &text[at..]))
        }
        Some('?') => text.chars().next().is_some_and(|c| fits(rest.as_str(), &text[c.len_utf8()..])),
        Some(c) => text.strip_prefix(c).is_some_and(|text| fits(rest.as_str(), text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wildcards_and_their_escapes_are_told_apart() {
        assert!(fits("arn:aws:s3:::lake/orders/*", "arn:aws:s3:::lake/orders/a/b"));
        assert!(!fits("arn:aws:s3:::lake/orders/*", "arn:aws:s3:::lake/orders_eu/a"));
        assert!(fits("a${*}b", "a*b") && !fits("a${*}b", "axb") && fits("a?b", "axb"));
    }

    #[test]
    fn a_condition_on_a_key_that_a_request_does_not_have_denies_it() {
        let statement = json!({ "Sid": "S", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "b",
            "Condition": { "StringLike": { "s3:prefix": ["orders/*"] } } });
        let policy = json!({ "Statement": [statement] });
        let request = |prefix: Option<&str>| Request {
            action: "s3:ListBucket".to_owned(),
            resource: "b".to_owned(),
            context: prefix.map(|prefix| ("s3:prefix", prefix.to_owned())).into_iter().collect(),
        };
        assert_eq!(allowing(&policy, &request(Some("orders/_runs/"))), ["S"]);
        assert!(allowing(&policy, &request(Some("orders_eu/"))).is_empty());
        assert!(allowing(&policy, &request(None)).is_empty());
    }
}
