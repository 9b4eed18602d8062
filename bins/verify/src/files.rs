//! The files: none missing, none besides, each with its size, checksum and footer. Data is not downloaded.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use lakeward_manifest::{DataFile, Prefix, Sealed};
use lakeward_outcome::Failure;
use lakeward_store::{Crc64, ListedObject, ObjectInfo, Store, StoreError};

use crate::footer::{self, Footer};
use crate::schema;

/// How much of a file is fetched at once where its checksum has to be computed.
const COMPUTE_STEP: u64 = 4 << 20;

/// Compares the attempt's folder with the manifest, `concurrency` files at once, and calls `done` after each. One
/// line for each difference.
pub(crate) async fn compare(
    store: &Store,
    run: &Sealed<'_>,
    concurrency: usize,
    done: impl Fn(),
) -> Result<Vec<String>, Failure> {
    let listed = store.list(&prefix(run)).await?;
    let files: BTreeMap<String, &DataFile> =
        run.written.files.iter().map(|file| (run.key(file), file)).collect();

    let mut differences = totals(run);
    differences.extend(listing(&files, &listed));
    let present = listed.iter().filter_map(|object| files.get_key_value(&object.key));
    let mut compared =
        stream::iter(present).map(|(key, file)| compare_file(store, run, key, file)).buffered(concurrency);
    while let Some(lines) = compared.try_next().await? {
        differences.extend(lines);
        done();
    }
    Ok(differences)
}

/// Where the files of the attempt lie, and nothing else.
pub(crate) fn prefix(run: &Sealed<'_>) -> Prefix {
    run.manifest.table.root.attempt_prefix(&run.manifest.run.id, &run.written.attempt)
}

/// Whether the manifest agrees with itself.
fn totals(run: &Sealed<'_>) -> Vec<String> {
    let sum = |of: fn(&DataFile) -> u64| run.written.files.iter().map(of).sum::<u64>();
    let (rows, bytes) = (sum(|file| file.rows), sum(|file| file.bytes));
    let wrong = |what, total, sum| format!("the manifest says {total} {what} and its files have {sum}");
    let rows = (rows != run.written.rows).then(|| wrong("rows", run.written.rows, rows));
    let bytes = (bytes != run.written.bytes).then(|| wrong("bytes", run.written.bytes, bytes));
    let paths: BTreeSet<&str> = run.written.files.iter().map(|file| file.path.as_str()).collect();
    let twice =
        (paths.len() != run.written.files.len()).then(|| "the manifest names a file twice".to_owned());
    rows.into_iter().chain(bytes).chain(twice).collect()
}

/// Files that are not there, and objects that should not be: engines that list the Location would read them.
fn listing(files: &BTreeMap<String, &DataFile>, listed: &[ListedObject]) -> Vec<String> {
    let present: BTreeSet<&str> = listed.iter().map(|object| object.key.as_str()).collect();
    let missing =
        files.iter().filter(|(key, _)| !present.contains(key.as_str())).map(|(_, file)| missing(file));
    let stray = listed.iter().filter(|object| !files.contains_key(&object.key));
    let stray =
        stray.map(|object| format!("{} is not in the manifest, and readers would read it", object.key));
    missing.chain(stray).collect()
}

fn missing(file: &DataFile) -> String {
    format!("{} is missing", file.path)
}

async fn compare_file(
    store: &Store,
    run: &Sealed<'_>,
    key: &str,
    file: &DataFile,
) -> Result<Vec<String>, StoreError> {
    let compared = async {
        let Some(info) = store.head(key).await? else { return Ok(vec![missing(file)]) };
        if let Some(difference) = content_difference(store, key, &info, file).await? {
            return Ok(vec![difference]);
        }
        let end = file.footer_bytes.saturating_add(footer::TAIL);
        let Some(start) = file.bytes.checked_sub(end) else {
            return Ok(vec![format!(
                "{} is too small for its footer of {} bytes",
                file.path, file.footer_bytes
            )]);
        };
        let end = store.get_range(key, start..file.bytes).await?;
        Ok(match footer::read(&end) {
            Ok(footer) => footer_differences(run, file, &footer),
            Err(error) => vec![format!("{} {error}", file.path)],
        })
    };
    match compared.await {
        // Deleted since it was listed.
        Err(StoreError::NoSuchKey { .. }) => Ok(vec![missing(file)]),
        compared => compared,
    }
}

fn footer_differences(run: &Sealed<'_>, file: &DataFile, footer: &Footer) -> Vec<String> {
    let rows = (footer.rows != file.rows)
        .then(|| format!("{} has {} rows instead of {}", file.path, footer.rows, file.rows));
    let columns = schema::differences(&footer.columns, &run.written.columns, &run.written.partition_columns);
    rows.into_iter().chain(columns.into_iter().map(|line| format!("{}: {line}", file.path))).collect()
}

/// How an object that should be a copy of `file` differs from it in size or checksum, if it does.
pub(crate) async fn content_difference(
    store: &Store,
    key: &str,
    info: &ObjectInfo,
    file: &DataFile,
) -> Result<Option<String>, StoreError> {
    if info.size != file.bytes {
        return Ok(Some(format!("{} has {} bytes instead of {}", file.path, info.size, file.bytes)));
    }
    let stored = match info.crc64 {
        Some(stored) => stored,
        None => computed(store, key, info.size).await?,
    };
    let written = stored.to_string();
    let difference = || format!("{} has the checksum {written} instead of {}", file.path, file.crc64nvme);
    Ok((written != file.crc64nvme).then(difference))
}

/// The checksum of an object for which the store keeps none: from its bytes.
async fn computed(store: &Store, key: &str, size: u64) -> Result<Crc64, StoreError> {
    tracing::debug!(key, "the store keeps no CRC64NVME: reading the whole file");
    let mut sum = Crc64::of(&[]);
    let mut done = 0;
    while done < size {
        let end = done.saturating_add(COMPUTE_STEP).min(size);
        let bytes = store.get_range(key, done..end).await?;
        sum = sum.followed_by(Crc64::of(&bytes), end - done);
        done = end;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use lakeward_outcome::Kind;

    use super::*;
    use crate::testing::{Lake, lake};

    async fn compared(lake: &Lake) -> Vec<String> {
        let (store, _) = lake.bucket.open("lake");
        compare(&store, &lake.manifest.sealed().unwrap(), 4, || {}).await.unwrap()
    }

    fn three_days() -> Lake {
        lake("SELECT range AS id, DATE '2026-05-19' + (range % 3)::INTEGER AS dt FROM range(3000)", &["dt"])
    }

    fn first_key(lake: &Lake) -> (String, String) {
        let sealed = lake.manifest.sealed().unwrap();
        let file = &sealed.written.files[0];
        (sealed.key(file), file.path.clone())
    }

    #[tokio::test]
    async fn files_as_they_were_written_show_no_difference_and_are_not_downloaded() {
        let lake = three_days();
        let (store, script) = lake.bucket.open("lake");
        let sealed = lake.manifest.sealed().unwrap();
        let done = std::cell::Cell::new(0);
        let differences = compare(&store, &sealed, 2, || done.set(done.get() + 1)).await.unwrap();
        assert_eq!(differences, [""; 0]);
        assert_eq!(done.get(), sealed.written.files.len());
        for seen in
            script.seen().iter().filter(|seen| seen.method == "GET" && !seen.uri.contains("list-type"))
        {
            let key = |file: &&DataFile| seen.uri.contains(file.path.rsplit('/').next().unwrap());
            let file = sealed.written.files.iter().find(key).unwrap();
            let range = format!("bytes={}-{}", file.bytes - file.footer_bytes - footer::TAIL, file.bytes - 1);
            assert_eq!(seen.headers["range"], range, "only the footer is read");
        }
    }

    #[tokio::test]
    async fn a_missing_file_and_a_stray_object_are_differences() {
        let lake = three_days();
        let (key, path) = first_key(&lake);
        lake.bucket.remove(&key);
        let stray = format!("{key}.copy");
        lake.bucket.put(&stray, vec![1]);
        let expected = [
            format!("{path} is missing"),
            format!("{stray} is not in the manifest, and readers would read it"),
        ];
        assert_eq!(compared(&lake).await, expected);
    }

    #[tokio::test]
    async fn another_size_is_a_difference() {
        let lake = three_days();
        let (key, path) = first_key(&lake);
        lake.bucket.edit(&key, |object| object.bytes.push(0));
        let [line] = &compared(&lake).await[..] else { panic!("one line") };
        assert!(line.starts_with(&path) && line.contains("bytes instead of"), "{line}");
    }

    #[tokio::test]
    async fn another_checksum_is_a_difference_also_where_the_store_keeps_none() {
        for stored in [true, false] {
            let lake = three_days();
            let (key, path) = first_key(&lake);
            lake.bucket.edit_all(|object| object.crc64 = object.crc64.take().filter(|_| stored));
            assert_eq!(compared(&lake).await, [""; 0], "stored: {stored}");
            lake.bucket.edit(&key, |object| {
                object.bytes[10] ^= 1;
                object.crc64 = stored.then(|| Crc64::of(&object.bytes).to_string());
            });
            let [line] = &compared(&lake).await[..] else { panic!("one line") };
            assert!(line.starts_with(&path) && line.contains("checksum"), "stored: {stored}: {line}");
        }
    }

    #[tokio::test]
    async fn a_footer_that_says_other_than_the_manifest_is_a_difference() {
        let mut lake = three_days();
        let (_, path) = first_key(&lake);
        let written = lake.manifest.write.as_mut().unwrap();
        written.files[0].rows += 1;
        written.columns[0].glue_type = "int".to_owned();
        let lines = compared(&lake).await;
        assert_eq!(lines[0], "the manifest says 3000 rows and its files have 3001");
        assert_eq!(lines[1], format!("{path} has 1000 rows instead of 1001"));
        assert_eq!(lines[2], format!("{path}: column id is bigint instead of int"));
        assert_eq!(lines.len(), 2 + lake.manifest.sealed().unwrap().written.files.len());
    }

    #[tokio::test]
    async fn a_manifest_that_does_not_add_up_is_a_difference() {
        let mut lake = three_days();
        let written = lake.manifest.write.as_mut().unwrap();
        let again = written.files[0].clone();
        written.rows += again.rows;
        written.files.push(again);
        let [bytes, twice] = &compared(&lake).await[..] else { panic!("two lines") };
        assert!(bytes.starts_with("the manifest says") && bytes.contains("bytes"), "{bytes}");
        assert_eq!(twice, "the manifest names a file twice");
    }

    #[tokio::test]
    async fn a_run_without_files_has_nothing_to_differ() {
        let lake = lake("SELECT 1 AS id, 'x' AS region WHERE false", &["region"]);
        assert!(lake.manifest.sealed().unwrap().written.files.is_empty());
        assert_eq!(compared(&lake).await, [""; 0]);
    }

    #[tokio::test]
    async fn a_call_that_is_denied_is_an_error_and_no_difference() {
        use lakeward_aws::testing::{Reply, Script, caller};
        let lake = three_days();
        let script = Script::answering(|_| Reply::xml_error(403, "AccessDenied"));
        let store =
            Store::open(&script.config(), "lake", lakeward_store::StoreOptions::default(), caller()).unwrap();
        let failure = compare(&store, &lake.manifest.sealed().unwrap(), 4, || {}).await.unwrap_err();
        assert_eq!(failure.kind(), Kind::Configuration);
    }
}
