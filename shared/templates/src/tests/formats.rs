//! One definition in every format, whichever definition it is.

// The generator is the rules' own. It is test code, which a dependency does not give.
#[path = "../../../rules/src/metamorphic/definitions.rs"]
mod definitions;

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tidewaiter_rules::Finding;

use self::definitions::{Choices, any_definition, each_object, is_free};
use super::{parity::pascal, *};

/// The definition as the AWS provider of Terraform plans it.
fn plan(definition: &Value) -> Value {
    let mut values = json!({"arn": null, "track_latest": false, "skip_destroy": false});
    for (member, value) in definition.as_object().unwrap() {
        let (name, value) = match member.as_str() {
            "containerDefinitions" => {
                ("container_definitions".to_owned(), json!(value.to_string()))
            }
            "volumes" => {
                let volumes = value.as_array().unwrap().iter().map(volume).collect();
                ("volume".to_owned(), Value::Array(volumes))
            }
            "tags" => {
                let tags = value.as_array().unwrap().iter();
                let tags: Map<String, Value> = tags
                    .map(|tag| {
                        (
                            tag["key"].as_str().unwrap().to_owned(),
                            tag["value"].clone(),
                        )
                    })
                    .collect();
                ("tags".to_owned(), Value::Object(tags))
            }
            "runtimePlatform" => ("runtime_platform".to_owned(), json!([snaked(value)])),
            _ => (snake(member), snaked(value)),
        };
        values[name] = value;
    }
    for unset in [
        "network_mode",
        "pid_mode",
        "ipc_mode",
        "cpu",
        "requires_compatibilities",
        "tags",
    ] {
        let members = values.as_object_mut().unwrap();
        members.entry(unset).or_insert(Value::Null);
    }
    for block in [
        "runtime_platform",
        "placement_constraints",
        "volume",
        "proxy_configuration",
    ] {
        let members = values.as_object_mut().unwrap();
        members.entry(block).or_insert(json!([]));
    }
    json!({
        "format_version": "1.2", "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": [{
            "address": "aws_ecs_task_definition.web", "mode": "managed", "name": "web",
            "type": "aws_ecs_task_definition", "values": values,
        }]}},
    })
}

/// A `volume` block: `host_path` is an attribute, the others are blocks of which there is one.
fn volume(volume: &Value) -> Value {
    let mut block = json!({"name": volume["name"], "host_path": "", "configure_at_launch": false,
        "docker_volume_configuration": [], "efs_volume_configuration": [],
        "fsx_windows_file_server_volume_configuration": []});
    if let Some(path) = volume["host"].get("sourcePath") {
        block["host_path"] = path.clone();
    }
    if let Some(docker) = volume.get("dockerVolumeConfiguration") {
        block["docker_volume_configuration"] = json!([snaked(docker)]);
    }
    if let Some(efs) = volume.get("efsVolumeConfiguration") {
        let mut efs = snaked(efs);
        let authorization = efs.get("authorization_config").map(|one| json!([one]));
        efs["authorization_config"] = authorization.unwrap_or(json!([]));
        block["efs_volume_configuration"] = json!([efs]);
    }
    block
}

fn snaked(value: &Value) -> Value {
    each_object(value, "", &mut |holder, members| {
        let rename = |key: String| if is_free(holder) { key } else { snake(&key) };
        members
            .into_iter()
            .map(|(key, value)| (rename(key), value))
            .collect()
    })
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A template in JSON, with a parameter of which nothing is known.
fn cloudformation(properties: &Value) -> Value {
    json!({
        "Parameters": {"Later": {"Type": "String"}},
        "Resources": {"Web": {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}},
    })
}

/// The value in YAML, with scalars in any of the forms that CloudFormation reads.
fn yaml(value: &Value, depth: usize, choices: &mut Choices<'_>, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                write!(text, "\n{indent}{}:", json!(key)).unwrap();
                yaml(value, depth + 1, choices, text);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for value in list {
                write!(text, "\n{indent}-").unwrap();
                yaml(value, depth + 1, choices, text);
            }
        }
        Value::Bool(flag) => {
            let (yes, no) = choices.of(&[
                ("true", "false"),
                ("\"true\"", "'false'"),
                ("yes", "no"),
                ("True", "FALSE"),
            ]);
            write!(text, " {}", if *flag { yes } else { no }).unwrap();
        }
        Value::Number(number) => match choices.below(2) {
            0 => write!(text, " {number}").unwrap(),
            _ => write!(text, " '{number}'").unwrap(),
        },
        Value::String(string) => {
            let is_plain = string.starts_with(|first: char| first.is_ascii_alphabetic())
                && string.chars().all(|letter| letter.is_ascii_alphanumeric());
            let is_word = ["true", "false"].contains(&string.as_str());
            if is_plain && !is_word && choices.below(2) == 1 {
                write!(text, " {string}").unwrap();
            } else {
                write!(text, " {}", json!(string)).unwrap();
            }
        }
        other => write!(text, " {other}").unwrap(),
    }
}

fn findings(definition: TaskDefinition) -> Vec<Finding> {
    decision(definition).findings
}

/// Every place in a definition, as a pointer.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let mut inner = |key: String, value: &Value| {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        all.push(pointer.clone());
        pointers(value, &pointer, all);
    };
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(key, value)| inner(key.clone(), value)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, value)| inner(index.to_string(), value)),
        _ => {}
    }
}

/// The container, volume or member that a pointer is about.
fn subject(pointer: &str) -> String {
    let mut steps = pointer.split('/').skip(1);
    let first = steps.next().unwrap();
    match (first, steps.next()) {
        ("containerDefinitions" | "volumes", Some(index)) => format!("{first}/{index}"),
        _ => first.to_owned(),
    }
}

proptest! {
    #[test]
    fn every_format_of_a_definition_gives_the_same_findings(
        definition in any_definition(),
        forms in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let registered: TaskDefinition = serde_json::from_value(definition.clone()).unwrap();
        let expected = findings(registered);
        let template = cloudformation(&pascal(&definition));
        let mut in_yaml = String::new();
        yaml(&template, 0, &mut Choices::new(&forms), &mut in_yaml);
        for text in [template.to_string(), in_yaml, plan(&definition).to_string()] {
            prop_assert_eq!(&findings(only(&text)), &expected, "{}", text);
        }
    }

    #[test]
    fn what_becomes_unknown_never_becomes_fine(definition in any_definition(), at in any::<prop::sample::Index>()) {
        let registered: TaskDefinition = serde_json::from_value(definition.clone()).unwrap();
        let before = findings(registered);
        let properties = pascal(&definition);
        let mut places = Vec::new();
        pointers(&properties, "", &mut places);
        let place = at.get(&places);
        let mut less = properties.clone();
        *less.pointer_mut(place).unwrap() = json!({"Ref": "Later"});
        let after = findings(only(&cloudformation(&less).to_string()));
        for finding in &before {
            let is_told = after.iter().any(|other| {
                let is_there = finding.pointer.starts_with(&format!("{}/", other.pointer))
                    || subject(&other.pointer) == subject(&finding.pointer);
                // Of an unknown list nobody can say which container is meant, and whether users
                // are Windows's is asked of the platform.
                let is_elsewhere =
                    place == "/ContainerDefinitions" || other.pointer == "/runtimePlatform";
                other.rule == finding.rule && (is_there || is_elsewhere)
            });
            prop_assert!(is_told, "{} at {} is gone when {place} is unknown\n{definition:#}", finding.rule, finding.pointer);
        }
    }
}
