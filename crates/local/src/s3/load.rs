//! Reading the S3 side back from a folder when the lake starts.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::model::{
    Bucket, BucketSettings, Buckets, KeptPart, KeptUpload, KeptVersion, Part, Upload, UploadName, Version,
};
use super::versions::place;
use crate::storage::{Id, Kind, Store};

impl Bucket {
    pub(super) fn new(record: Id, settings: BucketSettings) -> Self {
        Self { record, settings, keys: BTreeMap::new(), uploads: BTreeMap::new(), replication: None }
    }
}

/// Everything that the folder holds. What a process left half done that ended is removed.
pub(super) fn buckets(store: &Store) -> io::Result<Buckets> {
    let mut buckets = Buckets::default();
    for (record, settings) in store.load::<BucketSettings>(Kind::Bucket)? {
        buckets.by_name.insert(settings.name.clone(), Bucket::new(record, settings));
    }
    load_versions(store, &mut buckets)?;
    load_uploads(store, &mut buckets)?;
    let mut referenced = BTreeSet::new();
    for bucket in buckets.by_name.values_mut() {
        let of_objects = files_of_objects(bucket);
        remove_completed_uploads(store, bucket, &of_objects)?;
        referenced.extend(of_objects);
        referenced.extend(parts(bucket).flat_map(|part| part.kept.content.files()));
    }
    store.remove_unreferenced(&referenced)?;
    Ok(buckets)
}

/// Removes what is left of uploads whose bytes already are an object's.
fn remove_completed_uploads(store: &Store, bucket: &mut Bucket, of_objects: &BTreeSet<Id>) -> io::Result<()> {
    let completed = |upload: &Upload| {
        upload.parts.values().any(|part| part.kept.content.files().any(|file| of_objects.contains(&file)))
    };
    for (_, upload) in bucket.uploads.extract_if(.., |_, upload| completed(upload)) {
        store.remove(Kind::Upload, upload.record)?;
        upload.parts.values().try_for_each(|part| store.remove(Kind::Part, part.record))?;
    }
    Ok(())
}

fn load_versions(store: &Store, buckets: &mut Buckets) -> io::Result<()> {
    for (record, kept) in store.load::<KeptVersion>(Kind::ObjectVersion)? {
        let Some(bucket) = buckets.by_name.get_mut(&kept.bucket) else {
            store.remove(Kind::ObjectVersion, record)?;
            continue;
        };
        let versions = bucket.keys.entry(kept.key.clone()).or_default();
        if let Some(replaced) = place(versions, Version { record, kept }) {
            store.remove(Kind::ObjectVersion, replaced.record)?;
        }
    }
    Ok(())
}

fn load_uploads(store: &Store, buckets: &mut Buckets) -> io::Result<()> {
    let mut names = BTreeMap::new();
    for (record, kept) in store.load::<KeptUpload>(Kind::Upload)? {
        let name = UploadName { key: kept.key.clone(), id: record.to_string() };
        match buckets.by_name.get_mut(&kept.bucket) {
            None => store.remove(Kind::Upload, record)?,
            Some(bucket) => {
                names.insert(record, (kept.bucket.clone(), name.clone()));
                bucket.uploads.insert(name, Upload { record, kept, parts: BTreeMap::new() });
            }
        }
    }
    for (record, kept) in store.load::<KeptPart>(Kind::Part)? {
        let upload = names.get(&kept.upload).and_then(|(bucket, name)| {
            buckets.by_name.get_mut(bucket).and_then(|bucket| bucket.uploads.get_mut(name))
        });
        match upload {
            None => store.remove(Kind::Part, record)?,
            Some(upload) => {
                if let Some(replaced) = upload.parts.insert(kept.number, Part { record, kept }) {
                    store.remove(Kind::Part, replaced.record)?;
                }
            }
        }
    }
    Ok(())
}

fn files_of_objects(bucket: &Bucket) -> BTreeSet<Id> {
    let objects = bucket.keys.values().flatten().filter_map(Version::object);
    objects.flat_map(|object| object.content.files()).collect()
}

fn parts(bucket: &Bucket) -> impl Iterator<Item = &Part> {
    bucket.uploads.values().flat_map(|upload| upload.parts.values())
}
