//! Table roots, manifest URIs and Glue names.

use lakeward_manifest::{AttemptId, GlueName, ManifestUri, RunId, TableRoot};

/// An accepted root owns one prefix and makes no key outside it.
pub(crate) fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(root) = text.parse::<TableRoot>() {
        own_prefix(&root);
    }
    if let Ok(uri) = text.parse::<ManifestUri>() {
        own_prefix(&uri.root);
        assert_eq!(uri.to_string().parse(), Ok(uri.clone()));
        assert_eq!(uri.root.run_of_manifest_key(&uri.key()), Some(uri.run.clone()));
        keys_stay_inside(&uri.root, &uri.run);
    }
    if let Ok(name) = text.parse::<GlueName>() {
        assert_eq!(name.to_string(), text);
        let plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        assert!(plain(name.database()) && plain(name.table()), "{text:?}");
    }
}

/// What [`holds`] says of a root, for roots that other documents hold.
pub(crate) fn own_prefix(root: &TableRoot) {
    let text = root.to_string();
    assert_eq!(text.parse().as_ref(), Ok(root));
    let prefix = root.prefix();
    let names = prefix.strip_suffix('/').unwrap_or_default();
    let plain = |name: &str| !["", ".", "..", "_runs", "_writes"].contains(&name);
    assert!(names.split('/').all(plain), "{text:?} is no prefix of its own");
    assert!(!root.bucket().contains('/') && !root.bucket().is_empty(), "{text:?}");
    assert!(root.contains(&text) && !root.contains(&format!("s3://{}/{names}_eu/x", root.bucket())));
    assert!(!root.contains(&format!("s3://{}x/{prefix}", root.bucket())), "{text:?} reaches another bucket");
}

fn keys_stay_inside(root: &TableRoot, run: &RunId) {
    let attempt = AttemptId::from_random(1);
    let prefix = root.attempt_prefix(run, &attempt).to_string();
    let keys = [root.manifest_key(run), root.run_writes_prefix(run).to_string(), prefix.clone()];
    for key in keys {
        assert!(key.starts_with(root.prefix()), "{key} lies outside {root}");
        assert!(!key.contains("//") && key.len() < 1024, "{key} is no key that every reader takes");
        assert!(root.contains(&root.uri(&key)));
    }
    assert_eq!(root.attempt_of_key(&format!("{prefix}part.parquet")), Some((run.clone(), attempt)));
}
