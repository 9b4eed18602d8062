//! From query to S3: files are uploaded while DuckDB is still writing them, and leave the scratch folder as soon
//! as S3 has them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lakeward_cli::{Bar, Context, Measure, Record, Unit, dealt_with, phase};
use lakeward_engine::{ExportOptions, ExportedFile, Growing};
use lakeward_manifest::{AttemptId, DataFile, LONGEST_KEY, PartitionValue, Prefix};
use lakeward_outcome::{Failure, FailureExt, Kind, ResultExt};
use lakeward_session::{blocking, stop};
use lakeward_store::{Contents, Deleted, Manifests, ObjectId, Upload, UploadLimits, Uploaded, Uploads};
use serde_json::Map;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use crate::args::UploadArgs;
use crate::inputs::Prepared;
use crate::job::Job;
use crate::scratch::Scratch;

/// How often the growing files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many files are on their way to S3 at once. The others wait on scratch, closed: a result of thousands of small
/// partitions must need neither as many open files nor as many connections.
const FILES_AT_ONCE: usize = 64;
/// The media type of Parquet.
const PARQUET: &str = "application/vnd.apache.parquet";

/// Runs the query and uploads its files under the attempt's prefix.
///
/// # Errors
/// What the query or an upload says; nothing is then left in flight, but finished files may lie under the prefix
/// (see [`undo`]).
pub(crate) async fn ship(
    prepared: Prepared,
    job: &Job,
    upload: &UploadArgs,
    scratch: &Scratch,
    manifests: &Manifests,
    attempt: &AttemptId,
    context: &Context,
) -> Result<Vec<DataFile>, Failure> {
    let Prepared { session, plan, renewal: _renewal } = prepared;
    let interrupt = session.cancel();
    let prefix = job.table.root.attempt_prefix(&job.run.id, attempt);
    let options = export_options(job, scratch, &prefix);
    let exported = phase("query", blocking(move || session.export(&plan, &options)));
    let mut query = tokio::spawn(exported.in_current_span());

    let limits = UploadLimits::new(upload.part_size, upload.memory());
    let uploads = Uploads::new(manifests.store().clone(), limits);
    let progress = context.progress("uploaded", 0, Unit::Bytes);
    let mut outbox = Outbox::new(scratch.files(), prefix, uploads, progress, context.record().clone());

    let ended = loop {
        tokio::select! {
            () = context.cancel().cancelled() => {
                break Err(Failure::new(Kind::Transient, "told to stop before the run was written: run again"));
            }
            finished = &mut query => break flatten(finished),
            () = tokio::time::sleep(LOOK_EVERY) => {
                if let Err(failure) = outbox.look(Query::Running).await {
                    break Err(failure);
                }
            }
        }
    };
    let shipped = match ended {
        Ok(exported) => outbox.finish().await.and_then(|uploaded| match_up(exported, uploaded)),
        Err(failure) => {
            // First, so that no file appears after the clean-up.
            let _ = stop(interrupt).await;
            outbox.abort().await;
            Err(failure)
        }
    };
    shipped.doing(|| format!("writing run {}", job.run.id))
}

/// Deletes what this attempt has uploaded, as nobody will ever name it. What cannot be deleted now is left to gc.
pub(crate) async fn undo(manifests: &Manifests, job: &Job, attempt: &AttemptId) {
    let prefix = job.table.root.attempt_prefix(&job.run.id, attempt);
    let caller = manifests.store().caller().for_cleanup();
    let store = manifests.store().with_caller(caller);
    let removed = async {
        let objects = store.list(&prefix).await?;
        let ids = objects.into_iter().map(|object| ObjectId { key: object.key, version_id: None }).collect();
        let mut deleted = Deleted::default();
        store.delete_many(ids, &mut deleted).await.map(|()| deleted).map_err(Failure::from)
    };
    match removed.await {
        Ok(deleted) => tracing::info!(files = deleted.count, "removed this attempt's files"),
        Err(failure) => tracing::warn!(%failure, "this attempt's files are left for lakeward-gc"),
    }
}

fn export_options(job: &Job, scratch: &Scratch, prefix: &Prefix) -> ExportOptions {
    ExportOptions {
        directory: scratch.files(),
        compression: job.table.compression.clone(),
        row_group_size: job.table.row_group_size,
        target_file_size: job.table.target_file_size,
        longest_path: LONGEST_KEY.saturating_sub(prefix.as_str().len()),
    }
}

fn flatten<T>(joined: Result<Result<T, Failure>, JoinError>) -> Result<T, Failure> {
    joined.or_fail(Kind::Unexpected, || "a task of this step crashed".to_owned())?
}

/// Joins what DuckDB says of each file with what S3 has of it.
fn match_up(
    exported: Vec<ExportedFile>,
    uploaded: Vec<(String, Uploaded)>,
) -> Result<Vec<DataFile>, Failure> {
    let mut uploaded: HashMap<String, Uploaded> = uploaded.into_iter().collect();
    let mut files = Vec::with_capacity(exported.len());
    for file in exported {
        let Some(object) = uploaded.remove(&file.relative_path).filter(|object| object.size == file.bytes)
        else {
            let message = format!("{} was written and not uploaded as it was written", file.relative_path);
            return Err(Failure::new(Kind::Unexpected, message));
        };
        files.push(DataFile {
            rows: file.rows,
            bytes: file.bytes,
            footer_bytes: file.footer_bytes,
            crc64nvme: object.crc64.to_string(),
            partition: file.partition.into_iter().map(PartitionValue).collect(),
            path: file.relative_path,
            extra: Map::new(),
        });
    }
    if let Some(stray) = uploaded.keys().next() {
        return Err(Failure::new(
            Kind::Unexpected,
            format!("{stray} was uploaded and is not a file of the result"),
        ));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// How much of a file is final, and whether that is all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    length: u64,
    complete: bool,
}

/// Whether DuckDB may still be writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Query {
    Running,
    Ended,
}

/// The files on their way to S3: one task each, told by a channel how far its file has grown.
struct Outbox {
    directory: PathBuf,
    prefix: Prefix,
    uploads: Uploads,
    extents: HashMap<String, watch::Sender<Extent>>,
    tasks: JoinSet<Result<(String, Uploaded), Failure>>,
    done: Vec<(String, Uploaded)>,
    bar: Bar,
    record: Record,
}

impl Outbox {
    fn new(directory: PathBuf, prefix: Prefix, uploads: Uploads, bar: Bar, record: Record) -> Self {
        Self {
            directory,
            prefix,
            uploads,
            extents: HashMap::new(),
            tasks: JoinSet::new(),
            done: Vec::new(),
            bar,
            record,
        }
    }

    /// Gathers the uploads that have ended, tells the tasks of the others how their files have grown, and begins new
    /// ones while there is room.
    async fn look(&mut self, query: Query) -> Result<(), Failure> {
        // Before the folder is read: a file leaves it before its task ends, and must not be taken for a new one.
        while let Some(ended) = self.tasks.try_join_next() {
            self.gather(flatten(ended)?);
        }
        let growing = Growing::new(&self.directory);
        let found = blocking(move || growing.scan()).await?;
        if query == Query::Ended {
            // Nobody will ever tell the task of a file that has vanished that its file is complete: end it.
            self.extents.retain(|path, _| found.iter().any(|file| file.relative_path == *path));
        }
        for file in found {
            let extent = Extent { length: file.bytes, complete: file.finished || query == Query::Ended };
            if let Some(sender) = self.extents.get(&file.relative_path) {
                sender.send_if_modified(|known| std::mem::replace(known, extent) != extent);
            } else if self.extents.len() < FILES_AT_ONCE {
                self.begin(file.relative_path, extent)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, relative_path: String, extent: Extent) -> Result<(), Failure> {
        let path = self.directory.join(&relative_path);
        let file = std::fs::File::open(&path).map_err(|error| {
            let vanished = error.kind() == std::io::ErrorKind::NotFound;
            let kind = if vanished { Kind::Transient } else { Kind::Unexpected };
            let doing = format!("opening {} to upload it (--scratch)", path.display());
            Failure::from_error(kind, error).context(doing)
        })?;
        let contents = Contents { content_type: PARQUET.to_owned(), ..Contents::default() };
        let upload = self.uploads.begin(self.prefix.key(&relative_path), file, contents);
        let (sender, receiver) = watch::channel(extent);
        self.extents.insert(relative_path.clone(), sender);
        let sent = send_while_growing(upload, receiver, path, relative_path, self.record.clone());
        let sent = phase("upload", sent);
        self.tasks.spawn(sent.in_current_span());
        Ok(())
    }

    fn gather(&mut self, (path, uploaded): (String, Uploaded)) {
        self.bar.add(uploaded.size);
        self.extents.remove(&path);
        self.done.push((path, uploaded));
    }

    /// The query has ended: every file is complete. Waits for all uploads.
    async fn finish(mut self) -> Result<Vec<(String, Uploaded)>, Failure> {
        let ended = async {
            loop {
                self.look(Query::Ended).await?;
                let Some(ended) = self.tasks.join_next().await else { return Ok(()) };
                self.gather(flatten(ended)?);
            }
        };
        if let Err(failure) = ended.await {
            self.abort().await;
            return Err(failure);
        }
        self.bar.finish();
        Ok(self.done)
    }

    /// Stops every upload and waits until each has been aborted.
    async fn abort(mut self) {
        // A task whose channel closes before its file is complete aborts its upload.
        self.extents.clear();
        while self.tasks.join_next().await.is_some() {}
        self.bar.finish();
    }
}

/// Sends a file as it grows; removes it from scratch when S3 has it.
async fn send_while_growing(
    mut upload: Upload,
    mut extents: watch::Receiver<Extent>,
    path: PathBuf,
    relative_path: String,
    record: Record,
) -> Result<(String, Uploaded), Failure> {
    loop {
        let Extent { length, complete } = *extents.borrow_and_update();
        if complete {
            let uploaded = upload.finish(length).await?;
            // Here and not where files are gathered: nobody gathers what arrives while the write gives up.
            record.add(Measure::UploadedBytes, uploaded.size);
            dealt_with(&relative_path, length);
            remove(&path)?;
            return Ok((relative_path, uploaded));
        }
        upload.grown(length).await?;
        if extents.changed().await.is_err() {
            upload.abort().await;
            let message = "was not uploaded: the write was ended, or somebody removed the file (--scratch)";
            return Err(Failure::new(Kind::Transient, format!("{} {message}", path.display())));
        }
    }
}

/// A file that is gone already is as it should be.
fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).or_fail(Kind::Unexpected, || format!("removing {} after its upload", path.display()))
        }
        _ => Ok(()),
    }
}
