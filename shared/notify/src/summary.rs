//! Several alerts in one message: a title and a line each.

use serde_json::{Value, json};
use tidewaiter_report::{
    channel::{amazon_q, slack, teams},
    clean,
};
use tidewaiter_rules::Severity;

use crate::{Incoming, incoming::severity};

/// How many alerts have a line; the others are counted. A phone shows fewer.
const LINES: usize = 20;

/// Several alerts, gravest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// What they are, in one line.
    pub title: String,
    /// The worst of them.
    pub severity: Severity,
    /// At most 20.
    pub lines: Vec<Line>,
    /// How many more there are.
    pub more: usize,
    /// The key of the first: what a thread or a notification is known by.
    pub key: String,
}

/// One alert of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How bad it is.
    pub severity: Severity,
    /// `opened`, `changed`, `resolved` or `reminder`.
    pub change: String,
    /// What it says.
    pub headline: String,
    /// Account and region.
    pub place: String,
    /// Where to look, in the console.
    pub link: Option<String>,
    key: String,
}

impl Line {
    fn of(alert: &Value) -> Self {
        let text = |name: &str, limit| {
            clean(
                alert.get(name).and_then(Value::as_str).unwrap_or_default(),
                limit,
            )
        };
        Self {
            severity: severity(&text("severity", 20)),
            change: text("change", 20),
            headline: text("headline", 200),
            place: format!("{} {}", text("account", 12), text("region", 30)),
            link: Some(text("link", 1000)).filter(|link| link.starts_with("https://")),
            key: text("key", 500),
        }
    }
}

impl Summary {
    /// Alerts of one batch that are one story.
    pub fn of_group(alerts: &[&Incoming]) -> Self {
        let lines = alerts.iter().map(|alert| alert.brief());
        let mut summary = Self::of(lines, String::new());
        let count = alerts.len();
        let first = summary.lines.first().map(|line| line.headline.clone());
        let what = match alerts.first().map(|alert| alert.subject_kind.as_str()) {
            Some("image") => "images",
            Some("task-definition") => "task definitions",
            _ => "alerts",
        };
        summary.title = format!(
            "{count} {what} alike. The first: {}",
            first.unwrap_or_default()
        );
        summary
    }

    /// Alerts that waited for a time, as they were kept.
    pub fn of_kept(kept: impl IntoIterator<Item = String>) -> Self {
        let mut summary = Self::of(kept.into_iter(), String::new());
        let count = summary.lines.len() + summary.more;
        let noun = if count == 1 { "alert" } else { "alerts" };
        summary.title = format!("{count} {noun} that waited, the worst {}", summary.severity);
        summary
    }

    fn of(alerts: impl Iterator<Item = String>, title: String) -> Self {
        let values = alerts.map(|text| serde_json::from_str(&text).unwrap_or_default());
        let mut lines: Vec<Line> = values.map(|value: Value| Line::of(&value)).collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.severity));
        let more = lines.len().saturating_sub(LINES);
        lines.truncate(LINES);
        let worst = lines.first();
        Self {
            title,
            severity: worst.map_or(Severity::Info, |line| line.severity),
            key: worst.map(|line| line.key.clone()).unwrap_or_default(),
            more,
            lines,
        }
    }
}

/// Blocks and cards.
impl Summary {
    /// The severity, what changed, what it says and where, on one line.
    fn texts(&self) -> Vec<String> {
        let lines = self.lines.iter().map(|line| {
            let change = match line.change.as_str() {
                "opened" | "" => String::new(),
                change => format!("{change}: "),
            };
            format!(
                "[{}] {change}{} ({})",
                line.severity, line.headline, line.place
            )
        });
        let more = (self.more > 0).then(|| {
            format!(
                "and {} more; the topic's e-mail and JSON have them all",
                self.more
            )
        });
        lines.chain(more).collect()
    }

    /// A message of Slack. Its texts are plain, so that nothing in them is markup or a mention.
    pub(crate) fn for_slack(&self) -> Value {
        let plain = |text: &str, limit| json!({ "type": "plain_text", "text": clean(text, limit), "emoji": false });
        let mut blocks =
            vec![json!({ "type": "header", "text": plain(&self.title, slack::HEADER) })];
        let texts = self.texts();
        let sections = texts
            .iter()
            .map(|text| json!({ "type": "section", "text": plain(text, slack::SECTION) }));
        blocks.extend(sections);
        // The text of notifications knows three escapes, and is markup without them.
        let text = clean(&self.title, 300)
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        json!({ "text": text, "mrkdwn": false, "blocks": blocks, "unfurl_links": false, "unfurl_media": false })
    }

    /// A message of Teams. Its texts are runs, in which Teams knows no Markdown.
    pub(crate) fn for_teams(&self) -> Value {
        let run = |text: &str, is_title: bool| {
            json!({
                "type": "RichTextBlock",
                "inlines": [{ "type": "TextRun", "text": clean(text, 500), "weight": if is_title { "bolder" } else { "default" } }],
            })
        };
        let mut body = vec![run(&self.title, true)];
        body.extend(self.texts().iter().map(|text| run(text, false)));
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": teams::VERSION,
                    "body": body,
                },
            }],
        })
    }

    /// A notification of Amazon Q.
    pub(crate) fn for_amazon_q(&self) -> Value {
        let texts: Vec<String> = self
            .texts()
            .iter()
            .map(|text| without_markup(text))
            .collect();
        let title = clean(&without_markup(&self.title), amazon_q::TITLE);
        json!({
            "version": "1.0",
            "source": "custom",
            "content": {
                "textType": "client-markdown",
                "title": title,
                // Twenty lines of some 260 characters.
                "description": texts.join("\n"),
            },
            "metadata": { "threadId": self.key, "summary": title, "enableCustomActions": false },
        })
    }
}

/// Text without what is markup, a mention or a link in Slack or Teams: what looks like it is there.
fn without_markup(text: &str) -> String {
    let shown = text.chars().map(|character| match character {
        '<' => '‹',
        '>' => '›',
        '&' => '＆',
        '*' => '∗',
        '_' => '＿',
        '~' => '∼',
        '`' => '\'',
        '[' => '⟦',
        ']' => '⟧',
        '|' => '∣',
        '@' => '＠',
        ':' => '∶',
        '#' => '＃',
        other => other,
    });
    shown.collect()
}
