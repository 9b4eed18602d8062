//! What must hold of every text that comes from outside, whatever it is. Each property takes any bytes, and fails by
//! panicking; what the parsers refuse is fine, what they accept has to keep its promises.
//!
//! Two drivers give the bytes: the tests beside this crate, from `fuzz/corpus` and at random, and the fuzz targets in
//! `fuzz/`, which look for new paths through the parsers.

mod ids;
mod live;
mod manifest;
pub mod newer;
mod root;
mod spec;

/// A property of any bytes.
pub type Property = fn(&[u8]);

/// Every property, by the name of its corpus and of its fuzz target.
pub const ALL: [(&str, Property); 5] = [
    ("manifest", manifest::holds),
    ("spec", spec::holds),
    ("run_id", ids::holds),
    ("root", root::holds),
    ("live_table", live::holds),
];

/// Tries the property of this name with these bytes.
///
/// # Panics
/// The property does not hold, or there is none of this name.
pub fn check(name: &str, bytes: &[u8]) {
    let found = ALL.iter().find(|(known, _)| *known == name);
    assert!(found.is_some(), "there is no property {name}");
    if let Some((_, holds)) = found {
        holds(bytes);
    }
}
