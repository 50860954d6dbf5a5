//! What there is to say of an alert, in the order in which it matters, for every channel that is read
//! by people.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Setting, cut::cut};
use crate::{
    Change, Notice,
    change::diff,
    clean,
    notice::{NoticeAction, NoticeFinding, NoticeResolution, Run, Text},
};

/// How many findings a message for people names; the others are counted.
const FINDINGS: usize = 5;

/// How many groups of tasks it names.
const RUNS: usize = 10;

/// A name and what it says.
pub(super) type Fact = (&'static str, String);

/// Something to copy: a title, and lines.
pub(super) struct Code {
    pub(super) title: &'static str,
    pub(super) text: String,
}

/// A finding as a message for people says it.
pub(super) struct Shown<'a> {
    pub(super) finding: &'a NoticeFinding,
    pub(super) page: Option<String>,
    /// What is denied is what the alert is about; what is warned of beside it is told in short.
    is_beside: bool,
}

impl Shown<'_> {
    /// How bad, which rule, and where.
    pub(super) fn title(&self) -> String {
        let finding = self.finding;
        let unknown = match finding.outcome.0.as_str() {
            "unknown" => ", unknown",
            _ => "",
        };
        format!(
            "[{}, {}{unknown}] {} at {}",
            finding.severity,
            cut(&finding.level.0, 20),
            cut(&finding.rule.0, 64),
            cut(&finding.pointer.0, 300)
        )
    }

    /// What is wrong, and what to do.
    pub(super) fn body(&self) -> String {
        let message = cut(&self.finding.message.0, 700);
        if self.is_beside {
            return message;
        }
        format!("{message}\nFix: {}", cut(&self.finding.help.0, 700))
    }
}

impl Notice {
    /// The line that stands in a phone's notification.
    pub(super) fn first_line(&self) -> String {
        format!(
            "{}{}",
            self.change.prefix(self.what_changed),
            self.headline.0
        )
    }

    /// The same with the severity before it, where nothing else shows that.
    pub(super) fn graded_line(&self) -> String {
        match self.change {
            Change::Resolved => self.first_line(),
            _ => format!("[{}] {}", self.severity, self.first_line()),
        }
    }

    /// A line with its place, for where nothing else shows that: somebody is awakened by it.
    pub(super) fn placed(&self, line: &str, setting: &Setting<'_>) -> String {
        let account = match setting.account_name {
            Some(name) => clean(name, 100),
            None => self.account.0.clone(),
        };
        format!("{line} ({account}, {})", self.region.0)
    }

    /// What, where, when and who.
    pub(super) fn facts(&self, setting: &Setting<'_>) -> Vec<Fact> {
        let mut facts = Vec::new();
        if let Some(subject) = &self.subject {
            facts.push(("What", format!("{} {}", subject.kind.0, subject.id.0)));
            if !subject.tags.0.is_empty() {
                facts.push(("Tags", listed(&subject.tags.0)));
            }
        }
        let decision = self.decision.as_ref().map(|word| format!(", {}", word.0));
        facts.push((
            "Severity",
            format!("{}{}", self.severity, decision.unwrap_or_default()),
        ));
        facts.push(("Where", self.place(setting)));
        if let Some(time) = self.time {
            facts.push(("When", moment(time, setting.now)));
        }
        if let Some(since) = self.since.filter(|_| self.change != Change::Opened) {
            let mut text = moment(since, setting.now);
            match self.repeats {
                0 => {}
                1 => text.push_str(", and met once more"),
                count => {
                    let _ = write!(text, ", and met {count} times more");
                }
            }
            facts.push(("Open since", text));
        }
        match self.who_sentence() {
            Some(who) => facts.push(("Who", who)),
            None if self.subject.is_some() => {
                facts.push(("Who", "AWS does not say in this event".to_owned()));
            }
            None => {}
        }
        facts.push(("Mode", self.mode.0.clone()));
        facts
    }

    fn place(&self, setting: &Setting<'_>) -> String {
        let (account, region) = (&self.account.0, &self.region.0);
        match setting.account_name {
            Some(name) => format!("{} ({account}), {region}", clean(name, 100)),
            None => format!("account {account}, {region}"),
        }
    }

    fn who_sentence(&self) -> Option<String> {
        let who = self.who.as_ref()?;
        let mut text = who.name.0.clone();
        for (word, value) in [
            (" with ", &who.tool),
            (" via ", &who.via),
            (" from ", &who.source_ip),
        ] {
            // A service that calls for somebody is also the tool and the address.
            let is_said = word != " via " && *value == who.via;
            if let Some(Text(value)) = value.as_ref().filter(|_| !is_said) {
                text.push_str(word);
                text.push_str(value);
            }
        }
        Some(text)
    }

    /// What was done, would have been or was not, in a line each.
    pub(super) fn deeds(&self) -> Vec<String> {
        if let Some(resolution) = &self.resolution {
            return vec![ending(resolution)];
        }
        let mut lines: Vec<String> = self.actions.0.iter().map(deed).collect();
        if let Some(Text(reason)) = &self.withheld {
            lines.push(format!("Nothing was done: {reason}"));
        }
        if let Some(Text(reason)) = &self.held_back {
            lines.push(format!("Held back: {reason}"));
        }
        if let Some(failure) = &self.failure {
            lines.push(failure.error.0.clone());
            lines.push(failure.fate.0.clone());
        }
        for waiver in &self.waivers.0 {
            let ends = match waiver.state.0.as_str() {
                "ended" => "ended on",
                _ => "ends on",
            };
            lines.push(format!(
                "Waiver {} of {} {ends} {}: {}",
                waiver.id.0, waiver.owner.0, waiver.expires.0, waiver.reason.0
            ));
        }
        lines
    }

    /// The first findings, and how many there are beside them.
    pub(super) fn shown_findings(&self, setting: &Setting<'_>) -> (Vec<Shown<'_>>, u64) {
        let all = &self.findings.0;
        let is_denied = |finding: &NoticeFinding| finding.level.0 == "deny";
        let has_denied = all.iter().any(is_denied);
        let shown = all.iter().take(FINDINGS).map(|finding| Shown {
            finding,
            is_beside: has_denied && !is_denied(finding),
            page: setting
                .rule_pages
                .and_then(|pages| pages.page(&finding.rule.0)),
        });
        let left = u64::try_from(all.len().saturating_sub(FINDINGS)).unwrap_or(u64::MAX);
        (shown.collect(), left.saturating_add(self.more_findings))
    }

    /// What runs it, in a line each.
    pub(super) fn services(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.in_use.0.iter().take(RUNS).map(runs).collect();
        let left = self.in_use.0.len().saturating_sub(RUNS);
        let more = u64::try_from(left).unwrap_or(u64::MAX);
        let more = more.saturating_add(self.more_in_use);
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        if let Some(Text(tag)) = &self.replace_by {
            lines.push(format!(
                "Replace it by tag {tag}, the newest whose scan is clean"
            ));
        }
        if let Some(Text(reason)) = &self.in_use_unknown {
            lines.push(format!("What runs it is not fully known: {reason}"));
        }
        lines
    }

    /// What to copy: the fix as a diff, the way back or forward as commands, the exception.
    pub(super) fn codes(&self) -> Vec<Code> {
        let mut codes = Vec::new();
        let mut code = |title, lines: Vec<String>| {
            if !lines.is_empty() {
                let text = lines.join("\n");
                codes.push(Code { title, text });
            }
        };
        if self.change == Change::Resolved {
            return codes;
        }
        code("Fix", self.fix_lines());
        let of = |wanted: fn(&NoticeAction) -> bool, command: fn(&NoticeAction) -> &Text| {
            let actions = self.actions.0.iter().filter(|action| wanted(action));
            actions.map(|action| command(action).0.clone()).collect()
        };
        code(
            "Undo",
            of(|action| action.effect.0 == "done", |a| &a.undo.command),
        );
        code(
            "Do it by hand",
            of(
                |action| matches!(action.effect.0.as_str(), "not-applied" | "failed"),
                |a| &a.command,
            ),
        );
        let recipe = self.waive.as_ref().map(|lines| lines.0.clone());
        code("Waiver for the policy", recipe.unwrap_or_default());
        codes
    }

    fn fix_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut hunk = String::new();
        for finding in &self.findings.0 {
            let Some(fix) = &finding.fix else { continue };
            let change = diff(&finding.pointer.0, fix.was.as_ref(), fix.now.as_ref());
            for (index, line) in change.iter().enumerate() {
                let line = clean(line, 500);
                // Changes of the same object stand under one line that says which.
                if index > 0 {
                    lines.push(line);
                } else if line != hunk {
                    lines.push(line.clone());
                    hunk = line;
                }
            }
        }
        lines
    }
}

fn ending(resolution: &NoticeResolution) -> String {
    let mut text = format!("It is over: {}", resolution.explanation.0);
    if let Some(Text(detail)) = &resolution.detail {
        let _ = write!(text, " ({detail})");
    }
    text
}

fn deed(action: &NoticeAction) -> String {
    let (action_name, target) = (&action.action.0, short(&action.target.0));
    let what = match (action.effect.0.as_str(), action.will_retry) {
        ("done", _) => "Done",
        ("gone", _) => "Nothing to do, it is gone already",
        ("failed", Some(true)) => "FAILED, and will be tried again",
        ("failed", _) => "FAILED, and will not be tried again",
        _ => "Would have been done; in audit mode nothing is changed",
    };
    let mut text = format!("{what}: {action_name} {target}");
    if let Some(Text(error)) = &action.error {
        let _ = write!(text, ": {error}");
    } else if matches!(action.effect.0.as_str(), "done" | "not-applied") {
        let _ = write!(text, ": {}", action.consequence.0);
    }
    text
}

/// What an ARN is about, with the beginning of a digest: the rest stands beside it, or in a command.
fn short(target: &str) -> String {
    let target = match target.split(':').nth(5) {
        Some(_) if target.starts_with("arn:") => target.splitn(6, ':').last().unwrap_or(target),
        _ => target,
    };
    let target = ["task-definition/", "repository/"]
        .iter()
        .find_map(|kind| target.strip_prefix(kind))
        .unwrap_or(target);
    match target.split_once("@sha256:") {
        Some((name, digest)) => format!("{name}@sha256:{}", digest.get(..12).unwrap_or(digest)),
        None => target.to_owned(),
    }
}

fn runs(run: &Run) -> String {
    let of = match &run.service {
        Some(Text(service)) => format!("service {service}"),
        None => "started by itself".to_owned(),
    };
    let (cluster, definition) = (&run.cluster.0, &run.task_definition.0);
    let mut text = match run.tasks {
        0 => format!(
            "cluster {cluster}, {of}, {definition}: no task runs now, but it would start from it"
        ),
        1 => format!("1 task in cluster {cluster}, {of}, {definition}"),
        tasks => format!("{tasks} tasks in cluster {cluster}, {of}, {definition}"),
    };
    if !run.owners.0.is_empty() {
        let _ = write!(text, " ({})", listed(&run.owners.0));
    }
    text
}

fn listed(texts: &[Text]) -> String {
    let texts: Vec<&str> = texts.iter().map(|text| text.0.as_str()).collect();
    texts.join(", ")
}

/// A time in UTC, and how long ago that is.
pub(super) fn moment(time: Timestamp, now: Timestamp) -> String {
    let shown = TimeZone::UTC
        .to_datetime(time)
        .strftime("%Y-%m-%d %H:%M:%S");
    format!("{shown} UTC ({})", ago(now.duration_since(time)))
}

fn ago(age: SignedDuration) -> String {
    let seconds = age.as_secs();
    let (number, unit) = match seconds {
        ..-59 => return "ahead of this clock".to_owned(),
        -59..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "min"),
        3_600..172_800 => (seconds / 3_600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{number} {unit} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_short() {
        let digest = "c3".repeat(32);
        for (target, expected) in [
            (
                "arn:aws:ecs:eu-central-1:444455556666:task-definition/web:7",
                "web:7",
            ),
            (
                "arn:aws:ecs:eu-central-1:444455556666:service/prod/web",
                "service/prod/web",
            ),
            (
                &*format!(
                    "arn:aws:ecr:eu-central-1:444455556666:repository/team/shop@sha256:{digest}"
                ),
                "team/shop@sha256:c3c3c3c3c3c3",
            ),
            (
                "arn:aws:ecr:eu-central-1:444455556666:repository/team/shop@sha256:short",
                "team/shop@sha256:short",
            ),
            ("team/shop:1.4.2", "team/shop:1.4.2"),
            ("arn:a:b", "arn:a:b"),
            ("", ""),
        ] {
            assert_eq!(short(target), expected);
        }
    }

    #[test]
    fn a_time_says_how_long_ago_it_is() {
        let time: Timestamp = "2026-11-25T09:00:00Z".parse().unwrap();
        for (later, expected) in [
            (-3600, "ahead of this clock"),
            (-30, "just now"),
            (0, "just now"),
            (59, "just now"),
            (60, "1 min ago"),
            (3_599, "59 min ago"),
            (3_600, "1 h ago"),
            (172_799, "47 h ago"),
            (172_800, "2 days ago"),
        ] {
            let now = time + SignedDuration::from_secs(later);
            assert_eq!(
                moment(time, now),
                format!("2026-11-25 09:00:00 UTC ({expected})")
            );
        }
    }
}
