//! What the command line takes.

use std::{num::NonZero, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tidewaiter_report::Change;
use tidewaiter_rules::{Mode, policy::Profile};

use crate::{
    account::arguments::{
        DoctorArguments, PauseArguments, QuarantineCommand, RedriveArguments, ResumeArguments,
        StatusArguments, UndoArguments,
    },
    parameters,
};

/// Judges ECS task definitions and ECR image scans by one policy.
///
/// Exit status: 0 nothing denied; 1 something denied; 2 wrong usage, or input that cannot be read
/// (all other input is still judged). Of commands that work on an account: 0 done; 1 left as it is, because
/// it is in use, not there to be undone, or you said no; 2 wrong usage, or AWS refused or failed. Of `doctor`: 0
/// all is well; 1 something has to be done; 2 wrong usage, or something could not be read.
#[derive(Debug, Parser)]
#[command(name = "tidewaiter", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge task definitions: JSON as for `aws ecs register-task-definition` or as `aws ecs
    /// describe-task-definition` answers, CloudFormation and SAM templates, `terraform show -json`;
    /// and Dockerfiles
    Check(CheckArguments),
    /// Say what the functions would make of recorded events: EventBridge events, CloudTrail records,
    /// and log files that CloudTrail wrote, compressed or not
    Replay(ReplayArguments),
    /// Look at alerts
    #[command(subcommand)]
    Alert(AlertCommand),
    /// Work on policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Work on files of channels
    #[command(subcommand)]
    Channels(ChannelsCommand),
    /// List the rules
    Rules(RulesArguments),
    /// Print the page of a rule: what it finds, why, examples, and how to fix it
    Explain(ExplainArguments),
    /// Print the IAM policy that prevents what IAM can prevent of what the policy denies
    Scp(crate::scp::ScpArguments),
    /// Work on the quarantine of an account: what is in it, why, and out of it again
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Undo an action of the functions: release and restore an image, register a copy of a task
    /// definition
    Undo(UndoArguments),
    /// Pause all functions of a stack: from their next event on they judge and tell, and change nothing
    Pause(PauseArguments),
    /// Let all functions of a stack act again
    Resume(ResumeArguments),
    /// Show whether the functions act, what they did this hour, and how much is in quarantine
    Status(StatusArguments),
    /// Show what lies in the dead-letter queues of a stack, and send it back to where it came from
    Redrive(RedriveArguments),
    /// Look at a stack and what it lives on: the trail, rules, permissions, functions, queues, subscriptions,
    /// policy, scanning; and say how to set right what is wrong. Changes nothing, unless it is asked to probe
    Doctor(DoctorArguments),
    /// Print a script that completes the command line in a shell
    Completions(crate::completions::CompletionsArguments),
    /// Print the manual page, or write one for each command into a folder
    Man(crate::completions::ManArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// List the presets: built-in exceptions for well-known agents, and what each allows for which reason
    Presets,
    /// Print the JSON Schema of policy files, for editors
    Schema,
    /// Say whether a policy file can be used, and which of its waivers have expired
    Validate {
        /// The policy
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// Print what a channel would get about a recorded event: the same as a function would have sent,
    /// as far as the event alone tells
    Preview(PreviewArguments),
    /// Print the JSON Schema of alerts
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArguments {
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    /// Where it would go
    #[arg(long, value_enum)]
    pub(crate) channel: Channel,
    /// Mode of the function; in `enforce` the alert reads as after an action that succeeded
    #[arg(long, value_enum, default_value_t = ModeName::Audit)]
    pub(crate) mode: ModeName,
    /// Which change of state it tells
    #[arg(long, value_enum, default_value_t = ChangeName::Opened)]
    pub(crate) change: ChangeName,
    /// When it is read, RFC 3339, for times such as `3 min ago`; without it, now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<jiff::Timestamp>,
    /// Where the pages of the rules are: an HTTPS address with `{rule}` in it
    #[arg(long, value_name = "URL")]
    pub(crate) rule_pages: Option<String>,
    /// What people call the account
    #[arg(long, value_name = "NAME")]
    pub(crate) account_name: Option<String>,
    /// The event; `-` is standard input
    #[arg(value_name = "EVENT")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Channel {
    /// Slack, Block Kit
    Slack,
    /// Microsoft Teams, an Adaptive Card for a workflow's webhook
    Teams,
    /// PagerDuty, Events API v2
    Pagerduty,
    /// Amazon Q Developer in chat applications, a custom notification
    AmazonQ,
    /// AWS Security Hub, for `aws securityhub batch-import-findings`
    Asff,
    /// A webhook of one's own: the documented JSON, signed with the key `preview`
    Webhook,
    /// A subscriber of the SNS topic by e-mail
    Email,
    /// A subscriber of the SNS topic by SMS
    Sms,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ChangeName {
    /// It is bad, and was not told before
    Opened,
    /// It is bad again, after it was over
    Reopened,
    /// It is bad in another way than told
    Changed,
    /// It is not bad any more
    Resolved,
    /// It is still bad
    Reminder,
}

impl From<ChangeName> for Change {
    fn from(name: ChangeName) -> Self {
        match name {
            ChangeName::Opened => Self::Opened,
            ChangeName::Reopened => Self::Reopened,
            ChangeName::Changed => Self::Changed,
            ChangeName::Resolved => Self::Resolved,
            ChangeName::Reminder => Self::Reminder,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChannelsCommand {
    /// Print the JSON Schema of files of channels, for editors
    Schema,
    /// Say whether a file of channels can be used
    Validate {
        /// The file
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    /// Whether text has colours; `auto` is where a terminal shows them
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Colour::Auto)]
    pub(crate) color: Colour,
    /// Value of a CloudFormation parameter, in place of its default; may be given again
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameters::parse)]
    pub(crate) parameters: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) search: SearchArguments,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    /// Files to read, folders to search, and patterns such as `'infra/**/*.json'`; `-` is standard
    /// input. Of what is found in folders and by patterns, files that hold a task definition or have the
    /// name of a Dockerfile are judged, and whatever is something else is passed by
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Pass by what matches in folders: a name such as `node_modules` at any depth, or a path such as
    /// `test/**/*.json`; may be given again
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// How many files to read at once; without it, as many as there are processors
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZero<usize>>,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    /// Mode of the functions; a policy may say `audit` where they enforce
    #[arg(long, value_enum, default_value_t = ModeName::Audit)]
    pub(crate) mode: ModeName,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) search: SearchArguments,
}

#[derive(Debug, Args)]
pub(crate) struct RulesArguments {
    /// Form of the output
    #[arg(long, value_enum, default_value_t = RulesFormat::Text)]
    pub(crate) format: RulesFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Id of the rule, such as `root-user`
    pub(crate) rule: String,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArguments {
    /// Policy to judge by; without it, the built-in profile `default`
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Profile to judge by, in place of the policy's
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(Profile::NAMES))]
    pub(crate) profile: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs, version 1
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people
    Text,
    /// For programs, version 1
    Json,
    /// For code scanning and editors: SARIF 2.1.0
    Sarif,
    /// For the test pages of CI systems: JUnit XML
    Junit,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RulesFormat {
    /// For people: a table
    Text,
    /// For programs: everything known of each rule, version 1
    Json,
    /// For a site: an index of the pages
    Markdown,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeName {
    /// Nothing is changed
    Audit,
    /// What is denied is acted on
    Enforce,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Audit => Self::Audit,
            ModeName::Enforce => Self::Enforce,
        }
    }
}
