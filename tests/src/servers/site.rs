//! S3 and Glue of two servers, maybe the same one, and the scenarios on them.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use aws_sdk_glue::types::DatabaseInput;
use futures::StreamExt as _;

use crate::backend::Backend;
use crate::conformance::{Endpoint, Gap, Report};
use crate::image::Container;
use crate::scenarios::{SCENARIOS, Scenario};

const BUCKET: &str = "lake";
const DATABASE: &str = "shop";
/// A scenario that hangs has failed.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long a step goes on trying: what a server here cannot do, it cannot do later either.
const STEP_PATIENCE: &str = "10s";
/// Scenarios at once.
const CONCURRENCY: usize = 3;

/// A scenario that gaps of the servers forbid.
#[derive(Clone, Copy, Debug)]
pub struct Forbidden {
    /// The scenario that fails.
    pub scenario: &'static str,
    /// What its failure says: any other is not explained by the gap.
    pub says: &'static str,
    /// What therefore is not shown on these servers.
    pub hides: &'static str,
}

impl Forbidden {
    const fn gap(&self) -> Gap {
        Gap { check: self.scenario, hides: self.hides }
    }

    fn explains(&self, error: &anyhow::Error) -> bool {
        format!("{error:#}").contains(self.says)
    }
}

/// Where scenarios take place: one bucket and one database for all of them.
#[derive(Clone, Debug)]
pub struct Site {
    s3: Endpoint,
    glue: Endpoint,
    container: Option<Container>,
}

impl Site {
    /// Makes the bucket and the database. Both endpoints must take the same key.
    ///
    /// # Errors
    /// A server refuses.
    pub async fn prepare(s3: Endpoint, glue: Endpoint) -> Result<Self> {
        s3.s3().create_bucket().bucket(BUCKET).send().await.context("creating the bucket")?;
        let database = DatabaseInput::builder().name(DATABASE).build()?;
        let create = glue.glue().create_database().database_input(database);
        create.send().await.context("creating the database")?;
        Ok(Self { s3, glue, container: None })
    }

    /// The same with steps that run in containers.
    #[must_use]
    pub fn in_containers(self, container: Container) -> Self {
        Self { container: Some(container), ..self }
    }

    /// A backend with a folder of its own.
    ///
    /// # Errors
    /// No temporary folder can be made.
    pub fn backend(&self) -> Result<Backend> {
        let backend = Backend::new(self.s3.clone(), self.glue.clone(), BUCKET, DATABASE)?;
        let backend = backend.with_patience(STEP_PATIENCE);
        match &self.container {
            Some(container) => backend.in_containers(container.clone()),
            None => Ok(backend),
        }
    }

    /// Plays every scenario.
    pub async fn play(&self, forbidden: &[Forbidden]) -> Report {
        let mut outcomes = futures::stream::iter(SCENARIOS)
            .map(|scenario| async move { (scenario.name, self.play_one(scenario).await) })
            .buffered(CONCURRENCY);
        let gaps: Vec<Gap> = forbidden.iter().map(Forbidden::gap).collect();
        let mut report = Report::new(&gaps);
        while let Some((name, outcome)) = outcomes.next().await {
            let gap = forbidden.iter().find(|gap| gap.scenario == name);
            match (outcome, gap) {
                (Err(error), Some(gap)) if !gap.explains(&error) => report.add_unexplained(name, &error),
                (outcome, _) => report.add(name, outcome),
            }
        }
        report
    }

    async fn play_one(&self, scenario: &Scenario) -> Result<()> {
        let backend = self.backend()?;
        let played = tokio::time::timeout(PATIENCE, scenario.run(&backend)).await;
        played.map_err(|_| anyhow!("it takes longer than {PATIENCE:?}"))?
    }
}
