//! Requests that hold a part of a definition, as CloudTrail records them. ECS answers neither with
//! what was asked nor later, so what CloudTrail does not show stays unknown: member by member,
//! because one that is hidden must not hide the others.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{Container, Form, Present, TaskDefinition, Variable, container::REDACTED};
use crate::field::Field;

/// A request of `RunTask` or `StartTask`, reduced to what the rules read.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(
    default,
    rename_all = "camelCase",
    expecting = "a request to run tasks"
)]
pub struct RunRequest {
    /// The family, `FAMILY:REVISION` or the ARN of the definition.
    #[serde(deserialize_with = "text")]
    pub task_definition: Field<String>,
    /// The name or the ARN of the cluster; absent is `default`.
    #[serde(deserialize_with = "text")]
    pub cluster: Field<String>,
    /// What the tasks run on; absent is what capacity providers decide.
    #[serde(deserialize_with = "text")]
    pub launch_type: Field<String>,
    /// What is put in place of the definition's.
    #[serde(deserialize_with = "any")]
    pub overrides: Field<Overrides>,
}

/// `overrides` of a request.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "overrides")]
pub struct Overrides {
    /// The role that the containers act as.
    #[serde(deserialize_with = "text")]
    pub task_role_arn: Field<String>,
    /// The role that ECS pulls images and reads secrets with.
    #[serde(deserialize_with = "text")]
    pub execution_role_arn: Field<String>,
    /// Containers by name.
    #[serde(deserialize_with = "any")]
    pub container_overrides: Field<Vec<ContainerRequest>>,
}

/// What a request says of a container: one of `containerOverrides`, or `primaryContainer`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "a container")]
pub struct ContainerRequest {
    /// The name in the definition; an Express service has none.
    #[serde(deserialize_with = "text")]
    pub name: Field<String>,
    /// The image reference; only of an Express service.
    #[serde(deserialize_with = "text")]
    pub image: Field<String>,
    /// The command.
    #[serde(deserialize_with = "any")]
    pub command: Field<Vec<Field<String>>>,
    /// Variables in clear.
    #[serde(deserialize_with = "any")]
    pub environment: Field<Vec<Variable>>,
    /// Files of variables in S3; only of overrides.
    #[serde(deserialize_with = "any")]
    pub environment_files: Field<Vec<Present>>,
}

/// A request of `CreateExpressGatewayService` or `UpdateExpressGatewayService`, reduced to what the
/// rules read. An update names only what it changes.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an Express service")]
pub struct ExpressRequest {
    /// The name, of a service that is created; absent is one that ECS makes up.
    #[serde(deserialize_with = "text")]
    pub service_name: Field<String>,
    /// The ARN, of a service that is updated.
    #[serde(deserialize_with = "text")]
    pub service_arn: Field<String>,
    /// The role that the container acts as.
    #[serde(deserialize_with = "text")]
    pub task_role_arn: Field<String>,
    /// The role that ECS pulls the image and reads secrets with.
    #[serde(deserialize_with = "text")]
    pub execution_role_arn: Field<String>,
    /// The container; absent where the service has a definition of its own, registered and judged
    /// before.
    #[serde(deserialize_with = "any")]
    pub primary_container: Field<ContainerRequest>,
}

impl ContainerRequest {
    /// A container of which nothing can be read.
    fn unreadable(reason: &str) -> Self {
        Self {
            name: Field::Absent,
            image: Field::Unknown(reason.to_owned()),
            command: Field::Unknown(reason.to_owned()),
            environment: Field::Unknown(reason.to_owned()),
            environment_files: Field::Unknown(reason.to_owned()),
        }
    }

    fn is_empty(&self) -> bool {
        fn empty<T>(list: &Field<Vec<T>>) -> bool {
            matches!(list, Field::Absent) || list.known().is_some_and(Vec::is_empty)
        }
        is_blank(&self.image)
            && empty(&self.command)
            && empty(&self.environment)
            && empty(&self.environment_files)
    }
}

impl From<ContainerRequest> for Container {
    fn from(request: ContainerRequest) -> Self {
        Self {
            name: request.name,
            image: request.image,
            command: request.command,
            environment: request.environment,
            environment_files: request.environment_files,
            ..Self::default()
        }
    }
}

impl RunRequest {
    /// A request of which nothing can be read.
    pub fn unreadable(reason: &str) -> Self {
        let unknown = || Field::Unknown(reason.to_owned());
        Self {
            task_definition: unknown(),
            cluster: unknown(),
            launch_type: unknown(),
            overrides: Field::Unknown(reason.to_owned()),
        }
    }

    /// What it overrides that rules are about; `None` where that is nothing.
    pub fn into_definition(self) -> Option<TaskDefinition> {
        let overrides = match self.overrides {
            Field::Known(overrides) => overrides,
            Field::Absent => return None,
            Field::Unknown(reason) => Overrides {
                task_role_arn: Field::Unknown(reason.clone()),
                execution_role_arn: Field::Unknown(reason.clone()),
                container_overrides: Field::Unknown(reason),
            },
        };
        let containers = match overrides.container_overrides {
            Field::Known(containers) => containers,
            Field::Absent => Vec::new(),
            // Overrides have no image.
            Field::Unknown(reason) => vec![ContainerRequest {
                image: Field::Absent,
                ..ContainerRequest::unreadable(&reason)
            }],
        };
        let is_nothing = is_blank(&overrides.task_role_arn)
            && is_blank(&overrides.execution_role_arn)
            && containers.iter().all(ContainerRequest::is_empty);
        (!is_nothing).then(|| TaskDefinition {
            form: Form::Overrides,
            // Where capacity providers decide, the answer says what they came to.
            compatibilities: match self.launch_type {
                Field::Known(launch_type) => Field::Known(vec![launch_type]),
                Field::Absent => Field::Unknown("the request does not say it".to_owned()),
                Field::Unknown(reason) => Field::Unknown(reason),
            },
            task_role_arn: overrides.task_role_arn,
            execution_role_arn: overrides.execution_role_arn,
            container_definitions: containers.into_iter().map(Container::from).collect(),
            ..TaskDefinition::default()
        })
    }
}

impl ExpressRequest {
    /// A request of which nothing can be read.
    pub fn unreadable(reason: &str) -> Self {
        let unknown = || Field::Unknown(reason.to_owned());
        Self {
            service_name: unknown(),
            service_arn: unknown(),
            task_role_arn: unknown(),
            execution_role_arn: unknown(),
            primary_container: Field::Unknown(reason.to_owned()),
        }
    }

    /// What it says that rules are about; `None` where that is nothing.
    pub fn into_definition(self) -> Option<TaskDefinition> {
        let container = match self.primary_container {
            Field::Known(container) => Some(container),
            Field::Absent => None,
            Field::Unknown(reason) => Some(ContainerRequest {
                environment_files: Field::Absent,
                ..ContainerRequest::unreadable(&reason)
            }),
        };
        let is_nothing = is_blank(&self.task_role_arn)
            && is_blank(&self.execution_role_arn)
            && container.as_ref().is_none_or(ContainerRequest::is_empty);
        let container = container.map(|container| Container {
            // Under this name ECS wants the container in a definition of one's own.
            name: Field::Known("Main".to_owned()),
            ..Container::from(container)
        });
        (!is_nothing).then(|| TaskDefinition {
            form: Form::ExpressService,
            compatibilities: Field::Known(vec!["FARGATE".to_owned()]),
            task_role_arn: self.task_role_arn,
            execution_role_arn: self.execution_role_arn,
            container_definitions: container.into_iter().collect(),
            ..TaskDefinition::default()
        })
    }
}

fn is_blank(text: &Field<String>) -> bool {
    match text {
        Field::Known(text) => text.trim().is_empty(),
        Field::Absent => true,
        Field::Unknown(_) => false,
    }
}

/// A member as its type says, or anything else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Shown<T> {
    Value(T),
    Text(String),
    Other(IgnoredAny),
}

fn any<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Field<T>, D::Error> {
    Ok(match Option::<Shown<T>>::deserialize(deserializer)? {
        Some(Shown::Value(value)) => Field::Known(value),
        Some(Shown::Text(text)) if text == REDACTED => hidden(),
        Some(Shown::Text(_) | Shown::Other(IgnoredAny)) => {
            Field::Unknown("CloudTrail shows it in a form that is not known here".to_owned())
        }
        None => Field::Absent,
    })
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Field<String>, D::Error> {
    Ok(match any(deserializer)? {
        Field::Known(text) if text == REDACTED => hidden(),
        field => field,
    })
}

fn hidden<T>() -> Field<T> {
    Field::Unknown("CloudTrail does not show it".to_owned())
}

#[cfg(test)]
mod tests;
