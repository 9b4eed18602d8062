//! moto: S3 and Glue in one Python process.

use std::process::Command;

use anyhow::Result;

use super::{Key, Recipe, Server, ports, program};

/// It verifies no signature: any key will do.
const KEY: Key = Key { id: "AKIAMOTO", secret: "moto-secret" };

/// Starts moto.
///
/// # Errors
/// It is not installed, or does not start.
pub async fn moto() -> Result<Server> {
    Server::start(|_| {
        let [port] = ports::free()?;
        let mut command = Command::new(program("moto_server")?);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let url = format!("http://127.0.0.1:{port}");
        Ok(Recipe { name: "moto", command, url, key: KEY, litter: Vec::new() })
    })
    .await
}
