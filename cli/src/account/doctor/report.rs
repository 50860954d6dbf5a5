//! What the doctor says.

use serde::Serialize;
use tidewaiter_aws::CallError;
use tidewaiter_report::clean;
use tidewaiter_rules::names::Place;

use crate::Status;

/// How something stands; the worse, the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::account) enum Standing {
    /// As it should be.
    Ok,
    /// Worth to know, and no reason to do anything at once.
    Warning,
    /// It could not be read.
    CannotTell,
    /// Something has to be done.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_field_names, reason = "as the JSON has it")]
pub(in crate::account) struct Check {
    /// Which check, such as `rules`; docs/doctor.md has a section for each.
    pub(in crate::account) check: &'static str,
    pub(in crate::account) standing: Standing,
    /// What was looked at, such as the logical id of a resource.
    pub(in crate::account) subject: String,
    /// What was found.
    pub(in crate::account) found: String,
    /// Why that matters; empty where all is well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(in crate::account) why: String,
    /// The commands that set it right, one after the other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::account) fix: Vec<String>,
}

impl Check {
    fn new(
        standing: Standing,
        check: &'static str,
        subject: &str,
        found: impl Into<String>,
    ) -> Self {
        Self {
            check,
            standing,
            subject: subject.to_owned(),
            found: found.into(),
            why: String::new(),
            fix: Vec::new(),
        }
    }

    /// It is as it should be.
    pub(in crate::account) fn ok(
        check: &'static str,
        subject: &str,
        found: impl Into<String>,
    ) -> Self {
        Self::new(Standing::Ok, check, subject, found)
    }

    /// It is worth to know.
    pub(in crate::account) fn warning(
        check: &'static str,
        subject: &str,
        found: impl Into<String>,
    ) -> Self {
        Self::new(Standing::Warning, check, subject, found)
    }

    /// Something has to be done.
    pub(in crate::account) fn problem(
        check: &'static str,
        subject: &str,
        found: impl Into<String>,
    ) -> Self {
        Self::new(Standing::Problem, check, subject, found)
    }

    /// Whether it is as it should be cannot be told.
    pub(in crate::account) fn cannot_tell(
        check: &'static str,
        subject: &str,
        found: impl Into<String>,
    ) -> Self {
        Self::new(Standing::CannotTell, check, subject, found)
    }

    /// A call failed.
    pub(in crate::account) fn failed(
        check: &'static str,
        subject: &str,
        error: &CallError,
    ) -> Self {
        if error.is_denied() {
            let permission = permission(error.call());
            let found = format!("you may not call `{permission}`");
            return Self::cannot_tell(check, subject, found)
                .why("permit it to whoever runs the doctor, or let somebody run it who may");
        }
        Self::cannot_tell(check, subject, clean(&error.to_string(), 300))
    }

    /// Why it matters.
    pub(in crate::account) fn why(self, why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            ..self
        }
    }

    /// Commands that set it right; none where one of them cannot be written down.
    pub(in crate::account) fn fix(self, fix: impl IntoIterator<Item = Option<String>>) -> Self {
        let fix: Option<Vec<String>> = fix.into_iter().collect();
        Self {
            fix: fix.unwrap_or_default(),
            ..self
        }
    }
}

/// The permission that a call takes, as IAM has it.
fn permission(call: &str) -> String {
    let service = match call {
        "DescribeTrails" | "GetTrailStatus" | "GetEventSelectors" => "cloudtrail",
        "DescribeRule" | "ListTargetsByRule" => "events",
        "GetFunctionConfiguration"
        | "GetFunctionConcurrency"
        | "GetPolicy"
        | "GetFunctionEventInvokeConfig"
        | "ListEventSourceMappings" => "lambda",
        // The call by ARN takes the permission of the one by name.
        "GetLayerVersionByArn" => return "lambda:GetLayerVersion".to_owned(),
        "GetRole" | "ListRolePolicies" | "GetRolePolicy" | "ListAttachedRolePolicies" => "iam",
        "GetQueueAttributes" => "sqs",
        "GetTopicAttributes" | "ListSubscriptionsByTopic" | "GetSubscriptionAttributes" => "sns",
        "DescribeAlarms" | "GetMetricData" => "cloudwatch",
        "DescribePipe" => "pipes",
        "GetObject" => "s3",
        "DescribeRepositories"
        | "GetRegistryScanningConfiguration"
        | "BatchGetRepositoryScanningConfiguration" => "ecr",
        _ => "dynamodb",
    };
    format!("{service}:{call}")
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::account) struct Report {
    version: u8,
    pub(super) stack: String,
    pub(super) account: String,
    pub(super) region: String,
    /// Of the stack, as its parameter has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<String>,
    pub(super) problems: usize,
    pub(super) cannot_tell: usize,
    pub(super) warnings: usize,
    pub(super) checks: Vec<Check>,
}

impl Report {
    /// One of a stack, with nothing in it yet.
    pub(in crate::account) fn of(stack: &str, place: &Place, mode: Option<&str>) -> Self {
        Self {
            version: 1,
            stack: clean(stack, 128),
            account: place.account().to_owned(),
            region: place.region().to_owned(),
            mode: mode.map(|mode| clean(mode, 20)),
            problems: 0,
            cannot_tell: 0,
            warnings: 0,
            checks: Vec::new(),
        }
    }

    /// Adds what was found.
    pub(in crate::account) fn add(&mut self, checks: impl IntoIterator<Item = Check>) {
        for check in checks {
            match check.standing {
                Standing::Ok => {}
                Standing::Warning => self.warnings += 1,
                Standing::CannotTell => self.cannot_tell += 1,
                Standing::Problem => self.problems += 1,
            }
            self.checks.push(check);
        }
    }

    /// What the program ends with: 1 where there is a problem, 2 where there is none and something could
    /// not be read.
    pub(in crate::account) fn status(&self) -> Status {
        match (self.problems, self.cannot_tell) {
            (0, 0) => Status::Allowed,
            (0, _) => Status::Unusable,
            _ => Status::Denied,
        }
    }
}
