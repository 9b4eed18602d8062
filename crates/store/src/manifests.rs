//! Manifests in S3: read, created, and changed by compare-and-swap.

use bytes::Bytes;
use lakeward_aws::{Caller, End, SdkConfig};
use lakeward_manifest::{Manifest, ManifestUri, ReadError, Refusal, RunId, TableRoot};
use lakeward_outcome::{Classify, Kind};

use crate::{ETag, Put, Store, StoreError, StoreOptions};

/// A manifest and the state of the object that it was read from.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The document.
    pub manifest: Manifest,
    /// What names this very state of it.
    pub etag: ETag,
}

/// Why a manifest could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// There is none.
    #[error("there is no manifest at {uri}: check the URI, or run lakeward-write first")]
    Missing {
        /// Where it should be.
        uri: ManifestUri,
    },
    /// It is not one that this Lakeward can use.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The run's state does not allow the change.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Others kept changing it.
    #[error("{uri} kept being changed by others while this step tried to change it: run again")]
    Contended {
        /// The manifest.
        uri: ManifestUri,
    },
    /// It cannot be written as JSON.
    #[error("writing {uri} as JSON")]
    Json {
        /// The manifest.
        uri: ManifestUri,
        /// Why.
        source: serde_json::Error,
    },
    /// S3.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classify for ManifestError {
    fn kind(&self) -> Kind {
        match self {
            Self::Missing { .. } => Kind::Usage,
            Self::Read(error) => error.kind(),
            Self::Refused(refusal) => refusal.kind(),
            Self::Contended { .. } => Kind::Transient,
            Self::Json { .. } => Kind::Unexpected,
            Self::Store(error) => error.kind(),
        }
    }
}

/// The manifests of one table.
#[derive(Clone, Debug)]
pub struct Manifests {
    store: Store,
    root: TableRoot,
}

impl Manifests {
    /// The manifests of the table at `root`. Makes no call.
    ///
    /// # Errors
    /// No Region is configured.
    pub fn open(
        config: &SdkConfig,
        root: TableRoot,
        options: StoreOptions,
        caller: Caller,
    ) -> Result<Self, StoreError> {
        let store = Store::open(config, root.bucket(), options, caller)?;
        Ok(Self { store, root })
    }

    /// The same manifests through another caller.
    #[must_use]
    pub fn with_caller(&self, caller: Caller) -> Self {
        Self { store: self.store.with_caller(caller), root: self.root.clone() }
    }

    /// The bucket that holds the table.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The table's root.
    pub const fn root(&self) -> &TableRoot {
        &self.root
    }

    /// Reads a run's manifest; none if there is none.
    ///
    /// # Errors
    /// [`ManifestError::Read`], [`ManifestError::Store`].
    pub async fn find(&self, run: &RunId) -> Result<Option<Stored>, ManifestError> {
        let uri = self.uri(run);
        let Some(document) = self.store.get(&uri.key()).await? else { return Ok(None) };
        let manifest = Manifest::from_json(&document.bytes, &uri)?;
        Ok(Some(Stored { manifest, etag: document.etag }))
    }

    /// Reads a run's manifest.
    ///
    /// # Errors
    /// [`ManifestError::Missing`], [`ManifestError::Read`], [`ManifestError::Store`].
    pub async fn load(&self, run: &RunId) -> Result<Stored, ManifestError> {
        self.find(run).await?.ok_or_else(|| ManifestError::Missing { uri: self.uri(run) })
    }

    /// Creates a run's manifest; none if there is one already.
    ///
    /// # Errors
    /// [`ManifestError::Store`].
    pub async fn create(&self, manifest: Manifest) -> Result<Option<Stored>, ManifestError> {
        let put = self.store.create(&manifest.uri().key(), encode(&manifest)?).await?;
        Ok(done(put, manifest))
    }

    /// Replaces a manifest; none if somebody has changed it since it was read.
    ///
    /// # Errors
    /// [`ManifestError::Store`].
    pub async fn replace(&self, read: &ETag, manifest: Manifest) -> Result<Option<Stored>, ManifestError> {
        let put = self.store.replace(&manifest.uri().key(), encode(&manifest)?, read).await?;
        Ok(done(put, manifest))
    }

    /// Changes a manifest by a transition; when somebody else was faster, the transition is made again from what
    /// they left, so that it is the transition that decides whether the change is still right. A transition that
    /// changes nothing writes nothing.
    ///
    /// # Errors
    /// What the transition refuses, [`ManifestError::Contended`], [`ManifestError::Store`].
    pub async fn change(
        &self,
        read: Stored,
        mut transition: impl FnMut(Manifest) -> Result<Manifest, Refusal>,
    ) -> Result<Stored, ManifestError> {
        let mut read = read;
        let mut backoff = self.store.caller().backoff();
        loop {
            let run = read.manifest.run.id.clone();
            let changed = transition(read.manifest.clone())?;
            if changed == read.manifest {
                return Ok(read);
            }
            if let Some(stored) = self.replace(&read.etag, changed).await? {
                return Ok(stored);
            }
            tracing::debug!(%run, "somebody else changed the manifest: looking again");
            if let Err(End::OutOfPatience | End::Cancelled) = backoff.wait().await {
                return Err(ManifestError::Contended { uri: self.uri(&run) });
            }
            read = self.load(&run).await?;
        }
    }

    fn uri(&self, run: &RunId) -> ManifestUri {
        ManifestUri { root: self.root.clone(), run: run.clone() }
    }
}

fn encode(manifest: &Manifest) -> Result<Bytes, ManifestError> {
    let json = manifest.to_json().map_err(|source| ManifestError::Json { uri: manifest.uri(), source })?;
    Ok(Bytes::from(json))
}

fn done(put: Put, manifest: Manifest) -> Option<Stored> {
    match put {
        Put::Done(etag) => Some(Stored { manifest, etag }),
        Put::Lost => None,
    }
}

#[cfg(test)]
mod tests;
