//! Every event of `events/` and what becomes of it, and that no text whatever breaks the reader.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use proptest::prelude::*;
use serde_json::Value;

use super::*;

mod pushes;

#[expect(
    clippy::disallowed_methods,
    reason = "the tests read the project's sample events"
)]
fn json_files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read(&path).unwrap();
        (path, text)
    };
    files.into_iter().map(read).collect()
}

fn told(parsed: &Parsed) -> String {
    match parsed {
        Parsed::Ignored(reason) => format!("ignored: {reason}"),
        Parsed::Deregistered(deregistered) => format!(
            "deregistered {} by {}",
            deregistered.arn.short(),
            deregistered.principal.name
        ),
        Parsed::Scheduled(origin) => format!("scheduled: {:?}", origin.time),
        Parsed::TaskChanged(seen) => format!(
            "task {} at {}, version {} of {}, {} in {}: {:?}",
            seen.arn,
            seen.at,
            seen.version,
            seen.task_definition,
            if seen.is_running { "runs" } else { "has ended" },
            seen.cluster,
            seen.images
                .iter()
                .map(|image| (
                    image.repository.name(),
                    image.digest.as_ref().map(Digest::as_str)
                ))
                .collect::<Vec<_>>(),
        ),
        Parsed::Event(event) => match event {
            Event::Registered(registered) => format!(
                "registered {} by {}{}{}; {}",
                event.subject_id(),
                registered.principal.name,
                registered
                    .principal
                    .via
                    .iter()
                    .fold(String::new(), |_, via| format!(" via {via}")),
                registered
                    .principal
                    .tool
                    .iter()
                    .fold(String::new(), |_, tool| format!(" with {tool}")),
                match &registered.definition {
                    Some(definition) => format!(
                        "definition {} of {} containers",
                        definition.id(),
                        definition.containers().count()
                    ),
                    None => "no definition".to_owned(),
                },
            ),
            Event::Started(started) => format!(
                "started {} {} by {}; {} containers",
                started.definition.form.name(),
                event.subject_id(),
                started.principal.name,
                started.definition.containers().count(),
            ),
            Event::Scanned(scanned) => format!(
                "{} of {} is {:?}: {:?}",
                scanned.scanner.name(),
                event.subject_id(),
                scanned.state,
                scanned.counts,
            ),
            Event::Found(found) => format!(
                "finding {:?} {} ({:?}) in {} of {}, owner {:?}, first seen {:?}, pushed {:?}, in use {:?}",
                found.vulnerability.status,
                found.vulnerability.name,
                found.vulnerability.severity,
                found.vulnerability.package_names().unwrap_or_default(),
                event.subject_id(),
                found.owner,
                found.vulnerability.first_seen.map(|time| time.to_string()),
                found.pushed_at.map(|time| time.to_string()),
                found.in_use,
            ),
            Event::Pushed(pushed) => format!(
                "{:?} of {} with tags {:?}",
                pushed.arrival,
                event.subject_id(),
                pushed.image.tags,
            ),
            Event::Deploying(_) => format!("a deployment of {}", event.subject_id()),
        },
    }
}

#[test]
fn every_sample_event_is_read_or_ignored_for_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
    let mut text = String::new();
    for function in [
        "task-definition-guard",
        "image-scan-guard",
        "image-push-guard",
        "usage-recorder",
        "deployment-guard",
    ] {
        for (path, json) in json_files(&root.join(function)) {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let _ = writeln!(text, "{function}/{name}: {}", told(&parse(&json).unwrap()));
        }
    }
    insta::assert_snapshot!(text);
}

/// Runs over a folder of further samples where one is named.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the folder is outside the project"
)]
fn no_other_sample_is_an_error() {
    let Some(folder) = std::env::var_os("TIDEWAITER_EVENTS") else {
        return;
    };
    let files = json_files(Path::new(&folder));
    assert!(!files.is_empty(), "no sample in TIDEWAITER_EVENTS");
    for (path, json) in files {
        let parsed = parse(&json).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        println!("{}: {}", path.display(), told(&parsed));
    }
}

#[test]
fn a_definition_that_says_a_member_twice_is_believed_in_neither() {
    let registered = |definition: &str| {
        let arn = "arn:aws:ecs:eu-west-1:111122223333:task-definition/app:1";
        let detail = format!(
            r#"{{"eventSource":"ecs.amazonaws.com","eventName":"RegisterTaskDefinition","responseElements":
                {{"taskDefinition":{{"taskDefinitionArn":"{arn}",{definition}}}}}}}"#
        );
        let parsed = parse(wrapped("AWS API Call via CloudTrail", "aws.ecs", &detail).as_bytes());
        let Ok(Parsed::Event(Event::Registered(registered))) = parsed else {
            panic!("{parsed:?}")
        };
        registered
    };
    let good = r#""containerDefinitions":[{"name":"a","privileged":false}]"#;
    let bad = r#""containerDefinitions":[{"name":"a","privileged":true}]"#;
    assert!(registered(good).definition.is_some());
    for definition in [
        format!("{good},{bad}"),
        format!("{bad},{good}"),
        good.replace("false", r#"false,"privileged":true"#),
        good.replace("false", r#"true,"privileged":false"#),
        // As it would be if it were escaped.
        good.replace("false", r#"true,"privil\u0065ged":false"#),
        good.replace("false", r#""true""#),
        good.replace("false", "1"),
        good.replace("[{", "[null,{"),
    ] {
        // It is read from ECS, as one that the event does not have.
        let registered = registered(&definition);
        assert_eq!(registered.definition, None, "{definition}");
        assert!(registered.arn.is_some());
    }
}

fn wrapped(detail_type: &str, source: &str, detail: &str) -> String {
    format!(
        r#"{{"detail-type":"{detail_type}","source":"{source}","account":"111122223333","region":"eu-west-1","detail":{detail}}}"#
    )
}

#[test]
fn what_claims_to_be_ours_and_is_not_readable_is_an_error() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let mut text = String::new();
    for json in [
        String::new(),
        "null".to_owned(),
        "[1,2]".to_owned(),
        "\"text\"".to_owned(),
        "{\"detail-type\":".to_owned(),
        "{\"detail-type\":7}".to_owned(),
        r#"{"detail-type":"ECR Image Scan","source":"aws.ecr"}"#.to_owned(),
        wrapped("AWS API Call via CloudTrail", "aws.ecs", "\"text\""),
        wrapped("ECR Image Scan", "aws.ecr", "{}"),
        wrapped("ECR Image Scan", "aws.ecr", r#"{"repository-name":"app"}"#),
        wrapped(
            "ECR Image Scan",
            "aws.ecr",
            r#"{"repository-name":"app; rm -rf /","scan-status":"COMPLETE"}"#,
        ),
        wrapped(
            "ECR Image Scan",
            "aws.ecr",
            r#"{"repository-name":"app","scan-status":"COMPLETE","image-digest":"latest"}"#,
        ),
        wrapped(
            "ECR Image Scan",
            "aws.ecr",
            &format!(
                r#"{{"repository-name":"app","scan-status":"COMPLETE","image-digest":"{digest}","finding-severity-counts":{{"HIGH":-1}}}}"#
            ),
        ),
        wrapped(
            "AWS API Call via CloudTrail",
            "aws.ecs",
            r#"{"eventSource":"ecs.amazonaws.com","eventName":"RegisterTaskDefinition","responseElements":{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:x"}}}"#,
        ),
    ] {
        let _ = writeln!(text, "{json}\n    {}", parse(json.as_bytes()).unwrap_err());
    }
    insta::assert_snapshot!(text);
}

#[test]
fn an_event_of_another_sender_is_ignored() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let detail = format!(
        r#"{{"repository-name":"app","scan-status":"COMPLETE","image-digest":"{digest}","finding-severity-counts":{{"HIGH":1}}}}"#
    );
    let parsed = parse(wrapped("ECR Image Scan", "com.example", &detail).as_bytes()).unwrap();
    assert_eq!(
        parsed,
        Parsed::Ignored(Ignored::OtherSource("com.example".to_owned()))
    );
    assert!(!Ignored::OtherScan.is_misrouted());
    let parsed = parse(br#"{"Records":[]}"#).unwrap();
    assert!(matches!(parsed, Parsed::Ignored(reason) if reason.is_misrouted()));
}

#[test]
fn counts_are_read_as_numbers_however_they_are_written() {
    for (count, expected) in [("3", 3), ("3.0", 3), ("\"3\"", 3)] {
        let detail = format!(
            r#"{{"repository-name":"app","scan-status":"COMPLETE","finding-severity-counts":{{"HIGH":{count},"TOTAL":9}}}}"#
        );
        let parsed = parse(wrapped("ECR Image Scan", "aws.ecr", &detail).as_bytes()).unwrap();
        let Parsed::Event(event) = parsed else {
            panic!("{parsed:?}")
        };
        let Event::Scanned(scanned) = event else {
            panic!("{event:?}")
        };
        assert_eq!(scanned.counts.get(&ScanSeverity::High), Some(&expected));
        assert_eq!(scanned.counts.len(), 1);
    }
}

fn finding(detail: &str) -> Result<Parsed, InvalidEvent> {
    parse(wrapped("Inspector2 Finding", "aws.inspector2", detail).as_bytes())
}

#[test]
fn a_finding_is_of_the_image_that_it_names_wherever_that_is() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let arn = "arn:aws:ecr:us-east-1:777788889999:repository/team/app";
    let details = |members: &str| format!(r#""details":{{"awsEcrContainerImage":{{{members}}}}}"#);
    let named =
        format!(r#""repositoryName":"team/app","registry":"777788889999","imageHash":"{digest}""#);
    for (resource, place) in [
        (format!(r#""id":"{arn}/{digest}""#), "us-east-1"),
        (
            format!(r#""id":"{arn}/{digest}",{}"#, details(&named)),
            "us-east-1",
        ),
        // Without an ARN it is in the region of the event.
        (details(&named), "eu-west-1"),
    ] {
        let json = format!(
            r#"{{"severity":"HIGH","status":"ACTIVE","resources":[{{"type":"AWS_EC2_INSTANCE"}},{{"type":"AWS_ECR_CONTAINER_IMAGE",{resource}}}]}}"#
        );
        let Ok(Parsed::Event(Event::Found(found))) = finding(&json) else {
            panic!("{json}")
        };
        let repository = &found.image.repository;
        assert_eq!(repository.name(), "team/app");
        assert_eq!(repository.place().account(), "777788889999");
        assert_eq!(repository.place().region(), place);
        assert_eq!(found.image.digest, Some(Digest::parse(&digest).unwrap()));
        assert_eq!(found.image.counts.get(&ScanSeverity::High), Some(&1));
    }
}

#[test]
fn one_finding_never_says_that_an_image_is_clean() {
    for (status, severity) in [
        ("ACTIVE", "LOW"),
        ("CLOSED", "CRITICAL"),
        ("SUPPRESSED", "CRITICAL"),
        ("REOPENED", "CRITICAL"),
    ] {
        let json = format!(
            r#"{{"severity":"{severity}","status":"{status}","resources":[{{"type":"AWS_ECR_CONTAINER_IMAGE",
                "id":"arn:aws:ecr:us-east-1:777788889999:repository/app/sha256:{}"}}]}}"#,
            "ab".repeat(32)
        );
        let event = match finding(&json).unwrap() {
            Parsed::Event(event) => event,
            // What ended says nothing at all.
            Parsed::Ignored(Ignored::EndedFinding)
                if severity == "CRITICAL" && status != "REOPENED" =>
            {
                continue;
            }
            other => panic!("{other:?}"),
        };
        let facts = event.facts().unwrap();
        let decision = tidewaiter_rules::decide(&facts, &tidewaiter_rules::Policy::default());
        assert_ne!(
            decision.verdict,
            tidewaiter_rules::Verdict::Allow,
            "{status}"
        );
        let Subject::Image(image) = facts.subject else {
            panic!("{json}")
        };
        assert_eq!(image.scan.state, ScanState::InPart);
        assert_eq!(image.scan.counts.values().sum::<u64>(), 1, "{status}");
        assert_eq!(image.scan.vulnerabilities.len(), 1);
    }
}

#[test]
fn a_finding_about_an_image_that_it_does_not_name_is_an_error() {
    let mut text = String::new();
    for resource in [
        "",
        r#","id":"app""#,
        r#","id":"arn:aws:ecr:us-east-1:777788889999:repository/App""#,
        r#","details":{"awsEcrContainerImage":{"repositoryName":"app; rm"}}"#,
        r#","details":{"awsEcrContainerImage":{"repositoryName":"app","registry":"me"}}"#,
        r#","details":{"awsEcrContainerImage":{"repositoryName":"app","imageHash":"latest"}}"#,
        r#","details":{"awsEcrContainerImage":{"inUseCount":"many"}}"#,
    ] {
        let json = format!(r#"{{"resources":[{{"type":"AWS_ECR_CONTAINER_IMAGE"{resource}}}]}}"#);
        let _ = writeln!(text, "{json}\n    {}", finding(&json).unwrap_err());
    }
    insta::assert_snapshot!(text);
    for json in [
        "{}",
        r#"{"resources":null}"#,
        r#"{"resources":[{"type":"AWS_LAMBDA_FUNCTION"}]}"#,
    ] {
        assert_eq!(
            finding(json),
            Ok(Parsed::Ignored(Ignored::OtherFinding)),
            "{json}"
        );
    }
    let foreign = wrapped("Inspector2 Finding", "com.example", "{}");
    assert!(matches!(
        parse(foreign.as_bytes()),
        Ok(Parsed::Ignored(Ignored::OtherSource(_)))
    ));
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let detail = format!(
        r#"{{"eventSource":"ecs.amazonaws.com","eventName":"RegisterTaskDefinition","requestParameters":{{"family":"a","containerDefinitions":{deep}}}}}"#
    );
    let event = wrapped("AWS API Call via CloudTrail", "aws.ecs", &detail);
    match parse(event.as_bytes()) {
        Ok(Parsed::Event(event)) => assert_eq!(event.facts(), None),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_change_to_a_sample_breaks_the_reader(
        which in 0usize..100,
        at in any::<prop::sample::Index>(),
        with in prop::sample::select(vec!["", "null", "\"\"", "{}", "[]", "0", "true", "\"", "\\", "}"]),
    ) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let mut samples = json_files(&root.join("task-definition-guard"));
        samples.extend(json_files(&root.join("image-scan-guard")));
        samples.extend(json_files(&root.join("usage-recorder")));
        let text = String::from_utf8(samples.swap_remove(which % samples.len()).1).unwrap();
        let cut = at.index(text.len());
        let (before, after) = text.split_at_checked(cut).unwrap_or((&text, ""));
        let rest = after.find([',', '}']).and_then(|end| after.get(end..)).unwrap_or_default();
        let changed = format!("{before}{with}{rest}");
        let _ = parse(changed.as_bytes());
    }
}

#[test]
fn a_deregistration_names_its_revision_in_the_answer_or_the_request() {
    let event: Value = {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        let files = json_files(&root.join("task-definition-guard"));
        let sample = files
            .iter()
            .find(|(path, _)| path.ends_with("deregistered.json"));
        serde_json::from_slice(&sample.unwrap().1).unwrap()
    };
    let revision = |event: &Value| match parse(event.to_string().as_bytes()) {
        Ok(Parsed::Deregistered(deregistered)) => Ok(deregistered.arn.to_string()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    };
    let arn = "arn:aws:ecs:eu-central-1:444455556666:task-definition/ci-builder:3";
    assert_eq!(revision(&event), Ok(arn.to_owned()));
    // CloudTrail leaves the answer out where the record would be too large.
    let mut request_alone = event.clone();
    request_alone["detail"]["responseElements"] = Value::Null;
    assert_eq!(revision(&request_alone), Ok(arn.to_owned()));
    let mut by_arn = request_alone.clone();
    by_arn["detail"]["requestParameters"]["taskDefinition"] = arn.into();
    assert_eq!(revision(&by_arn), Ok(arn.to_owned()));
    for nothing in [Value::Null, "ci-builder".into(), "x y:1".into()] {
        let mut event = request_alone.clone();
        event["detail"]["requestParameters"]["taskDefinition"] = nothing.clone();
        assert!(revision(&event).is_err(), "{nothing}");
    }
    let mut refused = event;
    refused["detail"]["errorCode"] = "AccessDenied".into();
    let parsed = parse(refused.to_string().as_bytes());
    assert!(matches!(parsed, Ok(Parsed::Ignored(_))), "{parsed:?}");
}
