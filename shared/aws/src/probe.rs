//! A task definition that is registered to see what becomes of it, and what can be seen of that.

use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, Tag, TaskDefinitionFamilyStatus, TaskDefinitionStatus,
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use tidewaiter_rules::names::TaskDefinitionArn;

use crate::{CallError, Clients};

/// The image of a canary. No registry is there (RFC 2606, section 2), so that nothing could run it.
const IMAGE: &str = "tidewaiter.invalid/probe:never-runs";

/// Memory of a canary in MiB: as little as Docker takes.
const MEMORY: i32 = 6;

/// As many log events as are read at most.
const MOST: usize = 1000;

/// What registers canaries, and looks at what becomes of them.
#[derive(Debug)]
pub struct Prober<'a> {
    clients: &'a Clients,
    logs: aws_sdk_cloudwatchlogs::Client,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Option<Timestamp>,
    /// What it says.
    pub message: String,
}

impl<'a> Prober<'a> {
    pub(crate) fn of(clients: &'a Clients, config: &SdkConfig) -> Self {
        Self {
            clients,
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
        }
    }

    /// Families with an active revision whose names begin so, a hundred at most.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn families(&self, prefix: &str) -> Result<Vec<String>, CallError> {
        let call = self.clients.ecs.list_task_definition_families();
        let call = call
            .family_prefix(prefix)
            .status(TaskDefinitionFamilyStatus::Active);
        let answer = call.send().await;
        let answer = answer.map_err(|error| CallError::of("ListTaskDefinitionFamilies", &error))?;
        Ok(answer.families().to_vec())
    }

    /// Registers a canary in this family: one privileged container of an image that cannot be pulled.
    ///
    /// # Errors
    /// When the call fails, or its answer names no revision.
    pub async fn register(&self, family: &str) -> Result<TaskDefinitionArn, CallError> {
        const CALL: &str = "RegisterTaskDefinition";
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        // Whatever else the policy asks for it has, so that one finding says one thing.
        let container = ContainerDefinition::builder()
            .name("canary")
            .image(IMAGE)
            .memory(MEMORY)
            .essential(true)
            .user("65534:65534")
            .readonly_root_filesystem(true)
            .privileged(true)
            .build();
        let answer = self
            .clients
            .ecs
            .register_task_definition()
            .family(family)
            .requires_compatibilities(Compatibility::Ec2)
            .container_definitions(container)
            .tags(tag("project", "tidewaiter"))
            .tags(tag(
                "purpose",
                "probe: registered to see that it is caught, and never run",
            ))
            .send()
            .await;
        let answer = answer.map_err(|error| CallError::of(CALL, &error))?;
        let arn = answer
            .task_definition()
            .and_then(|definition| definition.task_definition_arn())
            .unwrap_or_default();
        TaskDefinitionArn::parse(arn).map_err(|error| CallError::permanent(CALL, error.to_string()))
    }

    /// Whether a revision is active; `None` where ECS does not know it any more.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn is_active(&self, arn: &TaskDefinitionArn) -> Result<Option<bool>, CallError> {
        const CALL: &str = "DescribeTaskDefinition";
        let call = self.clients.ecs.describe_task_definition();
        let answer = match call.task_definition(arn.to_string()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let error = CallError::of(CALL, &error);
                return if error.says("unable to describe") {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        };
        let status = answer.task_definition().and_then(|one| one.status());
        Ok(status.map(|status| *status == TaskDefinitionStatus::Active))
    }

    /// Deregisters a revision. It does no harm where that is done already.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn deregister(&self, arn: &TaskDefinitionArn) -> Result<(), CallError> {
        let call = self.clients.ecs.deregister_task_definition();
        let answer = call.task_definition(arn.to_string()).send().await;
        answer.map_err(|error| CallError::of("DeregisterTaskDefinition", &error))?;
        Ok(())
    }

    /// Deletes a revision that is deregistered.
    ///
    /// # Errors
    /// When the call fails, or ECS says that it did not delete it.
    pub async fn delete(&self, arn: &TaskDefinitionArn) -> Result<(), CallError> {
        const CALL: &str = "DeleteTaskDefinitions";
        let call = self.clients.ecs.delete_task_definitions();
        let answer = call.task_definitions(arn.to_string()).send().await;
        let answer = answer.map_err(|error| CallError::of(CALL, &error))?;
        match answer.failures().first() {
            None => Ok(()),
            Some(failure) => {
                let reason = failure
                    .detail()
                    .or(failure.reason())
                    .unwrap_or("it says no reason");
                Err(CallError::permanent(CALL, reason))
            }
        }
    }

    /// The lines of a log since a time that hold a word, oldest first: a thousand at most. The word is letters,
    /// digits, `-` and `_` alone.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn lines(
        &self,
        group: &str,
        word: &str,
        since: Timestamp,
    ) -> Result<Vec<LogLine>, CallError> {
        const CALL: &str = "FilterLogEvents";
        let mut pages = self
            .logs
            .filter_log_events()
            .log_group_name(group)
            .filter_pattern(format!("\"{word}\""))
            .start_time(since.as_millisecond())
            .into_paginator()
            .send();
        let mut lines = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of(CALL, &error))?;
            for event in page.events() {
                let at = event.timestamp();
                lines.push(LogLine {
                    at: at.and_then(|at| Timestamp::from_millisecond(at).ok()),
                    message: event.message().unwrap_or_default().to_owned(),
                });
            }
            if lines.len() >= MOST {
                break;
            }
        }
        lines.truncate(MOST);
        lines.sort_by_key(|line| line.at);
        Ok(lines)
    }
}
