//! OpenLineage events: which step of which table ran, what it read, what it wrote, how it ended.
//!
//! Source of names and facets: the OpenLineage specification, 2-0-2, its facets as of 1.54, and its naming conventions.

mod event;
mod messenger;
mod names;

use jiff::Timestamp;

use self::event::{Event, Job, Moment};
use self::messenger::Messenger;
pub use self::names::Dataset;
use crate::{Execution, ObserveError, Record, Telling};

/// Who is told, and under which names.
#[derive(Clone, Debug)]
pub struct LineageOptions {
    /// A URL, or a file to which each event is appended as a line.
    pub target: String,
    /// The path below the URL.
    pub endpoint: String,
    /// The key that goes with each request.
    pub api_key: Option<String>,
    /// The namespace of the jobs.
    pub namespace: String,
    /// The run that this one is part of, as `namespace/job/run id`. Without one, a step is part of the run of its table.
    pub parent: Option<String>,
}

/// The table that an execution works on, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// The prefix of the table's root.
    pub prefix: String,
    /// The run; none for gc, unless it abandons one.
    pub run: Option<String>,
}

/// The events of one execution. Clones share it.
#[derive(Clone, Debug)]
pub struct Lineage {
    options: LineageOptions,
    messenger: Messenger,
    step: &'static str,
    execution: String,
    record: Record,
}

impl Lineage {
    /// Starts to tell of an execution of `step`, by what it writes down in `record`.
    ///
    /// # Errors
    /// The target is a malformed URL, or no thread can be had.
    pub fn start(
        options: LineageOptions,
        step: &'static str,
        execution: &str,
        record: Record,
    ) -> Result<Self, ObserveError> {
        let messenger = Messenger::start(&options)?;
        Ok(Self { options, messenger, step, execution: execution.to_owned(), record })
    }

    /// Tells that the execution has begun, at this table. Waits for nothing.
    pub fn begin(&self, at: Timestamp) {
        self.tell(&Moment::Begun(at));
    }

    /// Tells how it ended, unless nothing is known of it but its step. Waits for nothing: what it gives does.
    pub fn end(&self, execution: &Execution) -> Telling {
        self.tell(&Moment::Ended(execution));
        self.messenger.report()
    }

    fn tell(&self, moment: &Moment<'_>) {
        let Some(place) = self.record.place() else { return };
        let job = Job { namespace: &self.options.namespace, step: self.step, place: &place };
        let event = Event {
            moment,
            job,
            execution: &self.execution,
            parent: self.options.parent.as_deref(),
            record: &self.record,
        };
        self.messenger.send(event.to_json().to_string());
    }
}
