//! What holds for the reading of Dockerfiles and indexes, and what the rules say of them.

mod corpus;
mod limits;
mod manifest;
mod pages;
mod reading;
mod rules;

use tidewaiter_rules::{
    Facts, Finding, Outcome, Policy, Subject, decide, facts::Dockerfile, policy::Profile,
};

use crate::dockerfile::read;

/// What every rule says of a Dockerfile under a policy, whatever its severity.
fn all_findings_with(dockerfile: &Dockerfile, policy: &Policy) -> Vec<Finding> {
    let facts = Facts {
        place: None,
        observed_at: None,
        subject: Subject::Dockerfile(Box::new(dockerfile.clone())),
    };
    let policy = policy.clone().with_profile(Profile::Restricted);
    decide(&facts, &policy).findings
}

/// What every rule says of a Dockerfile, whatever its severity.
fn all_findings(dockerfile: &Dockerfile) -> Vec<Finding> {
    all_findings_with(dockerfile, &Policy::default())
}

/// What a rule says of a Dockerfile under a policy, whatever its severity.
fn findings_with(rule: &str, dockerfile: &Dockerfile, policy: &Policy) -> Vec<Finding> {
    let mut findings = all_findings_with(dockerfile, policy);
    findings.retain(|finding| finding.rule == rule);
    findings
}

/// What a rule says of a Dockerfile.
fn findings(rule: &str, text: &str) -> Vec<Finding> {
    findings_with(rule, &read(text, "Dockerfile").unwrap(), &Policy::default())
}

/// What a rule says of a Dockerfile, in short.
fn outcomes(rule: &str, text: &str) -> Vec<Outcome> {
    let findings = findings(rule, text).into_iter();
    findings.map(|finding| finding.outcome).collect()
}
