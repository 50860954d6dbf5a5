//! What holds for every rule, and its page run as a test.

mod image;
mod launch_types;
mod said;
mod traps;

use std::{collections::BTreeSet, path::Path};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

use super::*;
use crate::{
    Facts, Policy,
    facts::{
        Barred, Container, ExpressRequest, Quarantine, RunRequest, ScanPage, ScanPages, Scanner,
        Surroundings,
        deployment::{DeployedImage, Deregistered, Revision},
    },
    names::{Digest, Place, Repository, ServiceDeploymentArn, TaskDefinitionArn},
    policy::Profile,
};

/// When the examples of the pages are judged.
const TODAY: &str = "2026-11-23T12:00:00Z";

/// A fenced block and the second-level heading above it.
struct Example {
    section: String,
    language: String,
    text: String,
}

fn examples(page: &str) -> (Vec<String>, Vec<Example>) {
    let (mut sections, mut examples) = (Vec::new(), Vec::new());
    let (mut in_heading, mut block): (bool, Option<Example>) = (false, None);
    for event in Parser::new(page) {
        match event {
            Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                ..
            }) => {
                in_heading = true;
                sections.push(String::new());
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                block = Some(Example {
                    section: sections.last().cloned().unwrap_or_default(),
                    language: language.to_string(),
                    text: String::new(),
                });
            }
            Event::End(TagEnd::CodeBlock) => examples.extend(block.take()),
            Event::Text(text) => {
                if let Some(block) = &mut block {
                    block.text.push_str(&text);
                } else if in_heading {
                    sections.last_mut().unwrap().push_str(&text);
                }
            }
            _ => {}
        }
    }
    (sections, examples)
}

/// A definition, or what a request says of one: the members tell which it is.
fn definition(json: &str) -> TaskDefinition {
    let members: serde_json::Value = serde_json::from_str(json).unwrap();
    let part = if members.get("taskDefinition").is_some() {
        let request: RunRequest = serde_json::from_str(json).unwrap();
        request.into_definition()
    } else if members.get("primaryContainer").is_some() {
        let request: ExpressRequest = serde_json::from_str(json).unwrap();
        request.into_definition()
    } else {
        let mut definition: TaskDefinition = serde_json::from_str(json).unwrap();
        // What the guard found out, which no document of AWS says.
        let barred = members["barred"].as_object().into_iter().flatten();
        definition.barred = barred
            .map(|(image, reason)| {
                let quarantine = quarantine(None, reason.as_str().unwrap());
                (image.clone(), Barred::Quarantined(quarantine))
            })
            .collect();
        return definition;
    };
    // A request that overrides nothing is as good as an empty definition: nothing is found in it.
    part.unwrap_or_else(|| TaskDefinition {
        form: Form::Overrides,
        ..TaskDefinition::default()
    })
}

fn quarantine(since: Option<&str>, reason: &str) -> Quarantine {
    Quarantine {
        since: since.map(|since| since.parse().unwrap()),
        reason: reason.to_owned(),
        elsewhere: None,
        is_untold: false,
    }
}

/// An image that is in quarantine, and of which nothing else is known.
pub(crate) fn quarantined_image(reason: &str) -> Image {
    let json = serde_json::json!({"quarantine": {"reason": reason}}).to_string();
    let Subject::Image(image) = subject(SubjectKind::Image, &json) else {
        panic!("made as an image")
    };
    *image
}

/// A deployment in flight: what it brings, and what the ledger says of that.
fn deployment(json: &str) -> Deployment {
    let example: serde_json::Value = serde_json::from_str(json).unwrap();
    let (target, ledger) = (&example["targetServiceRevision"], &example["ledger"]);
    let quarantined = ledger["quarantined"].as_array();
    let image = |image: &serde_json::Value| {
        let text = |name: &str| image[name].as_str();
        let digest = text("imageDigest");
        let is_held = quarantined.is_some_and(|held| held.contains(&image["imageDigest"]));
        DeployedImage {
            quarantine: is_held.then(|| quarantine(None, "1 critical finding")),
            ..DeployedImage::new(
                text("containerName").unwrap(),
                text("image").unwrap(),
                digest,
            )
        }
    };
    let arn = "arn:aws:ecs:eu-west-1:111122223333:service-deployment/prod/web/9I-wURsUdq";
    Deployment {
        arn: ServiceDeploymentArn::parse(arn).unwrap(),
        target: Revision {
            task_definition: target["taskDefinition"]
                .as_str()
                .map(|arn| TaskDefinitionArn::parse(arn).unwrap()),
            deregistered: ledger["deregistered"].as_str().map(|time| Deregistered {
                since: Some(time.parse().unwrap()),
            }),
            images: target["containerImages"]
                .as_array()
                .unwrap()
                .iter()
                .map(image)
                .collect(),
        },
        sources: Vec::new(),
    }
}

/// The rules whose examples are run here. Those of Dockerfiles are run where Dockerfiles are read, in
/// `shared/image`.
fn rules_of_json() -> impl Iterator<Item = &'static &'static Rule> {
    let is_json = |rule: &&&Rule| rule.check.subject() != SubjectKind::Dockerfile;
    RULES.iter().filter(is_json)
}

fn subject(kind: SubjectKind, json: &str) -> Subject {
    match kind {
        SubjectKind::Dockerfile => panic!("a Dockerfile is no JSON"),
        SubjectKind::TaskDefinition => Subject::TaskDefinition(Box::new(definition(json))),
        SubjectKind::Deployment => Subject::Deployment(Box::new(deployment(json))),
        SubjectKind::Image => {
            let mut pages = ScanPages::default();
            pages.add(serde_json::from_str::<ScanPage>(json).unwrap());
            let members: serde_json::Value = serde_json::from_str(json).unwrap();
            // What the ledger says, which no document of AWS does.
            let held = members
                .get("quarantine")
                .map(|held| quarantine(held["since"].as_str(), held["reason"].as_str().unwrap()));
            let place = Place::of_region("eu-west-1", "111122223333").unwrap();
            Subject::Image(Box::new(Image {
                repository: Repository::new(place, "example/web").unwrap(),
                digest: Some(Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap()),
                tags: vec!["1.4".to_owned()],
                pushed_at: None,
                is_restored: false,
                quarantine: held,
                scan: pages.into_scan(Scanner::Basic, &std::collections::BTreeMap::new()),
                surroundings: Surroundings::default(),
            }))
        }
    }
}

/// What a rule says of a task definition in JSON, with the parameters as they are without a policy.
pub(crate) fn judge(rule: &Rule, json: &str) -> Vec<Answer> {
    judge_with(rule, json, &Parameters::default())
}

/// What a rule says of a task definition in JSON under these parameters, in account 111122223333.
pub(crate) fn judge_with(rule: &Rule, json: &str, parameters: &Parameters) -> Vec<Answer> {
    let place = Place::of_region("eu-west-1", "111122223333").unwrap();
    let context = Context {
        place: Some(&place),
        parameters,
        observed_at: None,
    };
    rule.answers(&subject(SubjectKind::TaskDefinition, json), &context)
}

/// What a rule says of a task definition in JSON after `change`, which puts in what JSON cannot say:
/// the unknown.
pub(crate) fn judge_after(
    rule: &Rule,
    json: &str,
    change: impl FnOnce(&mut TaskDefinition),
) -> Vec<Answer> {
    let mut definition: TaskDefinition = serde_json::from_str(json).unwrap();
    change(&mut definition);
    let context = Context {
        place: None,
        parameters: &Parameters::default(),
        observed_at: None,
    };
    rule.answers(&Subject::TaskDefinition(Box::new(definition)), &context)
}

/// What a rule says of a container alone, which may have members that JSON cannot spell.
pub(crate) fn judge_container(rule: &Rule, container: Container) -> Vec<Answer> {
    let definition = TaskDefinition {
        container_definitions: vec![container],
        ..TaskDefinition::default()
    };
    let context = Context {
        place: None,
        parameters: &Parameters::default(),
        observed_at: None,
    };
    rule.answers(&Subject::TaskDefinition(Box::new(definition)), &context)
}

/// A value that cannot be read.
pub(crate) fn unreadable<T>() -> Field<T> {
    Field::Unknown("depends on parameter `P`".to_owned())
}

/// The policy by which the examples of a page are judged: the YAML that it shows under *What*, else
/// the default.
fn policy(examples: &[Example]) -> Policy {
    let shown = examples
        .iter()
        .find(|e| e.section == "What" && e.language == "yaml");
    shown.map_or_else(Policy::default, |e| {
        Policy::from_yaml(&e.text, TODAY.parse().unwrap()).unwrap()
    })
}

/// What a rule says of an example, of which nothing is known but itself.
fn answers(rule: &Rule, example: &Example, policy: &Policy) -> Vec<Answer> {
    let context = Context {
        place: None,
        parameters: policy.parameters(),
        observed_at: Some(TODAY.parse().unwrap()),
    };
    rule.answers(&subject(rule.check.subject(), &example.text), &context)
}

fn page(rule: &Rule) -> &'static str {
    PAGES.iter().find(|(id, _)| *id == rule.id).unwrap().1
}

#[test]
fn every_page_has_its_sections_and_its_examples_hold() {
    for rule in rules_of_json() {
        let page = page(rule);
        assert!(page.starts_with(&format!("# {}\n", rule.id)), "{}", rule.id);
        let (sections, examples) = examples(page);
        assert_eq!(
            sections,
            ["What", "Why", "Denied", "Allowed", "Fix"],
            "{}",
            rule.id
        );
        let policy = policy(&examples);
        let mut denied = 0;
        let mut allowed = 0;
        for example in &examples {
            let run = || {
                assert_eq!(example.language, "json", "{}: {}", rule.id, example.text);
                answers(rule, example, &policy)
            };
            match example.section.as_str() {
                "Denied" => {
                    denied += 1;
                    assert_ne!(run(), [], "{} allows\n{}", rule.id, example.text);
                }
                "Allowed" => {
                    allowed += 1;
                    assert_eq!(run(), [], "{} denies\n{}", rule.id, example.text);
                }
                _ => {}
            }
        }
        assert!(denied > 0 && allowed > 0, "{} lacks an example", rule.id);
        assert!(
            examples.iter().any(|e| e.section == "Fix"),
            "{} shows no fix",
            rule.id
        );
    }
}

#[test]
fn every_pointer_of_a_denied_example_points_into_it_or_next_to_its_parent() {
    for rule in rules_of_json() {
        let examples = examples(page(rule)).1;
        let policy = policy(&examples);
        for example in examples {
            if example.section != "Denied" {
                continue;
            }
            let document: serde_json::Value = serde_json::from_str(&example.text).unwrap();
            for answer in answers(rule, &example, &policy) {
                let (parent, _) = answer.pointer.rsplit_once('/').unwrap();
                assert!(
                    document.pointer(parent).is_some(),
                    "{}: {}",
                    rule.id,
                    answer.pointer
                );
            }
        }
    }
}

/// `document` after the fix at `pointer`, whose parent is there.
fn fixed(mut document: serde_json::Value, pointer: &str, fix: &crate::Edit) -> serde_json::Value {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let was = document.pointer(pointer).cloned();
    if let Some(told) = fix.was {
        let told: serde_json::Value = serde_json::from_str(told).unwrap();
        let same = |was: serde_json::Value| {
            was == told
                || was
                    .as_str()
                    .is_some_and(|w| Some(w.to_lowercase().trim()) == told.as_str())
        };
        assert!(was.is_some_and(same), "{pointer} is not {told}");
    }
    let parent = document
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    match fix.now {
        Some(now) => parent.insert(member.to_owned(), serde_json::from_str(now).unwrap()),
        None => parent.remove(member),
    };
    document
}

#[test]
fn a_fix_mends_what_it_is_for() {
    let mut fixing = BTreeSet::new();
    for rule in rules_of_json() {
        let examples = examples(page(rule)).1;
        let policy = policy(&examples);
        for example in examples.iter().filter(|e| e.section == "Denied") {
            let mut document: serde_json::Value = serde_json::from_str(&example.text).unwrap();
            for answer in answers(rule, example, &policy) {
                let Some(fix) = &answer.fix else { continue };
                document = fixed(document, &answer.pointer, fix);
                let after = Example {
                    section: String::new(),
                    language: String::new(),
                    text: document.to_string(),
                };
                let left = answers(rule, &after, &policy);
                assert!(
                    left.iter().all(|left| left.pointer != answer.pointer),
                    "{}: {document}",
                    rule.id
                );
                fixing.insert(rule.id);
            }
        }
    }
    insta::assert_snapshot!(fixing.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn ids_are_unique_and_frozen() {
    let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    insta::assert_snapshot!(ids.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn no_file_of_a_rule_is_left_out_of_the_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalogue");
    let listed: BTreeSet<String> = RULES
        .iter()
        .flat_map(|rule| {
            let folder = rule.check.subject().name().replace('-', "_");
            let name = rule.id.replace('-', "_");
            ["md", "rs"].map(|ending| format!("{folder}/{name}.{ending}"))
        })
        .collect();
    let mut found = BTreeSet::new();
    for folder in ["task_definition", "image", "deployment", "dockerfile"] {
        for entry in files_in(&root.join(folder)) {
            found.insert(format!("{folder}/{entry}"));
        }
    }
    assert_eq!(found, listed);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test compares the list with the folder"
)]
fn files_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn what_is_said_reads_as_a_line() {
    for rule in RULES {
        // Not every rule has a sentence of the guidance.
        assert!(!rule.summary.is_empty() && !rule.help.is_empty());
        for line in [rule.summary, rule.help, rule.references.guidance] {
            assert!(!line.ends_with('.'), "{}: {line}", rule.id);
            assert!(!line.starts_with(char::is_uppercase), "{}: {line}", rule.id);
            assert!(!line.contains('\n'), "{}: {line}", rule.id);
        }
    }
}

#[test]
fn denied_examples_say_what_they_should() {
    let mut lines = Vec::new();
    for rule in rules_of_json() {
        let examples = examples(page(rule)).1;
        let policy = policy(&examples);
        for example in examples {
            if example.section == "Denied" {
                let facts = Facts {
                    place: None,
                    observed_at: Some(TODAY.parse().unwrap()),
                    subject: subject(rule.check.subject(), &example.text),
                };
                let policy = policy.clone().with_profile(Profile::Restricted);
                for finding in crate::decide(&facts, &policy).findings {
                    if finding.rule == rule.id {
                        lines.push(format!(
                            "{} {} {}: {}",
                            finding.severity, finding.rule, finding.pointer, finding.message
                        ));
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_slip_of_the_pen_finds_the_rule_that_was_meant() {
    for (written, expected) in [
        ("root-user", Some("root-user")),
        ("rot-user", Some("root-user")),
        ("user-root", None),
        ("privileged", Some("privileged-container")),
        ("privileged_containers", Some("privileged-container")),
        ("dangerous-capabilities", Some("dangerous-capability")),
        ("Host-Networks", Some("host-network")),
        ("no-such-rule", None),
        ("", None),
        ("x", None),
    ] {
        assert_eq!(nearest(written), expected, "{written}");
    }
    assert_eq!(nearest(&"privileged-container".repeat(1000)), None);
}
