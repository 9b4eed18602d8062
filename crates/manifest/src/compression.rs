//! How Parquet files are compressed.

use std::str::FromStr;

use lakeward_outcome::{Classify, Kind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A Parquet compression codec that every reader has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// Zstandard: small and fast.
    #[default]
    Zstd,
    /// Snappy: the traditional one.
    Snappy,
    /// Gzip: for old readers.
    Gzip,
    /// LZ4, in the raw block format.
    Lz4,
    /// None.
    Uncompressed,
}

impl Codec {
    const ALL: [Self; 5] = [Self::Zstd, Self::Snappy, Self::Gzip, Self::Lz4, Self::Uncompressed];

    /// The codec's name as users write it, and as Glue's `compressionType` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Snappy => "snappy",
            Self::Gzip => "gzip",
            Self::Lz4 => "lz4",
            Self::Uncompressed => "uncompressed",
        }
    }
}

impl FromStr for Codec {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, CompressionError> {
        let found = Self::ALL.into_iter().find(|codec| codec.name() == text);
        found.ok_or_else(|| CompressionError::Codec(text.to_owned()))
    }
}

/// Codec and level.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Compression {
    /// The codec.
    pub codec: Codec,
    /// Zstandard's level, 1 to 22; the writer's own default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// Fields of a newer writer, kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A compression that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompressionError {
    /// No such codec.
    #[error("{0:?} is not one of zstd, snappy, gzip, lz4, uncompressed")]
    Codec(String),
    /// A level for a codec that has none.
    #[error("{0} takes no compression level: leave it out or choose zstd")]
    Level(&'static str),
    /// A level that Zstandard does not have.
    #[error("zstd has no level {0}: choose 1 to 22")]
    Range(u8),
}

impl Classify for CompressionError {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

impl Compression {
    /// A codec with a level, which only Zstandard takes.
    ///
    /// # Errors
    /// [`CompressionError::Level`], [`CompressionError::Range`].
    pub fn new(codec: Codec, level: Option<u8>) -> Result<Self, CompressionError> {
        match (codec, level) {
            (Codec::Zstd, Some(level @ (0 | 23..))) => Err(CompressionError::Range(level)),
            (Codec::Zstd, _) | (_, None) => Ok(Self { codec, level, extra: Map::new() }),
            (codec, Some(_)) => Err(CompressionError::Level(codec.name())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_read_back_by_their_names_and_others_are_refused() {
        for codec in Codec::ALL {
            assert_eq!(codec.name().parse(), Ok(codec));
        }
        assert_eq!("brotli".parse::<Codec>(), Err(CompressionError::Codec("brotli".to_owned())));
    }

    #[test]
    fn only_zstd_has_levels_and_not_every_number_is_one() {
        assert!(Compression::new(Codec::Zstd, Some(22)).is_ok());
        assert_eq!(Compression::new(Codec::Snappy, Some(1)), Err(CompressionError::Level("snappy")));
        assert_eq!(Compression::new(Codec::Zstd, Some(23)), Err(CompressionError::Range(23)));
    }
}
