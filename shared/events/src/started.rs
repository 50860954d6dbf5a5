//! Calls that start containers with something that no registered definition says: runs of tasks
//! with overrides, and Express services.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidewaiter_rules::{
    Facts, Field, Subject,
    facts::{ExpressRequest, RunRequest, TaskDefinition},
    names::{ServiceArn, TaskArn, TaskDefinitionArn, is_family},
};

use crate::{Ignored, Origin, Principal};

/// A successful call that starts containers with something that no registered definition says.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// Where the event comes from.
    pub origin: Origin,
    /// Who called.
    pub principal: Principal,
    /// What the call says of a definition. Nothing more can be learned later.
    pub definition: TaskDefinition,
}

impl Started {
    /// The facts.
    pub fn facts(&self) -> Facts {
        Facts {
            place: self.origin.place.clone(),
            observed_at: self.origin.time,
            subject: Subject::TaskDefinition(Box::new(self.definition.clone())),
        }
    }
}

/// What a call that starts containers says of a definition, or why there is nothing to judge.
pub(crate) enum Call {
    /// `RunTask` or `StartTask`.
    Run,
    /// `CreateExpressGatewayService` or `UpdateExpressGatewayService`.
    Express,
}

impl Call {
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "RunTask" | "StartTask" => Some(Self::Run),
            "CreateExpressGatewayService" | "UpdateExpressGatewayService" => Some(Self::Express),
            _ => None,
        }
    }

    /// What the call says of a definition.
    pub(crate) fn definition(
        &self,
        request: Option<&RawValue>,
        response: Option<&RawValue>,
    ) -> Result<TaskDefinition, Ignored> {
        let (request, response) = (request.map(RawValue::get), response.map(RawValue::get));
        match self {
            Self::Run => run(request, response),
            Self::Express => express(request, response),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RunAnswer {
    tasks: Option<Vec<StartedTask>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct StartedTask {
    task_arn: Option<String>,
    task_definition_arn: Option<String>,
    launch_type: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ExpressAnswer {
    service: Service,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Service {
    service_arn: Option<String>,
}

const LEFT_OUT: &str = "CloudTrail left it out";
const UNREADABLE: &str = "the request is not one that can be read";

fn run(request: Option<&str>, response: Option<&str>) -> Result<TaskDefinition, Ignored> {
    let request = match request {
        None | Some("null") => RunRequest::unreadable(LEFT_OUT),
        Some(json) => {
            serde_json::from_str(json).unwrap_or_else(|_| RunRequest::unreadable(UNREADABLE))
        }
    };
    let (asked, cluster) = (request.task_definition.clone(), request.cluster.clone());
    // Before the answer is looked at: nearly every run is done here.
    let definition = request.into_definition().ok_or(Ignored::NothingOfItsOwn)?;
    let answer: RunAnswer = read(response);
    if answer.tasks.as_ref().is_some_and(Vec::is_empty) {
        return Err(Ignored::NothingStarted);
    }
    let task = answer.tasks.unwrap_or_default().into_iter().next();
    let task = task.unwrap_or_default();

    let arn = task.task_arn.as_deref().and_then(TaskArn::parse);
    let (family, reference) = revision(task.task_definition_arn.as_deref())
        .or_else(|| revision(asked.known().map(String::as_str)))
        .unzip();
    let cluster = match (&arn, &cluster) {
        (Some(arn), _) => Some(arn.cluster().to_owned()),
        (None, Field::Known(cluster)) => cluster_name(cluster),
        (None, Field::Absent) => Some("default".to_owned()),
        (None, Field::Unknown(_)) => None,
    };
    let or_unknown = |name: Option<String>| name.unwrap_or_else(|| "?".to_owned());
    Ok(TaskDefinition {
        family: family.map_or_else(
            || Field::Unknown("the call does not say it".to_owned()),
            Field::Known,
        ),
        compatibilities: match task.launch_type {
            Some(launch_type) => Field::Known(vec![launch_type]),
            None => definition.compatibilities,
        },
        part_of: Some(format!(
            "{} in {}",
            or_unknown(reference),
            or_unknown(cluster.clone())
        )),
        cluster,
        part_of_arn: arn.map(|arn| arn.to_string()),
        ..definition
    })
}

fn express(request: Option<&str>, response: Option<&str>) -> Result<TaskDefinition, Ignored> {
    let request = match request {
        None | Some("null") => ExpressRequest::unreadable(LEFT_OUT),
        Some(json) => {
            serde_json::from_str(json).unwrap_or_else(|_| ExpressRequest::unreadable(UNREADABLE))
        }
    };
    let (name, asked) = (request.service_name.clone(), request.service_arn.clone());
    let definition = request.into_definition().ok_or(Ignored::NothingOfItsOwn)?;
    let answer: ExpressAnswer = read(response);
    let arn = answer.service.service_arn;
    let arn = arn.as_deref().and_then(ServiceArn::parse);
    let arn = arn.or_else(|| ServiceArn::parse(asked.known()?));
    let name = match &arn {
        Some(arn) => Some(arn.service().to_owned()),
        None => name.known().filter(|name| is_family(name)).cloned(),
    };
    Ok(TaskDefinition {
        part_of: Some(name.unwrap_or_else(|| "?".to_owned())),
        cluster: arn.as_ref().map(|arn| arn.cluster().to_owned()),
        part_of_arn: arn.map(|arn| arn.to_string()),
        ..definition
    })
}

/// A body, where it has its form; an answer only names things.
fn read<T: Default + for<'de> Deserialize<'de>>(json: Option<&str>) -> T {
    json.and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default()
}

/// The family and `FAMILY:REVISION` of a reference to a definition, which may be an ARN and may have
/// no revision.
fn revision(reference: Option<&str>) -> Option<(String, String)> {
    let reference = reference?.trim();
    if let Ok(arn) = TaskDefinitionArn::parse(reference) {
        return Some((arn.family().to_owned(), arn.short()));
    }
    let name = reference.rsplit('/').next().unwrap_or_default();
    let (family, revision) = name.split_once(':').unwrap_or((name, "0"));
    let is_number = revision.len() <= 19 && revision.bytes().all(|b| b.is_ascii_digit());
    (is_family(family) && is_number).then(|| (family.to_owned(), name.to_owned()))
}

/// The name of a cluster that is named by its ARN or its name.
fn cluster_name(cluster: &str) -> Option<String> {
    let name = cluster.rsplit('/').next().unwrap_or_default();
    // The same characters as a family's.
    is_family(name).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TASK: &str =
        "arn:aws:ecs:eu-west-1:111122223333:task/prod/0123456789abcdef0123456789abcdef";
    const REVISION: &str = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";

    fn raw(json: &Value) -> Box<RawValue> {
        serde_json::value::to_raw_value(json).unwrap()
    }

    fn told(call: &str, request: &Value, response: &Value) -> String {
        let call = Call::of(call).unwrap();
        match call.definition(Some(&raw(request)), Some(&raw(response))) {
            Err(ignored) => format!("ignored: {ignored}"),
            Ok(definition) => format!(
                "{} {} {} {:?}",
                definition.form.name(),
                definition.id(),
                definition.part_of_arn.as_deref().unwrap_or("-"),
                definition.family_name(),
            ),
        }
    }

    #[test]
    fn a_run_is_named_by_its_answer_and_else_by_its_request() {
        let role = json!({"taskRoleArn": "admin"});
        let answer = json!({"failures": [], "tasks": [{"taskArn": TASK, "taskDefinitionArn": REVISION}, {}]});
        let old = json!({"tasks": [{"taskArn": "arn:aws:ecs:eu-west-1:111122223333:task/0123"}]});
        for (task_definition, cluster, answer, expected) in [
            (
                json!("web"),
                json!(null),
                &answer,
                format!(r#"web:7 in prod {TASK} Some("web")"#),
            ),
            (
                json!("web:7"),
                json!("prod"),
                &json!(null),
                r#"web:7 in prod - Some("web")"#.to_owned(),
            ),
            (
                json!("web"),
                json!(null),
                &json!({}),
                r#"web in default - Some("web")"#.to_owned(),
            ),
            (
                json!(REVISION),
                json!("arn:aws:ecs:eu-west-1:111122223333:cluster/prod"),
                &old,
                r#"web:7 in prod - Some("web")"#.to_owned(),
            ),
            (
                json!("arn:aws:ecs:eu-west-1:111122223333:task-definition/web"),
                json!("a b"),
                &json!("HIDDEN_DUE_TO_SECURITY_REASONS"),
                r#"web in ? - Some("web")"#.to_owned(),
            ),
            (
                json!("$(x)"),
                json!(7),
                &json!([]),
                "? in ? - None".to_owned(),
            ),
            (
                json!("web:x"),
                json!(""),
                &json!({"tasks": null}),
                "? in ? - None".to_owned(),
            ),
        ] {
            for call in ["RunTask", "StartTask"] {
                let request = json!({"taskDefinition": task_definition, "cluster": cluster, "overrides": role});
                assert_eq!(
                    told(call, &request, answer),
                    format!("task-overrides {expected}")
                );
            }
        }
    }

    #[test]
    fn a_run_without_overrides_or_tasks_is_ignored_for_a_reason() {
        let plain = json!({"taskDefinition": "web", "overrides": {"containerOverrides": [{"name": "app", "cpu": 1}]}});
        let answer = json!({"tasks": [{"taskArn": TASK}]});
        assert_eq!(
            told("RunTask", &plain, &answer),
            "ignored: the call says nothing of a task definition that a rule is about"
        );
        let role = json!({"taskDefinition": "web", "overrides": {"taskRoleArn": "admin"}});
        let failed = json!({"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]});
        assert_eq!(
            told("StartTask", &role, &failed),
            "ignored: the call started nothing"
        );
    }

    #[test]
    fn the_answer_says_what_a_run_is_on() {
        let request = json!({"taskDefinition": "web", "launchType": "EC2", "overrides": {"taskRoleArn": "admin"}});
        for (answer, expected) in [
            (json!({"tasks": [{"launchType": "FARGATE"}]}), "FARGATE"),
            (json!(null), "EC2"),
        ] {
            let definition = Call::Run.definition(Some(&raw(&request)), Some(&raw(&answer)));
            let types = definition.unwrap().launch_types();
            assert_eq!(types[0].name(), expected);
            assert_eq!(types.len(), 1);
        }
    }

    #[test]
    fn an_express_service_is_named_by_its_answer_and_else_by_its_request() {
        let arn = "arn:aws:ecs:eu-west-1:111122223333:service/default/shop";
        let image = json!({"image": "nginx"});
        let answer = json!({"service": {"serviceArn": arn, "serviceName": "shop"}});
        for (call, request, answer, expected) in [
            (
                "CreateExpressGatewayService",
                json!({"primaryContainer": image}),
                &answer,
                format!("shop {arn} None"),
            ),
            (
                "CreateExpressGatewayService",
                json!({"primaryContainer": image, "serviceName": "shop"}),
                &json!(null),
                "shop - None".to_owned(),
            ),
            (
                "CreateExpressGatewayService",
                json!({"primaryContainer": image, "serviceName": "<b>"}),
                &json!(7),
                "? - None".to_owned(),
            ),
            (
                "UpdateExpressGatewayService",
                json!({"primaryContainer": image, "serviceArn": arn}),
                &json!({}),
                format!("shop {arn} None"),
            ),
            (
                "UpdateExpressGatewayService",
                json!({"taskRoleArn": "admin", "serviceArn": "x"}),
                &json!({}),
                "? - None".to_owned(),
            ),
        ] {
            assert_eq!(
                told(call, &request, answer),
                format!("express-service {expected}")
            );
        }
        let own = json!({"infrastructureRoleArn": "infra", "taskDefinitionArn": REVISION});
        assert!(told("CreateExpressGatewayService", &own, &answer).starts_with("ignored: "));
    }

    #[test]
    fn what_cloudtrail_left_out_is_unknown() {
        for request in [json!(null), json!("HIDDEN_DUE_TO_SECURITY_REASONS")] {
            for call in [Call::Run, Call::Express] {
                let definition = call.definition(Some(&raw(&request)), None).unwrap();
                assert!(definition.task_role_arn.unknown().is_some());
                assert!(definition.id().starts_with('?'));
            }
        }
    }
}
