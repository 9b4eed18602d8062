//! What this crate's tests share: runs written by the real engine, and a bucket and a catalog to read them from.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use lakeward_aws::testing::{Reply, Script, Seen, caller};
use lakeward_aws::{Backoff, Cancel, RetryPolicy};
use lakeward_catalog::Catalog;
use lakeward_engine::{ExportOptions, Limits, Plan, Session, SessionOptions, TableShape};
use lakeward_manifest::{
    AttemptId, Column, DataFile, ExecutionId, Fingerprint, Manifest, PartitionValue, Registration, Request,
    Run, Stamp, Step, TableSpec, Written,
};
use lakeward_store::{Crc64, Store, StoreOptions};
use serde_json::{Map, Value, json};

/// A registered run, and the bucket that holds its files.
pub(crate) struct Lake {
    pub(crate) manifest: Manifest,
    pub(crate) bucket: Bucket,
}

/// Writes the result of `sql` as `write` does, and registers it in the manifest.
pub(crate) fn lake(sql: &str, partition_by: &[&str]) -> Lake {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { memory_bytes: 1 << 28, threads: 2 };
    let options = SessionOptions { limits, scratch: folder.path().join("scratch"), extension_dir: None };
    let session = Session::open(options).unwrap();
    let partition_by: Vec<String> = partition_by.iter().map(|&name| name.to_owned()).collect();
    let shape = TableShape { partition_by: partition_by.clone(), sort_by: Vec::new() };
    let plan = session.plan(sql, &shape).unwrap();
    let options = ExportOptions {
        directory: folder.path().join("files"),
        compression: lakeward_manifest::Compression::default(),
        row_group_size: 2048,
        target_file_size: 1 << 20,
        longest_path: lakeward_manifest::LONGEST_KEY,
    };
    let exported = session.export(&plan, &options).unwrap();

    let mut manifest = claimed(partition_by);
    let attempt = manifest.attempt.id.clone();
    let root = manifest.table.root.clone();
    let prefix = root.attempt_prefix(&manifest.run.id, &attempt);
    let bucket = Bucket::default();
    let mut files = Vec::new();
    for file in exported {
        let bytes = std::fs::read(options.directory.join(&file.relative_path)).unwrap();
        files.push(DataFile {
            rows: file.rows,
            bytes: file.bytes,
            footer_bytes: file.footer_bytes,
            crc64nvme: Crc64::of(&bytes).to_string(),
            partition: file.partition.into_iter().map(PartitionValue).collect(),
            path: file.relative_path.clone(),
            extra: Map::new(),
        });
        bucket.put(&format!("{prefix}{}", file.relative_path), bytes);
    }
    let written = Written {
        at: Timestamp::UNIX_EPOCH,
        location: root.uri(prefix.as_str()),
        rows: files.iter().map(|file| file.rows).sum(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        columns: columns(&plan, false),
        partition_columns: columns(&plan, true),
        files,
        attempt,
        extra: Map::new(),
    };
    manifest = manifest.seal(written, stamp(Step::Write)).unwrap();
    let staged = manifest.table.glue.staged(&manifest.run.id);
    let partitions = manifest.sealed().unwrap().partitions().len() as u64;
    let registration = Registration { at: Timestamp::UNIX_EPOCH, staged, partitions, extra: Map::new() };
    Lake { manifest: manifest.register(registration, stamp(Step::Register)).unwrap(), bucket }
}

fn claimed(partition_by: Vec<String>) -> Manifest {
    let root = "s3://lake/orders/".parse().unwrap();
    let table = TableSpec { partition_by, ..TableSpec::new(root, "shop.orders".parse().unwrap()) };
    let request = Request {
        fingerprint: Fingerprint::of(&table, "", None, None, &BTreeMap::new()),
        sql: String::new(),
        database: None,
        variables: BTreeMap::new(),
        init_sql_sha256: None,
        extra: Map::new(),
    };
    let id = "2026-05-19-060000".parse().unwrap();
    let run = Run { id, ts: "2026-05-19T06:00:00Z".parse().unwrap(), key: None, extra: Map::new() };
    Manifest::claim(run, table, request, AttemptId::from_random(1), stamp(Step::Write))
}

fn columns(plan: &Plan, partition: bool) -> Vec<Column> {
    let column = |column: &lakeward_engine::Column| Column {
        name: column.name.clone(),
        duckdb_type: column.duckdb_type.clone(),
        glue_type: column.glue_type.clone(),
        extra: Map::new(),
    };
    plan.columns.iter().filter(|column| column.partition == partition).map(column).collect()
}

pub(crate) fn stamp(step: Step) -> Stamp {
    Stamp { at: Timestamp::UNIX_EPOCH, step, execution: ExecutionId::from_random(7) }
}

/// Waits as in life, but shortly.
pub(crate) fn backoff(policy: RetryPolicy) -> Backoff {
    Backoff::new(policy, Cancel::new())
}

/// An object, and what S3 says of it.
#[derive(Clone)]
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    pub(crate) crc64: Option<String>,
    pub(crate) replication: Option<&'static str>,
}

/// A bucket that lists, heads and reads its objects.
#[derive(Clone, Default)]
pub(crate) struct Bucket(Arc<Mutex<BTreeMap<String, Object>>>);

impl Bucket {
    pub(crate) fn put(&self, key: &str, bytes: Vec<u8>) {
        let crc64 = Some(Crc64::of(&bytes).to_string());
        self.0.lock().unwrap().insert(key.to_owned(), Object { bytes, crc64, replication: None });
    }

    pub(crate) fn remove(&self, key: &str) {
        self.0.lock().unwrap().remove(key);
    }

    pub(crate) fn edit(&self, key: &str, edit: impl FnOnce(&mut Object)) {
        edit(self.0.lock().unwrap().get_mut(key).unwrap());
    }

    pub(crate) fn edit_all(&self, edit: impl Fn(&mut Object)) {
        self.0.lock().unwrap().values_mut().for_each(edit);
    }

    /// A bucket with the same objects.
    pub(crate) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }

    /// The bucket, and all requests to it.
    pub(crate) fn open(&self, name: &str) -> (Store, Script) {
        self.open_with(name, |_| {})
    }

    /// The same, with `before` run before each answer.
    pub(crate) fn open_with(
        &self,
        name: &str,
        before: impl Fn(&Seen) + Send + Sync + 'static,
    ) -> (Store, Script) {
        let bucket = self.clone();
        let script = Script::answering(move |seen| {
            before(seen);
            bucket.answer(seen)
        });
        let store = Store::open(&script.config(), name, StoreOptions::default(), caller()).unwrap();
        (store, script)
    }

    fn answer(&self, seen: &Seen) -> Reply {
        let (_, path) = seen.uri.split_once("amazonaws.com/").unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let objects = self.0.lock().unwrap();
        if query.contains("list-type=2") {
            return list(&objects);
        }
        let Some(object) = objects.get(&decoded(path)) else {
            return if seen.method == "HEAD" {
                Reply::new(404, "")
            } else {
                Reply::xml_error(404, "NoSuchKey")
            };
        };
        let size = object.bytes.len();
        if seen.method == "HEAD" {
            let mut head =
                Reply::new(200, "").header("etag", "\"e\"").header("content-length", &size.to_string());
            if let Some(crc64) = &object.crc64 {
                head = head.header("x-amz-checksum-crc64nvme", crc64);
            }
            return match object.replication {
                Some(status) => head.header("x-amz-replication-status", status),
                None => head,
            };
        }
        let (first, last) = seen.headers["range"].strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let part = object.bytes[first..=last.min(size - 1)].to_vec();
        Reply::new(206, part).header("content-range", &format!("bytes {first}-{last}/{size}"))
    }
}

fn list(objects: &BTreeMap<String, Object>) -> Reply {
    let mut xml = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    for (key, object) in objects {
        let size = object.bytes.len();
        write!(xml, "<Contents><Key>{key}</Key><Size>{size}</Size></Contents>").unwrap();
    }
    Reply::new(200, xml + "</ListBucketResult>")
}

fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut text = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        text.push(u8::from_str_radix(&part[..2], 16).unwrap());
        text.extend(&part.as_bytes()[2..]);
    }
    String::from_utf8(text).unwrap()
}

/// A catalog of one table that gives back what it was given.
#[derive(Clone, Default)]
pub(crate) struct Glue(Arc<Mutex<GlueState>>);

/// Both as Glue's JSON has them.
#[derive(Default)]
pub(crate) struct GlueState {
    pub(crate) table: Option<Value>,
    pub(crate) partitions: Vec<Value>,
}

impl Glue {
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut GlueState)) {
        edit(&mut self.0.lock().unwrap());
    }

    /// The catalog, with `before` run before each answer.
    pub(crate) fn open_with(&self, before: impl Fn(&Seen) + Send + Sync + 'static) -> Catalog {
        let glue = self.clone();
        let script = Script::answering(move |seen| {
            before(seen);
            glue.answer(seen)
        });
        Catalog::open(&script.config(), None, caller()).unwrap()
    }

    fn answer(&self, seen: &Seen) -> Reply {
        let mut state = self.0.lock().unwrap();
        let sent: Value = serde_json::from_str(&seen.body).unwrap();
        let answer = match seen.target() {
            "CreateTable" => {
                let mut table = sent["TableInput"].clone();
                table["VersionId"] = json!("1");
                state.table = Some(table);
                json!({})
            }
            "BatchCreatePartition" => {
                state.partitions.extend(sent["PartitionInputList"].as_array().unwrap().clone());
                json!({})
            }
            "GetTable" => match &state.table {
                Some(table) => json!({ "Table": table }),
                None => return Reply::json_error(400, "EntityNotFoundException"),
            },
            "GetPartitions" => json!({ "Partitions": state.partitions }),
            other => panic!("{other} is not expected"),
        };
        Reply::new(200, answer.to_string())
    }
}
