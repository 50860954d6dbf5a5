//! Who may invoke a function: what EventBridge may not invoke gets no event.

use serde_json::{Map, Value, json};
use tidewaiter_aws::CallError;
use tidewaiter_rules::names::quoted;
use tidewaiter_templates::Wanted;

use super::{
    Patient,
    command::Commands,
    compare::{Agreement, compare_policies},
    report::Check,
};

const CHECK: &str = "permissions";

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for function in patient.of_kind("AWS::Lambda::Function") {
        let wanted: Vec<&Wanted> = patient
            .of_kind("AWS::Lambda::Permission")
            .filter(|one| is_of(one, function))
            .collect();
        let live = patient.inspector.invokers(&function.physical).await;
        checks.extend(judge(function, &wanted, live, &patient.commands));
    }
    checks
}

/// Whether a permission is one to invoke this function, which it names by name or by ARN.
fn is_of(permission: &Wanted, function: &Wanted) -> bool {
    let name = permission
        .properties
        .get("FunctionName")
        .and_then(Value::as_str);
    name.and_then(|name| name.rsplit(':').next()) == Some(function.physical.as_str())
}

/// The permissions of a function, by its resource policy.
fn judge(
    function: &Wanted,
    wanted: &[&Wanted],
    live: Result<Option<Value>, CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let live = match live {
        Err(error) => return vec![Check::failed(CHECK, &function.id, &error)],
        Ok(live) => live.unwrap_or_default(),
    };
    let mut left: Vec<&Value> = match live.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let mut checks = Vec::new();
    for permission in wanted {
        let statement = json!({ "Statement": statement(permission) });
        let is_it = |live: &Value| {
            let live = json!({ "Statement": told(live) });
            compare_policies(&statement, &live) == Agreement::Same
        };
        if let Some(index) = left.iter().position(|one| is_it(one)) {
            left.remove(index);
            continue;
        }
        let principal = text(&permission.properties, "Principal");
        let found = format!("{} may not invoke it any more", quoted(principal));
        let check = Check::problem(CHECK, &permission.id, found)
            .why(format!(
                "events for {} are refused, and end in a dead-letter queue or nowhere",
                function.id
            ))
            .fix([add(permission, function, commands)]);
        checks.push(check);
    }
    for statement in left {
        let sid = text(statement, "Sid");
        let who = statement.get("Principal").map(Value::to_string);
        let found = format!(
            "{} may invoke it by statement {}, which the template does not have",
            quoted(&who.unwrap_or_default()),
            quoted(sid)
        );
        let options = [
            ("function-name", function.physical.as_str()),
            ("statement-id", sid),
        ];
        let check = Check::problem(CHECK, &function.id, found)
            .why("whoever invokes it can have it judge what never happened")
            .fix([commands.aws("lambda remove-permission", &options)]);
        checks.push(check);
    }
    if checks.is_empty() {
        let found = "who may invoke it is as in the template";
        checks.push(Check::ok(CHECK, &function.id, found));
    }
    checks
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The statement that Lambda makes of a permission, without its name and the function's.
fn statement(permission: &Wanted) -> Value {
    let properties = &permission.properties;
    let principal = text(properties, "Principal");
    let principal = if principal.contains('.') {
        json!({ "Service": principal })
    } else {
        json!({ "AWS": principal })
    };
    let mut condition = Map::new();
    if let Some(source) = properties.get("SourceArn") {
        let source = json!({ "AWS:SourceArn": source });
        condition.insert("ArnLike".to_owned(), source);
    }
    if let Some(account) = properties.get("SourceAccount") {
        let account = json!({ "AWS:SourceAccount": account });
        condition.insert("StringEquals".to_owned(), account);
    }
    // One without a condition has no such member, which is what nothing comes to in a comparison.
    let condition = (!condition.is_empty()).then_some(condition);
    json!({
        "Effect": "Allow",
        "Principal": principal,
        "Action": properties.get("Action"),
        "Condition": condition,
    })
}

/// What of a live statement the template tells.
fn told(statement: &Value) -> Value {
    let mut statement = statement.clone();
    if let Value::Object(members) = &mut statement {
        members.remove("Sid");
        members.remove("Resource");
    }
    statement
}

fn add(permission: &Wanted, function: &Wanted, commands: &Commands) -> Option<String> {
    let properties = &permission.properties;
    let mut options = vec![
        ("function-name", function.physical.as_str()),
        ("statement-id", permission.id.as_str()),
        ("action", text(properties, "Action")),
        ("principal", text(properties, "Principal")),
    ];
    for (option, name) in [
        ("source-arn", "SourceArn"),
        ("source-account", "SourceAccount"),
    ] {
        if let Some(value) = properties.get(name) {
            options.push((option, value.as_str()?));
        }
    }
    commands.aws("lambda add-permission", &options)
}

#[cfg(test)]
mod tests;
