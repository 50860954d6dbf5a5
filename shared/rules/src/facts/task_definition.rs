//! A task definition as `RegisterTaskDefinition` takes it and `DescribeTaskDefinition` gives it,
//! reduced to what the rules read. Members that no rule reads are skipped, whatever they hold.

use serde::Deserialize;

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
    /// `ACTIVE`, `INACTIVE` or `DELETE_IN_PROGRESS`; only of a registered definition.
    pub status: Field<String>,
    /// `awsvpc`, `bridge`, `host` or `none`; absent is `bridge` on EC2 and `awsvpc` on Fargate.
    pub network_mode: Field<String>,
    /// `host` or `task`; absent is a private namespace a container.
    pub pid_mode: Field<String>,
    /// `host`, `task` or `none`; absent is the container runtime's default.
    pub ipc_mode: Field<String>,
    /// The launch types that ECS validated the definition against.
    pub requires_compatibilities: Field<Vec<String>>,
    /// The launch types that ECS found it could run on; only of a registered definition.
    pub compatibilities: Field<Vec<String>>,
    /// Operating system and processor.
    pub runtime_platform: Field<RuntimePlatform>,
    /// Where tasks may be placed.
    pub placement_constraints: Field<Vec<PlacementConstraint>>,
    /// The containers, in order.
    pub container_definitions: Vec<Container>,
}

/// One entry of `containerDefinitions`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    expecting = "a container definition"
)]
pub struct Container {
    /// The name, unique in the definition.
    pub name: Field<String>,
    /// The image reference.
    pub image: Field<String>,
    /// Whether the container has the host's powers; absent is false.
    pub privileged: Field<bool>,
    /// `user`, `user:group`, `uid`, `uid:gid`, `user:gid` or `uid:group`; absent or empty is the
    /// image's `USER`, and root where the image has none.
    pub user: Field<String>,
    /// Whether the root file system is read-only; absent is false.
    pub readonly_root_filesystem: Field<bool>,
    /// Linux settings.
    pub linux_parameters: Field<LinuxParameters>,
    /// Present where the container is the FireLens log router of its task.
    pub firelens_configuration: Field<Present>,
}

/// `linuxParameters` of a container.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "Linux parameters")]
pub struct LinuxParameters {
    /// Linux capabilities beyond and below the runtime's default.
    pub capabilities: Field<Capabilities>,
}

/// `linuxParameters.capabilities` of a container.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "capabilities")]
pub struct Capabilities {
    /// Names added to the default set, without `CAP_`.
    pub add: Field<Vec<Field<String>>>,
    /// Names dropped from the default set, without `CAP_`.
    pub drop: Field<Vec<Field<String>>>,
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

/// An object of which only its being there matters.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(expecting = "an object")]
pub struct Present {}

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
    index: usize,
    container: &'a Container,
}

impl PlacedContainer<'_> {
    /// A JSON pointer to a member of this container; `path` is such as `linuxParameters/devices`.
    pub fn pointer(&self, path: &str) -> String {
        format!("/containerDefinitions/{}/{path}", self.index)
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
            .map(|(index, container)| PlacedContainer { index, container })
    }

    /// The ARN of the revision, where the definition is registered and the ARN has its form.
    pub fn arn(&self) -> Option<TaskDefinitionArn> {
        TaskDefinitionArn::parse(self.task_definition_arn.known()?).ok()
    }

    /// `FAMILY:REVISION`, or the family, or `?` where neither is known.
    pub fn id(&self) -> String {
        match self.arn() {
            Some(arn) => arn.short(),
            None => self.family.known().cloned().unwrap_or("?".to_owned()),
        }
    }

    /// Whether ECS has the revision as no longer usable.
    pub fn is_inactive(&self) -> bool {
        matches!(self.status.known().map(String::as_str), Some(status) if status != "ACTIVE")
    }

    /// What the definition can run on: `compatibilities` as ECS computed them, else
    /// `requiresCompatibilities`, else EC2, which is the strictest.
    pub fn launch_types(&self) -> Vec<LaunchType> {
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

    /// Whether the containers are Windows containers. `runtimePlatform` decides; without it, a
    /// placement constraint that is nothing but a demand for Windows does. An expression with more
    /// in it is not trusted: `… == windows or … == linux` would switch rules off.
    pub fn is_windows(&self) -> bool {
        let family = self
            .runtime_platform
            .known()
            .and_then(|platform| platform.operating_system_family.known());
        if let Some(family) = family {
            return family.to_ascii_uppercase().starts_with("WINDOWS");
        }
        self.placement_constraints
            .known()
            .into_iter()
            .flatten()
            .filter_map(|constraint| constraint.expression.known())
            .any(|expression| demands_windows(expression))
    }
}

fn demands_windows(expression: &str) -> bool {
    let words: Vec<String> = expression
        .replace("==", " == ")
        .split_whitespace()
        .map(str::to_ascii_lowercase)
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["attribute:ecs.os-type", "==" | "equals", value] => *value == "windows",
        ["attribute:ecs.os-family", "==" | "equals", value] => value.starts_with("windows_"),
        _ => false,
    }
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
                "containerDefinitions":[{"name":"app","environment":"HIDDEN","cpu":0}]}"#,
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
