//! What `tidewaiter replay` says of an event.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display, Formatter, Write as _},
};

use serde::Serialize;
use tidewaiter_events::{Event, Ignored, Principal};
use tidewaiter_rules::{
    Decision, Facts, Finding, Level, Plan, Subject, Verdict, Waived, Withheld, suppress::Suppressed,
};

use crate::{
    clean,
    listing::{write_findings, write_title},
    report::{Judged, Named, shown},
    style::Style,
    suppressed,
};

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
    Judged(Box<Replay>),
}

#[derive(Debug, Serialize)]
struct Replay {
    subject: Named,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<Principal>,
    decision: Verdict,
    findings: Vec<Finding>,
    waived: Vec<Waived>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressed: Vec<Suppressed>,
    mode: &'static str,
    actions: Vec<Planned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<Withheld>,
    /// Whether it is about an image of which a scanner's findings are known one by one.
    #[serde(skip)]
    has_vulnerabilities: bool,
}

#[derive(Debug, Serialize)]
struct Planned {
    action: &'static str,
    target: String,
    command: String,
    undo: tidewaiter_rules::Undo,
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
        let judged = Replay {
            subject: Named::of(&facts.subject),
            who: event.principal().cloned(),
            decision: decision.verdict,
            findings: shown(decision.findings),
            waived: decision.waived,
            suppressed: decision.suppressed,
            mode: plan.mode.name(),
            actions: actions.collect(),
            withheld: plan.withheld,
            has_vulnerabilities: match &facts.subject {
                Subject::Image(image) => !image.scan.vulnerabilities.is_empty(),
                Subject::TaskDefinition(_) | Subject::Deployment(_) | Subject::Dockerfile(_) => {
                    false
                }
            },
        };
        Self {
            file,
            outcome: Outcome::Judged(Box::new(judged)),
        }
    }
}

impl Judged for Replayed {
    fn verdict(&self) -> Option<Verdict> {
        match &self.outcome {
            Outcome::Judged(judged) => Some(judged.decision),
            Outcome::Ignored { .. } => None,
        }
    }

    fn summary(results: &[Self]) -> String {
        affected(results)
    }

    fn waived(&self) -> &[Waived] {
        match &self.outcome {
            Outcome::Judged(judged) => &judged.waived,
            Outcome::Ignored { .. } => &[],
        }
    }

    fn suppressed(&self) -> Option<&[Suppressed]> {
        match &self.outcome {
            Outcome::Judged(judged) if judged.has_vulnerabilities => Some(&judged.suppressed),
            Outcome::Judged(_) | Outcome::Ignored { .. } => None,
        }
    }
}

/// Who would have been affected by what is denied: by principal, by subject without its revision
/// or digest, and by rule, most first. Empty where nothing is denied.
fn affected(results: &[Replayed]) -> String {
    let mut counts: [(&str, BTreeMap<String, usize>); 3] = [
        ("who", BTreeMap::new()),
        ("what", BTreeMap::new()),
        ("rule", BTreeMap::new()),
    ];
    let mut denied = 0_usize;
    for replayed in results {
        let Outcome::Judged(judged) = &replayed.outcome else {
            continue;
        };
        if judged.decision != Verdict::Deny {
            continue;
        }
        denied += 1;
        let who = judged
            .who
            .as_ref()
            .map_or("AWS does not say", |who| &who.name);
        let rules: BTreeSet<&str> = judged
            .findings
            .iter()
            .filter(|finding| finding.level == Level::Deny)
            .map(|finding| finding.rule)
            .collect();
        let [by_who, by_what, by_rule] = &mut counts;
        for (counts, name) in [(by_who, clean(who, 200)), (by_what, judged.subject.stem())] {
            *counts.1.entry(name).or_default() += 1;
        }
        for rule in rules {
            *by_rule.1.entry(rule.to_owned()).or_default() += 1;
        }
    }
    if denied == 0 {
        return String::new();
    }
    let mut text = format!("\n{denied} of {} denied\n", results.len());
    for (title, counts) in counts {
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        for (name, count) in counts {
            let _ = writeln!(text, "  {title:<5} {count:>5}  {name}");
        }
    }
    text
}

impl Display for Replayed {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Ignored { ignored } => {
                writeln!(out, "{}: ignored: {ignored}", clean(&self.file, 400))
            }
            Outcome::Judged(judged) => {
                let style = Style::Plain;
                write_title(out, &self.file, &judged.subject, judged.decision, style)?;
                write_findings(out, None, &judged.findings, &[], style)?;
                suppressed::write(out, &judged.suppressed)?;
                let would = match judged.mode {
                    "enforce" => "would do",
                    _ => "would do, were it not audit mode",
                };
                for planned in &judged.actions {
                    writeln!(out, "  {would}: {} {}", planned.action, planned.target)?;
                    writeln!(out, "       {}", planned.command)?;
                }
                match judged.withheld {
                    Some(withheld) if judged.actions.is_empty() => {
                        writeln!(out, "  nothing to do: {}", withheld.reason())
                    }
                    Some(withheld) => writeln!(out, "  the image itself: {}", withheld.reason()),
                    None => Ok(()),
                }
            }
        }
    }
}
