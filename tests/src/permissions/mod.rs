//! The calls that programs really make, held against the policies that are printed for them.

mod iam;
mod needs;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use lakeward_local::{ACCOUNT_ID, Entry, Outcome, Service};
use lakeward_manifest::GlueName;
use lakeward_permissions::{Place, Program, policy};
use serde_json::Value;

use crate::backend::Backend;
use crate::conformance::REGION;
use crate::lake::Lake;
use crate::step::{Ended, Step};
use crate::table::Table;

pub use iam::{Request, allowing};
pub use needs::needs;

/// A statement of a policy, and an action in it.
type Granted = (Program, String, String);

/// The Region of the bucket to which tests replicate.
const REPLICA_REGION: &str = "eu-west-1";
/// The bucket to which tests replicate.
const REPLICA: &str = "lake-replica";

/// What programs were seen to need.
#[derive(Debug, Default)]
pub struct Observed {
    /// Actions of a statement without which a call would have been denied.
    needed: BTreeSet<Granted>,
    /// Every action of a statement of a policy that was in force.
    granted: BTreeSet<Granted>,
    /// Calls that no policy allows.
    denied: BTreeMap<(Program, String), String>,
    /// How many calls were looked at.
    calls: usize,
}

impl Observed {
    /// Runs a step, and holds every request that the lake has seen meanwhile against the step's policy at `place`.
    ///
    /// # Errors
    /// The step cannot be run.
    pub async fn run(&mut self, lake: &Lake, program: Program, place: &Place, step: &Step) -> Result<Ended> {
        let requests = lake.local().requests();
        requests.clear();
        let ended = step.run().await?;
        self.hold(program, place, &requests.entries());
        Ok(ended)
    }

    /// The same of a step that must succeed; gives its result.
    ///
    /// # Errors
    /// It fails.
    pub async fn succeeds(
        &mut self,
        lake: &Lake,
        program: Program,
        place: &Place,
        step: &Step,
    ) -> Result<Value> {
        self.run(lake, program, place, step).await?.into_result()
    }

    fn hold(&mut self, program: Program, place: &Place, entries: &[Entry]) {
        let policy = policy(&[program], place);
        self.granted.extend(granted(program, &policy));
        for entry in entries {
            self.calls += 1;
            for request in needs(entry, place) {
                match &allowing(&policy, &request)[..] {
                    [] => {
                        let call = format!("{} on {}", entry.call.operation, entry.call.resource);
                        self.denied.entry((program, request.to_string())).or_insert(call);
                    }
                    [only] => {
                        self.needed.insert((program, (*only).to_owned(), request.action.clone()));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Holds whatever programs have asked of a lake against their policies with every variant, each request by the program and
    /// the table that it names.
    ///
    /// # Errors
    /// A table's root or name is none.
    pub fn hold_all(&mut self, lake: &Lake) -> Result<()> {
        for entry in lake.local().requests().entries() {
            let Some(program) = program_of(&entry) else { continue };
            let Some(table) = table_of(&entry, lake.backend()) else { continue };
            let plain = place(&lake.backend().table(&table))?;
            let named = Place { databases: vec![lake.backend().database().to_owned()], ..plain.clone() };
            let all = Place { via_lifecycle: true, replica: Some(REPLICA.to_owned()), ..plain };
            let policies = [policy(&[program], &all), policy(&[program], &named)];
            self.calls += 1;
            // Without s3:ListBucket a missing manifest is told as a denial, which register and swap leave at that.
            let told_apart = |request: &Request| !is_absent(&entry) || request.action != "s3:ListBucket";
            for request in needs(&entry, &all).into_iter().filter(told_apart) {
                if policies.iter().all(|policy| allowing(policy, &request).is_empty()) {
                    let call = format!("{} on {}", entry.call.operation, entry.call.resource);
                    self.denied.entry((program, request.to_string())).or_insert(call);
                }
            }
        }
        Ok(())
    }

    /// Fails if a call was made that no policy allows, or a policy allows what no call has needed.
    ///
    /// # Errors
    /// A policy is too narrow or too wide, or nothing was observed.
    pub fn judge(&self) -> Result<()> {
        self.allowed()?;
        let idle: Vec<_> = self.granted.difference(&self.needed).collect();
        ensure!(idle.is_empty(), "no call has needed:\n{idle:#?}");
        Ok(())
    }

    /// Fails if a call was made that no policy allows.
    ///
    /// # Errors
    /// A policy is too narrow.
    pub fn allowed(&self) -> Result<()> {
        ensure!(self.denied.is_empty(), "calls that no policy allows:\n{:#?}", self.denied);
        Ok(())
    }
}

/// Where a table of a local lake lies, without any variant.
///
/// # Errors
/// Its root or name is none.
pub fn place(table: &Table<'_>) -> Result<Place> {
    Ok(Place {
        partition: "aws".to_owned(),
        region: REGION.to_owned(),
        account: ACCOUNT_ID.to_owned(),
        root: table.root().parse()?,
        table: table.glue_name().parse()?,
        replica: None,
        inputs: Vec::new(),
        via_lifecycle: false,
        databases: Vec::new(),
        keys: Vec::new(),
    })
}

/// Each action of each statement.
fn granted(program: Program, policy: &Value) -> impl Iterator<Item = Granted> {
    iam::statements(policy).flat_map(move |statement| {
        let sid = iam::texts(&statement["Sid"]).concat();
        let actions = iam::texts(&statement["Action"]);
        actions.into_iter().map(move |action| (program, sid.clone(), action.to_owned())).collect::<Vec<_>>()
    })
}

/// The program that made a request, by the name that it sends; none for requests of tests and of DuckDB.
fn program_of(entry: &Entry) -> Option<Program> {
    let caller = entry.call.caller.as_deref()?.strip_prefix("lakeward-")?;
    Program::ALL.into_iter().find(|program| program.name() == caller)
}

/// The table of a scenario that a request is about; none when it names none, or one in another bucket or folder.
fn table_of(entry: &Entry, backend: &Backend) -> Option<String> {
    let (call, listed) = (&entry.call, entry.call.details.prefix.as_deref());
    let deleted = || call.details.objects.first().map(|object| object.key.as_str());
    let name = match call.service {
        Service::S3 => {
            let (bucket, key) = call.resource.split_once('/').unwrap_or((&call.resource, ""));
            let key = Some(key).filter(|key| !key.is_empty()).or(listed).or_else(deleted)?;
            let (name, below) = key.strip_prefix("e2e/")?.split_once('/')?;
            let is_its_own = below.starts_with("_runs/") || below.starts_with("_writes/");
            Some(name).filter(|_| bucket == backend.bucket() && is_its_own)?
        }
        Service::Glue => {
            let (database, table) = call.resource.split_once('.')?;
            table.split(GlueName::STAGED).next().filter(|_| database == backend.database())?
        }
    };
    Some(name.to_owned())
}

/// Whether a request was answered that something does not exist.
fn is_absent(entry: &Entry) -> bool {
    entry.outcome == Outcome::Answered { status: 404 }
}
