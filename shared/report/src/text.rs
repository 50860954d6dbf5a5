//! An alert as a plain text for e-mail.

use std::fmt::{self, Display, Formatter, Write as _};

use tidewaiter_events::Principal;
use tidewaiter_rules::Outcome;

use crate::{
    alert::{Alert, AlertAction, AlertFinding},
    remedy,
};

impl Display for Alert {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}{}\n", self.state.prefix(), self.headline)?;
        if let Some(subject) = &self.subject {
            writeln!(out, "What     {} {}", subject.kind, subject.id)?;
            if !subject.tags.is_empty() {
                writeln!(out, "Tags     {}", subject.tags.join(", "))?;
            }
        }
        writeln!(out, "Where    account {}, {}", self.account, self.region)?;
        if let Some(time) = &self.time {
            writeln!(out, "When     {time}")?;
        }
        match &self.who {
            Some(who) => writeln!(out, "Who      {}", sentence(who))?,
            None if self.subject.is_some() => {
                writeln!(out, "Who      AWS does not say in this event")?;
            }
            None => {}
        }
        if let Some(link) = self.subject.as_ref().and_then(|s| s.link.as_ref()) {
            writeln!(out, "Console  {link}")?;
        }
        writeln!(out, "Mode     {}", self.mode.name())?;
        self.state.write(out)?;
        self.findings(out)?;
        self.actions(out)?;
        self.suppressed.write(out)?;
        if let Some(recipe) = &self.waive {
            writeln!(out, "\nWaiver for the policy")?;
            for line in recipe.lines() {
                writeln!(out, "  {line}")?;
            }
        }
        self.waivers(out)?;
        if let Some(failure) = &self.failure {
            writeln!(out, "\nError\n  {}\n  {}", failure.error, failure.fate)?;
        }
        if let Some(event) = &self.event {
            writeln!(out, "\nEvent {event}")?;
        }
        Ok(())
    }
}

impl Alert {
    fn findings(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nWhy")?;
        for AlertFinding { finding, fix } in &self.findings {
            let outcome = match finding.outcome {
                Outcome::Fail => "",
                Outcome::Unknown => " (unknown)",
            };
            writeln!(
                out,
                "  [{}, {}] {}{outcome} at {}",
                finding.severity,
                finding.level.name(),
                finding.rule,
                finding.pointer
            )?;
            writeln!(out, "    {}", finding.message)?;
            writeln!(out, "    fix: {}", finding.help)?;
            if let Some(remedy) = &finding.remedy {
                remedy::write(out, remedy)?;
            }
            for line in fix.iter().flat_map(|fix| fix.lines(&finding.pointer)) {
                writeln!(out, "      {line}")?;
            }
        }
        if self.more_findings > 0 {
            writeln!(out, "  and {} more", self.more_findings)?;
        }
        Ok(())
    }

    fn actions(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for action in &self.actions {
            writeln!(out, "\n{}", told(action))?;
            writeln!(out, "  {} {}", action.action, action.target)?;
            if let Some(error) = &action.error {
                writeln!(out, "  {error}")?;
            }
            if matches!(action.effect, "done" | "not-applied") {
                writeln!(out, "  {}", action.consequence)?;
            }
            if action.effect == "done" {
                writeln!(out, "\nUndo\n  {}", action.undo.command)?;
                writeln!(out, "  {}", action.undo.explanation)?;
            } else {
                writeln!(out, "  by hand: {}", action.command)?;
                writeln!(out, "  and back: {}", action.undo.command)?;
            }
        }
        if let Some(more) = self.more_actions {
            writeln!(out, "\nand {more} actions more")?;
        }
        if let Some(reason) = self.withheld {
            let what = if self.actions.is_empty() {
                "Nothing was done"
            } else {
                "The image itself is left"
            };
            writeln!(out, "\n{what}: {reason}")?;
        }
        if let Some(reason) = &self.held_back {
            writeln!(out, "\nHeld back: {reason}")?;
        }
        self.surroundings.write(out)
    }
}

fn told(action: &AlertAction) -> &'static str {
    match (action.effect, action.will_retry) {
        ("done", _) => "Done",
        ("gone", _) => "Nothing to do: it is gone already",
        ("failed", Some(true)) => "FAILED, and will be tried again",
        ("failed", _) => {
            "FAILED, and will not be tried again: the event is in the dead-letter queue"
        }
        _ => "Would have been done; in audit mode nothing is changed",
    }
}

fn sentence(who: &Principal) -> String {
    let mut text = who.name.clone();
    for (word, value) in [
        (" with ", &who.tool),
        (" via ", &who.via),
        (" from ", &who.source_ip),
    ] {
        // A service that calls for somebody is also the tool and the address.
        let is_said = word != " via " && *value == who.via;
        if let Some(value) = value.as_ref().filter(|_| !is_said) {
            text.push_str(word);
            text.push_str(value);
        }
    }
    if let Some(arn) = &who.arn {
        let _ = write!(text, "\n         {arn}");
    }
    text
}
