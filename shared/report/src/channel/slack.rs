//! Slack: a message of Block Kit, for an incoming webhook or `chat.postMessage`.
//!
//! All text from outside is `plain_text`, in which nothing is markup, or stands in a block of code,
//! without what could end that. `&`, `<` and `>` are escaped in both, as Slack wants it of all text
//! (<https://docs.slack.dev/messaging/formatting-message-text/>), so that no mention and no link
//! comes of it.

use serde_json::{Value, json};

use super::{
    Setting,
    content::{Code, moment},
    cut::{spelled, units},
};
use crate::Notice;

/// Blocks of a message (<https://docs.slack.dev/reference/block-kit/blocks/>).
pub const BLOCKS: usize = 50;

/// Characters of a header.
pub const HEADER: usize = 150;

/// Characters of a section's text.
pub const SECTION: usize = 3000;

/// Fields of a section.
pub const FIELDS: usize = 10;

/// Characters of a field.
pub const FIELD: usize = 2000;

/// Characters of a button's text.
pub const BUTTON: usize = 75;

/// Characters of a button's address.
pub const ADDRESS: usize = 3000;

/// Elements of a context.
pub const CONTEXT: usize = 10;

/// Characters of the text that notifications show: Slack shows far less than it takes.
const NOTIFICATION: usize = 300;

/// The message about an alert.
pub fn message(notice: &Notice, setting: &Setting<'_>) -> Value {
    let mut blocks = vec![json!({
        "type": "header", "text": plain(&notice.graded_line(), HEADER),
    })];
    let facts = notice.facts(setting);
    let facts = facts.iter().take(FIELDS);
    let fields = facts.map(|(name, value)| plain(&format!("{name}\n{value}"), FIELD));
    blocks.push(json!({"type": "section", "fields": fields.collect::<Vec<_>>()}));
    let deeds = notice.deeds();
    if !deeds.is_empty() {
        blocks.push(section(&deeds.join("\n")));
    }
    let (findings, more) = notice.shown_findings(setting);
    let mut page = None;
    for shown in &findings {
        blocks.push(section(&format!("{}\n{}", shown.title(), shown.body())));
        page = page.or(shown.page.as_ref());
    }
    if more > 0 {
        blocks.push(section(&format!("and {more} findings more")));
    }
    let services = notice.services();
    if !services.is_empty() {
        blocks.push(section(&format!("In use\n{}", services.join("\n"))));
    }
    blocks.extend(notice.codes().iter().map(code));
    let link = notice.subject.as_ref().and_then(|subject| subject.link());
    let buttons: Vec<Value> = [
        ("AWS console", link),
        ("About the rule", page.map(String::as_str)),
    ]
    .into_iter()
    .filter_map(|(text, url)| Some((text, url.filter(|url| units(url) <= ADDRESS)?)))
    .map(|(text, url)| json!({"type": "button", "text": plain(text, BUTTON), "url": url}))
    .collect();
    if !buttons.is_empty() {
        blocks.push(json!({"type": "actions", "elements": buttons}));
    }
    if let Some(event) = &notice.event {
        let elements = [plain(&format!("Tidewaiter, event {}", event.0), 200)];
        blocks.push(json!({"type": "context", "elements": elements}));
    }
    blocks.truncate(BLOCKS);
    wrapped(&notice.placed(&notice.graded_line(), setting), &blocks)
}

/// The short message that goes under the first one in its thread: what changed, or that it is over.
pub fn reply(notice: &Notice, setting: &Setting<'_>) -> Value {
    let mut lines = vec![notice.first_line()];
    match (notice.since, notice.time) {
        (Some(since), _) => lines.push(format!("Open since {}", moment(since, setting.now))),
        (None, Some(time)) => lines.push(moment(time, setting.now)),
        (None, None) => {}
    }
    match notice.repeats {
        0 => {}
        1 => lines.push("Met once more since then".to_owned()),
        count => lines.push(format!("Met {count} times more since then")),
    }
    lines.extend(notice.deeds());
    wrapped(&notice.first_line(), &[section(&lines.join("\n"))])
}

fn wrapped(line: &str, blocks: &[Value]) -> Value {
    json!({
        "text": spelled(line, NOTIFICATION, literal),
        "mrkdwn": false,
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": plain(text, SECTION)})
}

fn plain(text: &str, limit: usize) -> Value {
    json!({"type": "plain_text", "text": spelled(text, limit, literal), "emoji": false})
}

/// A command that is cut is another command: what does not fit is left out.
fn code(code: &Code) -> Value {
    let escaped = spelled(&code.text, usize::MAX, in_code);
    let text = format!("*{}*\n```{escaped}```", code.title);
    if units(&text) > SECTION {
        return section(&format!(
            "{}: too long for Slack; it is in the alert's e-mail and JSON",
            code.title
        ));
    }
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

fn literal(character: char) -> Option<&'static str> {
    match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        _ => None,
    }
}

fn in_code(character: char) -> Option<&'static str> {
    match character {
        '`' => Some("'"),
        _ => literal(character),
    }
}
