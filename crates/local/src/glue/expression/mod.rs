//! The expression of `GetPartitions`: a condition on the partition keys, typed by the keys.
//!
//! Served: `=`, `<>`, `!=`, `<`, `<=`, `>`, `>=`, `IN`, `BETWEEN`, `LIKE`, `IS NULL`, `NOT`, `AND`,
//! `OR` and parentheses, on keys of the types string, char, varchar, the integers, decimal, date and
//! timestamp. Anything else is an `InvalidInputException`.

mod parse;
mod scalar;

use std::cmp::Ordering;

use self::parse::Parser;
use self::scalar::{Scalar, ScalarType};
use super::error::GlueResult;
use super::wire::Column;

/// What Hive writes for a NULL partition value.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A parsed condition.
#[derive(Debug)]
pub(super) struct Expression(Node);

#[derive(Debug)]
enum Node {
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Test { key: Key, test: Test },
}

/// A partition key: its place among the values, and its type.
#[derive(Clone, Copy, Debug)]
struct Key {
    place: usize,
    kind: ScalarType,
}

#[derive(Debug)]
enum Test {
    Compare(Comparison, Scalar),
    In(Vec<Scalar>),
    Between(Scalar, Scalar),
    Like(String),
    IsNull,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Expression {
    pub(super) fn parse(text: &str, keys: &[Column]) -> GlueResult<Self> {
        Parser::new(text, keys)?.expression().map(Self)
    }

    /// Whether a partition with these values is wanted.
    pub(super) fn matches(&self, values: &[String]) -> bool {
        self.0.evaluate(values) == Some(true)
    }
}

impl Node {
    /// `None` where SQL says NULL: the value is missing or is not of the key's type.
    fn evaluate(&self, values: &[String]) -> Option<bool> {
        match self {
            Self::And(left, right) => match (left.evaluate(values), right.evaluate(values)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(left, right) => match (left.evaluate(values), right.evaluate(values)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Self::Not(inner) => inner.evaluate(values).map(|holds| !holds),
            Self::Test { key, test } => test.evaluate(*key, values.get(key.place)?),
        }
    }
}

impl Test {
    fn evaluate(&self, key: Key, value: &str) -> Option<bool> {
        if let Self::IsNull = self {
            return Some(value == HIVE_NULL);
        }
        if value == HIVE_NULL {
            return None;
        }
        if let Self::Like(pattern) = self {
            return Some(is_like(value, pattern));
        }
        let value = Scalar::parse(key.kind, value)?;
        match self {
            Self::Compare(comparison, other) => Some(comparison.holds(value.compare(other)?)),
            Self::In(others) => {
                Some(others.iter().any(|other| value.compare(other) == Some(Ordering::Equal)))
            }
            Self::Between(low, high) => Some(value.compare(low)?.is_ge() && value.compare(high)?.is_le()),
            Self::Like(_) | Self::IsNull => None,
        }
    }
}

/// SQL's LIKE: `%` is any text, `_` is any one character.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some(wanted) = pattern.chars().next() else { return text.is_empty() };
    let rest_of_pattern = &pattern[wanted.len_utf8()..];
    if wanted == '%' {
        let tails = text.char_indices().map(|(at, _)| &text[at..]).chain([""]);
        return tails.into_iter().any(|tail| is_like(tail, rest_of_pattern));
    }
    let Some(next) = text.chars().next() else { return false };
    (wanted == '_' || wanted == next) && is_like(&text[next.len_utf8()..], rest_of_pattern)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys() -> Vec<Column> {
        let keys = json!([
            { "Name": "dt", "Type": "date" },
            { "Name": "hour", "Type": "int" },
            { "Name": "region", "Type": "string" },
            { "Name": "price", "Type": "decimal(10,2)" },
            { "Name": "flags", "Type": "array<int>" },
        ]);
        serde_json::from_value(keys).unwrap()
    }

    fn matches(expression: &str) -> bool {
        let values = ["2026-05-19", "9", "it's", "10.50", "x"].map(str::to_owned);
        Expression::parse(expression, &keys()).unwrap().matches(&values)
    }

    #[test]
    fn integers_are_compared_as_numbers() {
        assert!(matches("hour < 10"));
        assert!(matches("hour >= '9' AND hour <> 10"));
        assert!(!matches("hour > 10"));
    }

    #[test]
    fn dates_and_decimals_are_compared_as_such() {
        assert!(matches("dt >= '2026-05-01' and dt < DATE '2026-06-01'"));
        assert!(matches("price = 10.5"));
    }

    #[test]
    fn sets_ranges_and_patterns_are_served() {
        assert!(matches("hour IN (8, 9) AND region LIKE 'it%'"));
        assert!(matches("dt BETWEEN '2026-05-19' AND '2026-05-20'"));
        assert!(matches("region = 'it''s' AND NOT (region LIKE '_')"));
        assert!(!matches("hour NOT IN (8, 9)"));
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert!(matches("hour = 9 OR hour = 1 AND hour = 2"));
        assert!(!matches("(hour = 9 OR hour = 1) AND hour = 2"));
    }

    #[test]
    fn a_null_partition_is_found_by_is_null_alone() {
        let values = ["2026-05-19", HIVE_NULL, "eu", "1", "x"].map(str::to_owned);
        let wanted = |text| Expression::parse(text, &keys()).unwrap().matches(&values);
        assert!(wanted("hour IS NULL"));
        assert!(!wanted("hour IS NOT NULL"));
        assert!(!wanted("hour <> 1") && !wanted("NOT hour = 1"));
    }

    #[test]
    fn what_is_no_condition_on_the_keys_is_refused() {
        for text in [
            "",
            "hour",
            "hour = ",
            "nokey = 1",
            "hour = 'nine'",
            "flags = 1",
            "hour = 1 hour = 2",
            "(hour = 1",
        ] {
            let error = Expression::parse(text, &keys()).unwrap_err();
            assert_eq!(error.code, "InvalidInputException", "{text}");
        }
    }
}
