//! S3 and Glue servers that others wrote, as processes that end with the value that holds them.
//!
//! They come from the Python environment that `cargo xtask test --full` installs; what each of them does
//! not prove is in docs/TESTING.md.

mod ministack;
mod moto;
mod ports;
mod seaweedfs;
mod site;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use lakeward_local::Credentials;
use tempfile::TempDir;

use crate::conformance::Endpoint;

pub use ministack::ministack;
pub use moto::moto;
pub use seaweedfs::seaweedfs;
pub use site::{Forbidden, Site};

/// Names the folder of the Python environment.
const VENV: &str = "LAKEWARD_VENV";
/// How long a server may take until it stores an object.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at a server that is starting.
const GLANCE: Duration = Duration::from_millis(100);
/// A free port can be taken by another process before the server listens on it.
const TRIES: usize = 3;

/// A key that clients sign with.
#[derive(Clone, Copy, Debug)]
struct Key {
    id: &'static str,
    secret: &'static str,
}

/// A server that is running. Dropped, it is killed and its files are removed.
#[derive(Debug)]
pub struct Server {
    url: String,
    key: Key,
    process: Child,
    litter: Vec<PathBuf>,
    _folder: TempDir,
}

/// How a server is started.
struct Recipe {
    name: &'static str,
    command: Command,
    url: String,
    key: Key,
    /// What it leaves behind outside its folder.
    litter: Vec<PathBuf>,
}

impl Server {
    /// The access key that it knows.
    pub fn credentials(&self) -> Credentials {
        let Key { id, secret } = self.key;
        Credentials { access_key_id: id.to_owned(), secret_access_key: secret.to_owned() }
    }

    /// The server as the conformance checks want it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::new(&self.url, self.key.id, self.key.secret, "full")
    }

    /// Starts what `recipe` makes for a folder of its own, and waits until it stores objects.
    async fn start(recipe: impl Fn(&Path) -> Result<Recipe>) -> Result<Self> {
        for _ in 1..TRIES {
            if let Ok(server) = Self::try_start(&recipe).await {
                return Ok(server);
            }
        }
        Self::try_start(&recipe).await
    }

    async fn try_start(recipe: &impl Fn(&Path) -> Result<Recipe>) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the server")?;
        let Recipe { name, mut command, url, key, litter } = recipe(folder.path())?;
        let log = folder.path().join("log");
        let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let process = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let mut server = Self { url, key, process, litter, _folder: folder };
        match server.until_it_stores().await {
            Ok(()) => Ok(server),
            Err(error) => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                Err(error.context(format!("{name} did not start; it said:\n{said}")))
            }
        }
    }

    async fn until_it_stores(&mut self) -> Result<()> {
        let endpoint = self.endpoint();
        let storing = async {
            while stores(&endpoint).await.is_err() {
                if let Some(status) = self.process.try_wait()? {
                    bail!("it ended: {status}");
                }
                tokio::time::sleep(GLANCE).await;
            }
            Ok(())
        };
        let stored = tokio::time::timeout(PATIENCE, storing).await;
        stored.unwrap_or_else(|_| Err(anyhow!("it stored no object within {PATIENCE:?}")))
    }
}

/// Some servers answer long before they can store anything.
async fn stores(endpoint: &Endpoint) -> Result<()> {
    let (s3, bucket, key) = (endpoint.s3(), "readiness", "object");
    if s3.head_bucket().bucket(bucket).send().await.is_err() {
        s3.create_bucket().bucket(bucket).send().await?;
    }
    s3.put_object().bucket(bucket).key(key).body(b"stored".to_vec().into()).send().await?;
    s3.delete_object().bucket(bucket).key(key).send().await?;
    s3.delete_bucket().bucket(bucket).send().await?;
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and nobody is left to tell what could not be removed.
        let _ = self.process.kill();
        let _ = self.process.wait();
        for file in &self.litter {
            let _ = fs::remove_file(file);
        }
    }
}

/// A program of the Python environment.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let venv = std::env::var_os(VENV)
        .with_context(|| format!("{VENV} is not set: run these tests by `cargo xtask test --full`"))?;
    Ok(Path::new(&venv).join("bin").join(name))
}
