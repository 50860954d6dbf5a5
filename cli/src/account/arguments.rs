//! What the commands that work on an account take.

use clap::{Args, Subcommand, ValueEnum};
use tidewaiter_aws::Access;

use super::expiry::{Expiry, parse as expiry};
use crate::arguments::Format;

/// How to reach the account, as the AWS command line has it, and whose ledger it is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct AccountArguments {
    /// Profile of the AWS configuration; without it, `AWS_PROFILE` and the other places where the AWS
    /// command line looks for credentials
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Region; without it, `AWS_REGION` or that of the profile
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Endpoint of every service; without it, `AWS_ENDPOINT_URL` or AWS
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
    /// Stack whose ledger to use
    #[arg(
        long,
        value_name = "NAME",
        default_value = "tidewaiter",
        conflicts_with = "ledger"
    )]
    pub(crate) stack: String,
    /// Table of the ledger, in place of a stack's
    #[arg(long, value_name = "TABLE")]
    pub(crate) ledger: Option<String>,
}

impl AccountArguments {
    pub(super) fn access(&self) -> Access {
        Access {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List the images in quarantine, and those whose release still holds
    List(ListArguments),
    /// Show an image: what the ledger and ECR say of it, what was done to it and how that is undone,
    /// and what runs it
    Show(ShowArguments),
    /// Put an image into quarantine as the functions do: the indexes that lead to it first, and nothing
    /// that runs
    Add(AddArguments),
    /// Release an image from quarantine until a time, with all that its quarantine took, and restore it
    /// from the archive
    Release(ReleaseArguments),
}

#[derive(Debug, Default, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// Only repositories whose names match, such as `'team/*'`
    #[arg(long, value_name = "GLOB")]
    pub(crate) repository: Option<String>,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// `REPOSITORY@DIGEST`, `REPOSITORY:TAG`, the same with the ARN of the repository, or as in a
    /// task definition
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Whether to ask, and whether to act.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct ConsentArguments {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Change nothing, and say what would be done
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct AddArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// `REPOSITORY@DIGEST`, `REPOSITORY:TAG`, the same with the ARN of the repository, or as in a
    /// task definition
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Why; it stands in the ledger
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) reason: String,
    /// Where it was agreed on
    #[arg(long, value_name = "TICKET", value_parser = said)]
    pub(crate) ticket: Option<String>,
    /// Also where something runs the image, or may: what runs it cannot start again
    #[arg(long)]
    pub(crate) even_in_use: bool,
    #[command(flatten)]
    pub(crate) consent: ConsentArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ReleaseArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// `REPOSITORY@DIGEST`, `REPOSITORY:TAG`, the same with the ARN of the repository, or as in a
    /// task definition
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
    /// Why; it stands in the ledger
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) reason: String,
    /// Until when, at most a year: the last day, as `2027-01-31`, or how long, as `7d`, `12h` or `2w`
    #[arg(long, value_name = "WHEN", value_parser = expiry)]
    pub(crate) expires: Expiry,
    /// Where it was agreed on
    #[arg(long, value_name = "TICKET", value_parser = said)]
    pub(crate) ticket: Option<String>,
    /// Leave in the archive what is in it: the release alone is written down
    #[arg(long)]
    pub(crate) no_restore: bool,
    #[command(flatten)]
    pub(crate) consent: ConsentArguments,
}

#[derive(Debug, Args)]
pub(crate) struct UndoArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// The action, as alerts and `tidewaiter quarantine show` name it:
    /// `archive-image:REPOSITORY_ARN@DIGEST`, `deregister-task-definition:ARN`
    #[arg(value_name = "ACTION_ID")]
    pub(crate) action: String,
    /// Why; it stands in the ledger. Asked for at a terminal where it is not given
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) reason: Option<String>,
    /// How long a released image stays released, at most a year: the last day, as `2027-01-31`, or how
    /// long, as `7d`, `12h` or `2w`
    #[arg(long, value_name = "WHEN", value_parser = expiry, default_value = "7d")]
    pub(crate) expires: Expiry,
    /// Where it was agreed on
    #[arg(long, value_name = "TICKET", value_parser = said)]
    pub(crate) ticket: Option<String>,
    #[command(flatten)]
    pub(crate) consent: ConsentArguments,
}

#[derive(Debug, Default, Args)]
pub(crate) struct PauseArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// Why; it stands in the ledger and in every alert until the functions resume
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) reason: String,
    /// Change nothing, and say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ResumeArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// Why; it stands in the ledger
    #[arg(long, value_name = "TEXT", value_parser = said)]
    pub(crate) reason: Option<String>,
    /// Change nothing, and say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct RedriveArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// Queue to look into: its name in the template, its own name, its URL or its ARN; may be given again
    #[arg(long = "queue", value_name = "NAME", conflicts_with = "all")]
    pub(crate) queues: Vec<String>,
    /// Look into all of them
    #[arg(long)]
    pub(crate) all: bool,
    /// Only the message with this id, or with the event of this id
    #[arg(long, value_name = "ID")]
    pub(crate) only: Option<String>,
    /// Only events of a kind, as they are listed: `RegisterTaskDefinition`, `'Inspector2 *'`, `alert`
    #[arg(long, value_name = "GLOB")]
    pub(crate) kind: Option<String>,
    /// How many messages of a queue to look at
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) max: u32,
    /// Seconds to see whether what was sent back fails again at once
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(..=600))]
    pub(crate) wait: u64,
    /// Send back what is shown. Without it, messages are looked at and left
    #[arg(long)]
    pub(crate) yes: bool,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Default, Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    pub(crate) account: AccountArguments,
    /// Only this check; may be given again
    #[arg(long = "check", value_name = "NAME", value_enum)]
    pub(crate) checks: Vec<Examination>,
    /// Also register a task definition that is denied, follow what becomes of it, and take it away again.
    /// Nothing runs it. On-call gets its alert: the family begins with `tidewaiter-probe-`
    #[arg(long)]
    pub(crate) probe: bool,
    /// Seconds to follow it for
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "probe", value_parser = clap::value_parser!(u64).range(10..=3600))]
    pub(crate) timeout: u64,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// What the doctor looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Examination {
    /// The deployment of the stack
    Stack,
    /// The trail that logs calls to ECS
    Trail,
    /// Rules of EventBridge and their targets
    Rules,
    /// Who may invoke the functions
    Permissions,
    /// Functions: code, environment, layers, concurrency, queues they take from
    Functions,
    /// What the functions may do
    Roles,
    /// Queues, and what lies in those for dead letters
    Queues,
    /// Topics and who listens to them
    Topics,
    /// The policy in force
    Policy,
    /// The ledger, the kill switch and the budgets
    Ledger,
    /// Whether images are scanned
    Scanning,
    /// Alarms
    Alarms,
    /// When something of each kind was last seen
    LastEvent,
}

/// A text that says something.
fn said(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        Err("say something that others will understand".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
