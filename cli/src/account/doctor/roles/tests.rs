use super::{
    super::tests::{commands, lines, wanted},
    *,
};

fn says(action: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})
}

fn trust(who: &str) -> Value {
    json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": who}, "Action": "sts:AssumeRole"}]})
}

fn judged(live: Option<Value>) -> Vec<String> {
    let properties = json!({"AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
        "Policies": [{"PolicyName": "observe", "PolicyDocument": says("ecs:Describe*")}]});
    let role = wanted(
        "AWS::IAM::Role",
        "GuardRole",
        "guard-GuardRole-A1",
        properties,
    );
    let properties = json!({"PolicyName": "enforce", "Roles": ["guard-GuardRole-A1"],
        "PolicyDocument": says("ecs:DeregisterTaskDefinition")});
    let beside = wanted("AWS::IAM::Policy", "Enforcement", "x", properties);
    assert!(is_of(&beside, &role));
    lines(judge(&role, &[&beside], Ok(live), &commands()))
}

#[test]
fn policies_beside_the_role_are_its_own() {
    let live = json!({"AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), "PermissionsBoundary": null,
        "Policies": {"observe": says("ecs:Describe*"), "enforce": says("ecs:DeregisterTaskDefinition")},
        "ManagedPolicyArns": []});
    assert_eq!(
        judged(Some(live)),
        ["ok GuardRole: its policies are those of the template"]
    );
}

#[test]
fn every_way_to_more_or_less_power_is_told() {
    let live = json!({"AssumeRolePolicyDocument": trust("ec2.amazonaws.com"),
        "PermissionsBoundary": "arn:aws:iam::111122223333:policy/boundary",
        "Policies": {"observe": says("*"), "backdoor": says("iam:*")},
        "ManagedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]});
    insta::assert_snapshot!(judged(Some(live)).join("\n"));
}

#[test]
fn a_role_that_is_gone_is_made_anew_with_all_that_it_may() {
    insta::assert_snapshot!(judged(None).join("\n"));
}
