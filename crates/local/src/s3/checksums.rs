//! Digests of what was uploaded: compared with what the client claims, kept, and told again.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, checksum_combine};
use hyper::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use crate::hex::{hex, unhex};

/// The checksum algorithms of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32C,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32C, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The algorithm's name in requests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32C => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(crate) fn named(name: &str) -> S3Result<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| s3_error!(InvalidRequest, "checksum algorithm {name} is unknown"))
    }

    /// The header, or trailer, that carries the value.
    fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// What a multipart upload's checksum covers when the client does not say.
    pub(crate) const fn default_extent(self) -> Extent {
        match self {
            Self::Crc64Nvme => Extent::FullObject,
            _ => Extent::Composite,
        }
    }

    pub(crate) const fn allows(self, extent: Extent) -> bool {
        match extent {
            Extent::FullObject => !matches!(self, Self::Sha1 | Self::Sha256),
            Extent::Composite => !matches!(self, Self::Crc64Nvme),
        }
    }

    const fn combinable(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32C => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

/// What a checksum is made over: the bytes, or the checksums of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Extent {
    FullObject,
    Composite,
}

impl Extent {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }

    pub(crate) fn named(name: &str) -> S3Result<Self> {
        match name {
            "FULL_OBJECT" => Ok(Self::FullObject),
            "COMPOSITE" => Ok(Self::Composite),
            _ => Err(s3_error!(InvalidRequest, "checksum type {name} is unknown")),
        }
    }
}

/// A checksum as it is kept and told again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) extent: Extent,
    /// Base64 of the big-endian value; a composite one ends in `-<number of parts>`.
    pub(crate) value: String,
}

/// The checksums that a client says its bytes have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(BTreeMap<Algorithm, String>);

impl Claims {
    pub(crate) fn new(values: [(Algorithm, Option<String>); 5]) -> Self {
        Self(values.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value?))).collect())
    }

    /// Adds what the trailers of a chunked body say.
    pub(crate) fn add_trailers(&mut self, trailers: &HeaderMap) {
        for algorithm in Algorithm::ALL {
            if let Some(value) = trailers.get(algorithm.header()).and_then(|value| value.to_str().ok()) {
                self.0.insert(algorithm, value.to_owned());
            }
        }
    }

    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> + '_ {
        self.0.keys().copied()
    }

    pub(crate) fn get(&self, algorithm: Algorithm) -> Option<&str> {
        self.0.get(&algorithm).map(String::as_str)
    }
}

/// Collects the five checksum members that many S3 requests have.
macro_rules! claims {
    ($input:expr) => {
        $crate::s3::checksums::Claims::new([
            ($crate::s3::checksums::Algorithm::Crc32, $input.checksum_crc32.clone()),
            ($crate::s3::checksums::Algorithm::Crc32C, $input.checksum_crc32c.clone()),
            ($crate::s3::checksums::Algorithm::Crc64Nvme, $input.checksum_crc64nvme.clone()),
            ($crate::s3::checksums::Algorithm::Sha1, $input.checksum_sha1.clone()),
            ($crate::s3::checksums::Algorithm::Sha256, $input.checksum_sha256.clone()),
        ])
    };
}

/// Sets the member of an S3 answer that belongs to a checksum's algorithm.
macro_rules! show_checksum {
    ($output:expr, $checksum:expr) => {{
        let value = Some($checksum.value.clone());
        match $checksum.algorithm {
            $crate::s3::checksums::Algorithm::Crc32 => $output.checksum_crc32 = value,
            $crate::s3::checksums::Algorithm::Crc32C => $output.checksum_crc32c = value,
            $crate::s3::checksums::Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
            $crate::s3::checksums::Algorithm::Sha1 => $output.checksum_sha1 = value,
            $crate::s3::checksums::Algorithm::Sha256 => $output.checksum_sha256 = value,
        }
    }};
}

pub(crate) use {claims, show_checksum};

/// The algorithms that the trailers of a request will carry, from its `x-amz-trailer` header.
pub(crate) fn announced(headers: &HeaderMap) -> impl Iterator<Item = Algorithm> + '_ {
    let named = |name: &str| Algorithm::ALL.into_iter().find(|algorithm| algorithm.header() == name);
    headers
        .get_all("x-amz-trailer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(move |name| named(name.trim()))
}

/// Digests bytes as they arrive.
pub(crate) struct Digester {
    md5: Md5,
    checksums: ChecksumHasher,
}

impl Digester {
    pub(crate) fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut checksums = ChecksumHasher::default();
        for algorithm in algorithms {
            match algorithm {
                Algorithm::Crc32 => checksums.crc32 = Some(Crc32::new()),
                Algorithm::Crc32C => checksums.crc32c = Some(Crc32c::new()),
                Algorithm::Crc64Nvme => checksums.crc64nvme = Some(Crc64Nvme::new()),
                Algorithm::Sha1 => checksums.sha1 = Some(Sha1::new()),
                Algorithm::Sha256 => checksums.sha256 = Some(Sha256::new()),
            }
        }
        Self { md5: Md5::new(), checksums }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.checksums.update(bytes);
    }

    pub(crate) fn finish(self) -> Digests {
        let computed = self.checksums.finalize();
        Digests { md5: self.md5.finalize().as_ref().to_vec(), computed: claims!(computed) }
    }
}

/// What uploaded bytes really have.
pub(crate) struct Digests {
    md5: Vec<u8>,
    computed: Claims,
}

impl Digests {
    /// The MD5 in hex: the ETag of what was uploaded in one piece.
    pub(crate) fn etag(&self) -> String {
        hex(&self.md5)
    }

    /// Compares with the Content-MD5 header.
    pub(crate) fn check_md5(&self, claimed: Option<&str>) -> S3Result<()> {
        let Some(claimed) = claimed else { return Ok(()) };
        let claimed =
            BASE64.decode(claimed).map_err(|_| s3_error!(InvalidDigest, "Content-MD5 is not base64"))?;
        if claimed == self.md5 { Ok(()) } else { Err(s3_error!(BadDigest, "Content-MD5 does not match")) }
    }

    /// Compares every claim. Fails with `BadDigest` for one that is wrong.
    pub(crate) fn check(&self, claims: &Claims) -> S3Result<()> {
        for (algorithm, claimed) in &claims.0 {
            decoded(*algorithm, claimed)?;
            if self.computed.get(*algorithm) != Some(claimed) {
                let name = algorithm.name();
                return Err(s3_error!(BadDigest, "the {name} given does not match the calculated checksum"));
            }
        }
        Ok(())
    }

    /// The computed checksum over all the bytes.
    pub(crate) fn checksum(&self, algorithm: Algorithm) -> S3Result<Checksum> {
        let value = self
            .computed
            .get(algorithm)
            .ok_or_else(|| s3_error!(InternalError, "{} was not calculated", algorithm.name()))?;
        Ok(Checksum { algorithm, extent: Extent::FullObject, value: value.to_owned() })
    }
}

/// The checksum of parts joined: combined for a full object, over the parts' own for a composite.
///
/// Each part comes with its length in bytes.
pub(crate) fn of_parts<'a>(
    algorithm: Algorithm,
    extent: Extent,
    parts: impl Iterator<Item = (&'a Checksum, u64)>,
) -> S3Result<Checksum> {
    let parts = parts
        .map(|(checksum, len)| Ok((decoded(algorithm, &checksum.value)?, len)))
        .collect::<S3Result<Vec<_>>>()?;
    let value = match (extent, algorithm.combinable()) {
        (Extent::FullObject, Some(crc)) => BASE64.encode(combined(crc, &parts)),
        _ => format!("{}-{}", over_checksums(algorithm, &parts)?, parts.len()),
    };
    Ok(Checksum { algorithm, extent, value })
}

fn combined(crc: CrcAlgorithm, parts: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let width = parts.first().map_or(0, |(checksum, _)| checksum.len());
    let whole = parts
        .iter()
        .map(|(checksum, len)| (number(checksum), *len))
        .reduce(|(left, left_len), (right, right_len)| {
            (checksum_combine(crc, left, right, right_len), left_len + right_len)
        })
        .map_or(0, |(whole, _)| whole);
    whole.to_be_bytes()[8 - width..].to_vec()
}

fn over_checksums(algorithm: Algorithm, parts: &[(Vec<u8>, u64)]) -> S3Result<String> {
    let mut digester = Digester::new([algorithm]);
    for (checksum, _) in parts {
        digester.update(checksum);
    }
    Ok(digester.finish().checksum(algorithm)?.value)
}

/// The ETag of a multipart upload: the MD5 of the parts' MD5s, and their number.
pub(crate) fn etag_of_parts<'a>(etags: impl Iterator<Item = &'a str>) -> String {
    let mut md5 = Md5::new();
    let mut count = 0;
    for etag in etags {
        md5.update(&unhex(etag));
        count += 1;
    }
    format!("{}-{count}", hex(md5.finalize().as_ref()))
}

fn decoded(algorithm: Algorithm, value: &str) -> S3Result<Vec<u8>> {
    BASE64.decode(value).map_err(|_| s3_error!(InvalidRequest, "value for {} is invalid", algorithm.header()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(bytes: &[u8]) -> Digests {
        let mut digester = Digester::new(Algorithm::ALL);
        digester.update(bytes);
        digester.finish()
    }

    #[test]
    fn a_full_object_checksum_of_parts_is_the_checksum_of_all_the_bytes() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32C, Algorithm::Crc64Nvme] {
            let parts: Vec<_> = ["first part, ", "second part, ", "last"]
                .map(|text| (digests(text.as_bytes()).checksum(algorithm).unwrap(), text.len() as u64))
                .into();
            let parts = parts.iter().map(|(checksum, len)| (checksum, *len));
            let whole = of_parts(algorithm, Extent::FullObject, parts).unwrap();
            let expected = digests(b"first part, second part, last").checksum(algorithm).unwrap();
            assert_eq!(whole, expected);
        }
    }

    #[test]
    fn known_values_come_out() {
        // The check values of the catalogue of parametrised CRC algorithms.
        let digests = digests(b"123456789");
        let hex_of =
            |algorithm| hex(&decoded(algorithm, &digests.checksum(algorithm).unwrap().value).unwrap());
        assert_eq!(hex_of(Algorithm::Crc32), "cbf43926");
        assert_eq!(hex_of(Algorithm::Crc32C), "e3069283");
        assert_eq!(hex_of(Algorithm::Crc64Nvme), "ae8b14860a799888");
    }

    #[test]
    fn a_wrong_claim_is_a_bad_digest() {
        let claims = Claims([(Algorithm::Crc32, BASE64.encode([0, 0, 0, 1]))].into());
        let error = digests(b"bytes").check(&claims).unwrap_err();
        assert_eq!(error.code().as_str(), "BadDigest");
    }

    #[test]
    fn a_multipart_etag_counts_its_parts() {
        let etags = [digests(b"a").etag(), digests(b"b").etag()];
        let etag = etag_of_parts(etags.iter().map(String::as_str));
        assert!(etag.ends_with("-2") && etag.len() == 34, "{etag}");
    }
}
