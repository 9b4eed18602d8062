//! Pages of the Glue side: a token names the last item of the page before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as TOKEN;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{GlueError, GlueResult};

/// One page, and the token of the next.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// Checks a page's size: 1 to `limit`, and `limit` when the client does not say.
pub(crate) fn size(asked: Option<i64>, limit: usize) -> GlueResult<usize> {
    match asked {
        None => Ok(limit),
        Some(asked) => usize::try_from(asked)
            .ok()
            .filter(|size| (1..=limit).contains(size))
            .ok_or_else(|| GlueError::validation(format!("'maxResults' must be between 1 and {limit}"))),
    }
}

/// The position that a token names.
pub(crate) fn position<K: DeserializeOwned>(token: Option<&str>) -> GlueResult<Option<K>> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let bytes = TOKEN.decode(token).ok();
    let key = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    key.map(Some).ok_or_else(|| GlueError::invalid_input("the NextToken is not one of this catalog"))
}

/// Takes a page from `items`, which begin after the position of the request's token.
pub(crate) fn page<K: Serialize, T>(
    mut items: impl Iterator<Item = (K, T)>,
    size: usize,
) -> GlueResult<Page<T>> {
    let mut last = None;
    let taken = items.by_ref().take(size).map(|(key, item)| {
        last = Some(key);
        item
    });
    let taken = taken.collect();
    let next = match (last, items.next()) {
        (Some(last), Some(_)) => Some(token(&last)?),
        _ => None,
    };
    Ok(Page { items: taken, next })
}

fn token<K: Serialize>(key: &K) -> GlueResult<String> {
    serde_json::to_vec(key)
        .map(|bytes| TOKEN.encode(bytes))
        .map_err(|error| GlueError::serialization(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_go_on_after_the_item_that_the_token_names() {
        let items = || (0..5).map(|n| (n, n * 10));
        let first = page(items(), 2).unwrap();
        assert_eq!(first.items, [0, 10]);
        let after: i32 = position(first.next.as_deref()).unwrap().unwrap();
        let rest = page(items().filter(|(n, _)| *n > after), 3).unwrap();
        assert_eq!((rest.items, rest.next), (vec![20, 30, 40], None));
    }

    #[test]
    fn a_foreign_token_is_refused() {
        assert_eq!(position::<i32>(Some("zzz")).unwrap_err().code, "InvalidInputException");
    }

    #[test]
    fn a_page_has_one_to_the_limit() {
        assert_eq!(size(None, 100).unwrap(), 100);
        assert!(size(Some(0), 100).is_err() && size(Some(101), 100).is_err());
    }
}
