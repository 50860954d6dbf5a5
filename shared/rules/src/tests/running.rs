//! What is done about what runs a denied image, and that nothing is unless the policy says so.

use super::{
    quarantine::{around, bad, digest, planned, run},
    *,
};
use crate::{
    facts::{
        Deployment, Quarantine, Run,
        deployment::{DeployedImage, Deregistered, Named, Revision, Service, Tagged},
    },
    judge_tags,
    names::{ServiceArn, ServiceDeploymentArn, TaskArn},
};

/// The scanned image of [`bad`].
const SCANNED: u8 = 0x0a;
/// Another image of the repository.
const OTHER: u8 = 0x0b;

const STOP_TASKS: &str = "running: { standalone-tasks: stop }";
const STOP_DEPLOYMENTS: &str = "running: { deployments: stop }";
const REPLACE: &str = "running: { services: replace }";
const ALL: &str = "running: { services: replace, deployments: stop, standalone-tasks: stop }";

fn task(number: u8) -> TaskArn {
    let arn = format!("arn:aws:ecs:eu-west-1:111122223333:task/prod/{number:032}");
    TaskArn::parse(&arn).unwrap()
}

fn standalone(numbers: &[u8]) -> Run {
    Run {
        service: None,
        tasks: numbers.len().try_into().unwrap(),
        task_arns: numbers.iter().map(|&number| task(number)).collect(),
        ..run(SCANNED)
    }
}

fn running(runs: Vec<Run>, services: Vec<Service>) -> Facts {
    let mut facts = bad();
    *around(&mut facts) = Surroundings {
        family: Family::default().into(),
        usage: Some(Usage {
            runs,
            unknown: None,
        }),
        services,
        ..Surroundings::default()
    };
    facts
}

fn revision(number: u8) -> Revision {
    let image = format!(
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app@{}",
        digest(number)
    );
    Revision {
        task_definition: Some(crate::names::TaskDefinitionArn::parse(ARN).unwrap()),
        deregistered: None,
        images: vec![DeployedImage::new("app", &image, None)],
    }
}

fn deployment(target: u8, sources: &[u8]) -> Deployment {
    let arn = "arn:aws:ecs:eu-west-1:111122223333:service-deployment/prod/web/9I-wURsUdq";
    Deployment {
        arn: ServiceDeploymentArn::parse(arn).unwrap(),
        target: revision(target),
        sources: sources.iter().map(|&number| revision(number)).collect(),
    }
}

fn service(named: Named, deployment: Option<Deployment>) -> Service {
    Service {
        arn: ServiceArn::new(&home(), "prod", "web").unwrap(),
        named,
        deployment,
    }
}

fn by_tag(number: u8, critical: u64) -> Named {
    let counts = BTreeMap::from([(ScanSeverity::Critical, critical)]);
    let scan = Scan::counted(Scanner::Basic, ScanState::Complete, counts);
    Named::ByTag(vec![Tagged {
        tag: "stable".to_owned(),
        digest: digest(number),
        scans: vec![(digest(number), scan)],
        is_clean: false,
    }])
}

fn names(plan: &crate::Plan) -> Vec<&'static str> {
    plan.steps.iter().map(|step| step.action.name()).collect()
}

fn reasons(plan: &crate::Plan) -> Vec<&str> {
    plan.left.iter().map(|left| left.reason.as_str()).collect()
}

/// What is planned once the policy has judged what the tags lead to.
fn judged(mut facts: Facts, more: &str) -> crate::Plan {
    judge_tags(&mut facts, &policy(more));
    planned(&facts, more)
}

#[test]
fn tasks_started_by_themselves_are_stopped_and_then_the_image_is_in_use_no_more() {
    let facts = running(vec![standalone(&[1, 2])], Vec::new());
    let plan = planned(&facts, STOP_TASKS);
    assert_eq!(names(&plan), ["stop-task", "stop-task", "archive-image"]);
    assert_eq!(plan.withheld, None);
    let step = &plan.steps[0];
    assert_eq!(
        step.action.command(),
        "aws ecs stop-task --region eu-west-1 --cluster prod --task 00000000000000000000000000000001 \
         --reason 'Stopped by Tidewaiter: its image is denied by vulnerable-image'"
    );
    assert_eq!(
        step.undo.command,
        format!("aws ecs run-task --region eu-west-1 --cluster prod --task-definition {ARN}")
    );
    // Nothing waits for a task where what runs is made unpullable in any case.
    let plan = planned(&facts, &format!("in-use: quarantine\n{STOP_TASKS}"));
    assert_eq!(names(&plan), ["archive-image", "stop-task", "stop-task"]);
}

#[test]
fn what_is_allowed_for_one_kind_is_allowed_for_no_other() {
    let of_service = || run(SCANNED);
    let still = running(
        vec![standalone(&[1]), of_service(), of_service()],
        vec![service(by_tag(OTHER, 0), None)],
    );
    let moving = running(
        vec![standalone(&[1]), of_service(), of_service()],
        vec![service(
            by_tag(OTHER, 0),
            Some(deployment(SCANNED, &[OTHER])),
        )],
    );
    let in_flight = "a deployment of the denied image is in flight";
    for (facts, policy, done, left) in [
        (&still, STOP_TASKS, &["stop-task"][..], None),
        (&still, REPLACE, &["force-new-deployment"], None),
        (
            &still,
            STOP_DEPLOYMENTS,
            &[],
            Some("no deployment of it is in flight"),
        ),
        (&moving, STOP_TASKS, &["stop-task"], None),
        (&moving, REPLACE, &[], Some(in_flight)),
        (
            &moving,
            STOP_DEPLOYMENTS,
            &["stop-service-deployment"],
            None,
        ),
    ] {
        let plan = judged(facts.clone(), policy);
        assert_eq!(names(&plan), done, "{policy}");
        for step in &plan.steps {
            assert!(step.action.is_about_what_runs() && step.action.is_final());
            assert_eq!(step.action.quarantines(), None);
        }
        assert!(
            reasons(&plan).iter().all(|reason| Some(*reason) == left),
            "{policy}"
        );
        assert_eq!(reasons(&plan).is_empty(), left.is_none(), "{policy}");
    }
}

#[test]
fn where_something_else_runs_the_image_too_it_is_left() {
    let known = service(Named::ByDigest, None);
    let facts = running(vec![standalone(&[1]), run(SCANNED)], vec![known]);
    let plan = planned(&facts, STOP_TASKS);
    assert_eq!(names(&plan), ["stop-task"]);
    assert_eq!(plan.withheld, Some(Withheld::InUse));
    // Of so many tasks not all are named.
    let mut many = standalone(&[1]);
    many.tasks = 2;
    let plan = planned(&running(vec![many], Vec::new()), STOP_TASKS);
    assert_eq!(
        (names(&plan), plan.withheld, plan.left.len()),
        (vec!["stop-task"], Some(Withheld::InUse), 1)
    );
    // A revision that has no name could not be started again.
    let mut nameless = standalone(&[1]);
    nameless.task_definition = "$(x)".to_owned();
    let plan = planned(&running(vec![nameless], Vec::new()), STOP_TASKS);
    assert_eq!(
        (names(&plan).len(), plan.withheld),
        (0, Some(Withheld::InUse))
    );
}

#[test]
fn a_service_is_deployed_anew_only_where_its_tag_leads_to_something_clean_by_now() {
    let plan_of = |known: Service| judged(running(vec![run(SCANNED)], vec![known]), REPLACE);
    let plan = plan_of(service(by_tag(OTHER, 0), None));
    assert_eq!(names(&plan), ["force-new-deployment"]);
    assert_eq!(plan.withheld, Some(Withheld::InUse));
    assert_eq!(
        plan.steps[0].action.command(),
        "aws ecs update-service --region eu-west-1 --cluster prod --service web --force-new-deployment"
    );
    // What it brings is a part of what is not done twice.
    assert!(
        plan.steps[0]
            .idempotency_key
            .ends_with(digest(OTHER).as_str())
    );
    let mut mixed = by_tag(OTHER, 0);
    if let (Named::ByTag(tags), Named::ByTag(more)) = (&mut mixed, by_tag(SCANNED, 1)) {
        tags.extend(more);
    }
    let in_flight = Some(deployment(OTHER, &[SCANNED]));
    for (known, why) in [
        (service(by_tag(OTHER, 1), None), "not known to be clean"),
        (
            service(by_tag(SCANNED, 1), None),
            "leads to the denied image",
        ),
        (service(mixed, None), "leads to the denied image"),
        (service(Named::ByDigest, None), "by digest"),
        (service(Named::ByTag(Vec::new()), None), "names no image"),
        (service(Named::Unknown("denied".to_owned()), None), "denied"),
        (
            service(by_tag(OTHER, 0), in_flight),
            "something else is in flight",
        ),
    ] {
        let plan = plan_of(known);
        assert_eq!(names(&plan), [] as [&str; 0], "{why}");
        assert_eq!(plan.withheld, Some(Withheld::InUse));
        assert!(reasons(&plan)[0].contains(why), "{:?}", reasons(&plan));
    }
    // What is known of another service, or of one of its name elsewhere, is not known of it.
    let other = |cluster, name| Service {
        arn: ServiceArn::new(&home(), cluster, name).unwrap(),
        ..service(by_tag(OTHER, 0), None)
    };
    for others in [
        vec![],
        vec![other("prod", "jobs")],
        vec![other("test", "web")],
    ] {
        let plan = judged(running(vec![run(SCANNED)], others), REPLACE);
        assert_eq!(names(&plan), [] as [&str; 0]);
        assert_eq!(reasons(&plan), ["how it is deployed could not be read"]);
    }
}

#[test]
fn a_deployment_of_the_denied_image_is_rolled_back_to_what_is_no_worse() {
    let plan_of = |deployment: Deployment| {
        let known = service(Named::ByDigest, Some(deployment));
        judged(running(vec![run(SCANNED)], vec![known]), STOP_DEPLOYMENTS)
    };
    let plan = plan_of(deployment(SCANNED, &[OTHER]));
    assert_eq!(names(&plan), ["stop-service-deployment"]);
    assert_eq!(plan.withheld, Some(Withheld::InUse));
    assert!(
        plan.steps[0]
            .undo
            .command
            .ends_with(&format!("--task-definition {ARN}"))
    );
    let first = Withheld::FirstDeployment.reason();
    let as_bad = Withheld::RollbackAsBad.reason();
    let unread = |mut deployment: Deployment| {
        let image = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app:1";
        deployment.sources[0].images = vec![DeployedImage::new("app", image, None)];
        deployment
    };
    for (deployment, why) in [
        (deployment(SCANNED, &[]), first),
        (deployment(SCANNED, &[OTHER, SCANNED]), as_bad),
        (unread(deployment(SCANNED, &[OTHER])), as_bad),
        (
            deployment(OTHER, &[SCANNED]),
            "a deployment of something else is in flight",
        ),
    ] {
        let plan = plan_of(deployment);
        assert_eq!(names(&plan), [] as [&str; 0], "{why}");
        assert_eq!(reasons(&plan), [why]);
    }
}

fn deploying(deployment: Deployment) -> Facts {
    Facts {
        place: Some(home()),
        observed_at: None,
        subject: Subject::Deployment(Box::new(deployment)),
    }
}

fn quarantined(mut revision: Revision) -> Revision {
    revision.images[0].quarantine = Some(Quarantine {
        since: None,
        reason: "1 critical finding".to_owned(),
        elsewhere: None,
        is_untold: false,
    });
    revision
}

#[test]
fn a_deployment_of_what_is_denied_is_told_and_stopped_where_the_policy_says_so() {
    let mut with_image = deployment(SCANNED, &[OTHER]);
    with_image.target = quarantined(revision(SCANNED));
    let mut with_revision = deployment(SCANNED, &[OTHER]);
    with_revision.target.deregistered = Some(Deregistered::default());
    for (deployment, rule) in [
        (with_image, "quarantined-image-deployed"),
        (with_revision, "denied-revision-deployed"),
    ] {
        let facts = deploying(deployment.clone());
        let decision = decide(&facts, &policy(""));
        assert_eq!(decision.verdict, Verdict::Deny);
        assert_eq!(decision.findings[0].rule, rule);
        let left = planned(&facts, "");
        assert_eq!(
            (names(&left).len(), left.withheld),
            (0, Some(Withheld::DeploymentsLeft))
        );
        assert_eq!(
            names(&planned(&facts, STOP_DEPLOYMENTS)),
            ["stop-service-deployment"]
        );
        let withheld =
            |deployment: Deployment| planned(&deploying(deployment), STOP_DEPLOYMENTS).withheld;
        let mut first = deployment.clone();
        first.sources.clear();
        assert_eq!(withheld(first), Some(Withheld::FirstDeployment));
        let mut as_bad = deployment.clone();
        as_bad.sources = vec![quarantined(revision(OTHER))];
        assert_eq!(withheld(as_bad), Some(Withheld::RollbackAsBad));
        let mut gone = deployment.clone();
        gone.sources = vec![Revision::default()];
        assert_eq!(withheld(gone), Some(Withheld::RollbackAsBad));
    }
    let fine = deploying(deployment(OTHER, &[SCANNED]));
    assert_eq!(decide(&fine, &policy("")).verdict, Verdict::Allow);
}

#[test]
fn a_waiver_for_a_repository_is_for_the_containers_that_run_its_images() {
    let mut both = deployment(SCANNED, &[OTHER]);
    both.target.images.push(DeployedImage::new(
        "proxy",
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/proxy:1",
        Some(digest(OTHER).as_str()),
    ));
    both.target = quarantined(both.target);
    both.target.images[1].quarantine = both.target.images[0].quarantine.clone();
    let waiver = "waivers:\n- {id: w, rules: [quarantined-image-deployed], target: {repository: team/app}, reason: r, owner: o, expires: 2026-12-31}";
    let decision = decide(&deploying(both), &policy(waiver));
    let containers: Vec<Option<&str>> = decision
        .findings
        .iter()
        .map(|finding| finding.container.as_deref())
        .collect();
    assert_eq!(containers, [Some("proxy")]);
}

#[test]
fn what_a_deployment_brings_may_be_unknown_and_is_no_reason_to_stop_it() {
    let mut unread = deployment(SCANNED, &[OTHER]);
    let image = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app:1";
    unread.target.images = vec![
        DeployedImage::new("app", image, None),
        // Another registry's image is in no quarantine of ours.
        DeployedImage::new("proxy", "docker.io/library/nginx:1", None),
    ];
    let facts = deploying(unread);
    let decision = decide(&facts, &policy(""));
    assert_eq!(decision.verdict, Verdict::Warn);
    assert_eq!(decision.findings.len(), 1);
    assert_eq!(decision.findings[0].outcome, Outcome::Unknown);
    assert_eq!(names(&planned(&facts, ALL)), [] as [&str; 0]);
}

fn any_run() -> impl Strategy<Value = Run> {
    (0..12_u8, any::<bool>(), 0..3_u8, any::<bool>()).prop_map(
        |(number, is_service, tasks, all_named)| Run {
            service: is_service.then(|| "web".to_owned()),
            digest: digest(number),
            tasks: u64::from(tasks) + u64::from(!all_named),
            task_arns: (0..tasks)
                .map(|task| self::task(task + 10 * number))
                .collect(),
            ..run(number)
        },
    )
}

fn any_service() -> impl Strategy<Value = Service> {
    let named = prop_oneof![
        Just(Named::ByDigest),
        Just(by_tag(OTHER, 0)),
        Just(by_tag(OTHER, 1)),
        Just(by_tag(SCANNED, 1)),
        Just(Named::Unknown("denied".to_owned())),
    ];
    let deployment = (8..12_u8, prop::collection::vec(8..12_u8, 0..2))
        .prop_map(|(target, sources)| deployment(target, &sources));
    (named, prop::option::of(deployment)).prop_map(|(named, deployment)| service(named, deployment))
}

proptest! {
    #[test]
    fn what_runs_is_left_as_it_runs_unless_the_policy_says_so(
        runs in prop::collection::vec(any_run(), 0..4), known in prop::option::of(any_service()),
        in_use in prop::sample::select(vec!["alert", "quarantine"]),
    ) {
        let facts = running(runs, known.into_iter().collect());
        let policy = format!("in-use: {in_use}\nrunning: {{ services: leave, deployments: leave, standalone-tasks: leave }}");
        let plan = judged(facts.clone(), &policy);
        prop_assert!(plan.steps.iter().all(|step| !step.action.is_about_what_runs()));
        prop_assert_eq!(judged(facts, &format!("in-use: {in_use}")), plan);
    }

    #[test]
    fn an_image_is_archived_only_after_all_that_runs_it_was_stopped(
        runs in prop::collection::vec(any_run(), 0..4), known in prop::option::of(any_service()),
        more in prop::sample::select(vec!["", STOP_TASKS, STOP_DEPLOYMENTS, REPLACE, ALL]),
    ) {
        let plan = judged(running(runs.clone(), known.into_iter().collect()), more);
        let stopped: Vec<&TaskArn> = plan.steps.iter().filter_map(|step| match &step.action {
            Action::StopTask { task, .. } => Some(task),
            _ => None,
        }).collect();
        let mut used = runs.iter().filter(|run| run.digest == digest(SCANNED));
        if plan.withheld.is_none() {
            prop_assert!(used.all(|run| run.service.is_none()
                && run.task_arns.len() as u64 == run.tasks
                && run.task_arns.iter().all(|task| stopped.contains(&task))));
            prop_assert_eq!(names(&plan).last().copied(), Some("archive-image"));
        } else {
            prop_assert!(!names(&plan).contains(&"archive-image"));
        }
        // Nothing else is stopped, and each once.
        let condemned = |task: &TaskArn| runs.iter().any(|run| run.service.is_none()
            && run.digest == digest(SCANNED) && run.task_arns.contains(task));
        prop_assert!(stopped.iter().all(|task| condemned(task)));
        let keys: std::collections::BTreeSet<_> = plan.steps.iter().map(|step| &step.idempotency_key).collect();
        prop_assert_eq!(keys.len(), plan.steps.len());
    }
}
