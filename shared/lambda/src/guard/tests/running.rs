//! What is done about what runs a denied image, and about deployments of what is denied.

use super::{surroundings::listed, *};

pub(super) fn digest(pair: &str) -> String {
    format!("sha256:{}", pair.repeat(32))
}

/// The image that `image-scan-guard/critical` is about.
pub(super) fn scanned() -> String {
    digest("c3")
}

fn name() -> String {
    let event: Value = serde_json::from_str(&event("image-scan-guard/critical")).unwrap();
    event["detail"]["repository-name"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn image(reference: &str) -> String {
    format!(
        "{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{}{reference}",
        name()
    )
}

fn arn(rest: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{rest}")
}

pub(super) const STOP_TASKS: &str = "running: { standalone-tasks: stop }";
pub(super) const STOP_DEPLOYMENTS: &str = "running: { deployments: stop }";
const REPLACE: &str = "running: { services: replace }";

/// An account in which one task runs the scanned image.
#[derive(Clone)]
pub(super) struct Account {
    group: &'static str,
    /// What the deployment in flight brings, and what it takes the place of.
    pub(super) deployment: Option<(String, Vec<String>)>,
    /// The image that the service's own definition names.
    named: String,
}

impl Account {
    pub(super) fn of(group: &'static str) -> Self {
        Self {
            group,
            deployment: None,
            named: image(":stable"),
        }
    }

    pub(super) fn answer(&self, call: &Call) -> Answer {
        let deployment = arn("service-deployment/prod/web/9I-wURsUdq");
        let revision = |number: usize| arn(&format!("service-revision/prod/web/{number}"));
        let answer = match call.operation.as_str() {
            "DescribeImageScanFindings"
                if call.parameters["imageId"]["imageDigest"] == scanned() =>
            {
                json!({"imageScanStatus": {"status": "COMPLETE"},
                    "imageScanFindings": {"findings": [{"name": "CVE-2026-1", "severity": "CRITICAL"}]}})
            }
            "DescribeImageScanFindings" => {
                json!({"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {}})
            }
            "DescribeImages" => {
                let manifest = |digest: String, tag: &str| {
                    json!({"imageDigest": digest, "imageTags": [tag], "imageStatus": "ACTIVE",
                        "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json"})
                };
                json!({"imageDetails": [manifest(scanned(), "1.0"), manifest(digest("0b"), "stable")]})
            }
            "ListClusters" => json!({"clusterArns": [arn("cluster/prod")]}),
            "ListTasks" => json!({"taskArns": [arn("task/prod/1")]}),
            "DescribeTasks" => {
                json!({"tasks": [{"taskArn": arn("task/prod/1"), "clusterArn": arn("cluster/prod"),
                "taskDefinitionArn": arn("task-definition/web:7"), "group": self.group,
                "containers": [{"name": "app", "image": image(":1.0"), "imageDigest": scanned()}]}]})
            }
            "ListServiceDeployments" => {
                assert_eq!(call.parameters["status"], json!(["PENDING", "IN_PROGRESS"]));
                let found = self
                    .deployment
                    .iter()
                    .map(|_| json!({"serviceDeploymentArn": deployment}));
                json!({"serviceDeployments": found.collect::<Vec<_>>()})
            }
            "DescribeServiceDeployments" => {
                let (_, sources) = self.deployment.clone().unwrap();
                let sources = (1..=sources.len()).map(|number| json!({"arn": revision(number)}));
                json!({"serviceDeployments": [{"serviceDeploymentArn": deployment,
                    "targetServiceRevision": {"arn": revision(0)},
                    "sourceServiceRevisions": sources.collect::<Vec<_>>()}]})
            }
            "DescribeServiceRevisions" => {
                let (target, sources) = self.deployment.clone().unwrap();
                let digests = [vec![target], sources].concat();
                let described = digests.iter().enumerate().map(|(number, digest)| {
                    json!({"serviceRevisionArn": revision(number), "taskDefinition": arn(&format!("task-definition/web:{}", 8 - number)),
                        "containerImages": [{"containerName": "app", "image": image(":1.0"), "imageDigest": digest}]})
                });
                json!({"serviceRevisions": described.collect::<Vec<_>>()})
            }
            "DescribeServices" => json!({"services": [{"serviceArn": arn("service/prod/web"),
                "taskDefinition": arn("task-definition/web:7"), "deploymentController": {"type": "ECS"}}]}),
            "DescribeTaskDefinition" => json!({"taskDefinition": {"status": "ACTIVE",
                "containerDefinitions": [{"name": "app", "image": self.named}]}}),
            _ => json!({}),
        };
        Answer::json(answer.to_string())
    }
}

async fn judged_by(
    mode: Mode,
    path: &str,
    policy: &str,
    table: Table,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Done {
    let subject = if path.starts_with("deployment") {
        SubjectKind::Deployment
    } else {
        SubjectKind::Image
    };
    let wire = with_ledger(table, script);
    let mut guard = guard(mode, subject, &wire);
    let today = "2026-11-23T12:00:00Z".parse().unwrap();
    guard.settings.policy = Policy::from_yaml(&format!("version: 1\n{policy}"), today).unwrap();
    let result = guard.handle(&event(path), "r").await;
    Done { result, wire }
}

async fn judged(policy: &str, account: Account) -> Done {
    let script = move |call: &Call| account.answer(call);
    judged_by(
        Mode::Enforce,
        "image-scan-guard/critical",
        policy,
        Table::default(),
        script,
    )
    .await
}

/// The writes among the calls, without the alert.
fn writes(done: &Done) -> Vec<Call> {
    let is_write = |call: &Call| {
        matches!(
            call.operation.as_str(),
            "StopTask" | "StopServiceDeployment" | "UpdateService" | "UpdateImageStorageClass"
        )
    };
    done.calls().into_iter().filter(is_write).collect()
}

fn names(done: &Done) -> Vec<String> {
    writes(done)
        .into_iter()
        .map(|call| call.operation)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_that_runs_is_touched_and_no_more_is_read_unless_the_policy_says_so() {
    for group in ["family:web", "service:web"] {
        let done = judged("", Account::of(group)).await;
        assert_eq!(names(&done), [] as [&str; 0]);
        let operations = done.operations();
        assert!(!operations.contains(&"ListServiceDeployments".to_owned()));
        assert!(!operations.contains(&"DescribeServices".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_started_by_itself_is_stopped_with_the_reason_and_then_the_image_is_archived() {
    let done = judged(STOP_TASKS, Account::of("family:web")).await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(names(&done), ["StopTask", "UpdateImageStorageClass"]);
    let stop = &writes(&done)[0];
    assert_eq!(stop.parameters["cluster"], "prod");
    assert_eq!(stop.parameters["task"], arn("task/prod/1"));
    assert_eq!(
        stop.parameters["reason"],
        "Stopped by Tidewaiter: its image is denied by vulnerable-image"
    );
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn audit_mode_says_what_it_would_stop() {
    let account = Account::of("family:web");
    let done = judged_by(
        Mode::Audit,
        "image-scan-guard/critical",
        STOP_TASKS,
        Table::default(),
        move |call| account.answer(call),
    )
    .await;
    assert_eq!(names(&done), [] as [&str; 0]);
    assert_eq!(done.alert()["actions"][0]["action"], "stop-task");
    assert_eq!(done.alert()["actions"][0]["effect"], "not-applied");
}

#[tokio::test(start_paused = true)]
async fn an_image_is_left_where_a_task_that_runs_it_cannot_be_stopped() {
    let account = Account::of("family:web");
    let done = judged_by(
        Mode::Enforce,
        "image-scan-guard/critical",
        STOP_TASKS,
        Table::default(),
        move |call| match call.operation.as_str() {
            "StopTask" => Answer::denied(),
            _ => account.answer(call),
        },
    )
    .await;
    assert_eq!(names(&done), ["StopTask"]);
    let effects: Vec<Value> = done.alert()["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["effect"].clone())
        .collect();
    assert_eq!(effects, ["failed", "failed"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_has_ended_by_itself_is_no_failure() {
    let account = Account::of("family:web");
    let gone = move |call: &Call| match call.operation.as_str() {
        "StopTask" => Answer::error(
            400,
            "InvalidParameterException",
            "The referenced task was not found.",
        ),
        _ => account.answer(call),
    };
    let done = judged_by(
        Mode::Enforce,
        "image-scan-guard/critical",
        STOP_TASKS,
        Table::default(),
        gone,
    )
    .await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(names(&done), ["StopTask", "UpdateImageStorageClass"]);
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_tag_leads_to_a_clean_image_is_deployed_anew_and_the_image_left() {
    let done = judged(REPLACE, Account::of("service:web")).await;
    assert_eq!(done.result, Ok(()));
    let calls = writes(&done);
    assert_eq!(names(&done), ["UpdateService"]);
    assert_eq!(
        calls[0].parameters,
        json!({"cluster": "prod", "service": "web", "forceNewDeployment": true})
    );
    insta::assert_snapshot!(done.email());
    // The tag still leads to what is denied, and a digest leads nowhere else.
    for reference in [":1.0".to_owned(), format!("@{}", scanned())] {
        let mut account = Account::of("service:web");
        account.named = image(&reference);
        let done = judged(REPLACE, account).await;
        assert_eq!(names(&done), [] as [&str; 0], "{reference}");
        assert_eq!(done.alert()["left"][0]["service"], "web");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_of_the_denied_image_is_rolled_back_once() {
    let mut account = Account::of("service:web");
    account.deployment = Some((scanned(), vec![digest("0b")]));
    let done = judged(STOP_DEPLOYMENTS, account.clone()).await;
    assert_eq!(names(&done), ["StopServiceDeployment"]);
    assert_eq!(
        writes(&done)[0].parameters,
        json!({"serviceDeploymentArn": arn("service-deployment/prod/web/9I-wURsUdq"), "stopType": "ROLLBACK"})
    );
    assert!(
        done.alert()["withheld"]
            .as_str()
            .unwrap()
            .starts_with("it runs")
    );
    for sources in [vec![], vec![scanned()]] {
        account.deployment = Some((scanned(), sources));
        let done = judged(STOP_DEPLOYMENTS, account.clone()).await;
        assert_eq!(names(&done), [] as [&str; 0]);
        assert_eq!(done.alert()["left"].as_array().unwrap().len(), 1);
    }
}

/// A ledger in which the scanned image was put into quarantine and `web:8` deregistered.
pub(super) async fn ledger(denied: &str) -> Table {
    let table = Table::default();
    let wire = with_ledger(table.clone(), |call| match call.operation.as_str() {
        "DescribeImages" => listed(),
        "ListClusters" => Answer::json(json!({"clusterArns": []}).to_string()),
        _ => critical_pages(call),
    });
    let (path, subject) = match denied {
        "image" => ("image-scan-guard/critical", SubjectKind::Image),
        _ => (
            "task-definition-guard/privileged",
            SubjectKind::TaskDefinition,
        ),
    };
    let mut guard = guard(Mode::Enforce, subject, &wire);
    guard.now = || "2026-11-23T12:30:00Z".parse().unwrap();
    let result = guard.handle(&event(path), "before").await;
    assert_eq!(result, Ok(()));
    table
}

#[tokio::test(start_paused = true)]
async fn a_deployment_of_an_image_in_quarantine_is_told_and_rolled_back_where_the_policy_says_so() {
    let mut account = Account::of("service:web");
    account.deployment = Some((scanned(), vec![digest("0b")]));
    for (policy, mode, expected) in [
        ("", Mode::Enforce, [].as_slice()),
        (STOP_DEPLOYMENTS, Mode::Audit, &[]),
        (STOP_DEPLOYMENTS, Mode::Enforce, &["StopServiceDeployment"]),
    ] {
        let account = account.clone();
        let table = ledger("image").await;
        let script = move |call: &Call| account.answer(call);
        let done = judged_by(mode, "deployment-guard/in-progress", policy, table, script).await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(names(&done), expected);
        let alert = done.alert();
        assert_eq!(alert["decision"], "deny");
        assert_eq!(alert["subject"]["id"], "prod/web");
        assert_eq!(alert["findings"][0]["rule"], "quarantined-image-deployed");
        if !expected.is_empty() {
            insta::assert_snapshot!(done.email());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_of_a_revision_that_was_deregistered_is_told() {
    let table = ledger("definition").await;
    let account = Account {
        deployment: Some((digest("0b"), vec![digest("0d")])),
        ..Account::of("service:web")
    };
    let event: Value = serde_json::from_str(&event("task-definition-guard/privileged")).unwrap();
    let denied = event["detail"]["responseElements"]["taskDefinition"]["taskDefinitionArn"]
        .as_str()
        .unwrap()
        .to_owned();
    let script = move |call: &Call| match call.operation.as_str() {
        "DescribeServiceRevisions" => {
            let revision = |number: usize, definition: &str| {
                json!({"serviceRevisionArn": arn(&format!("service-revision/prod/web/{number}")),
                    "taskDefinition": definition, "containerImages": []})
            };
            let known = arn("task-definition/web:7");
            Answer::json(
                json!({"serviceRevisions": [revision(0, &denied), revision(1, &known)]})
                    .to_string(),
            )
        }
        _ => account.answer(call),
    };
    let done = judged_by(
        Mode::Enforce,
        "deployment-guard/in-progress",
        STOP_DEPLOYMENTS,
        table,
        script,
    )
    .await;
    assert_eq!(names(&done), ["StopServiceDeployment"]);
    assert_eq!(
        done.alert()["findings"][0]["rule"],
        "denied-revision-deployed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_deployment_of_what_is_fine_or_that_has_ended_is_silent() {
    for deployment in [None, Some((digest("0b"), vec![scanned()]))] {
        let account = Account {
            deployment,
            ..Account::of("service:web")
        };
        let done = judged_by(
            Mode::Enforce,
            "deployment-guard/in-progress",
            STOP_DEPLOYMENTS,
            ledger("image").await,
            move |call| account.answer(call),
        )
        .await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(names(&done), [] as [&str; 0]);
        assert_eq!(done.alerts(), [] as [Value; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_ledger_a_deployment_comes_again() {
    let account = Account {
        deployment: Some((scanned(), vec![digest("0b")])),
        ..Account::of("service:web")
    };
    let wire = Wire::new(move |call: &Call| match call.operation.as_str() {
        "GetItem" => Answer::denied(),
        _ => account.answer(call),
    });
    let guard = guard(Mode::Enforce, SubjectKind::Deployment, &wire);
    let result = guard
        .handle(&event("deployment-guard/in-progress"), "r")
        .await;
    assert!(result.is_err());
    assert!(
        !wire
            .calls()
            .iter()
            .any(|call| call.operation == "StopServiceDeployment")
    );
}
