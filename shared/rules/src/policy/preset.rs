//! Built-in exceptions for well-known agents that need power, reviewed with each release.
//!
//! An agent is known by its publisher's repository and does what its publisher made it for: where
//! its command, entry point or health check is replaced it is anybody's program. Hence an image's
//! name alone is never enough, and what a whole task gets is only for a task that is agents alone.

use std::fmt;

use super::form::{Form, instead, text};
use super::mistake::{Mistake, Mistakes};
use super::yaml::Node;
use crate::{
    catalogue::{HostPath, ImageReference, plain_capability, source_of},
    decide::Finding,
    facts::{Container, Facts, Subject, TaskDefinition},
    field::Field,
    names::{Place, quoted},
    severity::Severity,
};

mod agents;

pub use agents::PRESETS;

/// What the names of presets begin with where a waiver's id would stand.
pub(crate) const PREFIX: &str = "preset:";

/// Exceptions for one agent.
#[derive(Debug, PartialEq)]
pub struct Preset {
    /// The name in policies.
    pub name: &'static str,
    /// What it is for, in one line.
    pub summary: &'static str,
    /// Whose definitions or containers it is for.
    pub subject: Whose,
    /// What it allows.
    pub grants: &'static [Grant],
}

/// Whose definitions or containers a preset is for.
#[derive(Debug, PartialEq)]
pub enum Whose {
    /// Containers of an agent.
    Agent {
        /// The publisher's repositories.
        images: &'static [AgentImage],
        /// The arguments that the publisher's guides give it; none is always fine.
        commands: &'static [&'static [&'static str]],
        /// The health checks that the publisher's guides give it; none is always fine.
        health_checks: &'static [&'static [&'static str]],
    },
    /// Definitions that AWS registers in this service-linked role, which nobody else can take.
    Role(&'static str),
    /// What scanners find in packages of a kernel, in images.
    Kernel,
}

/// A repository that only its publisher can push to.
#[derive(Debug, PartialEq)]
pub enum AgentImage {
    /// `HOST/REPOSITORY`.
    At(&'static str),
    /// Of an account's private registry, in every region: account and repository.
    Of(&'static str, &'static str),
}

/// A rule that an agent may fail.
#[derive(Debug, PartialEq)]
pub struct Grant {
    /// The rule's id.
    pub rule: &'static str,
    /// How far it may.
    pub only: Only,
    /// Why it has to.
    pub reason: &'static str,
}

/// How far a rule may be failed.
#[derive(Debug, PartialEq)]
pub enum Only {
    /// However it is failed.
    Whatever,
    /// With these paths of the host, links followed; what is not writable has to be mounted
    /// read-only.
    Paths {
        /// May be mounted read-only.
        readable: &'static [&'static str],
        /// May be mounted in any way.
        writable: &'static [&'static str],
    },
    /// With these capabilities.
    Capabilities(&'static [&'static str]),
    /// With findings all of whose packages are of the kernel.
    KernelPackages,
}

impl fmt::Display for AgentImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(image) => formatter.write_str(image),
            Self::Of(account, repository) => {
                write!(formatter, "{account}.dkr.ecr.*.amazonaws.com/{repository}")
            }
        }
    }
}

impl AgentImage {
    fn is(&self, image: &ImageReference<'_>) -> bool {
        match self {
            Self::At(whole) => {
                // The gallery has a second name.
                let host = match image.host.as_ref() {
                    "ecr-public.aws.com" => "public.ecr.aws",
                    host => host,
                };
                whole.split_once('/') == Some((host, image.repository.as_ref()))
            }
            Self::Of(account, repository) => {
                image.ecr_account() == Some(account) && image.repository == *repository
            }
        }
    }
}

impl Preset {
    /// The preset of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The name by which reports call it.
    pub(crate) fn id(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    /// Whether it suppresses what scanners find in kernels.
    pub(crate) fn is_of_kernel(&self) -> bool {
        self.subject == Whose::Kernel
    }

    /// Whether it covers this finding about these facts.
    pub(crate) fn covers(&self, finding: &Finding, facts: &Facts) -> bool {
        let Subject::TaskDefinition(definition) = &facts.subject else {
            return false;
        };
        let grant = self.grants.iter().find(|grant| grant.rule == finding.rule);
        grant.is_some_and(|grant| {
            self.subject.has(finding, definition, facts.place.as_ref())
                && grant.only.holds(finding, definition)
        })
    }
}

/// Rules whose findings are about a container and give it the host: what shares a volume with the
/// agent could put a program of its own in the agent's place.
const OF_THE_HOST: &[&str] = &["dangerous-capability", "privileged-container"];

impl Whose {
    fn has(&self, finding: &Finding, definition: &TaskDefinition, place: Option<&Place>) -> bool {
        let containers = &definition.container_definitions;
        let are_agents = || !containers.is_empty() && containers.iter().all(|c| self.is_agent(c));
        match (self, indices(&finding.pointer).as_slice()) {
            (Self::Role(role), _) => is_registered_by(role, definition, place),
            // By position: names may be given twice until ECS has seen the definition.
            (_, ["containerDefinitions", index, ..]) if !OF_THE_HOST.contains(&finding.rule) => {
                let container = index.parse().ok().and_then(|i: usize| containers.get(i));
                container.is_some_and(|container| self.is_agent(container))
            }
            // What a task has, all its containers have.
            _ => are_agents(),
        }
    }

    fn is_agent(&self, container: &Container) -> bool {
        let Self::Agent {
            images,
            commands,
            health_checks,
        } = self
        else {
            return false;
        };
        let image = container.image.known();
        let image = image.and_then(|image| ImageReference::parse(image));
        let check = match &container.health_check {
            Field::Known(check) => &check.command,
            Field::Absent => &Field::Absent,
            Field::Unknown(_) => return false,
        };
        image.is_some_and(|image| images.iter().any(|known| known.is(&image)))
            && is_left(&container.entry_point, &[])
            && is_left(&container.command, commands)
            && is_left(check, health_checks)
    }
}

/// Whether words are left to the image, or are ones of these.
fn is_left(words: &Field<Vec<Field<String>>>, known: &[&[&str]]) -> bool {
    match words {
        Field::Absent => true,
        Field::Unknown(_) => false,
        Field::Known(words) => {
            let given: Option<Vec<&str>> = words
                .iter()
                .map(|word| word.known().map(String::as_str))
                .collect();
            given.is_some_and(|given| given.is_empty() || known.contains(&given.as_slice()))
        }
    }
}

/// Whether AWS says that a session of this role in the definition's own account registered it.
fn is_registered_by(role: &str, definition: &TaskDefinition, place: Option<&Place>) -> bool {
    let arn = definition.arn();
    let own = arn
        .as_ref()
        .map(crate::names::TaskDefinitionArn::place)
        .or(place);
    let (Some(by), Some(own)) = (definition.registered_by.known(), own) else {
        return false;
    };
    let session = format!(
        "arn:{}:sts::{}:assumed-role/{role}/",
        own.partition(),
        own.account()
    );
    by.strip_prefix(&session)
        .is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

impl Only {
    fn holds(&self, finding: &Finding, definition: &TaskDefinition) -> bool {
        match self {
            Self::Whatever => true,
            // Findings of a scanner are suppressed before a rule looks.
            Self::KernelPackages => false,
            Self::Paths { readable, writable } => {
                let path = path(finding, definition);
                path.is_some_and(|path| {
                    let is_among = |paths: &[&str]| paths.contains(&path.as_str());
                    is_among(writable) || is_among(readable) && finding.severity <= Severity::Medium
                })
            }
            Self::Capabilities(allowed) => {
                capability(finding, definition).is_some_and(|name| allowed.contains(&name.as_str()))
            }
        }
    }
}

fn indices(pointer: &str) -> Vec<&str> {
    pointer.trim_start_matches('/').split('/').collect()
}

/// The path of the host that a finding is about.
fn path(finding: &Finding, definition: &TaskDefinition) -> Option<HostPath> {
    let parts = indices(&finding.pointer);
    let ["volumes", index, ..] = parts.as_slice() else {
        return None;
    };
    let volume = definition
        .volumes
        .known()?
        .get(index.parse::<usize>().ok()?)?;
    let (_, text) = source_of(volume)?;
    HostPath::read(text.ok()?)
}

/// The capability that a finding is about.
fn capability(finding: &Finding, definition: &TaskDefinition) -> Option<String> {
    let parts = indices(&finding.pointer);
    let [
        _,
        container,
        "linuxParameters",
        "capabilities",
        "add",
        index,
    ] = parts.as_slice()
    else {
        return None;
    };
    let container = definition
        .container_definitions
        .get(container.parse::<usize>().ok()?)?;
    let capabilities = container.linux_parameters.known()?.capabilities.known()?;
    let name = capabilities
        .add
        .known()?
        .get(index.parse::<usize>().ok()?)?;
    name.known()
        .map(|name| plain_capability(name).to_ascii_uppercase())
}

impl Form for &'static Preset {
    const EXAMPLE: &'static str = "datadog-agent";

    fn read(node: &Node, mistakes: &mut Mistakes<'_>) -> Option<Self> {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let written = text(
            node,
            "the name of a preset",
            "one of those that `tidewaiter policy presets` lists",
            mistakes,
        )?;
        let found = Preset::find(written);
        if found.is_none() {
            let nearest = mistakes.nearest(written, names.iter().copied());
            let message = format!("there is no preset {}", quoted(written));
            mistakes.add(Mistake::new(node.span, message).help(instead(nearest, &names)));
        }
        found
    }

    #[cfg(feature = "schema")]
    fn schema(_: &mut serde_json::Map<String, serde_json::Value>) -> serde_json::Value {
        let names = PRESETS.iter().map(
            |preset| serde_json::json!({ "const": preset.name, "description": preset.summary }),
        );
        serde_json::json!({ "oneOf": names.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests;
