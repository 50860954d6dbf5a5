//! Roles, and what they may do.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Inspector, document, found};
use crate::CallError;

const MISSING: &[&str] = &["NoSuchEntity"];

impl Inspector<'_> {
    /// A role in CloudFormation's spelling: `AssumeRolePolicyDocument`, `PermissionsBoundary` where it has one,
    /// `Policies` (inline, by name) and `ManagedPolicyArns`. `None` where there is no such role.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn role(&self, name: &str) -> Result<Option<Value>, CallError> {
        let call = self.iam.get_role().role_name(name).send().await;
        let call = call.map_err(|error| CallError::of("GetRole", &error));
        let Some(answer) = found(call, MISSING)? else {
            return Ok(None);
        };
        let role = answer.role;
        let trust = role
            .as_ref()
            .and_then(|role| role.assume_role_policy_document());
        let boundary = role.as_ref().and_then(|role| role.permissions_boundary());
        let boundary = boundary.and_then(|boundary| boundary.permissions_boundary_arn());
        Ok(Some(json!({
            "AssumeRolePolicyDocument": trust.map(written),
            "PermissionsBoundary": boundary,
            "Policies": self.inline(name).await?,
            "ManagedPolicyArns": self.attached(name).await?,
        })))
    }

    async fn inline(&self, role: &str) -> Result<BTreeMap<String, Value>, CallError> {
        let mut policies = BTreeMap::new();
        let mut pages = self
            .iam
            .list_role_policies()
            .role_name(role)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of("ListRolePolicies", &error))?;
            for name in page.policy_names {
                let call = self.iam.get_role_policy().role_name(role);
                let answer = call.policy_name(&name).send().await;
                let answer = answer.map_err(|error| CallError::of("GetRolePolicy", &error))?;
                policies.insert(name, written(&answer.policy_document));
            }
        }
        Ok(policies)
    }

    async fn attached(&self, role: &str) -> Result<Vec<String>, CallError> {
        let mut arns = Vec::new();
        let mut pages = self
            .iam
            .list_attached_role_policies()
            .role_name(role)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| CallError::of("ListAttachedRolePolicies", &error))?;
            let policies = page.attached_policies.unwrap_or_default().into_iter();
            arns.extend(policies.filter_map(|policy| policy.policy_arn));
        }
        Ok(arns)
    }
}

/// A policy that IAM gives with percent signs in place of what URLs do not hold.
fn written(text: &str) -> Value {
    document(&percent_decode_str(text).decode_utf8_lossy())
}
