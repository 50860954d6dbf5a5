//! Requests as CloudTrail shows them, and as it might.

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
    let strange = Some("CloudTrail shows it in a form that is not known here");
    assert_eq!(definition.execution_role_arn.unknown(), strange);
    let [app, log] = definition.container_definitions.as_slice() else {
        panic!("{definition:?}")
    };
    assert_eq!(app.environment.unknown(), why);
    assert_eq!(app.command.known().map(Vec::len), Some(1));
    assert_eq!(log.command.unknown(), why);
    assert_eq!(log.environment, Field::Absent);

    for (overrides, why) in [
        (json!(REDACTED), why),
        (json!("none"), strange),
        (json!(7), strange),
        (json!({"containerOverrides": 7}), strange),
    ] {
        let definition = run(&overrides).unwrap();
        let container = &definition.container_definitions[0];
        assert_eq!(container.environment.unknown(), why, "{overrides}");
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
    // It runs on Fargate, and no request for it names a file of variables.
    assert!(!express.may_run_on(&[crate::facts::LaunchType::Ec2]));
    let files = &express.container_definitions[0].environment_files;
    assert_eq!(*files, Field::Absent);
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
