//! The rules. One rule is a constant with what is to be known about it, a check, and a page whose
//! examples are run as tests: `catalogue/<subject>/<name>.rs` and `.md`, and one line in the list
//! below.

mod answer;
mod base_image;
mod build_step;
mod each;
mod host_path;
mod image_reference;
mod scan;
mod secrets;
mod shell;
mod starts;

use std::fmt;

pub use answer::Answer;
use jiff::Timestamp;

pub(crate) use host_path::{HostPath, source as source_of};
pub(crate) use image_reference::ImageReference;

use crate::{
    edit::Edit,
    facts::{
        Deployment, Dockerfile, Form, Image, LaunchType, Subject, SubjectKind, TaskDefinition,
    },
    field::Field,
    names::Place,
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
    /// Of a deployment in flight.
    Deployment(fn(&Deployment, &Context<'_>) -> Vec<Answer>),
    /// Of a Dockerfile.
    Dockerfile(fn(&Dockerfile, &Context<'_>) -> Vec<Answer>),
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
            Self::Deployment(_) => SubjectKind::Deployment,
            Self::Dockerfile(_) => SubjectKind::Dockerfile,
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
    /// Which forms of a definition are judged. A rule about what is missing, or about more than one
    /// member, can only be for whole definitions, unless the members come together in a part.
    pub forms: &'static [Form],
}

impl Applies {
    /// For a setting that is dangerous wherever it stands. Where ECS would refuse it, saying so
    /// before the deploy is a kindness, and no form of the definition can switch the rule off.
    pub const EVERYWHERE: Self = Self {
        launch_types: LaunchType::ALL,
        windows: true,
        forms: &[Form::Definition],
    };

    /// Everywhere, and in every form: for a rule that judges each member by itself.
    pub const EVERY_FORM: Self = Self {
        forms: Form::ALL,
        ..Self::EVERYWHERE
    };

    /// For a setting that Windows containers do not have.
    pub const LINUX: Self = Self {
        windows: false,
        ..Self::EVERYWHERE
    };

    fn to(self, definition: &TaskDefinition) -> bool {
        self.forms.contains(&definition.form)
            && (self.windows || !definition.is_windows())
            && definition.may_run_on(self.launch_types)
    }
}

/// Controls of others that a rule covers; empty where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct References {
    /// What AWS's best practices for the security of ECS say (tasks and containers, network, secrets,
    /// roles, logs), in our words.
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
            (Check::Deployment(check), Subject::Deployment(deployment)) => {
                check(deployment, context)
            }
            (Check::Dockerfile(check), Subject::Dockerfile(dockerfile)) => {
                check(dockerfile, context)
            }
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
    crate::nearest::nearest(written, RULES.iter().map(|rule| rule.id))
}

/// Whether a part of the text is a secret by its own form.
pub(crate) fn secret_form(text: &str) -> bool {
    secrets::kind(text).is_some()
}

/// Whether the text is random enough to be a secret.
pub(crate) fn secret_is_random(text: &str) -> bool {
    secrets::looks_random(text)
}

/// ECS spells capabilities in capitals without `CAP_`; runtimes below it take any form. What is left
/// may be in any case.
pub(crate) fn plain_capability(name: &str) -> &str {
    let name = name.trim();
    match name.split_at_checked("CAP_".len()) {
        Some((prefix, plain)) if prefix.eq_ignore_ascii_case("CAP_") => plain,
        _ => name,
    }
}

/// The answer about a namespace that `member` of the definition may share with the host.
fn shared_with_host(
    definition: &TaskDefinition,
    mode: &Field<String>,
    member: &str,
    what: &str,
) -> Vec<Answer> {
    let pointer = || format!("/{member}");
    // A daemon's API has another word for it.
    let (host, json) = if definition.is_daemon() {
        ("shared", r#""shared""#)
    } else {
        ("host", r#""host""#)
    };
    match mode {
        Field::Known(mode) if mode.trim().eq_ignore_ascii_case(host) => {
            let message = format!("`{member}` is `{host}`: each task shares the instance's {what}");
            let mut answer = Answer::fail(pointer(), message);
            // Another network mode asks for more than one member to be changed.
            if member != "networkMode" {
                answer = answer.fix(Edit::remove(json));
            }
            vec![answer]
        }
        Field::Unknown(reason) => {
            vec![Answer::unreadable(
                pointer(),
                &format!("`{member}`"),
                reason,
            )]
        }
        Field::Known(_) | Field::Absent => Vec::new(),
    }
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
        overridden_task_role,
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
        quarantined_image,
    }
    image {
        vulnerable_image,
        exploited_vulnerability,
        stale_vulnerability,
        unscanned_image,
        returned_image,
        expired_quarantine,
    }
    deployment {
        denied_revision_deployed,
        quarantined_image_deployed,
    }
    dockerfile {
        dockerfile_root_user,
        dockerfile_latest_base,
        dockerfile_untrusted_base,
        dockerfile_secret,
        dockerfile_remote_add,
        dockerfile_curl_pipe_shell,
        dockerfile_tls_disabled,
        dockerfile_sudo,
        dockerfile_chpasswd,
        dockerfile_ssh_port,
        dockerfile_setuid_kept,
        dockerfile_single_stage,
        dockerfile_update_alone,
        dockerfile_dist_upgrade,
        dockerfile_missing_healthcheck,
    }
}

#[cfg(test)]
pub(crate) mod tests;
