//! `tidewaiter doctor`: whether a stack is as it was deployed, and whether what it lives on is there.
//! It reads, and changes nothing.

mod probe;
mod report;

use std::time::Duration;

use tidewaiter_aws::{Account, inspect::Stack};

use super::{arguments::DoctorArguments, console::Console, text};
use crate::{Status, arguments::Format};
use report::Report;

/// What is looked at: an account, and a stack in it.
pub(super) struct Patient<'a> {
    pub(super) account: &'a Account,
    pub(super) stack: &'a Stack,
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
    let stack = stack.map_err(text)?;
    drop(reading);
    let patient = Patient {
        account,
        stack: &stack,
    };
    let mut report = Report::of(&patient);
    if arguments.probe {
        let timeout = Duration::from_secs(arguments.timeout);
        for check in probe::run(&patient, timeout, console).await? {
            report.add(check);
        }
    }
    match arguments.format {
        Format::Json => console.print(&crate::json(&report)?)?,
        Format::Text => console.print(&report.to_string())?,
    }
    Ok(report.status())
}
