//! Files that the command line judges.

use std::collections::BTreeMap;

use serde::Deserialize;
use tidewaiter_image::dockerfile;
use tidewaiter_report::{Checked, Report};
use tidewaiter_rules::{
    Field, Subject,
    facts::{Tag, TaskDefinition},
};
use tidewaiter_templates::{Deployment, Position, positions, recognise};

use crate::{
    shown::{is_one_line, is_plain_within},
    told::{self, home},
};

/// An answer of `DescribeTaskDefinition`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    task_definition: TaskDefinition,
    #[serde(default)]
    tags: Field<Vec<Tag>>,
}

/// A task definition as it is registered, and as ECS describes it.
///
/// # Panics
/// When something does not hold.
pub fn task_definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(definition) = serde_json::from_str::<TaskDefinition>(text) {
        definition_is_judged(text, definition, "");
    }
    if let Ok(described) = serde_json::from_str::<Described>(text) {
        let definition = TaskDefinition {
            tags: described.tags,
            ..described.task_definition
        };
        definition_is_judged(text, definition, "/taskDefinition");
    }
}

fn definition_is_judged(text: &str, definition: TaskDefinition, root: &str) {
    let facts = told::facts(Subject::TaskDefinition(Box::new(definition)));
    let (decision, _) = told::judge(&facts);
    let checked = Checked::new("task.json".into(), &facts.subject, decision);
    let checked = checked.at(|pointers| {
        let pointers: Vec<String> = pointers
            .iter()
            .map(|pointer| format!("{root}{pointer}"))
            .collect();
        let pointers: Vec<&str> = pointers.iter().map(String::as_str).collect();
        let places = positions(text, &pointers);
        assert_eq!(places.len(), pointers.len());
        let places = places.into_iter();
        places
            .map(|place| {
                place.map(|place| {
                    stands_in(place, text);
                    (place.line, place.column)
                })
            })
            .collect()
    });
    told::report(&of(checked));
}

fn of(checked: Checked) -> Report<Checked> {
    let mut report = Report::default();
    report.results.push(checked);
    report
}

fn stands_in(place: Position, text: &str) {
    assert!(place.line > 0 && place.column > 0, "{place:?}");
    // Alone, each of them ends a line of YAML.
    let lines = text.split(['\r', '\n']).count();
    assert!(place.line <= lines, "{place:?}");
}

/// A template of CloudFormation, in CI and as it is deployed.
///
/// # Panics
/// When something does not hold.
pub fn cloudformation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    template(text);
    let resources = BTreeMap::from([
        ("Web", ("AWS::ECS::TaskDefinition", "web:1")),
        ("Queue", ("AWS::SQS::Queue", "https://sqs/q")),
    ]);
    let resources = resources
        .into_iter()
        .map(|(id, (kind, physical))| (id.to_owned(), (kind.to_owned(), physical.to_owned())));
    let deployed = Deployment {
        place: home(),
        name: "stack",
        id: "arn:aws:cloudformation:eu-west-1:111122223333:stack/stack/1",
        parameters: &parameters(),
        resources: &resources.collect(),
    };
    match deployed.wanted(text) {
        Ok(wanted) => assert!(wanted.len() <= text.len()),
        Err(error) => is_one_line(&error.to_string(), 2000),
    }
}

/// A plan or state of Terraform.
///
/// # Panics
/// When something does not hold.
pub fn terraform(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        template(text);
    }
}

fn parameters() -> BTreeMap<String, String> {
    let given = [("Image", "web:1"), ("Cpu", "256"), ("Env", "prod")];
    let given = given.into_iter();
    given
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn template(text: &str) {
    let read = recognise(text, &parameters());
    assert_eq!(
        read,
        recognise(text, &parameters()),
        "it is read alike twice"
    );
    let found = match read {
        Ok(Some(found)) => found,
        Ok(None) => return,
        Err(error) => return is_one_line(&error.to_string(), 2000),
    };
    for message in &found.unseen {
        is_one_line(message, 2000);
    }
    let mut report = Report::default();
    // Those that a fuzzer copies are no others.
    for mut found in found.found.into_iter().take(8) {
        let definition = std::mem::take(&mut found.definition);
        let facts = told::facts(Subject::TaskDefinition(Box::new(definition)));
        let (decision, _) = told::judge(&facts);
        let checked = Checked::new("template.yaml".into(), &facts.subject, decision);
        report
            .results
            .push(checked.of_resource(&found.id, |pointer| {
                let place = found.locate(pointer)?;
                stands_in(place, text);
                Some((place.line, place.column))
            }));
    }
    told::report(&report);
}

/// A Dockerfile.
///
/// # Panics
/// When something does not hold.
pub fn dockerfile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = dockerfile::is_dockerfile(text);
    let read = dockerfile::read(text, "Dockerfile");
    assert_eq!(
        read,
        dockerfile::read(text, "Dockerfile"),
        "it is read alike twice"
    );
    let read = match read {
        Ok(read) => read,
        Err(error) => {
            // The command line cleans what it says of a file that it cannot read.
            return is_plain_within(&tidewaiter_report::clean(&error.to_string(), 400).into());
        }
    };
    let facts = told::facts(Subject::Dockerfile(Box::new(read.clone())));
    let (decision, _) = told::judge(&facts);
    let checked = Checked::new("Dockerfile".into(), &facts.subject, decision);
    let checked = checked.of_resource("Dockerfile", |pointer| {
        let place = read.locate(pointer)?;
        let (line, column) = place;
        stands_in(Position { line, column }, text);
        Some(place)
    });
    told::report(&of(checked));
}
