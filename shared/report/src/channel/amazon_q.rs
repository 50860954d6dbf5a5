//! Amazon Q Developer in chat applications: a custom notification, which is published to an SNS topic
//! of its own (<https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>).
//!
//! The text is Markdown of whichever chat shows it, so what is markup in Slack or in Teams is
//! replaced by what looks like it.

use serde_json::{Value, json};

use super::{
    Setting,
    cut::{cut, units},
};
use crate::Notice;

/// Characters of a title.
pub const TITLE: usize = 250;

/// Characters of a description.
pub const DESCRIPTION: usize = 8000;

/// Characters of a next step.
pub const NEXT_STEP: usize = 350;

/// Characters of a keyword.
pub const KEYWORD: usize = 75;

/// Characters of a text within the description.
const TEXT: usize = 900;

/// The notification about an alert.
pub fn notification(notice: &Notice, setting: &Setting<'_>) -> Value {
    let headline = inert(&notice.graded_line());
    let mut parts: Vec<String> = Vec::new();
    let facts = notice.facts(setting);
    let facts: Vec<String> = facts
        .iter()
        .map(|(name, value)| format!("*{name}*  {}", cut(&inert(value), TEXT)))
        .collect();
    parts.push(facts.join("\n"));
    let texts = |lines: Vec<String>| {
        let lines = lines.iter().map(|line| cut(&inert(line), TEXT));
        lines.collect::<Vec<_>>().join("\n")
    };
    parts.push(texts(notice.deeds()));
    let (findings, more) = notice.shown_findings(setting);
    let mut why = Vec::new();
    for shown in &findings {
        why.push(format!("*{}*", cut(&inert(&shown.title()), TEXT)));
        why.extend(shown.body().lines().map(|line| cut(&inert(line), TEXT)));
    }
    if more > 0 {
        why.push(format!("and {more} findings more"));
    }
    parts.push(why.join("\n"));
    parts.push(texts(notice.services()));
    for code in notice.codes() {
        // Slack reads mentions even in code. No command of ours has that mark.
        let text = code.text.replace('`', "'").replace('<', "‹");
        parts.push(format!("*{}*\n```\n{text}\n```", code.title));
    }
    let link = notice.subject.as_ref().and_then(|subject| subject.link());
    let page = findings.iter().find_map(|shown| shown.page.as_deref());
    let steps = [
        ("Look at it in the AWS console", link),
        ("Read about the rule", page),
    ];
    let steps = steps
        .into_iter()
        .filter_map(|(text, url)| Some(format!("{text}: {}", url?)));
    let steps: Vec<String> = steps.filter(|step| units(step) <= NEXT_STEP).collect();
    let mut keywords = vec![notice.severity.name().to_owned()];
    keywords.extend(
        notice
            .findings
            .0
            .first()
            .map(|finding| inert(&finding.rule.0)),
    );
    let keywords: Vec<String> = keywords.iter().map(|word| cut(word, KEYWORD)).collect();
    json!({
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": cut(&headline, TITLE),
            "description": joined(&parts),
            "nextSteps": steps,
            "keywords": keywords,
        },
        "metadata": {
            "threadId": notice.key().as_str(),
            "summary": cut(&headline, TITLE),
            "eventType": notice.change.name(),
            "additionalContext": {
                "account": notice.account.0,
                "region": notice.region.0,
                "severity": notice.severity.name(),
            },
            "enableCustomActions": false,
        },
    })
}

/// As many parts as there is room for: a command that is cut is another command, and a block of code
/// that does not end takes the rest with it.
fn joined(parts: &[String]) -> String {
    const REST: &str = "\n\nThe rest is too long; it is in the alert's e-mail and JSON.";
    let mut text = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let more = units(&text) + units(part) + 2;
        if more + units(REST) > DESCRIPTION {
            text.push_str(REST);
            break;
        }
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(part);
    }
    text
}

/// Text without anything that is markup, a mention or a link in Slack or in Teams.
fn inert(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let characters: Vec<char> = text.chars().collect();
    for (index, character) in characters.iter().copied().enumerate() {
        let beside = |index: Option<usize>| {
            let character = index.and_then(|index| characters.get(index));
            character.is_some_and(|c| c.is_alphanumeric())
        };
        let (before, after) = (beside(index.checked_sub(1)), beside(Some(index + 1)));
        shown.push(match character {
            '<' => '‹',
            '>' => '›',
            '&' => '＆',
            '*' => '∗',
            '~' => '∼',
            '`' => '\'',
            '[' => '⟦',
            ']' => '⟧',
            '|' => '∣',
            // Inside of a word it is no markup, and most names have one.
            '_' if !(before && after) => '＿',
            // As in `web@sha256:…`, where it mentions nobody.
            '@' if !before => '＠',
            // Neither an address nor an emoji.
            ':' if characters.get(index + 1) == Some(&'/') || (!before && after) => '∶',
            other => other,
        });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_markup_only_looks_like_it() {
        for (text, expected) in [
            ("my_service web@sha256:ab", "my_service web@sha256:ab"),
            ("_x_ *x* ~x~ `x`", "＿x＿ ∗x∗ ∼x∼ 'x'"),
            ("<!channel> @here", "‹!channel› ＠here"),
            ("[a](https://x.example)", "⟦a⟧(https∶//x.example)"),
            (":fire: a&b", "∶fire: a＆b"),
        ] {
            assert_eq!(inert(text), expected);
        }
    }
}
