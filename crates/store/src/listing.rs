//! Listings, always to their end: objects, folders, versions, unfinished uploads.

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use futures::stream::{self, Stream, TryStreamExt};
use jiff::Timestamp;

use crate::objects::{size, timestamp};
use crate::operations::{ABORT_UPLOAD, LIST, LIST_UPLOADS, LIST_VERSIONS, Operation};
use lakeward_manifest::Prefix;

use crate::{ETag, Store, StoreError};

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The key.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// When it was written.
    pub last_modified: Option<Timestamp>,
    /// What names this very state of it.
    pub etag: Option<ETag>,
}

/// One version of an object, or a marker that says that it was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The key.
    pub key: String,
    /// The version's id; `null` for an object written before versioning.
    pub version_id: String,
    /// Whether this is a marker: no bytes, and deleted like a version.
    pub is_delete_marker: bool,
    /// Whether this is what a plain read sees.
    pub is_latest: bool,
    /// Size in bytes; 0 for a marker.
    pub size: u64,
    /// When it was written.
    pub last_modified: Option<Timestamp>,
}

/// A multipart upload that was neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingUpload {
    /// The key that it would create.
    pub key: String,
    /// Its id.
    pub upload_id: String,
    /// When it was begun.
    pub initiated: Option<Timestamp>,
}

/// Where the next page begins.
enum Next<T> {
    First,
    From(T),
    End,
}

/// A key and the id after it, as the listings of versions and of uploads continue.
type Markers = (Option<String>, Option<String>);

impl Store {
    /// All objects under a prefix, in key order.
    pub async fn list(&self, prefix: &Prefix) -> Result<Vec<ListedObject>, StoreError> {
        self.list_pages(prefix).try_concat().await
    }

    /// The objects under a prefix, in key order, up to 1000 at a time as they arrive.
    pub fn list_pages(&self, prefix: &Prefix) -> impl Stream<Item = Result<Vec<ListedObject>, StoreError>> {
        stream::try_unfold(Next::First, move |next| async move {
            let Some((page, next)) = self.list_page(prefix, None, next).await? else { return Ok(None) };
            let objects = page.contents.unwrap_or_default().into_iter();
            let objects = objects.map(|object| {
                Ok(ListedObject {
                    key: self.present(LIST, prefix.as_str(), "key", object.key)?,
                    size: self.present(LIST, prefix.as_str(), "size", size(object.size))?,
                    last_modified: object.last_modified.as_ref().and_then(timestamp),
                    etag: object.e_tag.map(ETag::new),
                })
            });
            Ok(Some((objects.collect::<Result<Vec<_>, StoreError>>()?, next)))
        })
    }

    /// The folders directly under a prefix, in order.
    pub async fn list_folders(&self, prefix: &Prefix) -> Result<Vec<Prefix>, StoreError> {
        let mut folders = Vec::new();
        let mut next = Next::First;
        while let Some((page, following)) = self.list_page(prefix, Some("/"), next).await? {
            for folder in page.common_prefixes.unwrap_or_default() {
                let folder = self.present(LIST, prefix.as_str(), "prefix", folder.prefix)?;
                folders.push(
                    Prefix::try_from(folder)
                        .map_err(|error| self.malformed(LIST, prefix.as_str(), error.to_string()))?,
                );
            }
            next = following;
        }
        Ok(folders)
    }

    async fn list_page(
        &self,
        prefix: &Prefix,
        delimiter: Option<&str>,
        from: Next<String>,
    ) -> Result<Option<(aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output, Next<String>)>, StoreError>
    {
        let token = match from {
            Next::End => return Ok(None),
            Next::First => None,
            Next::From(token) => Some(token),
        };
        let send = || {
            let request = self.client.list_objects_v2().bucket(self.bucket()).prefix(prefix.as_str());
            let request = request.set_delimiter(delimiter.map(str::to_owned));
            let request = request.set_continuation_token(token.clone());
            request.set_expected_bucket_owner(self.owner()).send()
        };
        let (page, _) = self.caller.call(LIST.name, send).await;
        let mut page = page.map_err(|error| self.error(LIST, prefix.as_str(), error))?;
        let next = if page.is_truncated == Some(true) {
            let token = page.next_continuation_token.take();
            Next::From(self.present(LIST, prefix.as_str(), "continuation token", token)?)
        } else {
            Next::End
        };
        Ok(Some((page, next)))
    }

    /// All versions and delete markers under a prefix. A bucket without versioning lists its objects
    /// with the version id `null`.
    pub async fn list_versions(&self, prefix: &Prefix) -> Result<Vec<ObjectVersion>, StoreError> {
        let mut all = Vec::new();
        let mut next = Next::First;
        while let Some((key_marker, version_marker)) = markers(next) {
            let send = || {
                let request =
                    self.client.list_object_versions().bucket(self.bucket()).prefix(prefix.as_str());
                let request = request.set_key_marker(key_marker.clone());
                let request = request.set_version_id_marker(version_marker.clone());
                request.set_expected_bucket_owner(self.owner()).send()
            };
            let (page, _) = self.caller.call(LIST_VERSIONS.name, send).await;
            let mut page = page.map_err(|error| self.error(LIST_VERSIONS, prefix.as_str(), error))?;
            next = if page.is_truncated == Some(true) {
                let key =
                    self.present(LIST_VERSIONS, prefix.as_str(), "key marker", page.next_key_marker.take())?;
                Next::From((Some(key), page.next_version_id_marker.take()))
            } else {
                Next::End
            };
            self.add_versions(prefix, page, &mut all)?;
        }
        Ok(all)
    }

    fn add_versions(
        &self,
        prefix: &Prefix,
        page: ListObjectVersionsOutput,
        all: &mut Vec<ObjectVersion>,
    ) -> Result<(), StoreError> {
        for version in page.versions.unwrap_or_default() {
            all.push(ObjectVersion {
                key: self.present(LIST_VERSIONS, prefix.as_str(), "key", version.key)?,
                version_id: self.present(LIST_VERSIONS, prefix.as_str(), "version id", version.version_id)?,
                is_delete_marker: false,
                is_latest: version.is_latest == Some(true),
                size: self.present(LIST_VERSIONS, prefix.as_str(), "size", size(version.size))?,
                last_modified: version.last_modified.as_ref().and_then(timestamp),
            });
        }
        for marker in page.delete_markers.unwrap_or_default() {
            all.push(ObjectVersion {
                key: self.present(LIST_VERSIONS, prefix.as_str(), "key", marker.key)?,
                version_id: self.present(LIST_VERSIONS, prefix.as_str(), "version id", marker.version_id)?,
                is_delete_marker: true,
                is_latest: marker.is_latest == Some(true),
                size: 0,
                last_modified: marker.last_modified.as_ref().and_then(timestamp),
            });
        }
        Ok(())
    }

    /// All unfinished multipart uploads under a prefix.
    pub async fn list_uploads(&self, prefix: &Prefix) -> Result<Vec<PendingUpload>, StoreError> {
        self.uploads_of(prefix.as_str()).await
    }

    /// All unfinished multipart uploads whose keys start with `start`.
    pub(crate) async fn uploads_of(&self, start: &str) -> Result<Vec<PendingUpload>, StoreError> {
        let mut all = Vec::new();
        let mut next = Next::First;
        while let Some((key_marker, id_marker)) = markers(next) {
            let send = || {
                let request = self.client.list_multipart_uploads().bucket(self.bucket()).prefix(start);
                let request = request.set_key_marker(key_marker.clone());
                let request = request.set_upload_id_marker(id_marker.clone());
                request.set_expected_bucket_owner(self.owner()).send()
            };
            let (page, _) = self.caller.call(LIST_UPLOADS.name, send).await;
            let page = page.map_err(|error| self.error(LIST_UPLOADS, start, error))?;
            for upload in page.uploads.unwrap_or_default() {
                all.push(PendingUpload {
                    key: self.present(LIST_UPLOADS, start, "key", upload.key)?,
                    upload_id: self.present(LIST_UPLOADS, start, "upload id", upload.upload_id)?,
                    initiated: upload.initiated.as_ref().and_then(timestamp),
                });
            }
            next = if page.is_truncated == Some(true) {
                let key = self.present(LIST_UPLOADS, start, "key marker", page.next_key_marker)?;
                Next::From((Some(key), page.next_upload_id_marker))
            } else {
                Next::End
            };
        }
        Ok(all)
    }

    /// Aborts a multipart upload. One that is gone already is success.
    pub async fn abort_upload(&self, key: &str, upload_id: &str) -> Result<(), StoreError> {
        let send = || {
            let request = self.client.abort_multipart_upload().bucket(self.bucket()).key(key);
            request.upload_id(upload_id).set_expected_bucket_owner(self.owner()).send()
        };
        match self.caller.call(ABORT_UPLOAD.name, send).await.0 {
            Ok(_) => Ok(()),
            Err(error) => match self.error(ABORT_UPLOAD, key, error) {
                StoreError::UploadGone { .. } | StoreError::NoSuchKey { .. } => Ok(()),
                error => Err(error),
            },
        }
    }

    /// A field of an answer that S3 always sends; without it, going on would skip something.
    fn present<T>(
        &self,
        operation: Operation,
        key: &str,
        name: &str,
        field: Option<T>,
    ) -> Result<T, StoreError> {
        field.ok_or_else(|| self.malformed(operation, key, format!("lacks a {name}")))
    }
}

/// The markers of the page to ask for; `None` past the last.
fn markers(next: Next<Markers>) -> Option<Markers> {
    match next {
        Next::First => Some((None, None)),
        Next::From(markers) => Some(markers),
        Next::End => None,
    }
}

#[cfg(test)]
mod tests;
