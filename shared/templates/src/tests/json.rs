//! Where the values of plain JSON stand.

use proptest::prelude::*;
use serde_json::Value;

use crate::positions;

fn at(json: &str, pointer: &str) -> Option<(usize, usize)> {
    let position = positions(json, &[pointer]).remove(0)?;
    Some((position.line, position.column))
}

const DEFINITION: &str = r#"{
  "tags": [],
  "volumes": [{"name": "}\"]"}, {"name": "data"}],
	"containerDefinitions": [
    {
      "name": "äpp", "privileged": true,
      "dockerLabels": {"a/b": "c", "d~e": "\\", "f\u00fcr": "x", "": "empty", "a": {"b": 1}}
    },
    {"name": "log", "portMappings": [ {"hostPort": 1 } , {"hostPort":2}]}
  ]
}"#;

#[test]
fn a_pointer_leads_to_its_key_or_its_element() {
    for (pointer, place) in [
        ("/tags", (2, 3)),
        ("/volumes/1", (3, 33)),
        ("/volumes/1/name", (3, 34)),
        ("/containerDefinitions", (4, 2)),
        ("/containerDefinitions/0", (5, 5)),
        ("/containerDefinitions/0/privileged", (6, 22)),
        ("/containerDefinitions/0/dockerLabels/a~1b", (7, 24)),
        ("/containerDefinitions/0/dockerLabels/d~0e", (7, 36)),
        ("/containerDefinitions/0/dockerLabels/für", (7, 49)),
        ("/containerDefinitions/0/dockerLabels/", (7, 66)),
        ("/containerDefinitions/0/dockerLabels/a/b", (7, 85)),
        ("/containerDefinitions/1/portMappings/1/hostPort", (9, 59)),
    ] {
        assert_eq!(at(DEFINITION, pointer), Some(place), "{pointer}");
    }
}

#[test]
fn what_is_missing_is_where_it_would_stand() {
    for (pointer, place) in [
        (
            "/containerDefinitions/1/readonlyRootFilesystem",
            Some((9, 5)),
        ),
        (
            "/containerDefinitions/0/privileged/deeper/still",
            Some((6, 22)),
        ),
        ("/containerDefinitions/7/name", Some((4, 2))),
        ("/containerDefinitions/x", Some((4, 2))),
        ("/pidMode", None),
        ("", None),
        ("no pointer", None),
    ] {
        assert_eq!(at(DEFINITION, pointer), place, "{pointer}");
    }
}

#[test]
fn many_are_found_in_the_order_that_they_are_asked_for() {
    let pointers = ["/volumes/1", "/tags", "/volumes/1", "/nothing"];
    let lines: Vec<Option<usize>> = positions(DEFINITION, &pointers)
        .into_iter()
        .map(|position| position.map(|position| position.line))
        .collect();
    assert_eq!(lines, [Some(3), Some(2), Some(3), None]);
}

#[test]
fn the_places_are_those_of_the_same_text_as_a_template() {
    let template = r#"{"Resources": {
 "Web": {"Type": "AWS::ECS::TaskDefinition",
  "Properties": {"PidMode": "host",
     "ContainerDefinitions": [{"Name": "ü", "Privileged": true}]}}}}"#;
    let found = &super::read(template)[0];
    for (pointer, inner) in [
        ("/pidMode", "PidMode"),
        (
            "/containerDefinitions/0/privileged",
            "ContainerDefinitions/0/Privileged",
        ),
    ] {
        let pointer_of_file = format!("/Resources/Web/Properties/{inner}");
        assert_eq!(
            positions(template, &[&pointer_of_file])[0],
            found.locate(pointer)
        );
    }
}

/// The pointers of all values.
fn pointers(value: &Value, pointer: String, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{pointer}/{key}"), all);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                pointers(value, format!("{pointer}/{index}"), all);
            }
        }
        _ => {}
    }
    all.push(pointer);
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[\\s\\S]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[\"\\\\/~a-cü\n]{0,3}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_is_found_where_it_stands(value in json(), is_pretty: bool) {
        let text = if is_pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            value.to_string()
        };
        let mut all = Vec::new();
        pointers(&value, String::new(), &mut all);
        let asked: Vec<&str> = all.iter().map(String::as_str).collect();
        for (pointer, position) in asked.iter().zip(positions(&text, &asked)) {
            if pointer.is_empty() {
                prop_assert_eq!(position, None);
                continue;
            }
            let position = position.unwrap();
            let line = text.split('\n').nth(position.line - 1).unwrap();
            let line: String = line.chars().skip(position.column - 1).collect();
            let from = text.split('\n').skip(position.line).fold(line, |all, next| all + "\n" + next);
            let mut values = serde_json::Deserializer::from_str(&from).into_iter::<Value>();
            let first = values.next().unwrap().unwrap();
            let wanted = value.pointer(pointer).unwrap();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            if value.pointer(parent).unwrap().is_array() {
                prop_assert_eq!(&first, wanted);
            } else {
                let key = key.replace("~1", "/").replace("~0", "~");
                prop_assert_eq!(first, key);
            }
        }
    }

    #[test]
    fn what_is_no_json_does_no_harm(text in "[\\[\\]{}\":,\\\\a0 \nü]{0,60}", pointer in "(/[a0]{0,2}){0,4}") {
        let found = positions(&text, &[&pointer]);
        prop_assert_eq!(found.len(), 1);
    }
}
