//! The calls that programs really make, held against the policies that are printed for them.

mod iam;
mod needs;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use lakeward_local::{ACCOUNT_ID, Entry, Outcome};
use lakeward_permissions::{Place, Program, policy};
use serde_json::Value;

use crate::conformance::REGION;
use crate::lake::Lake;
use crate::step::{Ended, Step};
use crate::table::Table;

pub use iam::{Request, allowing};
pub use needs::needs;

/// A statement of a policy, and an action in it.
type Granted = (Program, String, String);

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

    /// Fails if a call was made that no policy allows, or a policy allows what no call has needed.
    ///
    /// # Errors
    /// A policy is too narrow or too wide, or nothing was observed.
    pub fn judge(&self) -> Result<()> {
        ensure!(self.calls > 0, "no call was observed");
        ensure!(self.denied.is_empty(), "calls that no policy allows:\n{:#?}", self.denied);
        let idle: Vec<_> = self.granted.difference(&self.needed).collect();
        ensure!(idle.is_empty(), "no call has needed:\n{idle:#?}");
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

/// Whether a request was answered that something does not exist.
fn is_absent(entry: &Entry) -> bool {
    entry.outcome == Outcome::Answered { status: 404 }
}
