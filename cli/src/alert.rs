//! `tidewaiter alert`.

use jiff::Timestamp;
use serde_json::{Value, json};
use tidewaiter_report::{
    Alert, Change, Message, Notice, alert_schema,
    channel::{
        RulePages, Setting, amazon_q, asff, pagerduty, slack, teams,
        webhook::{self, signature},
    },
};
use tidewaiter_rules::{Effect, Mode, Policy, names::Place};

use crate::{
    arguments::{Channel, PreviewArguments},
    input,
    replay::{Evaluation, evaluate},
};

/// What stands for the secret of an integration, which a preview does not need.
const ROUTING_KEY: &str = "ROUTING_KEY";

/// With what a preview is signed.
const KEY: &[u8] = b"preview";

/// What the channel would get about the event.
pub(crate) fn preview(arguments: &PreviewArguments, policy: &Policy) -> Result<String, String> {
    let file = input::shown(&arguments.path);
    let pages = arguments.rule_pages.as_deref().map(RulePages::parse);
    let pages = pages.transpose().map_err(|error| error.to_string())?;
    let setting = Setting {
        now: arguments.at.unwrap_or_else(Timestamp::now),
        rule_pages: pages.as_ref(),
        account_name: arguments.account_name.as_deref(),
    };
    let json = input::read(&arguments.path, input::MOST_BYTES);
    let told = json.and_then(|json| alert(&json, policy, arguments.mode.into()));
    let alert = told.map_err(|error| format!("{file}: {error}"))?;
    let message = alert.telling(arguments.change.into()).message();
    shown(arguments.channel, &message, &setting)
}

/// The alert, as after an action that succeeded where one is taken.
fn alert(json: &[u8], policy: &Policy, mode: Mode) -> Result<Alert, String> {
    let Evaluation {
        event,
        facts,
        decision,
        plan,
    } = evaluate(json, policy, mode)?.map_err(|reason| format!("no alert: {reason}"))?;
    let effect = match plan.mode {
        Mode::Audit => Effect::NotApplied,
        Mode::Enforce => Effect::Done,
    };
    let effects = vec![effect; plan.steps.len()];
    // Where an event says of no place, neither do its facts.
    let nowhere =
        Place::of_region("us-east-1", "000000000000").map_err(|error| error.to_string())?;
    let home = facts.place.as_ref().unwrap_or(&nowhere);
    Alert::of_decision(&event, &facts, &decision, &plan, &effects, home)
        .ok_or_else(|| "no alert: nothing that anybody should hear of was found".to_owned())
}

/// The message as the channel gets it, from what goes through the topic.
fn shown(channel: Channel, message: &Message, setting: &Setting<'_>) -> Result<String, String> {
    let parts: Value = serde_json::from_str(&message.body).map_err(|error| error.to_string())?;
    let part = |name: &str| parts.get(name).and_then(Value::as_str).unwrap_or_default();
    let body: Value = serde_json::from_str(part("default")).map_err(|error| error.to_string())?;
    let body = ordered(body).to_string();
    let notice = Notice::read(&body).map_err(|error| error.to_string())?;
    let value = match channel {
        Channel::Email => return Ok(format!("Subject: {}\n\n{}", message.subject, part("email"))),
        Channel::Sms => return Ok(format!("{}\n", part("sms"))),
        Channel::Webhook => {
            let signature = signature(KEY, setting.now, &body);
            return Ok(format!("{}: {signature}\n\n{body}\n", webhook::HEADER));
        }
        Channel::Slack if notice.change() == Change::Resolved => slack::reply(&notice, setting),
        Channel::Slack => slack::message(&notice, setting),
        Channel::Teams => teams::message(&notice, setting),
        Channel::Pagerduty => pagerduty::event(&notice, setting, ROUTING_KEY),
        Channel::AmazonQ => amazon_q::notification(&notice, setting),
        Channel::Asff => json!({"Findings": asff::findings(&notice, setting)}),
    };
    pretty(value)
}

/// The JSON Schema of alerts.
pub(crate) fn schema() -> Result<String, String> {
    pretty(alert_schema())
}

fn pretty(value: Value) -> Result<String, String> {
    let text = serde_json::to_string_pretty(&ordered(value)).map_err(|error| error.to_string())?;
    Ok(format!("{text}\n"))
}

/// The members in the order of their names, as functions send them: some builds of the program keep the order in which
/// they were written.
fn ordered(mut value: Value) -> Value {
    value.sort_all_objects();
    value
}
