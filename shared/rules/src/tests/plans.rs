//! What is done about a decision.

use super::*;

#[test]
fn an_unknown_leads_to_no_action_whatever_it_costs() {
    let policy = policy("profile: restricted\nunknown: deny");
    let facts = definition(
        &json!({"taskDefinitionArn": ARN, "requiresCompatibilities": ["FARGATE"], "containerDefinitions": [
        {"name": "app", "readonlyRootFilesystem": true, "essential": false,
         "logConfiguration": {"logDriver": "awslogs"},
         "linuxParameters": {"capabilities": {"drop": ["ALL"]}}}]}),
    );
    let decision = decide(&facts, &policy);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(
        what(&decision),
        [("root-user", Outcome::Unknown, Severity::High)]
    );
    let plan = plan(&decision, &facts, Mode::Enforce, None);
    assert_eq!((plan.steps, plan.withheld), (Vec::new(), None));
}

#[test]
fn what_cannot_be_acted_on_is_left_alone_for_a_reason() {
    let privileged = |more: &Value| {
        let mut json = json!({"containerDefinitions": [{"name": "app", "privileged": true}]});
        let members = json.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        definition(&json)
    };
    let elsewhere = Place::of_region("us-east-1", "111122223333").unwrap();
    for (facts, home, reason) in [
        (privileged(&json!({})), home(), Withheld::NotIdentified),
        (
            privileged(&json!({"taskDefinitionArn": ARN, "status": "INACTIVE"})),
            home(),
            Withheld::AlreadyDone,
        ),
        (
            privileged(&json!({"taskDefinitionArn": ARN})),
            elsewhere,
            Withheld::Elsewhere,
        ),
    ] {
        let decision = decide(&facts, &Policy::default());
        let plan = plan(&decision, &facts, Mode::Enforce, Some(&home));
        assert_eq!((plan.steps, plan.withheld), (Vec::new(), Some(reason)));
    }
}

#[test]
fn commands_name_the_one_thing_and_nothing_from_outside() {
    let counts = BTreeMap::from([(ScanSeverity::Critical, 1)]);
    let facts = image(ScanState::Complete, counts);
    let plan = plan(
        &decide(&facts, &Policy::default()),
        &facts,
        Mode::Enforce,
        None,
    );
    let step = &plan.steps[0];
    assert!(matches!(step.action, Action::ArchiveImage(..)));
    assert!(
        step.action
            .command()
            .ends_with("--target-storage-class ARCHIVE")
    );
    assert_eq!(
        step.undo.command,
        format!("tidewaiter undo '{}'", step.idempotency_key)
    );
    assert!(step.idempotency_key.ends_with(&"0a".repeat(32)));
}

#[test]
fn actions_say_what_they_are_for_and_what_follows() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let image = format!("arn:aws:ecr:eu-west-1:111122223333:repository/app@{digest}");
    let tagged = format!("arn:aws:ecr:eu-west-1:111122223333:repository/app:v1@{digest}");
    for (id, is_final, quarantines, follows) in [
        (
            format!("deregister-task-definition:{ARN}"),
            true,
            false,
            "nothing new can use the revision",
        ),
        (
            format!("archive-image:{image}"),
            false,
            true,
            "nobody can pull the image",
        ),
        (format!("tag-image:{tagged}"), false, true, "keeps this tag"),
        (
            format!("untag-image:{tagged}"),
            false,
            true,
            "nobody can pull the image by this tag",
        ),
        (
            format!("delete-image:{image}"),
            false,
            false,
            "gone for good",
        ),
    ] {
        let action = Action::parse_id(&id).unwrap();
        assert_eq!(action.is_final(), is_final, "{id}");
        assert_eq!(action.quarantines().is_some(), quarantines, "{id}");
        assert!(!action.is_about_what_runs(), "{id}");
        assert!(action.consequence().contains(follows), "{id}");
    }
    for (withheld, reason, is_unknown) in [
        (Withheld::AlreadyDone, "done already", false),
        (Withheld::InUse, "it runs", false),
        (Withheld::Elsewhere, "another account or region", false),
        (Withheld::UsageUnknown, "could not be found out", true),
        (Withheld::TagsUnknown, "tags", true),
    ] {
        assert!(withheld.reason().contains(reason), "{withheld:?}");
        assert_eq!(withheld.is_unknown(), is_unknown, "{withheld:?}");
    }
}
