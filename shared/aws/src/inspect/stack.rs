//! What CloudFormation says of a stack.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::TemplateStage;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tidewaiter_rules::names::quoted;

use super::Inspector;
use crate::{AccountError, CallError};

/// A deployed stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub id: String,
    /// Its state, such as `UPDATE_COMPLETE`.
    pub status: String,
    /// The values of its parameters, as the template's functions see them.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Its resources, by logical id.
    pub resources: BTreeMap<String, StackResource>,
    /// Its template after the transforms, JSON or YAML.
    pub template: String,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackResource {
    /// Its type, such as `AWS::SQS::Queue`.
    pub kind: String,
    /// Its physical id, which is what `Ref` gives. Empty where it was never made.
    pub physical: String,
    /// Its state, such as `CREATE_COMPLETE`.
    pub status: String,
}

impl Inspector<'_> {
    /// A stack with its parameters, resources and template.
    ///
    /// # Errors
    /// When there is no such stack, or a call fails: `cloudformation:DescribeStacks`, `ListStackResources` and
    /// `GetTemplate` have to be permitted.
    pub async fn stack(&self, name: &str) -> Result<Stack, AccountError> {
        let described = self.described(name).await?;
        let outputs = described.outputs().iter();
        let parameters = described.parameters().iter();
        Ok(Stack {
            name: described.stack_name().unwrap_or(name).to_owned(),
            id: described.stack_id().unwrap_or_default().to_owned(),
            status: described
                .stack_status()
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            parameters: parameters
                .filter_map(|one| {
                    let value = one.resolved_value().or(one.parameter_value())?;
                    Some((one.parameter_key()?.to_owned(), value.to_owned()))
                })
                .collect(),
            outputs: outputs
                .filter_map(|one| {
                    Some((one.output_key()?.to_owned(), one.output_value()?.to_owned()))
                })
                .collect(),
            resources: self.resources(name).await?,
            template: self.template(name).await?,
        })
    }

    pub(crate) async fn described(
        &self,
        name: &str,
    ) -> Result<aws_sdk_cloudformation::types::Stack, AccountError> {
        let call = self.cloudformation.describe_stacks().stack_name(name);
        let answer = call.send().await.map_err(|error| {
            // CloudFormation has no code of its own for it.
            let is_missing = matches!(&error, SdkError::ServiceError(_))
                && error.code() == Some("ValidationError")
                && error
                    .message()
                    .is_some_and(|text| text.contains("does not exist"));
            if is_missing {
                self.no_stack(name)
            } else {
                AccountError::Call(CallError::of("DescribeStacks", &error))
            }
        })?;
        let mut stacks = answer.stacks.unwrap_or_default().into_iter();
        stacks.next().ok_or_else(|| self.no_stack(name))
    }

    fn no_stack(&self, name: &str) -> AccountError {
        let home = self.clients.home();
        AccountError::NoStack {
            stack: quoted(name),
            account: home.account().to_owned(),
            region: home.region().to_owned(),
        }
    }

    /// The resources of a stack, by logical id.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn resources(
        &self,
        name: &str,
    ) -> Result<BTreeMap<String, StackResource>, CallError> {
        const CALL: &str = "ListStackResources";
        let mut resources = BTreeMap::new();
        let mut pages = self
            .cloudformation
            .list_stack_resources()
            .stack_name(name)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of(CALL, &error))?;
            for one in page.stack_resource_summaries.unwrap_or_default() {
                let status = one.resource_status.map(|status| status.as_str().to_owned());
                let resource = StackResource {
                    kind: one.resource_type.unwrap_or_default(),
                    physical: one.physical_resource_id.unwrap_or_default(),
                    status: status.unwrap_or_default(),
                };
                resources.insert(one.logical_resource_id.unwrap_or_default(), resource);
            }
        }
        Ok(resources)
    }

    async fn template(&self, name: &str) -> Result<String, CallError> {
        let call = self.cloudformation.get_template().stack_name(name);
        let call = call.template_stage(TemplateStage::Processed);
        let answer = call.send().await;
        let answer = answer.map_err(|error| CallError::of("GetTemplate", &error))?;
        Ok(answer.template_body.unwrap_or_default())
    }
}
