//! Functions: that they are there, run the code of the stack, and are set up as it says.

mod mapping;
mod setting;

use serde_json::Value;
use tidewaiter_aws::{CallError, inspect::Artifact};
use tidewaiter_rules::names::quoted;
use tidewaiter_templates::Wanted;

use super::{
    Patient,
    command::{Commands, word},
    compare::{Agreement, compare},
    report::Check,
};

const CHECK: &str = "functions";

/// What is read of a function.
struct Live {
    configuration: Result<Option<Value>, CallError>,
    concurrency: Result<Option<u64>, CallError>,
    /// The zip that the template names; `None` where it is gone.
    code: Result<Option<String>, CallError>,
}

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    let inspector = &patient.inspector;
    for function in patient.of_kind("AWS::Lambda::Function") {
        let name = &function.physical;
        let live = Live {
            configuration: inspector.function(name).await,
            concurrency: inspector.concurrency(name).await,
            code: artifact(patient, function, "Code")
                .await
                .map(|artifact| artifact.map(|artifact| artifact.sha256)),
        };
        checks.extend(judge(function, live, &patient.commands));
        let configs = patient.of_kind("AWS::Lambda::EventInvokeConfig");
        for config in configs.filter(|one| names(one, function)) {
            let live = inspector
                .invoke_config(name, setting::qualifier(config))
                .await;
            checks.push(setting::judge_retries(
                config,
                function,
                live,
                &patient.commands,
            ));
        }
        let mappings: Vec<&Wanted> = patient
            .of_kind("AWS::Lambda::EventSourceMapping")
            .filter(|one| names(one, function))
            .collect();
        if !mappings.is_empty() {
            let live = inspector.source_mappings(name).await;
            checks.extend(mapping::judge(&mappings, function, live, &patient.commands));
        }
    }
    checks
}

/// The zip that a property of the template names.
pub(super) async fn artifact(
    patient: &Patient<'_>,
    resource: &Wanted,
    property: &str,
) -> Result<Option<Artifact>, CallError> {
    let text = |name: &str| {
        let code = resource.properties.get(property);
        code.and_then(|code| code.get(name)?.as_str())
    };
    match (text("S3Bucket"), text("S3Key")) {
        (Some(bucket), Some(key)) => {
            let version = text("S3ObjectVersion");
            patient.inspector.artifact(bucket, key, version).await
        }
        _ => Ok(None),
    }
}

/// Whether a resource names this function, by name or by ARN.
fn names(resource: &Wanted, function: &Wanted) -> bool {
    let name = resource
        .properties
        .get("FunctionName")
        .and_then(Value::as_str);
    name.and_then(|name| name.rsplit(':').next()) == Some(function.physical.as_str())
}

fn judge(function: &Wanted, live: Live, commands: &Commands) -> Vec<Check> {
    let configuration = match live.configuration {
        Err(error) => return vec![Check::failed(CHECK, &function.id, &error)],
        Ok(None) => {
            let why = "its events are refused, and end in a dead-letter queue";
            let gone = Check::problem(CHECK, &function.id, "it is gone");
            return vec![gone.why(why).fix([make(function, commands)])];
        }
        Ok(Some(configuration)) => configuration,
    };
    let mut checks = Vec::new();
    checks.extend(judge_state(function, &configuration));
    checks.extend(setting::judge(function, &configuration, commands));
    checks.extend(judge_concurrency(function, live.concurrency, commands));
    let code = judge_code(function, &configuration, live.code, commands);
    checks.push(code);
    checks
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn judge_state(function: &Wanted, live: &Value) -> Option<Check> {
    let reason = |name: &str| quoted(text(live, name));
    match (text(live, "State"), text(live, "LastUpdateStatus")) {
        ("Pending", _) | (_, "InProgress") => {
            let found = "it is being changed this moment";
            Some(Check::warning(CHECK, &function.id, found).why("look again in a minute"))
        }
        ("Failed", _) => {
            let found = format!("it cannot run: {}", reason("StateReason"));
            let why = "its events are refused, and end in a dead-letter queue";
            Some(Check::problem(CHECK, &function.id, found).why(why))
        }
        (_, "Failed") => {
            let found = format!(
                "its last change failed: {}",
                reason("LastUpdateStatusReason")
            );
            Some(Check::problem(CHECK, &function.id, found).why("it runs as it was before"))
        }
        _ => None,
    }
}

fn judge_concurrency(
    function: &Wanted,
    live: Result<Option<u64>, CallError>,
    commands: &Commands,
) -> Option<Check> {
    let live = match live {
        Err(error) => return Some(Check::failed(CHECK, &function.id, &error)),
        Ok(live) => live,
    };
    let wanted = function.properties.get("ReservedConcurrentExecutions");
    let found = live.map_or(Value::Null, Value::from);
    if compare(wanted.unwrap_or(&Value::Null), &found) == Agreement::Same {
        return None;
    }
    let (found, why) = match live {
        Some(0) => (
            "its reserved concurrency is 0".to_owned(),
            "it is switched off: every event waits, and is dropped into a dead-letter queue in the end",
        ),
        Some(live) => (
            format!("its reserved concurrency is {live}, which is not what the template says"),
            "it may be throttled, or starve the account's own deployments",
        ),
        None => (
            "no concurrency is reserved for it".to_owned(),
            "it may starve the account's own deployments, or be starved",
        ),
    };
    let name = ("function-name", function.physical.as_str());
    let fix = match wanted {
        None => commands.aws("lambda delete-function-concurrency", &[name]),
        Some(wanted) => {
            let wanted = word(wanted);
            let reserve = ("reserved-concurrent-executions", wanted.as_str());
            commands.aws("lambda put-function-concurrency", &[name, reserve])
        }
    };
    Some(
        Check::problem(CHECK, &function.id, found)
            .why(why)
            .fix([fix]),
    )
}

/// Whether a function runs what the stack deployed.
fn judge_code(
    function: &Wanted,
    live: &Value,
    code: Result<Option<String>, CallError>,
    commands: &Commands,
) -> Check {
    const CHECK: &str = "code";
    let running = text(live, "CodeSha256");
    let wanted = match code {
        Err(error) => return Check::failed(CHECK, &function.id, &error),
        Ok(None) => {
            let found = format!(
                "what the stack deployed is not in its bucket any more; it runs {}, changed {}",
                quoted(running),
                quoted(text(live, "LastModified"))
            );
            return Check::warning(CHECK, &function.id, found).why(
                "whether that is what was deployed cannot be told; deploying again makes it so",
            );
        }
        Ok(Some(wanted)) => wanted,
    };
    if wanted == running {
        let short: String = running.chars().take(12).collect();
        let found = format!(
            "as deployed ({short}, version {})",
            quoted(text(live, "Version"))
        );
        return Check::ok(CHECK, &function.id, found);
    }
    let found = format!(
        "it runs {}, and the stack deployed {}",
        quoted(running),
        quoted(&wanted)
    );
    Check::problem(CHECK, &function.id, found)
        .why("it judges as somebody else wants, or not at all")
        .fix([put_code(function, commands), settled(function, commands)])
}

/// The template spells a function as the API does. What belongs to it the doctor names when it is there again.
fn make(function: &Wanted, commands: &Commands) -> Option<String> {
    commands.input(
        "lambda create-function",
        ("FunctionName", &function.physical),
        &function.properties,
        &["ReservedConcurrentExecutions", "Tags"],
    )
}

fn put_code(function: &Wanted, commands: &Commands) -> Option<String> {
    let code = function.properties.get("Code")?;
    let mut options = vec![("function-name", function.physical.as_str())];
    for (option, name) in [
        ("s3-bucket", "S3Bucket"),
        ("s3-key", "S3Key"),
        ("s3-object-version", "S3ObjectVersion"),
    ] {
        if let Some(value) = code.get(name) {
            options.push((option, value.as_str()?));
        }
    }
    commands.aws("lambda update-function-code", &options)
}

/// Waits until a change is done: the next one would be refused.
fn settled(function: &Wanted, commands: &Commands) -> Option<String> {
    let options = [("function-name", function.physical.as_str())];
    commands.aws("lambda wait function-updated-v2", &options)
}

#[cfg(test)]
mod tests;
