//! Secrets are planted wherever one can stand, and nothing that is printed may hold any part of one.

#![expect(
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod parts;
mod planted;

use serde_json::{Value, json};

use self::planted::{FORMED, Planted, SHOWN, Shape, base, definitions, put};
use crate::{events, folder, tidewaiter};

/// In CloudFormation's spelling, as far as case counts.
fn pascal(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| {
                let mut letters = key.chars();
                let first = letters.next().unwrap_or('?').to_ascii_uppercase();
                let is_free = ["dockerLabels", "options", "driverOpts"].contains(&key.as_str());
                let value = if is_free {
                    value.clone()
                } else {
                    pascal(value)
                };
                (format!("{first}{}", letters.as_str()), value)
            })
            .collect(),
        Value::Array(list) => list.iter().map(pascal).collect(),
        scalar => scalar.clone(),
    }
}

fn template(properties: &Value) -> Value {
    json!({"Resources": {"Web": {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}}})
}

fn plan(definition: &Value) -> Value {
    let mut values = json!({});
    for (member, value) in definition.as_object().unwrap() {
        let mut name = String::new();
        for letter in member.chars() {
            if letter.is_ascii_uppercase() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        values[name] = match member.as_str() {
            "containerDefinitions" => json!(value.to_string()),
            _ => value.clone(),
        };
    }
    values["volume"] = values["volumes"].take();
    json!({"format_version": "1.2", "planned_values": {"root_module": {"resources": [
        {"address": "aws_ecs_task_definition.web", "mode": "managed", "name": "web",
         "type": "aws_ecs_task_definition", "values": values, "sensitive_values": values}]}}})
}

/// Texts that are broken, with a secret before and after the break.
fn broken(planted: &mut Planted) -> Vec<String> {
    let mut secret = |place: &str| planted.plant(Shape::Token, place);
    let mut texts = vec![
        format!("{} is no JSON", secret("the beginning of a file")),
        format!("\"{}\"", secret("a text alone")),
        format!(
            "{{\"containerDefinitions\": [{{\"name\": \"{}\"",
            secret("an unfinished file")
        ),
        format!(
            "{{\"containerDefinitions\": [{{\"a\": \"\\x{}\"}}]}}",
            secret("a bad escape")
        ),
        format!(
            "{{\"containerDefinitions\": [], \"{0}\": 1, \"{0}\": 2 {0}",
            secret("members")
        ),
        format!(
            "{{\"containerDefinitions\": {{\"{}\": 1}}}}",
            secret("a map for a list")
        ),
        format!(
            "{{\"containerDefinitions\": [{{\"name\": {}}}]}}",
            secret("no quotes")
        ),
        format!("[{{\"image\": \"{}\"}}]", secret("an array")),
        format!("Resources:\n  {0}: [\n  {0}: {0}\n", secret("broken YAML")),
        format!(
            "Resources:\n  Web:\n    {0}: 1\n    {0}: 2\n",
            secret("a key that stands twice")
        ),
        format!("Resources: {{}}\n--- {}\n", secret("a second document")),
        format!("Resources:\n  Web: *{}\n", secret("an alias")),
        format!("Resources:\n  Web: !{} a\n", secret("a tag")),
        format!("Resources:\n  ? [{}]\n  : b\n", secret("a list for a key")),
        format!("FROM {}\n", secret("a Dockerfile")),
    ];
    for value in [
        "!Ref Given",
        "!Sub '${Given}'",
        "!Sub 'x ${Given} ${Other}'",
        "!Join ['', [!Ref Given, !Ref Other]]",
        "!If [Given, !Ref Given, !Ref Other]",
        "!Select [!Ref Given, [a, b]]",
        "!FindInMap [!Ref Given, a, b]",
        "!Split [',', !Ref Given]",
        "!ImportValue {}",
        "!Ref {}",
        "!GetAtt {}.Arn",
        "!Sub '${{}}'",
        "'{{resolve:ssm:{}}}'",
        "!Base64 {}",
        "!{} a",
    ] {
        for member in [
            "User",
            "Privileged",
            "Environment",
            "Command",
            "Image",
            "DockerLabels",
        ] {
            let place = format!("{value} in {member}");
            let value = value.replace("{}", &secret(&place));
            texts.push(format!(
                "Parameters:\n  Given: {{Type: String, Default: '{}'}}\n  Other: {{Type: String}}\nConditions:\n  Given: !Equals [!Ref Given, '{}']\nResources:\n  Web:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Name: app\n          {member}: {value}\n",
                secret(&place), secret(&place),
            ));
        }
    }
    let mut with_text = plan(&base());
    let values = "/planned_values/root_module/resources/0/values/container_definitions";
    put(
        &mut with_text,
        values,
        json!(format!(
            "[{{\"name\": \"{}",
            secret("broken text of a plan")
        )),
    );
    texts.push(with_text.to_string());
    texts
}

/// Runs the program on the files in every format.
fn assert_silent(
    planted: &Planted,
    command: &[&str],
    files: &[(String, Vec<u8>)],
    formats: &[&str],
) {
    let named: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(n, c)| (n.as_str(), c.as_slice()))
        .collect();
    let folder = folder(&named);
    for format in formats {
        let mut arguments = command.to_vec();
        arguments.extend(["--format", format]);
        arguments.extend(files.iter().map(|(name, _)| name.as_str()));
        let output = tidewaiter(folder.path(), &arguments);
        assert!(!output.stdout.is_empty());
        for printed in [&output.stdout, &output.stderr] {
            planted.assert_not_in(printed, &format!("{command:?} {format}"));
        }
    }
}

fn numbered(texts: impl IntoIterator<Item = String>) -> Vec<(String, Vec<u8>)> {
    let texts = texts.into_iter().enumerate();
    texts
        .map(|(index, text)| (format!("{index}.json"), text.into_bytes()))
        .collect()
}

#[test]
fn no_secret_of_a_file_is_printed() {
    let mut planted = Planted::new();
    let definitions = definitions(&mut planted);
    let mut texts = broken(&mut planted);
    for (_, definition) in &definitions {
        texts.push(definition.to_string());
        texts.push(json!({"taskDefinition": definition}).to_string());
        texts.push(template(&pascal(definition)).to_string());
        texts.push(plan(definition).to_string());
    }
    let command = ["check", "--profile", "restricted"];
    assert_silent(
        &planted,
        &command,
        &numbered(texts),
        &["text", "json", "sarif", "junit"],
    );
}

#[test]
fn no_secret_of_an_event_is_printed() {
    let mut planted = Planted::new();
    let event = std::fs::read_to_string(events().join("task-definition-guard/privileged.json"));
    let event: Value = serde_json::from_str(&event.unwrap()).unwrap();
    let mut texts = Vec::new();
    for (place, definition) in definitions(&mut planted) {
        // The family is a part of the ARN, without which nothing can be done about the definition.
        if place.starts_with("/family") {
            continue;
        }
        let mut event = event.clone();
        event["detail"]["requestParameters"] = definition.clone();
        let registered = &mut event["detail"]["responseElements"]["taskDefinition"];
        for (member, value) in definition.as_object().unwrap() {
            if member != "family" {
                registered[member] = value.clone();
            }
        }
        texts.push(event.to_string());
        texts.push(json!({"Records": [event["detail"]]}).to_string());
    }
    for pointer in [
        "/detail/responseElements",
        "/detail/responseElements/taskDefinition",
        "/detail/errorCode",
        "/detail/eventName",
        "/detail/eventSource",
        "/detail/userIdentity",
        "/detail/eventTime",
        "/detail",
        "/detail-type",
        "/source",
        "/time",
        "/region",
        "/account",
        "/detail/responseElements/taskDefinition/taskDefinitionArn",
        "/detail/responseElements/taskDefinition/status",
        "/detail/responseElements/taskDefinition/compatibilities",
    ] {
        for value in [0, 1] {
            let mut event = event.clone();
            let secret = planted.plant(Shape::Token, pointer);
            put(
                &mut event,
                pointer,
                if value == 0 {
                    json!(secret)
                } else {
                    json!([secret])
                },
            );
            texts.push(event.to_string());
        }
    }
    texts.push(format!(
        "{{\"detail-type\": \"{}",
        planted.plant(Shape::Token, "an unfinished event")
    ));
    assert_silent(&planted, &["replay"], &numbered(texts), &["text", "json"]);
}

#[test]
fn no_secret_of_a_policy_is_printed() {
    let mut planted = Planted::new();
    for text in [
        "version: {}",
        "version: 1\n{}: 1",
        "version: 1\nprofile: {}",
        "version: 1\nunknown: {}",
        "version: 1\nrules: {}",
        "version: 1\nrules: {root-user: {}}",
        "version: 1\nrules: { {}: deny }",
        "version: 1\nrules:\n  root-user: deny\n  # {}\n  root-user: warn",
        "version: 1\npassword: {}\nrules: {root-user: denny}",
        "version: 1\nparameters: {}",
        "version: 1\nparameters: { {}: 1 }",
        "version: 1\nparameters: {secret-in-environment: {names: {}}}",
        "version: 1\nscopes: [{match: {family: {}}, rules: {nothing: deny}}]",
        "version: 1\nscopes: [{match: { {}: a }}]",
        "version: 1\nwaivers: [{}]",
        "version: 1\nwaivers: [{id: a, rules: [{}], target: {family: a}, reason: r, owner: o, expires: 2027-01-01}]",
        "version: 1\nwaivers: [{id: {}, rules: [root-user], target: {}, reason: r, owner: o, expires: 2027-01-01}]",
        "version: 1\nwaivers: [{id: {}, rules: [root-user], target: {family: a}, reason: r, owner: o, expires: 2020-01-01}]",
        "version: 1\nwaivers: [{id: a, rules: [root-user], target: {family: a}, reason: r, owner: o, expires: {}}]",
        "version: 1\nrules: [{}\n",
        "{}",
    ] {
        // An id is a name.
        let shapes = if text.contains("id: {}") {
            FORMED
        } else {
            SHOWN
        };
        for shape in shapes {
            let secret = planted.plant(*shape, text);
            let policy = text.replace("{}", &secret);
            let folder = folder(&[("p.yaml", policy.as_bytes())]);
            let output = tidewaiter(folder.path(), &["policy", "validate", "p.yaml"]);
            planted.assert_not_in(&output.stdout, text);
            planted.assert_not_in(&output.stderr, text);
        }
    }
}

/// What is recorded of the program's answers is in the repository for good.
#[test]
fn no_snapshot_holds_a_secret() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut snapshots = Vec::new();
    find_snapshots(&root, &mut snapshots);
    assert!(snapshots.len() > 10, "{snapshots:?}");
    let prefixes = [
        ["AK", "IA"],
        ["AS", "IA"],
        ["gh", "p_"],
        ["gh", "s_"],
        ["github", "_pat_"],
        ["gl", "pat-"],
        ["xo", "xb-"],
        ["xo", "xp-"],
        ["sk", "_live_"],
        ["AI", "za"],
        ["np", "m_"],
        ["-----BEGIN", " "],
    ];
    for path in snapshots {
        let text = std::fs::read_to_string(&path).unwrap();
        for prefix in prefixes.map(|parts| parts.concat()) {
            let found = text.split(&prefix).skip(1).find(|rest| {
                let body = rest
                    .bytes()
                    .take_while(|b| b.is_ascii_alphanumeric() || *b == b'-');
                body.count() >= 16 && !rest.contains("EXAMPLE")
            });
            assert!(found.is_none(), "{prefix} in {}", path.display());
        }
    }
}

fn find_snapshots(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && !name.starts_with('.') {
                find_snapshots(&entry.path(), found);
            }
        } else if entry
            .path()
            .extension()
            .is_some_and(|ending| ending == "snap")
        {
            found.push(entry.path());
        }
    }
}
