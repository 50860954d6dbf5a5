//! Roles: what the functions may do.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidewaiter_aws::CallError;
use tidewaiter_rules::names::quoted;
use tidewaiter_templates::Wanted;

use super::{
    Patient,
    command::{Commands, word},
    compare::{Agreement, compare, compare_policies, known},
    report::Check,
};

const CHECK: &str = "roles";
const TOO_MUCH: &str = "it may do more than it was given";

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for role in patient.of_kind("AWS::IAM::Role") {
        let beside: Vec<&Wanted> = patient
            .of_kind("AWS::IAM::Policy")
            .filter(|policy| is_of(policy, role))
            .collect();
        let live = patient.inspector.role(&role.physical).await;
        checks.extend(judge(role, &beside, live, &patient.commands));
    }
    checks
}

fn is_of(policy: &Wanted, role: &Wanted) -> bool {
    let roles = policy.properties.get("Roles").and_then(Value::as_array);
    roles.is_some_and(|roles| roles.iter().any(|one| one == role.physical.as_str()))
}

/// A role, by what IAM says. `beside` are the policies that the template gives it by resources of their own.
fn judge(
    role: &Wanted,
    beside: &[&Wanted],
    live: Result<Option<Value>, CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let live = match live {
        Err(error) => return vec![Check::failed(CHECK, &role.id, &error)],
        Ok(live) => live,
    };
    let wanted = policies(role, beside);
    let name = ("role-name", role.physical.as_str());
    let trust = role.properties.get("AssumeRolePolicyDocument");
    let put = |policy: &str, document: &Value| {
        let document = known(document)?.to_string();
        let options = [
            name,
            ("policy-name", policy),
            ("policy-document", &document),
        ];
        commands.aws("iam put-role-policy", &options)
    };
    let Some(live) = live else {
        let trust = trust.and_then(known).map(Value::to_string);
        let create = trust.and_then(|trust| {
            commands.aws(
                "iam create-role",
                &[name, ("assume-role-policy-document", &trust)],
            )
        });
        let puts = wanted
            .iter()
            .map(|(policy, document)| put(policy, document));
        let gone = Check::problem(CHECK, &role.id, "it is gone");
        let why = "what acts in it cannot";
        return vec![gone.why(why).fix([create].into_iter().chain(puts))];
    };
    let mut checks = Vec::new();
    let found = live.get("AssumeRolePolicyDocument").unwrap_or(&Value::Null);
    if let Some(trust) = trust
        && compare_policies(trust, found) == Agreement::Different
    {
        let fix = known(trust).map(Value::to_string).and_then(|trust| {
            let options = [name, ("policy-document", trust.as_str())];
            commands.aws("iam update-assume-role-policy", &options)
        });
        let found = "who may take it on is not as in the template";
        let why = "others may act as it, or what should cannot";
        checks.push(Check::problem(CHECK, &role.id, found).why(why).fix([fix]));
    }
    let none = serde_json::Map::new();
    let inline = live
        .get("Policies")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    for (policy, document) in &wanted {
        let found = inline
            .get(policy)
            .map(|found| compare_policies(document, found));
        let (found, why) = match found {
            Some(Agreement::Same) => continue,
            Some(Agreement::Unclear(reason)) => {
                let found = format!("what its policy {} should say {reason}", quoted(policy));
                checks.push(Check::cannot_tell(CHECK, &role.id, found));
                continue;
            }
            Some(Agreement::Different) => (
                format!("its policy {} is not that of the template", quoted(policy)),
                "it may do more than it was given, or not what it is for",
            ),
            None => (
                format!("its policy {} is gone", quoted(policy)),
                "it cannot do what it is for",
            ),
        };
        let check = Check::problem(CHECK, &role.id, found).why(why);
        checks.push(check.fix([put(policy, document)]));
    }
    for policy in inline.keys().filter(|policy| !wanted.contains_key(*policy)) {
        let found = format!(
            "it has a policy {} that the template does not have",
            quoted(policy)
        );
        let fix = commands.aws("iam delete-role-policy", &[name, ("policy-name", policy)]);
        checks.push(
            Check::problem(CHECK, &role.id, found)
                .why(TOO_MUCH)
                .fix([fix]),
        );
    }
    checks.extend(judge_attached(role, &live, commands));
    if checks.is_empty() {
        let found = "its policies are those of the template";
        checks.push(Check::ok(CHECK, &role.id, found));
    }
    checks
}

/// Every inline policy that the template gives a role, by name.
fn policies(role: &Wanted, beside: &[&Wanted]) -> BTreeMap<String, Value> {
    let own = role.properties.get("Policies").and_then(Value::as_array);
    let own = own.into_iter().flatten();
    own.chain(beside.iter().map(|policy| &policy.properties))
        .filter_map(|policy| {
            let name = policy.get("PolicyName")?.as_str()?;
            Some((name.to_owned(), policy.get("PolicyDocument")?.clone()))
        })
        .collect()
}

fn judge_attached(role: &Wanted, live: &Value, commands: &Commands) -> Vec<Check> {
    let mut checks = Vec::new();
    let list = |value: &Value| -> Vec<String> {
        let arns = value.get("ManagedPolicyArns").and_then(Value::as_array);
        arns.into_iter().flatten().map(word).collect()
    };
    let (wanted, found) = (list(&role.properties), list(live));
    let options = |arn: &str| {
        [
            ("role-name".to_owned(), role.physical.clone()),
            ("policy-arn".to_owned(), arn.to_owned()),
        ]
    };
    let command = |operation: &str, arn: &str| {
        let options = options(arn);
        let options: Vec<(&str, &str)> = options
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        commands.aws(operation, &options)
    };
    for arn in found.iter().filter(|arn| !wanted.contains(arn)) {
        let found = format!(
            "{} is attached, which the template does not have",
            quoted(arn)
        );
        let fix = command("iam detach-role-policy", arn);
        checks.push(
            Check::problem(CHECK, &role.id, found)
                .why(TOO_MUCH)
                .fix([fix]),
        );
    }
    for arn in wanted.iter().filter(|arn| !found.contains(arn)) {
        let found = format!("{} is attached no more", quoted(arn));
        let fix = command("iam attach-role-policy", arn);
        let why = "it cannot do what it is for";
        checks.push(Check::problem(CHECK, &role.id, found).why(why).fix([fix]));
    }
    let boundary = live.get("PermissionsBoundary").unwrap_or(&Value::Null);
    let wanted = role.properties.get("PermissionsBoundary");
    if compare(wanted.unwrap_or(&json!(null)), boundary) == Agreement::Different {
        let found = match boundary.as_str() {
            Some(boundary) => format!("it has the permissions boundary {}", quoted(boundary)),
            None => "its permissions boundary is gone".to_owned(),
        };
        let why = "the template has another: what the boundary does not let it do fails";
        checks.push(Check::warning(CHECK, &role.id, found).why(why));
    }
    checks
}

#[cfg(test)]
mod tests;
