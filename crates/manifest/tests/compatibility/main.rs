//! Releases that meet in one manifest: a newer reader with an older document, an older reader with a newer one, and an
//! older writer that keeps what it does not know.
//!
//! `documents/<release>/<phase>.json` are documents as that release wrote them, kept for good. What a release to come
//! might add is played by [`mark`], which puts an unknown field into every object of a document.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod run;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lakeward_manifest::{LiveState, Manifest, Phase, ReadError};
use lakeward_properties::newer::{mark, marks};
use serde_json::{Value, json};

const PHASES: [Phase; 9] = [
    Phase::Writing,
    Phase::Written,
    Phase::Registered,
    Phase::Verified,
    Phase::Published,
    Phase::Retiring,
    Phase::Retired,
    Phase::Rejected,
    Phase::Abandoned,
];

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents")
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Every document that a release has written, with its file.
fn written_by_releases() -> Vec<(PathBuf, Vec<u8>)> {
    let releases = sorted(&documents()).into_iter().filter(|path| path.is_dir());
    let files: Vec<PathBuf> = releases.flat_map(|release| sorted(&release)).collect();
    assert!(files.len() >= PHASES.len(), "too few documents: {files:?}");
    files.into_iter().map(|file| (file.clone(), std::fs::read(&file).unwrap())).collect()
}

fn read(bytes: &[u8]) -> Result<Manifest, ReadError> {
    Manifest::from_json(bytes, &run::uri())
}

fn value(manifest: &Manifest) -> Value {
    serde_json::from_slice(&manifest.to_json().unwrap()).unwrap()
}

/// Whether everything in `old` is in `new` with the same value; `new` may hold more.
fn holds(new: &Value, old: &Value) -> bool {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            old.iter().all(|(name, old)| new.get(name).is_some_and(|new| holds(new, old)))
        }
        (Value::Array(new), Value::Array(old)) => {
            new.len() == old.len() && new.iter().zip(old).all(|(new, old)| holds(new, old))
        }
        _ => new == old,
    }
}

/// `UPDATE_DOCUMENTS=1 cargo test -p lakeward-manifest` writes the documents of a release that has none yet.
#[test]
fn this_release_writes_the_documents_that_are_committed_for_it() {
    let folder = documents().join(env!("CARGO_PKG_VERSION"));
    for phase in PHASES {
        let path = folder.join(format!("{phase}.json"));
        let written = run::in_phase(phase).to_json().unwrap();
        if std::env::var_os("UPDATE_DOCUMENTS").is_some() && !path.exists() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &written).unwrap();
        }
        let committed = std::fs::read(&path).unwrap_or_default();
        assert!(
            written == committed,
            "{} is not what this release writes: if it has been released, raise the version and keep the file",
            path.display()
        );
    }
}

#[test]
fn a_newer_reader_takes_every_document_of_an_older_release_and_loses_nothing_of_it() {
    for (path, bytes) in written_by_releases() {
        let manifest = read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(path.file_stem().unwrap(), manifest.phase.name());
        let old: Value = serde_json::from_slice(&bytes).unwrap();
        let new = value(&manifest);
        assert!(holds(&new, &old), "{} is written back as {new:#}", path.display());
    }
}

#[test]
fn an_older_reader_takes_a_newer_document_as_if_it_did_not_have_the_new_fields() {
    for (path, bytes) in written_by_releases() {
        let plain = read(&bytes).unwrap();
        let mut newer: Value = serde_json::from_slice(&bytes).unwrap();
        mark(&mut newer);
        let manifest = read(newer.to_string().as_bytes()).unwrap();
        assert_eq!(manifest.phase, plain.phase, "{}", path.display());
        assert_eq!(manifest.sealed().is_ok(), plain.sealed().is_ok());
        assert_eq!(manifest.verified().is_ok(), plain.verified().is_ok());
        assert_eq!(manifest.version().is_ok(), plain.version().is_ok());
        assert_eq!(value(&manifest), newer, "{}", path.display());
    }
}

#[test]
fn an_older_writer_keeps_the_fields_of_a_newer_one_in_every_change_that_it_makes() {
    for change in run::changes() {
        let mut newer = value(&run::in_phase(change.from));
        mark(&mut newer);
        let before = read(newer.to_string().as_bytes()).unwrap();
        let after = (change.make)(before).unwrap();
        let lost: BTreeSet<String> = marks(&newer).difference(&marks(&value(&after))).cloned().collect();
        // What a change replaces as a whole goes with all that was in it.
        let kept = |pointer: &&String| !change.replaces.iter().any(|part| pointer.starts_with(part));
        assert_eq!(lost.iter().find(kept), None, "{} loses fields", change.name);
        assert_eq!(lost.is_empty(), change.replaces.is_empty(), "{}: {lost:?}", change.name);
    }
}

#[test]
fn numbers_of_a_newer_writer_are_kept_to_the_last_digit() {
    let numbers = [
        "0.1",
        "5e-324",
        "1.7976931348623157e+308",
        "121.48791951161945",
        "31.245270191439438",
        "18446744073709551615",
    ];
    for number in numbers {
        let mut newer = value(&run::in_phase(Phase::Published));
        newer["from_a_newer_release"] = serde_json::from_str(number).unwrap();
        let text = String::from_utf8(read(newer.to_string().as_bytes()).unwrap().to_json().unwrap()).unwrap();
        let kept = text.lines().find(|line| line.contains("from_a_newer_release")).unwrap();
        assert_eq!(kept.trim(), format!("\"from_a_newer_release\": {number}"));
    }
}

#[test]
fn a_value_that_an_older_release_cannot_know_is_refused_and_the_newer_release_named() {
    for (pointer, unknown) in
        [("/table/strategy", "projection"), ("/table/format", "iceberg"), ("/phase", "new")]
    {
        let mut newer = value(&run::in_phase(Phase::Written));
        *newer.pointer_mut(pointer).unwrap() = json!(unknown);
        let error = read(newer.to_string().as_bytes()).unwrap_err();
        assert!(matches!(error, ReadError::Malformed { .. }), "{pointer}: {error}");
        assert!(error.to_string().contains("a newer release"), "{pointer}: {error}");
    }
}

#[test]
fn the_live_table_of_a_newer_release_is_read_as_if_it_did_not_have_the_new_parameters() {
    let swapping = json!({
        "run": "2026-05-19-060000", "execution": "e", "at": "2026-05-19T06:00:00Z",
        "until": "2026-05-19T06:15:00Z", "from_a_newer_release": 1,
    });
    let old = [("lakeward.run", "2026-05-18-060000".to_owned()), ("lakeward.swapping", swapping.to_string())];
    let new = [("lakeward.from-a-newer-release", "1".to_owned())];
    let state = |parameters: &[(&str, String)]| {
        let map = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        LiveState::from_parameters(&map).unwrap()
    };
    assert_eq!(state(&old), state(&[old.to_vec(), new.to_vec()].concat()));
    assert!(state(&old).swapping.is_some());
}
