//! How a function is set up: its role, its environment, its layers, its limits.

use serde_json::{Value, json};
use tidewaiter_aws::CallError;
use tidewaiter_rules::names::quoted;
use tidewaiter_templates::Wanted;

use super::{CHECK, Commands, settled};
use crate::account::doctor::{
    command::word,
    compare::{Agreement, compare, known, members},
    report::Check,
};

/// What is compared as it is, with the option that sets it.
const MEMBERS: &[(&str, &str)] = &[
    ("Role", "role"),
    ("Handler", "handler"),
    ("Runtime", "runtime"),
    ("MemorySize", "memory-size"),
    ("Timeout", "timeout"),
    ("DeadLetterConfig", "dead-letter-config"),
    ("TracingConfig", "tracing-config"),
];

/// How a function is set up, by what `GetFunctionConfiguration` says.
pub(super) fn judge(function: &Wanted, live: &Value, commands: &Commands) -> Vec<Check> {
    let mut checks = Vec::new();
    let wanted = &function.properties;
    for (name, option) in MEMBERS {
        let compared = members(wanted, live, &[name]);
        if let Some(reason) = compared.unclear {
            checks.push(Check::cannot_tell(CHECK, &function.id, reason));
        }
        if compared.different.is_empty() {
            continue;
        }
        let found = format!("its `{name}` is not that of the template");
        let fix = put(function, option, wanted.get(name), commands);
        let why = match *name {
            "Role" => "it may do other things than the template lets it",
            "DeadLetterConfig" => "events that it gives up on are lost",
            _ => "it does not run as it was tested",
        };
        let check = Check::problem(CHECK, &function.id, found).why(why);
        checks.push(check.fix([fix, settled(function, commands)]));
    }
    checks.extend(judge_environment(function, live, commands));
    checks.extend(judge_layers(function, live, commands));
    checks.extend(judge_logging(function, live, commands));
    if checks.is_empty() {
        let found = "there, and set up as in the template";
        checks.push(Check::ok(CHECK, &function.id, found));
    }
    checks
}

fn put(
    function: &Wanted,
    option: &str,
    value: Option<&Value>,
    commands: &Commands,
) -> Option<String> {
    let value = known(value?)?;
    let value = word(value);
    let options = [
        ("function-name", function.physical.as_str()),
        (option, &value),
    ];
    commands.aws("lambda update-function-configuration", &options)
}

/// Values are not shown: somebody may have put a secret there.
fn judge_environment(function: &Wanted, live: &Value, commands: &Commands) -> Option<Check> {
    let variables = |value: &Value| value.pointer("/Environment/Variables").cloned();
    let wanted = variables(&function.properties).unwrap_or_else(|| json!({}));
    let live = variables(live).unwrap_or_else(|| json!({}));
    let (Value::Object(wanted), Value::Object(live)) = (&wanted, &live) else {
        return None;
    };
    let names = wanted
        .keys()
        .chain(live.keys().filter(|name| !wanted.contains_key(*name)));
    let mut different = Vec::new();
    for name in names {
        let now = live.get(name).unwrap_or(&Value::Null);
        let meant = wanted.get(name).unwrap_or(&Value::Null);
        match compare(meant, now) {
            Agreement::Same => {}
            Agreement::Unclear(reason) => {
                let found = format!("what {} should be {reason}", quoted(name));
                return Some(Check::cannot_tell(CHECK, &function.id, found));
            }
            Agreement::Different => different.push(match (name.as_str(), now.as_str()) {
                ("TIDEWAITER_MODE", Some(now)) => {
                    let meant = meant.as_str().unwrap_or_default();
                    format!(
                        "{} is {} in place of {}",
                        quoted(name),
                        quoted(now),
                        quoted(meant)
                    )
                }
                (_, None) => format!("{} is gone", quoted(name)),
                _ if meant.is_null() => format!("{} was added", quoted(name)),
                _ => format!("{} is another", quoted(name)),
            }),
        }
    }
    if different.is_empty() {
        return None;
    }
    let found = format!(
        "its environment is not that of the template: {}",
        different.join(", ")
    );
    let environment = json!({ "Variables": wanted });
    let fix = put(function, "environment", Some(&environment), commands);
    let check = Check::problem(CHECK, &function.id, found)
        .why("the environment says which mode, policy, topic and ledger it uses");
    Some(check.fix([fix, settled(function, commands)]))
}

fn judge_layers(function: &Wanted, live: &Value, commands: &Commands) -> Option<Check> {
    let wanted = function
        .properties
        .get("Layers")
        .cloned()
        .unwrap_or_else(|| json!([]));
    let layers = live.get("Layers").and_then(Value::as_array);
    let arns = layers
        .into_iter()
        .flatten()
        .filter_map(|one| one.get("Arn"));
    let found: Vec<&Value> = arns.collect();
    match compare(&wanted, &json!(found)) {
        Agreement::Same => None,
        Agreement::Unclear(reason) => {
            let found = format!("which layer it should have {reason}");
            Some(Check::cannot_tell(CHECK, &function.id, found))
        }
        Agreement::Different => {
            let named: Vec<String> = found
                .iter()
                .map(|arn| quoted(arn.as_str().unwrap_or_default()))
                .collect();
            let named = if named.is_empty() {
                "none".to_owned()
            } else {
                named.join(", ")
            };
            let found = format!("its layers are not those of the template: {named}");
            let fix = put(function, "layers", Some(&wanted), commands);
            let check = Check::problem(CHECK, &function.id, found).why(
                "the layer is the policy: it judges by another one, or by none and only tells",
            );
            Some(check.fix([fix, settled(function, commands)]))
        }
    }
}

fn judge_logging(function: &Wanted, live: &Value, commands: &Commands) -> Option<Check> {
    let wanted = function.properties.get("LoggingConfig")?;
    let live = live.get("LoggingConfig").unwrap_or(&Value::Null);
    let compared = members(wanted, live, &["LogFormat", "LogGroup"]);
    if compared.different.is_empty() {
        return None;
    }
    let found = "it does not log as in the template";
    let fix = put(function, "logging-config", Some(wanted), commands);
    let check = Check::problem(CHECK, &function.id, found)
        .why("metrics are lines of its log: without them alarms stay silent");
    Some(check.fix([fix, settled(function, commands)]))
}

/// How often Lambda tries an event, by what `GetFunctionEventInvokeConfig` says.
pub(super) fn judge_retries(
    config: &Wanted,
    function: &Wanted,
    live: Result<Option<Value>, CallError>,
    commands: &Commands,
) -> Check {
    const NAMES: &[&str] = &["MaximumRetryAttempts", "MaximumEventAgeInSeconds"];
    let live = match live {
        Err(error) => return Check::failed(CHECK, &config.id, &error),
        Ok(live) => live.unwrap_or_default(),
    };
    if members(&config.properties, &live, NAMES)
        .different
        .is_empty()
    {
        return Check::ok(CHECK, &config.id, "there, and set up as in the template");
    }
    let option = |name: &str| {
        let value = config.properties.get(name)?;
        Some(word(value))
    };
    let attempts = option("MaximumRetryAttempts").unwrap_or_default();
    let age = option("MaximumEventAgeInSeconds").unwrap_or_default();
    let options = [
        ("function-name", function.physical.as_str()),
        ("qualifier", qualifier(config)),
        ("maximum-retry-attempts", &attempts),
        ("maximum-event-age-in-seconds", &age),
    ];
    let found = "how often an event is tried is not as in the template";
    Check::problem(CHECK, &config.id, found)
        .why("a fault that passes may cost an event")
        .fix([commands.aws("lambda put-function-event-invoke-config", &options)])
}

/// The version whose events it is about.
pub(super) fn qualifier(config: &Wanted) -> &str {
    let qualifier = config.properties.get("Qualifier").and_then(Value::as_str);
    qualifier.unwrap_or("$LATEST")
}
