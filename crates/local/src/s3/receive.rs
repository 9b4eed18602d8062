//! Taking the bytes of an upload: stored as they arrive, digested, and compared with every claim.

use futures::StreamExt as _;
use hyper::HeaderMap;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};

use super::checksums::{Algorithm, Checksum, Claims, Digester, Digests, announced};
use crate::content::{Content, Writer};
use crate::storage::Store;

/// A body on its way, and what its sender says of it.
pub(crate) struct Incoming<'a> {
    pub(crate) body: Option<StreamingBlob>,
    pub(crate) content_length: Option<i64>,
    pub(crate) content_md5: Option<&'a str>,
    pub(crate) claims: Claims,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) trailers: Option<&'a TrailingHeaders>,
}

/// Bytes that arrived as their sender meant them.
pub(crate) struct Received {
    pub(crate) content: Content,
    pub(crate) digests: Digests,
    claims: Claims,
}

impl Received {
    /// The checksum of `wanted`; else of what the client claimed; else S3's own default.
    pub(crate) fn checksum(&self, wanted: Option<Algorithm>) -> S3Result<Checksum> {
        let algorithm = wanted.or_else(|| self.claims.algorithms().next());
        self.digests.checksum(algorithm.unwrap_or(Algorithm::Crc64Nvme))
    }

    /// The algorithms of the checksums that came with the bytes.
    pub(crate) fn claimed(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.claims.algorithms()
    }
}

/// Stores a body. Nothing is left behind when it ends early or a claim is wrong.
pub(crate) async fn receive(
    store: &Store,
    mut incoming: Incoming<'_>,
    wanted: Option<Algorithm>,
) -> S3Result<Received> {
    let algorithms = announced(incoming.headers)
        .chain(incoming.claims.algorithms())
        .chain(wanted)
        .chain([Algorithm::Crc64Nvme])
        .collect::<Vec<_>>();
    let mut digester = Digester::new(algorithms);
    let mut writer = Writer::new(store).map_err(S3Error::internal_error)?;
    if let Some(mut body) = incoming.body.take() {
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| s3_error!(IncompleteBody, "{error}"))?;
            digester.update(&bytes);
            writer.write(bytes).map_err(S3Error::internal_error)?;
        }
    }
    if let Some(trailers) = incoming.trailers {
        trailers.read(|trailers| incoming.claims.add_trailers(trailers));
    }
    let digests = digester.finish();
    digests.check_md5(incoming.content_md5)?;
    digests.check(&incoming.claims)?;
    let content = writer.finish();
    match incoming.content_length {
        Some(expected) if u64::try_from(expected).ok() != Some(content.len()) => {
            store.remove_content(&content).map_err(S3Error::internal_error)?;
            Err(s3_error!(IncompleteBody, "{expected} bytes were announced and {} arrived", content.len()))
        }
        _ => Ok(Received { content, digests, claims: incoming.claims }),
    }
}
