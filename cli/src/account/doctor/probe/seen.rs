//! What was seen of a probe, hop by hop, as the doctor tells it. Pure.

use std::time::Duration;

use jiff::Timestamp;
use tidewaiter_aws::CallError;
use tidewaiter_report::clean;
use tidewaiter_rules::names::{TaskDefinitionArn, quoted};

use crate::account::doctor::{
    command::Commands,
    report::{Check, Standing},
};

/// The name of the check.
const CHECK: &str = "probe";

/// How much of an error of AWS is shown, in characters.
const ERROR: usize = 500;

/// What the function's log says of the event. All texts are clean and bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Handled {
    /// How long after the registration it was seen.
    pub(super) after: Duration,
    pub(super) decision: String,
    pub(super) rules: String,
    pub(super) effects: String,
    pub(super) outcome: String,
    pub(super) reason: String,
}

impl Handled {
    /// Whether the function is done with the event. Lambda brings it again where it is not.
    pub(super) fn is_final(&self) -> bool {
        self.outcome != "retry"
    }

    fn is_judged(&self) -> bool {
        self.outcome == "judged" || !self.decision.is_empty()
    }

    fn reason(&self) -> String {
        match self.reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        }
    }
}

/// What is left of a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// It is inactive and could not be deleted.
    Inactive(CallError),
    /// It could not even be deregistered.
    Active(CallError),
}

/// What was seen of the delivery to channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    /// The stack has none.
    None,
    /// It has some, and nothing was seen.
    Unseen,
    /// What it did next: alerts told or kept for later, refused, to come again.
    Delivered(u64, u64, u64),
}

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Seen {
    family: String,
    is_enforcing: bool,
    timeout: Duration,
    pub(super) registered_at: Option<Timestamp>,
    /// Why it could not be registered.
    pub(super) refused: Option<CallError>,
    pub(super) arn: Option<TaskDefinitionArn>,
    pub(super) handled: Option<Handled>,
    /// When the ledger said that the alert was published.
    pub(super) told: Option<Duration>,
    /// When ECS said that it was inactive.
    pub(super) inactive: Option<Duration>,
    /// In audit mode, whether it was active in the end.
    pub(super) is_still_active: Option<bool>,
    pub(super) channels: Channels,
    /// Whether the function's log cannot be read, now or later.
    pub(super) is_log_closed: bool,
    /// What could not be read, each once.
    unread: Vec<String>,
    /// How long it was followed.
    pub(super) followed: Duration,
    pub(super) is_interrupted: bool,
    pub(super) left: Option<Left>,
    /// Families that earlier probes have left behind, or that others are probing by.
    pub(super) others: Vec<String>,
}

/// What to look at where nothing came.
const NO_EVENT: &str = "events do not reach the function: no trail logs management write events in this region, the rule `TaskDefinitionRegistered` is disabled or has lost its target, or EventBridge may not invoke the function; the checks of the doctor name which. CloudTrail may also have been slow: a longer `--timeout` tells";

impl Seen {
    pub(super) fn of(family: &str, is_enforcing: bool, timeout: Duration) -> Self {
        Self {
            family: family.to_owned(),
            is_enforcing,
            timeout,
            registered_at: None,
            refused: None,
            arn: None,
            handled: None,
            told: None,
            inactive: None,
            is_still_active: None,
            channels: Channels::None,
            is_log_closed: false,
            unread: Vec::new(),
            followed: Duration::ZERO,
            is_interrupted: false,
            left: None,
            others: Vec::new(),
        }
    }

    /// Notes that something could not be read.
    pub(super) fn unread(&mut self, error: &CallError) {
        let error = clean(&error.to_string(), ERROR);
        if !self.unread.contains(&error) {
            self.unread.push(error);
        }
    }

    /// Whether there is nothing left to see.
    pub(super) fn is_complete(&self) -> bool {
        let is_done = !self.is_enforcing || self.inactive.is_some();
        let is_handled = self.handled.as_ref().is_some_and(Handled::is_final);
        is_done && self.told.is_some() && (is_handled || self.is_log_closed)
    }

    /// What to say of it: each hop up to the first that is missing, and what is left of the canary.
    pub(super) fn checks(&self, commands: &Commands) -> Vec<Check> {
        let mut checks = Vec::new();
        if let Some(error) = &self.refused {
            checks.push(refused(error));
            return checks;
        }
        let name = self.arn.as_ref().map_or(String::new(), ToString::to_string);
        checks.push(ok("registered", format!("{name}; nothing runs it")));
        let hops = [
            Some(self.hop_handled(commands)),
            self.hop_denied(),
            self.hop_told(commands),
            self.hop_ended(commands),
        ];
        let mut is_missing = false;
        for hop in hops.into_iter().flatten() {
            // What follows a missing hop has the same cause, unless it was seen all the same.
            if is_missing && hop.standing == Standing::Problem {
                continue;
            }
            is_missing |= hop.standing == Standing::Problem;
            checks.push(hop);
        }
        if !is_missing {
            checks.extend(self.hop_channels(commands));
        }
        checks.push(self.hop_cleaned(commands));
        if !self.others.is_empty() {
            let list = |family: &String| {
                commands.aws("ecs list-task-definitions", &[("family-prefix", family)])
            };
            checks.push(said(
                Standing::Warning,
                "others",
                format!("{} more families of probes are active", self.others.len()),
                "an earlier probe was killed before it could clean up, or somebody else is probing now",
                self.others.iter().map(list).collect(),
            ));
        }
        checks
    }

    fn hop_handled(&self, commands: &Commands) -> Check {
        let seconds = self.timeout.as_secs();
        let Some(handled) = &self.handled else {
            let is_inferred = self.told.is_some() || (self.is_enforcing && self.inactive.is_some());
            if is_inferred {
                let why = match self.unread.first() {
                    Some(error) => format!("its log cannot be read: {error}"),
                    None => "its log does not say so yet".to_owned(),
                };
                return ok(
                    "handled",
                    format!("by the function, as what follows shows; {why}"),
                );
            }
            if self.is_interrupted {
                return problem(
                    "handled",
                    "somebody ended the probe before it was seen".to_owned(),
                    "",
                    vec![],
                );
            }
            if let Some(error) = self.unread.first() {
                return said(
                    Standing::CannotTell,
                    "handled",
                    format!(
                        "not seen within {seconds} s, and not everything could be read: {error}"
                    ),
                    "without them a probe is blind: whoever runs it has to be allowed these calls",
                    vec![],
                );
            }
            return problem(
                "handled",
                format!(
                    "the event of the registration did not reach the function within {seconds} s"
                ),
                NO_EVENT,
                vec![commands.tidewaiter("redrive", &[])],
            );
        };
        let after = shown(handled.after);
        if handled.is_judged() {
            ok("handled", format!("by the function, seen {after}"))
        } else {
            problem(
                "handled",
                format!(
                    "the function has the event, and it ended as {}{}",
                    quoted(&handled.outcome),
                    handled.reason()
                ),
                "what the function cannot deal with it judges later or never; its log says more",
                vec![
                    commands.tidewaiter("redrive", &[("queue", "TaskDefinitionGuardDeadLetters")]),
                ],
            )
        }
    }

    /// Whether the policy denies it.
    fn hop_denied(&self) -> Option<Check> {
        let handled = self
            .handled
            .as_ref()
            .filter(|handled| handled.is_judged())?;
        Some(if handled.decision == "deny" {
            ok(
                "denied",
                format!("by the policy in force: {}", handled.rules),
            )
        } else {
            problem(
                "denied",
                format!("the decision is {}", quoted(&handled.decision)),
                "the policy in force does not deny a privileged container in this family: a waiver, a preset, the profile or the level of `privileged-container` covers it. Whatever is registered like it stays",
                vec![Some("tidewaiter explain privileged-container".to_owned())],
            )
        })
    }

    fn hop_told(&self, commands: &Commands) -> Option<Check> {
        let expected = self
            .handled
            .as_ref()
            .is_none_or(|it| it.decision != "allow");
        if let Some(after) = self.told {
            return Some(ok(
                "told",
                format!("the alert is with the topic, seen {}", shown(after)),
            ));
        }
        expected.then(|| {
            problem(
                "told",
                format!("the ledger knows of no alert that was published, {} s after the registration", self.followed.as_secs()),
                "nobody hears of what is denied: the function may not publish to the topic or use its key, or the ledger does not answer; its log says which",
                vec![commands.tidewaiter("redrive", &[("queue", "TaskDefinitionGuardDeadLetters")])],
            )
        })
    }

    /// What became of the revision.
    fn hop_ended(&self, commands: &Commands) -> Option<Check> {
        if !self.is_enforcing {
            return match self.is_still_active {
                Some(true) => Some(ok("left alone", "it is still active: this stack is in audit mode, which tells and changes nothing".to_owned())),
                Some(false) => Some(problem(
                    "left alone",
                    "somebody deregistered it, and an audit stack does not".to_owned(),
                    "another stack, or a person, acts on task definitions here",
                    vec![],
                )),
                None => None,
            };
        }
        if let Some(after) = self.inactive {
            return Some(ok(
                "inactive",
                format!("ECS has it deregistered, seen {}", shown(after)),
            ));
        }
        let handled = self.handled.as_ref();
        let reason = handled.map_or(String::new(), Handled::reason);
        let is_left = handled.is_some_and(|it| it.effects.contains("not-applied"));
        let (found, why) = if is_left {
            (
                format!("it was denied and left active on purpose{reason}"),
                "the functions are paused, the budget of the hour is used up, or the policy keeps them in audit mode: `tidewaiter status`",
            )
        } else {
            (
                format!(
                    "it is still active {} s after the registration{reason}",
                    self.followed.as_secs()
                ),
                "what is denied stays usable: the function may not deregister, or ECS refuses; its log and the alert say which",
            )
        };
        let fix = vec![commands.tidewaiter("status", &[])];
        Some(problem("inactive", found, why, fix))
    }

    fn hop_channels(&self, commands: &Commands) -> Option<Check> {
        self.told?;
        let nobody = "who read it is not seen from here: subscribers of the topic by e-mail and the like tell nobody";
        Some(match self.channels {
            Channels::None => ok("channels", format!("the stack has none; {nobody}")),
            Channels::Delivered(sent, 0, 0) if sent > 0 => ok(
                "channels",
                format!(
                    "the delivery told or kept {sent} alerts after that; which they were its log does not say, and {nobody}"
                ),
            ),
            Channels::Delivered(sent, refused, later) => said(
                Standing::Warning,
                "channels",
                format!(
                    "the delivery told or kept {sent} alerts after that; {refused} were refused, {later} come again"
                ),
                "a channel does not take what it gets: the log of Notify names it",
                vec![commands.tidewaiter("redrive", &[("queue", "NotifyDeadLetters")])],
            ),
            Channels::Unseen => said(
                Standing::Warning,
                "channels",
                "the delivery was not seen to take anything after that".to_owned(),
                "alerts may wait in the queue `Alerts`, or the log of Notify cannot be read",
                vec![],
            ),
        })
    }

    fn hop_cleaned(&self, commands: &Commands) -> Check {
        let arn = self.arn.as_ref().map_or(String::new(), ToString::to_string);
        let delete = commands.aws("ecs delete-task-definitions", &[("task-definitions", &arn)]);
        match &self.left {
            Some(Left::Nothing) | None => {
                let ended = if self.is_interrupted {
                    "ended early, and "
                } else {
                    ""
                };
                ok(
                    "cleaned up",
                    format!(
                        "{ended}the revision is deregistered and deleted; its alert is over when the event of that arrives (family {})",
                        self.family
                    ),
                )
            }
            Some(Left::Inactive(error)) => said(
                Standing::Warning,
                "cleaned up",
                format!(
                    "the revision is inactive and could not be deleted: {}",
                    clean(&error.to_string(), ERROR)
                ),
                "it does no harm: nothing can run it, and it is listed among the inactive",
                vec![delete],
            ),
            Some(Left::Active(error)) => problem(
                "cleaned up",
                format!(
                    "the revision is still registered: {}",
                    clean(&error.to_string(), ERROR)
                ),
                "nothing runs it, and its image is nowhere; take it away by hand",
                vec![
                    commands.aws(
                        "ecs deregister-task-definition",
                        &[("task-definition", &arn)],
                    ),
                    delete,
                ],
            ),
        }
    }
}

fn refused(error: &CallError) -> Check {
    said(
        Standing::CannotTell,
        "registered",
        format!(
            "it could not be registered, and nothing was changed: {}",
            clean(&error.to_string(), ERROR)
        ),
        "whoever probes needs `ecs:RegisterTaskDefinition` and `ecs:TagResource`. Where a service control policy forbids privileged containers (`tidewaiter scp`) nothing bad gets as far as the function, and no probe does",
        vec![],
    )
}

/// `after 3.2 s`.
fn shown(after: Duration) -> String {
    format!("after {:.1} s", after.as_secs_f64())
}

fn said(
    standing: Standing,
    subject: &str,
    found: String,
    why: &'static str,
    fix: Vec<Option<String>>,
) -> Check {
    let check = match standing {
        Standing::Ok => Check::ok,
        Standing::Warning => Check::warning,
        Standing::CannotTell => Check::cannot_tell,
        Standing::Problem => Check::problem,
    };
    check(CHECK, subject, found).why(why).fix(fix)
}

fn ok(subject: &str, found: String) -> Check {
    said(Standing::Ok, subject, found, "", vec![])
}

fn problem(subject: &str, found: String, why: &'static str, fix: Vec<Option<String>>) -> Check {
    said(Standing::Problem, subject, found, why, fix)
}
