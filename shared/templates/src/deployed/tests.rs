use super::*;

const STACK: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/guard/0123";

/// What `template` wants with these parameters, and with the resources `Queue`, `Role` and `Gone`.
fn wanted_in(region: &str, template: &str, parameters: &[(&str, &str)]) -> Vec<Wanted> {
    let place = Place::of_region(region, "111122223333").unwrap();
    let pairs = parameters.iter();
    let parameters = pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let url = format!("https://sqs.{region}.amazonaws.com/111122223333/guard-Queue-A1");
    let resources = [
        ("Queue", "AWS::SQS::Queue", url.as_str()),
        ("Role", "AWS::IAM::Role", "guard-Role-B2"),
        ("Rule", "AWS::Events::Rule", "guard-Rule-C3"),
        ("Gone", "AWS::SQS::Queue", ""),
        ("Odd", "AWS::Odd::Thing", "odd-1"),
    ]
    .map(|(id, kind, physical)| (id.to_owned(), (kind.to_owned(), physical.to_owned())));
    let deployment = Deployment {
        place: &place,
        name: "guard",
        id: STACK,
        parameters: &parameters,
        resources: &resources.into(),
    };
    deployment.wanted(template).unwrap()
}

/// The value that a property comes to, in a template with these conditions and mappings.
fn worked_out(property: &str, parameters: &[(&str, &str)]) -> Value {
    let template = format!(
        r#"{{"Parameters": {{"Mode": {{"Type": "String"}}, "List": {{"Type": "CommaDelimitedList", "Default": ""}}}},
            "Conditions": {{"Enforce": {{"Fn::Equals": [{{"Ref": "Mode"}}, "enforce"]}}}},
            "Mappings": {{"Sizes": {{"eu-west-1": {{"small": 7}}}}}},
            "Resources": {{"Queue": {{"Type": "AWS::SQS::Queue", "Properties": {{"P": {property}}}}}}}}}"#
    );
    let wanted = wanted_in("eu-west-1", &template, parameters);
    wanted.first().unwrap().properties["P"].clone()
}

/// A property, the parameters, and what it comes to.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Value);

#[test]
fn functions_come_to_what_cloudformation_makes_of_them() {
    let queue = "https://sqs.eu-west-1.amazonaws.com/111122223333/guard-Queue-A1";
    let enforce = &[("Mode", "enforce")][..];
    let audit = &[("Mode", "audit")][..];
    let table: &[Row] = &[
        (r#"{"Ref": "Queue"}"#, enforce, json!(queue)),
        (r#"{"Ref": "Mode"}"#, enforce, json!("enforce")),
        (r#"{"Ref": "AWS::StackId"}"#, enforce, json!(STACK)),
        (r#"{"Ref": "AWS::StackName"}"#, enforce, json!("guard")),
        (
            r#"{"Fn::GetAtt": ["Queue", "Arn"]}"#,
            enforce,
            json!("arn:aws:sqs:eu-west-1:111122223333:guard-Queue-A1"),
        ),
        (
            r#"{"Fn::GetAtt": "Role.Arn"}"#,
            enforce,
            json!("arn:aws:iam::111122223333:role/guard-Role-B2"),
        ),
        (
            r#"{"Fn::Sub": "${Rule.Arn} of ${AWS::AccountId} ${!kept}"}"#,
            enforce,
            json!(
                "arn:aws:events:eu-west-1:111122223333:rule/guard-Rule-C3 of 111122223333 ${kept}"
            ),
        ),
        (
            r#"{"Fn::Sub": ["${Name}-${AWS::Region}", {"Name": {"Fn::GetAtt": ["Queue", "QueueName"]}}]}"#,
            enforce,
            json!("guard-Queue-A1-eu-west-1"),
        ),
        (
            r#"{"Fn::If": ["Enforce", "yes", "no"]}"#,
            enforce,
            json!("yes"),
        ),
        (
            r#"{"Fn::If": ["Enforce", "yes", [{"exists": false}]]}"#,
            audit,
            json!([{"exists": false}]),
        ),
        (
            r#"[1, {"Fn::If": ["Enforce", 2, {"Ref": "AWS::NoValue"}]}]"#,
            audit,
            json!([1]),
        ),
        (
            r#"{"Fn::Join": ["-", ["a", {"Fn::Select": [1, {"Fn::Split": [":", "b:c"]}]}]]}"#,
            enforce,
            json!("a-c"),
        ),
        (
            r#"{"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}"#,
            enforce,
            json!("7"),
        ),
        (r#"{"Ref": "List"}"#, enforce, json!([""])),
        (r#"{"Ref": "List"}"#, &[("List", "a, b")], json!(["a", "b"])),
        (
            r#"{"deep": [true, 1.5, null]}"#,
            enforce,
            json!({"deep": [true, 1.5]}),
        ),
    ];
    for (property, parameters, expected) in table {
        assert_eq!(worked_out(property, parameters), *expected, "{property}");
    }
}

#[test]
fn what_cannot_be_known_says_why_and_is_never_guessed() {
    for property in [
        r#"{"Fn::GetAtt": ["Queue", "Colour"]}"#,
        r#"{"Fn::GetAtt": ["Odd", "Arn"]}"#,
        r#"{"Fn::GetAtt": ["Gone", "Arn"]}"#,
        r#"{"Ref": "Gone"}"#,
        r#"{"Ref": "Mode"}"#,
        r#"{"Fn::ImportValue": "other"}"#,
        r#"{"Fn::Sub": "x ${Odd.Arn}"}"#,
        r#""{{resolve:ssm:/a}}""#,
    ] {
        let value = worked_out(property, &[]);
        let reason = value.get(UNKNOWN).and_then(Value::as_str);
        assert!(
            reason.is_some_and(|reason| reason.starts_with("depends on")),
            "{property}: {value}"
        );
    }
}

#[test]
fn a_resource_is_wanted_where_its_condition_holds_or_where_it_was_made() {
    let template = r"
Parameters: {Mode: {Type: String}, Other: {Type: String}}
Conditions: {Enforce: !Equals [!Ref Mode, enforce], Unclear: !Equals [!Ref Other, x]}
Resources:
  Queue: {Type: AWS::SQS::Queue, Condition: Unclear}
  Gone: {Type: AWS::SQS::Queue, Condition: Unclear}
  Role: {Type: AWS::IAM::Role, Condition: Enforce, Properties: {Path: !Sub '/${AWS::Partition}/'}}
";
    let ids = |parameters: &[(&str, &str)]| {
        let wanted = wanted_in("eu-west-1", template, parameters);
        wanted.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[("Mode", "enforce")]), ["Queue", "Role"]);
    assert_eq!(ids(&[("Mode", "audit")]), ["Queue"]);
    let all = wanted_in(
        "eu-west-1",
        template,
        &[("Mode", "enforce"), ("Other", "x")],
    );
    assert_eq!(all.len(), 3);
    assert_eq!(all[1].physical, "");
}

#[test]
fn other_partitions_have_arns_and_suffixes_of_their_own() {
    let template = r"
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {A: !GetAtt Queue.Arn, B: !Ref AWS::URLSuffix, C: !GetAtt Role.Arn}}
";
    for (region, partition, suffix) in [
        ("eu-west-1", "aws", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
    ] {
        let wanted = wanted_in(region, template, &[]);
        let properties = &wanted[0].properties;
        let queue = format!("arn:{partition}:sqs:{region}:111122223333:guard-Queue-A1");
        assert_eq!(properties["A"], json!(queue));
        assert_eq!(properties["B"], json!(suffix));
        let role = format!("arn:{partition}:iam::111122223333:role/guard-Role-B2");
        assert_eq!(properties["C"], json!(role));
    }
}

#[test]
fn what_is_no_template_is_an_error() {
    let place = Place::of_region("eu-west-1", "111122223333").unwrap();
    let deployment = Deployment {
        place: &place,
        name: "guard",
        id: STACK,
        parameters: &BTreeMap::new(),
        resources: &BTreeMap::new(),
    };
    assert!(deployment.wanted("{").is_err());
    assert_eq!(deployment.wanted("").unwrap(), []);
}
