//! Who made an API call, and with what.

use serde::{Deserialize, Serialize};

/// Who made an API call (CloudTrail User Guide, "CloudTrail userIdentity element"). All of it is
/// text from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Principal {
    /// A name that people know: the user, or the session and its role.
    pub name: String,
    /// The ARN of the user or of the role session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// The AWS service that made the call for them, such as `cloudformation.amazonaws.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// The program, from the user agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The address that the call came from, or the name of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct UserIdentity {
    r#type: Option<String>,
    arn: Option<String>,
    account_id: Option<String>,
    user_name: Option<String>,
    invoked_by: Option<String>,
    session_context: Option<SessionContext>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SessionContext {
    session_issuer: Option<SessionIssuer>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SessionIssuer {
    user_name: Option<String>,
}

impl Principal {
    pub(crate) fn read(
        identity: Option<&str>,
        user_agent: Option<&str>,
        source_ip: Option<String>,
    ) -> Self {
        let identity: UserIdentity = identity
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        Self {
            name: identity.name(),
            tool: user_agent.and_then(tool),
            via: identity.invoked_by,
            arn: identity.arn,
            source_ip,
        }
    }
}

/// The name that people know of whoever has this ARN, as STS `GetCallerIdentity` gives it.
pub fn name_of_caller(arn: &str) -> String {
    let mut parts = arn.splitn(6, ':').skip(4);
    let (account, rest) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let mut names = rest.split('/');
    match (names.next(), names.next(), names.next_back()) {
        (Some("assumed-role"), Some(role), Some(session)) => session_of(session, role),
        (Some("user" | "federated-user"), Some(name), None)
        | (Some("user"), Some(_), Some(name)) => name.to_owned(),
        (Some("root"), ..) => format!("the root user of {account}"),
        _ => arn.to_owned(),
    }
}

fn session_of(session: &str, role: &str) -> String {
    match permission_set(role) {
        Some(set) => format!("{session} (permission set {set})"),
        None => format!("{session} (role {role})"),
    }
}

impl UserIdentity {
    fn name(&self) -> String {
        let account = self.account_id.as_deref().unwrap_or("an unknown account");
        let session = self
            .arn
            .as_deref()
            .and_then(|arn| arn.rsplit_once('/'))
            .map(|(_, session)| session);
        let role = self
            .session_context
            .as_ref()
            .and_then(|context| context.session_issuer.as_ref())
            .and_then(|issuer| issuer.user_name.as_deref());
        match (self.r#type.as_deref(), session, role) {
            (Some("Root"), ..) => format!("the root user of {account}"),
            (Some("AssumedRole"), Some(session), Some(role)) => session_of(session, role),
            _ => self
                .user_name
                .as_deref()
                .or(session)
                .or(self.invoked_by.as_deref())
                .map_or_else(|| format!("somebody in {account}"), str::to_owned),
        }
    }
}

/// IAM Identity Center names its roles `AWSReservedSSO_SET_HASH`.
fn permission_set(role: &str) -> Option<&str> {
    let (set, _hash) = role.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?;
    Some(set)
}

/// The program behind a user agent, with its version where it is one people know.
fn tool(user_agent: &str) -> Option<String> {
    const KNOWN: &[(&str, &str)] = &[
        ("Terraform/", "Terraform"),
        ("OpenTofu/", "OpenTofu"),
        ("Pulumi/", "Pulumi"),
        ("aws-cdk/", "AWS CDK"),
        ("aws-cli/", "AWS CLI"),
        ("copilot-cli/", "AWS Copilot"),
        ("ecspresso/", "ecspresso"),
        ("Boto3/", "Boto3"),
    ];
    for (token, name) in KNOWN {
        if let Some((_, rest)) = user_agent.split_once(token) {
            let version: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || ".-+".contains(*c))
                .take(20)
                .collect();
            return Some(format!("{name} {version}").trim_end().to_owned());
        }
    }
    let first = user_agent.split_whitespace().next()?;
    if first.starts_with("signin.") || first.starts_with("console.") {
        return Some("AWS console".to_owned());
    }
    Some(first.chars().take(60).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(identity: &str) -> String {
        Principal::read(Some(identity), None, None).name
    }

    #[test]
    fn a_caller_is_named_as_its_calls_are() {
        for (arn, name) in [
            (
                "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_Team_0123456789abcdef/ann@example.com",
                "ann@example.com (permission set Admin_Team)",
            ),
            (
                "arn:aws:sts::111122223333:assumed-role/deploy/run-17",
                "run-17 (role deploy)",
            ),
            ("arn:aws:iam::111122223333:user/ann", "ann"),
            ("arn:aws:iam::111122223333:user/ops/eu/ann", "ann"),
            ("arn:aws:sts::111122223333:federated-user/ann", "ann"),
            (
                "arn:aws:iam::111122223333:root",
                "the root user of 111122223333",
            ),
            ("nobody", "nobody"),
        ] {
            assert_eq!(name_of_caller(arn), name);
        }
    }

    #[test]
    fn people_are_named_as_people_know_them() {
        assert_eq!(
            named(
                r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_Team_0123456789abcdef/ann@example.com",
                    "sessionContext":{"sessionIssuer":{"userName":"AWSReservedSSO_Admin_Team_0123456789abcdef"}}}"#
            ),
            "ann@example.com (permission set Admin_Team)"
        );
        assert_eq!(
            named(
                r#"{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/deploy/run-17",
                    "sessionContext":{"sessionIssuer":{"userName":"deploy"}}}"#
            ),
            "run-17 (role deploy)"
        );
        assert_eq!(named(r#"{"type":"IAMUser","userName":"bob"}"#), "bob");
        assert_eq!(
            named(r#"{"type":"Root","accountId":"111122223333"}"#),
            "the root user of 111122223333"
        );
        assert_eq!(
            named(r#"{"type":"AWSService","invokedBy":"batch.amazonaws.com"}"#),
            "batch.amazonaws.com"
        );
        assert_eq!(named("null"), "somebody in an unknown account");
        assert_eq!(named(r#"{"type":7}"#), "somebody in an unknown account");
    }

    #[test]
    fn the_program_is_found_in_the_user_agent() {
        for (user_agent, expected) in [
            ("aws-cli/2.32.0 md/awscrt#0.28.4 ua/2.1", "AWS CLI 2.32.0"),
            (
                "APN/1.0 HashiCorp/1.0 Terraform/1.13.4 (+https://www.terraform.io)",
                "Terraform 1.13.4",
            ),
            ("Boto3/1.43.0 md/Botocore#1.43.0", "Boto3 1.43.0"),
            ("console.amazonaws.com", "AWS console"),
            (
                "cloudformation.amazonaws.com",
                "cloudformation.amazonaws.com",
            ),
        ] {
            assert_eq!(tool(user_agent).as_deref(), Some(expected));
        }
        assert_eq!(tool(""), None);
        assert_eq!(tool(&"x".repeat(4000)).unwrap().len(), 60);
    }
}
