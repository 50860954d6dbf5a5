//! The commands against AWS as a script, with the ledger in memory.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tidewaiter_aws::{
    ledger::Quarantined,
    wire::{Answer, Call, Table, Wire},
};
use tidewaiter_rules::{
    Action, Effect, Step,
    names::{Place, TaskDefinitionArn},
};

use super::{
    arguments::{
        AddArguments, ConsentArguments, ListArguments, PauseArguments, ReleaseArguments,
        ResumeArguments, ShowArguments, StatusArguments, UndoArguments,
    },
    *,
};
use crate::arguments::Format;

const INDEX: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const AMD64: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";
const ARM64: &str = "sha256:3333333333333333333333333333333333333333333333333333333333333333";
const DEFINITION: &str = "arn:aws:ecs:eu-west-1:111122223333:task-definition/web:7";
const YES: ConsentArguments = ConsentArguments {
    yes: true,
    dry_run: false,
};
const DRY: ConsentArguments = ConsentArguments {
    yes: false,
    dry_run: true,
};
const NOBODY: ConsentArguments = ConsentArguments {
    yes: false,
    dry_run: false,
};

/// A repository `app` with an index of two platforms, and perhaps a task that runs it.
#[derive(Clone, Default)]
struct World {
    table: Table,
    archived: Arc<Mutex<Vec<String>>>,
    runs: bool,
    /// The digest that ECR does not put into another class.
    refused: Option<&'static str>,
}

impl World {
    fn wire(&self) -> Wire {
        let world = self.clone();
        Wire::new(move |call| world.answer(call))
    }

    fn answer(&self, call: &Call) -> Answer {
        if let Some(answer) = self.table.answer(call) {
            return answer;
        }
        let parameters = &call.parameters;
        match call.operation.as_str() {
            "DescribeImages" => self.describe(parameters),
            "BatchGetImage" => {
                let child = |digest: &str, architecture: &str| {
                    json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1, "digest": digest,
                        "platform": {"os": "linux", "architecture": architecture}})
                };
                let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                    "manifests": [child(AMD64, "amd64"), child(ARM64, "arm64")]});
                let images = json!([{"imageId": {"imageDigest": INDEX}, "imageManifest": manifest.to_string()}]);
                Answer::json(json!({"images": images, "failures": []}).to_string())
            }
            "UpdateImageStorageClass" => self.class(parameters),
            "ListClusters" => Answer::json(r#"{"clusterArns":["arn:aws:ecs:eu-west-1:111122223333:cluster/prod"]}"#),
            "ListTasks" if self.runs => {
                Answer::json(r#"{"taskArns":["arn:aws:ecs:eu-west-1:111122223333:task/prod/0123"]}"#)
            }
            "ListTasks" => Answer::json(r#"{"taskArns":[]}"#),
            "ListServices" => Answer::json(r#"{"serviceArns":[]}"#),
            "DescribeTasks" => Answer::json(
                json!({"failures": [], "tasks": [{
                    "taskArn": "arn:aws:ecs:eu-west-1:111122223333:task/prod/0123",
                    "clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/prod",
                    "taskDefinitionArn": DEFINITION, "group": "service:web",
                    "tags": [{"key": "team", "value": "payments"}],
                    "containers": [{"name": "app", "imageDigest": INDEX,
                        "image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/app:1.0"}],
                }]})
                .to_string(),
            ),
            "DescribeImageScanFindings" => Answer::error(400, "ScanNotFoundException", "no"),
            "DescribeTaskDefinition" => Answer::json(
                json!({"taskDefinition": {"taskDefinitionArn": DEFINITION, "family": "web", "revision": 7,
                    "status": "INACTIVE", "containerDefinitions": [{"name": "app", "image": "app"}]}, "tags": []})
                .to_string(),
            ),
            "RegisterTaskDefinition" => {
                let made = DEFINITION.replace(":7", ":8");
                Answer::json(json!({"taskDefinition": {"taskDefinitionArn": made}}).to_string())
            }
            other => Answer::error(400, "UnexpectedCall", other),
        }
    }

    fn describe(&self, parameters: &serde_json::Value) -> Answer {
        let archived = self.archived.lock().unwrap();
        let image = |digest: &str| {
            let is_index = digest == INDEX;
            let kind = if is_index { "index" } else { "manifest" };
            json!({
                "imageDigest": digest,
                "imageTags": if is_index { vec!["1.0"] } else { vec![] },
                "imageStatus": if archived.iter().any(|one| one == digest) { "ARCHIVED" } else { "ACTIVE" },
                "imageManifestMediaType": format!("application/vnd.oci.image.{kind}.v1+json"),
            })
        };
        let wanted = &parameters["imageIds"][0];
        let found = match (wanted["imageDigest"].as_str(), wanted["imageTag"].as_str()) {
            (Some(digest), _) if [INDEX, AMD64, ARM64].contains(&digest) => vec![image(digest)],
            (None, Some("1.0")) => vec![image(INDEX)],
            (None, None) => [INDEX, AMD64, ARM64].map(image).to_vec(),
            _ => return Answer::error(400, "ImageNotFoundException", "no"),
        };
        Answer::json(json!({ "imageDetails": found }).to_string())
    }

    fn class(&self, parameters: &serde_json::Value) -> Answer {
        let digest = parameters["imageId"]["imageDigest"].as_str().unwrap();
        if self.refused == Some(digest) {
            return Answer::denied();
        }
        let mut archived = self.archived.lock().unwrap();
        archived.retain(|one| one != digest);
        if parameters["targetStorageClass"] == "ARCHIVE" {
            archived.push(digest.to_owned());
            Answer::json(r#"{"imageStatus":"ARCHIVED"}"#)
        } else {
            Answer::json(r#"{"imageStatus":"ACTIVATING"}"#)
        }
    }

    fn archived(&self) -> Vec<String> {
        let mut archived = self.archived.lock().unwrap().clone();
        archived.sort();
        archived
    }
}

fn place() -> Place {
    Place::of_region("eu-west-1", "111122223333").unwrap()
}

fn at(now: &str) -> Timestamp {
    now.parse().unwrap()
}

/// Works on the world at a time; gives what was said, and how the program ends.
macro_rules! work {
    ($world:expr, $now:expr, $command:path, $arguments:expr) => {{
        let wire = $world.wire();
        let clients = wire.clients(place());
        let session = Session {
            clients: &clients,
            table: "ledger",
            by: "ada@example.com (role ops)",
            now: at($now),
        };
        let console = Console::kept();
        let done = $command(&session, &$arguments, &console).await;
        let status = match &done {
            Ok(Status::Allowed) => "exit 0".to_owned(),
            Ok(Status::Denied) => "exit 1".to_owned(),
            Ok(Status::Unusable) => "exit 2".to_owned(),
            Err(error) => format!("error: {error}\nexit 2"),
        };
        (format!("{}{status}\n", console.said()), wire)
    }};
}

const NOON: &str = "2026-11-25T12:00:00Z";
const LATER: &str = "2026-11-25T13:30:00Z";

fn adding(image: &str, consent: ConsentArguments) -> AddArguments {
    AddArguments {
        image: image.to_owned(),
        reason: "it phones home".to_owned(),
        ticket: Some("SEC-17".to_owned()),
        consent,
        ..AddArguments::default()
    }
}

fn releasing(image: &str, consent: ConsentArguments) -> ReleaseArguments {
    ReleaseArguments {
        account: AccountArguments::default(),
        image: image.to_owned(),
        reason: "a false alarm".to_owned(),
        expires: expiry::parse("7d").unwrap(),
        ticket: None,
        no_restore: false,
        consent,
    }
}

fn undoing(action: &str, consent: ConsentArguments) -> UndoArguments {
    UndoArguments {
        account: AccountArguments::default(),
        action: action.to_owned(),
        reason: Some("it was right".to_owned()),
        expires: expiry::parse("7d").unwrap(),
        ticket: Some("OPS-1".to_owned()),
        consent,
    }
}

fn writes(wire: &Wire) -> Vec<String> {
    let mut operations = wire.operations();
    operations.retain(|one| {
        matches!(
            one.as_str(),
            "UpdateItem" | "UpdateImageStorageClass" | "RegisterTaskDefinition"
        )
    });
    operations
}

#[tokio::test(start_paused = true)]
async fn an_image_goes_into_quarantine_and_out_of_it_with_all_that_it_took() {
    let world = World::default();
    let image = format!("app@{AMD64}");
    let mut transcript = String::new();
    let (said, wire) = work!(world, NOON, add::add, adding(&image, DRY));
    transcript.push_str(&said);
    assert!(writes(&wire).is_empty(), "a dry run");
    transcript.push_str(&work!(world, NOON, add::add, adding(&image, YES)).0);
    assert_eq!(world.archived(), [INDEX, AMD64, ARM64]);
    transcript.push_str(&work!(world, LATER, add::add, adding(&image, YES)).0);
    transcript.push_str(&work!(world, LATER, list::list, ListArguments::default()).0);
    let shown = ShowArguments {
        image: "app:1.0".to_owned(),
        ..ShowArguments::default()
    };
    transcript.push_str(&work!(world, LATER, show::show, shown).0);
    let (said, wire) = work!(world, LATER, release::release, releasing("app:1.0", DRY));
    transcript.push_str(&said);
    assert!(writes(&wire).is_empty(), "a dry run");
    let (said, wire) = work!(world, LATER, release::release, releasing("app:1.0", YES));
    transcript.push_str(&said);
    assert_eq!(world.archived(), [""; 0]);
    let restored: Vec<String> = wire
        .calls()
        .iter()
        .filter(|call| call.operation == "UpdateImageStorageClass")
        .map(|call| {
            call.parameters["imageId"]["imageDigest"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(restored, [AMD64, ARM64, INDEX], "the index last");
    transcript.push_str(&work!(world, LATER, list::list, ListArguments::default()).0);
    insta::assert_snapshot!(transcript);
}

#[tokio::test(start_paused = true)]
async fn each_step_is_written_down_before_it_is_done() {
    let world = World::default();
    let (_, wire) = work!(world, NOON, add::add, adding("app:1.0", YES));
    let one = [
        "UpdateItem",
        "UpdateItem",
        "UpdateImageStorageClass",
        "UpdateItem",
    ];
    assert_eq!(writes(&wire), [one, one, one].concat());
    let (_, wire) = work!(world, LATER, release::release, releasing("app:1.0", YES));
    let written = ["UpdateItem"; 3];
    let restored = ["UpdateItem", "UpdateImageStorageClass", "UpdateItem"];
    let all: Vec<&str> = written.into_iter().chain([restored; 3].concat()).collect();
    assert_eq!(writes(&wire), all, "released before anything is restored");
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_left_unless_the_person_says_otherwise() {
    let world = World {
        runs: true,
        ..World::default()
    };
    let (said, wire) = work!(world, NOON, add::add, adding("app:1.0", YES));
    assert!(writes(&wire).is_empty());
    let even = AddArguments {
        even_in_use: true,
        ..adding("app:1.0", YES)
    };
    let (even, _) = work!(world, NOON, add::add, even);
    assert_eq!(world.archived().len(), 3);
    insta::assert_snapshot!(format!("{said}\n{even}"));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_can_be_asked_nothing_is_changed() {
    let world = World::default();
    let (said, wire) = work!(world, NOON, add::add, adding("app:1.0", NOBODY));
    assert!(
        said.ends_with("exit 2\n") && said.contains("`--yes`"),
        "{said}"
    );
    assert!(writes(&wire).is_empty());
    work!(world, NOON, add::add, adding("app:1.0", YES));
    let (said, wire) = work!(world, LATER, release::release, releasing("app:1.0", NOBODY));
    assert!(said.ends_with("exit 2\n"), "{said}");
    assert!(writes(&wire).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_release_without_restoration_leaves_the_archive_alone() {
    let world = World::default();
    work!(world, NOON, add::add, adding("app:1.0", YES));
    let arguments = ReleaseArguments {
        no_restore: true,
        ..releasing("app:1.0", YES)
    };
    work!(world, LATER, release::release, arguments);
    assert_eq!(world.archived().len(), 3);
    let wire = world.wire();
    let clients = wire.clients(place());
    let listed = Ledger::new(&clients, "ledger")
        .all_quarantined(at(LATER))
        .await;
    let is_released = |one: &QuarantinedImage| matches!(one.state, Quarantined::Released(_));
    assert!(listed.unwrap().iter().all(is_released));
}

#[tokio::test(start_paused = true)]
async fn a_restoration_that_aws_refuses_is_told_and_the_others_are_done() {
    let world = World::default();
    work!(world, NOON, add::add, adding("app:1.0", YES));
    let refusing = World {
        refused: Some(ARM64),
        ..world.clone()
    };
    let (said, _) = work!(refusing, LATER, release::release, releasing("app:1.0", YES));
    assert_eq!(world.archived(), [ARM64]);
    assert!(
        said.contains("still in the archive") && said.ends_with("exit 2\n"),
        "{said}"
    );
    // What is left can be done once it may be.
    let (said, _) = work!(world, LATER, release::release, releasing("app:1.0", YES));
    assert_eq!(world.archived(), [""; 0]);
    assert!(said.ends_with("exit 0\n"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_in_quarantine_is_not_released() {
    let world = World::default();
    let (said, wire) = work!(world, NOON, release::release, releasing("app:1.0", YES));
    assert!(writes(&wire).is_empty());
    let (missing, _) = work!(world, NOON, release::release, releasing("app:2.0", YES));
    insta::assert_snapshot!(format!("{said}\n{missing}"));
}

#[tokio::test(start_paused = true)]
async fn an_archived_image_is_undone_by_its_action_once() {
    let world = World::default();
    work!(world, NOON, add::add, adding("app:1.0", YES));
    let id = format!("archive-image:arn:aws:ecr:eu-west-1:111122223333:repository/app@{INDEX}");
    let mut transcript = work!(world, LATER, undo::undo, undoing(&id, DRY)).0;
    transcript.push_str(&work!(world, LATER, undo::undo, undoing(&id, YES)).0);
    assert_eq!(world.archived(), [AMD64, ARM64]);
    let (again, wire) = work!(world, LATER, undo::undo, undoing(&id, YES));
    transcript.push_str(&again);
    assert!(writes(&wire).is_empty());
    insta::assert_snapshot!(transcript);
}

async fn deregistered(world: &World) {
    let wire = world.wire();
    let clients = wire.clients(place());
    let ledger = Ledger::new(&clients, "ledger");
    let step = Step::of(Action::DeregisterTaskDefinition(
        TaskDefinitionArn::parse(DEFINITION).unwrap(),
    ));
    let writer = Writer {
        by: "task-definition-guard",
        attempt: "a",
        now: at(NOON),
    };
    ledger.begin(&step, writer).await.unwrap();
    ledger.finish(&step, &Effect::Done, writer).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_a_deregistered_revision_one_copy_is_registered_however_often_it_is_undone() {
    let world = World::default();
    deregistered(&world).await;
    let id = format!("deregister-task-definition:{DEFINITION}");
    let (dry, wire) = work!(world, LATER, undo::undo, undoing(&id, DRY));
    assert!(writes(&wire).is_empty());
    let (said, wire) = work!(world, LATER, undo::undo, undoing(&id, YES));
    let order = ["UpdateItem", "RegisterTaskDefinition", "UpdateItem"];
    assert_eq!(writes(&wire), order);
    let (again, wire) = work!(world, LATER, undo::undo, undoing(&id, YES));
    assert!(writes(&wire).is_empty());
    insta::assert_snapshot!(format!("{dry}\n{said}\n{again}"));
}

#[tokio::test(start_paused = true)]
async fn what_the_ledger_does_not_know_is_not_undone() {
    let world = World::default();
    for (id, part) in [
        (
            format!("deregister-task-definition:{DEFINITION}"),
            "does not know",
        ),
        ("archive-image:app".to_owned(), "not the id of an action"),
        (
            "deregister-task-definition:arn:aws:ecs:us-east-1:111122223333:task-definition/web:7"
                .to_owned(),
            "you act in",
        ),
    ] {
        let (said, wire) = work!(world, NOON, undo::undo, undoing(&id, YES));
        assert!(said.contains(part), "{said}");
        assert!(writes(&wire).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_switch_says_who_turned_it_and_why() {
    let world = World::default();
    let pausing = |is_dry_run| PauseArguments {
        reason: "a release goes out\u{1b}[31m".to_owned(),
        dry_run: is_dry_run,
        ..PauseArguments::default()
    };
    let mut transcript = work!(world, NOON, status::status, StatusArguments::default()).0;
    let (said, wire) = work!(world, NOON, switch::pause, pausing(true));
    assert!(writes(&wire).is_empty());
    transcript.push_str(&said);
    transcript.push_str(&work!(world, NOON, switch::pause, pausing(false)).0);
    transcript.push_str(&work!(world, LATER, switch::pause, pausing(false)).0);
    let as_json = StatusArguments {
        format: Format::Json,
        ..StatusArguments::default()
    };
    transcript.push_str(&work!(world, LATER, status::status, as_json).0);
    // A person acts all the same, and hears that the functions do not.
    transcript.push_str(&work!(world, LATER, add::add, adding("app:1.0", DRY)).0);
    transcript.push_str(&work!(world, LATER, switch::resume, ResumeArguments::default()).0);
    transcript.push_str(&work!(world, LATER, switch::resume, ResumeArguments::default()).0);
    insta::assert_snapshot!(transcript);
}

#[tokio::test(start_paused = true)]
async fn a_list_is_narrowed_by_repository() {
    let world = World::default();
    work!(world, NOON, add::add, adding("app:1.0", YES));
    let only = |glob: &str| ListArguments {
        repository: Some(glob.to_owned()),
        format: Format::Json,
        ..ListArguments::default()
    };
    let (none, _) = work!(world, NOON, list::list, only("team/*"));
    assert!(none.contains(r#""images": []"#), "{none}");
    let (wrong, _) = work!(world, NOON, list::list, only("[a"));
    assert!(wrong.ends_with("exit 2\n"), "{wrong}");
    insta::assert_snapshot!(work!(world, NOON, list::list, only("ap*")).0);
}

#[test]
fn the_status_counts_what_every_guard_did() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with("-guard") {
            assert!(status::FUNCTIONS.contains(&name.as_str()), "{name}");
        }
    }
}
