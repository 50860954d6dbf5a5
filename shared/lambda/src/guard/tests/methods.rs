//! The methods of a quarantine beside the archive, call by call.

use tidewaiter_aws::ledger::{Deletion, Quarantined};
use tidewaiter_rules::names::{Digest, Repository};

use super::*;

const UNTAG: &str = "quarantine: {method: untag}";
pub(super) const DELETE: &str = "quarantine: {method: delete, delete-after-days: 7}";
const MANIFEST: &str = "{\"schemaVersion\": 2}\n";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";

fn digest() -> String {
    format!("sha256:{}", "c3".repeat(32))
}

fn mark() -> String {
    "quarantine-20261123-c3c3c3c3c3c3".to_owned()
}

/// A repository of one image with these tags, as ECR keeps it.
#[derive(Clone, Default)]
struct Ecr(Arc<Mutex<Vec<String>>>);

impl Ecr {
    fn of(tags: &[&str]) -> Self {
        let tags = tags.iter().map(|&tag| tag.to_owned());
        Self(Arc::new(Mutex::new(tags.collect())))
    }

    fn tags(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn answer(&self, call: &Call) -> Answer {
        let mut tags = self.0.lock().unwrap();
        let parameters = &call.parameters;
        Answer::json(match call.operation.as_str() {
            "DescribeImageScanFindings" => json!({"imageScanStatus": {"status": "COMPLETE"},
                "imageScanFindings": {"findings": [{"name": "CVE-2026-1", "severity": "CRITICAL"}]}}),
            "DescribeImages" => json!({"imageDetails": [{"imageDigest": digest(), "imageTags": *tags,
                "imageManifestMediaType": OCI, "imageStatus": "ACTIVE"}]}),
            "BatchGetImage" => json!({"images": [{"imageId": {"imageDigest": digest()},
                "imageManifest": MANIFEST, "imageManifestMediaType": OCI}], "failures": []}),
            "PutImage" => {
                tags.push(parameters["imageTag"].as_str().unwrap().to_owned());
                json!({"image": {}})
            }
            "BatchDeleteImage" => {
                let [id] = &parameters["imageIds"].as_array().unwrap()[..] else {
                    panic!("one at a time")
                };
                let tag = id["imageTag"].as_str().expect("by tag alone");
                assert_eq!(id["imageDigest"], Value::Null, "what ECR makes of both is not documented");
                assert!(tags.len() > 1, "the image would be deleted");
                tags.retain(|other| other != tag);
                json!({"imageIds": [id], "failures": []})
            }
            _ => json!({}),
        }
        .to_string())
    }
}

async fn judged(
    policy: &str,
    mode: Mode,
    table: &Table,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Done {
    let wire = with_ledger(table.clone(), script);
    let mut guard = guard(mode, SubjectKind::Image, &wire);
    let now = || "2026-11-23T13:30:00Z".parse().unwrap();
    guard.now = now;
    guard.settings.policy = Policy::from_yaml(&format!("version: 1\n{policy}"), now()).unwrap();
    let payload = event("image-scan-guard/critical");
    let mut payload: Value = serde_json::from_str(&payload).unwrap();
    payload["time"] = "2026-11-23T13:29:00Z".into();
    let result = guard.handle(&payload.to_string(), "r").await;
    Done { result, wire }
}

async fn untagged(ecr: &Ecr, table: &Table) -> Done {
    let script = ecr.clone();
    judged(UNTAG, Mode::Enforce, table, move |call| script.answer(call)).await
}

#[tokio::test(start_paused = true)]
async fn an_image_gets_a_quarantine_tag_and_loses_the_others_one_by_one() {
    let (ecr, table) = (Ecr::of(&["1.0", "latest"]), Table::default());
    let done = untagged(&ecr, &table).await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(ecr.tags(), [mark()]);
    assert_eq!(
        done.operations(),
        [
            "DescribeImageScanFindings",
            "DescribeImages",
            "ListClusters",
            "BatchGetImage",
            "PutImage",
            "BatchDeleteImage",
            "BatchDeleteImage",
            "Publish"
        ]
    );
    let calls = done.calls();
    assert_eq!(
        calls[3].parameters["imageIds"],
        json!([{"imageDigest": digest()}])
    );
    assert_eq!(
        calls[3].parameters["acceptedMediaTypes"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    let put = &calls[4].parameters;
    // Byte by byte, with the line's end.
    assert_eq!(put["imageManifest"], MANIFEST);
    assert_eq!(put["imageManifestMediaType"], OCI);
    assert_eq!(
        (&put["imageDigest"], &put["imageTag"]),
        (&json!(digest()), &json!(mark()))
    );
    insta::assert_snapshot!(done.email());
    // Each stands in the ledger by its own key, with its own way back.
    let keys = table.keys();
    let untags = keys
        .iter()
        .filter(|key| key.starts_with("action#untag-image:"));
    for key in untags.clone() {
        assert_eq!(table.attribute(key, "state").as_deref(), Some("done"));
        assert!(
            table
                .attribute(key, "undo")
                .unwrap()
                .contains("aws ecr put-image")
        );
    }
    assert_eq!(untags.count(), 2);
    // The push of our own tag, and any further event, finds nothing to do and tells nothing new.
    let again = untagged(&ecr, &table).await;
    assert_eq!(again.result, Ok(()));
    assert_eq!(
        again.operations(),
        [
            "DescribeImageScanFindings",
            "DescribeImages",
            "ListClusters"
        ],
        "nothing is changed, and nothing told"
    );
}

#[tokio::test(start_paused = true)]
async fn an_audit_changes_no_tag() {
    let ecr = Ecr::of(&["1.0"]);
    let script = ecr.clone();
    let done = judged(UNTAG, Mode::Audit, &Table::default(), move |call| {
        script.answer(call)
    })
    .await;
    assert_eq!(ecr.tags(), ["1.0"]);
    assert_eq!(done.alert()["actions"][1]["effect"], "not-applied");
}

/// Where the quarantine tag could not be put on it, the last tag stays: with it ECR would delete the image.
#[tokio::test(start_paused = true)]
async fn the_last_tag_is_never_removed() {
    let ecr = Ecr::of(&["1.0", "latest"]);
    let script = ecr.clone();
    let done = judged(UNTAG, Mode::Enforce, &Table::default(), move |call| {
        if call.operation == "PutImage" {
            return Answer::error(
                400,
                "ImageTagAlreadyExistsException",
                "the tag is immutable",
            );
        }
        script.answer(call)
    })
    .await;
    assert_eq!(ecr.tags(), ["latest"]);
    let alert = done.alert();
    let errors: Vec<&str> = alert["actions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|action| action["error"].as_str())
        .collect();
    assert!(
        errors[0].contains("another image has this tag"),
        "{errors:?}"
    );
    assert!(errors[1].contains("last tag"), "{errors:?}");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_has_moved_to_another_image_is_left_there() {
    let ecr = Ecr::of(&["1.0", "latest"]);
    let script = ecr.clone();
    let done = judged(UNTAG, Mode::Enforce, &Table::default(), move |call| {
        let answer = script.answer(call);
        if call.operation == "PutImage" {
            // Somebody pushes a build that is mended.
            script.0.lock().unwrap().retain(|tag| tag != "latest");
        }
        answer
    })
    .await;
    assert_eq!(done.result, Ok(()));
    let deleted: Vec<Value> = done
        .calls()
        .into_iter()
        .filter(|call| call.operation == "BatchDeleteImage")
        .map(|call| call.parameters["imageIds"][0]["imageTag"].clone())
        .collect();
    assert_eq!(deleted, ["1.0"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_answered_to_a_tag_says_what_became_of_it() {
    for (operation, answer, effect) in [
        (
            "PutImage",
            Answer::error(400, "ImageAlreadyExistsException", "it has it"),
            "done",
        ),
        (
            "PutImage",
            Answer::error(400, "ImageDigestDoesNotMatchException", "no"),
            "failed",
        ),
        ("PutImage", Answer::denied(), "failed"),
        (
            "BatchGetImage",
            Answer::json(r#"{"images":[],"failures":[{"failureCode":"ImageNotFound"}]}"#),
            "gone",
        ),
    ] {
        let ecr = Ecr::of(&["1.0"]);
        let told = answer.clone();
        let done = judged(UNTAG, Mode::Enforce, &Table::default(), move |call| {
            if call.operation == operation {
                return answer.clone();
            }
            ecr.answer(call)
        })
        .await;
        let alert = done.alert();
        let actions = alert["actions"].as_array().unwrap();
        let first = actions
            .iter()
            .find(|action| action["action"] == "tag-image");
        assert_eq!(first.unwrap()["effect"], effect, "{told:?}");
    }
}

// ---- delete ---------------------------------------------------------------------------

fn image() -> (Repository, Digest) {
    let place = Place::of_region(REGION, ACCOUNT).unwrap();
    (
        Repository::new(place, "payments/api").unwrap(),
        Digest::parse(&digest()).unwrap(),
    )
}

/// A ledger in which the image is in quarantine since a time.
pub(super) async fn held_since(since: &str) -> Table {
    let table = Table::default();
    let answers = table.clone();
    let wire = Wire::new(move |call| answers.answer(call).unwrap());
    let clients = wire.clients(Place::of_region(REGION, ACCOUNT).unwrap());
    let ledger = Ledger::new(&clients, "ledger");
    let writer = Writer {
        by: "guard",
        attempt: "a",
        now: since.parse().unwrap(),
    };
    let (repository, digest) = image();
    let step = tidewaiter_rules::Step {
        action: tidewaiter_rules::Action::ArchiveImage(repository.clone(), digest.clone()),
        idempotency_key: "archive".to_owned(),
        undo: tidewaiter_rules::Undo {
            explanation: "",
            command: "aws back".to_owned(),
        },
    };
    let because = tidewaiter_aws::ledger::Because {
        subject: None,
        reason: "CVE-2026-1",
        ticket: None,
    };
    let refused = ledger
        .quarantine((&repository, &digest), (&step, None), because, writer)
        .await;
    assert_eq!(refused, Ok(None));
    table
}

pub(super) fn archived(call: &Call) -> Answer {
    match call.operation.as_str() {
        "DescribeImages" => Answer::json(
            json!({"imageDetails": [{"imageDigest": digest(), "imageManifestMediaType": OCI,
                "imageTags": ["1.0"], "imageStatus": "ARCHIVED"}]})
            .to_string(),
        ),
        _ => Answer::empty(),
    }
}

async fn reviewed(
    policy: &str,
    mode: Mode,
    table: &Table,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Done {
    let wire = with_ledger(table.clone(), script);
    let mut guard = guard(mode, SubjectKind::Image, &wire);
    guard.now = || "2026-11-24T09:01:00Z".parse().unwrap();
    guard.settings.policy =
        Policy::from_yaml(&format!("version: 1\n{policy}"), (guard.now)()).unwrap();
    let result = guard
        .handle(&event("image-scan-guard/quarantine-review"), "r")
        .await;
    Done { result, wire }
}

fn beside_query(done: &Done) -> Vec<String> {
    let operations = done.operations().into_iter();
    operations
        .filter(|operation| operation != "Query")
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_image_whose_days_in_quarantine_are_over_is_deleted_and_told() {
    let table = held_since("2026-11-17T09:00:00Z").await;
    let done = reviewed(DELETE, Mode::Enforce, &table, archived).await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(
        beside_query(&done),
        [
            "DescribeImages",
            "ListClusters",
            "BatchDeleteImage",
            "Publish"
        ]
    );
    let calls = done.calls();
    let mut calls = calls.iter();
    let call = calls.find(|call| call.operation == "BatchDeleteImage");
    assert_eq!(
        call.unwrap().parameters["imageIds"],
        json!([{"imageDigest": digest()}])
    );
    insta::assert_snapshot!(done.email());
    // The way back was written down before, and what is gone is not looked for again.
    let (repository, digest) = image();
    let key = format!("action#delete-image:{}@{digest}", repository.arn());
    assert_eq!(table.attribute(&key, "state").as_deref(), Some("done"));
    assert!(
        table
            .attribute(&key, "undo")
            .unwrap()
            .starts_with("# no command")
    );
    let again = reviewed(DELETE, Mode::Enforce, &table, archived).await;
    assert_eq!(beside_query(&again), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_review_leaves_what_is_not_to_be_deleted() {
    let over = "2026-11-17T09:00:00Z";
    for (since, policy) in [("2026-11-17T09:00:01Z", DELETE), (over, ""), (over, UNTAG)] {
        let table = held_since(since).await;
        let done = reviewed(policy, Mode::Enforce, &table, archived).await;
        assert_eq!((&done.result, beside_query(&done)), (&Ok(()), Vec::new()));
    }
    let table = held_since(over).await;
    let warn = format!("{DELETE}\nrules: {{expired-quarantine: warn}}");
    let told = reviewed(&warn, Mode::Enforce, &table, archived).await;
    assert!(!told.operations().contains(&"BatchDeleteImage".to_owned()));
    assert_eq!(told.alert()["decision"], "warn");
    let audit = reviewed(DELETE, Mode::Audit, &table, archived).await;
    assert!(!audit.operations().contains(&"BatchDeleteImage".to_owned()));
    let headline = audit.alert()["headline"].as_str().unwrap().to_owned();
    assert!(headline.starts_with("Would delete image"), "{headline}");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_came_back_or_whose_use_is_not_known_is_not_deleted() {
    let table = held_since("2026-11-01T09:00:00Z").await;
    let done = reviewed(DELETE, Mode::Enforce, &table, |call| {
        if call.operation == "ListClusters" {
            return Answer::denied();
        }
        archived(call)
    })
    .await;
    assert_eq!(done.result, Ok(()));
    let withheld = done.alert()["withheld"].as_str().unwrap().to_owned();
    assert!(
        withheld.starts_with("it is to be deleted, and it runs"),
        "{withheld}"
    );
    let back = reviewed(DELETE, Mode::Enforce, &table, |call| {
        match call.operation.as_str() {
            "DescribeImages" => surroundings::alone(std::iter::once(digest())),
            _ => Answer::empty(),
        }
    })
    .await;
    // What was told of it is still open, and is looked at.
    assert_eq!(
        beside_query(&back),
        ["DescribeImages", "DescribeImageScanFindings"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_released_at_the_last_moment_is_not_deleted() {
    let table = held_since("2026-11-01T09:00:00Z").await;
    let answers = table.clone();
    let done = reviewed(DELETE, Mode::Enforce, &table, move |call| {
        if call.operation == "ListClusters" {
            // Somebody releases it while what runs is being asked.
            let (repository, digest) = image();
            let key = tidewaiter_rules::ledger::Key::quarantine(&repository, &digest);
            let release = Call {
                operation: "UpdateItem".to_owned(),
                earlier: 0,
                parameters: json!({
                    "Key": {"id": {"S": key.id()}, "part": {"S": key.part()}},
                    "ConditionExpression": "attribute_not_exists(#id) OR #state <> :released",
                    "UpdateExpression": "SET #state = :released, #by = :by, #until = :until",
                    "ExpressionAttributeNames": {"#id": "id", "#state": "state", "#by": "by", "#until": "until"},
                    "ExpressionAttributeValues": {":released": {"S": "released"}, ":by": {"S": "ada"},
                        ":until": {"S": "2026-12-24T00:00:00Z"}},
                }),
            };
            answers.answer(&release).unwrap();
        }
        archived(call)
    })
    .await;
    assert_eq!(done.result, Ok(()));
    assert!(!done.operations().contains(&"BatchDeleteImage".to_owned()));
    let held_back = done.alert()["held_back"].as_str().unwrap().to_owned();
    assert!(
        held_back.contains("`ada` released the image"),
        "{held_back}"
    );
}

/// ECR says so within an answer that is a success.
#[tokio::test(start_paused = true)]
async fn a_refusal_to_delete_is_told_with_advice_and_tried_again_the_next_day() {
    let table = held_since("2026-11-01T09:00:00Z").await;
    let done = reviewed(DELETE, Mode::Enforce, &table, |call| {
        if call.operation == "BatchDeleteImage" {
            return Answer::json(
                r#"{"imageIds":[],"failures":[{"failureCode":"ImageReferencedByManifestList","failureReason":"by [sha256:1d]"}]}"#,
            );
        }
        archived(call)
    })
    .await;
    assert_eq!(done.result, Ok(()), "another attempt at once cannot help");
    let action = &done.alert()["actions"][0];
    assert_eq!(
        (&action["effect"], &action["will_retry"]),
        (&json!("failed"), &json!(true))
    );
    assert!(
        action["error"]
            .as_str()
            .unwrap()
            .contains("an index leads to the image")
    );
    assert!(!done.operations().contains(&"SendMessage".to_owned()));
    let again = reviewed(DELETE, Mode::Enforce, &table, archived).await;
    assert!(again.operations().contains(&"BatchDeleteImage".to_owned()));
}

fn nothing(call: &Call) -> Answer {
    match call.operation.as_str() {
        "DescribeImages" => Answer::json(r#"{"imageDetails":[]}"#),
        _ => Answer::empty(),
    }
}

/// A process that ends between the act and the alert comes to the same.
#[tokio::test(start_paused = true)]
async fn a_deletion_that_could_not_be_told_is_told_by_the_next_review_and_once() {
    let table = held_since("2026-11-01T09:00:00Z").await;
    let untold = reviewed(DELETE, Mode::Enforce, &table, |call| {
        if call.operation == "Publish" {
            return Answer::denied();
        }
        archived(call)
    })
    .await;
    assert!(untold.operations().contains(&"BatchDeleteImage".to_owned()));
    assert!(untold.result.is_err());
    let told = reviewed(DELETE, Mode::Enforce, &table, nothing).await;
    assert_eq!(told.result, Ok(()));
    assert_eq!(beside_query(&told), ["DescribeImages", "Publish"]);
    let headline = told.alert()["headline"].as_str().unwrap().to_owned();
    assert!(headline.starts_with("Deleted image"), "{headline}");
    let again = reviewed(DELETE, Mode::Enforce, &table, nothing).await;
    assert_eq!(beside_query(&again), [] as [&str; 0]);
}

/// The ledger failed after the alert: nobody is told a second time.
#[tokio::test(start_paused = true)]
async fn a_deletion_that_was_told_is_not_told_again_for_that_it_was_not_noted() {
    let table = held_since("2026-11-01T09:00:00Z").await;
    let told = reviewed(DELETE, Mode::Enforce, &table, archived).await;
    assert_eq!(told.result, Ok(()));
    let (repository, digest) = image();
    let guard = guard(
        Mode::Enforce,
        SubjectKind::Image,
        &with_ledger(table.clone(), fine),
    );
    let writer = Writer {
        by: "test",
        attempt: "r",
        now: (guard.now)(),
    };
    let noted = guard
        .ledger()
        .deletion((&repository, &digest), Deletion::Begun, writer)
        .await;
    assert_eq!(noted, Ok(None));
    let again = reviewed(DELETE, Mode::Enforce, &table, nothing).await;
    assert_eq!(
        (&again.result, beside_query(&again)),
        (&Ok(()), vec!["DescribeImages".to_owned()])
    );
    // And it is noted by then.
    let last = reviewed(DELETE, Mode::Enforce, &table, nothing).await;
    assert_eq!(beside_query(&last), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_deleted_is_noted_once() {
    let table = held_since("2026-11-01T09:00:00Z").await;
    let done = reviewed(DELETE, Mode::Enforce, &table, nothing).await;
    assert_eq!(beside_query(&done), ["DescribeImages"]);
    let (repository, digest) = image();
    let guard = guard(
        Mode::Enforce,
        SubjectKind::Image,
        &with_ledger(table.clone(), fine),
    );
    let now = "2026-11-24T09:01:00Z".parse().unwrap();
    let state = guard.ledger().quarantined(&repository, &digest, now).await;
    assert!(
        matches!(
            state,
            Ok(Some(Quarantined::Held {
                deletion: Some(Deletion::Done),
                ..
            }))
        ),
        "one that is pushed again is as bad as it was: {state:?}"
    );
    assert_eq!(
        beside_query(&reviewed(DELETE, Mode::Enforce, &table, nothing).await),
        [] as [&str; 0]
    );
}
