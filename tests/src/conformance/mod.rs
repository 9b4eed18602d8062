//! What S3 and Glue promise, as checks that run against any endpoint through the real AWS SDKs.
//!
//! The local lake is our own reading of AWS. The same checks also run against emulators that other
//! people wrote, each with a list of the gaps that are known of it.

mod emulators;
mod glue;
mod glue_partitions;
mod report;
mod s3;
mod s3_conditions;
mod s3_multipart;
mod s3_versions;
mod setup;

pub use emulators::EMULATOR_GAPS;
pub use report::{Gap, Report, run};
pub use setup::Endpoint;
pub(crate) use setup::REGION;

use futures::future::BoxFuture;

/// One promise of a service.
pub struct Check {
    /// Names the check in reports and in lists of gaps.
    pub name: &'static str,
    /// The service that promises.
    pub service: Service,
    run: fn(Endpoint) -> BoxFuture<'static, anyhow::Result<()>>,
}

/// Which client a check needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// The AWS Glue Data Catalog.
    Glue,
}

/// Lists check functions: each is named after the promise that it holds.
macro_rules! promises {
    ($service:ident: $($name:ident),* $(,)?) => {
        /// The checks of this module.
        pub(crate) const CHECKS: &[$crate::conformance::Check] = &[$(
            $crate::conformance::Check {
                name: stringify!($name),
                service: $crate::conformance::Service::$service,
                run: |endpoint| Box::pin($name(endpoint)),
            },
        )*];
    };
}
pub(crate) use promises;

/// Every check, in a fixed order.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    [
        s3::CHECKS,
        s3_conditions::CHECKS,
        s3_multipart::CHECKS,
        s3_versions::CHECKS,
        glue::CHECKS,
        glue_partitions::CHECKS,
    ]
    .into_iter()
    .flatten()
}
