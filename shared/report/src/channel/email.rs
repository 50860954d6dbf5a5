//! The text of an alert that was told before, for e-mail: that it is over, or that it is still so. The
//! text of a new one is made from the alert itself (`text.rs`), and says more.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::Setting;
use crate::{Change, Notice};

/// The text about an alert, at `now`.
pub(crate) fn text(notice: &Notice, now: Timestamp) -> String {
    let setting = Setting {
        now,
        rule_pages: None,
        account_name: None,
    };
    let mut text = format!("{}\n\n", notice.first_line());
    for (name, value) in notice.facts(&setting) {
        let _ = writeln!(text, "{name:<10}  {value}");
    }
    if let Some(link) = notice.subject.as_ref().and_then(|subject| subject.link()) {
        let _ = writeln!(text, "Console     {link}");
    }
    let mut part = |title: &str, lines: &[String]| {
        if lines.is_empty() {
            return;
        }
        text.push('\n');
        if !title.is_empty() {
            let _ = writeln!(text, "{title}");
        }
        for line in lines.iter().flat_map(|line| line.lines()) {
            let _ = writeln!(text, "{}{line}", if title.is_empty() { "" } else { "  " });
        }
    };
    part("", &notice.deeds());
    let (findings, more) = notice.shown_findings(&setting);
    let mut why: Vec<String> = findings
        .iter()
        .map(|shown| match notice.change() {
            Change::Resolved => format!("{}\n{}", shown.title(), shown.finding.message.0),
            _ => format!("{}\n{}", shown.title(), shown.body()),
        })
        .collect();
    if more > 0 {
        why.push(format!("and {more} more"));
    }
    let title = match notice.change() {
        Change::Resolved => "What it was",
        _ => "Why",
    };
    part(title, &why);
    if notice.change() != Change::Resolved {
        part("In use", &notice.services());
    }
    for code in notice.codes() {
        part(code.title, &[code.text]);
    }
    text
}
