//! `DuckDB`'s types as a tree, read from the text that `typeof` and `DESCRIBE` give.
//!
//! The text holds no names of user-defined types: `DuckDB` has resolved them.

use std::fmt;

use lakeward_sql::identifier;

/// A type, as far as publishing it needs to look into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DuckType {
    /// A type without parts, by `DuckDB`'s name: `BIGINT`, `TIMESTAMP WITH TIME ZONE`, `NULL`.
    Scalar(String),
    /// Width (at most 38) and scale.
    Decimal(u8, u8),
    Enum,
    List(Box<DuckType>),
    /// A `LIST` of fixed length: `INTEGER[3]`.
    Array(Box<DuckType>, u64),
    Struct(Vec<Field>),
    Map(Box<DuckType>, Box<DuckType>),
    /// Anything else with parameters: `UNION(...)`, `GEOMETRY(...)`, by its bare name.
    Other(String),
}

/// A field of a struct. `row(1, 2)` makes fields without names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Option<String>,
    pub(crate) of: DuckType,
}

impl DuckType {
    /// Whether it is a list, a struct or a map, which no reader takes as the key of a map.
    pub(crate) fn has_parts(&self) -> bool {
        matches!(self, Self::List(_) | Self::Array(..) | Self::Struct(_) | Self::Map(..))
    }

    /// Whether it is a type that is written to files, whatever the text is that it was read from: its own text then is
    /// that of a type and of nothing else.
    pub(crate) fn is_written(&self) -> bool {
        match self {
            Self::Scalar(name) => name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ')),
            Self::Decimal(..) => true,
            Self::List(item) | Self::Array(item, _) => item.is_written(),
            Self::Struct(fields) => fields.iter().all(|field| field.of.is_written()),
            Self::Map(key, value) => key.is_written() && value.is_written(),
            Self::Enum | Self::Other(_) => false,
        }
    }

    /// Reads a type's text. Text that is not understood becomes [`DuckType::Other`].
    pub(crate) fn parse(text: &str) -> Self {
        let mut parser = Parser { rest: text };
        match parser.read_type() {
            Some(found) if parser.rest.is_empty() => found,
            _ => Self::Other(text.to_owned()),
        }
    }
}

/// The type as it can be written in a `CAST`.
impl fmt::Display for DuckType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(name) | Self::Other(name) => f.write_str(name),
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
}

impl<'a> Parser<'a> {
    fn read_type(&mut self) -> Option<DuckType> {
        let mut found = self.read_base()?;
        while self.eat('[') {
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
        let end = self.rest.find([' ', ',', '(', ')', '['])?;
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
        ] {
            assert!(!DuckType::parse(text).is_written(), "{text}");
        }
    }

    fn parsed(expression: &str) -> String {
        let db = duckdb::Connection::open_in_memory().unwrap();
        let sql = format!("SELECT typeof({expression})");
        let text: String = db.query_row(&sql, [], |row| row.get(0)).unwrap();
        DuckType::parse(&text).to_string()
    }

    #[test]
    fn types_are_read_as_duckdb_writes_them() {
        for (expression, expected) in [
            ("1::DECIMAL(10, 2)", "DECIMAL(10,2)"),
            ("now()", "TIMESTAMP WITH TIME ZONE"),
            ("NULL", "NULL"),
            ("[[1], NULL]", "INTEGER[][]"),
            ("[[1, 2]]::INTEGER[2][]", "INTEGER[2][]"),
            ("[['a)''\"']]::ENUM('a)''\"', 'b, (')[][]", "ENUM[][]"),
            ("MAP {'a': [now()]}", "MAP(VARCHAR, TIMESTAMP WITH TIME ZONE[])"),
            ("row(1, now(), NULL)", "STRUCT(INTEGER, TIMESTAMP WITH TIME ZONE, NULL)"),
            (
                "{'plain': 1, 'a b': now(), 'q\"u(o[t,e': {'NULL': NULL}, 'select': 'x'}",
                "STRUCT(\"plain\" INTEGER, \"a b\" TIMESTAMP WITH TIME ZONE, \"q\"\"u(o[t,e\" STRUCT(\"NULL\" NULL), \
                 \"select\" VARCHAR)",
            ),
            ("union_value(a := {'b': 1})", "UNION"),
        ] {
            assert_eq!(parsed(expression), expected, "{expression}");
        }
    }

    #[test]
    fn text_that_is_not_understood_is_kept_whole() {
        for text in ["", "MAP(INTEGER)", "STRUCT(", "DECIMAL(x,1)", "INTEGER)"] {
            assert_eq!(DuckType::parse(text), DuckType::Other(text.to_owned()));
        }
    }
}
