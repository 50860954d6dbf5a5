//! Alerts about runs with overrides and about Express services.

use super::*;

fn call(name: &str, request: &Value, response: &Value) -> Event {
    event(&json!({
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.ecs",
        "account": "111122223333", "region": "eu-west-1", "time": "2026-10-05T06:07:08Z",
        "detail": {
            "eventSource": "ecs.amazonaws.com", "eventName": name, "eventID": "e",
            "userIdentity": {"type": "IAMUser", "userName": "bob"},
            "requestParameters": request, "responseElements": response,
        },
    }))
}

#[test]
fn an_alert_names_what_was_started_and_says_why_it_is_left() {
    let task = "arn:aws:ecs:eu-west-1:111122223333:task/prod/0123456789abcdef";
    let service = "arn:aws:ecs:eu-west-1:111122223333:service/default/shop";
    for (event, expected, headline) in [
        (
            call(
                "RunTask",
                &json!({"taskDefinition": "web", "overrides": {"taskRoleArn": "admin"}}),
                &json!({"tasks": [{"taskArn": task,
                    "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7"}]}),
            ),
            json!({"kind": "task-overrides", "id": "web:7 in prod", "arn": task,
                "link": "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/prod/tasks/0123456789abcdef/configuration?region=eu-west-1"}),
            "Bad run of web:7 in prod is left alone: the containers act as `admin`, whatever the definition says",
        ),
        (
            call(
                "StartTask",
                &json!({"taskDefinition": "web", "cluster": "edge", "overrides": {"executionRoleArn": "admin"}}),
                &json!(null),
            ),
            json!({"kind": "task-overrides", "id": "web in edge"}),
            "Bad run of web in edge is left alone: ECS pulls images and reads secrets as `admin`, whatever the definition says",
        ),
        (
            call(
                "UpdateExpressGatewayService",
                &json!({"serviceArn": service, "taskRoleArn": "shop", "executionRoleArn": "shop"}),
                &json!({}),
            ),
            json!({"kind": "express-service", "id": "shop", "arn": service,
                "link": "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/default/services?region=eu-west-1"}),
            "Bad Express service shop is left alone: `taskRoleArn` and `executionRoleArn` are the same role: the containers can read every secret and pull every image that ECS can",
        ),
    ] {
        let machine = json!(alert(&event, Effect::Done).unwrap());
        assert_eq!(machine["subject"], expected);
        assert_eq!(machine["headline"], headline);
        assert_eq!(machine["decision"], "deny");
        assert_eq!(machine["actions"], json!([]));
        assert!(machine["withheld"].as_str().unwrap().contains("by hand"));
        assert_eq!(machine["who"]["name"], "bob");
        assert_eq!(machine["region"], "eu-west-1");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_requests_come_out_inert_and_within_limits(
        text in prop_oneof![
            "[\\s\\S]{0,60}",
            "[\\s\\S]{1,20}".prop_map(|part| part.repeat(300)),
            Just("<!channel> *bold* `code` \u{202e}evil\u{1b}[31m\r\nSubject: forged".to_owned()),
        ],
        secret in "Zq[A-Za-z0-9]{20,40}",
        count in 1usize..30,
    ) {
        let container = json!({"name": text, "image": text, "command": ["--password", secret],
            "environment": [{"name": text, "value": secret}, {"name": "API_TOKEN", "value": secret}],
            "environmentFiles": [{"value": text}]});
        let run = json!({"taskDefinition": text, "cluster": text, "launchType": text, "overrides": {
            "taskRoleArn": format!("r{text}"), "executionRoleArn": format!("r{text}"),
            "containerOverrides": vec![container.clone(); count]}});
        let tasks = json!({"tasks": [{"taskArn": text, "taskDefinitionArn": text, "launchType": text}]});
        let express = json!({"serviceName": text, "serviceArn": text, "taskRoleArn": format!("r{text}"), "primaryContainer": container});
        let service = json!({"service": {"serviceArn": text}});
        for event in [
            call("RunTask", &run, &tasks),
            call("UpdateExpressGatewayService", &express, &service),
        ] {
            let message = alert(&event, Effect::Done).unwrap().message();
            is_within_limits(&message)?;
            prop_assert!(!message.body.contains(&secret));
        }
    }
}
