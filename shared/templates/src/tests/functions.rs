//! Intrinsic functions, one table each.

use super::*;

const HEAD: &str = r#"
Parameters:
  Given: {Type: String, Default: web}
  Asked: {Type: String}
  Number: {Type: Number, Default: 256}
  Names: {Type: CommaDelimitedList, Default: "a, b"}
  Stored: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /image}
Mappings:
  Images:
    web: {tag: v1, tags: [v1, v2]}
Conditions:
  Yes: !Equals [!Ref Given, web]
  No: {"Fn::Not": [{"Condition": "Yes"}]}
  Maybe: !Equals [!Ref Asked, prod]
  Surely: !Or [!Condition Maybe, !Condition Yes]
  Never: !And [!Condition Maybe, !Condition No]
  Either: !Or [!Condition Maybe, !Condition No]
  NotMaybe: !Not [!Condition Maybe]
  Itself: !Not [!Condition Itself]
  Strange: !Contains [[a], a]
"#;

/// The image of a container of which it is the only member.
fn image(expression: &str) -> Field<String> {
    let text = format!(
        "{HEAD}Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Image: {expression}\n"
    );
    container(&text).image
}

/// Holds a table of an expression in YAML and the text that it is, or `?` and the reason.
fn holds(table: &[(&str, &str)]) {
    for (expression, expected) in table {
        let expected = match (expected.strip_prefix('?'), *expected) {
            (Some(reason), _) => unknown(reason),
            (None, "-") => Field::Absent,
            (None, text) => Field::Known(text.to_owned()),
        };
        assert_eq!(image(expression), expected, "{expression}");
    }
}

#[test]
fn scalars() {
    holds(&[
        ("web", "web"),
        ("7", "7"),
        ("true", "true"),
        ("~", "-"),
        ("'~'", "~"),
        (
            "'{{resolve:ssm:/image:1}}'",
            "?depends on `{{resolve:ssm:/image:1}}`",
        ),
        ("'x{{resolve:ssm:/a}}y'", "?depends on `{{resolve:ssm:/a}}`"),
        ("'x{{resolve:'", "?depends on `{{resolve:`"),
        ("[a]", "?it is a list in place of a text"),
        ("{a: b}", "?it is a map in place of a text"),
    ]);
}

#[test]
fn r#ref() {
    holds(&[
        ("!Ref Given", "web"),
        ("{Ref: Given}", "web"),
        ("!Ref Number", "256"),
        ("!Ref Asked", "?depends on parameter `Asked`"),
        ("{\"Ref\": \"Asked\"}", "?depends on parameter `Asked`"),
        (
            "!Ref Stored",
            "?depends on the Systems Manager parameter that `Stored` names",
        ),
        ("!Ref Repository", "?depends on `!Ref Repository`"),
        ("!Ref AWS::Region", "?depends on `AWS::Region`"),
        ("!Ref 'AWS::AccountId'", "?depends on `AWS::AccountId`"),
        ("!Ref AWS::NoValue", "-"),
        ("!Ref [a]", "?depends on `!Ref`"),
        ("!Ref Names", "?it is a list in place of a text"),
    ]);
}

#[test]
fn get_att() {
    holds(&[
        ("!GetAtt X.Arn", "?depends on `!GetAtt X.Arn`"),
        ("{Fn::GetAtt: [X, Arn]}", "?depends on `!GetAtt X.Arn`"),
        ("{Fn::GetAtt: X.Arn}", "?depends on `!GetAtt X.Arn`"),
        (
            "!GetAtt [X, Outputs.Image]",
            "?depends on `!GetAtt X.Outputs.Image`",
        ),
    ]);
}

#[test]
fn sub() {
    holds(&[
        ("!Sub plain", "plain"),
        ("!Sub '${Given}:1'", "web:1"),
        ("!Sub '${ Given }:${Number}'", "web:256"),
        ("{Fn::Sub: 'a-${Given}'}", "a-web"),
        ("!Sub ['${Given}${Own}', {Own: x}]", "webx"),
        (
            "!Sub ['${Given}', {Given: !Ref Asked}]",
            "?depends on parameter `Asked`",
        ),
        ("!Sub '${!Given}'", "${Given}"),
        ("!Sub '${Given'", "${Given"),
        ("!Sub '$${Given}$'", "$web$"),
        ("!Sub '${Asked}:1'", "?depends on parameter `Asked`"),
        (
            "!Sub '${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/a'",
            "?depends on `AWS::AccountId`",
        ),
        (
            "!Sub '${Repo.RepositoryUri}:1'",
            "?depends on `!GetAtt Repo.RepositoryUri`",
        ),
        ("!Sub '${Repo}'", "?depends on `!Ref Repo`"),
        (
            "!Sub '{{resolve:ssm:/${Given}}}'",
            "?depends on `{{resolve:ssm:/web}}`",
        ),
        ("!Sub {a: b}", "?depends on `!Sub`"),
        ("!Sub [a, {}, c]", "?depends on `!Sub`"),
    ]);
}

#[test]
fn r#if() {
    holds(&[
        ("!If [Yes, a, b]", "a"),
        ("!If [No, a, b]", "b"),
        ("{Fn::If: [No, a, !Ref AWS::NoValue]}", "-"),
        ("!If [Maybe, a, b]", "?depends on condition `Maybe`"),
        ("!If [Maybe, a, a]", "a"),
        (
            "!If [Maybe, a, !Ref AWS::NoValue]",
            "?depends on condition `Maybe`",
        ),
        ("!If [Maybe, !Ref AWS::NoValue, !Ref AWS::NoValue]", "-"),
        ("!If [Surely, a, b]", "a"),
        ("!If [Never, a, b]", "b"),
        ("!If [Either, a, b]", "?depends on condition `Either`"),
        ("!If [NotMaybe, a, b]", "?depends on condition `NotMaybe`"),
        ("!If [Itself, a, b]", "?depends on condition `Itself`"),
        ("!If [Strange, a, b]", "?depends on condition `Strange`"),
        ("!If [Missing, a, b]", "?depends on condition `Missing`"),
        ("!If [Yes, !If [No, a, !Sub '${Given}'], b]", "web"),
        ("!If [Yes, a]", "?depends on `!If`"),
    ]);
}

#[test]
fn join_split_select() {
    holds(&[
        ("!Join ['', [a, !Ref Given]]", "aweb"),
        ("!Join [':', !Ref Names]", "a:b"),
        (
            "{Fn::Join: ['/', [a, !Ref Asked]]}",
            "?depends on parameter `Asked`",
        ),
        ("!Join ['/', [a, [b]]]", "?depends on `!Join`"),
        ("!Join ['/', [a, !Ref AWS::NoValue, b]]", "a/b"),
        ("!Join x", "?depends on `!Join`"),
        ("!Select [1, [a, b]]", "b"),
        ("!Select ['0', !Split [':', 'x:y']]", "x"),
        ("!Select [1, !Ref Names]", "b"),
        ("!Select [2, [a, b]]", "?depends on `!Select`"),
        ("!Select [-1, [a, b]]", "?depends on `!Select`"),
        (
            "!Select [!Ref Asked, [a, b]]",
            "?depends on parameter `Asked`",
        ),
        ("!Select [0, !GetAZs '']", "?depends on `!GetAZs`"),
        ("!Split ['', abc]", "?depends on `!Split`"),
    ]);
}

#[test]
fn find_in_map() {
    holds(&[
        ("!FindInMap [Images, web, tag]", "v1"),
        ("!FindInMap [Images, !Ref Given, tag]", "v1"),
        ("!Select [1, !FindInMap [Images, web, tags]]", "v2"),
        (
            "!FindInMap [Images, !Ref AWS::Region, tag]",
            "?depends on `AWS::Region`",
        ),
        (
            "!FindInMap [Images, other, tag]",
            "?depends on `!FindInMap`",
        ),
        (
            "!FindInMap [Images, other, tag, {DefaultValue: latest}]",
            "latest",
        ),
        ("!FindInMap [Images, web]", "?depends on `!FindInMap`"),
    ]);
}

#[test]
fn everything_else_is_unknown() {
    holds(&[
        (
            "!ImportValue shared-image",
            "?depends on `!ImportValue shared-image`",
        ),
        (
            "!ImportValue {Fn::Sub: '${Asked}-x'}",
            "?depends on `!ImportValue`",
        ),
        ("!Base64 x", "?depends on `!Base64`"),
        ("!Transform {Name: M}", "?depends on `!Transform`"),
        ("{Fn::New: x}", "?depends on `!New`"),
    ]);
}

#[test]
fn branches_that_differ_hide_only_where_they_differ() {
    let template = |branches: &str| {
        container(&format!(
            "{HEAD}Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - !If [Maybe, {branches}]\n"
        ))
    };
    let reason = "depends on condition `Maybe`";
    let app = template(
        "{Name: app, Privileged: true, User: '1', Command: [a, b]}, {Name: app, Privileged: true, Command: [a, c]}",
    );
    assert_eq!(app.name, Field::Known("app".to_owned()));
    assert_eq!(app.privileged, Field::Known(true));
    assert_eq!(app.user, unknown(reason));
    assert_eq!(
        app.command,
        Field::Known(vec![Field::Known("a".to_owned()), unknown(reason)])
    );
    assert_eq!(app.image, Field::Absent);
    let sidecar = template("{Name: debug, Privileged: true}, !Ref AWS::NoValue");
    assert_eq!(sidecar.name, unknown(reason));
    assert_eq!(sidecar.privileged, unknown(reason));
    assert_eq!(sidecar.image, unknown(reason));
}

#[test]
fn what_a_macro_adds_is_unknown() {
    let app = container(
        "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Name: app\n          Fn::Transform: {Name: AWS::Include}\n          DockerLabels: {a: b, Fn::Transform: {Name: M}}\n",
    );
    assert_eq!(app.name, Field::Known("app".to_owned()));
    assert_eq!(app.privileged, unknown("depends on `!Transform`"));
    let labels = app.docker_labels.known().unwrap();
    assert_eq!(labels.len(), 2);
    assert_eq!(labels["…"], unknown("depends on `!Transform`"));
}

#[test]
fn a_list_that_is_unknown_is_not_empty() {
    let reason = "depends on parameter `P`";
    let definition = only(
        "Parameters: {P: {Type: String}}\nResources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      RequiresCompatibilities: [!Ref P]\n      Volumes: !Ref P\n      ContainerDefinitions: !Ref P\n",
    );
    assert_eq!(definition.requires_compatibilities, unknown(reason));
    assert_eq!(definition.volumes, unknown(reason));
    assert_eq!(definition.container_definitions.len(), 1);
    assert_eq!(
        definition.container_definitions[0].privileged,
        unknown(reason)
    );
}

#[test]
fn a_value_of_another_type_hides_nothing_else() {
    let definition = only(
        "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - oops\n        - {Name: app, Privileged: maybe, ReadonlyRootFilesystem: 'True', Environment: {A: b}, Ulimits: [{Name: nofile, SoftLimit: 1e999, HardLimit: '-1'}], Cpu: [1]}\n      RequiresCompatibilities: FARGATE\n",
    );
    let [first, app] = definition.container_definitions.as_slice() else {
        panic!("{definition:?}")
    };
    assert_eq!(first.image, unknown("it is a text in place of an object"));
    assert_eq!(
        app.privileged,
        unknown("it is a text in place of `true` or `false`")
    );
    assert_eq!(app.readonly_root_filesystem, Field::Known(true));
    assert!(app.environment.unknown().is_some());
    let ulimit = &app.ulimits.known().unwrap()[0];
    assert_eq!(
        ulimit.soft_limit,
        unknown("it is a text in place of a whole number")
    );
    assert_eq!(ulimit.hard_limit, Field::Known(-1));
    assert!(app.cpu.unknown().is_some());
    assert_eq!(
        definition.requires_compatibilities,
        unknown("it is a text in place of a list")
    );
}

#[test]
fn a_variable_that_is_unknown_hides_no_other() {
    let app = container(
        "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - Environment:\n            - {Name: A, Value: 1}\n            - {Name: B, Value: !GetAtt Db.Address}\n            - !If [Q, {Name: C, Value: c}, {Name: C, Value: d}]\n",
    );
    let variables = app.environment.known().unwrap();
    assert_eq!(variables[0].value.known().unwrap().as_str(), "1");
    assert_eq!(
        variables[1].value,
        unknown("depends on `!GetAtt Db.Address`")
    );
    assert_eq!(variables[2].name, Field::Known("C".to_owned()));
    assert_eq!(variables[2].value, unknown("depends on condition `Q`"));
}

#[test]
fn anchors_and_merge_keys_are_worked_out() {
    let text = "x: &base {Privileged: true, User: root}\nResources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - <<: *base\n          User: app\n";
    let app = container(text);
    assert_eq!(app.privileged, Field::Known(true));
    assert_eq!(app.user, Field::Known("app".to_owned()));
}

#[test]
fn a_member_in_two_spellings_is_unknown() {
    let app = container(&indented(
        "Resources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n    Properties:\n      ContainerDefinitions:\n        - {Privileged: true, privileged: false}\n",
        0,
    ));
    assert_eq!(app.privileged, unknown("it stands there twice"));
}
