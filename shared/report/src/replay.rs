//! What `tidewaiter replay` prints (JSON, version 1).

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use tidewaiter_events::{Event, Ignored, Principal};
use tidewaiter_rules::{Decision, Facts, Finding, Plan, Verdict, Waived, Withheld};

use crate::{
    check::{Named, Unreadable, write_findings},
    clean,
};

/// Every event's answer, and every file that had none.
#[derive(Debug, Serialize)]
pub struct Report {
    version: u8,
    /// In the order of the files.
    pub results: Vec<Replayed>,
    /// What could not be replayed.
    pub errors: Vec<Unreadable>,
}

/// What would come of one event.
#[derive(Debug, Serialize)]
pub struct Replayed {
    file: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    Ignored { ignored: String },
    Judged(Box<Judged>),
}

#[derive(Debug, Serialize)]
struct Judged {
    subject: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<Principal>,
    decision: Verdict,
    findings: Vec<Finding>,
    waived: Vec<Waived>,
    mode: &'static str,
    actions: Vec<Planned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<Withheld>,
}

#[derive(Debug, Serialize)]
struct Planned {
    action: &'static str,
    target: String,
    command: String,
    undo: tidewaiter_rules::Undo,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            version: 1,
            results: Vec::new(),
            errors: Vec::new(),
        }
    }
}

impl Report {
    /// The gravest decision.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self
            .results
            .iter()
            .filter_map(|replayed| match &replayed.outcome {
                Outcome::Judged(judged) => Some(judged.decision),
                Outcome::Ignored { .. } => None,
            });
        verdicts.max().unwrap_or(Verdict::Allow)
    }
}

impl Replayed {
    /// An event that nothing comes of.
    pub fn ignored(file: String, reason: &Ignored) -> Self {
        Self {
            file,
            outcome: Outcome::Ignored {
                ignored: reason.to_string(),
            },
        }
    }

    /// An event that was judged.
    pub fn judged(
        file: String,
        event: &Event,
        facts: &Facts,
        decision: Decision,
        plan: &Plan,
    ) -> Self {
        let actions = plan.steps.iter().map(|step| Planned {
            action: step.action.name(),
            target: step.action.target(),
            command: step.action.command(),
            undo: step.undo.clone(),
        });
        let judged = Judged {
            subject: Named::of(&facts.subject),
            who: event.principal().cloned(),
            decision: decision.verdict,
            findings: decision.findings,
            waived: decision.waived,
            mode: plan.mode.name(),
            actions: actions.collect(),
            withheld: plan.withheld,
        };
        Self {
            file,
            outcome: Outcome::Judged(Box::new(judged)),
        }
    }
}

impl Display for Replayed {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let file = clean(&self.file, 400);
        match &self.outcome {
            Outcome::Ignored { ignored } => writeln!(out, "{file}: ignored: {ignored}"),
            Outcome::Judged(judged) => {
                writeln!(
                    out,
                    "{file}: {} {}: {}",
                    judged.subject.kind,
                    clean(&judged.subject.id, 400),
                    judged.decision.name()
                )?;
                write_findings(out, &judged.findings)?;
                let would = match judged.mode {
                    "enforce" => "would do",
                    _ => "would do, were it not audit mode",
                };
                for planned in &judged.actions {
                    writeln!(out, "  {would}: {} {}", planned.action, planned.target)?;
                    writeln!(out, "       {}", planned.command)?;
                }
                match judged.withheld {
                    Some(withheld) => writeln!(out, "  nothing to do: {}", withheld.reason()),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for replayed in &self.results {
            write!(out, "{replayed}")?;
        }
        Ok(())
    }
}
