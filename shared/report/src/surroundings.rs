//! What an alert says of an image's use and of what was left of it.

use std::fmt::{self, Formatter};

use serde::Serialize;
use tidewaiter_rules::{Facts, Kept, Left, Plan, Subject, facts::Run};

use crate::clean;

/// How many of each an alert carries; the message must stay under SNS's 256 KiB.
const MOST: usize = 10;

/// What runs an image, and what is left of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct AlertSurroundings {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    in_use: Vec<AlertRun>,
    /// How many were left out of `in_use`.
    #[serde(skip_serializing_if = "is_none")]
    more_in_use: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_use_unknown: Option<String>,
    /// The newest tag of the repository that could run instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    replace_by: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kept: Vec<Kept>,
    /// How many were left out of `kept`.
    #[serde(skip_serializing_if = "is_none")]
    more_kept: usize,
    /// What runs it and is left, although the policy has such things acted on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left: Vec<Left>,
    /// How many were left out of `left`.
    #[serde(skip_serializing_if = "is_none")]
    more_left: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct AlertRun {
    cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    task_definition: String,
    digest: String,
    tasks: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owners: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_none(number: &usize) -> bool {
    *number == 0
}

impl AlertSurroundings {
    pub(crate) fn of(facts: &Facts, plan: &Plan) -> Self {
        let Subject::Image(image) = &facts.subject else {
            return Self::default();
        };
        let usage = image.surroundings.usage.as_ref();
        let runs = usage.map_or(&[][..], |usage| &usage.runs);
        let unknown = usage.and_then(|usage| usage.unknown.as_deref());
        let replace_by = image.surroundings.replacement.as_deref();
        let kept = plan.kept.iter().take(MOST).map(|kept| Kept {
            digest: kept.digest.clone(),
            platform: clean(&kept.platform, 100),
            reason: clean(&kept.reason, 300),
        });
        Self {
            in_use: runs.iter().take(MOST).map(AlertRun::of).collect(),
            more_in_use: runs.len().saturating_sub(MOST),
            in_use_unknown: unknown.map(|reason| clean(reason, 1000)),
            replace_by: replace_by.map(|tag| clean(tag, 300)),
            kept: kept.collect(),
            more_kept: plan.kept.len().saturating_sub(MOST),
            left: plan.left.iter().take(MOST).map(cleaned).collect(),
            more_left: plan.left.len().saturating_sub(MOST),
        }
    }

    pub(crate) fn write(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if !self.in_use.is_empty() {
            writeln!(out, "\nIn use")?;
        }
        for run in &self.in_use {
            let of = match &run.service {
                Some(service) => format!("service {service}"),
                None => "started by itself".to_owned(),
            };
            let (cluster, definition) = (&run.cluster, &run.task_definition);
            match run.tasks {
                0 => write!(
                    out,
                    "  cluster {cluster}, {of}, {definition}: no task runs now, but it would start from it"
                )?,
                1 => write!(out, "  1 task in cluster {cluster}, {of}, {definition}")?,
                tasks => write!(
                    out,
                    "  {tasks} tasks in cluster {cluster}, {of}, {definition}"
                )?,
            }
            if !run.owners.is_empty() {
                write!(out, " ({})", run.owners.join(", "))?;
            }
            writeln!(out)?;
        }
        if self.more_in_use > 0 {
            writeln!(out, "  and {} more", self.more_in_use)?;
        }
        if let Some(tag) = &self.replace_by {
            writeln!(
                out,
                "  replace by tag {tag}, the newest whose scan is clean"
            )?;
        }
        if let Some(reason) = &self.in_use_unknown {
            writeln!(out, "\nWhat runs it is not fully known: {reason}")?;
        }
        if !self.left.is_empty() {
            writeln!(
                out,
                "\nGoes on although the policy has such things stopped or replaced"
            )?;
        }
        for left in &self.left {
            let what = match &left.service {
                Some(service) => format!("service {service}"),
                None => "started by itself".to_owned(),
            };
            writeln!(
                out,
                "  in cluster {}, {what}: {}",
                left.cluster, left.reason
            )?;
        }
        if self.more_left > 0 {
            writeln!(out, "  and {} more", self.more_left)?;
        }
        if !self.kept.is_empty() {
            writeln!(out, "\nLeft as it is")?;
        }
        for kept in &self.kept {
            writeln!(out, "  {} {}: {}", kept.platform, kept.digest, kept.reason)?;
        }
        if self.more_kept > 0 {
            writeln!(out, "  and {} more", self.more_kept)?;
        }
        Ok(())
    }
}

fn cleaned(left: &Left) -> Left {
    Left {
        cluster: clean(&left.cluster, 255),
        service: left.service.as_deref().map(|name| clean(name, 255)),
        reason: clean(&left.reason, 300),
    }
}

impl AlertRun {
    fn of(run: &Run) -> Self {
        let owners = run.owners.iter().take(3);
        Self {
            cluster: clean(&run.cluster, 255),
            service: run.service.as_deref().map(|name| clean(name, 255)),
            task_definition: clean(&run.task_definition, 300),
            digest: run.digest.to_string(),
            tasks: run.tasks,
            owners: owners.map(|owner| clean(owner, 100)).collect(),
        }
    }
}
