//! The newtypes that cross this crate's boundary.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm::Crc64Nvme;

/// An entity tag as S3 sent it, quotes included. Only ever compared; it is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// The tag as an answer's `ETag` field has it.
    pub fn new(tag: impl Into<String>) -> Self {
        Self(tag.into())
    }

    /// The tag for an `If-Match` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A CRC64NVME checksum. Written as S3 writes it: base64 of the eight bytes, big-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Crc64(u64);

impl Crc64 {
    /// The checksum of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(crc_fast::checksum(Crc64Nvme, bytes))
    }

    /// The checksum with this value.
    pub const fn from_u64(value: u64) -> Self {
        Self(value)
    }

    /// The checksum's value.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The checksum of these bytes followed by `length` more whose checksum is `next`.
    #[must_use]
    pub fn followed_by(self, next: Self, length: u64) -> Self {
        Self(crc_fast::checksum_combine(Crc64Nvme, self.0, next.0, length))
    }
}

impl fmt::Display for Crc64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0.to_be_bytes()))
    }
}

/// A text that is not the base64 of eight bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a CRC64NVME checksum in base64")]
pub struct NotACrc64(String);

impl FromStr for Crc64 {
    type Err = NotACrc64;

    fn from_str(text: &str) -> Result<Self, NotACrc64> {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        bytes.map(|bytes| Self(u64::from_be_bytes(bytes))).ok_or_else(|| NotACrc64(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_written_as_s3_writes_it() {
        // The check value of CRC-64/NVME: the checksum of the nine digits.
        let check = Crc64::of(b"123456789");
        assert_eq!(check.as_u64(), 0xae8b_1486_0a79_9888);
        assert_eq!(check.to_string(), "rosUhgp5mIg=");
        assert_eq!("rosUhgp5mIg=".parse(), Ok(check));
        assert!("rosUhg==".parse::<Crc64>().is_err());
        assert!("not base64!".parse::<Crc64>().is_err());
    }

    #[test]
    fn checksums_of_parts_combine_into_that_of_the_whole() {
        let whole = b"a file that went up in three parts";
        let combined = [&whole[..7], &whole[7..20], &whole[20..]]
            .iter()
            .fold(Crc64::default(), |sum, part| sum.followed_by(Crc64::of(part), part.len() as u64));
        assert_eq!(combined, Crc64::of(whole));
    }
}
