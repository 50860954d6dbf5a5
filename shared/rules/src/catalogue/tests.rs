//! What holds for every rule, and its page run as a test.

use std::{collections::BTreeSet, path::Path};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

use super::*;
use crate::{
    Facts,
    facts::{ScanPage, ScanPages, Scanner},
    names::{Digest, Place, Repository},
};

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

fn subject(kind: SubjectKind, json: &str) -> Subject {
    match kind {
        SubjectKind::TaskDefinition => {
            Subject::TaskDefinition(Box::new(serde_json::from_str(json).unwrap()))
        }
        SubjectKind::Image => {
            let mut pages = ScanPages::default();
            pages.add(serde_json::from_str::<ScanPage>(json).unwrap());
            let place = Place::of_region("eu-west-1", "111122223333").unwrap();
            Subject::Image(Box::new(Image {
                repository: Repository::new(place, "example/web").unwrap(),
                digest: Some(Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap()),
                tags: vec!["1.4".to_owned()],
                scan: pages.into_scan(Scanner::Basic, &std::collections::BTreeMap::new()),
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
    };
    rule.answers(&subject(SubjectKind::TaskDefinition, json), &context)
}

/// Examples are judged with nothing known but themselves.
fn context() -> Context<'static> {
    static PARAMETERS: std::sync::LazyLock<Parameters> =
        std::sync::LazyLock::new(Parameters::default);
    Context {
        place: None,
        parameters: &PARAMETERS,
    }
}

fn page(rule: &Rule) -> &'static str {
    PAGES.iter().find(|(id, _)| *id == rule.id).unwrap().1
}

#[test]
fn every_page_has_its_sections_and_its_examples_hold() {
    for rule in RULES {
        let page = page(rule);
        assert!(page.starts_with(&format!("# {}\n", rule.id)), "{}", rule.id);
        let (sections, examples) = examples(page);
        assert_eq!(
            sections,
            ["What", "Why", "Denied", "Allowed", "Fix"],
            "{}",
            rule.id
        );
        let mut denied = 0;
        let mut allowed = 0;
        for example in &examples {
            let run = || {
                assert_eq!(example.language, "json", "{}: {}", rule.id, example.text);
                rule.answers(&subject(rule.check.subject(), &example.text), &context())
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
    for rule in RULES {
        for example in examples(page(rule)).1 {
            if example.section != "Denied" {
                continue;
            }
            let document: serde_json::Value = serde_json::from_str(&example.text).unwrap();
            for answer in rule.answers(&subject(rule.check.subject(), &example.text), &context()) {
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
    for folder in ["task_definition", "image"] {
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
        for line in [rule.summary, rule.help, rule.references.guidance] {
            assert!(
                !line.is_empty() && !line.ends_with('.'),
                "{}: {line}",
                rule.id
            );
            assert!(!line.starts_with(char::is_uppercase), "{}: {line}", rule.id);
            assert!(!line.contains('\n'), "{}: {line}", rule.id);
        }
    }
}

#[test]
fn denied_examples_say_what_they_should() {
    let mut lines = Vec::new();
    for rule in RULES {
        for example in examples(page(rule)).1 {
            if example.section == "Denied" {
                let facts = Facts {
                    place: None,
                    observed_at: None,
                    subject: subject(rule.check.subject(), &example.text),
                };
                for finding in crate::decide(&facts, &crate::Policy::default()).findings {
                    if finding.rule == rule.id {
                        lines.push(format!(
                            "{} {} {} {}: {}",
                            finding.level.name(),
                            finding.severity,
                            finding.rule,
                            finding.pointer,
                            finding.message
                        ));
                    }
                }
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}
