//! What must hold for every alert, whatever was put into the names.

use proptest::prelude::*;
use serde_json::{Value, json};
use tidewaiter_events::{Event, Parsed, parse};
use tidewaiter_rules::{
    Decision, Effect, Mode, Policy, Verdict, decide,
    names::{Place, is_inert},
    plan,
    policy::Profile,
};

use crate::{
    Alert, Checked, Junit, Listing, Message, Note, Report, Sarif, Style, Unreadable,
    channel::tests::is_documented,
};

pub(crate) fn home() -> Place {
    Place::of_region("eu-west-1", "111122223333").unwrap()
}

pub(crate) fn event(json: &Value) -> Event {
    match parse(json.to_string().as_bytes()).unwrap() {
        Parsed::Event(event) => event,
        Parsed::Ignored(reason) => panic!("{reason}"),
        Parsed::Scheduled(_) | Parsed::TaskChanged(_) | Parsed::Deregistered(_) => {
            panic!("nothing is judged by it")
        }
    }
}

pub(crate) fn registered(definition: &Value, identity: &Value, agent: &str) -> Event {
    event(&json!({
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.ecs",
        "account": "111122223333", "region": "eu-west-1", "time": "2026-10-05T06:07:08Z",
        "detail": {
            "eventSource": "ecs.amazonaws.com", "eventName": "RegisterTaskDefinition",
            "eventID": agent, "userIdentity": identity, "userAgent": agent, "sourceIPAddress": agent,
            "responseElements": {"taskDefinition": definition},
        },
    }))
}

pub(crate) fn alert(event: &Event, effect: Effect) -> Option<Alert> {
    let facts = event.facts().unwrap();
    let decision = decide(&facts, &Policy::of_profile(Profile::Restricted));
    let plan = plan(&decision, &facts, Mode::Enforce, None);
    let effects = vec![effect; plan.steps.len()];
    Alert::of_decision(event, &facts, &decision, &plan, &effects, &home())
}

/// SNS: "Publish" in its API reference; 256 KiB with the attributes.
pub(crate) fn is_within_limits(message: &Message) -> Result<(), TestCaseError> {
    prop_assert!(message.subject.chars().count() < 100);
    prop_assert!(!message.subject.is_empty());
    prop_assert!(message.subject.chars().all(is_inert));
    let attributes: usize = message
        .attributes
        .iter()
        .map(|attribute| attribute.name.len() + attribute.data_type.len() + attribute.value.len())
        .sum();
    prop_assert!(
        message.body.len() + attributes < 256 * 1024,
        "{}",
        message.body.len()
    );
    prop_assert!(message.attributes.len() <= 10);
    let body: Value = serde_json::from_str(&message.body).unwrap();
    let email = body["email"].as_str().unwrap();
    prop_assert!(email.chars().all(|c| c == '\n' || is_inert(c)), "{email:?}");
    prop_assert!(body["sms"].as_str().unwrap().chars().count() <= 140);
    let machine: Value = serde_json::from_str(body["default"].as_str().unwrap()).unwrap();
    prop_assert_eq!(&machine["version"], 1);
    is_documented(body["default"].as_str().unwrap())?;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_names_come_out_inert_and_within_limits(
        text in prop_oneof![
            "[\\s\\S]{0,60}",
            "[\\s\\S]{1,20}".prop_map(|part| part.repeat(300)),
            Just("<!channel> *bold* `code` \u{202e}evil\u{1b}[31m\r\nSubject: forged".to_owned()),
        ],
        count in 1usize..30,
    ) {
        let container = json!({"name": text, "user": text, "image": text, "privileged": true,
            "linuxParameters": {"capabilities": {"add": [text, text, "ALL"]}}});
        let definition = json!({
            "family": text, "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
            "networkMode": "host", "containerDefinitions": vec![container; count],
        });
        let identity = json!({"type": "AssumedRole", "arn": format!("arn:x/{text}"), "invokedBy": text,
            "sessionContext": {"sessionIssuer": {"userName": text}}});
        let event = registered(&definition, &identity, &text);
        let effect = Effect::Failed { error: text.clone(), will_retry: false };
        is_within_limits(&alert(&event, effect).unwrap().message())?;
    }

    #[test]
    fn hostile_tags_and_scan_states_come_out_inert(text in "[\\s\\S]{0,80}", repeat in 1usize..300) {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let event = event(&json!({
            "detail-type": "ECR Image Scan", "source": "aws.ecr", "account": "111122223333",
            "region": "eu-west-1",
            "detail": {"repository-name": "team/app", "scan-status": text.repeat(repeat),
                "image-digest": digest, "image-tags": vec![text.clone(); 50],
                "finding-severity-counts": {text.clone(): 3}},
        }));
        is_within_limits(&alert(&event, Effect::Done).unwrap().message())?;
    }
}

#[test]
fn an_alert_says_in_which_console_to_look() {
    for (region, partition, host) in [
        (
            "eu-west-1",
            "aws",
            "https://eu-west-1.console.aws.amazon.com/",
        ),
        ("cn-north-1", "aws-cn", "https://console.amazonaws.cn/"),
        (
            "us-gov-west-1",
            "aws-us-gov",
            "https://console.amazonaws-us-gov.com/",
        ),
    ] {
        let arn = format!("arn:{partition}:ecs:{region}:111122223333:task-definition/web:7");
        let definition = json!({"family": "web", "taskDefinitionArn": arn,
            "containerDefinitions": [{"name": "a", "privileged": true}]});
        let alert = alert(&registered(&definition, &json!({}), "x"), Effect::Done).unwrap();
        let machine = json!(alert);
        let link = machine["subject"]["link"].as_str().unwrap();
        assert!(link.starts_with(host), "{link}");
        assert!(link.ends_with(&format!(
            "/ecs/v2/task-definitions/web/7/containers?region={region}"
        )));
    }
}

#[test]
fn a_definition_without_a_finding_raises_no_alert() {
    let definition = json!({"family": "web", "containerDefinitions": [{"name": "a"}]});
    let event = registered(&definition, &json!({}), "x");
    let facts = event.facts().unwrap();
    let fine = Decision {
        verdict: Verdict::Allow,
        findings: Vec::new(),
        waived: Vec::new(),
        suppressed: Vec::new(),
        in_use: tidewaiter_rules::policy::InUse::Alert,
        running: tidewaiter_rules::policy::Running::default(),
        method: tidewaiter_rules::policy::Method::Archive,
    };
    let plan = plan(&fine, &facts, Mode::Enforce, None);
    assert_eq!(
        Alert::of_decision(&event, &facts, &fine, &plan, &[], &home()),
        None
    );
}

/// A report on a definition with `text` wherever a definition has a name, and on a file that cannot
/// be read.
fn report(text: &str, place: Option<(usize, usize)>) -> Report<Checked> {
    let definition = json!({
        "family": text, "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
        "networkMode": "host", "containerDefinitions": [
            {"name": text, "user": text, "image": text, "privileged": true,
                "linuxParameters": {"capabilities": {"add": [text, "ALL"]}}},
            {"name": text},
        ],
    });
    let event = registered(&definition, &json!({}), "x");
    let facts = event.facts().unwrap();
    let mut report = Report::default();
    for profile in [Profile::Default, Profile::Restricted] {
        let decision = decide(&facts, &Policy::of_profile(profile));
        let checked = Checked::new(text.to_owned(), &facts.subject, decision);
        report.results.push(checked.of_resource(text, |_| place));
    }
    report.errors.push(Unreadable {
        file: text.to_owned(),
        message: text.to_owned(),
    });
    report.notes.push(Note {
        file: text.to_owned(),
        message: text.to_owned(),
    });
    report
}

/// SARIF 2.1.0, as far as code scanning asks for it.
fn is_sarif(text: &str) -> Result<(), TestCaseError> {
    let log: Value = serde_json::from_str(text).unwrap();
    prop_assert_eq!(&log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        for member in ["shortDescription", "fullDescription", "help"] {
            prop_assert!(!rule[member]["text"].as_str().unwrap().is_empty());
        }
        prop_assert!(rule["help"]["markdown"].as_str().unwrap().starts_with("# "));
        if let Some(uri) = rule["helpUri"].as_str() {
            prop_assert!(uri.starts_with("https://docs.aws.amazon.com/"));
            prop_assert!(
                uri.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-._/:#".contains(c))
            );
        }
        let level = rule["defaultConfiguration"]["level"].as_str().unwrap();
        prop_assert!(["error", "warning", "note"].contains(&level));
        let severity = rule["properties"]["security-severity"].as_str().unwrap();
        prop_assert!((0.0..=10.0).contains(&severity.parse::<f64>().unwrap()));
    }
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        prop_assert_eq!(&rules[index]["id"], &result["ruleId"]);
        let level = result["level"].as_str().unwrap();
        prop_assert!(["error", "warning", "note"].contains(&level));
        prop_assert_eq!(&result["kind"], &Value::Null);
        let message = result["message"]["text"].as_str().unwrap();
        prop_assert!(
            message.chars().all(|c| c == '\n' || is_inert(c)),
            "{message:?}"
        );
        prop_assert!(result["partialFingerprints"]["tidewaiter/v1"].is_string());
        is_place(&result["locations"][0])?;
    }
    let invocation = &run["invocations"][0];
    let notifications = invocation["toolExecutionNotifications"].as_array().unwrap();
    prop_assert_eq!(
        invocation["executionSuccessful"].as_bool().unwrap(),
        notifications
            .iter()
            .all(|notification| notification["level"] == "warning")
    );
    for notification in notifications {
        let level = notification["level"].as_str().unwrap();
        prop_assert!(["error", "warning"].contains(&level));
        prop_assert!(notification["message"]["text"].is_string());
        is_place(&notification["locations"][0])?;
    }
    Ok(())
}

fn is_place(location: &Value) -> Result<(), TestCaseError> {
    let physical = &location["physicalLocation"];
    let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
    let rest = uri.strip_prefix("file://").unwrap_or(uri);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
    prop_assert!(rest.chars().all(allowed), "{uri}");
    prop_assert!(physical["region"]["startLine"].as_u64().unwrap() >= 1);
    Ok(())
}

fn is_junit(text: &str) -> Result<(), TestCaseError> {
    let document = roxmltree::Document::parse(text);
    prop_assert!(document.is_ok(), "{document:?}: {text}");
    let document = document.unwrap();
    let root = document.root_element();
    let suites = || root.children().filter(roxmltree::Node::is_element);
    for (attribute, tag) in [
        ("tests", "testcase"),
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ] {
        for node in suites().chain([root]) {
            let counted = node.descendants().filter(|n| n.has_tag_name(tag)).count();
            prop_assert_eq!(node.attribute(attribute).unwrap(), counted.to_string());
        }
    }
    for node in document.descendants() {
        prop_assert!(
            node.attributes()
                .iter()
                .all(|a| a.value().chars().all(is_inert))
        );
    }
    Ok(())
}

/// Outside text neither forges a line nor reaches the terminal, and colours change no text.
fn is_listing(report: &Report<Checked>) -> Result<(), TestCaseError> {
    let listing = |style| Listing { report, style }.to_string();
    let plain = listing(Style::Plain);
    prop_assert!(plain.chars().all(|c| c == '\n' || is_inert(c)), "{plain:?}");
    let mut stripped = String::new();
    for part in listing(Style::Coloured).split("\u{1b}[") {
        let text = if stripped.is_empty() {
            Some(part)
        } else {
            part.split_once('m').map(|(_, text)| text)
        };
        stripped.push_str(text.unwrap());
        stripped.push('\u{1b}');
    }
    prop_assert_eq!(stripped.replace('\u{1b}', ""), plain.clone());
    // One between every two subjects, and one before the counts.
    let empty = plain.lines().filter(|line| line.is_empty());
    prop_assert_eq!(empty.count(), report.results.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_programs_read_is_well_formed_whatever_is_named(
        text in prop_oneof![
            "[\\s\\S]{0,60}",
            "[\\s\\S]{1,20}".prop_map(|part| part.repeat(100)),
            Just("]]>\"'<&\u{0}\u{fffe}\u{ffff}\u{1b}[31m\r\n--><x>".to_owned()),
        ],
        place in proptest::option::of((0usize..9, 0usize..9)),
    ) {
        let report = report(&text, place);
        is_sarif(&serde_json::to_string(&Sarif::of(&report)).unwrap())?;
        is_junit(&Junit(&report).to_string())?;
        is_listing(&report)?;
    }
}

#[test]
fn what_is_unknown_fails_where_the_policy_denies_it() {
    let definition = json!({"family": "web",
        "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7",
        "containerDefinitions": [{"name": "a", "image": "x"}]});
    let event = registered(&definition, &json!({}), "x");
    let facts = event.facts().unwrap();
    let mut decision = decide(&facts, &Policy::of_profile(Profile::Restricted));
    decision
        .findings
        .retain(|finding| finding.rule == "root-user");
    for (verdict, level, failures) in [(Verdict::Warn, "note", "0"), (Verdict::Deny, "error", "1")]
    {
        decision.verdict = verdict;
        let mut report = Report::default();
        let checked = Checked::new("a.json".to_owned(), &facts.subject, decision.clone());
        report.results.push(checked);
        let log = json!(Sarif::of(&report));
        assert_eq!(log["runs"][0]["results"][0]["level"], level);
        let junit = Junit(&report).to_string();
        assert!(
            junit.contains(&format!("failures=\"{failures}\"")),
            "{junit}"
        );
    }
}

#[test]
fn a_path_is_a_uri_reference() {
    for (path, uri) in [
        ("a/b.json", "a/b.json"),
        ("./a b.json", "a%20b.json"),
        (".//a.json", "a.json"),
        ("../a.json", "../a.json"),
        ("a:b?c#d%.json", "a%3Ab%3Fc%23d%25.json"),
        ("/é.json", "file:///%C3%A9.json"),
        ("<stdin>", "%3Cstdin%3E"),
    ] {
        let mut report = Report::<Checked>::default();
        report.errors.push(Unreadable {
            file: path.to_owned(),
            message: "x".to_owned(),
        });
        let log = json!(Sarif::of(&report));
        let notification = &log["runs"][0]["invocations"][0]["toolExecutionNotifications"][0];
        let location = &notification["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], uri, "{path}");
    }
}

mod images;
mod recipes;
mod started;
mod surroundings;
