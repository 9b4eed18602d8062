//! ministack: S3 and Glue in one Python process.

use std::process::Command;

use anyhow::Result;

use super::{Key, Recipe, Server, ports, program};

/// It verifies no signature. A key of twelve digits would name an account.
const KEY: Key = Key { id: "AKIAMINISTACK", secret: "ministack-secret" };

/// Starts ministack.
///
/// # Errors
/// It is not installed, or does not start.
pub async fn ministack() -> Result<Server> {
    Server::start(|folder| {
        let [port] = ports::free()?;
        let mut command = Command::new(program("ministack")?);
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("SERVICES", "s3,glue")
            // Otherwise it also listens on the port of MQTT, always the same one.
            .env("IOT_MTLS_ENABLED", "false")
            .env("TMPDIR", folder);
        let url = format!("http://127.0.0.1:{port}");
        Ok(Recipe { name: "ministack", command, url, key: KEY, litter: Vec::new() })
    })
    .await
}
