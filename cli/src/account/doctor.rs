//! `tidewaiter doctor`: whether a stack is as it was deployed, and whether what it lives on is there.
//! It reads, and changes nothing but for the probe.
//!
//! What the stack should be is worked out from its own template and parameters, so that a resource that comes
//! into the template is looked at without a word here.

mod alarms;
mod command;
mod compare;
mod functions;
mod ledger;
mod permissions;
mod policy;
mod probe;
mod queues;
mod report;
mod roles;
mod rules;
mod scanning;
mod seen;
mod text;
mod topics;
mod trail;

use std::time::Duration;

use jiff::Timestamp;
use tidewaiter_aws::{
    Account,
    inspect::{Inspector, Stack},
};
use tidewaiter_rules::names::quoted;
use tidewaiter_templates::{Deployment, Wanted};

use super::{
    arguments::{DoctorArguments, Examination},
    console::Console,
    text as said,
};
use crate::{Status, arguments::Format};
use command::Commands;
use report::{Check, Report};

/// What is looked at: an account, and a stack in it.
pub(super) struct Patient<'a> {
    pub(super) account: &'a Account,
    pub(super) stack: &'a Stack,
    inspector: Inspector<'a>,
    /// What the template wants, every function worked out.
    wanted: Vec<Wanted>,
    commands: Commands,
    now: Timestamp,
}

impl Patient<'_> {
    /// What the template wants of a type.
    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &Wanted> {
        self.wanted.iter().filter(move |one| one.kind == kind)
    }

    /// The mode of the stack; empty where it has none.
    fn mode(&self) -> &str {
        mode(self.stack, &self.wanted).unwrap_or_default()
    }
}

/// The mode of a stack. One of the CDK has no parameter of it: the construct puts the value where it is used.
fn mode<'a>(stack: &'a Stack, wanted: &'a [Wanted]) -> Option<&'a str> {
    let said = stack.parameters.get("Mode").map(String::as_str);
    said.or_else(|| {
        let mut modes = wanted.iter().filter_map(|one| {
            let mode = one
                .properties
                .pointer("/Environment/Variables/TIDEWAITER_MODE");
            mode?.as_str()
        });
        modes.next()
    })
}

/// Looks at everything, and tells what is not as it should be.
pub(super) async fn doctor(
    account: &Account,
    arguments: &DoctorArguments,
    console: &Console,
) -> Result<Status, String> {
    if arguments.account.ledger.is_some() {
        return Err(
            "the doctor looks at a stack, not at a ledger: name it with `--stack`".to_owned(),
        );
    }
    let reading = console.progress("reading the stack");
    let stack = account.inspector().stack(&arguments.account.stack).await;
    let stack = stack.map_err(said)?;
    let patient = patient(account, &stack, arguments)?;
    drop(reading);
    let looking = console.progress("looking at everything");
    // Large, for all that it waits for.
    let mut report = Box::pin(examine(&patient, &arguments.checks)).await;
    drop(looking);
    if arguments.probe {
        let timeout = Duration::from_secs(arguments.timeout);
        let target = probe::Target {
            account,
            stack: &stack,
            commands: &patient.commands,
        };
        report.add(probe::run(&target, timeout, console).await?);
    }
    match arguments.format {
        Format::Json => console.print(&crate::json::text(&report)?)?,
        Format::Text => console.print(&report.to_string())?,
    }
    Ok(report.status())
}

fn patient<'a>(
    account: &'a Account,
    stack: &'a Stack,
    arguments: &DoctorArguments,
) -> Result<Patient<'a>, String> {
    let home = account.clients().home();
    let resources = stack.resources.iter();
    let resources = resources
        .map(|(id, one)| (id.clone(), (one.kind.clone(), one.physical.clone())))
        .collect();
    let deployment = Deployment {
        place: home,
        name: &stack.name,
        id: &stack.id,
        parameters: &stack.parameters,
        resources: &resources,
    };
    let wanted = deployment.wanted(&stack.template);
    let wanted = wanted.map_err(|error| {
        format!(
            "the template of stack {} cannot be read: {error}",
            quoted(&stack.name)
        )
    })?;
    if !wanted.iter().any(|one| one.kind == "AWS::Events::Rule") {
        return Err(format!(
            "stack {} is no stack of Tidewaiter: it has no rules. Name another with `--stack`",
            quoted(&stack.name)
        ));
    }
    let mode = mode(stack, &wanted).unwrap_or_default();
    let commands = Commands::of(&arguments.account, home.region(), mode);
    Ok(Patient {
        account,
        stack,
        inspector: account.inspector(),
        wanted,
        commands,
        now: Timestamp::now(),
    })
}

/// Looks at what is asked for, or at everything.
async fn examine(patient: &Patient<'_>, only: &[Examination]) -> Report {
    let home = patient.account.clients().home();
    let mode = mode(patient.stack, &patient.wanted);
    let mut report = Report::of(&patient.stack.name, home, mode);
    let look = |what| async move {
        if !only.is_empty() && !only.contains(&what) {
            return Vec::new();
        }
        match what {
            Examination::Stack => deployed(patient),
            Examination::Trail => trail::look(patient).await,
            Examination::Rules => rules::look(patient).await,
            Examination::Permissions => permissions::look(patient).await,
            Examination::Functions => functions::look(patient).await,
            Examination::Roles => roles::look(patient).await,
            Examination::Queues => queues::look(patient).await,
            Examination::Topics => topics::look(patient).await,
            Examination::Policy => policy::look(patient).await,
            Examination::Ledger => ledger::look(patient).await,
            Examination::Scanning => scanning::look(patient).await,
            Examination::Alarms => alarms::look(patient).await,
            Examination::LastEvent => seen::look(patient).await,
        }
    };
    // The long ones beside each other: one after the other they are some hundred calls.
    let (functions, permissions, rules, grants, queues) = tokio::join!(
        look(Examination::Functions),
        look(Examination::Permissions),
        look(Examination::Rules),
        look(Examination::Roles),
        look(Examination::Queues),
    );
    let (trail, topics, policy, ledger, scanning, alarms, seen) = tokio::join!(
        look(Examination::Trail),
        look(Examination::Topics),
        look(Examination::Policy),
        look(Examination::Ledger),
        look(Examination::Scanning),
        look(Examination::Alarms),
        look(Examination::LastEvent),
    );
    report.add(look(Examination::Stack).await);
    for checks in [
        trail,
        rules,
        permissions,
        functions,
        grants,
        queues,
        topics,
        policy,
        ledger,
        scanning,
        alarms,
        seen,
    ] {
        report.add(checks);
    }
    report
}

/// Whether CloudFormation has done what it was told, and made all that the template wants.
fn deployed(patient: &Patient<'_>) -> Vec<Check> {
    const CHECK: &str = "stack";
    let stack = patient.stack;
    let mut checks = Vec::new();
    let found = format!(
        "{}, {} resources",
        quoted(&stack.status),
        stack.resources.len()
    );
    checks.push(match stack.status.as_str() {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => {
            Check::ok(CHECK, "deployment", found)
        }
        "UPDATE_ROLLBACK_COMPLETE" | "IMPORT_ROLLBACK_COMPLETE" => Check::warning(
            CHECK,
            "deployment",
            found,
        )
        .why("the last deployment failed and was taken back: its events in CloudFormation say why"),
        status if status.ends_with("_IN_PROGRESS") => Check::warning(CHECK, "deployment", found)
            .why("what is looked at is being changed this moment: look again when it is done"),
        _ => Check::problem(CHECK, "deployment", found)
            .why("what the stack should be and what it is may be two things")
            .fix([patient.commands.deploy()]),
    });
    for one in patient.wanted.iter().filter(|one| one.physical.is_empty()) {
        let check = Check::problem(CHECK, &one.id, "the stack does not have it");
        checks.push(
            check
                .why("CloudFormation never made it, or gave it up")
                .fix([patient.commands.deploy()]),
        );
    }
    checks
}

#[cfg(test)]
mod tests;
