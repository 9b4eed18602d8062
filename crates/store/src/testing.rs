//! What this crate's tests share.

use lakeward_aws::testing::{Reply, Script, Seen, caller};

use lakeward_manifest::Prefix;

use crate::{Store, StoreOptions};

/// A bucket whose every call goes to `script`.
pub(crate) fn store(script: &Script) -> Store {
    Store::open(&script.config(), "lake", StoreOptions::default(), caller()).unwrap()
}

pub(crate) fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

/// An answer without a body that carries an `ETag`.
pub(crate) fn tagged(etag: &str) -> Reply {
    Reply::new(200, "").header("etag", etag)
}

/// The value of a query parameter, as it was sent.
pub(crate) fn query<'s>(seen: &'s Seen, name: &str) -> Option<&'s str> {
    let (_, query) = seen.uri.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
