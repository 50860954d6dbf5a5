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
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn run(overrides: &Value) -> Option<TaskDefinition> {
        let request = json!({"taskDefinition": "web:7", "overrides": overrides});
        serde_json::from_value::<RunRequest>(request)
            .unwrap()
            .into_definition()
    }

    fn express(request: &Value) -> Option<TaskDefinition> {
        serde_json::from_value::<ExpressRequest>(request.clone())
            .unwrap()
            .into_definition()
    }

    #[test]
    fn overrides_that_no_rule_is_about_are_none() {
        for overrides in [
            json!(null),
            json!({}),
            json!({"containerOverrides": []}),
            json!({"containerOverrides": null, "taskRoleArn": "", "executionRoleArn": null}),
            json!({"containerOverrides": [{"name": "app"}, {"name": "log", "environment": [], "command": [], "environmentFiles": []}]}),
            json!({"cpu": "1024", "memory": "2048", "ephemeralStorage": {"sizeInGiB": 30}}),
            json!({"containerOverrides": [{"name": "app", "cpu": 10, "resourceRequirements": [{"type": "GPU", "value": "1"}]}]}),
        ] {
            assert_eq!(run(&overrides), None, "{overrides}");
        }
        let request: RunRequest = serde_json::from_str(r#"{"taskDefinition":"web"}"#).unwrap();
        assert_eq!(request.into_definition(), None);
    }

    #[test]
    fn what_is_overridden_is_read_container_by_container() {
        let definition = run(&json!({
            "taskRoleArn": "arn:aws:iam::111122223333:role/admin",
            "containerOverrides": [
                {"name": "app", "environment": [{"name": "A", "value": "b"}, {"name": "N", "value": 7}]},
                {"name": "log", "command": ["sh", "-c", "x"], "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::b/x.env"}]},
            ],
        }))
        .unwrap();
        assert_eq!(definition.form, Form::Overrides);
        assert!(definition.arn().is_none());
        let [app, log] = definition.container_definitions.as_slice() else {
            panic!("{definition:?}")
        };
        assert_eq!(app.environment.known().map(Vec::len), Some(2));
        assert_eq!(app.command, Field::Absent);
        assert_eq!(app.image, Field::Absent);
        assert_eq!(log.name.known().map(String::as_str), Some("log"));
        assert_eq!(log.command.known().map(Vec::len), Some(3));
        assert_eq!(log.environment_files.known().map(Vec::len), Some(1));
        let pointers: Vec<String> = definition.containers().map(|c| c.pointer("x")).collect();
        assert_eq!(
            pointers,
            [
                "/overrides/containerOverrides/0/x",
                "/overrides/containerOverrides/1/x"
            ]
        );
        assert_eq!(definition.pointer("taskRoleArn"), "/overrides/taskRoleArn");
    }

    #[test]
    fn what_is_hidden_is_unknown_and_hides_nothing_else() {
        let definition = run(&json!({
            "taskRoleArn": REDACTED,
            "executionRoleArn": {"Ref": "x"},
            "containerOverrides": [
                {"name": "app", "environment": REDACTED, "command": ["--password=hunter2"]},
                {"name": "log", "command": REDACTED},
            ],
        }))
        .unwrap();
        let why = Some("CloudTrail does not show it");
        assert_eq!(definition.task_role_arn.unknown(), why);
        assert!(definition.execution_role_arn.unknown().is_some());
        let [app, log] = definition.container_definitions.as_slice() else {
            panic!("{definition:?}")
        };
        assert_eq!(app.environment.unknown(), why);
        assert_eq!(app.command.known().map(Vec::len), Some(1));
        assert_eq!(log.command.unknown(), why);
        assert_eq!(log.environment, Field::Absent);

        for overrides in [
            json!(REDACTED),
            json!(7),
            json!({"containerOverrides": 7}),
        ] {
            let definition = run(&overrides).unwrap();
            let container = &definition.container_definitions[0];
            assert!(container.environment.unknown().is_some(), "{overrides}");
            assert_eq!(container.image, Field::Absent, "{overrides}");
        }
    }

    #[test]
    fn a_run_is_on_what_it_says_and_on_anything_where_it_does_not() {
        let types = |launch_type: Value| -> Vec<String> {
            let request = json!({"taskDefinition": "web", "launchType": launch_type, "overrides": {"taskRoleArn": "r"}});
            let request: RunRequest = serde_json::from_value(request).unwrap();
            let types = request.into_definition().unwrap().launch_types();
            types.iter().map(|t| t.name().to_owned()).collect()
        };
        assert_eq!(types(json!("FARGATE")), ["FARGATE"]);
        assert_eq!(types(json!("EC2")), ["EC2"]);
        assert_eq!(types(json!(null)).len(), 4);
        assert_eq!(types(json!(REDACTED)).len(), 4);
    }

    #[test]
    fn an_express_service_is_read_created_and_updated() {
        let definition = express(&json!({
            "serviceName": "shop", "executionRoleArn": "exec", "infrastructureRoleArn": "infra", "taskRoleArn": "shop",
            "primaryContainer": {"image": "nginx", "containerPort": 80, "environment": REDACTED,
                "repositoryCredentials": REDACTED, "awsLogsConfiguration": {"logGroup": "g", "logStreamPrefix": "p"},
                "secrets": [{"name": "A", "valueFrom": "arn:aws:ssm:eu-west-1:111122223333:parameter/a"}]},
            "cpu": "256", "memory": "512",
        }))
        .unwrap();
        assert_eq!(definition.form, Form::ExpressService);
        let container = definition.containers().next().unwrap();
        assert_eq!(container.pointer("image"), "/primaryContainer/image");
        assert_eq!(container.image.known().map(String::as_str), Some("nginx"));
        assert!(container.environment.unknown().is_some());
        assert_eq!(container.label(), "Main");
        assert_eq!(definition.pointer("taskRoleArn"), "/taskRoleArn");
        let arn = "arn:aws:ecs:eu-west-1:111122223333:service/default/shop";
        let update = express(&json!({"serviceArn": arn, "taskRoleArn": "admin"})).unwrap();
        assert_eq!(update.containers().count(), 0);
        for nothing in [
            json!({"serviceArn": arn, "cpu": "512", "scalingTarget": {"maxTaskCount": 3}}),
            json!({"serviceArn": arn, "primaryContainer": {"containerPort": 8080}}),
            json!({"infrastructureRoleArn": "infra", "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7"}),
        ] {
            assert_eq!(express(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn of_a_request_that_is_not_there_nothing_is_known_and_nothing_passes() {
        let run = RunRequest::unreadable("left out").into_definition();
        assert!(run.unwrap().task_role_arn.unknown().is_some());
        let express = ExpressRequest::unreadable("left out").into_definition();
        let express = express.unwrap();
        assert!(express.container_definitions[0].image.unknown().is_some());
    }

    proptest! {
        #[test]
        fn no_member_of_any_form_makes_a_request_unreadable(
            name in prop::sample::select(vec!["taskRoleArn", "executionRoleArn", "containerOverrides", "cpu", "x"]),
            inner in prop::sample::select(vec!["name", "environment", "environmentFiles", "command", "image", "x"]),
            value in prop::sample::select(vec![
                json!(null), json!(true), json!(-1), json!(1e300), json!("x"), json!(REDACTED), json!([]), json!([null]),
                json!([[1]]), json!(["a", 1]), json!({}), json!({"a": 1}), json!([{"name": 1, "value": {}}]),
            ]),
        ) {
            let _ = run(&value);
            let _ = run(&json!({name: value}));
            let _ = run(&json!({"containerOverrides": [{inner: value}]}));
            let _ = express(&json!({name: value, "primaryContainer": value}));
            let _ = express(&json!({"primaryContainer": {inner: value}}));
        }
    }
}
