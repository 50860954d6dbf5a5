//! Facts judged by several policies, and what is said of it in every form.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};
use tidewaiter_events::{Event, Parsed, parse};
use tidewaiter_report::{
    Alert, Checked, Junit, Listing, Message, Notice, Replayed, Report, Sarif, Style,
    channel::{Setting, amazon_q, asff, pagerduty, slack, teams},
};
use tidewaiter_rules::{
    Decision, Effect, Facts, Level, Mode, Outcome, Plan, Policy, Verdict, decide, names::Place,
    plan, policy::Profile,
};

use crate::shown::{is_one_line, is_plain, is_plain_within};

/// A policy with everything in it that changes what is found or said.
const STRICT: &str = r#"
version: 1
profile: restricted
mode: enforce
unknown: deny
in-use: quarantine
running: { services: replace, deployments: stop, standalone-tasks: stop }
parameters:
  dangerous-capability: { allowed: [NET_RAW] }
  missing-tags: { keys: [owner, team] }
  untrusted-registry: { registries: [public.ecr.aws/aws-observability], accounts: ["444455556666"] }
  images: { threshold: low, fixable-only: true, grace-days: { medium: 14 } }
presets: [datadog-agent, kernel-vulnerabilities]
scopes:
- match: { family: "batch-*", region: "eu-*" }
  rules: { host-network: off }
- match: { repository: "prod/*", image-tag: "release-*" }
  images: { threshold: medium }
waivers:
- id: builder
  rules: [privileged-container]
  target: { family: "ci-*", container: docker }
  reason: builds images
  owner: build
  expires: 2026-11-30
- id: expat
  rules: [vulnerable-image, stale-vulnerability]
  target: { vulnerability: CVE-2026-1234, package: "libexpat*" }
  reason: nothing loads it
  owner: web
  expires: 2026-11-30
"#;

/// The day on which everything happens.
pub(crate) fn now() -> Timestamp {
    static NOW: LazyLock<Timestamp> =
        LazyLock::new(|| "2026-11-01T06:07:08Z".parse().expect("a time"));
    *NOW
}

/// Where the functions are.
pub(crate) fn home() -> &'static Place {
    static HOME: LazyLock<Place> =
        LazyLock::new(|| Place::of_region("eu-west-1", "111122223333").expect("a place"));
    &HOME
}

/// Denies everything, what cannot be known included.
pub(crate) fn strict() -> &'static Policy {
    static STRICTEST: LazyLock<Policy> =
        LazyLock::new(|| Policy::from_yaml(STRICT, now()).expect("a policy"));
    &STRICTEST
}

/// Subjects that a policy has something to say of.
pub(crate) fn samples() -> &'static [Facts] {
    static SAMPLES: LazyLock<Vec<Facts>> = LazyLock::new(|| {
        let weak = include_str!("../../../events/task-definition-guard/weak.json");
        let critical = include_str!("../../../events/image-scan-guard/critical.json");
        let samples = [weak, critical].map(|sample| match parse(sample.as_bytes()) {
            Ok(Parsed::Event(event)) => event.facts().expect("it tells enough"),
            other => panic!("{other:?}"),
        });
        samples.into()
    });
    &SAMPLES
}

/// What a decision is made of, beside the file.
pub(crate) fn facts(subject: tidewaiter_rules::Subject) -> Facts {
    Facts {
        place: Some(home().clone()),
        observed_at: Some(now()),
        subject,
    }
}

/// Judges by the default policy and by the strict one, and makes the plan.
pub(crate) fn judge(facts: &Facts) -> (Decision, Plan) {
    static DEFAULT: LazyLock<Policy> = LazyLock::new(|| Policy::of_profile(Profile::Default));
    judge_by(facts, &DEFAULT);
    judge_by(facts, strict())
}

/// Judges by one policy.
pub(crate) fn judge_by(facts: &Facts, policy: &Policy) -> (Decision, Plan) {
    let decision = decide(facts, policy);
    assert_eq!(decision, decide(facts, policy), "it is judged alike twice");
    for finding in &decision.findings {
        is_one_line(&finding.message, 2000);
        assert!(finding.level > Level::Off);
    }
    let made = plan(&decision, facts, policy.mode(facts, Mode::Enforce), None);
    let is_failed = |finding: &tidewaiter_rules::Finding| {
        finding.level == Level::Deny && finding.outcome == Outcome::Fail
    };
    if !made.steps.is_empty() {
        assert!(decision.findings.iter().any(is_failed), "{made:?}");
        assert_eq!(decision.verdict, Verdict::Deny);
    }
    for step in &made.steps {
        for text in [&step.action.command(), &step.undo.command] {
            is_one_line(text, 4000);
            assert!(text.is_ascii(), "{text}");
        }
    }
    let audited = plan(&decision, facts, Mode::Audit, None);
    assert_eq!(audited.steps, made.steps, "audit mode plans the same");
    (decision, made)
}

/// What the command line says of a file, in every format.
pub(crate) fn report(report: &Report<Checked>) -> String {
    let style = Style::Plain;
    let listing = Listing { report, style }.to_string();
    is_plain(&listing);
    let junit = Junit(report).to_string();
    is_plain(&junit);
    let sarif = json_of(Sarif::of(report));
    // Beside them stand the pages of the rules, which are ours.
    for told in ["results", "invocations"] {
        is_plain_within(&sarif["runs"][0][told]);
    }
    let results = &sarif["runs"][0]["results"];
    format!("{}{listing}{junit}{results}", json_of(report))
}

fn json_of(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("it can be written")
}

/// What the functions tell of an event, and what the command line says of it: all of it in one text.
pub(crate) fn alert(event: &Event, facts: &Facts, decision: &Decision, plan: &Plan) -> String {
    let replayed = Replayed::judged("event.json".into(), event, facts, decision.clone(), plan);
    let text = replayed.to_string();
    is_plain(&text);
    let text = format!("{text}{}", json_of(&replayed));
    let effects = vec![Effect::Done; plan.steps.len()];
    if let Some(alert) = Alert::of_decision(event, facts, decision, plan, &effects, home()) {
        format!("{text}{}", message(&alert.message()))
    } else {
        assert_eq!(decision.verdict, Verdict::Allow);
        text
    }
}

/// A message within SNS's limits, in every channel: all of it in one text.
pub(crate) fn message(message: &Message) -> String {
    assert!(!message.subject.is_empty());
    is_one_line(&message.subject, 99);
    let attributes = message.attributes.iter();
    let attributes = attributes.map(|attribute| attribute.name.len() + attribute.value.len() + 12);
    let size = message.body.len() + attributes.sum::<usize>();
    assert!(size < 256 * 1024, "{size} bytes");
    assert!(message.attributes.len() <= 10);
    let body: Value = serde_json::from_str(&message.body).expect("the body is JSON");
    let part = |name: &str| body[name].as_str().expect("a part is text");
    is_plain(part("email"));
    is_one_line(part("sms"), 140);
    let notice = Notice::read(part("default")).expect("what is told can be read");
    let setting = Setting {
        now: now(),
        rule_pages: None,
        account_name: None,
    };
    let channels = json!([
        slack::message(&notice, &setting),
        teams::message(&notice, &setting),
        pagerduty::event(&notice, &setting, "KEY"),
        amazon_q::notification(&notice, &setting),
        asff::findings(&notice, &setting),
    ]);
    is_plain_within(&channels);
    let attributes = message.attributes.iter();
    let attributes: Vec<&str> = attributes
        .map(|attribute| attribute.value.as_str())
        .collect();
    let attributes = attributes.join("\n");
    format!("{}{}{attributes}{channels}", message.subject, message.body)
}
