//! A folder of keys in S3.

use std::fmt;
use std::str::FromStr;

/// A folder of keys: never empty, ends in a slash, so that `orders/` never touches `orders_eu/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(String);

impl Prefix {
    /// For the shapes of [`root`](crate::root), which close each with a slash.
    pub(crate) const fn closed(text: String) -> Self {
        Self(text)
    }

    /// The prefix as a key starts with it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of `name` in this folder.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.0)
    }

    /// The last component, without its slash.
    pub fn name(&self) -> &str {
        let inner = self.0.strip_suffix('/').unwrap_or(&self.0);
        inner.rsplit('/').next().unwrap_or(inner)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that must not be used as a prefix: empty, or without its closing slash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a prefix: it must end in a slash and hold more than that")]
pub struct NotAPrefix(String);

impl TryFrom<String> for Prefix {
    type Error = NotAPrefix;

    fn try_from(text: String) -> Result<Self, NotAPrefix> {
        if text.ends_with('/') && !text.starts_with('/') { Ok(Self(text)) } else { Err(NotAPrefix(text)) }
    }
}

impl FromStr for Prefix {
    type Err = NotAPrefix;

    fn from_str(text: &str) -> Result<Self, NotAPrefix> {
        Self::try_from(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_without_its_closing_slash_is_refused_because_it_would_reach_a_sibling() {
        assert!("lake/orders".parse::<Prefix>().is_err());
        assert!("".parse::<Prefix>().is_err());
        assert!("/".parse::<Prefix>().is_err());
        let prefix: Prefix = "lake/orders/".parse().unwrap();
        assert_eq!(prefix.key("a.json"), "lake/orders/a.json");
        assert_eq!(prefix.name(), "orders");
    }
}
