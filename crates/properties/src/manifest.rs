//! Manifests.

use lakeward_manifest::{Manifest, ManifestUri, Sealed};
use serde_json::Value;

use crate::{newer, root};

/// An accepted document is written back as the same document, keeps what it does not know, and names no file outside
/// its attempt's folder.
pub(crate) fn holds(bytes: &[u8]) {
    let Some(uri) = place(bytes) else { return };
    let Ok(manifest) = Manifest::from_json(bytes, &uri) else { return };
    root::own_prefix(&manifest.table.root);
    let Some(written) = written_back(&manifest) else { return };
    assert_eq!(read(&written, &uri).as_ref(), Some(&manifest), "another document is read back");
    unknown_fields_survive(&written, &uri);
    if let Ok(sealed) = manifest.sealed() {
        files_stay_inside(&sealed);
    }
}

/// Where the document says that it lies, so that it is not refused for being elsewhere.
fn place(bytes: &[u8]) -> Option<ManifestUri> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let root = document.pointer("/table/root")?.as_str()?.parse().ok()?;
    let run = document.pointer("/run/id")?.as_str()?.parse().ok()?;
    Some(ManifestUri { root, run })
}

fn written_back(manifest: &Manifest) -> Option<Vec<u8>> {
    let written = manifest.to_json();
    assert!(written.is_ok(), "an accepted document cannot be written: {written:?}");
    written.ok()
}

fn read(bytes: &[u8], uri: &ManifestUri) -> Option<Manifest> {
    let manifest = Manifest::from_json(bytes, uri);
    assert!(manifest.is_ok(), "what was written is refused: {manifest:?}");
    manifest.ok()
}

fn unknown_fields_survive(written: &[u8], uri: &ManifestUri) {
    let Ok(mut document) = serde_json::from_slice::<Value>(written) else { return };
    newer::mark(&mut document);
    let kept = read(document.to_string().as_bytes(), uri).and_then(|manifest| written_back(&manifest));
    let kept: Option<Value> = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    assert_eq!(kept, Some(document), "fields that are not known are lost");
}

fn files_stay_inside(sealed: &Sealed<'_>) {
    let (table, run) = (&sealed.manifest.table, &sealed.manifest.run.id);
    let folder = table.root.attempt_prefix(run, &sealed.written.attempt).to_string();
    assert_eq!(sealed.written.location, table.root.uri(&folder));
    for file in &sealed.written.files {
        let key = sealed.key(file);
        let below = key.strip_prefix(&folder).unwrap_or_default();
        assert!(below.split('/').all(|name| !matches!(name, "" | "." | "..")), "{key} leaves {folder}");
        assert!(file.path.starts_with(file.folder()));
    }
    let in_partitions: usize = sealed.partitions().values().map(Vec::len).sum();
    assert_eq!(in_partitions, sealed.written.files.len());
}
