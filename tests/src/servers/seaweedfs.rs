//! SeaweedFS: a real S3 server, all of its parts in one process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Key, Recipe, Server, ports, program};

const KEY: Key = Key { id: "AKIASEAWEED", secret: "seaweed-secret" };

/// What it is told whatever its ports and its folder.
const FLAGS: [&str; 13] = [
    "server",
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-s3.ip.bind=127.0.0.1",
    "-filer",
    "-s3",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-master.telemetry=false",
    // As S3 does: a bucket is created by a request for it, and deleted only when it is empty.
    "-s3.autoCreateBucket=false",
    "-s3.allowDeleteBucketNotEmpty=false",
    // A bucket takes several volumes: with the default of 8, some ten buckets fill the server.
    "-volume.max=300",
    "-master.volumeSizeLimitMB=1024",
];

/// The parts of it that listen, each on a port for HTTP and one for gRPC.
const PARTS: [&str; 4] = ["s3", "master", "volume", "filer"];

/// Starts SeaweedFS.
///
/// # Errors
/// It is not installed, or does not start.
pub async fn seaweedfs() -> Result<Server> {
    Server::start(recipe).await
}

fn recipe(folder: &Path) -> Result<Recipe> {
    let ports = ports::free::<{ 2 * PARTS.len() }>()?;
    let (http, grpc) = ports.split_at(PARTS.len());
    let mut command = Command::new(program("weed")?);
    // It takes what memory it finds, and here it is not alone.
    command.env("GOMEMLIMIT", "1500MiB").env("TMPDIR", folder).args(FLAGS);
    command.arg(format!("-dir={}", folder.display()));
    command.arg(format!("-s3.config={}", identities(folder)?.display()));
    let mut litter = Vec::new();
    for ((part, http), grpc) in PARTS.iter().zip(http).zip(grpc) {
        command.arg(format!("-{part}.port={http}")).arg(format!("-{part}.port.grpc={grpc}"));
        litter.push(format!("/tmp/seaweedfs-{part}-{http}.sock").into());
        litter.push(format!("/tmp/seaweedfs-{part}-grpc-{grpc}.sock").into());
    }
    let url = format!("http://127.0.0.1:{}", http[0]);
    Ok(Recipe { name: "SeaweedFS", command, url, key: KEY, litter })
}

/// Who may do what: one key, everything.
fn identities(folder: &Path) -> Result<PathBuf> {
    let file = folder.join("s3.json");
    let identities = json!({ "identities": [{
        "name": "lakeward",
        "credentials": [{ "accessKey": KEY.id, "secretKey": KEY.secret }],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }] });
    fs::write(&file, identities.to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}
