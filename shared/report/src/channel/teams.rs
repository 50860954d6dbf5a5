//! Microsoft Teams: an Adaptive Card in the message that a workflow's webhook takes
//! (<https://learn.microsoft.com/connectors/teams/>).
//!
//! All text stands in `RichTextBlock`, which knows no Markdown, as `TextBlock` and `FactSet` do
//! (<https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features>).

use serde_json::{Value, json};

use super::{
    Setting,
    cut::{spelled, units},
};
use crate::Notice;

/// Bytes of a message. The connector's page says about 28 KB; messages above 21 KB were seen
/// to be refused.
pub const MESSAGE: usize = 21_000;

/// The version of the schema: what Teams shows on every platform.
pub const VERSION: &str = "1.4";

/// Characters of one text; no limit of Teams.
const TEXT: usize = 1_500;

/// Lines of code, of which each takes some 150 bytes around it.
const LINES: usize = 40;

/// What stands in place of what does not fit.
const LEFT_OUT: &str = "The rest is too long for Teams; it is in the alert's e-mail and JSON.";

/// The message about an alert.
pub fn message(notice: &Notice, setting: &Setting<'_>) -> Value {
    let mut parts: Vec<Vec<Value>> = Vec::new();
    for (name, value) in notice.facts(setting) {
        parts.push(vec![block(&[bold(&format!("{name}  ")), run(&value)])]);
    }
    parts.extend(notice.deeds().iter().map(|deed| vec![apart(&[run(deed)])]));
    let (findings, more) = notice.shown_findings(setting);
    let mut page = None;
    for shown in &findings {
        let body = shown.body();
        let lines = body.lines().map(|line| block(&[run(line)]));
        let title = apart(&[bold(&shown.title())]);
        parts.push([title].into_iter().chain(lines).collect());
        page = page.or(shown.page.as_ref());
    }
    if more > 0 {
        parts.push(vec![apart(&[run(&format!("and {more} findings more"))])]);
    }
    let services = notice.services();
    if !services.is_empty() {
        let title = apart(&[bold("In use")]);
        let lines = services.iter().map(|line| block(&[run(line)]));
        parts.push([title].into_iter().chain(lines).collect());
    }
    for code in notice.codes() {
        let lines: Vec<&str> = code.text.lines().collect();
        let title = apart(&[bold(code.title)]);
        // A command that is cut is another command.
        let is_whole = lines.len() <= LINES && lines.iter().all(|line| units(line) <= TEXT);
        if is_whole {
            let lines = lines.iter().map(|line| block(&[mono(line)]));
            parts.push([title].into_iter().chain(lines).collect());
        } else {
            parts.push(vec![title, block(&[run(LEFT_OUT)])]);
        }
    }
    let link = notice.subject.as_ref().and_then(|subject| subject.link());
    let actions: Vec<Value> = [
        ("AWS console", link),
        ("About the rule", page.map(String::as_str)),
    ]
    .into_iter()
    .filter_map(|(title, url)| Some(json!({"type": "Action.OpenUrl", "title": title, "url": url?})))
    .collect();
    let summary = notice.placed(&notice.graded_line(), setting);
    fitted(notice, &summary, parts, &actions)
}

/// The card with as many parts as there is room for.
fn fitted(notice: &Notice, summary: &str, parts: Vec<Vec<Value>>, actions: &[Value]) -> Value {
    let title = json!({"type": "RichTextBlock", "inlines": [{
        "type": "TextRun", "text": spelled(&notice.graded_line(), 400, literal),
        "weight": "Bolder", "size": "Medium",
    }]});
    let mut body = vec![title];
    let rest = block(&[run(LEFT_OUT)]);
    let size = |value: &Value| value.to_string().len().saturating_add(1);
    let empty = size(&wrapped(summary, &[], actions));
    let mut taken = [
        empty,
        size(&body.first().cloned().unwrap_or_default()),
        size(&rest),
    ]
    .into_iter()
    .fold(0, usize::saturating_add);
    for part in parts {
        let more = part.iter().map(size).fold(0, usize::saturating_add);
        if taken.saturating_add(more) > MESSAGE {
            body.push(rest);
            break;
        }
        taken = taken.saturating_add(more);
        body.extend(part);
    }
    wrapped(summary, &body, actions)
}

fn wrapped(line: &str, body: &[Value], actions: &[Value]) -> Value {
    let line = spelled(line, 300, literal);
    json!({
        "type": "message",
        "summary": line,
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": VERSION,
                "fallbackText": line,
                "msteams": {"width": "Full"},
                "body": body,
                "actions": actions,
            },
        }],
    })
}

fn block(inlines: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "spacing": "None", "inlines": inlines})
}

fn apart(inlines: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "spacing": "Medium", "inlines": inlines})
}

fn run(text: &str) -> Value {
    json!({"type": "TextRun", "text": spelled(text, TEXT, literal)})
}

fn bold(text: &str) -> Value {
    json!({"type": "TextRun", "weight": "Bolder", "text": spelled(text, TEXT, literal)})
}

fn mono(text: &str) -> Value {
    json!({"type": "TextRun", "fontType": "Monospace", "text": text.replace("{{", "{ {").replace('<', "‹")})
}

/// A tag such as `<at>` is none without its mark, and neither is `{{DATE(…)}}`.
fn literal(character: char) -> Option<&'static str> {
    match character {
        '<' => Some("‹"),
        '>' => Some("›"),
        '{' => Some("("),
        '}' => Some(")"),
        _ => None,
    }
}
