//! What uses an image by the index in the ledger. ECS is asked only for what the index leaves open.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tidewaiter_rules::{
    facts::{Run, Usage, usage::add_run},
    names::TaskArn,
};

use super::{Limits, Search, Stop};
use crate::{
    CallError,
    ledger::{Index, Ledger, User},
};

/// Beside what the listing has taken that brought us here.
pub(super) const LIMITS: Limits = Limits {
    tasks: 20,
    services: 20,
    revisions: 10,
    end: None,
};

/// What uses an image, where `reason` keeps the account from being listed.
pub(super) async fn usage(
    ledger: Ledger<'_>,
    now: Timestamp,
    mut search: Search<'_>,
    reason: String,
) -> Result<Usage, CallError> {
    match read(ledger, now, &mut search).await {
        Ok(None) => {}
        Ok(Some(why)) => search.unknown(format!("{reason}, and {why}")),
        Err(Stop::Limit(limit)) => search.unknown(format!(
            "{reason}, and of what the index of tasks leaves open {limit}"
        )),
        Err(Stop::Failed(error)) if error.is_transient() => return Err(error),
        Err(Stop::Failed(error)) => {
            tracing::error!(%error, "the index of what runs the image cannot be read");
            search.unknown(format!(
                "{reason}, and the index of tasks cannot be used: {error}"
            ));
        }
    }
    Ok(search.usage())
}

/// Reads the index; or says why it cannot be relied on.
async fn read(
    ledger: Ledger<'_>,
    now: Timestamp,
    search: &mut Search<'_>,
) -> Result<Option<String>, Stop> {
    let complete = match ledger.index(now).await? {
        Index::Complete(at) => at,
        Index::Unreliable(why) => {
            return Ok(Some(format!(
                "the index of tasks cannot be relied on: {why}"
            )));
        }
    };
    let mut services = ByCluster::default();
    let mut known = ByCluster::default();
    let mut running = BTreeSet::new();
    for digest in search.wanted {
        let users = ledger.users(digest, complete, now).await?;
        for user in users.running {
            known.add_service(&user);
            running.insert(user.arn.clone());
            let run = Run {
                tasks: 1,
                task_arns: TaskArn::parse(&user.arn).into_iter().collect(),
                cluster: user.cluster,
                service: user.service,
                task_definition: user.task_definition,
                digest: digest.clone(),
                owners: Vec::new(),
            };
            add_run(&mut search.usage.runs, run);
        }
        for user in &users.services {
            services.add_service(user);
        }
    }
    let mut pulls = ByCluster::default();
    for user in ledger.pulls(search.repository, complete, now).await? {
        // It has been pulled since, and is counted.
        if !running.contains(&user.arn) {
            pulls.add(user.cluster, user.arn);
        }
    }
    for (cluster, tasks) in pulls.0 {
        let tasks: Vec<String> = tasks.into_iter().collect();
        for batch in tasks.chunks(100) {
            ended(search.tasks(&cluster, batch.to_vec()).await)?;
        }
    }
    for (cluster, names) in services.0 {
        let names: Vec<String> = names.into_iter().collect();
        ended(search.services(&cluster, &names).await)?;
    }
    // Who answers for what runs, as far as there are calls left: the events do not say.
    for (cluster, names) in known.0 {
        let names: Vec<String> = names.into_iter().collect();
        match search.services(&cluster, &names).await {
            Err(Stop::Limit(_)) => break,
            searched => ended(searched)?,
        }
    }
    Ok(None)
}

/// What was deleted with its cluster runs nothing.
fn ended(searched: Result<(), Stop>) -> Result<(), Stop> {
    match searched {
        Err(stop) if super::is_cluster_gone(&stop) => Ok(()),
        searched => searched,
    }
}

/// Names or ARNs by the name of their cluster.
#[derive(Default)]
struct ByCluster(BTreeMap<String, BTreeSet<String>>);

impl ByCluster {
    fn add(&mut self, cluster: String, name: String) {
        self.0.entry(cluster).or_default().insert(name);
    }

    fn add_service(&mut self, user: &User) {
        if let Some(service) = &user.service {
            self.add(user.cluster.clone(), service.clone());
        }
    }
}
