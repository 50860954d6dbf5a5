//! What becomes of images that the ledger has in quarantine, or had.

use tidewaiter_aws::ledger::{Because, Ledger, Writer};
use tidewaiter_rules::{
    Action, Step,
    names::{Digest, Repository},
};

use super::*;

const NOW: &str = "2026-11-23T13:30:00Z";
const PUSHED: &str = "sha256:c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3";
const PUSHED_INDEX: &str =
    "sha256:d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4";

fn clock() -> Timestamp {
    NOW.parse().unwrap()
}

fn image(repository: &str, digest: &str) -> (Repository, Digest) {
    let place = Place::of_region(REGION, ACCOUNT).unwrap();
    (
        Repository::new(place, repository).unwrap(),
        Digest::parse(digest).unwrap(),
    )
}

fn ada() -> Writer<'static> {
    Writer {
        by: "ada",
        attempt: "a",
        now: clock(),
    }
}

/// Does something in a ledger from outside.
async fn in_ledger(table: &Table, act: impl AsyncFnOnce(Ledger<'_>)) {
    let table = table.clone();
    let wire = Wire::new(move |call| table.answer(call).unwrap());
    let clients = wire.clients(Place::of_region(REGION, ACCOUNT).unwrap());
    act(Ledger::new(&clients, "ledger")).await;
}

async fn hold(table: &Table, repository: &str, digest: &str) {
    hold_with(table, repository, digest, None).await;
}

/// As [`hold`], for the sake of another image where there is one.
async fn hold_with(table: &Table, repository: &str, digest: &str, with: Option<&str>) {
    let (repository, digest) = image(repository, digest);
    let step = Step::of(Action::ArchiveImage(repository.clone(), digest.clone()));
    let with = with.map(|with| Digest::parse(with).unwrap());
    let because = Because {
        subject: with.as_ref(),
        reason: "1 CRITICAL",
        ticket: None,
    };
    in_ledger(table, async |ledger| {
        let held = ledger
            .quarantine((&repository, &digest), (&step, None), because, ada())
            .await;
        assert_eq!(held, Ok(None));
    })
    .await;
}

async fn release(table: &Table, repository: &str, digest: &str, until: &str) {
    let (repository, digest) = image(repository, digest);
    in_ledger(table, async |ledger| {
        let until = until.parse().unwrap();
        let released = ledger
            .release(&repository, &digest, "a false alarm", until, ada())
            .await;
        assert_eq!(released, Ok(()));
    })
    .await;
}

/// A scan with this state and count of critical findings, and a repository with the image alone.
fn scanned(state: &'static str, critical: u64) -> impl Fn(&Call) -> Answer + Send + Sync {
    move |call| match call.operation.as_str() {
        "DescribeImageScanFindings" => Answer::json(
            json!({"imageScanStatus": {"status": state},
                "imageScanFindings": {"findingSeverityCounts": {"CRITICAL": critical}}})
            .to_string(),
        ),
        "DescribeImages" => surroundings::listed(),
        _ => Answer::empty(),
    }
}

async fn handled(
    case: &str,
    table: &Table,
    policy: &str,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> Done {
    let wire = with_ledger(table.clone(), script);
    let mut guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
    guard.now = clock;
    guard.settings.policy = Policy::from_yaml(&format!("version: 1\n{policy}"), clock()).unwrap();
    let result = guard.handle(&event(case), "r").await;
    Done { result, wire }
}

const REPUSHED: &str = "image-push-guard/push-untagged";
const RESTORED: &str = "image-push-guard/restored";

#[tokio::test(start_paused = true)]
async fn an_image_in_quarantine_is_archived_as_it_comes_back_and_no_scan_is_asked_for() {
    for case in [REPUSHED, RESTORED] {
        let table = Table::default();
        hold(&table, "team/shop", PUSHED).await;
        let done = handled(case, &table, "", scanned("IN_PROGRESS", 0)).await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(
            done.operations(),
            [
                "DescribeImages",
                "ListClusters",
                "UpdateImageStorageClass",
                "Publish"
            ],
            "{case}"
        );
        let alert = done.alert();
        let findings = alert["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0]["rule"], "returned-image");
        if case == RESTORED {
            insta::assert_snapshot!(done.email());
        }
    }
}

/// A push that is announced after the scan of what it pushed.
#[tokio::test(start_paused = true)]
async fn a_late_push_of_what_is_in_the_archive_is_silent() {
    let table = Table::default();
    hold(&table, "team/shop", PUSHED).await;
    let done = handled(REPUSHED, &table, "", |call| match call.operation.as_str() {
        "DescribeImages" => Answer::json(
            json!({"imageDetails": [{"imageDigest": PUSHED, "imageStatus": "ARCHIVED"}]})
                .to_string(),
        ),
        _ => Answer::empty(),
    })
    .await;
    assert_eq!(done.result, Ok(()));
    assert_eq!(done.operations(), ["DescribeImages"]);
}

/// What an archived index led to is not bad by itself, and may be a part of a good one.
#[tokio::test(start_paused = true)]
async fn what_was_condemned_with_another_image_is_judged_by_its_own_scan() {
    let other = PUSHED.replace("c3", "a1");
    for (critical, archived) in [(0, false), (1, true)] {
        let table = Table::default();
        hold_with(&table, "team/shop", PUSHED, Some(&other)).await;
        let done = handled(REPUSHED, &table, "", scanned("ACTIVE", critical)).await;
        assert_eq!(done.result, Ok(()));
        let operations = done.operations();
        assert_eq!(operations[0], "DescribeImageScanFindings");
        let is_archived = operations.contains(&"UpdateImageStorageClass".to_owned());
        assert_eq!(is_archived, archived);
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_costs_one_question_to_the_ledger() {
    for (case, operations) in [
        (REPUSHED, &["Query", "DescribeImageScanFindings"][..]),
        (
            "image-push-guard/push-index",
            &["Query", "BatchGetImage", "DescribeImageScanFindings"],
        ),
        // What the event does not call anything may be an index.
        (
            "image-push-guard/push",
            &["Query", "BatchGetImage", "DescribeImageScanFindings"],
        ),
    ] {
        let done = handled(case, &Table::default(), "", scanned("IN_PROGRESS", 0)).await;
        assert_eq!(done.result, Ok(()));
        assert_eq!(done.wire.operations(), operations, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_released_image_may_come_and_go_in_silence_until_the_release_ends() {
    for case in [REPUSHED, RESTORED] {
        let table = Table::default();
        hold(&table, "team/shop", PUSHED).await;
        release(&table, "team/shop", PUSHED, "2026-11-23T13:30:01Z").await;
        let done = handled(case, &table, "", scanned("ACTIVE", 1)).await;
        assert_eq!(done.result, Ok(()));
        // What was told of it, if anything, is over.
        assert_eq!(done.wire.operations(), ["Query", "GetItem"], "{case}");
    }
    let table = Table::default();
    hold(&table, "team/shop", PUSHED).await;
    release(&table, "team/shop", PUSHED, NOW).await;
    let done = handled(REPUSHED, &table, "", scanned("ACTIVE", 1)).await;
    assert_eq!(done.alert()["findings"][0]["rule"], "vulnerable-image");
    assert_eq!(done.alert()["actions"][0]["effect"], "done");
}

#[tokio::test(start_paused = true)]
async fn a_scan_of_a_released_image_costs_no_budget_and_begins_nothing() {
    let table = Table::default();
    release(&table, "team/shop", PUSHED, "2026-12-23T00:00:00Z").await;
    let done = handled(REPUSHED, &table, "", scanned("ACTIVE", 1)).await;
    assert_eq!(done.wire.operations(), ["Query", "GetItem"]);
    // By its scan, which asks the ledger only when it comes to acting.
    let wire = with_ledger(table.clone(), critical_pages);
    let mut scans = guard(Mode::Enforce, SubjectKind::Image, &wire);
    scans.now = clock;
    let payload = event("image-scan-guard/critical");
    let detail: Value = serde_json::from_str(&payload).unwrap();
    let name = detail["detail"]["repository-name"].as_str().unwrap();
    let digest = detail["detail"]["image-digest"].as_str().unwrap();
    release(&table, name, digest, "2026-12-23T00:00:00Z").await;
    assert_eq!(scans.handle(&payload, "r").await, Ok(()));
    let keys = table.keys();
    let of = |kind: &str| keys.iter().any(|key| key.starts_with(kind));
    assert!(!of("budget#") && !of("action#"), "{keys:?}");
    let told = alerts(&wire);
    let held_back = told[0]["held_back"].as_str().unwrap();
    assert!(
        held_back.contains("`ada` released the image"),
        "{held_back}"
    );
    assert!(
        !wire
            .operations()
            .contains(&"UpdateImageStorageClass".to_owned())
    );
}

/// A known image under an index that nobody has seen.
#[tokio::test(start_paused = true)]
async fn a_new_index_that_leads_to_an_image_in_quarantine_is_archived() {
    let table = Table::default();
    hold(&table, "team/shop", PUSHED).await;
    let index = "application/vnd.oci.image.index.v1+json";
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let child = |digest: &str, architecture: &str| {
        json!({"mediaType": manifest, "digest": digest, "size": 1,
        "platform": {"os": "linux", "architecture": architecture}})
    };
    let other = PUSHED.replace("c3", "a1");
    let children =
        json!({"schemaVersion": 2, "manifests": [child(&other, "arm64"), child(PUSHED, "amd64")]});
    let listed = json!({"imageDetails": [
        {"imageDigest": PUSHED_INDEX, "imageManifestMediaType": index, "imageTags": ["2.0.1"], "imageStatus": "ACTIVE"},
        {"imageDigest": PUSHED, "imageManifestMediaType": manifest, "imageStatus": "ARCHIVED"},
        {"imageDigest": other, "imageManifestMediaType": manifest, "imageStatus": "ACTIVE", "imageTags": ["arm"]},
    ]})
    .to_string();
    let script = move |call: &Call| {
        match call.operation.as_str() {
        "BatchGetImage" => Answer::json(
            json!({"images": [{"imageId": {"imageDigest": PUSHED_INDEX}, "imageManifestMediaType": index,
                "imageManifest": children.to_string()}]})
            .to_string(),
        ),
        "DescribeImages" => Answer::json(listed.clone()),
        _ => Answer::empty(),
    }
    };
    let done = handled("image-push-guard/push-index", &table, "", script).await;
    assert_eq!(done.result, Ok(()));
    let calls = done.calls();
    let archived: Vec<&Value> = calls
        .iter()
        .filter(|call| call.operation == "UpdateImageStorageClass")
        .map(|call| &call.parameters["imageId"]["imageDigest"])
        .collect();
    assert_eq!(archived, [PUSHED_INDEX]);
    assert_eq!(done.alert()["findings"][0]["rule"], "returned-image");
}

#[tokio::test(start_paused = true)]
async fn an_image_in_quarantine_elsewhere_is_judged_by_its_scan_and_without_one_by_that() {
    for (state, critical, rule) in [
        ("IN_PROGRESS", 0, Some("returned-image")),
        ("ACTIVE", 1, Some("vulnerable-image")),
        ("ACTIVE", 0, None),
    ] {
        let table = Table::default();
        hold(&table, "team/other", PUSHED).await;
        let done = handled(REPUSHED, &table, "", scanned(state, critical)).await;
        assert_eq!(done.result, Ok(()));
        let Some(rule) = rule else {
            assert_eq!(done.operations(), ["DescribeImageScanFindings"]);
            continue;
        };
        let alert = done.alert();
        assert_eq!(alert["findings"][0]["rule"], rule, "{state}");
        assert_eq!(alert["actions"][0]["effect"], "done", "{state}");
        if rule == "returned-image" {
            let message = alert["findings"][0]["message"].as_str().unwrap();
            assert!(message.contains("in repository `team/other`"), "{message}");
        }
    }
}

/// Both ways out of quarantine hold: a release, and a waiver for what led to it.
#[tokio::test(start_paused = true)]
async fn a_waiver_of_the_whole_image_holds_for_its_quarantine_and_one_of_a_vulnerability_does_not()
{
    for (target, archived) in [
        ("repository: team/shop", false),
        (
            "{repository: team/shop, vulnerability: CVE-2026-1001}",
            true,
        ),
    ] {
        let table = Table::default();
        hold(&table, "team/shop", PUSHED).await;
        let target = if archived {
            target.to_owned()
        } else {
            format!("{{{target}}}")
        };
        let policy = format!(
            "waivers:\n- {{id: w, rules: [vulnerable-image], target: {target}, reason: r, owner: o, expires: 2026-12-31}}\n"
        );
        let done = handled(RESTORED, &table, &policy, scanned("IN_PROGRESS", 0)).await;
        assert_eq!(done.result, Ok(()));
        let operations = done.operations();
        assert_eq!(
            operations.contains(&"UpdateImageStorageClass".to_owned()),
            archived,
            "{target}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_that_the_ledger_does_not_answer_for_is_tried_again_or_put_aside() {
    for (answer, operations) in [
        (Answer::throttled as fn() -> Answer, &[][..]),
        (Answer::denied, &["SendMessage", "Publish"]),
    ] {
        let wire = Wire::new(move |call| match call.operation.as_str() {
            "Query" => answer(),
            _ => Answer::empty(),
        });
        let guard = guard(Mode::Enforce, SubjectKind::Image, &wire);
        let result = guard.handle(&event(REPUSHED), "r").await;
        assert_eq!(result.is_err(), operations.is_empty());
        let made: Vec<String> = beside_the_ledger(&wire)
            .into_iter()
            .map(|c| c.operation)
            .collect();
        assert_eq!(made, operations);
    }
}

/// A definition of revision 3 that runs this image.
fn registered(image: &str) -> String {
    let payload: String = event("task-definition-guard/privileged");
    let mut payload: Value = serde_json::from_str(&payload).unwrap();
    for side in ["requestParameters", "responseElements"] {
        let at = match side {
            "responseElements" => "/detail/responseElements/taskDefinition/containerDefinitions/0",
            _ => "/detail/requestParameters/containerDefinitions/0",
        };
        if let Some(container) = payload.pointer_mut(at) {
            container["image"] = image.into();
            container["privileged"] = false.into();
        }
    }
    payload.to_string()
}

async fn definition(
    image: &str,
    table: &Table,
    script: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> (Done, Option<Value>) {
    let wire = with_ledger(table.clone(), script);
    let mut guard = guard(Mode::Enforce, SubjectKind::TaskDefinition, &wire);
    guard.now = clock;
    let result = guard.handle(&registered(image), "r").await;
    let done = Done { result, wire };
    let found = done.alerts().into_iter().find_map(|alert| {
        let findings = alert["findings"].as_array()?;
        let ours = findings.iter().find(|f| f["rule"] == "quarantined-image");
        ours.cloned()
    });
    (done, found)
}

fn described(status: &'static str) -> impl Fn(&Call) -> Answer + Send + Sync {
    move |call| match call.operation.as_str() {
        "DescribeImages" => {
            assert_eq!(call.parameters["filter"]["imageStatus"], "ANY");
            Answer::json(
                json!({"imageDetails": [{"imageDigest": PUSHED, "imageStatus": status}]})
                    .to_string(),
            )
        }
        _ => Answer::empty(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_names_an_image_in_quarantine_is_told() {
    let host = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/shop");
    let digest = format!("{host}:1.0@{PUSHED}");
    let tag = format!("{host}:1.0");
    for (image, is_released, status, outcome, calls) in [
        (
            &digest,
            Some(false),
            "ARCHIVED",
            Some("in quarantine since"),
            0,
        ),
        (
            &tag,
            Some(false),
            "ARCHIVED",
            Some("in quarantine since"),
            1,
        ),
        (&tag, Some(false), "ACTIVE", Some("in quarantine since"), 1),
        (&tag, Some(true), "ACTIVE", None, 1),
        (&digest, Some(true), "ACTIVE", None, 1),
        (&tag, None, "ARCHIVED", Some("in the archive"), 1),
        (&digest, None, "ARCHIVED", Some("in the archive"), 1),
        (&tag, None, "ACTIVE", None, 1),
    ] {
        let table = Table::default();
        if let Some(is_released) = is_released {
            hold(&table, "team/shop", PUSHED).await;
            if is_released {
                release(&table, "team/shop", PUSHED, "2026-12-23T00:00:00Z").await;
            }
        }
        let (done, found) = definition(image, &table, described(status)).await;
        assert_eq!(done.result, Ok(()));
        let message = found
            .as_ref()
            .map(|found| found["message"].as_str().unwrap());
        match outcome {
            Some(part) => assert!(message.unwrap().contains(part), "{message:?}"),
            None => assert_eq!(message, None, "{image}"),
        }
        let operations = done.wire.operations();
        let described = operations.iter().filter(|it| *it == "DescribeImages");
        assert_eq!(described.count(), calls, "{image} {status}");
        assert!(!operations.contains(&"DeregisterTaskDefinition".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_ecr_does_not_say_of_an_image_is_unknown_and_what_it_does_not_have_passes() {
    let image = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/shop:1.0");
    for (answer, outcome) in [
        (Answer::denied(), Some("unknown")),
        (Answer::error(400, "ImageNotFoundException", "no"), None),
        (
            Answer::error(400, "RepositoryNotFoundException", "no"),
            None,
        ),
    ] {
        let table = Table::default();
        let (done, found) = definition(&image, &table, move |call| match call.operation.as_str() {
            "DescribeImages" => answer.clone(),
            _ => Answer::empty(),
        })
        .await;
        assert_eq!(done.result, Ok(()));
        let found = found
            .as_ref()
            .map(|found| found["outcome"].as_str().unwrap());
        assert_eq!(found, outcome);
    }
    let table = Table::default();
    let (done, _) = definition(&image, &table, |call| match call.operation.as_str() {
        "DescribeImages" => Answer::throttled(),
        _ => Answer::empty(),
    })
    .await;
    assert!(done.result.is_err(), "time can help");
}

#[tokio::test(start_paused = true)]
async fn images_of_others_are_not_looked_up() {
    for image in [
        "nginx:1.27".to_owned(),
        format!("{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/team/shop:1.0"),
        format!("111122223333.dkr.ecr.{REGION}.amazonaws.com/team/shop:1.0"),
    ] {
        let (done, found) = definition(&image, &Table::default(), fine).await;
        assert_eq!((done.result.is_ok(), found), (true, None));
        let operations = done.wire.operations();
        assert!(
            !operations.contains(&"DescribeImages".to_owned()),
            "{image}"
        );
        let calls = done.wire.calls();
        let is_of_image = |call: &Call| call.parameters["Key"]["id"]["S"] == "quarantine";
        assert!(!calls.iter().any(is_of_image), "{image}");
    }
}
