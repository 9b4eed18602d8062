//! The verdict: the manifest's phase after verification.

use lakeward_manifest::{Phase, Stamp};
use lakeward_outcome::{Failure, Kind};
use lakeward_store::{Manifests, Stored};

use crate::findings::Findings;

/// Writes the findings into the manifest, as verified or as rejected.
///
/// What counts is the phase that the manifest then has: another execution may have been faster, and a run that is
/// rejected stays so.
///
/// # Errors
/// [`Kind::Rejected`], listing what was found, unless the findings are clean and the run is verified.
pub(crate) async fn conclude(
    manifests: &Manifests,
    stored: &Stored,
    findings: &Findings,
    stamp: impl Fn() -> Stamp,
) -> Result<Stored, Failure> {
    let run = &stored.manifest.run.id;
    let files = stored.manifest.sealed()?.written.files.len();
    let verification = findings.verification(files, stamp().at);
    let changed =
        manifests.change(stored.clone(), |manifest| manifest.verify(verification.clone(), stamp())).await;
    match changed.map_err(Failure::from) {
        changed if findings.is_clean() => changed,
        Ok(changed) if changed.manifest.phase == Phase::Rejected => Err(findings.rejected(run).into()),
        Ok(_) => Err(findings.overtaken(run).into()),
        // Another execution has rejected the run; what this one has found is worth saying all the same.
        Err(failure) if failure.kind() == Kind::Rejected => Err(findings.rejected(run).into()),
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use lakeward_aws::testing::{Reply, Script, caller};
    use lakeward_manifest::{Manifest, Step};
    use lakeward_store::{ETag, StoreOptions};

    use super::*;
    use crate::testing::{lake, stamp};

    fn registered() -> Manifest {
        lake("SELECT 1 AS a", &[]).manifest
    }

    fn findings(differences: &[&str]) -> Findings {
        Findings {
            differences: differences.iter().map(|&line| line.to_owned()).collect(),
            checks: Vec::new(),
        }
    }

    fn after(manifest: &Manifest, found: &Findings) -> Manifest {
        let stamp = stamp(Step::Verify);
        manifest.clone().verify(found.verification(1, stamp.at), stamp).unwrap()
    }

    /// Concludes while another execution leaves `other` in the manifest, if anything.
    async fn conclude_against(
        found: &Findings,
        other: Option<&Manifest>,
    ) -> (Result<Stored, Failure>, Script) {
        let manifest = registered();
        let script = match other {
            None => Script::in_order([Reply::new(200, "").header("etag", "\"2\"")]),
            Some(other) => Script::in_order([
                Reply::xml_error(412, "PreconditionFailed"),
                Reply::new(200, other.to_json().unwrap()).header("etag", "\"2\""),
            ]),
        };
        let root = manifest.table.root.clone();
        let manifests = Manifests::open(&script.config(), root, StoreOptions::default(), caller()).unwrap();
        let stored = Stored { manifest, etag: ETag::new("\"1\"") };
        (conclude(&manifests, &stored, found, || stamp(Step::Verify)).await, script)
    }

    #[tokio::test]
    async fn a_run_without_findings_becomes_verified() {
        let (concluded, script) = conclude_against(&findings(&[]), None).await;
        assert_eq!(concluded.unwrap().manifest.phase, Phase::Verified);
        assert_eq!(script.seen()[0].headers["if-match"], "\"1\"");
    }

    #[tokio::test]
    async fn a_run_with_findings_becomes_rejected_and_the_manifest_says_why() {
        let (concluded, script) = conclude_against(&findings(&["x is missing"]), None).await;
        let failure = concluded.unwrap_err();
        assert_eq!(failure.kind(), Kind::Rejected);
        assert!(failure.message().ends_with("is rejected:\n  - x is missing"), "{failure}");
        let sent: Manifest = serde_json::from_str(&script.seen()[0].body).unwrap();
        assert_eq!(sent.phase, Phase::Rejected);
        assert_eq!(sent.verify.unwrap().differences, ["x is missing"]);
    }

    #[tokio::test]
    async fn a_run_that_another_execution_has_rejected_is_not_verified() {
        let rejected = after(&registered(), &findings(&["theirs"]));
        for mine in [findings(&[]), findings(&["mine"])] {
            let (concluded, script) = conclude_against(&mine, Some(&rejected)).await;
            assert_eq!(concluded.unwrap_err().kind(), Kind::Rejected);
            assert_eq!(script.seen().len(), 2, "nothing is written over it");
        }
    }

    #[tokio::test]
    async fn findings_are_told_even_when_another_execution_has_verified_the_run() {
        let verified = after(&registered(), &findings(&[]));
        let (concluded, script) = conclude_against(&findings(&["mine"]), Some(&verified)).await;
        let failure = concluded.unwrap_err();
        assert_eq!(failure.kind(), Kind::Rejected);
        assert!(failure.message().contains("another execution has marked it as verified"), "{failure}");
        assert_eq!(script.seen().len(), 2, "nothing is written over it");
    }
}
