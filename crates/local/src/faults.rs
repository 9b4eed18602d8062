//! Failures on demand: which requests they befall, and what happens to those.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::call::{Call, Service};

/// Which requests a fault befalls, when, and what it does to them.
///
/// As JSON, for the HTTP interface:
///
/// ```json
/// { "service": "s3", "operation": "PutObject", "contains": "manifest.json", "nth": 2, "times": 1,
///   "when": "after", "effect": "drop" }
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Only requests to this service.
    pub service: Option<Service>,
    /// Only this operation, such as `PutObject`.
    pub operation: Option<String>,
    /// Only requests whose resource (`bucket/key`, `database.table`) contains this.
    pub contains: Option<String>,
    /// Only requests of this caller: its application name or its access key id.
    pub caller: Option<String>,
    /// The first request to befall, counted from 1 among those that fit since the rule was set.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many requests to befall, one after another.
    #[serde(default = "one")]
    pub times: u64,
    /// Before or after the request is carried out.
    #[serde(default)]
    pub when: When,
    /// What happens.
    #[serde(flatten)]
    pub effect: Effect,
}

const fn one() -> u64 {
    1
}

/// Whether an effect comes before or after the request is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Before: a refused or dropped request changes nothing.
    #[default]
    Before,
    /// After: the change is made, and its answer is lost, late or wrong.
    After,
}

/// What a fault does to a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Answers with an error.
    Refuse {
        /// The HTTP status, such as 503.
        status: u16,
        /// The error's code, such as `SlowDown` or `ThrottlingException`.
        code: String,
    },
    /// Answers an error of its own for every `every`th item of one of Glue's batches. Before, these items are not
    /// done; after, they are done all the same. A batch of fewer items counts as a request that fits, and not as
    /// one that was befallen.
    FailItems {
        /// Which items: 2 for every second one.
        every: NonZeroUsize,
        /// The error's code, such as `InternalServiceException`.
        code: String,
    },
    /// Closes the connection without an answer.
    Drop,
    /// Waits.
    Delay {
        /// How long, in milliseconds.
        ms: u64,
    },
    /// Waits until the fault is released. The request goes on then even if its client is gone.
    Pause,
    /// Runs a function of the test.
    #[serde(skip)]
    Hook(Hook),
}

/// A function of a test, run while a request waits.
#[derive(Clone)]
pub struct Hook(Arc<dyn Fn(Call) -> BoxFuture<'static, ()> + Send + Sync>);

impl Hook {
    /// Wraps a function; it may itself send requests to the lake.
    pub fn new<F, R>(run: F) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |call| Box::pin(run(call))))
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

impl Rule {
    /// A fault that befalls the next request, whatever it is.
    pub const fn new(when: When, effect: Effect) -> Self {
        Self { service: None, operation: None, contains: None, caller: None, nth: 1, times: 1, when, effect }
    }

    /// Only requests to this service.
    #[must_use]
    pub fn service(self, service: Service) -> Self {
        Self { service: Some(service), ..self }
    }

    /// Only this operation.
    #[must_use]
    pub fn operation(self, operation: impl Into<String>) -> Self {
        Self { operation: Some(operation.into()), ..self }
    }

    /// Only requests whose resource contains this.
    #[must_use]
    pub fn containing(self, part: impl Into<String>) -> Self {
        Self { contains: Some(part.into()), ..self }
    }

    /// Only requests of this caller: its application name or its access key id.
    #[must_use]
    pub fn caller(self, caller: impl Into<String>) -> Self {
        Self { caller: Some(caller.into()), ..self }
    }

    /// Befalls the `nth` fitting request first, counted from 1.
    #[must_use]
    pub fn nth(self, nth: u64) -> Self {
        Self { nth, ..self }
    }

    /// Befalls this many requests; [`u64::MAX`] for all of them.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    fn fits(&self, call: &Call) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let by = |caller: &String| [&call.caller, &call.access_key_id].contains(&&Some(caller.clone()));
        self.service.is_none_or(|service| service == call.service)
            && is(&self.operation, &call.operation)
            && self.contains.as_ref().is_none_or(|part| call.resource.contains(part))
            && self.caller.as_ref().is_none_or(by)
    }
}

/// The faults of a lake. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Set>>);

#[derive(Debug, Default)]
struct Set {
    last_id: u64,
    active: Vec<Fault>,
}

/// A fault that was set: tells how often it fired, and releases what it paused.
#[derive(Clone, Debug)]
pub struct Fault(Arc<Active>);

#[derive(Debug)]
struct Active {
    id: u64,
    rule: Rule,
    matched: AtomicU64,
    fired: watch::Sender<u64>,
    failed_items: AtomicU64,
    released: watch::Sender<bool>,
}

/// What the HTTP interface tells about a fault.
#[derive(Clone, Debug, Serialize)]
pub struct FaultReport {
    /// Names the fault.
    pub id: u64,
    /// The rule as it was set.
    pub rule: Rule,
    /// How many requests fitted the rule.
    pub matched: u64,
    /// How many of them it befell.
    pub fired: u64,
    /// How many items of batches it failed.
    pub failed_items: u64,
    /// Whether what it paused was released.
    pub released: bool,
}

impl Faults {
    /// Sets a fault.
    pub fn set(&self, rule: Rule) -> Fault {
        let mut set = crate::lock(&self.0);
        set.last_id += 1;
        let fault = Fault(Arc::new(Active {
            id: set.last_id,
            rule,
            matched: AtomicU64::new(0),
            fired: watch::Sender::new(0),
            failed_items: AtomicU64::new(0),
            released: watch::Sender::new(false),
        }));
        set.active.push(fault.clone());
        fault
    }

    /// Removes every fault, and releases what they paused.
    pub fn clear(&self) {
        let active = std::mem::take(&mut crate::lock(&self.0).active);
        active.iter().for_each(Fault::release);
    }

    /// Every fault that is set, oldest first.
    pub fn report(&self) -> Vec<FaultReport> {
        crate::lock(&self.0).active.iter().map(Fault::report).collect()
    }

    /// The fault with this id.
    pub fn get(&self, id: u64) -> Option<Fault> {
        crate::lock(&self.0).active.iter().find(|fault| fault.0.id == id).cloned()
    }

    /// The faults that befall a request.
    pub(crate) fn befalling(&self, call: &Call) -> Vec<Fault> {
        crate::lock(&self.0).active.iter().filter(|fault| fault.befalls(call)).cloned().collect()
    }
}

/// How a request goes on after a fault.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    Refuse { status: u16, code: String },
    FailItems { every: usize, code: String },
    Drop,
}

impl Fault {
    /// Names the fault.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// How many requests it befell.
    pub fn fired(&self) -> u64 {
        *self.0.fired.borrow()
    }

    /// How many items of batches it failed ([`Effect::FailItems`]).
    pub fn failed_items(&self) -> u64 {
        self.0.failed_items.load(Ordering::Relaxed)
    }

    /// Counts the items that it failed of one batch: without any, the request was not befallen.
    pub(crate) fn failed(&self, items: usize) {
        if items > 0 {
            self.0.failed_items.fetch_add(items as u64, Ordering::Relaxed);
            self.fire();
        }
    }

    fn fire(&self) {
        self.0.fired.send_modify(|fired| *fired += 1);
    }

    /// Waits until it has befallen a request: one that it pauses is then waiting.
    pub async fn reached(&self) {
        // The sender lives as long as this fault does.
        let _ = self.0.fired.subscribe().wait_for(|fired| *fired > 0).await;
    }

    /// Lets go on what it paused, now and from now on.
    pub fn release(&self) {
        self.0.released.send_replace(true);
    }

    fn report(&self) -> FaultReport {
        FaultReport {
            id: self.0.id,
            rule: self.0.rule.clone(),
            matched: self.0.matched.load(Ordering::Relaxed),
            fired: self.fired(),
            failed_items: self.failed_items(),
            released: *self.0.released.borrow(),
        }
    }

    fn befalls(&self, call: &Call) -> bool {
        let rule = &self.0.rule;
        if !rule.fits(call) {
            return false;
        }
        let number = self.0.matched.fetch_add(1, Ordering::Relaxed) + 1;
        number >= rule.nth && number - rule.nth < rule.times
    }

    /// Runs the effect, if it belongs to this phase of the request.
    pub(crate) async fn run(&self, when: When, call: &Call) -> Verdict {
        if self.0.rule.when != when {
            return Verdict::GoOn;
        }
        let effect = &self.0.rule.effect;
        // Whoever knows the batch tells how many of its items that befell.
        if !matches!(effect, Effect::FailItems { .. }) {
            self.fire();
        }
        match effect {
            Effect::Refuse { status, code } => {
                return Verdict::Refuse { status: *status, code: code.clone() };
            }
            Effect::FailItems { every, code } => {
                return Verdict::FailItems { every: every.get(), code: code.clone() };
            }
            Effect::Drop => return Verdict::Drop,
            Effect::Delay { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Effect::Pause => {
                let _ = self.0.released.subscribe().wait_for(|released| *released).await;
            }
            Effect::Hook(Hook(run)) => run(call.clone()).await,
        }
        Verdict::GoOn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::details::Details;

    fn call(operation: &str, resource: &str) -> Call {
        Call {
            service: Service::S3,
            operation: operation.to_owned(),
            resource: resource.to_owned(),
            caller: Some("lakeward-write".to_owned()),
            access_key_id: None,
            details: Details::default(),
        }
    }

    #[test]
    fn a_rule_befalls_the_nth_fitting_request_and_as_many_as_it_says() {
        let faults = Faults::default();
        faults.set(Rule::new(When::Before, Effect::Drop).operation("PutObject").nth(2).times(2));
        let put = call("PutObject", "lake/a");
        let befallen = [put.clone(), call("GetObject", "lake/a"), put.clone(), put.clone(), put]
            .map(|call| !faults.befalling(&call).is_empty());
        assert_eq!(befallen, [false, false, true, true, false]);
    }

    #[test]
    fn a_rule_looks_at_the_resource_and_the_caller() {
        let rule = Rule::new(When::Before, Effect::Drop).containing("manifest").caller("lakeward-write");
        assert!(rule.fits(&call("PutObject", "lake/_runs/1/manifest.json")));
        assert!(!rule.fits(&call("PutObject", "lake/part")));
        assert!(!rule.clone().caller("lakeward-gc").fits(&call("PutObject", "manifest")));
    }

    #[tokio::test]
    async fn a_paused_request_waits_until_it_is_released() {
        let faults = Faults::default();
        let fault = faults.set(Rule::new(When::Before, Effect::Pause));
        let paused = tokio::spawn({
            let fault = fault.clone();
            async move { fault.run(When::Before, &call("GetObject", "a")).await }
        });
        fault.reached().await;
        assert!(!paused.is_finished());
        fault.release();
        assert_eq!(paused.await.unwrap(), Verdict::GoOn);
    }

    #[test]
    fn a_rule_is_read_from_json() {
        let rule: Rule = serde_json::from_str(
            r#"{"operation":"PutObject","effect":"refuse","status":503,"code":"SlowDown"}"#,
        )
        .unwrap();
        assert!(matches!(rule.effect, Effect::Refuse { status: 503, .. }));
        assert_eq!((rule.nth, rule.times, rule.when), (1, 1, When::Before));
    }
}
