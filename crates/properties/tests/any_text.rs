//! Every property, on the committed corpus and at random. A random case that fails is printed with its input, cut to the
//! smallest that still fails, and with the seed (`LAKEWARD_SEED`) that makes the same cases again; put the input into the
//! corpus.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use lakeward_properties::{ALL, check};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

/// Random cases for each property and way of making them: a second or two in all.
const CASES: u32 = 2_000;

fn corpus(name: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("../../fuzz/corpus").join(name)];
    if name == "manifest" {
        let releases = std::fs::read_dir(root.join("../manifest/tests/documents")).unwrap();
        folders.extend(releases.map(|release| release.unwrap().path()));
    }
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 3, "the corpus of {name} has {} files", files.len());
    files
}

fn texts(name: &str) -> Vec<Vec<u8>> {
    corpus(name).iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// `LAKEWARD_SEED`, or one at random.
fn seed() -> u64 {
    let random = || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), "seed");
    std::env::var("LAKEWARD_SEED").map_or_else(|_| random(), |seed| seed.parse().unwrap())
}

/// Tries a property with `CASES` inputs; a failure tells the input and the seed.
fn try_with(name: &str, inputs: impl Strategy<Value = Vec<u8>>) {
    let seed = seed();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let tried = TestRunner::new_with_rng(config, rng).run(&inputs, |input| {
        check(name, &input);
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{name}, LAKEWARD_SEED={seed}: {error}");
    }
}

/// A text of the corpus, with stretches replaced by anything or by parts of other texts.
fn mangled(name: &str) -> impl Strategy<Value = Vec<u8>> {
    let texts = texts(name);
    let stretch = select(texts.clone()).prop_flat_map(|text| {
        (any::<Index>(), 0..24_usize).prop_map(move |(start, length)| {
            let start = start.index(text.len() + 1);
            text.iter().skip(start).take(length).copied().collect()
        })
    });
    let patch = prop_oneof![stretch, vec(any::<u8>(), 0..6), "[ -~]{0,8}".prop_map(String::into_bytes)];
    (select(texts), vec((any::<Index>(), 0..8_usize, patch), 1..4)).prop_map(|(mut text, patches)| {
        for (start, length, patch) in patches {
            let start = start.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, patch);
        }
        text
    })
}

/// Values that a field might have by mistake.
fn odd_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        select(vec!["../x", "", "_runs", "written", "retired", "projection", "2026-05-19-060000", "s3://b/"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec(("[a-z_]{1,8}", inner), 0..3).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A document with some of its values replaced, and fields added.
fn rewritten(name: &str) -> impl Strategy<Value = Vec<u8>> {
    let documents: Vec<Value> =
        texts(name).iter().filter_map(|text| serde_json::from_slice(text).ok()).collect();
    (select(documents), vec((any::<Index>(), odd_value()), 1..4)).prop_map(|(mut document, changes)| {
        for (at, value) in changes {
            let mut places = Vec::new();
            pointers(&document, "", &mut places);
            let place = at.get(&places);
            if let Some(found) = document.pointer_mut(place) {
                match (found, value) {
                    (Value::Object(fields), Value::Object(more)) => fields.extend(more),
                    (found, value) => *found = value,
                }
            }
        }
        document.to_string().into_bytes()
    })
}

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{number}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                pointers(field, &format!("{at}/{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_property_holds_on_its_corpus() {
    for (name, holds) in ALL {
        for text in texts(name) {
            holds(&text);
        }
    }
}

#[test]
fn every_property_has_a_fuzz_target_and_every_corpus_a_property() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let targets = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in ALL {
        assert!(targets.contains(&format!("name = \"{name}\"")), "{name} has no fuzz target");
        let target = std::fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(target.contains(&format!("check(\"{name}\"")), "the target {name} tries another property");
    }
    for folder in std::fs::read_dir(fuzz.join("corpus")).unwrap() {
        let folder = folder.unwrap().file_name();
        assert!(ALL.iter().any(|(name, _)| folder == *name), "{} is no property's corpus", folder.display());
    }
}

#[test]
fn every_property_holds_for_mangled_texts() {
    for (name, _) in ALL {
        try_with(name, mangled(name));
    }
}

#[test]
fn every_property_holds_for_any_bytes() {
    for (name, _) in ALL {
        try_with(name, vec(any::<u8>(), 0..64));
    }
}

#[test]
fn documents_with_odd_values_are_refused_or_keep_every_promise() {
    for name in ["manifest", "live_table"] {
        try_with(name, rewritten(name));
    }
}

#[test]
fn ids_of_almost_the_right_form_are_refused_or_sort_by_time() {
    let almost = "[-+0-9][0-9]{3}-[01][0-9]-[0-3][0-9]-[0-2][0-9][0-6][0-9][0-6][0-9](-[0-9a-fA-F]{8})?";
    try_with("run_id", almost.prop_map(String::into_bytes));
}

#[test]
fn roots_of_almost_the_right_form_are_refused_or_own_their_prefix() {
    let almost = "s3://[a-z.-]{1,5}/?([a-z_.=%-]{0,6}/?){0,4}(_runs/2026-05-19-060000/manifest.json)?";
    try_with("root", almost.prop_map(String::into_bytes));
}

/// The properties would be worth nothing if everything were refused.
#[test]
fn every_corpus_holds_texts_that_are_accepted() {
    let accepted = |name: &str, accepts: fn(&str) -> bool| {
        let texts: Vec<String> = texts(name).into_iter().filter_map(|t| String::from_utf8(t).ok()).collect();
        assert!(texts.iter().any(|text| accepts(text)), "no text of {name} is accepted");
        assert!(texts.iter().any(|text| !accepts(text)), "no text of {name} is refused");
    };
    accepted("run_id", |text| text.parse::<lakeward_manifest::RunId>().is_ok());
    accepted("root", |text| text.parse::<lakeward_manifest::TableRoot>().is_ok());
    accepted("spec", |text| text.parse::<lakeward_spec::SpecFile>().is_ok());
    accepted("live_table", |text| {
        serde_json::from_str(text)
            .is_ok_and(|map| lakeward_manifest::LiveState::from_parameters(&map).is_ok())
    });
    accepted("manifest", |text| {
        let uri = "s3://lake/shop/orders/_runs/2026-05-19-060000-0a1b2c3d/manifest.json".parse().unwrap();
        lakeward_manifest::Manifest::from_json(text.as_bytes(), &uri).is_ok()
    });
}
