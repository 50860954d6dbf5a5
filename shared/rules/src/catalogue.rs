//! The rules. One rule is a constant with what is to be known about it, a check, and a page whose
//! examples are run as tests: `catalogue/<subject>/<name>.rs` and `.md`, and one line in the list
//! below.

mod answer;
mod host_path;
mod image_reference;
mod scan;
mod secrets;

use std::fmt;

pub use answer::Answer;
use jiff::Timestamp;

pub(crate) use image_reference::ImageReference;

use crate::{
    facts::{EfsVolume, Image, LaunchType, PlacedContainer, Subject, SubjectKind, TaskDefinition},
    field::Field,
    names::{Place, quoted},
    policy::Parameters,
    severity::Severity,
};

/// One rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The name in kebab case; it is never reused or changed.
    pub id: &'static str,
    /// One line that says what the rule finds, in lower case, without a full stop.
    pub summary: &'static str,
    /// How bad a finding is, unless the check says otherwise for a certain one.
    pub severity: Severity,
    /// Where the rule applies.
    pub applies: Applies,
    /// What to do about a finding, unless the check knows better.
    pub help: &'static str,
    /// Whose controls the rule covers.
    pub references: References,
    /// The check.
    pub check: Check,
}

/// The check of a rule: one answer a place that fails or cannot be judged, none where all is well.
#[derive(Clone, Copy)]
pub enum Check {
    /// Of a task definition.
    TaskDefinition(fn(&TaskDefinition, &Context<'_>) -> Vec<Answer>),
    /// Of an image.
    Image(fn(&Image, &Context<'_>) -> Vec<Answer>),
}

impl fmt::Debug for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.subject().name())
    }
}

impl Check {
    /// What the check is made for.
    pub const fn subject(self) -> SubjectKind {
        match self {
            Self::TaskDefinition(_) => SubjectKind::TaskDefinition,
            Self::Image(_) => SubjectKind::Image,
        }
    }
}

/// What a check may know beside the subject.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Where the subject lives; `None` for a file that names no account.
    pub place: Option<&'a Place>,
    /// What the policy says about single rules.
    pub parameters: &'a Parameters,
    /// When the subject was observed, where that is known.
    pub observed_at: Option<Timestamp>,
}

/// Where a rule applies. A subject that is nowhere within it passes.
#[derive(Debug, Clone, Copy)]
pub struct Applies {
    /// What the tasks may run on; one in common with the definition is enough.
    pub launch_types: &'static [LaunchType],
    /// Whether Windows containers are judged too.
    pub windows: bool,
}

impl Applies {
    /// For a setting that is dangerous wherever it stands. Where ECS would refuse it, saying so
    /// before the deploy is a kindness, and no form of the definition can switch the rule off.
    pub const EVERYWHERE: Self = Self {
        launch_types: LaunchType::ALL,
        windows: true,
    };

    /// For a setting that Windows containers do not have.
    pub const LINUX: Self = Self {
        launch_types: LaunchType::ALL,
        windows: false,
    };

    fn to(self, definition: &TaskDefinition) -> bool {
        (self.windows || !definition.is_windows())
            && definition.launch_types().iter().any(|launch_type| {
                matches!(launch_type, LaunchType::Other(_))
                    || self.launch_types.contains(launch_type)
            })
    }
}

/// Controls of others that a rule covers; empty where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct References {
    /// The sentence of AWS's "Task and container security" guidance, in our words.
    pub guidance: &'static str,
    /// AWS Config managed rules.
    pub aws_config: &'static [&'static str],
    /// Security Hub controls.
    pub security_hub: &'static [&'static str],
    /// Control Tower proactive controls.
    pub control_tower: &'static [&'static str],
    /// CIS Docker Benchmark recommendations.
    pub cis_docker: &'static [&'static str],
    /// The Pod Security Standard that first forbids it.
    pub pod_security: Option<PodSecurity>,
}

/// The levels of the Kubernetes Pod Security Standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodSecurity {
    /// Prevents known privilege escalations.
    Baseline,
    /// Hardening best practice.
    Restricted,
}

impl Rule {
    /// What the rule has to say of `subject`; nothing where it does not apply.
    pub(crate) fn answers(&self, subject: &Subject, context: &Context<'_>) -> Vec<Answer> {
        match (self.check, subject) {
            (Check::TaskDefinition(check), Subject::TaskDefinition(definition))
                if self.applies.to(definition) =>
            {
                check(definition, context)
            }
            (Check::Image(check), Subject::Image(image)) => check(image, context),
            _ => Vec::new(),
        }
    }
}

/// The rule with this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.id == id)
}

/// The id of the rule whose name is most like what was written, if one is.
pub fn nearest(written: &str) -> Option<&'static str> {
    // A longer text is no slip of the pen, and the comparison is quadratic.
    const LONGEST: usize = 64;
    const ALIKE: f64 = 0.8;
    if written.len() > LONGEST {
        return None;
    }
    let written = written.trim().to_ascii_lowercase().replace('_', "-");
    RULES
        .iter()
        .map(|rule| (strsim::jaro_winkler(rule.id, &written), rule.id))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, id)| id)
}

/// ECS spells capabilities in capitals without `CAP_`; runtimes below it take any form.
fn capability_name(name: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    name.strip_prefix("CAP_")
        .map_or(name.clone(), str::to_owned)
}

/// The answer about a namespace that `member` of the definition may share with the host.
fn shared_with_host(
    definition: &TaskDefinition,
    mode: &Field<String>,
    member: &str,
    what: &str,
) -> Vec<Answer> {
    let pointer = format!("/{member}");
    // A daemon's API has another word for it.
    let host = if definition.is_daemon() {
        "shared"
    } else {
        "host"
    };
    match mode {
        Field::Known(mode) if mode.trim().eq_ignore_ascii_case(host) => {
            vec![Answer::fail(
                pointer,
                format!("`{member}` is `{host}`: each task shares the instance's {what}"),
            )]
        }
        Field::Unknown(reason) => {
            vec![Answer::unreadable(pointer, &format!("`{member}`"), reason)]
        }
        Field::Known(_) | Field::Absent => Vec::new(),
    }
}

/// What `judge` says of the image of each container; unknown where it is no reference that can be
/// read. `what` is what the rule wants to know of it.
fn images(
    definition: &TaskDefinition,
    what: &str,
    judge: impl Fn(&PlacedContainer<'_>, String, &ImageReference<'_>) -> Option<Answer>,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for container in definition.containers() {
        let pointer = container.pointer("image");
        let name = quoted(&container.label());
        let answer = match &container.image {
            Field::Known(image) => match ImageReference::parse(image) {
                Some(image) => judge(&container, pointer, &image),
                None => Some(Answer::unknown(
                    pointer,
                    format!(
                        "{what} of the image of container {name} cannot be known: {} is not an image reference",
                        quoted(image)
                    ),
                )),
            },
            Field::Unknown(reason) => {
                let what = format!("{what} of the image of container {name}");
                Some(Answer::unreadable(pointer, &what, reason))
            }
            Field::Absent => None,
        };
        answers.extend(answer.map(|answer| answer.in_container(&container)));
    }
    answers
}

/// What `judge` says of each EFS volume, given the pointer to its configuration and its name in
/// backticks. `what` is what the rule wants to know of a volume that cannot be read.
fn efs_volumes(
    definition: &TaskDefinition,
    what: &str,
    judge: impl Fn(&EfsVolume, &str, &str) -> Option<Answer>,
) -> Vec<Answer> {
    let volumes = match &definition.volumes {
        Field::Known(volumes) => volumes,
        Field::Unknown(reason) => {
            let what = format!("of an EFS volume, {what}");
            return vec![Answer::unreadable("/volumes", &what, reason)];
        }
        Field::Absent => return Vec::new(),
    };
    let mut answers = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        let pointer = format!("/volumes/{index}/efsVolumeConfiguration");
        let name = match volume.name.known() {
            Some(name) => quoted(name),
            None => quoted(&format!("#{index}")),
        };
        answers.extend(match &volume.efs_volume_configuration {
            Field::Known(efs) => judge(efs, &pointer, &name),
            Field::Unknown(reason) => {
                let what = format!("of volume {name}, {what}");
                Some(Answer::unreadable(pointer, &what, reason))
            }
            Field::Absent => None,
        });
    }
    answers
}

macro_rules! catalogue {
    ($($subject:ident { $($rule:ident),* $(,)? })*) => {
        $(mod $subject { $(pub(super) mod $rule;)* })*

        /// Every rule, in the order of the list.
        pub const RULES: &[&Rule] = &[$($(&$subject::$rule::RULE),*),*];

        /// The page of every rule, in Markdown, by id.
        pub const PAGES: &[(&str, &str)] = &[$($((
            $subject::$rule::RULE.id,
            include_str!(concat!("catalogue/", stringify!($subject), "/", stringify!($rule), ".md")),
        )),*),*];
    };
}

catalogue! {
    task_definition {
        privileged_container,
        root_user,
        writable_root_filesystem,
        dangerous_capability,
        host_network,
        host_pid,
        host_ipc,
        host_runtime_socket,
        sensitive_host_path,
        host_device,
        weakened_confinement,
        privilege_escalation,
        unsafe_sysctl,
        unlimited_ulimit,
        missing_memory_limit,
        missing_cpu_limit,
        undropped_capabilities,
        non_awsvpc_network,
        shared_task_pid,
        windows_administrator_user,
        secret_in_environment,
        latest_image_tag,
        untrusted_registry,
        unpinned_image,
        missing_log_configuration,
        blocking_log_driver,
        unencrypted_efs_volume,
        efs_without_access_point,
        shared_task_role,
        environment_file,
        metadata_service_access,
        plaintext_domain_credentials,
        fixed_host_port,
        version_consistency_disabled,
        fault_injection,
        missing_tags,
        missing_health_check,
        missing_init_process,
        interactive_container,
        container_links,
    }
    image {
        vulnerable_image,
        exploited_vulnerability,
        stale_vulnerability,
        unscanned_image,
    }
}

#[cfg(test)]
pub(crate) mod tests;
