//! The pages of the rules about Dockerfiles, run as tests here because the core cannot read one.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};
use tidewaiter_rules::{
    Policy,
    catalogue::{PAGES, RULES},
    facts::SubjectKind,
};

use super::findings_with;
use crate::dockerfile::read;

/// A fenced block: the second-level heading above it, its language and text.
fn examples(page: &str) -> Vec<(String, String, String)> {
    let mut examples = Vec::new();
    let (mut section, mut in_heading) = (String::new(), false);
    let mut block: Option<(String, String, String)> = None;
    for event in Parser::new(page) {
        match event {
            Event::Start(Tag::Heading {
                level: HeadingLevel::H2,
                ..
            }) => {
                in_heading = true;
                section.clear();
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                block = Some((section.clone(), language.to_string(), String::new()));
            }
            Event::End(TagEnd::CodeBlock) => examples.extend(block.take()),
            Event::Text(text) => match &mut block {
                Some((_, _, block)) => block.push_str(&text),
                None if in_heading => section.push_str(&text),
                None => {}
            },
            _ => {}
        }
    }
    examples
}

#[test]
fn the_examples_of_every_page_hold() {
    let mut lines = Vec::new();
    let mut pages = 0;
    for rule in RULES {
        if rule.check.subject() != SubjectKind::Dockerfile {
            continue;
        }
        pages += 1;
        let page = PAGES.iter().find(|(id, _)| *id == rule.id).unwrap().1;
        let examples = examples(page);
        let shown = examples
            .iter()
            .find(|(section, language, _)| section == "What" && language == "yaml");
        let policy = shown.map_or_else(Policy::default, |(_, _, text)| {
            Policy::from_yaml(text, "2026-11-23T12:00:00Z".parse().unwrap()).unwrap()
        });
        let (mut denied, mut allowed, mut fixes) = (0, 0, 0);
        for (section, language, text) in &examples {
            let run = || {
                assert_eq!(language, "dockerfile", "{}: {text}", rule.id);
                let dockerfile = read(text, "Dockerfile").unwrap();
                let findings = findings_with(rule.id, &dockerfile, &policy);
                for finding in &findings {
                    let place = dockerfile.locate(&finding.pointer);
                    assert!(place.is_some(), "{}: {}", rule.id, finding.pointer);
                }
                findings
            };
            match section.as_str() {
                "Denied" => {
                    denied += 1;
                    let findings = run();
                    assert!(!findings.is_empty(), "{} allows\n{text}", rule.id);
                    lines.extend(findings.iter().map(|finding| {
                        format!(
                            "{} {} {} {}: {}",
                            finding.severity,
                            finding.rule,
                            finding.outcome.name(),
                            finding.pointer,
                            finding.message
                        )
                    }));
                }
                "Allowed" => {
                    allowed += 1;
                    assert_eq!(run(), [], "{} denies\n{text}", rule.id);
                }
                "Fix" => fixes += 1,
                _ => {}
            }
        }
        assert!(
            denied > 0 && allowed > 0 && fixes > 0,
            "{} lacks an example",
            rule.id
        );
    }
    assert!(pages > 0);
    insta::assert_snapshot!(lines.join("\n"));
}
