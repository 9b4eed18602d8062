//! The live version: what the run is compared with.

use lakeward_aws::SdkConfig;
use lakeward_catalog::{Catalog, TableName};
use lakeward_cli::Context;
use lakeward_lake::Lake;
use lakeward_manifest::{LiveState, Manifest, ManifestUri, RunId, parameters};
use lakeward_outcome::{Failure, FailureExt, Kind, ResultExt};

use crate::sql::View;

/// The version that readers see now.
#[derive(Clone, Debug)]
pub(crate) struct LiveVersion {
    pub(crate) run: RunId,
    pub(crate) rows: u64,
    /// Its files, for SQL.
    pub(crate) view: View,
}

/// The live version of the run's table; none when there is no table, or none that Lakeward has published.
pub(crate) async fn find(
    aws: &SdkConfig,
    catalog: &Catalog,
    staged: &Manifest,
    context: &Context,
) -> Result<Option<LiveVersion>, Failure> {
    let name = &staged.table.glue;
    let Some(table) = catalog.get_table(&TableName::from(name)).await? else { return Ok(None) };
    let parameters = &table.definition.parameters;
    let state = LiveState::from_parameters(parameters).doing(|| format!("reading the live table {name}"))?;
    let Some(run) = state.run else { return Ok(None) };
    let uri = match parameters.get(parameters::MANIFEST) {
        // The table may have moved to the run's root from another.
        Some(uri) => uri.parse().or_fail(Kind::Configuration, || format!("reading the live table {name}"))?,
        None => ManifestUri { root: staged.table.root.clone(), run },
    };
    let Lake { manifests, .. } = Lake::open(aws, uri.root.clone(), context)?;
    let version = async {
        // Not the kinds of these errors: they would blame the run that is being verified.
        let broken = || {
            format!("its manifest {uri} is gone or has ended: publish a new version without this gate first")
        };
        let stored =
            manifests.find(&uri.run).await?.ok_or_else(|| Failure::new(Kind::Configuration, broken()))?;
        let sealed = stored.manifest.sealed().or_fail(Kind::Configuration, broken)?;
        Ok::<_, Failure>(LiveVersion {
            run: uri.run.clone(),
            rows: sealed.written.rows,
            view: View::of(&sealed),
        })
    };
    version.await.doing(|| format!("reading the live version of {name}")).map(Some)
}
