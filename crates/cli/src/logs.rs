//! Logs on stderr. Every line carries step, table, run and attempt as far as they are known, whichever task or
//! thread writes it; so they live beside the formatter and not in spans, which spawned tasks would leave.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;
use lakeward_observe::Telemetry;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{Layer as _, fmt as text};

use crate::args::{CommonArgs, LogFormat};
use crate::clock::Clock;

/// What every line says of the execution that wrote it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Identity {
    pub(crate) fn set(&self, field: &'static str, value: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(field, value);
    }

    pub(crate) fn get(&self, field: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(field).cloned()
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<&'static str, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Starts logging, and collecting spans if somebody wants them. A filter that does not parse falls back to `info`, and
/// says so.
pub(crate) fn init(
    program: &str,
    common: &CommonArgs,
    clock: Arc<dyn Clock>,
    telemetry: Option<&Telemetry>,
) -> Identity {
    let identity = Identity::default();
    identity.set("step", program.to_owned());
    let json = match common.log_format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let parsed = EnvFilter::try_new(&common.log_level);
    let refused = parsed.as_ref().err().map(ToString::to_string);
    let format = Format { json, identity: identity.clone(), clock };
    let wanted = parsed.unwrap_or_else(|_| EnvFilter::new("info")).and(filter_fn(holds_no_secret));
    let lines = text::layer().with_writer(std::io::stderr).event_format(format).with_filter(wanted);
    let subscriber = Registry::default().with(telemetry.and_then(Telemetry::layer)).with(lines);
    // Fails only when logging was set up before in this process, which then stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(error) = refused {
        tracing::warn!("log filter {:?} is not understood ({error}): using info", common.log_level);
    }
    identity
}

/// Whether lines of this kind can be shown. Tracing of the SDK has settings as it finds them, a password in an endpoint
/// among them, before anybody can refuse that.
fn holds_no_secret(metadata: &Metadata<'_>) -> bool {
    *metadata.level() != Level::TRACE || !metadata.target().starts_with("aws_")
}

struct Format {
    json: bool,
    identity: Identity,
    clock: Arc<dyn Clock>,
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let now = self.clock.now();
        let level = event.metadata().level();
        if self.json {
            let mut line = Map::new();
            line.insert("time".to_owned(), Value::from(now.to_string()));
            line.insert("level".to_owned(), Value::from(level.as_str().to_ascii_lowercase()));
            for (name, value) in self.identity.snapshot() {
                line.insert(name.to_owned(), Value::from(value));
            }
            line.insert("message".to_owned(), Value::from(fields.message));
            line.extend(fields.others);
            return writeln!(writer, "{}", Value::Object(line));
        }
        let time = now.to_zoned(TimeZone::UTC).strftime("%H:%M:%S");
        write!(writer, "{time} {level:<5} {}", fields.message)?;
        for (name, value) in &fields.others {
            match value {
                Value::String(text) => write!(writer, " {name}={text}")?,
                other => write!(writer, " {name}={other}")?,
            }
        }
        writeln!(writer)
    }
}

/// The message and the other fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            self.message = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        } else {
            self.others.insert(field.name().to_owned(), value);
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::from(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }
}
