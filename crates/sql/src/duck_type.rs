//! `DuckDB`'s types as a tree, read from the text that `typeof` and `DESCRIBE` give.
//!
//! The text holds no names of user-defined types: `DuckDB` has resolved them. A text from elsewhere, as from a manifest, may
//! hold anything; a type is written into SQL from the tree, so that nothing of it is more than a type there.

use std::fmt;

use crate::quote::identifier;

/// How many types may lie within each other. Deeper ones are not understood, and take no more of the stack.
const DEEPEST: usize = 100;

/// A type, as far as publishing it needs to look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DuckType {
    /// A type without parts, by `DuckDB`'s name: `BIGINT`, `TIMESTAMP WITH TIME ZONE`, `NULL`.
    Scalar(String),
    /// Width (at most 38) and scale.
    Decimal(u8, u8),
    /// An `ENUM`, whatever its values.
    Enum,
    /// A `LIST` of any length: `INTEGER[]`.
    List(Box<DuckType>),
    /// A `LIST` of fixed length: `INTEGER[3]`.
    Array(Box<DuckType>, u64),
    /// A `STRUCT`, with its fields in their order.
    Struct(Vec<Field>),
    /// A `MAP`: the type of its keys, and that of its values.
    Map(Box<DuckType>, Box<DuckType>),
    /// Anything else with parameters: `UNION(...)`, `GEOMETRY(...)`, by its bare name. What is not understood, by its
    /// whole text.
    Other(String),
}

/// A field of a struct. `row(1, 2)` makes fields without names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, without quotes.
    pub name: Option<String>,
    /// Its type.
    pub of: DuckType,
}

impl DuckType {
    /// Whether it is a list, a struct or a map, which no reader takes as the key of a map.
    pub fn has_parts(&self) -> bool {
        matches!(self, Self::List(_) | Self::Array(..) | Self::Struct(_) | Self::Map(..))
    }

    /// Whether it is a type that is written to files, whatever the text is that it was read from.
    pub fn is_written(&self) -> bool {
        match self {
            Self::Scalar(name) => is_words(name),
            Self::Decimal(..) => true,
            Self::List(item) | Self::Array(item, _) => item.is_written(),
            Self::Struct(fields) => fields.iter().all(|field| field.of.is_written()),
            Self::Map(key, value) => key.is_written() && value.is_written(),
            Self::Enum | Self::Other(_) => false,
        }
    }

    /// Reads a type's text. Text that is not understood becomes [`DuckType::Other`].
    pub fn parse(text: &str) -> Self {
        let mut parser = Parser { rest: text, deeper: DEEPEST };
        match parser.read_type() {
            Some(found) if parser.rest.is_empty() => found,
            _ => Self::Other(text.to_owned()),
        }
    }

    /// How many types lie within each other: 1 for one without parts.
    fn depth(&self) -> usize {
        let below = match self {
            Self::Scalar(_) | Self::Decimal(..) | Self::Enum | Self::Other(_) => 0,
            Self::List(item) | Self::Array(item, _) => item.depth(),
            Self::Map(key, value) => key.depth().max(value.depth()),
            Self::Struct(fields) => fields.iter().map(|field| field.of.depth()).max().unwrap_or(0),
        };
        1 + below
    }
}

/// Whether it is a name as types without parts have it, which SQL takes without quotes.
fn is_words(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ' '))
}

/// The type as it can be written in a `CAST`. One that is no type is a quoted name there, which `DuckDB` does not know.
impl fmt::Display for DuckType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(name) | Self::Other(name) if is_words(name) => f.write_str(name),
            Self::Scalar(name) | Self::Other(name) => f.write_str(&identifier(name)),
            Self::Decimal(width, scale) => write!(f, "DECIMAL({width},{scale})"),
            Self::Enum => f.write_str("ENUM"),
            Self::List(item) => write!(f, "{item}[]"),
            Self::Array(item, length) => write!(f, "{item}[{length}]"),
            Self::Map(key, value) => write!(f, "MAP({key}, {value})"),
            Self::Struct(fields) => {
                let fields: Vec<String> = fields.iter().map(ToString::to_string).collect();
                write!(f, "STRUCT({})", fields.join(", "))
            }
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {}", identifier(name), self.of),
            None => write!(f, "{}", self.of),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    /// How many types may still lie within the one that is being read.
    deeper: usize,
}

impl<'a> Parser<'a> {
    fn read_type(&mut self) -> Option<DuckType> {
        self.deeper = self.deeper.checked_sub(1)?;
        let mut found = self.read_base()?;
        self.deeper += 1;
        while self.eat('[') {
            if found.depth() >= DEEPEST {
                return None;
            }
            let end = self.rest.find(']')?;
            let length = &self.rest[..end];
            self.rest = &self.rest[end + 1..];
            found = if length.is_empty() {
                DuckType::List(Box::new(found))
            } else {
                DuckType::Array(Box::new(found), length.parse().ok()?)
            };
        }
        Some(found)
    }

    fn read_base(&mut self) -> Option<DuckType> {
        if self.rest.starts_with('"') {
            return self.read_quoted().map(DuckType::Scalar);
        }
        let end = self.rest.find([',', '(', ')', '[']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        let name = name.trim();
        if name.is_empty() {
            return None;
        }
        if !self.eat('(') {
            return Some(DuckType::Scalar(name.to_owned()));
        }
        match name {
            "STRUCT" => self.read_list(Self::read_field).map(DuckType::Struct),
            "MAP" => match <[DuckType; 2]>::try_from(self.read_list(Self::read_type)?) {
                Ok([key, value]) => Some(DuckType::Map(Box::new(key), Box::new(value))),
                Err(_) => None,
            },
            "DECIMAL" => match self.read_list(Self::read_number)?[..] {
                [width, scale] => Some(DuckType::Decimal(width, scale)),
                _ => None,
            },
            "ENUM" => self.skip_parameters().map(|()| DuckType::Enum),
            _ => self.skip_parameters().map(|()| DuckType::Other(name.to_owned())),
        }
    }

    fn read_field(&mut self) -> Option<Field> {
        let before = self.rest;
        if let Some(name) = self.read_field_name()
            && self.eat(' ')
            && !self.rest.starts_with("WITH TIME ZONE")
        {
            return Some(Field { name: Some(name), of: self.read_type()? });
        }
        self.rest = before;
        Some(Field { name: None, of: self.read_type()? })
    }

    fn read_field_name(&mut self) -> Option<String> {
        if self.rest.starts_with('"') {
            return self.read_quoted();
        }
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(name.to_owned())
    }

    /// A quoted identifier, in which a quote is doubled.
    fn read_quoted(&mut self) -> Option<String> {
        let mut name = String::new();
        let mut rest = self.rest.strip_prefix('"')?;
        loop {
            let (part, after) = rest.split_once('"')?;
            name.push_str(part);
            let Some(more) = after.strip_prefix('"') else {
                self.rest = after;
                return Some(name);
            };
            name.push('"');
            rest = more;
        }
    }

    fn read_number(&mut self) -> Option<u8> {
        let end = self.rest.find([',', ')'])?;
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        number.trim().parse().ok()
    }

    /// Items separated by commas, up to the closing bracket.
    fn read_list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            items.push(item(self)?);
            if self.eat(')') {
                return Some(items);
            }
            if !self.eat(',') {
                return None;
            }
        }
    }

    /// Skips to the closing bracket, over quoted text and brackets inside.
    fn skip_parameters(&mut self) -> Option<()> {
        let mut depth = 1;
        let mut quote = None;
        for (at, c) in self.rest.char_indices() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '(') => depth += 1,
                (None, ')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.rest = &self.rest[at + 1..];
                return Some(());
            }
        }
        None
    }

    fn eat(&mut self, c: char) -> bool {
        let after: Option<&'a str> = self.rest.strip_prefix(c);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is a quoted field name to one who takes the quote before it for a name, and SQL to DuckDB.
    const IN_A_FIELD: &str =
        "STRUCT(/**/\" INTEGER, \" INTEGER)) AS x; COPY (SELECT 1) TO '/tmp/f'; --\" INTEGER)";

    #[test]
    fn a_text_that_is_more_than_a_type_is_no_written_type() {
        for text in [
            "BIGINT",
            "TIMESTAMP WITH TIME ZONE",
            "DECIMAL(38,0)",
            "STRUCT(\"a;b\" DATE[], c MAP(INTEGER, VARCHAR))",
        ] {
            let read = DuckType::parse(text);
            assert!(read.is_written(), "{text}");
        }
        for text in [
            "",
            "DATE}); DROP TABLE t; --",
            "INTEGER) AS a, (SELECT 1",
            "DATE; SELECT 1",
            "UNION(a DATE)",
            "DATE[1;2]",
            "'x'",
            "\"\"",
            IN_A_FIELD,
        ] {
            assert!(!DuckType::parse(text).is_written(), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_understood_is_kept_whole() {
        for text in ["", "MAP(INTEGER)", "STRUCT(", "DECIMAL(x,1)", "INTEGER)"] {
            assert_eq!(DuckType::parse(text), DuckType::Other(text.to_owned()));
        }
    }
    #[test]
    fn whatever_was_read_is_written_as_a_type_or_as_one_quoted_name() {
        for (text, written) in [
            ("STRUCT(a DATE, \"b c\" DATE[])", "STRUCT(\"a\" DATE, \"b c\" DATE[])"),
            ("INTEGER) AS a, (SELECT \"1", "\"INTEGER) AS a, (SELECT \"\"1\""),
            ("\"x; SELECT 1\"[]", "\"x; SELECT 1\"[]"),
            ("STRUCT(a'; -- DATE)", "STRUCT(\"a'; -- DATE\")"),
            (
                IN_A_FIELD,
                "STRUCT(\"/**/\"\" INTEGER\", \" INTEGER)) AS x; COPY (SELECT 1) TO '/tmp/f'; --\" INTEGER)",
            ),
        ] {
            assert_eq!(DuckType::parse(text).to_string(), written);
        }
    }

    #[test]
    fn a_type_without_end_is_not_understood() {
        let nested = |levels| format!("{}DATE{}", "STRUCT(a ".repeat(levels), "[])".repeat(levels));
        assert!(DuckType::parse(&nested(50)).is_written());
        for text in [nested(51), nested(100_000), format!("DATE{}", "[]".repeat(100_000))] {
            assert!(matches!(DuckType::parse(&text), DuckType::Other(_)));
        }
    }
}
