//! What must hold of every message to every channel, whatever the alert says.

mod vendors;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidewaiter_rules::{Effect, names::is_inert};

use super::*;
use crate::{
    Change, Notice, alert_schema,
    schema::tests::mistakes,
    tests::{alert, registered},
};

pub(super) const NOW: &str = "2026-11-25T09:03:10Z";

/// The messages to all channels about the alert that this JSON is.
fn messages(json: &str) -> Vec<(&'static str, Value)> {
    let notice = Notice::read(json).unwrap();
    let pages = RulePages::parse("https://git.example.com/docs/rules/{rule}.md").unwrap();
    let setting = Setting {
        now: NOW.parse().unwrap(),
        rule_pages: Some(&pages),
        account_name: Some("prod"),
    };
    let reply = slack::reply(&notice, &setting);
    vec![
        ("slack", slack::message(&notice, &setting)),
        ("slack", reply),
        ("teams", teams::message(&notice, &setting)),
        (
            "pagerduty",
            pagerduty::event(&notice, &setting, "ROUTING_KEY"),
        ),
        ("amazon-q", amazon_q::notification(&notice, &setting)),
        ("asff", json!(asff::findings(&notice, &setting))),
        (
            "asff",
            json!(asff::archived(&notice, &setting, ["root-user"])),
        ),
    ]
}

/// The text of all messages about an alert, for those who look for secrets in it.
pub(crate) fn everything_told(json: &str) -> String {
    json!(messages(json)).to_string()
}

/// The alert is what its schema says, and the messages about it are within the vendors' limits and
/// hold nothing that means something to them.
pub(crate) fn is_fit_for_every_channel(json: &str) -> Result<(), TestCaseError> {
    is_documented(json)?;
    are_fit(json)
}

/// The alert is what its schema says.
pub(crate) fn is_documented(json: &str) -> Result<(), TestCaseError> {
    let alert: Value = serde_json::from_str(json).unwrap();
    prop_assert_eq!(mistakes(&alert_schema(), &alert, ""), Vec::<String>::new());
    Ok(())
}

fn are_fit(json: &str) -> Result<(), TestCaseError> {
    for (channel, message) in messages(json) {
        prop_assert!(
            texts(&message)
                .iter()
                .all(|text| text.chars().all(|c| c == '\n' || is_inert(c))),
            "{channel}: {message}"
        );
        match channel {
            "slack" => vendors::slack(&message)?,
            "teams" => vendors::teams(&message)?,
            "pagerduty" => vendors::pagerduty(&message)?,
            "amazon-q" => vendors::amazon_q(&message)?,
            _ => vendors::asff(&message)?,
        }
    }
    Ok(())
}

/// All strings in a value, and all names of members.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(members) => {
            let of_members = members.values().flat_map(texts);
            members
                .keys()
                .map(String::as_str)
                .chain(of_members)
                .collect()
        }
        _ => Vec::new(),
    }
}

/// An alert with everything in it that one can hold, and `text` wherever text is from outside.
fn forged(text: &str, count: usize) -> Value {
    let finding = json!({"rule": text, "outcome": "fail", "level": "deny", "severity": "high",
        "pointer": text, "container": text, "message": text, "help": text,
        "fix": {"was": text, "now": {(text): text}}});
    let action = |effect: &str| {
        json!({"action": text, "target": text, "effect": effect, "error": text, "will_retry": false,
            "consequence": text, "command": text, "undo": {"command": text, "explanation": text}})
    };
    let run = json!({"cluster": text, "service": text, "task_definition": text, "digest": text,
        "tasks": 3, "owners": vec![text; count]});
    let waiver = json!({"id": text, "state": "ended", "expires": text, "rules": [], "reason": text,
        "owner": text});
    json!({
        "version": 1, "kind": "decision", "key": text, "change": "opened", "headline": text,
        "severity": "critical", "mode": "enforce", "decision": "deny", "account": text,
        "region": text, "time": "2026-11-25T09:00:00Z", "event": text,
        "subject": {"kind": "image", "id": text, "arn": text, "tags": vec![text; count], "link": text},
        "who": {"name": text, "arn": text, "via": text, "tool": text, "source_ip": text},
        "findings": vec![finding; count], "more_findings": 7,
        "actions": [action("done"), action("failed"), action("not-applied")],
        "in_use": vec![run; count], "more_in_use": 2, "in_use_unknown": text, "replace_by": text,
        "waive": format!("{text}\n{text}"), "waivers": vec![waiver; count],
        "withheld": text, "held_back": text, "failure": {"error": text, "fate": text},
    })
}

fn hostile() -> impl Strategy<Value = String> {
    let nasty = [
        "<!channel> <!here> <@U012ABC> <#C012ABC> <https://evil.example|click>",
        "*bold* _it_ ~gone~ `code` ```block``` > quote\n- list :fire:",
        "[click](https://evil.example) ![x](https://evil.example/x.png) **b** <b>b</b>",
        "<at>everyone</at> {{DATE(2026-11-25T09:00:00Z, SHORT)}} ${title} @{trigger()}",
        "@here @channel @everyone",
        "\u{202e}evil\u{2066}\u{200b}\u{200f}\u{feff}\u{e0041}",
        "\u{1b}[31mred\u{1b}[0m\u{7}\u{0}\u{8}\r\nSubject: forged\u{2028}",
        "&amp;&lt;!channel&gt; & && &&& ``` '''",
        "\"},{\"text\":\"x\" \\u003c!channel\\u003e",
        "https://eu-west-1.console.aws.amazon.com/\"><script>",
        "https://evil.example/.console.aws.amazon.com/",
    ];
    prop_oneof![
        proptest::sample::select(nasty.to_vec()).prop_map(str::to_owned),
        (proptest::sample::select(nasty.to_vec()), 1usize..60).prop_map(|(text, n)| text.repeat(n)),
        "[\\s\\S]{0,80}",
        "[<>&`*_~@:\\[\\](){}|#!$ \n]{0,400}",
        Just("<&`".repeat(100_000 / 3)),
        Just("\u{202e}é😀".repeat(12_000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_forged_alert_comes_out_inert_and_within_limits(
        text in hostile(), count in 0usize..30,
        change in proptest::sample::select(vec!["opened", "changed", "reminder", "resolved"]),
    ) {
        // A debug build reads a megabyte in seconds: much of it, or many.
        let most = if count > 3 { 150 } else { 4_000 };
        let text: String = text.chars().take(most).collect();
        let mut alert = forged(&text, count);
        alert["change"] = json!(change);
        if count % 2 == 0 {
            // Where it is in no place, Security Hub gets nothing.
            alert["account"] = json!("111122223333");
            alert["region"] = json!("eu-west-1");
        }
        let json = alert.to_string();
        // More than a topic carries is refused before anything is made of it.
        if json.len() > crate::notice::MOST_BYTES {
            prop_assert!(Notice::read(&json).is_err());
        } else {
            are_fit(&json)?;
        }
    }

    #[test]
    fn names_of_100_kb_come_out_inert_and_within_limits(text in hostile()) {
        let container = json!({"name": text, "user": "0", "image": text, "privileged": true});
        let definition = json!({"family": "web",
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
            "containerDefinitions": [container]});
        let identity = json!({"type": "IAMUser", "userName": text, "arn": text, "invokedBy": text});
        let event = registered(&definition, &identity, &text);
        for effect in [Effect::Done, Effect::NotApplied,
            Effect::Failed { error: text.clone(), will_retry: true }] {
            is_fit_for_every_channel(&json!(alert(&event, effect).unwrap()).to_string())?;
        }
    }

    #[test]
    fn whatever_is_read_is_an_alert_or_an_error(text in "[\\s\\S]{0,100}|\\{\"version\":1[\\s\\S]{0,60}") {
        // Only that it ends and does not panic.
        let _ = Notice::read(&text);
    }
}

#[test]
fn what_is_no_alert_of_version_1_is_refused() {
    let mut alert = forged("x", 1);
    assert!(Notice::read(&alert.to_string()).is_ok());
    alert["member_of_a_later_minor_version"] = json!({"a": 1});
    assert!(Notice::read(&alert.to_string()).is_ok());
    alert["version"] = json!(2);
    let error = Notice::read(&alert.to_string()).unwrap_err().to_string();
    assert_eq!(error, "this is no alert of version 1: it is of version 2");
    assert!(Notice::read("{}").is_err());
    alert["version"] = json!(1);
    alert["headline"] = json!("x".repeat(1024 * 1024));
    let error = Notice::read(&alert.to_string()).unwrap_err().to_string();
    assert!(error.contains("bytes"), "{error}");
}

#[test]
fn a_link_leads_to_the_console_or_nowhere() {
    for (link, is_one) in [
        (
            "https://eu-west-1.console.aws.amazon.com/ecs/v2?region=eu-west-1",
            true,
        ),
        ("https://console.amazonaws.cn/ecr/x", true),
        ("https://console.amazonaws-us-gov.com/ecs/x", true),
        ("https://evil.example/", false),
        ("https://evil.example?.console.aws.amazon.com/", false),
        ("https://a@evil.example#.console.aws.amazon.com/", false),
        ("http://eu-west-1.console.aws.amazon.com/", false),
        ("javascript:alert(1)", false),
        ("https://eu-west-1.console.aws.amazon.com/\"><x", false),
    ] {
        let mut alert = forged("x", 0);
        alert["subject"]["link"] = json!(link);
        let notice = Notice::read(&alert.to_string()).unwrap();
        assert_eq!(notice.subject.unwrap().link().is_some(), is_one, "{link}");
    }
}

#[test]
fn pages_of_rules_are_at_an_https_address() {
    let pages = RulePages::parse("https://git.example.com/x/{rule}.md?plain=1").unwrap();
    let page = pages.page("root-user").unwrap();
    assert_eq!(page, "https://git.example.com/x/root-user.md?plain=1");
    for rule in ["", "../x", "a b", "Root", "a/b"] {
        assert_eq!(pages.page(rule), None, "{rule}");
    }
    for text in [
        "https://git.example.com/",
        "http://git.example.com/{rule}",
        "https://git.example.com/{rule}{rule}",
        "https://git.example.com/<{rule}>",
        "{rule}",
        "",
    ] {
        assert_eq!(RulePages::parse(text), Err(InvalidRulePages), "{text}");
    }
}

#[test]
fn one_subject_is_one_incident_whatever_the_event() {
    let definition = |agent: &str, extra: Value| {
        let definition = json!({"family": "web",
            "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
            "containerDefinitions": [{"name": "a", "privileged": true, "user": extra}]});
        let alert = alert(&registered(&definition, &json!({}), agent), Effect::Done).unwrap();
        json!(alert).to_string()
    };
    let (one, other) = (
        definition("one", json!("0")),
        definition("other", json!("1000")),
    );
    let key = |json: &str| Notice::read(json).unwrap().key();
    assert_eq!(key(&one), key(&other));
    assert_eq!(
        key(&one).as_str(),
        "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7"
    );
    let ids = |json: &str| -> Vec<String> {
        let findings = messages(json).remove(5).1;
        let findings = findings.as_array().unwrap().clone();
        findings
            .iter()
            .map(|f| f["Id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (first, second) = (ids(&one), ids(&other));
    // The second breaks fewer rules, and no finding of it is new.
    assert!(second.len() < first.len());
    assert!(second.iter().all(|id| first.contains(id)), "{second:?}");
    let dedup = |json: &str, change: Change| {
        let mut alert: Value = serde_json::from_str(json).unwrap();
        alert["change"] = json!(change);
        let event = messages(&alert.to_string()).remove(3).1;
        (event["dedup_key"].clone(), event["event_action"].clone())
    };
    let (opened, resolved) = (dedup(&one, Change::Opened), dedup(&other, Change::Resolved));
    assert_eq!(opened.0, resolved.0);
    assert_eq!((opened.1, resolved.1), (json!("trigger"), json!("resolve")));
}

#[test]
fn routes_choose_by_what_the_alert_says() {
    let read = |kind: &str, id: &str| {
        let mut alert = forged("x", 0);
        alert["subject"]["kind"] = json!(kind);
        alert["subject"]["id"] = json!(id);
        Notice::read(&alert.to_string()).unwrap()
    };
    for (kind, id, family, repository) in [
        ("task-definition", "web:7", Some("web"), None),
        ("task-overrides", "web:7 in prod", Some("web"), None),
        ("image", "team/app@sha256:ab", None, Some("team/app")),
        ("express-service", "shop in prod", None, None),
    ] {
        let notice = read(kind, id);
        let routing = notice.routing();
        assert_eq!(
            (routing.family, routing.repository),
            (family, repository),
            "{id}"
        );
        assert_eq!((routing.kind, routing.severity), (Some(kind), "critical"));
        assert_eq!(routing.principal, Some("x"));
    }
}
