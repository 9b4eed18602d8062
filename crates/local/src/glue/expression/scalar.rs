//! Typed values of partition keys.

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime};

/// The types that an expression may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarType {
    Text,
    Integer,
    Decimal,
    Date,
    Timestamp,
}

impl ScalarType {
    /// The type of a Glue column; `None` for one that cannot be compared.
    pub(super) fn of_glue(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        match name.split('(').next().unwrap_or_default().trim() {
            "string" | "char" | "varchar" => Some(Self::Text),
            "tinyint" | "smallint" | "int" | "integer" | "bigint" | "long" => Some(Self::Integer),
            "decimal" => Some(Self::Decimal),
            "date" => Some(Self::Date),
            "timestamp" => Some(Self::Timestamp),
            _ => None,
        }
    }
}

/// A value of a key.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Text(String),
    Integer(i128),
    /// As precise as a double.
    Decimal(f64),
    Date(Date),
    Timestamp(DateTime),
}

impl Scalar {
    /// Reads a value; `None` when it is not of the type.
    pub(super) fn parse(kind: ScalarType, text: &str) -> Option<Self> {
        match kind {
            ScalarType::Text => Some(Self::Text(text.to_owned())),
            ScalarType::Integer => text.parse().ok().map(Self::Integer),
            ScalarType::Decimal => text.parse().ok().map(Self::Decimal),
            ScalarType::Date => text.parse().ok().map(Self::Date),
            ScalarType::Timestamp => text.parse().ok().map(Self::Timestamp),
        }
    }

    /// Compares two values of one type.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => Some(left.cmp(right)),
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(right)),
            (Self::Decimal(left), Self::Decimal(right)) => left.partial_cmp(right),
            (Self::Date(left), Self::Date(right)) => Some(left.cmp(right)),
            (Self::Timestamp(left), Self::Timestamp(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }
}
