//! Where a scenario takes place: an S3 and a Glue endpoint, a bucket and a database.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::conformance::{Endpoint, REGION};
use crate::image::{Container, NO_SHELL, open_to_all};
use crate::step::Step;
use crate::table::Table;

/// S3 and Glue, maybe of two servers, with a bucket and a database that exist. Clones share its folder.
#[derive(Clone, Debug)]
pub struct Backend {
    s3: Endpoint,
    glue: Endpoint,
    bucket: String,
    database: String,
    patience: Option<&'static str>,
    folder: Arc<TempDir>,
    container: Option<Container>,
}

impl Backend {
    /// A backend. `bucket` and `database` must exist; both endpoints must take the key of `s3`.
    ///
    /// # Errors
    /// No temporary folder can be made.
    pub fn new(s3: Endpoint, glue: Endpoint, bucket: &str, database: &str) -> Result<Self> {
        let folder = Arc::new(TempDir::new().context("making a temporary folder")?);
        let (bucket, database) = (bucket.to_owned(), database.to_owned());
        Ok(Self { s3, glue, bucket, database, patience: None, folder, container: None })
    }

    /// The same, with steps that go on trying for no longer than `patience`, such as `10s`.
    #[must_use]
    pub fn with_patience(self, patience: &'static str) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// The same with steps that run in containers, which see its folder.
    ///
    /// # Errors
    /// The folder cannot be opened to the containers' user.
    pub fn in_containers(self, container: Container) -> Result<Self> {
        open_to_all(self.folder())?;
        let container = Some(container.sharing(self.folder()));
        Ok(Self { container, ..self })
    }

    /// The same with another bucket, which must exist.
    #[must_use]
    pub fn in_bucket(&self, bucket: &str) -> Self {
        Self { bucket: bucket.to_owned(), ..self.clone() }
    }

    /// The endpoint of S3.
    pub const fn s3_endpoint(&self) -> &Endpoint {
        &self.s3
    }

    /// A client of S3 that never retries.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        self.s3.s3()
    }

    /// A client of Glue that never retries.
    pub fn glue(&self) -> aws_sdk_glue::Client {
        self.glue.glue()
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The Glue database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// A folder for files of the tests, and the steps' home and temporary folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The variables by which a step finds S3 and Glue.
    pub fn env(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL_S3", self.s3.url().to_owned()),
            ("AWS_ENDPOINT_URL_GLUE", self.glue.url().to_owned()),
            ("AWS_ACCESS_KEY_ID", self.s3.access_key_id().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", self.s3.secret_access_key().to_owned()),
            ("AWS_REGION", REGION.to_owned()),
        ]
    }

    /// A table of its own. No two scenarios may use the same name.
    pub fn table(&self, name: &str) -> Table<'_> {
        Table::new(self, name)
    }

    /// A step, such as `write`, that runs against this backend.
    pub fn step(&self, name: &'static str) -> Step {
        Step::new(name, self.folder()).container(self.container.clone()).envs(self.step_env())
    }

    /// The step that a line for a shell runs, with this home, working and temporary folder.
    ///
    /// # Errors
    /// It begins with none of the binaries, or steps run in containers.
    pub(crate) fn shell(&self, line: &str, folder: &Path) -> Result<Step> {
        ensure!(self.container.is_none(), "{NO_SHELL}");
        Ok(Step::of_shell(line, folder)?.envs(self.step_env()))
    }

    /// The variables of every step: those of [`Backend::env`], and its patience.
    pub(crate) fn step_env(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let patience = self.patience.map(|patience| ("LAKEWARD_PATIENCE", patience.to_owned()));
        self.env().into_iter().chain(patience)
    }

    /// Writes a file into the backend's folder.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn file(&self, name: &str, text: &str) -> Result<std::path::PathBuf> {
        let path = self.folder().join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Puts an object.
    ///
    /// # Errors
    /// S3 refuses it.
    pub async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> Result<()> {
        let put = self.s3().put_object().bucket(&self.bucket).key(key).body(body.into().into());
        put.send().await.with_context(|| format!("putting {key}"))?;
        Ok(())
    }

    /// Reads an object.
    ///
    /// # Errors
    /// There is none.
    pub async fn get(&self, key: &str) -> Result<Vec<u8>> {
        let got = self.s3().get_object().bucket(&self.bucket).key(key).send().await;
        let body = got.with_context(|| format!("getting {key}"))?.body;
        Ok(body.collect().await.with_context(|| format!("reading {key}"))?.to_vec())
    }

    /// The keys that start with `prefix`, in order.
    ///
    /// # Errors
    /// S3 refuses to list them.
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>> {
        let s3 = self.s3();
        let mut pages = s3.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.with_context(|| format!("listing {prefix}"))?;
            keys.extend(page.contents().iter().filter_map(|object| object.key()).map(str::to_owned));
        }
        Ok(keys)
    }

    /// The keys of unfinished multipart uploads that start with `prefix`.
    ///
    /// # Errors
    /// S3 refuses to list them.
    pub async fn uploads(&self, prefix: &str) -> Result<Vec<String>> {
        let listed = self.s3().list_multipart_uploads().bucket(&self.bucket).prefix(prefix).send().await;
        let listed = listed.with_context(|| format!("listing uploads of {prefix}"))?;
        Ok(listed.uploads().iter().filter_map(|upload| upload.key()).map(str::to_owned).collect())
    }
}
