//! What a quarantine takes with it, and what it never breaks.

use jiff::Timestamp;
use tidewaiter_aws::ledger::{Ledger, Reporter};
use tidewaiter_rules::{
    facts::usage::{OwnImage, TaskSeen},
    names::{Digest, Repository},
};

use super::*;

/// The image that `image-scan-guard/critical` is about.
fn scanned() -> String {
    format!("sha256:{}", "c3".repeat(32))
}

fn digest(pair: &str) -> String {
    format!("sha256:{}", pair.repeat(32))
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// The image alone in its repository.
pub(super) fn listed() -> Answer {
    alone([scanned()].into_iter())
}

/// These images, of which none leads to another.
pub(super) fn alone(digests: impl Iterator<Item = String>) -> Answer {
    let details: Vec<Value> = digests
        .map(|digest| manifest(&digest, IMAGE, &["1.0"], "ACTIVE"))
        .collect();
    Answer::json(json!({"imageDetails": details}).to_string())
}

fn manifest(digest: &str, media_type: &str, tags: &[&str], status: &str) -> Value {
    json!({"imageDigest": digest, "imageManifestMediaType": media_type, "imageTags": tags, "imageStatus": status})
}

/// An account, as far as its calls are asked here.
#[derive(Clone, Default)]
struct Account {
    images: Vec<Value>,
    /// What each index leads to: a digest and a platform.
    indexes: Vec<(String, Vec<(String, &'static str)>)>,
    /// Tasks, all in one cluster.
    tasks: Vec<Value>,
    /// Services of that cluster: the name, and the digest that its revision is pinned to.
    services: Vec<(&'static str, String)>,
}

fn arn(rest: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{rest}")
}

impl Account {
    fn answer(&self, call: &Call) -> Answer {
        let answer = match call.operation.as_str() {
            "DescribeImageScanFindings" => json!({"imageScanStatus": {"status": "COMPLETE"},
                "imageScanFindings": {"findings": [{"name": "CVE-2026-1", "severity": "CRITICAL"}]}}),
            "DescribeImages" => {
                assert_eq!(call.parameters["filter"]["imageStatus"], "ANY");
                json!({"imageDetails": self.images})
            }
            "BatchGetImage" => self.manifests(call),
            "ListClusters" => {
                json!({"clusterArns": [format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/prod")]})
            }
            "ListTasks" => {
                assert_eq!(call.parameters["desiredStatus"], "RUNNING");
                let arns: Vec<&Value> = self.tasks.iter().map(|task| &task["taskArn"]).collect();
                json!({"taskArns": arns})
            }
            "DescribeTasks" => json!({"tasks": self.tasks}),
            "ListServices" => {
                let names = self
                    .services
                    .iter()
                    .map(|(name, _)| arn(&format!("service/prod/{name}")));
                json!({"serviceArns": names.collect::<Vec<String>>()})
            }
            "DescribeServices" => {
                let service = |(name, _): &(&str, String)| {
                    json!({"serviceName": name, "status": "ACTIVE",
                    "serviceArn": arn(&format!("service/prod/{name}")), "clusterArn": arn("cluster/prod"),
                    "tags": [{"key": "team", "value": "shop"}],
                    "currentServiceRevisions": [{"arn": arn(&format!("service-revision/prod/{name}/1"))}]})
                };
                json!({"services": self.services.iter().map(service).collect::<Vec<Value>>()})
            }
            "DescribeServiceRevisions" => {
                let image = format!(
                    "{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{}:1.0",
                    repository()
                );
                let revision = |(name, digest): &(&str, String)| {
                    json!({
                    "serviceRevisionArn": arn(&format!("service-revision/prod/{name}/1")), "clusterArn": arn("cluster/prod"),
                    "taskDefinition": arn("task-definition/web:7"),
                    "containerImages": [{"containerName": "app", "image": image, "imageDigest": digest}]})
                };
                json!({"serviceRevisions": self.services.iter().map(revision).collect::<Vec<Value>>()})
            }
            _ => json!({}),
        };
        Answer::json(answer.to_string())
    }

    fn manifests(&self, call: &Call) -> Value {
        let asked = call.parameters["imageIds"].as_array().unwrap();
        let image = |id: &Value| {
            let (digest, children) = self
                .indexes
                .iter()
                .find(|(index, _)| id["imageDigest"] == *index)
                .unwrap();
            let child = |(digest, platform): &(String, &str)| {
                let (os, architecture) = platform.split_once('/').unwrap();
                json!({"mediaType": IMAGE, "digest": digest, "size": 1, "platform": {"os": os, "architecture": architecture}})
            };
            let children: Vec<Value> = children.iter().map(child).collect();
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": children});
            json!({"imageId": {"imageDigest": digest}, "imageManifest": index.to_string(), "imageManifestMediaType": INDEX})
        };
        json!({"images": asked.iter().map(image).collect::<Vec<Value>>(), "failures": []})
    }
}

fn task(number: u8, group: &str, digest: Option<&str>) -> Value {
    json!({
        "taskArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/prod/{number:032}"),
        "clusterArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/prod"),
        "taskDefinitionArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:7"),
        "group": group,
        "tags": [{"key": "Owner", "value": "payments"}, {"key": "stage", "value": "prod"}],
        "containers": [{"name": "app", "image": format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{}:1.0", repository()),
            "imageDigest": digest}],
    })
}

fn repository() -> String {
    let event: Value = serde_json::from_str(&event("image-scan-guard/critical")).unwrap();
    event["detail"]["repository-name"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// An index of two platforms, the second of which has been scanned, with what its build attests.
fn two_platforms() -> Account {
    Account {
        images: vec![
            manifest(&digest("1d"), INDEX, &["1.0"], "ACTIVE"),
            manifest(&scanned(), IMAGE, &[], "ACTIVE"),
            manifest(&digest("a1"), IMAGE, &[], "ACTIVE"),
            manifest(&digest("a7"), IMAGE, &[], "ACTIVE"),
            manifest(&digest("5f"), IMAGE, &["sha256-1d.sig"], "ACTIVE"),
        ],
        indexes: vec![(
            digest("1d"),
            vec![
                (digest("a1"), "linux/arm64"),
                (scanned(), "linux/amd64"),
                (digest("a7"), "unknown/unknown"),
            ],
        )],
        ..Account::default()
    }
}

async fn judged_with(
    policy: &str,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Done {
    let wire = Wire::new(script);
    let mut guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
    let today = "2026-11-23T12:00:00Z".parse().unwrap();
    guard.settings.policy = Policy::from_yaml(&format!("version: 1\n{policy}"), today).unwrap();
    let result = guard.handle(&event("image-scan-guard/critical"), "r").await;
    Done { result, wire }
}

async fn judged(account: Account) -> Done {
    judged_with("", move |call| account.answer(call)).await
}

/// What was archived, in order.
fn archived(done: &Done) -> Vec<String> {
    let calls = done.wire.calls().into_iter();
    let calls = calls.filter(|call| call.operation == "UpdateImageStorageClass");
    calls
        .map(|call| {
            call.parameters["imageId"]["imageDigest"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_index_is_archived_then_its_images_and_what_its_build_attests_is_left() {
    let done = judged(two_platforms()).await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(archived(&done), [digest("1d"), scanned(), digest("a1")]);
    assert_eq!(done.alert()["actions"].as_array().unwrap().len(), 3);
    insta::assert_snapshot!(done.email());
}

#[tokio::test(start_paused = true)]
async fn what_a_healthy_index_leads_to_as_well_is_left_and_told() {
    let mut account = two_platforms();
    account
        .images
        .push(manifest(&digest("2d"), INDEX, &["2.0"], "ACTIVE"));
    account.indexes.push((
        digest("2d"),
        vec![(digest("a1"), "linux/arm64"), (digest("b2"), "linux/amd64")],
    ));
    let done = judged(account).await;
    assert_eq!(archived(&done), [digest("1d"), scanned()]);
    let alert = done.alert();
    assert_eq!(alert["kept"][0]["digest"], digest("a1"));
    assert!(
        alert["kept"][0]["reason"]
            .as_str()
            .unwrap()
            .contains(&digest("2d"))
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_with_a_tag_of_its_own_is_left_to_its_own_scan() {
    let mut account = two_platforms();
    account.images[2] = manifest(&digest("a1"), IMAGE, &["1.0-arm64"], "ACTIVE");
    assert_eq!(archived(&judged(account).await), [digest("1d"), scanned()]);
}

#[tokio::test(start_paused = true)]
async fn what_is_archived_already_is_left_out() {
    // By an earlier attempt: ECR does not show what an archived index leads to.
    let mut account = two_platforms();
    account.images[0]["imageStatus"] = json!("ARCHIVED");
    account.indexes.clear();
    assert_eq!(archived(&judged(account.clone()).await), [scanned()]);
    account.images[1]["imageStatus"] = json!("ARCHIVED");
    let done = judged(account).await;
    assert_eq!(archived(&done), [] as [&str; 0]);
    assert_eq!(done.alert()["withheld"], "it has been done already");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_a_service_runs_is_left_and_the_service_told() {
    for running in [scanned(), digest("1d"), digest("a1")] {
        let mut account = two_platforms();
        account.tasks = vec![
            task(1, "service:web", Some(&running)),
            task(2, "service:web", Some(&running)),
            task(3, "service:other", Some(&digest("ee"))),
        ];
        let done = judged(account).await;
        assert_eq!(archived(&done), [] as [&str; 0], "{running}");
        let alert = done.alert();
        assert!(alert["withheld"].as_str().unwrap().starts_with("it runs"));
        assert_eq!(
            alert["in_use"],
            json!([{"cluster": "prod", "service": "web", "task_definition": "web:7", "digest": running,
                "tasks": 2, "owners": ["Owner=payments"]}])
        );
        if running == scanned() {
            insta::assert_snapshot!(done.email());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_a_task_without_service_runs_is_left_and_the_task_told() {
    let mut account = two_platforms();
    account.tasks = vec![task(1, "family:web", Some(&scanned()))];
    let done = judged(account).await;
    assert_eq!(archived(&done), [] as [&str; 0]);
    let alert = done.alert();
    assert_eq!(alert["in_use"][0]["service"], Value::Null);
    assert!(
        done.email()
            .contains("1 task in cluster prod, started by itself, web:7")
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_that_runs_is_archived_where_the_policy_says_so_and_what_runs_it_told() {
    let mut account = two_platforms();
    account.tasks = vec![task(1, "service:web", Some(&scanned()))];
    let done = judged_with("in-use: quarantine\n", move |call| account.answer(call)).await;
    assert_eq!(archived(&done).len(), 3);
    assert_eq!(done.alert()["in_use"][0]["service"], "web");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_does_not_say_which_image_it_runs_may_run_this_one() {
    let mut account = two_platforms();
    account.tasks = vec![task(1, "service:web", None)];
    let done = judged(account.clone()).await;
    assert_eq!(archived(&done), [] as [&str; 0]);
    assert!(
        done.alert()["withheld"]
            .as_str()
            .unwrap()
            .starts_with("it may be running")
    );
    assert!(
        done.alert()["in_use_unknown"]
            .as_str()
            .unwrap()
            .contains("does not say which")
    );
    // Another repository's image, and a sidecar of AWS's, which names none.
    account.tasks[0]["containers"] = json!([{"name": "app", "image": "public.ecr.aws/nginx/nginx:1"},
        {"name": "aws-guardduty-agent-x"}]);
    assert_eq!(archived(&judged(account).await).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_in_the_way_and_told() {
    for operation in [
        "DescribeImages",
        "BatchGetImage",
        "ListClusters",
        "ListTasks",
        "DescribeTasks",
        "ListServices",
        "DescribeServices",
        "DescribeServiceRevisions",
    ] {
        let mut account = two_platforms();
        account.services = vec![("idle", digest("ee"))];
        account.tasks = vec![task(1, "service:other", Some(&digest("ee")))];
        let script = move |call: &Call| {
            if call.operation == operation {
                Answer::denied()
            } else {
                account.answer(call)
            }
        };
        let done = judged_with("", script).await;
        assert_eq!(done.result, Ok(()), "{operation}");
        assert_eq!(archived(&done), [] as [&str; 0], "{operation}");
        let alert = done.alert();
        assert!(
            alert["withheld"]
                .as_str()
                .unwrap()
                .starts_with("it may be running"),
            "{operation}"
        );
        let reason = alert["in_use_unknown"].as_str().unwrap();
        assert!(
            reason.contains(operation) && reason.contains("not authorized"),
            "{reason}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_for_now_is_read_again() {
    for operation in ["DescribeImages", "BatchGetImage", "ListTasks"] {
        let account = two_platforms();
        let script = move |call: &Call| {
            if call.operation == operation {
                Answer::throttled()
            } else {
                account.answer(call)
            }
        };
        let done = judged_with("in-use: quarantine\n", script).await;
        assert!(done.result.is_err(), "{operation}");
        assert_eq!(archived(&done), [] as [&str; 0], "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_task_on_the_last_page_counts() {
    let mut account = two_platforms();
    account.tasks = vec![task(1, "service:web", Some(&scanned()))];
    let script = move |call: &Call| {
        let second = call.parameters["nextToken"] == "b";
        match call.operation.as_str() {
            "ListClusters" if !second => {
                Answer::json(json!({"clusterArns": [], "nextToken": "b"}).to_string())
            }
            "ListTasks" if !second => {
                Answer::json(json!({"taskArns": [], "nextToken": "b"}).to_string())
            }
            "DescribeImages" if !second => {
                Answer::json(json!({"imageDetails": [], "nextToken": "b"}).to_string())
            }
            _ => account.answer(call),
        }
    };
    let done = judged_with("", script).await;
    assert_eq!(archived(&done), [] as [&str; 0]);
    assert_eq!(done.alert()["in_use"][0]["service"], "web");
}

#[tokio::test(start_paused = true)]
async fn an_account_too_large_to_ask_keeps_half_of_its_bucket_and_its_images() {
    let account = two_platforms();
    let script = move |call: &Call| match call.operation.as_str() {
        "ListTasks" => Answer::json(json!({"taskArns": [], "nextToken": "on"}).to_string()),
        _ => account.answer(call),
    };
    let start = tokio::time::Instant::now();
    let done = judged_with("", script).await;
    let lists = done
        .operations()
        .into_iter()
        .filter(|operation| operation == "ListTasks");
    assert_eq!(lists.count(), 50);
    assert!(start.elapsed() >= std::time::Duration::from_secs(4));
    assert_eq!(archived(&done), [] as [&str; 0]);
    assert!(
        done.alert()["in_use_unknown"]
            .as_str()
            .unwrap()
            .contains("more clusters and tasks")
    );
    let reason = done.alert()["in_use_unknown"].as_str().unwrap().to_owned();
    assert!(reason.contains("never listed to its end"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_a_service_scaled_to_nothing_would_start_is_left_and_the_service_told() {
    for pinned in [scanned(), digest("1d")] {
        let mut account = two_platforms();
        account.services = vec![("idle", pinned.clone()), ("other", digest("ee"))];
        let done = judged(account).await;
        assert_eq!(archived(&done), [] as [&str; 0], "{pinned}");
        assert_eq!(
            done.alert()["in_use"],
            json!([{"cluster": "prod", "service": "idle", "task_definition": "web:7", "digest": pinned,
                "tasks": 0, "owners": ["team=shop"]}])
        );
        assert!(
            done.email()
                .contains("no task runs now, but it would start from it")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_runs_is_told_once_though_its_revision_names_the_index() {
    let mut account = two_platforms();
    account.services = vec![("web", digest("1d"))];
    account.tasks = vec![task(1, "service:web", Some(&scanned()))];
    let done = judged(account).await;
    let alert = done.alert();
    let [run] = &alert["in_use"].as_array().unwrap()[..] else {
        panic!("{alert}")
    };
    assert_eq!(
        (&run["tasks"], &run["digest"]),
        (&json!(1), &json!(scanned()))
    );
    assert_eq!(run["owners"], json!(["Owner=payments", "team=shop"]));
}

/// A ledger whose index is complete as of now, with these reports of tasks of which the listing found
/// nothing.
async fn indexed(reports: Vec<(u8, Option<String>, bool)>) -> Table {
    let table = Table::default();
    let wire = {
        let table = table.clone();
        Wire::new(move |call| table.answer(call).unwrap())
    };
    let place = Place::of_region(REGION, ACCOUNT).unwrap();
    let clients = wire.clients(place.clone());
    let ledger = Ledger::new(&clients, "ledger");
    let now = Timestamp::now();
    for (number, digest, is_running) in reports {
        let seen = TaskSeen {
            arn: arn(&format!("task/prod/{number:032}")),
            cluster: "prod".to_owned(),
            service: Some("web".to_owned()),
            task_definition: "web:7".to_owned(),
            version: 3,
            is_running,
            at: now,
            images: vec![OwnImage {
                repository: Repository::new(place.clone(), &repository()).unwrap(),
                digest: digest.map(|digest| Digest::parse(&digest).unwrap()),
            }],
            place: place.clone(),
        };
        ledger.record(&seen, Reporter::Event).await.unwrap();
    }
    ledger.complete_index(now, 0).await.unwrap();
    table
}

/// What is done in an account whose tasks are too many to be listed.
async fn judged_by_index(account: Account, reports: Vec<(u8, Option<String>, bool)>) -> Done {
    let table = indexed(reports).await;
    judged_with("", move |call| match call.operation.as_str() {
        "ListTasks" => Answer::json(json!({"taskArns": [], "nextToken": "on"}).to_string()),
        _ => table.answer(call).unwrap_or_else(|| account.answer(call)),
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn in_a_large_account_the_index_tells_what_runs_an_image() {
    for running in [scanned(), digest("1d"), digest("a1")] {
        let reports = vec![
            (1, Some(running.clone()), true),
            (2, Some(running.clone()), true),
            (3, Some(digest("ee")), true),
        ];
        let mut account = two_platforms();
        account.services = vec![("web", running.clone())];
        let done = judged_by_index(account, reports).await;
        assert_eq!(archived(&done), [] as [&str; 0], "{running}");
        assert_eq!(
            done.alert()["in_use"],
            json!([{"cluster": "prod", "service": "web", "task_definition": "web:7", "digest": running,
                "tasks": 2, "owners": ["team=shop"]}])
        );
        assert_eq!(done.alert()["in_use_unknown"], Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_large_account_an_image_that_nothing_runs_is_archived() {
    // Tasks ran it until a moment ago, of a service that runs another by now.
    let mut account = two_platforms();
    account.services = vec![("web", digest("ee"))];
    let reports = vec![(1, Some(scanned()), false), (3, Some(digest("ee")), true)];
    let done = judged_by_index(account.clone(), reports.clone()).await;
    assert_eq!(archived(&done).len(), 3);
    // One that still names it would start it.
    account.services = vec![("web", scanned())];
    let done = judged_by_index(account, reports).await;
    assert_eq!(archived(&done), [] as [&str; 0]);
    assert_eq!(done.alert()["in_use"][0]["tasks"], 0);
}

#[tokio::test(start_paused = true)]
async fn in_a_large_account_a_task_that_was_to_pull_is_asked_what_it_pulled() {
    for (pulled, is_left) in [
        (Some(scanned()), true),
        (None, true),
        (Some(digest("ee")), false),
    ] {
        let mut account = two_platforms();
        account.tasks = vec![task(1, "service:web", pulled.as_deref())];
        let done = judged_by_index(account, vec![(1, None, true)]).await;
        assert_eq!(archived(&done).is_empty(), is_left, "{pulled:?}");
        let asked = done
            .operations()
            .into_iter()
            .filter(|call| call == "DescribeTasks");
        assert_eq!(asked.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_that_cannot_be_read_is_in_the_way_and_one_for_now_is_read_again() {
    for (refusal, is_retried) in [(Answer::denied(), false), (Answer::throttled(), true)] {
        let table = indexed(Vec::new()).await;
        let account = two_platforms();
        let done = judged_with("", move |call| match call.operation.as_str() {
            "ListTasks" => Answer::json(json!({"taskArns": [], "nextToken": "on"}).to_string()),
            "Query" => refusal.clone(),
            _ => table.answer(call).unwrap_or_else(|| account.answer(call)),
        })
        .await;
        assert_eq!(done.result.is_err(), is_retried);
        assert_eq!(archived(&done), [] as [&str; 0]);
        if !is_retried {
            let alert = done.alert();
            let reason = alert["in_use_unknown"].as_str().unwrap();
            assert!(reason.contains("Query"), "{reason}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_ecr_refuses_to_archive_is_told_and_the_rest_is_archived() {
    let account = two_platforms();
    let script = move |call: &Call| {
        let refused = call.parameters["imageId"]["imageDigest"] == scanned();
        if call.operation == "UpdateImageStorageClass" && refused {
            let message = "The image is referenced by manifest list";
            return Answer::error(400, "ImageStorageClassUpdateNotSupportedException", message);
        }
        account.answer(call)
    };
    let done = judged_with("", script).await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(archived(&done).len(), 3);
    assert!(done.operations().contains(&"SendMessage".to_owned()));
    let alert = done.alert();
    assert!(
        alert["headline"]
            .as_str()
            .unwrap()
            .starts_with("FAILED to quarantine")
    );
    let failed = &alert["actions"][0];
    assert_eq!(
        (&failed["effect"], &failed["will_retry"]),
        (&json!("failed"), &json!(false))
    );
    let error = failed["error"].as_str().unwrap();
    assert!(
        error.contains("can still be pulled") && error.contains("referenced by manifest list"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_runs_a_bad_image_is_told_the_newest_clean_tag() {
    let mut account = two_platforms();
    account.tasks = vec![task(1, "service:web", Some(&scanned()))];
    for (pair, media_type, tags, pushed) in [
        ("b1", IMAGE, &["1.1"][..], 100),
        ("b2", INDEX, &["latest", "1.2"], 200),
        ("b3", IMAGE, &["1.3-broken"], 300),
        ("5e", IMAGE, &["sha256-b2.sig"], 400),
    ] {
        let mut image = manifest(&digest(pair), media_type, tags, "ACTIVE");
        image["imagePushedAt"] = json!(pushed);
        account.images.push(image);
    }
    account.indexes.push((
        digest("b2"),
        vec![
            (digest("c2"), "linux/amd64"),
            (digest("c4"), "unknown/unknown"),
        ],
    ));
    let script = move |call: &Call| {
        let of = &call.parameters["imageId"]["imageDigest"];
        if call.operation == "DescribeImageScanFindings"
            && [digest("c2"), digest("b1")].iter().any(|clean| of == clean)
        {
            return Answer::json(
                json!({"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {}})
                    .to_string(),
            );
        }
        account.answer(call)
    };
    let done = judged_with("", script).await;
    assert_eq!(done.alert()["replace_by"], "1.2");
    assert!(done.email().contains("replace by tag 1.2"));
    // The image, and one platform of each build that was looked at.
    let scans = done
        .operations()
        .into_iter()
        .filter(|operation| operation == "DescribeImageScanFindings");
    assert_eq!(scans.count(), 4);
}
