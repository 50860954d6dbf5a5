//! A definition in every form in which one comes.

use serde_json::{Map, Value, json};

/// What CloudTrail writes in place of what it does not show.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// The launch types that ECS finds a definition fit for: those that were asked for, and EC2 in any
/// case, which takes what the others take.
pub(crate) fn compatibilities(request: &Value) -> Value {
    let mut kinds = request["requiresCompatibilities"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if !kinds.contains(&json!("EC2")) {
        kinds.push(json!("EC2"));
    }
    json!(kinds)
}

/// As ECS answers: registered, with the empty members and the defaults that it fills in, and without
/// the tags, which stand beside it.
pub(crate) fn described(request: &Value) -> Value {
    let mut answer = request.clone();
    answer["taskDefinitionArn"] =
        json!("arn:aws:ecs:eu-west-1:111122223333:task-definition/web:12");
    answer["revision"] = json!(12);
    answer["status"] = json!("ACTIVE");
    answer["compatibilities"] = compatibilities(request);
    answer["requiresAttributes"] = json!([{"name": "ecs.capability.task-eni"}]);
    answer["registeredAt"] = json!("2026-11-23T12:00:00.123000+00:00");
    answer["registeredBy"] = json!("arn:aws:iam::111122223333:user/someone");
    for member in ["volumes", "placementConstraints"] {
        fill_in(&mut answer, member, json!([]));
    }
    for container in containers(&mut answer) {
        fill_in(container, "cpu", json!(0));
        fill_in(container, "essential", json!(true));
        for member in [
            "environment",
            "mountPoints",
            "portMappings",
            "systemControls",
            "volumesFrom",
        ] {
            fill_in(container, member, json!([]));
        }
    }
    if let Some(members) = answer.as_object_mut() {
        members.remove("tags");
    }
    answer
}

/// The response as CloudTrail records it.
pub(crate) fn response(request: &Value) -> Value {
    json!({"taskDefinition": described(request)})
}

fn fill_in(object: &mut Value, member: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.entry(member).or_insert(value);
    }
}

fn containers(definition: &mut Value) -> impl Iterator<Item = &mut Value> {
    let containers = definition["containerDefinitions"].as_array_mut();
    containers.into_iter().flatten()
}

/// As CloudTrail may have the request: without the environments.
pub(crate) fn hidden(request: &Value) -> Value {
    let mut hidden = request.clone();
    for container in containers(&mut hidden) {
        if container.get("environment").is_some() {
            container["environment"] = json!(HIDDEN);
        }
    }
    hidden
}

/// The event of a registration with these bodies.
pub(crate) fn event(request: &Value, response: &Value) -> Value {
    json!({
        "detail-type": "AWS API Call via CloudTrail", "source": "aws.ecs",
        "account": "111122223333", "region": "eu-west-1", "time": "2026-11-01T06:07:08Z",
        "detail": {
            "eventSource": "ecs.amazonaws.com", "eventName": "RegisterTaskDefinition",
            "userIdentity": {"type": "Root"}, "requestParameters": request,
            "responseElements": response,
        },
    })
}

/// Members whose own members are names from outside, and not the API's.
fn is_free(member: &str) -> bool {
    matches!(member, "dockerLabels" | "options" | "driverOpts")
}

/// The value with every member of the API spelled otherwise.
fn spelled(value: &Value, spelling: fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let value = if is_free(name) {
                    value.clone()
                } else {
                    spelled(value, spelling)
                };
                (spelling(name), value)
            })
            .collect(),
        Value::Array(list) => list.iter().map(|value| spelled(value, spelling)).collect(),
        scalar => scalar.clone(),
    }
}

fn pascal(name: &str) -> String {
    match name {
        "efsVolumeConfiguration" => "EFSVolumeConfiguration".to_owned(),
        "fileSystemId" => "FilesystemId".to_owned(),
        "iam" => "IAM".to_owned(),
        _ => {
            let mut letters = name.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect()
        }
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// As a template of CloudFormation.
pub(crate) fn cloudformation(request: &Value) -> Value {
    json!({"Resources": {"Web": {
        "Type": "AWS::ECS::TaskDefinition", "Properties": spelled(request, pascal),
    }}})
}

/// As a plan of Terraform. The provider takes the containers as a JSON text, an object as a list of
/// one, a volume of the host as an attribute, and tags as a map.
pub(crate) fn terraform(request: &Value) -> Value {
    let mut values = Map::new();
    for (name, value) in request.as_object().into_iter().flatten() {
        let (name, value) = match name.as_str() {
            "containerDefinitions" => {
                ("container_definitions".to_owned(), json!(value.to_string()))
            }
            "volumes" => {
                let volumes = value.as_array().into_iter().flatten();
                ("volume".to_owned(), volumes.map(volume).collect())
            }
            "tags" => {
                let tags = value.as_array().into_iter().flatten();
                let tags = tags.map(|tag| {
                    let key = tag["key"].as_str().unwrap_or_default();
                    (key.to_owned(), tag["value"].clone())
                });
                ("tags".to_owned(), Value::Object(tags.collect()))
            }
            "runtimePlatform" => (snake(name), json!([spelled(value, snake)])),
            _ => (snake(name), spelled(value, snake)),
        };
        values.insert(name, value);
    }
    json!({"format_version": "1.2", "planned_values": {"root_module": {"resources": [{
        "address": "aws_ecs_task_definition.web", "mode": "managed",
        "type": "aws_ecs_task_definition", "name": "web", "values": values,
    }]}}})
}

/// What a plan of Terraform can say of a request: an attribute that is an empty text or an empty list is
/// one that is not set. In the containers' JSON text both are themselves.
pub(crate) fn without_empty(request: &Value) -> Value {
    let members = request.as_object().into_iter().flatten();
    let members = members.filter_map(|(name, value)| {
        let value = match name.as_str() {
            "containerDefinitions" | "tags" => value.clone(),
            _ => set(value)?,
        };
        Some((name.clone(), value))
    });
    Value::Object(members.collect())
}

fn set(value: &Value) -> Option<Value> {
    Some(match value {
        Value::String(text) if text.is_empty() => return None,
        Value::Array(list) if list.is_empty() => return None,
        Value::Object(members) => {
            let members = members.iter();
            let set = members.filter_map(|(name, value)| Some((name.clone(), set(value)?)));
            Value::Object(set.collect())
        }
        // The elements of a list stay where they are.
        Value::Array(list) => list
            .iter()
            .map(|value| set(value).unwrap_or_else(|| value.clone()))
            .collect(),
        scalar => scalar.clone(),
    })
}

fn volume(volume: &Value) -> Value {
    let mut block = json!({"name": volume["name"], "host_path": ""});
    if let Some(path) = volume.pointer("/host/sourcePath") {
        block["host_path"] = path.clone();
    }
    if let Some(docker) = volume.get("dockerVolumeConfiguration") {
        block["docker_volume_configuration"] = json!([spelled(docker, snake)]);
    }
    if let Some(efs) = volume.get("efsVolumeConfiguration") {
        let mut efs = spelled(efs, snake);
        if let Some(authorization) = efs.get("authorization_config") {
            efs["authorization_config"] = json!([authorization]);
        }
        block["efs_volume_configuration"] = json!([efs]);
    }
    block
}
