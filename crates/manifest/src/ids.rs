//! Identifiers of runs, attempts and executions.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::fingerprint::sha256_hex;

/// An identifier that does not have its documented form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not `YYYY-MM-DD-HHMMSS` or `YYYY-MM-DD-HHMMSS-<8 hex>`.
    #[error("run id {0:?} is not of the form YYYY-MM-DD-HHMMSS or YYYY-MM-DD-HHMMSS-xxxxxxxx")]
    Run(String),
    /// A time before year 0 or after year 9999 has no place in a run id.
    #[error("run timestamp {0} is outside the years 0000 to 9999")]
    Time(Timestamp),
    /// Not 12 lowercase hexadecimal digits.
    #[error("attempt id {0:?} is not 12 lowercase hexadecimal digits")]
    Attempt(String),
    /// Empty, or longer than [`RunKey::MAX_LENGTH`] bytes, or with control characters.
    #[error("run key {0:?} must have 1 to 512 bytes and no control characters")]
    Key(String),
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The orchestrator's own name for a run, such as Airflow's `run_id` or an Argo workflow's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct RunKey(String);

impl RunKey {
    /// The longest key, in bytes.
    pub const MAX_LENGTH: usize = 512;

    /// The key as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 8 hexadecimal digits of the key's SHA-256: the part of it that a run id carries.
    fn short_hash(&self) -> String {
        sha256_hex(self.0.as_bytes()).chars().take(8).collect()
    }
}

impl TryFrom<String> for RunKey {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        let fits = !text.is_empty() && text.len() <= Self::MAX_LENGTH;
        if fits && !text.chars().any(char::is_control) { Ok(Self(text)) } else { Err(IdError::Key(text)) }
    }
}

impl FromStr for RunKey {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

impl From<RunKey> for String {
    fn from(key: RunKey) -> Self {
        key.0
    }
}

/// The name of a run: its timestamp in UTC to the second, and 8 hexadecimal digits of the run key if there is
/// one. Sorts by time. Two runs of one second differ only by their keys and have no order in time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    const TIME_FORMAT: &str = "%Y-%m-%d-%H%M%S";
    const TIME_LENGTH: usize = "2026-05-19-060000".len();
    /// Years of four digits and no sign: others would not sort.
    const YEARS: RangeInclusive<i16> = 0..=9999;

    /// The id of the run at `ts` (fractions of a second are dropped) with an optional `key`.
    pub fn new(ts: Timestamp, key: Option<&RunKey>) -> Result<Self, IdError> {
        let civil = ts.to_zoned(TimeZone::UTC).datetime();
        if !Self::YEARS.contains(&civil.year()) {
            return Err(IdError::Time(ts));
        }
        let time = civil.strftime(Self::TIME_FORMAT).to_string();
        Ok(Self(key.map_or_else(|| time.clone(), |key| format!("{time}-{}", key.short_hash()))))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part that is the time, `YYYY-MM-DD-HHMMSS`: what "older" and "newer" compare.
    pub fn time(&self) -> &str {
        self.0.get(..Self::TIME_LENGTH).unwrap_or(&self.0)
    }

    /// Whether this run's time is strictly before the other's.
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.time() < other.time()
    }

    /// The id in the characters that a Glue table name may have.
    pub fn as_name(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl FromStr for RunId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for RunId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        let well_formed = text.is_ascii()
            && text.get(..Self::TIME_LENGTH).is_some_and(|time| {
                // Parsing alone accepts spellings (signs, missing zeros) that would not sort.
                DateTime::strptime(Self::TIME_FORMAT, time).is_ok_and(|parsed| {
                    Self::YEARS.contains(&parsed.year())
                        && parsed.strftime(Self::TIME_FORMAT).to_string() == time
                })
            })
            && match text.get(Self::TIME_LENGTH..) {
                Some("") => true,
                Some(rest) => {
                    rest.strip_prefix('-').is_some_and(|hash| hash.len() == 8 && is_lower_hex(hash))
                }
                None => false,
            };
        if well_formed { Ok(Self(text)) } else { Err(IdError::Run(text)) }
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of one execution of `write` inside a run, and of the folder that it alone writes into.
/// 12 hexadecimal digits, so that a Location never ends in a name that engines hide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct AttemptId(String);

impl AttemptId {
    const LENGTH: usize = 12;

    /// An attempt id from random bits; the low 48 are used.
    pub fn from_random(random: u128) -> Self {
        Self(format!("{:012x}", random & 0xffff_ffff_ffff))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AttemptId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        if text.len() == Self::LENGTH && is_lower_hex(&text) {
            Ok(Self(text))
        } else {
            Err(IdError::Attempt(text))
        }
    }
}

impl FromStr for AttemptId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

impl From<AttemptId> for String {
    fn from(id: AttemptId) -> Self {
        id.0
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One execution of any step: a process. Stamped on every change, so that after a lost answer a step can tell
/// its own change from a rival's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ExecutionId(String);

impl ExecutionId {
    /// An execution id from 128 random bits.
    pub fn from_random(random: u128) -> Self {
        Self(format!("{random:032x}"))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_run_id_is_the_utc_time_and_a_hash_of_the_key() {
        let plain = RunId::new(ts("2026-05-19T08:00:00.75+02:00"), None).unwrap();
        assert_eq!(plain.as_str(), "2026-05-19-060000");
        let key: RunKey = "scheduled__2026-05-19T06:00:00+00:00".parse().unwrap();
        let keyed = RunId::new(ts("2026-05-19T06:00:00Z"), Some(&key)).unwrap();
        assert_eq!(keyed.time(), plain.as_str());
        assert_eq!(keyed.as_str().len(), "2026-05-19-060000-xxxxxxxx".len());
        assert_eq!(keyed.as_str().parse(), Ok(keyed));
    }

    #[test]
    fn run_ids_sort_by_time_and_one_second_has_no_order() {
        let a: RunId = "2026-05-19-060000-ffffffff".parse().unwrap();
        let b: RunId = "2026-05-19-060001-00000000".parse().unwrap();
        let same: RunId = "2026-05-19-060000-00000000".parse().unwrap();
        assert!(a < b && a.is_older_than(&b));
        assert!(!a.is_older_than(&same) && !same.is_older_than(&a));
    }

    #[test]
    fn what_is_not_a_run_id_is_refused() {
        for bad in [
            "",
            "2026-05-19",
            "2026-05-19-06000",
            "2026-05-19-0600000",
            "2026-13-19-060000",
            "2026-05-19-060000-",
            "2026-05-19-060000-ABCDEF01",
            "2026-05-19-060000-abcdef0",
            "2026-5-19-0600000",
            "+026-05-19-060000",
            "-026-05-19-060000",
            "2026-05-19-060000/..",
            "２026-05-19-060000",
            "2026-05-19-246060",
        ] {
            assert_eq!(bad.parse::<RunId>(), Err(IdError::Run(bad.into())), "{bad}");
        }
    }

    #[test]
    fn an_attempt_id_never_starts_with_a_name_that_engines_hide() {
        assert_eq!(AttemptId::from_random(0xab).as_str(), "0000000000ab");
        assert!("_00000000000".parse::<AttemptId>().is_err());
        assert!("0000000000AB".parse::<AttemptId>().is_err());
    }

    #[test]
    fn a_run_key_without_a_name_is_refused() {
        assert!("".parse::<RunKey>().is_err());
        assert!("a\nb".parse::<RunKey>().is_err());
        assert!("x".repeat(513).parse::<RunKey>().is_err());
    }
}
