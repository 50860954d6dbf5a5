//! What takes messages from queues to a function.

use serde_json::Value;
use tidewaiter_aws::CallError;
use tidewaiter_rules::names::quoted;
use tidewaiter_templates::Wanted;

use super::{CHECK, Commands, text};
use crate::account::doctor::{
    command::word,
    compare::{known, members},
    report::Check,
};

const WHY: &str = "messages wait in the queue and are not judged";

/// What is compared, with the option that sets it.
const MEMBERS: &[(&str, &str)] = &[
    ("BatchSize", "batch-size"),
    (
        "MaximumBatchingWindowInSeconds",
        "maximum-batching-window-in-seconds",
    ),
    ("FunctionResponseTypes", "function-response-types"),
    ("ScalingConfig", "scaling-config"),
];

/// The mappings of a function, by what `ListEventSourceMappings` says of it. One that somebody made anew has another
/// identifier, and is as good: they are known by their queues.
pub(super) fn judge(
    wanted: &[&Wanted],
    function: &Wanted,
    live: Result<Vec<Value>, CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let live = match live {
        Err(error) => return vec![Check::failed(CHECK, &function.id, &error)],
        Ok(live) => live,
    };
    let source = |value: &Value| text(value, "EventSourceArn").to_owned();
    let each = wanted.iter().map(|mapping| {
        let queue = source(&mapping.properties);
        let found = live.iter().find(|one| source(one) == queue);
        judge_one(mapping, function, found, commands)
    });
    let mut checks: Vec<Check> = each.collect();
    for other in &live {
        let queue = source(other);
        if wanted.iter().any(|one| source(&one.properties) == queue) {
            continue;
        }
        let found = format!(
            "it takes messages from {} too, which the template does not say",
            quoted(&queue)
        );
        let fix = commands.aws(
            "lambda delete-event-source-mapping",
            &[("uuid", text(other, "UUID"))],
        );
        let why = "whoever writes there can have it judge what never happened";
        checks.push(
            Check::problem(CHECK, &function.id, found)
                .why(why)
                .fix([fix]),
        );
    }
    checks
}

fn judge_one(
    mapping: &Wanted,
    function: &Wanted,
    live: Option<&Value>,
    commands: &Commands,
) -> Check {
    let Some(live) = live else {
        let mut options = vec![
            ("function-name", function.physical.clone()),
            (
                "event-source-arn",
                text(&mapping.properties, "EventSourceArn").to_owned(),
            ),
        ];
        let fix = set(mapping, &mut options)
            .and_then(|()| written(commands, "lambda create-event-source-mapping", &options));
        let gone = Check::problem(CHECK, &mapping.id, "it is gone");
        return gone.why(WHY).fix([fix]);
    };
    let names: Vec<&str> = MEMBERS.iter().map(|(name, _)| *name).collect();
    let compared = members(&mapping.properties, live, &names);
    let state = text(live, "State");
    let is_on = !matches!(state, "Disabled" | "Disabling");
    if is_on && compared.different.is_empty() {
        return Check::ok(CHECK, &mapping.id, "there, and set up as in the template");
    }
    let found = if is_on {
        format!(
            "its {} is not that of the template",
            compared.different.join(", ")
        )
    } else {
        format!("it is {}", quoted(state))
    };
    let mut options = vec![
        ("uuid", text(live, "UUID").to_owned()),
        ("enabled", String::new()),
    ];
    let fix = set(mapping, &mut options)
        .and_then(|()| written(commands, "lambda update-event-source-mapping", &options));
    Check::problem(CHECK, &mapping.id, found)
        .why(WHY)
        .fix([fix])
}

fn set(mapping: &Wanted, options: &mut Vec<(&'static str, String)>) -> Option<()> {
    for (name, option) in MEMBERS {
        if let Some(value) = mapping.properties.get(name) {
            let value = known(value)?;
            let text = word(value);
            options.push((option, text));
        }
    }
    Some(())
}

fn written(
    commands: &Commands,
    operation: &str,
    options: &[(&'static str, String)],
) -> Option<String> {
    let options: Vec<(&str, &str)> = options.iter().map(|(n, v)| (*n, v.as_str())).collect();
    commands.aws(operation, &options)
}
