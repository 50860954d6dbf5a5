//! A task definition as `RegisterTaskDefinition` takes it and `DescribeTaskDefinition` gives it,
//! reduced to what the rules read. Members that no rule reads are skipped, whatever they hold.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Form,
    container::{Container, REDACTED, Scalar},
};
use crate::{field::Field, names::TaskDefinitionArn};

/// A task definition (ECS API, `RegisterTaskDefinition` and `TaskDefinition`; one type, because the
/// answer repeats the request's members under the same names).
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a task definition")]
pub struct TaskDefinition {
    /// The family.
    pub family: Field<String>,
    /// The full ARN with the revision; only of a registered definition.
    pub task_definition_arn: Field<String>,
    /// The full ARN with the revision of a *daemon* task definition, which ECS Managed Instances run
    /// one of on every instance: `arn:aws:ecs:REGION:ACCOUNT:daemon-task-definition/FAMILY:REVISION`.
    pub daemon_task_definition_arn: Field<String>,
    /// `ACTIVE`, `INACTIVE` or `DELETE_IN_PROGRESS`; only of a registered definition.
    pub status: Field<String>,
    /// The ARN of whoever registered it, as AWS saw it; only of a registered definition.
    pub registered_by: Field<String>,
    /// `awsvpc`, `bridge`, `host` or `none`; absent is `bridge` on EC2 and `awsvpc` on Fargate.
    pub network_mode: Field<String>,
    /// `host` or `task`, of a daemon `shared` or `none`; absent is a private namespace a container.
    pub pid_mode: Field<String>,
    /// `host`, `task` or `none`, of a daemon `shared` or `none`; absent is the container runtime's default.
    pub ipc_mode: Field<String>,
    /// The launch types that ECS validated the definition against.
    pub requires_compatibilities: Field<Vec<String>>,
    /// The launch types that ECS found it could run on; only of a registered definition.
    pub compatibilities: Field<Vec<String>>,
    /// Operating system and processor.
    pub runtime_platform: Field<RuntimePlatform>,
    /// Where tasks may be placed.
    pub placement_constraints: Field<Vec<PlacementConstraint>>,
    /// CPU units of a task, `1024` or `1 vCPU`.
    pub cpu: Field<Scalar>,
    /// Memory of a task in MiB, `2048` or `2GB`.
    pub memory: Field<Scalar>,
    /// The role that the containers act as; a name or an ARN.
    pub task_role_arn: Field<String>,
    /// The role that ECS pulls images and reads secrets with; a name or an ARN.
    pub execution_role_arn: Field<String>,
    /// Volumes that containers may mount.
    pub volumes: Field<Vec<Volume>>,
    /// Whether fault injection is allowed; absent is false.
    pub enable_fault_injection: Field<bool>,
    /// Tags, of a request alone: answers have them beside the definition.
    pub tags: Field<Vec<Tag>>,
    /// The containers, in order.
    pub container_definitions: Vec<Container>,
    /// Which of ECS's calls this was given to; nothing in a document says it.
    #[serde(skip)]
    pub form: Form,
    /// What a part of a definition is for, by name: `FAMILY:REVISION in CLUSTER`, or a service.
    #[serde(skip)]
    pub part_of: Option<String>,
    /// The name of the cluster that a part of a definition is for, where it is known.
    #[serde(skip)]
    pub cluster: Option<String>,
    /// The ARN of what a part of a definition is for: the first task that was started, or the service.
    #[serde(skip)]
    pub part_of_arn: Option<String>,
}

/// One entry of `volumes`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a volume")]
pub struct Volume {
    /// The name that mount points refer to.
    pub name: Field<String>,
    /// A bind mount of the host.
    pub host: Field<HostVolume>,
    /// A Docker volume, which its driver may make a bind mount of the host.
    pub docker_volume_configuration: Field<DockerVolume>,
    /// An Amazon EFS file system.
    pub efs_volume_configuration: Field<EfsVolume>,
}

/// `host` of a volume.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a host volume")]
pub struct HostVolume {
    /// The path on the host; absent or empty is a directory that the container runtime makes.
    pub source_path: Field<String>,
}

/// `dockerVolumeConfiguration` of a volume.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a Docker volume")]
pub struct DockerVolume {
    /// The driver's options; with `o` of `bind`, `device` is a path of the host.
    pub driver_opts: Field<BTreeMap<String, Field<Scalar>>>,
}

/// `efsVolumeConfiguration` of a volume.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an EFS volume")]
pub struct EfsVolume {
    /// The directory that is mounted as root; absent is `/`.
    pub root_directory: Field<String>,
    /// `ENABLED` or `DISABLED`; absent is `DISABLED`.
    pub transit_encryption: Field<String>,
    /// Access point and IAM.
    pub authorization_config: Field<EfsAuthorization>,
}

/// `authorizationConfig` of an EFS volume.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an EFS authorization")]
pub struct EfsAuthorization {
    /// The access point's id.
    pub access_point_id: Field<String>,
    /// `ENABLED` or `DISABLED`; absent is `DISABLED`.
    pub iam: Field<String>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a tag")]
pub struct Tag {
    /// The key.
    pub key: Field<String>,
    /// The value.
    pub value: Field<Scalar>,
}

/// `runtimePlatform`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a runtime platform")]
pub struct RuntimePlatform {
    /// `LINUX` or one of the `WINDOWS_SERVER_…` families.
    pub operating_system_family: Field<String>,
}

/// One entry of `placementConstraints`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    expecting = "a placement constraint"
)]
pub struct PlacementConstraint {
    /// A cluster query language expression.
    pub expression: Field<String>,
}

/// What tasks run on (ECS API, `Compatibility`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LaunchType {
    /// The account's own container instances.
    Ec2,
    /// Machines outside AWS.
    External,
    /// Instances that ECS manages.
    ManagedInstances,
    /// Fargate.
    Fargate,
    /// One that is not known here; every rule applies to it.
    Other(String),
}

impl LaunchType {
    /// Every launch type that is known here.
    pub const ALL: &'static [Self] = &[
        Self::Ec2,
        Self::External,
        Self::ManagedInstances,
        Self::Fargate,
    ];

    fn parse(name: &str) -> Self {
        match name {
            "EC2" => Self::Ec2,
            "EXTERNAL" => Self::External,
            "MANAGED_INSTANCES" => Self::ManagedInstances,
            "FARGATE" => Self::Fargate,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The name as the ECS API spells it.
    pub fn name(&self) -> &str {
        match self {
            Self::Ec2 => "EC2",
            Self::External => "EXTERNAL",
            Self::ManagedInstances => "MANAGED_INSTANCES",
            Self::Fargate => "FARGATE",
            Self::Other(name) => name,
        }
    }
}

/// A container and its place in the definition.
#[derive(Debug, Clone, Copy)]
pub struct PlacedContainer<'a> {
    form: Form,
    index: usize,
    container: &'a Container,
}

impl PlacedContainer<'_> {
    /// A JSON pointer to a member of this container; `path` is such as `linuxParameters/devices`.
    pub fn pointer(&self, path: &str) -> String {
        self.form.container_pointer(self.index, path)
    }

    /// The container's name, or its position where the name is not known.
    pub fn label(&self) -> String {
        match self.container.name.known() {
            Some(name) => name.clone(),
            None => format!("#{}", self.index),
        }
    }
}

impl std::ops::Deref for PlacedContainer<'_> {
    type Target = Container;

    fn deref(&self) -> &Container {
        self.container
    }
}

impl TaskDefinition {
    /// The containers with their places.
    pub fn containers(&self) -> impl Iterator<Item = PlacedContainer<'_>> {
        self.container_definitions
            .iter()
            .enumerate()
            .map(|(index, container)| PlacedContainer {
                form: self.form,
                index,
                container,
            })
    }

    /// A JSON pointer to a member of the definition that is not in a container.
    pub fn pointer(&self, path: &str) -> String {
        self.form.pointer(path)
    }

    /// Whether it is a daemon task definition (ECS API, `RegisterDaemonTaskDefinition`).
    pub fn is_daemon(&self) -> bool {
        self.daemon_task_definition_arn != Field::Absent
    }

    /// Whether a part that the rules read has been hidden, as CloudTrail does with environments.
    pub fn is_redacted(&self) -> bool {
        let mut containers = self.container_definitions.iter();
        containers.any(|container| {
            container.environment.unknown().is_some()
                || container.environment.known().is_some_and(|variables| {
                    variables.iter().any(|variable| {
                        matches!(&variable.value, Field::Known(Scalar(value)) if value == REDACTED)
                    })
                })
        })
    }

    /// The ARN of the revision, where the definition is registered and the ARN has its form.
    pub fn arn(&self) -> Option<TaskDefinitionArn> {
        TaskDefinitionArn::parse(self.task_definition_arn.known()?).ok()
    }

    /// The family, as the ARN or the definition names it.
    pub fn family_name(&self) -> Option<String> {
        match self.arn() {
            Some(arn) => Some(arn.family().to_owned()),
            None => self.family.known().cloned(),
        }
    }

    /// `FAMILY:REVISION`, or the family, or `?` where neither is known; of a part, what it is for.
    pub fn id(&self) -> String {
        match (&self.part_of, self.arn()) {
            (Some(name), _) => name.clone(),
            (None, Some(arn)) => arn.short(),
            (None, None) => self.family.known().cloned().unwrap_or("?".to_owned()),
        }
    }

    /// Whether ECS has the revision as no longer usable.
    pub fn is_inactive(&self) -> bool {
        matches!(self.status.known().map(String::as_str), Some(status) if status != "ACTIVE")
    }

    /// What the definition can run on: `compatibilities` as ECS computed them, else
    /// `requiresCompatibilities`, else EC2, which is the strictest.
    pub fn launch_types(&self) -> Vec<LaunchType> {
        if self.is_daemon() {
            return vec![LaunchType::ManagedInstances];
        }
        for field in [&self.compatibilities, &self.requires_compatibilities] {
            match field {
                Field::Known(names) if !names.is_empty() => {
                    return names.iter().map(|name| LaunchType::parse(name)).collect();
                }
                Field::Unknown(_) => return LaunchType::ALL.to_vec(),
                Field::Known(_) | Field::Absent => {}
            }
        }
        vec![LaunchType::Ec2]
    }

    /// Whether one of `wanted` is among [`Self::launch_types`], or one that is not known here.
    pub fn may_run_on(&self, wanted: &[LaunchType]) -> bool {
        if self.is_daemon() {
            return wanted.contains(&LaunchType::ManagedInstances);
        }
        let is_wanted = |name: &String| {
            let mut known = LaunchType::ALL.iter();
            let known = known.find(|launch_type| launch_type.name() == name);
            known.is_none_or(|launch_type| wanted.contains(launch_type))
        };
        for field in [&self.compatibilities, &self.requires_compatibilities] {
            match field {
                Field::Known(names) if !names.is_empty() => return names.iter().any(is_wanted),
                Field::Unknown(_) => return !wanted.is_empty(),
                Field::Known(_) | Field::Absent => {}
            }
        }
        wanted.contains(&LaunchType::Ec2)
    }

    /// Whether the containers are Windows containers. `runtimePlatform` decides, and where it cannot
    /// be known they are not; without it, a placement constraint that is nothing but a demand for
    /// Windows does. An expression with more in it is not trusted: `… == windows or … == linux` would
    /// switch rules off.
    pub fn is_windows(&self) -> bool {
        match &self.runtime_platform {
            Field::Known(platform) => match &platform.operating_system_family {
                Field::Known(family) => return starts_with(family, "WINDOWS"),
                Field::Unknown(_) => return false,
                Field::Absent => {}
            },
            Field::Unknown(_) => return false,
            Field::Absent => {}
        }
        self.placement_constraints
            .known()
            .into_iter()
            .flatten()
            .filter_map(|constraint| constraint.expression.known())
            .any(|expression| demands_windows(expression))
    }

    /// Why it cannot be known whether the containers are Windows containers, where it cannot.
    pub(crate) fn unknown_system(&self) -> Option<&str> {
        let family = match &self.runtime_platform {
            Field::Known(platform) => &platform.operating_system_family,
            Field::Unknown(reason) => return Some(reason),
            Field::Absent => &Field::Absent,
        };
        match (family, &self.placement_constraints) {
            (Field::Known(_), _) | (Field::Absent, Field::Absent) => None,
            (Field::Unknown(reason), _) | (_, Field::Unknown(reason)) => Some(reason),
            (Field::Absent, Field::Known(constraints)) => constraints
                .iter()
                .find_map(|constraint| constraint.expression.unknown()),
        }
    }
}

fn demands_windows(expression: &str) -> bool {
    let Some((attribute, value)) = equality(expression) else {
        return false;
    };
    attribute.eq_ignore_ascii_case("attribute:ecs.os-type") && value.eq_ignore_ascii_case("windows")
        || attribute.eq_ignore_ascii_case("attribute:ecs.os-family")
            && starts_with(value, "windows_")
}

/// The two words of `ATTRIBUTE == VALUE` or `ATTRIBUTE equals VALUE`, where that is all.
fn equality(expression: &str) -> Option<(&str, &str)> {
    let (attribute, value) = if let Some(sides) = expression.split_once("==") {
        sides
    } else {
        let (attribute, rest) = expression.trim().split_once(char::is_whitespace)?;
        let (operator, value) = rest.trim().split_once(char::is_whitespace)?;
        if !operator.eq_ignore_ascii_case("equals") {
            return None;
        }
        (attribute, value)
    };
    let (attribute, value) = (attribute.trim(), value.trim());
    let is_one_word = !value.contains(char::is_whitespace) && !value.contains("==");
    is_one_word.then_some((attribute, value))
}

/// Whether `text` starts with `prefix` in any case.
fn starts_with(text: &str, prefix: &str) -> bool {
    let start = text.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(json: &str) -> TaskDefinition {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn unknown_members_are_skipped_and_nulls_are_absent() {
        let definition = definition(
            r#"{"family":"web","pidMode":null,"inferenceAccelerators":[{}],
                "containerDefinitions":[{"name":"app","environment":"HIDDEN_DUE_TO_SECURITY_REASONS","cpu":0}]}"#,
        );
        assert_eq!(definition.id(), "web");
        assert_eq!(definition.pid_mode, Field::Absent);
        assert_eq!(definition.containers().count(), 1);
    }

    #[test]
    fn launch_types_come_from_ecs_first_and_are_ec2_when_nobody_says() {
        let names = |json| -> Vec<String> {
            let types = definition(json).launch_types();
            types.iter().map(|t| t.name().to_owned()).collect()
        };
        assert_eq!(names("{}"), ["EC2"]);
        assert_eq!(
            names(r#"{"requiresCompatibilities":["FARGATE"]}"#),
            ["FARGATE"]
        );
        assert_eq!(
            names(r#"{"requiresCompatibilities":["FARGATE"],"compatibilities":["EC2","FARGATE"]}"#),
            ["EC2", "FARGATE"]
        );
        assert_eq!(
            names(r#"{"requiresCompatibilities":[],"compatibilities":[]}"#),
            ["EC2"]
        );
        assert_eq!(names(r#"{"requiresCompatibilities":["MOON"]}"#), ["MOON"]);
    }

    #[test]
    fn windows_is_believed_only_where_nothing_else_is_possible() {
        for (json, windows) in [
            (
                r#"{"runtimePlatform":{"operatingSystemFamily":"WINDOWS_SERVER_2022_CORE"}}"#,
                true,
            ),
            (
                r#"{"runtimePlatform":{"operatingSystemFamily":"LINUX"},
                    "placementConstraints":[{"expression":"attribute:ecs.os-type == windows"}]}"#,
                false,
            ),
            (
                r#"{"placementConstraints":[{"type":"memberOf","expression":"attribute:ecs.os-type==windows"}]}"#,
                true,
            ),
            (
                r#"{"placementConstraints":[{"expression":"attribute:ecs.os-family == WINDOWS_SERVER_2019_FULL"}]}"#,
                true,
            ),
            (
                r#"{"placementConstraints":[{"expression":"attribute:ecs.os-type == windows or attribute:ecs.os-type == linux"}]}"#,
                false,
            ),
            (
                r#"{"placementConstraints":[{"expression":"not(attribute:ecs.os-type == windows)"}]}"#,
                false,
            ),
            (
                r#"{"placementConstraints":[{"expression":"attribute:ecs.os-type != windows"}]}"#,
                false,
            ),
            ("{}", false),
        ] {
            assert_eq!(definition(json).is_windows(), windows, "{json}");
        }
    }
}
