//! Takes events to whoever is told, in their order, on a thread of its own.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use opentelemetry_http::Request;

use super::LineageOptions;
use crate::courier::{Courier, no_thread};
use crate::{Address, ObserveError};

/// What the thread is given. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Messenger {
    events: Sender<Errand>,
    /// Where it goes, as it may be shown.
    target: String,
}

#[derive(Debug)]
enum Errand {
    /// Take this event.
    Take(String),
    /// Say what went wrong with those before.
    Report(Sender<Option<String>>),
}

/// Where events go.
enum Target {
    File(PathBuf),
    Url { courier: Courier, url: String, api_key: Option<String> },
}

impl Messenger {
    /// Starts the thread.
    ///
    /// # Errors
    /// The target is a malformed URL, or no thread can be had.
    pub(super) fn start(options: &LineageOptions) -> Result<Self, ObserveError> {
        let (target, shown) = target(options)?;
        let (events, errands) = mpsc::channel();
        let started = thread::Builder::new().spawn(move || run(&target, errands));
        let failed = |error| ObserveError::Lineage { target: shown.clone(), reason: no_thread(&error) };
        started.map_err(failed)?;
        Ok(Self { events, target: shown })
    }

    /// Gives an event to the thread.
    pub(super) fn send(&self, event: String) {
        // Should the thread be gone, `Delivery::settle` tells.
        let _ = self.events.send(Errand::Take(event));
    }

    /// Asks for a report of everything that was sent before. Waits for nothing.
    pub(super) fn report(&self) -> Delivery {
        let (sender, report) = mpsc::channel();
        let _ = self.events.send(Errand::Report(sender));
        Delivery { report, target: self.target.clone() }
    }
}

/// The report of what was told, which may be on its way still.
#[derive(Debug)]
pub struct Delivery {
    report: Receiver<Option<String>>,
    target: String,
}

impl Delivery {
    /// Waits until everything was taken, or until `deadline`. A report that has come counts, however late it is asked for.
    ///
    /// # Errors
    /// Not all of it has arrived, as far as is known.
    pub fn settle(self, deadline: Instant) -> Result<(), ObserveError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let reason = match self.report.recv_timeout(left) {
            Ok(None) => return Ok(()),
            Ok(Some(reason)) => reason,
            Err(_) => "no answer in time".to_owned(),
        };
        Err(ObserveError::Lineage { target: self.target, reason })
    }
}

fn target(options: &LineageOptions) -> Result<(Target, String), ObserveError> {
    let text = options.target.as_str();
    let path = text.strip_prefix("file://").or_else(|| (!text.contains("://")).then_some(text));
    if let Some(path) = path {
        return Ok((Target::File(path.into()), path.to_owned()));
    }
    let address = Address::parse(text).map_err(|_| ObserveError::LineageTarget)?;
    let address = address.below(options.endpoint.trim_start_matches('/'));
    let (courier, url) = (Courier::to(&address), address.url().to_owned());
    Ok((Target::Url { courier, url, api_key: options.api_key.clone() }, address.to_string()))
}

fn run(target: &Target, errands: Receiver<Errand>) {
    let mut failure = None;
    for errand in errands {
        match errand {
            Errand::Take(event) => failure = target.take(&event).err().or(failure),
            // Whoever asked may have stopped waiting.
            Errand::Report(to) => drop(to.send(failure.clone())),
        }
    }
}

impl Target {
    fn take(&self, event: &str) -> Result<(), String> {
        match self {
            Self::File(path) => {
                let opened = OpenOptions::new().append(true).create(true).open(path);
                // In one piece: others may append to it as well.
                let written = opened.and_then(|mut file| file.write_all(format!("{event}\n").as_bytes()));
                written.map_err(|error| error.to_string())
            }
            Self::Url { courier, url, api_key } => {
                let mut request = Request::post(url).header("content-type", "application/json");
                if let Some(key) = api_key {
                    request = request.header("authorization", format!("Bearer {key}"));
                }
                let request = request.body(event.as_bytes().to_vec());
                // Its words may hold the key.
                let answer = courier.take(request.map_err(|_| "the key is no header".to_owned())?)?;
                let status = answer.status();
                if status.is_success() { Ok(()) } else { Err(format!("it answers {status}")) }
            }
        }
    }
}
