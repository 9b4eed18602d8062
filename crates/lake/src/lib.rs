//! One table in the lake, as every step opens it: its manifests in S3 and its tables in Glue.

mod conclude;
mod known;

pub use conclude::Work;
pub use known::identify;

use lakeward_aws::SdkConfig;
use lakeward_catalog::Catalog;
use lakeward_cli::{Context, EncryptionArgs, Glue, Program, Sse};
use lakeward_manifest::TableRoot;
use lakeward_outcome::{Failure, Kind};
use lakeward_store::{Algorithm, Encryption, Manifests, StoreOptions};

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
    /// No Region is configured, an endpoint is malformed, or the flags of encryption contradict each other.
    pub fn open<P: Program>(aws: &SdkConfig, root: TableRoot, context: &Context<P>) -> Result<Self, Failure> {
        let options = StoreOptions {
            expected_owner: context.expected_bucket_owner().map(str::to_owned),
            encryption: context.encryption().map(encryption).transpose()?,
        };
        let (region, account) = (lakeward_aws::region(aws)?.to_owned(), context.catalog_id());
        context.record().set_glue(Glue { region, account: account.map(str::to_owned) });
        let manifests = Manifests::open(aws, root, options, context.caller().clone())?;
        let catalog = Catalog::open(aws, context.catalog_id(), context.caller().clone())?;
        Ok(Self { manifests, catalog })
    }
}

/// What S3 is to be told. Nothing is said for a user who says nothing: the bucket's default encryption is then the one place
/// that knows, and changes without a change of any command.
fn encryption(asked: &EncryptionArgs) -> Result<Encryption, Failure> {
    let usage = |message| Err(Failure::new(Kind::Usage, message));
    let algorithm = match asked.sse {
        None => return usage("--sse-kms-key-id and --bucket-key-enabled go with --sse aws:kms"),
        Some(Sse::S3) => Algorithm::S3,
        Some(Sse::Kms) => Algorithm::Kms,
        Some(Sse::KmsTwice) => Algorithm::KmsTwice,
    };
    if asked.kms_key_id.is_some() && !algorithm.is_by_kms() {
        return usage("--sse-kms-key-id goes with --sse aws:kms or aws:kms:dsse, not with AES256");
    }
    if asked.bucket_key && algorithm != Algorithm::Kms {
        return usage(
            "--bucket-key-enabled goes with --sse aws:kms: S3 has no bucket keys for other encryption",
        );
    }
    Ok(Encryption { algorithm, kms_key_id: asked.kms_key_id.clone(), bucket_key: asked.bucket_key })
}
