//! A policy as IAM takes it.

use std::collections::{BTreeMap, BTreeSet};

use lakeward_manifest::GlueName;
use serde_json::{Value, json};

use crate::grants::{On, Program, Variant};
use crate::place::{Place, literally};

/// The policy of a role that runs these programs on one table: what they need, and nothing else.
pub fn policy(programs: &[Program], place: &Place) -> Value {
    let mut allowed: BTreeMap<On, BTreeSet<&str>> = BTreeMap::new();
    let grants = programs.iter().flat_map(|program| program.grants());
    for grant in grants.filter(|grant| grant.only.is_none_or(|variant| place.has(variant))) {
        allowed.entry(grant.on).or_default().extend(grant.actions);
    }
    let statements = allowed.into_iter().map(|(on, actions)| statement(on, &actions, place));
    json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() })
}

fn statement(on: On, actions: &BTreeSet<&str>, place: &Place) -> Value {
    let mut statement = json!({
        "Sid": on.sid(),
        "Effect": "Allow",
        "Action": actions,
        "Resource": place.resources(on),
    });
    if let Some(condition) = place.condition(on) {
        statement["Condition"] = condition;
    }
    statement
}

impl Place {
    fn has(&self, variant: Variant) -> bool {
        match variant {
            Variant::Inputs => !self.inputs.is_empty(),
            Variant::Replica => self.replica.is_some(),
            Variant::ViaLifecycle => self.via_lifecycle,
            Variant::AllDatabases => self.databases.is_empty(),
            Variant::NamedDatabases => !self.databases.is_empty(),
            Variant::Kms => !self.keys.is_empty(),
        }
    }

    fn resources(&self, on: On) -> Vec<String> {
        let bucket = self.root.bucket();
        match on {
            On::Bucket | On::BucketBelowRoot => vec![self.bucket(bucket)],
            On::Runs => vec![self.objects(bucket, self.root.runs_prefix().as_str())],
            On::Writes => vec![self.objects(bucket, self.root.writes_prefix().as_str())],
            On::ReplicaBucket => self.replica.iter().map(|replica| self.bucket(replica)).collect(),
            On::ReplicaWrites => {
                let writes = |replica| self.objects(replica, self.root.writes_prefix().as_str());
                self.replica.as_deref().map(writes).into_iter().collect()
            }
            On::InputBuckets => {
                let buckets = self.inputs.iter().map(|inputs| self.bucket(&inputs.bucket));
                buckets.collect::<BTreeSet<_>>().into_iter().collect()
            }
            On::InputObjects => {
                self.inputs.iter().map(|inputs| self.objects(&inputs.bucket, &inputs.prefix)).collect()
            }
            On::Keys => self.keys.clone(),
            On::Database
            | On::LiveTable
            | On::LiveTableVersions
            | On::StagedTables
            | On::DatabaseTables
            | On::SearchedTables
            | On::AllTables => self.glue_resources(on),
        }
    }

    /// A table with all that is above it: an action has to be allowed on each.
    fn glue_resources(&self, on: On) -> Vec<String> {
        let (database, table) = (self.table.database(), self.table.table());
        let of_table = |table: &str| vec![format!("table/{database}/{table}")];
        let below: Vec<String> = match on {
            On::LiveTable => of_table(table),
            On::LiveTableVersions => {
                vec![format!("table/{database}/{table}"), format!("tableVersion/{database}/{table}/*")]
            }
            On::StagedTables => of_table(&format!("{table}{}*", GlueName::STAGED)),
            On::DatabaseTables => of_table("*"),
            On::SearchedTables => {
                let databases = std::iter::once(database).chain(self.databases.iter().map(String::as_str));
                let databases: BTreeSet<&str> = databases.collect();
                let both = |name: &&str| [format!("database/{name}"), format!("table/{name}/*")];
                let mut all = vec!["catalog".to_owned()];
                all.extend(databases.iter().flat_map(both));
                return all.into_iter().map(|resource| self.glue(resource)).collect();
            }
            On::AllTables => {
                return ["catalog", "database/*", "table/*/*"].map(|resource| self.glue(resource)).to_vec();
            }
            _ => Vec::new(),
        };
        let above = ["catalog".to_owned(), format!("database/{database}")];
        above.into_iter().chain(below).map(|resource| self.glue(resource)).collect()
    }

    fn condition(&self, on: On) -> Option<Value> {
        let below = |prefixes: Vec<String>| json!({ "StringLike": { "s3:prefix": prefixes } });
        match on {
            On::BucketBelowRoot => Some(below(vec![format!("{}*", self.root.prefix())])),
            On::InputBuckets => {
                let prefixes = self.inputs.iter().map(|inputs| format!("{}*", literally(&inputs.prefix)));
                Some(below(prefixes.collect()))
            }
            On::Keys => Some(json!({ "StringEquals": { "kms:ViaService": self.s3_services() } })),
            _ => None,
        }
    }
}
