//! Takes events to whoever is told, in their order, on a thread of its own.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use opentelemetry_http::Request;

use super::LineageOptions;
use crate::courier::Courier;
use crate::telling::no_thread;
use crate::{Address, ObserveError, Telling};

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
    Report(Sender<Result<(), ObserveError>>),
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
        let messenger = Self { events, target: shown.clone() };
        let started = thread::Builder::new().spawn(move || run(&target, &shown, errands));
        started.map_err(|error| failed(&messenger.target, no_thread(&error).to_string()))?;
        Ok(messenger)
    }

    /// Gives an event to the thread.
    pub(super) fn send(&self, event: String) {
        // Should the thread be gone, `Telling::settle` tells.
        let _ = self.events.send(Errand::Take(event));
    }

    /// Asks for a report of everything that was sent before. Waits for nothing.
    pub(super) fn report(&self) -> Telling {
        let (sender, report) = mpsc::channel();
        let _ = self.events.send(Errand::Report(sender));
        Telling::heard_by(report, |error| failed(&self.target, error.to_string()))
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

fn failed(target: &str, reason: String) -> ObserveError {
    ObserveError::Lineage { target: target.to_owned(), reason }
}

fn run(target: &Target, shown: &str, errands: Receiver<Errand>) {
    let mut failure: Option<String> = None;
    for errand in errands {
        match errand {
            Errand::Take(event) => failure = target.take(&event).err().or(failure),
            Errand::Report(to) => {
                let report = failure.clone().map_or(Ok(()), |reason| Err(failed(shown, reason)));
                // Whoever asked may have stopped waiting.
                drop(to.send(report));
            }
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
