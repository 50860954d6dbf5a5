//! Which images are scanned.

use serde_json::Value;

use super::{Inspector, answer};
use crate::CallError;

/// How many repositories ECR takes in one question.
const AT_ONCE: usize = 25;

impl Inspector<'_> {
    /// How the registry scans, as `GetRegistryScanningConfiguration` has it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn registry_scanning(&self) -> Result<Value, CallError> {
        let call = self.clients.ecr.get_registry_scanning_configuration();
        answer!("GetRegistryScanningConfiguration", call)
    }

    /// The names of repositories, and whether there are more than the `most` that are given.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn repositories(&self, most: usize) -> Result<(Vec<String>, bool), CallError> {
        let mut names = Vec::new();
        let mut pages = self
            .clients
            .ecr
            .describe_repositories()
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of("DescribeRepositories", &error))?;
            let repositories = page.repositories.unwrap_or_default().into_iter();
            names.extend(repositories.filter_map(|one| one.repository_name));
            if names.len() > most {
                names.truncate(most);
                return Ok((names, true));
            }
        }
        Ok((names, false))
    }

    /// How repositories are scanned, each as `BatchGetRepositoryScanningConfiguration` has it.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn repository_scanning(&self, names: &[String]) -> Result<Vec<Value>, CallError> {
        let mut configurations = Vec::new();
        for names in names.chunks(AT_ONCE) {
            let call = self
                .clients
                .ecr
                .batch_get_repository_scanning_configuration();
            let call = call.set_repository_names(Some(names.to_vec()));
            let mut answer = answer!("BatchGetRepositoryScanningConfiguration", call)?;
            if let Some(Value::Array(some)) =
                answer.get_mut("scanningConfigurations").map(Value::take)
            {
                configurations.extend(some);
            }
        }
        Ok(configurations)
    }
}
