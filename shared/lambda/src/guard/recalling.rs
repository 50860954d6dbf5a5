//! What the ledger says of a subject that AWS cannot say.

use tidewaiter_aws::CallError;
use tidewaiter_rules::{
    Action, Facts, Subject,
    facts::deployment::{Deregistered, Revision},
};

use super::Guard;

impl Guard {
    /// Adds to a deployment what the ledger says of what it brings and of what it takes the place of.
    /// Without an answer nothing can be said of it, so that the event has to come again.
    pub(super) async fn recall(&self, facts: &mut Facts) -> Result<(), CallError> {
        let Subject::Deployment(deployment) = &mut facts.subject else {
            return Ok(());
        };
        self.recall_of(&mut deployment.target).await?;
        for source in &mut deployment.sources {
            self.recall_of(source).await?;
        }
        Ok(())
    }

    async fn recall_of(&self, revision: &mut Revision) -> Result<(), CallError> {
        let ledger = self.ledger();
        if let Some(definition) = &revision.task_definition {
            let action = Action::DeregisterTaskDefinition(definition.clone());
            let recorded = ledger.action(&action, (self.now)()).await?;
            let done = recorded.filter(|recorded| recorded.state == "done");
            revision.deregistered = done.map(|recorded| Deregistered { since: recorded.at });
        }
        for image in &mut revision.images {
            let (Some(repository), Some(digest)) = (&image.repository, image.digest.known()) else {
                continue;
            };
            let known = ledger.quarantined(repository, digest, (self.now)()).await?;
            image.quarantine = known.and_then(|known| known.quarantine(None));
        }
        Ok(())
    }
}
