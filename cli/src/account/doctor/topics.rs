//! Topics: who may publish, and who listens.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidewaiter_aws::{CallError, inspect::Subscription};
use tidewaiter_rules::names::quoted;
use tidewaiter_templates::Wanted;

use super::{
    Patient,
    command::{Commands, word},
    compare::{Agreement, compare, compare_policies, known},
    report::Check,
};

const CHECK: &str = "topics";

/// Attributes of a topic.
type Attributes = BTreeMap<String, String>;

pub(super) async fn look(patient: &Patient<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for topic in patient.of_kind("AWS::SNS::Topic") {
        let of_topic = |one: &&Wanted, member: &str| match one.properties.get(member) {
            Some(Value::Array(list)) => list.iter().any(|arn| arn == topic.physical.as_str()),
            Some(arn) => arn == topic.physical.as_str(),
            None => false,
        };
        let mut policies = patient.of_kind("AWS::SNS::TopicPolicy");
        let policy = policies.find(|one| of_topic(one, "Topics"));
        let live = patient.inspector.topic(&topic.physical).await;
        let is_gone = matches!(live, Ok(None));
        checks.extend(judge(topic, policy, live, &patient.commands));
        if is_gone {
            continue;
        }
        let subscriptions: Vec<&Wanted> = patient
            .of_kind("AWS::SNS::Subscription")
            .filter(|one| of_topic(one, "TopicArn"))
            .collect();
        let listeners = patient.inspector.subscriptions(&topic.physical).await;
        checks.extend(judge_listeners(
            topic,
            &subscriptions,
            &listeners,
            &patient.commands,
        ));
        let Ok(listeners) = listeners else { continue };
        for wanted in subscriptions {
            let live = confirmed(&listeners, wanted);
            if let Some(arn) = live.and_then(|one| one.arn.as_deref()) {
                let attributes = patient.inspector.subscription(arn).await;
                checks.extend(judge_form(wanted, arn, attributes, &patient.commands));
            }
        }
    }
    checks
}

fn judge(
    topic: &Wanted,
    policy: Option<&Wanted>,
    live: Result<Option<Attributes>, CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let live = match live {
        Err(error) => return vec![Check::failed(CHECK, &topic.id, &error)],
        Ok(None) => {
            let gone = Check::problem(CHECK, &topic.id, "it is gone");
            let name = topic.physical.rsplit(':').next().unwrap_or_default();
            let key = topic.properties.get("KmsMasterKeyId").and_then(known);
            let attributes = json!({ "KmsMasterKeyId": key.map(word) }).to_string();
            let options = [("name", name), ("attributes", attributes.as_str())];
            let why = "nobody is told of anything. Once it is there again, the doctor names what belongs to it";
            return vec![
                gone.why(why)
                    .fix([commands.aws("sns create-topic", &options)]),
            ];
        }
        Ok(Some(live)) => live,
    };
    let set = |name: &str, value: &str| {
        let options = [
            ("topic-arn", topic.physical.as_str()),
            ("attribute-name", name),
            ("attribute-value", value),
        ];
        commands.aws("sns set-topic-attributes", &options)
    };
    let mut checks = Vec::new();
    if let Some(policy) = policy.and_then(|policy| policy.properties.get("PolicyDocument")) {
        let found: Value = live
            .get("Policy")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        if compare_policies(policy, &found) == Agreement::Different {
            let found = "its policy is not that of the template";
            let why =
                "alarms may not publish to it any more, or others may publish what is no alert";
            let fix = known(policy).and_then(|policy| set("Policy", &policy.to_string()));
            checks.push(Check::problem(CHECK, &topic.id, found).why(why).fix([fix]));
        }
    }
    if let Some(key) = topic.properties.get("KmsMasterKeyId") {
        let live = live
            .get("KmsMasterKeyId")
            .map_or(Value::Null, |key| json!(key));
        if compare(key, &live) == Agreement::Different {
            let found = "it is not encrypted by the key of the template";
            let why = "alerts lie open at rest, or alarms cannot publish";
            let fix = known(key).and_then(|key| set("KmsMasterKeyId", &word(key)));
            checks.push(Check::problem(CHECK, &topic.id, found).why(why).fix([fix]));
        }
    }
    if checks.is_empty() {
        let found = "open to whom the template says";
        checks.push(Check::ok(CHECK, &topic.id, found));
    }
    checks
}

fn text<'a>(wanted: &'a Wanted, name: &str) -> &'a str {
    let value = wanted.properties.get(name).and_then(Value::as_str);
    value.unwrap_or_default()
}

fn is_it(listener: &Subscription, wanted: &Wanted) -> bool {
    listener.protocol == text(wanted, "Protocol") && listener.endpoint == text(wanted, "Endpoint")
}

fn confirmed<'a>(listeners: &'a [Subscription], wanted: &Wanted) -> Option<&'a Subscription> {
    let mut confirmed = listeners.iter().filter(|one| one.arn.is_some());
    confirmed.find(|one| is_it(one, wanted))
}

fn judge_listeners(
    topic: &Wanted,
    wanted: &[&Wanted],
    listeners: &Result<Vec<Subscription>, CallError>,
    commands: &Commands,
) -> Vec<Check> {
    let listeners = match listeners {
        Err(error) => return vec![Check::failed(CHECK, &topic.id, error)],
        Ok(listeners) => listeners,
    };
    let mut checks = Vec::new();
    for one in wanted {
        let (protocol, endpoint) = (text(one, "Protocol"), text(one, "Endpoint"));
        if listeners.iter().any(|listener| is_it(listener, one)) {
            continue;
        }
        let mut options = vec![
            ("topic-arn", topic.physical.as_str()),
            ("protocol", protocol),
            ("notification-endpoint", endpoint),
        ];
        if one
            .properties
            .get("RawMessageDelivery")
            .map(word)
            .as_deref()
            == Some("true")
        {
            options.push(("attributes", "RawMessageDelivery=true"));
        }
        let found = format!("{protocol} {} does not listen any more", quoted(endpoint));
        let check = Check::problem(CHECK, &one.id, found)
            .why("who waits for alerts there gets none")
            .fix([commands.aws("sns subscribe", &options)]);
        checks.push(check);
    }
    for one in listeners.iter().filter(|one| one.arn.is_none()) {
        let found = format!(
            "{} {} has not confirmed",
            one.protocol,
            quoted(&one.endpoint)
        );
        let why = "it gets nothing until its owner follows the link in the message that SNS sent";
        checks.push(Check::warning(CHECK, &topic.id, found).why(why));
    }
    let count = listeners.iter().filter(|one| one.arn.is_some()).count();
    if count == 0 {
        let found = "nobody listens to it";
        let options = [
            ("topic-arn", topic.physical.as_str()),
            ("protocol", "email"),
            ("notification-endpoint", "ADDRESS"),
        ];
        let check = Check::problem(CHECK, &topic.id, found)
            .why("alerts and alarms are told to nobody; put an address in place of ADDRESS, and confirm the mail")
            .fix([commands.aws("sns subscribe", &options)]);
        checks.push(check);
    } else if checks.is_empty() {
        let found = match count {
            1 => "1 listens".to_owned(),
            count => format!("{count} listen"),
        };
        checks.push(Check::ok(
            CHECK,
            &format!("{} (subscriptions)", topic.id),
            found,
        ));
    }
    checks
}

/// In which form somebody is told, and of what.
fn judge_form(
    wanted: &Wanted,
    arn: &str,
    live: Result<Attributes, CallError>,
    commands: &Commands,
) -> Option<Check> {
    let live = match live {
        Err(error) => return Some(Check::failed(CHECK, &wanted.id, &error)),
        Ok(live) => live,
    };
    let is_raw = |value: Option<String>| value.as_deref() == Some("true");
    let raw = is_raw(wanted.properties.get("RawMessageDelivery").map(word));
    let filter = wanted.properties.get("FilterPolicy");
    let found: Option<Value> = live
        .get("FilterPolicy")
        .and_then(|text| serde_json::from_str(text).ok());
    let none = Value::Null;
    let is_filtered = compare(filter.unwrap_or(&none), found.as_ref().unwrap_or(&none));
    let (name, value) = if raw != is_raw(live.get("RawMessageDelivery").cloned()) {
        ("RawMessageDelivery", raw.to_string())
    } else if is_filtered == Agreement::Different {
        let filter = filter.map_or_else(|| "{}".to_owned(), Value::to_string);
        ("FilterPolicy", filter)
    } else {
        return None;
    };
    let options = [
        ("subscription-arn", arn),
        ("attribute-name", name),
        ("attribute-value", &value),
    ];
    let check = Check::problem(
        CHECK,
        &wanted.id,
        format!("its {name} is not that of the template"),
    );
    let why = "some alerts do not come, or come in a form that is not understood";
    Some(
        check
            .why(why)
            .fix([commands.aws("sns set-subscription-attributes", &options)]),
    )
}

#[cfg(test)]
mod tests;
