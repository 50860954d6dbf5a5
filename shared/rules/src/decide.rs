//! Facts and policy in, decision out.

use std::borrow::Cow;

use serde::Serialize;

use crate::{
    catalogue::{Answer, Context, RULES, Rule},
    edit::Edit,
    facts::Facts,
    policy::{InUse, Level, Levels, Method, Policy, Running},
    remedy::Remedy,
    severity::Severity,
    suppress::{self, Suppressed},
};

/// What the policy makes of a subject, with every reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The outcome in one word.
    pub verdict: Verdict,
    /// What was found, gravest first.
    pub findings: Vec<Finding>,
    /// What was found and is waived.
    pub waived: Vec<Waived>,
    /// Findings of a scanner that do not count, each with its reason.
    pub suppressed: Vec<Suppressed>,
    /// What the policy has done about an image that runs.
    pub in_use: InUse,
    /// What the policy has done about what runs, or is being deployed.
    pub running: Running,
    /// How the policy has images put into quarantine.
    pub method: Method,
}

/// The outcome of a decision; the greater, the graver. Serialised in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to say.
    Allow,
    /// Someone should hear of it.
    Warn,
    /// It should not be there.
    Deny,
}

impl Verdict {
    /// The name as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

/// One rule's answer about one place, at the level that the policy gives it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// Whether it is so, or cannot be known.
    pub outcome: Outcome,
    /// What the policy wants done.
    pub level: Level,
    /// How bad it is.
    pub severity: Severity,
    /// A JSON pointer into the subject in AWS's own spelling: to the wrong value, or to where the
    /// missing one would stand.
    pub pointer: String,
    /// The container's name, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What was found, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Cow<'static, str>,
    /// What a rebuild would mend, where it is about vulnerabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Box<Remedy>>,
    /// The smallest change of the subject that mends it, where there is one.
    #[serde(skip)]
    pub fix: Option<Edit>,
}

/// Whether a finding is so, or cannot be known. That all is well is no finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It cannot be known from these facts.
    Unknown,
    /// It is so.
    Fail,
}

impl Outcome {
    /// The name as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

/// A finding that a waiver covers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waived {
    /// The rule's id.
    pub rule: &'static str,
    /// The waiver's id in the policy, or `preset:` and the name of the preset.
    pub waiver: String,
    /// The last day on which the waiver holds, `YYYY-MM-DD`; a preset has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// Judges the facts by every rule that applies.
pub fn decide(facts: &Facts, policy: &Policy) -> Decision {
    let parameters = policy.parameters_for(facts);
    let context = Context {
        place: facts.place.as_ref(),
        parameters: &parameters,
        observed_at: facts.observed_at,
    };
    let split = suppress::split(&facts.subject, &parameters.image, facts.observed_at);
    let levels = policy.levels(facts);
    let mut findings = Vec::new();
    for rule in RULES {
        let answers = rule.answers(split.subject(rule.id), &context);
        // As nearly always.
        if answers.is_empty() {
            continue;
        }
        let found = answers.into_iter();
        findings.extend(found.filter_map(|answer| finding(rule, answer, &levels)));
    }
    findings.sort_by(|a, b| {
        (b.level, b.outcome, b.severity)
            .cmp(&(a.level, a.outcome, a.severity))
            .then_with(|| (a.rule, &a.pointer).cmp(&(b.rule, &b.pointer)))
    });
    let waived = waive(&mut findings, facts, policy);
    let verdict = findings.iter().map(|finding| cost(finding, policy)).max();
    Decision {
        verdict: verdict.unwrap_or(Verdict::Allow),
        findings,
        waived,
        suppressed: split.suppressed,
        in_use: policy.in_use(),
        running: policy.running(),
        method: policy.method(),
    }
}

/// Takes out what a waiver covers that has not expired, or a preset. Of several waivers, the one that
/// holds longest is named, so that their order in the policy means nothing.
fn waive(findings: &mut Vec<Finding>, facts: &Facts, policy: &Policy) -> Vec<Waived> {
    let mut taken_out = Vec::new();
    findings.retain(|finding| {
        let waivers = policy.waivers().iter();
        let covering = waivers
            .filter(|waiver| {
                waiver.covers(finding, facts) && !waiver.has_expired(facts.observed_at)
            })
            .max_by(|a, b| (a.expires, &a.id).cmp(&(b.expires, &b.id)))
            .map(|waiver| (waiver.id.clone(), Some(waiver.expires.to_string())));
        let covering = covering.or_else(|| {
            let mut presets = policy.presets().iter();
            let preset = presets.find(|preset| preset.covers(finding, facts));
            preset.map(|preset| (preset.id(), None))
        });
        let Some((waiver, expires)) = covering else {
            return true;
        };
        taken_out.push(Waived {
            rule: finding.rule,
            waiver,
            expires,
        });
        false
    });
    taken_out
}

fn finding(rule: &Rule, answer: Answer, levels: &Levels<'_>) -> Option<Finding> {
    let severity = answer.severity.unwrap_or(rule.severity);
    let level = levels.of(rule, severity);
    (level != Level::Off).then(|| Finding {
        rule: rule.id,
        outcome: answer.outcome,
        level,
        severity,
        pointer: answer.pointer,
        container: answer.container,
        message: answer.message,
        help: answer.help.unwrap_or(Cow::Borrowed(rule.help)),
        remedy: answer.remedy,
        fix: answer.fix,
    })
}

fn cost(finding: &Finding, policy: &Policy) -> Verdict {
    let verdict = match finding.level {
        Level::Off => Verdict::Allow,
        Level::Warn => Verdict::Warn,
        Level::Deny => Verdict::Deny,
    };
    match finding.outcome {
        Outcome::Fail => verdict,
        Outcome::Unknown => verdict.min(policy.unknown_costs()),
    }
}
