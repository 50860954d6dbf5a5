//! A task definition as `RegisterTaskDefinition` takes it and `DescribeTaskDefinition` gives it,
//! reduced to what the rules read. Members that no rule reads are skipped, whatever they hold.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Barred, Form, PlacementConstraint, RuntimePlatform,
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
    /// Images that cannot be pulled or of which that could not be found out, by the reference with which
    /// containers name them. Empty where nobody asked, as of a file.
    #[serde(skip)]
    pub barred: BTreeMap<String, Barred>,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(json: &str) -> TaskDefinition {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_cloudtrail_hides_of_an_environment_is_noticed() {
        let container = |environment: &str| {
            definition(&format!(
                r#"{{"containerDefinitions":[{{"name":"a"}},{{"name":"b","environment":{environment}}}]}}"#
            ))
        };
        for (environment, expected) in [
            (format!(r#""{REDACTED}""#), true),
            (
                format!(r#"[{{"name":"A","value":"x"}},{{"name":"B","value":"{REDACTED}"}}]"#),
                true,
            ),
            (r#"[{"name":"A","value":"x"}]"#.to_owned(), false),
            ("[]".to_owned(), false),
            ("null".to_owned(), false),
        ] {
            assert_eq!(
                container(&environment).is_redacted(),
                expected,
                "{environment}"
            );
        }
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
}
