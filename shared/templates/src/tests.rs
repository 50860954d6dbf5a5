//! What holds of every template and plan.

mod formats;
mod functions;
mod hostile;
mod json;
mod parity;
mod unseen;

use std::{collections::BTreeMap, fmt::Write as _};

use tidewaiter_rules::{
    Decision, Facts, Field, Policy, Subject, decide,
    facts::{Container, TaskDefinition},
    policy::Profile,
};

use crate::{Found, Position, Recognised, TemplateError};

/// What a text holds when nothing is given to it.
fn recognise(text: &str) -> Result<Option<Vec<Found>>, TemplateError> {
    let recognised = crate::recognise(text, &BTreeMap::new())?;
    Ok(recognised.map(|recognised| recognised.found))
}

/// A template that is given values for its parameters.
fn given(text: &str, parameters: &[(&str, &str)]) -> Recognised {
    let parameters = parameters.iter();
    let parameters = parameters.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    crate::recognise(text, &parameters.collect())
        .unwrap()
        .unwrap()
}

/// The definitions of a text that is a template or plan.
fn read(text: &str) -> Vec<Found> {
    match recognise(text) {
        Ok(Some(found)) => found,
        other => panic!("{other:?} of\n{text}"),
    }
}

/// The only definition of a text.
fn only(text: &str) -> TaskDefinition {
    let mut found = read(text);
    assert_eq!(found.len(), 1, "{text}");
    found.remove(0).definition
}

/// The only container of a text's only definition.
fn container(text: &str) -> Container {
    let mut containers = only(text).container_definitions;
    assert_eq!(containers.len(), 1, "{text}");
    containers.remove(0)
}

/// The decision of the strictest profile.
fn decision(definition: TaskDefinition) -> Decision {
    let facts = Facts {
        place: None,
        observed_at: None,
        subject: Subject::TaskDefinition(Box::new(definition)),
    };
    decide(&facts, &Policy::of_profile(Profile::Restricted))
}

/// The text with every line moved in.
fn indented(text: &str, by: usize) -> String {
    let mut moved = String::new();
    for line in text.lines() {
        writeln!(moved, "{:by$}{line}", "").unwrap();
    }
    moved
}

fn unknown<T>(reason: &str) -> Field<T> {
    Field::Unknown(reason.to_owned())
}

#[test]
fn what_is_neither_is_left_to_others() {
    for text in [
        "",
        "FROM alpine\nUSER root\n",
        r#"{"family":"web","containerDefinitions":[]}"#,
        r#"{"taskDefinition":{"family":"web"}}"#,
        r#"{"Resources":["a"]}"#,
        r#"{"format_version":"1.0"}"#,
        "apiVersion: v1\nkind: Pod\nspec: {Resources: {}}\n",
        "- Resources\n",
        "# Resources\nRUN [ a: b\n",
        "{",
        "[1,2]",
    ] {
        assert_eq!(recognise(text), Ok(None), "{text}");
    }
}

#[test]
fn a_template_without_task_definitions_has_none() {
    assert_eq!(read("Resources: {}"), []);
    assert_eq!(
        read("Resources:\n  Q: {Type: AWS::SQS::Queue}\n  R: 7\n"),
        []
    );
    assert_eq!(
        read(r#"{"format_version":"1.2","planned_values":{"root_module":{}}}"#),
        []
    );
}

#[test]
fn a_template_that_is_in_use_is_read() {
    assert_eq!(read(include_str!("../../../infra/template.yaml")), []);
}

#[test]
fn resources_are_named_and_placed() {
    let yaml = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n\n  Web:\n    Type: AWS::ECS::TaskDefinition\n  Job: {Type: AWS::ECS::TaskDefinition}\n";
    let json = "{\n \"Resources\": {\n\t\"Web\": {\"Type\": \"AWS::ECS::TaskDefinition\"}, \"Job\": {\"Type\": \"AWS::ECS::TaskDefinition\"}\n}}";
    let places = |text| -> Vec<(String, usize, usize)> {
        let found = read(text).into_iter();
        found
            .map(|found| {
                let position = found.position.unwrap();
                (found.id, position.line, position.column)
            })
            .collect()
    };
    assert_eq!(
        places(yaml),
        [("Web".to_owned(), 5, 3), ("Job".to_owned(), 7, 3)]
    );
    assert_eq!(
        places(json),
        [("Web".to_owned(), 3, 2), ("Job".to_owned(), 3, 47)]
    );
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let error = |text| recognise(text).unwrap_err().to_string();
    assert_eq!(
        error("Resources:\n  Web:\n    Type: a\n    Type: b\n"),
        "line 4: `Type` stands twice"
    );
    assert_eq!(
        error("Resources: {}\n---\nResources: {}\n"),
        "line 2: a second document begins, and a template is one"
    );
    assert_eq!(
        error("Resources:\n  ? [a]\n  : b\n"),
        "line 2: a key is a text, and here stands a list or a map"
    );
    assert!(error("Resources:\n\t- a\n").starts_with("line 2: "));
    assert_eq!(
        error(r#"{"format_version":"1","planned_values":{"a":1,"a":2}}"#),
        "`a` stands twice at line 1 column 52"
    );
}

#[test]
fn a_loop_over_resources_is_read_once() {
    let found = read(
        "Resources:\n  Fn::ForEach::Services:\n    - Name\n    - [a, b]\n    - 'Task${Name}':\n        Type: AWS::ECS::TaskDefinition\n        Properties:\n          Family: !Sub 'f-${Name}'\n          ContainerDefinitions:\n            - {Name: app, Privileged: true}\n",
    );
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, "Task${Name}");
    assert_eq!(
        found[0].definition.family,
        unknown("depends on `!Ref Name`")
    );
    assert_eq!(
        found[0].definition.container_definitions[0].privileged,
        Field::Known(true)
    );
}

#[test]
fn pointers_lead_back_to_the_file() {
    let text = "Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      PidMode: host
      Volumes:
        - Name: a
          EFSVolumeConfiguration:
            AuthorizationConfig: {IAM: DISABLED}
      ContainerDefinitions:
        - Name: app
          Privileged: true
          DockerLabels: {a/b: c}
        - Name: log
          LinuxParameters: !If [C, {InitProcessEnabled: true}, {}]
        - !If [C, {Name: x}, !Ref AWS::NoValue]
        - Name: last
";
    let found = &read(text)[0];
    for (pointer, line, column) in [
        ("/pidMode", 5, 7),
        (
            "/volumes/0/efsVolumeConfiguration/authorizationConfig/iam",
            9,
            35,
        ),
        ("/containerDefinitions/0/privileged", 12, 11),
        ("/containerDefinitions/0/dockerLabels/a~1b", 13, 26),
        ("/containerDefinitions/1", 14, 11),
        ("/containerDefinitions/1/readonlyRootFilesystem", 14, 11),
        (
            "/containerDefinitions/1/linuxParameters/initProcessEnabled",
            15,
            11,
        ),
        ("/containerDefinitions/2/name", 10, 7),
        ("/containerDefinitions/3/name", 10, 7),
        ("/ipcMode", 2, 3),
        ("", 2, 3),
    ] {
        assert_eq!(
            found.locate(pointer),
            Some(Position { line, column }),
            "{pointer}"
        );
    }
}
