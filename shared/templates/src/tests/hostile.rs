//! Texts made to break a reader.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::node::{Node, Value};

/// A template with this image.
fn with_image(head: &str, image: &str) -> String {
    format!(
        "{head}\nResources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Image: {image}\n"
    )
}

#[test]
fn deep_nesting_is_an_error() {
    for (open, close) in [
        ("[", "]"),
        ("{a: ", "}"),
        ("!Sub [", "]"),
        ("!If [C, ", ", x]"),
    ] {
        for depth in [150, 10_000] {
            let text = with_image(
                "",
                &format!("{}x{}", open.repeat(depth), close.repeat(depth)),
            );
            assert!(recognise(&text).is_err(), "{open} {depth}");
        }
    }
    let mut block = "Resources:\n".to_owned();
    for depth in 1..2000 {
        writeln!(block, "{:depth$}a:", "").unwrap();
    }
    assert!(recognise(&block).is_err());
    let plan = format!(
        r#"{{"format_version":"1","planned_values":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(recognise(&plan).is_err());
    let definitions = json!("[".repeat(100_000));
    let plan = json!({"format_version": "1", "planned_values": {"root_module": {"resources": [
        {"address": "a", "type": "aws_ecs_task_definition", "values": {"container_definitions": definitions}},
    ]}}});
    assert!(container(&plan.to_string()).image.unknown().is_some());
}

#[test]
fn aliases_that_multiply_are_an_error() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(9);
        writeln!(bomb, "a{level}: &a{level} [{before}]").unwrap();
    }
    assert!(recognise(&with_image(&bomb, "*a11")).is_err());
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..500 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert!(recognise(&with_image(&chain, "*a499")).is_err());
    assert!(recognise(&with_image("x: &x [*x]", "y")).is_err());
}

#[test]
fn work_that_multiplies_is_given_up() {
    let mut nested = "xxxxxxxxxxxxxxxx".to_owned();
    for _ in 0..40 {
        nested = format!("!Sub ['${{a}}${{a}}', {{a: {nested}}}]");
    }
    assert!(image(&with_image("", &nested)).unknown().is_some());
    let mut conditions = "Conditions:\n  C0: !Equals [a, !Ref P]\n".to_owned();
    for level in 1..200 {
        let before = level - 1;
        writeln!(
            conditions,
            "  C{level}: !And [!Condition C{before}, !Condition C{before}]"
        )
        .unwrap();
    }
    assert_eq!(
        image(&with_image(&conditions, "!If [C199, a, b]")),
        unknown("depends on condition `C199`")
    );
    let mut mapping = "Mappings: {M: {a: {".to_owned();
    for level in 0..60 {
        let next = level + 1;
        write!(
            mapping,
            "k{level}: [!FindInMap [M, a, k{next}], !FindInMap [M, a, k{next}]], "
        )
        .unwrap();
    }
    mapping.push_str("}}}\n");
    let found = image(&with_image(&mapping, "!FindInMap [M, a, k0]"));
    assert!(found.unknown().is_some());
}

fn image(text: &str) -> Field<String> {
    container(text).image
}

#[test]
fn numbers_are_texts() {
    for number in [
        "1e999",
        "-0",
        "9".repeat(5000).as_str(),
        "0x7f",
        "1_000",
        ".inf",
    ] {
        assert_eq!(
            image(&with_image("", number)),
            Field::Known(number.to_owned())
        );
    }
}

#[test]
fn strange_templates_are_read() {
    for text in [
        "Resources: {Task: {Type: AWS::ECS::TaskDefinition, Properties: []}}",
        "Resources: {Task: {Type: AWS::ECS::TaskDefinition, Properties: x}}",
        "Resources: {Task: {Type: AWS::ECS::TaskDefinition, Properties: ~}}",
        "Resources: {Task: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: x}}}",
        "Resources: {Task: {Type: AWS::ECS::TaskDefinition, Properties: {ContainerDefinitions: {a: b}}}}",
        "Parameters: x\nConditions: y\nMappings: z\nResources: {Task: {Type: AWS::ECS::TaskDefinition, Properties: {Family: !Ref x}}}",
        "Resources: {Fn::ForEach::A: x, Fn::ForEach::B: [a, b, c], Fn::ForEach::C: {}, Task: {Type: AWS::ECS::TaskDefinition}}",
    ] {
        assert_eq!(read(text).len(), 1, "{text}");
    }
}

const BASE: &str = "Parameters:\n  P: {Type: String, Default: &d a}\nConditions:\n  C: !Equals [!Ref P, *d]\nResources:\n  T:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      Family: !Sub '${P}-${AWS::Region}'\n      ContainerDefinitions:\n        - Name: !If [C, a, b]\n          Privileged: true\n          Environment: [{Name: a, Value: !GetAtt X.Y}]\n";

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
        prop::sample::select(vec![
            "P",
            "C",
            "a",
            "${P}",
            "${P}${X.Y}",
            "AWS::NoValue",
            "true",
            "0"
        ])
        .prop_map(serde_json::Value::from),
    ];
    let key = prop_oneof![
        prop::sample::select(vec![
            "Ref",
            "Fn::If",
            "Fn::Sub",
            "Fn::Join",
            "Fn::Select",
            "Fn::FindInMap",
            "Fn::Split",
            "Fn::GetAtt",
            "Name",
            "Privileged",
            "Environment",
            "LinuxParameters",
            "Capabilities",
            "Add",
            "ContainerDefinitions",
            "Volumes",
            "RequiresCompatibilities",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The document without its positions.
fn plain(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Scalar(text) => json!(text),
        Value::List(list) => list.iter().map(plain).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), plain(&entry.node)))
            .collect(),
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = recognise(&text);
        let _ = recognise(&format!("Resources: {text}"));
        let _ = recognise(&with_image("", &text));
    }

    #[test]
    fn no_damage_panics(from in 0..BASE.len(), length in 0_usize..40, instead in "[-\\[\\]{}:,&*!|>'\"#%@ \\n\\ta-c]{0,6}") {
        let mut text = BASE.to_owned();
        let to = (from + length).min(text.len());
        text.replace_range(from..to, &instead);
        let _ = recognise(&text);
    }

    #[test]
    fn no_properties_are_refused(properties in any_json()) {
        let template = json!({
            "Parameters": {"P": {"Type": "String", "Default": "a"}},
            "Conditions": {"C": properties},
            "Mappings": {"a": {"a": properties}},
            "Resources": {"T": {"Type": "AWS::ECS::TaskDefinition", "Properties": properties}},
        });
        prop_assert_eq!(read(&template.to_string()).len(), 1);
        let plan = json!({"format_version": "1.0", "planned_values": {"root_module": {"resources": [
            {"address": "a", "type": "aws_ecs_task_definition", "values": properties},
            {"address": "b", "type": "aws_ecs_task_definition", "values": {"volume": properties,
                "container_definitions": properties.to_string(), "tags": properties}},
        ]}}, "resource_changes": [{"address": "b", "change": {"after": {}, "after_unknown": properties}}]});
        prop_assert_eq!(read(&plan.to_string()).len(), 2);
    }

    #[test]
    fn json_is_read_alike_as_json_and_as_yaml(document in any_json()) {
        let document = json!({"a": document});
        for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
            if let Ok(yaml) = Node::from_yaml(&text) {
                prop_assert_eq!(plain(&yaml), plain(&Node::from_json(&text).unwrap()));
            } else {
                prop_assert!(document.to_string().contains("<<") || !text.is_ascii(), "{}", text);
            }
        }
    }
}
