//! What is given to a template, and what it does not show.

use tidewaiter_rules::Field;

use super::{given, unknown};

const TEMPLATE: &str = "Parameters:
  Privileged: {Type: String, Default: 'false'}
  Image: {Type: String}
  Drop: {Type: CommaDelimitedList, Default: NET_RAW}
  User: {Type: 'AWS::SSM::Parameter::Value<String>'}
Conditions:
  IsHost: !Equals [!Ref Privileged, 'true']
Resources:
  Web:
    Type: AWS::ECS::TaskDefinition
    Properties:
      PidMode: !If [IsHost, host, task]
      ContainerDefinitions:
        - Name: app
          Image: !Sub '${Image}:1'
          User: !Ref User
          Privileged: !Ref Privileged
          Command: !Ref Drop
";

#[test]
fn parameters_that_are_given_stand_in_for_defaults() {
    let values = [
        ("Privileged", "true"),
        ("Image", "example/app"),
        ("Drop", "ALL, NET_RAW"),
        ("User", "/users/app"),
        ("Other", "x"),
    ];
    let template = given(TEMPLATE, &values);
    let definition = &template.found[0].definition;
    assert_eq!(definition.pid_mode, Field::Known("host".to_owned()));
    let container = &definition.container_definitions[0];
    assert_eq!(container.privileged, Field::Known(true));
    assert_eq!(container.image, Field::Known("example/app:1".to_owned()));
    // The value of such a parameter is a name, and not what it names.
    assert_eq!(
        container.user,
        unknown("depends on the Systems Manager parameter that `User` names")
    );
    let used: Vec<&str> = template.used.iter().map(String::as_str).collect();
    assert_eq!(used, ["Drop", "Image", "Privileged", "User"]);
}

#[test]
fn what_is_not_given_keeps_its_default() {
    let template = given(TEMPLATE, &[("Drop", "ALL")]);
    let definition = &template.found[0].definition;
    assert_eq!(definition.pid_mode, Field::Known("task".to_owned()));
    let container = &definition.container_definitions[0];
    assert_eq!(container.privileged, Field::Known(false));
    assert_eq!(container.image, unknown("depends on parameter `Image`"));
}

#[test]
fn what_may_add_definitions_is_told() {
    let unseen = |head: &str| given(&format!("{head}Resources: {{}}\n"), &[]).unseen;
    for known in [
        "",
        "Transform: AWS::Serverless-2016-10-31\n",
        "Transform: [AWS::LanguageExtensions, 'AWS::Serverless-2016-10-31']\n",
    ] {
        assert_eq!(unseen(known), [""; 0], "{known}");
    }
    for (unknown, names) in [
        ("Transform: Add`Sidecars\n", vec!["`Add'Sidecars`"]),
        (
            "Transform: [AWS::LanguageExtensions, A, {Name: AWS::Include, Parameters: {Location: s}}]\n",
            vec!["`A`", "`AWS::Include`"],
        ),
        ("Transform: {Name: !Ref X}\n", vec!["cannot be known"]),
    ] {
        let told = unseen(unknown);
        assert_eq!(told.len(), names.len(), "{told:?}");
        for (told, name) in told.iter().zip(names) {
            assert!(told.contains(name), "{told}");
        }
    }
    let resources = "Resources:
  Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://a/b}}
  Web: {Type: 'My::Ecs::Service::MODULE'}
  Queue: {Type: 'AWS::SQS::Queue'}
";
    let told = given(resources, &[]).unseen;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`AWS::Include`"), "{told:?}");
    assert!(told[1].contains("`My::Ecs::Service::MODULE`"), "{told:?}");
}
