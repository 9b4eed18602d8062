//! One table in the lake, as every step opens it: its manifests in S3 and its tables in Glue.

mod conclude;
mod known;

pub use conclude::Work;
pub use known::identify;

use lakeward_aws::SdkConfig;
use lakeward_catalog::Catalog;
use lakeward_cli::{Context, Glue, Program};
use lakeward_manifest::TableRoot;
use lakeward_outcome::Failure;
use lakeward_store::{Manifests, StoreOptions};

/// Where a step works.
#[derive(Clone, Debug)]
pub struct Lake {
    /// The table's manifests, and the bucket that holds the table.
    pub manifests: Manifests,
    /// Glue.
    pub catalog: Catalog,
}

impl Lake {
    /// Opens the lake of the table at `root` as the step's arguments say: bucket owner, catalog, patience. Makes no
    /// call.
    ///
    /// # Errors
    /// No Region is configured, or an endpoint is malformed.
    pub fn open<P: Program>(aws: &SdkConfig, root: TableRoot, context: &Context<P>) -> Result<Self, Failure> {
        let options = StoreOptions { expected_owner: context.expected_bucket_owner().map(str::to_owned) };
        let (region, account) = (lakeward_aws::region(aws)?.to_owned(), context.catalog_id());
        context.record().set_glue(Glue { region, account: account.map(str::to_owned) });
        let manifests = Manifests::open(aws, root, options, context.caller().clone())?;
        let catalog = Catalog::open(aws, context.catalog_id(), context.caller().clone())?;
        Ok(Self { manifests, catalog })
    }
}
