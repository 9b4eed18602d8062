//! Reading an expression, by recursive descent.

use std::iter::Peekable;
use std::str::Chars;
use std::vec::IntoIter;

use super::scalar::{Scalar, ScalarType};
use super::{Comparison, Key, Node, Test};
use crate::glue::error::{GlueError, GlueResult};
use crate::glue::wire::Column;

/// Deeper nesting than anybody writes, and no deeper than the stack holds.
const MAX_DEPTH: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A key or a keyword.
    Word(String),
    Number(String),
    Text(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 10] = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ","];

pub(super) struct Parser<'a> {
    keys: &'a [Column],
    tokens: Peekable<IntoIter<Token>>,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &str, keys: &'a [Column]) -> GlueResult<Self> {
        Ok(Self { keys, tokens: tokens(text)?.into_iter().peekable(), depth: 0 })
    }

    /// The whole text as one condition.
    pub(super) fn expression(mut self) -> GlueResult<Node> {
        let node = self.any_of()?;
        match self.tokens.next() {
            None => Ok(node),
            Some(token) => Err(refused(format!("{token:?} comes after the end of the condition"))),
        }
    }

    fn any_of(&mut self) -> GlueResult<Node> {
        let mut node = self.all_of()?;
        while self.take_keyword("or") {
            node = Node::Or(Box::new(node), Box::new(self.all_of()?));
        }
        Ok(node)
    }

    fn all_of(&mut self) -> GlueResult<Node> {
        let mut node = self.condition()?;
        while self.take_keyword("and") {
            node = Node::And(Box::new(node), Box::new(self.condition()?));
        }
        Ok(node)
    }

    fn condition(&mut self) -> GlueResult<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(refused("the condition is nested too deeply"));
        }
        let node = if self.take_keyword("not") {
            Node::Not(Box::new(self.condition()?))
        } else if self.take_symbol("(") {
            let node = self.any_of()?;
            self.expect_symbol(")")?;
            node
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn test(&mut self) -> GlueResult<Node> {
        let key = self.key()?;
        if self.take_keyword("is") {
            let negated = self.take_keyword("not");
            if !self.take_keyword("null") {
                return Err(refused("IS is followed by NULL or NOT NULL"));
            }
            return Ok(negate(negated, Node::Test { key, test: Test::IsNull }));
        }
        let negated = self.take_keyword("not");
        let test = if self.take_keyword("in") {
            Test::In(self.list(key)?)
        } else if self.take_keyword("between") {
            let low = self.literal(key)?;
            if !self.take_keyword("and") {
                return Err(refused("BETWEEN has two bounds, joined by AND"));
            }
            Test::Between(low, self.literal(key)?)
        } else if self.take_keyword("like") {
            Test::Like(self.pattern()?)
        } else if negated {
            return Err(refused("NOT is followed by IN, BETWEEN or LIKE"));
        } else {
            Test::Compare(self.comparison()?, self.literal(key)?)
        };
        Ok(negate(negated, Node::Test { key, test }))
    }

    fn key(&mut self) -> GlueResult<Key> {
        let Some(Token::Word(name)) = self.tokens.next() else {
            return Err(refused("a condition begins with a partition key"));
        };
        let place = self.keys.iter().position(|key| key.name.eq_ignore_ascii_case(&name));
        let place = place.ok_or_else(|| refused(format!("{name} is no partition key")))?;
        let glue_type = self.keys[place].kind.as_deref().unwrap_or("string");
        let kind = ScalarType::of_glue(glue_type);
        let kind =
            kind.ok_or_else(|| refused(format!("{name} is of type {glue_type}, which has no order")))?;
        Ok(Key { place, kind })
    }

    fn comparison(&mut self) -> GlueResult<Comparison> {
        match self.tokens.next() {
            Some(Token::Symbol("=")) => Ok(Comparison::Equal),
            Some(Token::Symbol("<>" | "!=")) => Ok(Comparison::NotEqual),
            Some(Token::Symbol("<")) => Ok(Comparison::Less),
            Some(Token::Symbol("<=")) => Ok(Comparison::LessOrEqual),
            Some(Token::Symbol(">")) => Ok(Comparison::Greater),
            Some(Token::Symbol(">=")) => Ok(Comparison::GreaterOrEqual),
            _ => Err(refused("a key is followed by a comparison")),
        }
    }

    fn list(&mut self, key: Key) -> GlueResult<Vec<Scalar>> {
        self.expect_symbol("(")?;
        let mut list = vec![self.literal(key)?];
        while self.take_symbol(",") {
            list.push(self.literal(key)?);
        }
        self.expect_symbol(")")?;
        Ok(list)
    }

    fn literal(&mut self, key: Key) -> GlueResult<Scalar> {
        if matches!(self.tokens.peek(), Some(Token::Word(word)) if is_type_prefix(word)) {
            self.tokens.next();
        }
        let Some(Token::Number(text) | Token::Text(text)) = self.tokens.next() else {
            return Err(refused("a comparison ends in a number or a quoted text"));
        };
        Scalar::parse(key.kind, &text).ok_or_else(|| refused(format!("{text} is not of the key's type")))
    }

    fn pattern(&mut self) -> GlueResult<String> {
        match self.tokens.next() {
            Some(Token::Text(pattern)) => Ok(pattern),
            _ => Err(refused("LIKE is followed by a quoted pattern")),
        }
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        self.tokens
            .next_if(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword)))
            .is_some()
    }

    fn take_symbol(&mut self, symbol: &'static str) -> bool {
        self.tokens.next_if_eq(&Token::Symbol(symbol)).is_some()
    }

    fn expect_symbol(&mut self, symbol: &'static str) -> GlueResult<()> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(refused(format!("{symbol} is missing"))) }
    }
}

/// `DATE '...'` and `TIMESTAMP '...'` say the type that the key has anyway.
fn is_type_prefix(word: &str) -> bool {
    ["date", "timestamp"].iter().any(|name| word.eq_ignore_ascii_case(name))
}

fn negate(negated: bool, node: Node) -> Node {
    if negated { Node::Not(Box::new(node)) } else { node }
}

fn tokens(text: &str) -> GlueResult<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let token = if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            rest = &rest[symbol.len()..];
            Token::Symbol(symbol)
        } else if matches!(first, '\'' | '"' | '`') {
            let (quoted, after) = quoted(&rest[1..], first)?;
            rest = after;
            if first == '\'' { Token::Text(quoted) } else { Token::Word(quoted) }
        } else {
            let end = rest.find(|c: char| !is_part_of_word(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(refused(format!("{first} is not understood")));
            }
            let word = rest[..end].to_owned();
            rest = &rest[end..];
            let number = first.is_ascii_digit() || matches!(first, '-' | '+' | '.');
            if number { Token::Number(word) } else { Token::Word(word) }
        };
        tokens.push(token);
        rest = rest.trim_start();
    }
    Ok(tokens)
}

fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+')
}

/// The text up to the closing quote, which is doubled inside, and what comes after it.
fn quoted(text: &str, quote: char) -> GlueResult<(String, &str)> {
    let mut content = String::new();
    let mut chars: Chars<'_> = text.chars();
    while let Some(c) = chars.next() {
        if c != quote {
            content.push(c);
        } else if chars.as_str().starts_with(quote) {
            chars.next();
            content.push(quote);
        } else {
            return Ok((content, chars.as_str()));
        }
    }
    Err(refused(format!("the quote {quote} is not closed")))
}

fn refused(message: impl std::fmt::Display) -> GlueError {
    GlueError::invalid_input(format!("the expression cannot be read: {message}"))
}
