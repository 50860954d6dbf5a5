//! `tidewaiter scp`: what IAM can prevent of what the policy denies.

mod document;
mod explain;
mod statements;
mod wanted;

use clap::{Args, builder::PossibleValuesParser};
use jiff::Timestamp;
use tidewaiter_rules::{catalogue, names::quoted};

pub(crate) use self::document::Kind;
use self::{
    document::Document,
    statements::{PRIVILEGED, prevention, waivers},
};
use crate::arguments::PolicyArguments;

#[derive(Debug, Args)]
pub(crate) struct ScpArguments {
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    /// What the document is made for
    #[arg(long, value_enum, default_value_t = Kind::Scp)]
    pub(crate) kind: Kind,
    /// Print a page in place of the document: what it prevents, what it cannot, and who covers that
    #[arg(long)]
    pub(crate) explain: bool,
    /// Refuse tasks with more CPU units than this (1024 are one vCPU)
    #[arg(long, value_name = "UNITS", value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub(crate) max_task_cpu: Option<u64>,
    /// Refuse tasks with more memory than this, in MiB
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1_073_741_824))]
    pub(crate) max_task_memory: Option<u64>,
    /// Refuse task definitions that require anything else, or nothing; may be given several times
    #[arg(long, value_name = "NAME", ignore_case = true,
        value_parser = PossibleValuesParser::new(["EC2", "EXTERNAL", "FARGATE", "MANAGED_INSTANCES"]))]
    pub(crate) require_compatibility: Vec<String>,
    /// Let this role or user through; `*` and `?` are wildcards; may be given several times
    #[arg(long, value_name = "ARN", value_parser = principal)]
    pub(crate) except_principal: Vec<String>,
    /// Leave out waivers and scopes that are narrower than IAM can say, and refuse what they allow
    #[arg(long)]
    pub(crate) strict: bool,
    /// Partition of the accounts
    #[arg(long, value_name = "NAME", default_value = "aws", value_parser = partition)]
    pub(crate) partition: String,
}

/// What is to be printed: the document, or the page about it.
pub(crate) fn run(arguments: &ScpArguments) -> Result<String, String> {
    let policy = arguments.policy.read()?;
    let rule = catalogue::find(PRIVILEGED).ok_or("the catalogue has no `privileged-container`")?;
    let waivers = waivers(&policy, rule, Timestamp::now());
    let prevention = prevention(rule, &policy, &waivers, arguments);
    if !prevention.unheard.is_empty() {
        return Err(format!(
            "IAM cannot make the exceptions of {}: say with `--except-principal ARN` who registers what they allow, \
             or with `--strict` that it shall be refused",
            prevention.unheard.join(", ")
        ));
    }
    let document = if prevention.statements.is_empty() {
        None
    } else {
        Some(Document::new(prevention.statements).text(arguments.kind)?)
    };
    if arguments.explain {
        let page = explain::Page {
            kind: arguments.kind,
            document: document.as_deref(),
            effects: &prevention.effects,
            differences: &prevention.differences,
            principals: &arguments.except_principal,
            policy: &policy,
        };
        return Ok(page.to_string());
    }
    for difference in &prevention.differences {
        crate::warn(difference);
    }
    document.ok_or_else(|| {
        format!(
            "there is nothing for IAM to prevent: nowhere does the policy deny `{PRIVILEGED}` in a way that IAM can tell, \
             and no limit was asked for"
        )
    })
}

/// The ARN of a role or user, with wildcards, as `aws:PrincipalArn` has it.
fn principal(arn: &str) -> Result<String, String> {
    let example = "write `arn:aws:iam::111122223333:role/NAME`";
    let is_of_arn = |c: char| c.is_ascii_alphanumeric() || "-_+=,.@:/*?".contains(c);
    if arn.len() > 2048 || !arn.chars().all(is_of_arn) {
        return Err(format!("it has characters that no ARN has: {example}"));
    }
    let members: Vec<&str> = arn.splitn(6, ':').collect();
    let [first, partition, service, region, account, name] = members.as_slice() else {
        return Err(format!("it is no ARN: {example}"));
    };
    if *service == "sts" {
        return Err(format!(
            "a session is known by the ARN of its role: {example}"
        ));
    }
    let is_wild = |c: char| matches!(c, '*' | '?');
    let is_account =
        !account.is_empty() && account.chars().all(|c| c.is_ascii_digit() || is_wild(c));
    let is_partition = !partition.is_empty()
        && partition
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || is_wild(c));
    if *first != "arn" || *service != "iam" || !region.is_empty() || !is_account || !is_partition {
        return Err(format!("it is not the ARN of a role or user: {example}"));
    }
    let (kind, rest) = name.split_once('/').unwrap_or((*name, ""));
    match kind {
        "root" if rest.is_empty() => Ok(arn.to_owned()),
        "role" | "user" if rest.is_empty() => Err(format!("it names nobody: {example}")),
        "role" | "user" if rest.chars().all(|c| is_wild(c) || c == '/') => Err(format!(
            "it is every {kind} of the account, and nothing would be refused: name some of them"
        )),
        "role" | "user" => Ok(arn.to_owned()),
        _ => Err(format!("it is not the ARN of a role or user: {example}")),
    }
}

fn partition(name: &str) -> Result<String, String> {
    const KNOWN: &str = "`aws`, `aws-cn`, `aws-us-gov`, `aws-eusc` or `aws-iso…`";
    let is_known = matches!(name, "aws" | "aws-cn" | "aws-us-gov" | "aws-eusc")
        || name
            .strip_prefix("aws-iso")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    if is_known {
        return Ok(name.to_owned());
    }
    Err(format!(
        "there is no partition {}: it is {KNOWN}",
        quoted(name)
    ))
}
