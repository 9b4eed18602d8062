//! Finding out whether the store honours conditional writes.
//!
//! Lakeward's safety rests on them, and some stores accept the headers and ignore them. It is asked once
//! for each table root; the answer is kept in a document beside the runs.

use bytes::Bytes;
use lakeward_aws::Fault;
use serde::{Deserialize, Serialize};

use lakeward_manifest::Prefix;

use crate::{Deleted, ETag, ObjectId, Put, Store, StoreError};

/// The document that remembers the answer, in the table's folder of runs.
const MARKER: &str = "capabilities.json";
/// What the names of probes' own objects start with.
const PROBE: &str = "probe-";
const SCHEMA: &str = "lakeward/capabilities/v1";
/// Well-formed, and the tag of no document that the probe writes.
const NOBODYS_TAG: &str = "\"00000000000000000000000000000000\"";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Capabilities {
    schema: String,
    conditional_writes: bool,
}

/// Whether a key names a probe's own object, which is left behind only by a probe that died.
pub fn is_probe(key: &str) -> bool {
    key.rsplit('/').next().is_some_and(|name| name.starts_with(PROBE))
}

/// Whether a key names what a probe leaves that has succeeded.
pub fn is_proof(key: &str) -> bool {
    key.rsplit('/').next() == Some(MARKER)
}

/// Proves, or finds proven, that conditional writes below `runs` (`<root>/_runs/`) are honoured.
///
/// `id` makes the probe's key unlike that of any other prober. The probe's object is deleted again
/// whatever happens; the marker is written only when the proof succeeded.
///
/// # Errors
/// [`StoreError::ConditionsIgnored`] if the store ignores a condition or does not know it.
pub async fn probe_conditional_writes(store: &Store, runs: &Prefix, id: &str) -> Result<(), StoreError> {
    let marker = runs.key(MARKER);
    let proven = Capabilities { schema: SCHEMA.to_owned(), conditional_writes: true };
    if let Some(found) = store.get(&marker).await?
        && serde_json::from_slice::<Capabilities>(&found.bytes).is_ok_and(|found| found == proven)
    {
        return Ok(());
    }
    let key = runs.key(&format!("{PROBE}{id}"));
    let proof = prove(store, &key, id).await;
    let probe = vec![ObjectId { key, version_id: None }];
    let removed = store.for_cleanup().delete_many(probe, &mut Deleted::default()).await;
    proof?;
    removed?;
    let text = serde_json::to_vec(&proven)
        .map_err(|error| store.malformed(crate::operations::PUT, &marker, error.to_string()))?;
    // Losing this race is as good: the winner proved the same.
    store.create(&marker, Bytes::from(text)).await.map(drop)
}

async fn prove(store: &Store, key: &str, id: &str) -> Result<(), StoreError> {
    // Different bytes each time, or a lost answer could be settled by the wrong write.
    let content = |nth: &str| Bytes::from(format!("{nth} of {id}"));
    let ignored = |how| StoreError::ConditionsIgnored { bucket: store.bucket().to_owned(), how };
    let supported = |result: Result<Put, StoreError>| match result {
        Err(StoreError::Call { source, .. }) if source.fault == Fault::Unsupported => {
            Err(ignored("does not know conditional writes"))
        }
        result => result,
    };
    let Put::Done(etag) = supported(store.create(key, content("first")).await)? else {
        return Err(ignored("refuses If-None-Match on a key that does not exist"));
    };
    if let Put::Done(_) = supported(store.create(key, content("second")).await)? {
        return Err(ignored("ignores If-None-Match"));
    }
    if let Put::Done(_) = supported(store.replace(key, content("third"), &ETag::new(NOBODYS_TAG)).await)? {
        return Err(ignored("ignores If-Match"));
    }
    match supported(store.replace(key, content("fourth"), &etag).await)? {
        Put::Done(_) => Ok(()),
        Put::Lost => Err(ignored("refuses If-Match with the right ETag")),
    }
}

#[cfg(test)]
mod tests;
