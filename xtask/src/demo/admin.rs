//! The local lake's own interface: failures on demand, and the list of what was asked of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::local_lake::LocalLake;

/// How long a fault may take to befall a request.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two looks at whether it has.
const PAUSE: Duration = Duration::from_millis(20);

/// Talks to the interface.
#[derive(Debug)]
pub(crate) struct Admin<'l> {
    host: &'l str,
}

/// A fault that was set.
#[derive(Debug)]
pub(crate) struct Fault {
    id: Value,
}

impl<'l> Admin<'l> {
    /// The interface of a lake.
    pub(crate) fn of(lake: &'l LocalLake) -> Result<Self> {
        Ok(Self { host: lake.host()? })
    }

    /// Holds up every PutObject of a key that contains `part`, from the `nth` on, until [`Admin::release`].
    pub(crate) fn hold_uploads(&self, part: &str, nth: u64) -> Result<Fault> {
        let rule = json!({
            "operation": "PutObject", "contains": part, "nth": nth, "times": u32::MAX, "effect": "pause",
        });
        Ok(Fault { id: self.ask("POST", "faults", &rule.to_string())?["id"].take() })
    }

    /// Waits until a fault has befallen a request.
    pub(crate) fn wait_for(&self, fault: &Fault) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let answer = self.ask("GET", "faults", "")?;
            let faults = answer["faults"].as_array().context("the lake lists no faults")?;
            let ours = faults.iter().find(|listed| listed["id"] == fault.id);
            if ours.is_some_and(|listed| listed["fired"].as_u64() > Some(0)) {
                return Ok(());
            }
            thread::sleep(PAUSE);
        }
        bail!("no request was held up within {} s", PATIENCE.as_secs())
    }

    /// Lets go on what the faults hold up, and removes them.
    pub(crate) fn release(&self) -> Result<()> {
        self.ask("DELETE", "faults", "").map(drop)
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget_requests(&self) -> Result<()> {
        self.ask("DELETE", "requests", "").map(drop)
    }

    /// The operations of `service` that were asked for since, in their order.
    pub(crate) fn requests_to(&self, service: &str) -> Result<Vec<String>> {
        let answer = self.ask("GET", "requests", "")?;
        let requests = answer["requests"].as_array().context("the lake lists no requests")?;
        let requests = requests.iter().filter(|request| request["service"] == service);
        Ok(requests.filter_map(|request| request["operation"].as_str()).map(str::to_owned).collect())
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let failed = || format!("cannot ask the local lake at {} to {method} {path}", self.host);
        let answer = self.exchange(method, path, body).with_context(failed)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP").with_context(failed)?;
        if head.split(' ').nth(1) != Some("200") {
            bail!("{}: {body}", failed());
        }
        serde_json::from_str(body).with_context(failed)
    }

    /// One request, in HTTP 1.0: its answer comes in one piece and ends with the connection.
    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(self.host)?;
        let length = body.len();
        let head = format!("{method} /_local/{path} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n");
        connection.write_all((head + body).as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }
}
