//! One definition in every form in which one comes, judged alike.

mod forms;
mod generated;

use std::{collections::BTreeSet, sync::LazyLock};

use arbitrary::Unstructured;
use serde_json::{Value, json};
use tidewaiter_events::{Event, Parsed, parse};
use tidewaiter_report::{Checked, Report};
use tidewaiter_rules::{
    Decision, Facts, Outcome, Policy, Severity, Subject, decide, facts::TaskDefinition,
};
use tidewaiter_templates::recognise;

use self::generated::SECRET;
use crate::told;

/// Everything is judged, and nothing is waived.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = "version: 1\nprofile: restricted\nparameters: {missing-tags: {keys: [owner, team]}, \
        untrusted-registry: {registries: [docker.io]}}\n";
    Policy::from_yaml(text, told::now()).expect("a policy")
});

/// What two forms have to have in common of a finding.
type Found = (
    &'static str,
    Option<String>,
    Severity,
    Outcome,
    String,
    String,
);

/// A task definition as it is registered, as ECS answers, as CloudTrail has both, in a template of
/// CloudFormation and in a plan of Terraform.
///
/// # Panics
/// When they are not judged alike.
pub fn agree(data: &[u8]) {
    // What an input has by itself is not planted: it may stand in a name, which everybody may see.
    if data
        .windows(SECRET.len())
        .any(|part| part == SECRET.as_bytes())
    {
        return;
    }
    let Ok(request) = generated::definition(&mut Unstructured::new(data)) else {
        return;
    };
    let text = request.to_string();
    let requested = judged("a file", &file(&request));
    let registered = forms::event(&request, &Value::Null);
    same(
        "the request",
        &requested,
        &judged("the request", &event(&registered)),
    );
    // It costs twice what all the rest does.
    if data.len().is_multiple_of(8) {
        tells_no_secret(&request);
    }
    hides(&request, &requested);
    answers(&request, &requested);
    let plan = forms::terraform(&request);
    let expected = judged("a file", &file(&forms::without_empty(&request)));
    same("a plan", &expected, &judged("a plan", &template(&plan)));
    // CloudFormation puts in what stands there for, and nobody knows what that is.
    if !text.contains("{{resolve:") {
        let resource = forms::cloudformation(&request);
        same(
            "a template",
            &requested,
            &judged("a template", &template(&resource)),
        );
    }
}

fn same(form: &str, expected: &BTreeSet<Found>, found: &BTreeSet<Found>) {
    let lost: Vec<&Found> = expected.difference(found).collect();
    let new: Vec<&Found> = found.difference(expected).collect();
    assert!(
        lost.is_empty() && new.is_empty(),
        "{form} lacks {lost:#?} and has {new:#?} beside"
    );
}

/// CloudTrail may hide environments. Nothing but what stands in one is judged otherwise, and whether
/// there is a secret in one is not known.
fn hides(request: &Value, requested: &BTreeSet<Found>) {
    let hidden = forms::hidden(request);
    let found = judged("hidden", &event(&forms::event(&hidden, &Value::Null)));
    let containers = hidden["containerDefinitions"].as_array();
    let containers = containers.into_iter().flatten().enumerate();
    let environments = containers.filter(|(_, container)| container["environment"].is_string());
    let environments: Vec<String> = environments
        .map(|(index, _)| format!("/containerDefinitions/{index}/environment"))
        .collect();
    let is_within = |pointer: &str| {
        let within = |environment: &String| {
            let rest = pointer.strip_prefix(environment.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        environments.iter().any(within)
    };
    for found in requested.difference(&found) {
        assert!(is_within(&found.4), "hidden, it lacks {found:#?}");
    }
    for found in found.difference(requested) {
        let is_unknown = found.3 == Outcome::Unknown && environments.contains(&found.4);
        assert!(is_unknown, "hidden, it has {found:#?} beside");
    }
    for environment in &environments {
        let mut found = found.iter();
        let is_told =
            found.any(|found| found.0 == "secret-in-environment" && found.4 == *environment);
        assert!(is_told, "hidden, nothing is said of {environment}");
    }
}

/// What ECS answers is judged as the request, were it for every launch type that ECS finds it fit
/// for. Tags stand beside the answer: in CloudTrail's record of it they are not known, whatever they are.
fn answers(request: &Value, requested: &BTreeSet<Found>) {
    let mut fit = request.clone();
    fit["requiresCompatibilities"] = forms::compatibilities(request);
    let expected = judged("fit", &file(&fit));
    if fit["requiresCompatibilities"] == request["requiresCompatibilities"] {
        same("one fit for the same", requested, &expected);
    }
    let answer = forms::described(request);
    let mut with_tags = answer.clone();
    if let Some(tags) = request.get("tags") {
        with_tags["tags"] = tags.clone();
    } else {
        with_tags["tags"] = json!([]);
    }
    let described = judged("an answer", &file(&with_tags));
    same("an answer", &expected, &described);

    let is_of_tags = |found: &Found| found.0 == "missing-tags";
    let recorded = forms::event(&forms::hidden(request), &forms::response(request));
    let recorded = judged("a record", &event(&recorded));
    let (tags, recorded): (BTreeSet<Found>, _) = recorded.into_iter().partition(is_of_tags);
    let expected = expected.into_iter().filter(|found| !is_of_tags(found));
    same("a record", &expected.collect(), &recorded);
    let outcomes: Vec<Outcome> = tags.iter().map(|found| found.3).collect();
    assert_eq!(outcomes, [Outcome::Unknown], "the tags are not known");
}

fn file(definition: &Value) -> Facts {
    let definition: TaskDefinition =
        serde_json::from_str(&definition.to_string()).expect("it is a definition");
    told::facts(Subject::TaskDefinition(Box::new(definition)))
}

fn registered(event: &Value) -> Event {
    match parse(event.to_string().as_bytes()) {
        Ok(Parsed::Event(event @ Event::Registered(_))) => event,
        other => panic!("{other:?}"),
    }
}

fn event(event: &Value) -> Facts {
    registered(event).facts().expect("it holds a definition")
}

fn template(template: &Value) -> Facts {
    let found = recognise(&template.to_string(), &std::collections::BTreeMap::new());
    let found = found.expect("it can be read").expect("it is a template");
    assert!(found.unseen.is_empty(), "{found:?}");
    let [found] = <[_; 1]>::try_from(found.found).expect("there is one definition");
    told::facts(Subject::TaskDefinition(Box::new(found.definition)))
}

/// The findings, of which none shows a secret.
fn judged(form: &str, facts: &Facts) -> BTreeSet<Found> {
    let found = found(&decide(facts, &POLICY));
    for (_, container, .., pointer, message) in &found {
        for text in [Some(pointer), Some(message), container.as_ref()] {
            let is_told = text.is_some_and(|text| text.contains(SECRET));
            assert!(!is_told, "{form} tells a secret: {text:?}");
        }
    }
    found
}

/// What is said of a file, and of the event of its registration. Other forms have the same findings, so
/// that nothing else can be said of them.
fn tells_no_secret(request: &Value) {
    let facts = file(request);
    let decision = decide(&facts, &POLICY);
    let checked = Checked::new("task.json".to_owned(), &facts.subject, decision);
    let mut report = Report::default();
    report.results.push(checked);
    let said = told::report(&report);
    assert!(!said.contains(SECRET), "a report tells a secret: {said}");

    let event = registered(&forms::event(request, &forms::response(request)));
    let facts = event.facts().expect("it holds a definition");
    let (decision, plan) = told::judge(&facts);
    let said = told::alert(&event, &facts, &decision, &plan);
    assert!(!said.contains(SECRET), "an alert tells a secret: {said}");
}

fn found(decision: &Decision) -> BTreeSet<Found> {
    let findings = decision.findings.iter().map(|finding| {
        (
            finding.rule,
            finding.container.clone(),
            finding.severity,
            finding.outcome,
            finding.pointer.clone(),
            finding.message.clone(),
        )
    });
    findings.collect()
}
