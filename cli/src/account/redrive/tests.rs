//! The command against a stack as a script: queues in memory, and a Lambda that keeps what it is given.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};
use tidewaiter_aws::wire::{Answer, Call, Table, Wire};
use tidewaiter_rules::names::Place;

use super::*;
use crate::account::arguments::AccountArguments;

const PRIVILEGED: &str = include_str!("../../../../events/task-definition-guard/privileged.json");
const FINDING: &str = include_str!("../../../../events/image-scan-guard/finding.json");
const TASK: &str = include_str!("../../../../events/usage-recorder/running.json");
const SCHEDULE: &str = r#"{"id":"5ced","detail-type":"Scheduled Event","source":"aws.events","account":"111122223333","region":"eu-west-1","time":"2026-11-25T12:00:00Z","detail":{}}"#;
const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/";

#[derive(Clone, Default)]
struct Message {
    id: String,
    body: String,
    attributes: Vec<(&'static str, String)>,
    source: Option<&'static str>,
    is_hidden: bool,
    /// Whether it was put there after the run began.
    is_new: bool,
}

/// How the stack fails.
#[derive(Clone, Copy, Default, PartialEq)]
enum Fault {
    #[default]
    None,
    /// This operation is refused.
    Refused(&'static str),
    /// The program ends as this operation is called.
    Killed(&'static str),
    /// Functions put aside whatever they get.
    Hopeless,
}

#[derive(Clone, Default)]
struct World {
    table: Table,
    queues: Arc<Mutex<BTreeMap<String, Vec<Message>>>>,
    invoked: Arc<Mutex<Vec<(String, String)>>>,
    published: Arc<Mutex<Vec<String>>>,
    /// How many messages were ever put into a queue.
    count: Arc<AtomicUsize>,
    fault: Fault,
}

impl World {
    /// A stack with every queue of the template.
    fn new() -> Self {
        let world = Self::default();
        for queue in [
            "BasicScanFinishedDeadLetters",
            "ImageFindingReportedDeadLetters",
            "NotifyDeadLetters",
            "TaskDefinitionGuardDeadLetters",
            "TaskDefinitionRegisteredDeadLetters",
            "UsageRecorderDeadLetters",
            "HubDeadLetters",
            "NewDeadLetters",
            "TamperDeadLetters",
            "HubAlerts",
            "Alerts",
            "ImageFindings",
            "TaskChanges",
        ] {
            world.queues().insert(queue.to_owned(), Vec::new());
        }
        world
    }

    fn failing(&self, fault: Fault) -> Self {
        Self {
            fault,
            ..self.clone()
        }
    }

    fn queues(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<Message>>> {
        self.queues.lock().unwrap()
    }

    fn put(&self, queue: &str, body: &str, attributes: &[(&'static str, &str)]) {
        let mut queues = self.queues();
        let all = self.count.fetch_add(1, Ordering::Relaxed);
        let owned = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
        queues.get_mut(queue).unwrap().push(Message {
            id: format!("message-{all}"),
            body: body.to_owned(),
            attributes: attributes.iter().map(owned).collect(),
            ..Message::default()
        });
    }

    /// What anybody can take from a queue.
    fn visible(&self, queue: &str) -> Vec<String> {
        let queues = self.queues();
        let visible = queues[queue].iter().filter(|message| !message.is_hidden);
        visible.map(|message| message.body.clone()).collect()
    }

    fn invoked(&self) -> Vec<(String, String)> {
        self.invoked.lock().unwrap().clone()
    }

    /// Hidden messages come out again.
    fn time_passes(&self) {
        for message in self.queues().values_mut().flatten() {
            message.is_hidden = false;
        }
    }

    fn wire(&self) -> Wire {
        let world = self.clone();
        Wire::over(move |call| {
            if world.fault == Fault::Killed(Box::leak(call.operation.clone().into_boxed_str())) {
                return Box::pin(pending());
            }
            let answer = world.answer(&call);
            Box::pin(async move { answer })
        })
    }

    fn answer(&self, call: &Call) -> Answer {
        if let Some(answer) = self.table.answer(call) {
            return answer;
        }
        if matches!(self.fault, Fault::Refused(operation) if operation == call.operation) {
            return Answer::denied();
        }
        let parameters = &call.parameters;
        let url = parameters["QueueUrl"].as_str().unwrap_or_default();
        let queue = url.rsplit("/prod-").next().unwrap();
        match call.operation.as_str() {
            "ListStackResources" => self.resources(),
            "GetQueueAttributes" => {
                let messages = self.queues()[queue].clone();
                let visible = messages.iter().filter(|one| !one.is_hidden).count();
                Answer::json(
                    json!({"Attributes": {
                        "ApproximateNumberOfMessages": visible.to_string(),
                        "ApproximateNumberOfMessagesNotVisible": (messages.len() - visible).to_string(),
                        "ApproximateNumberOfMessagesDelayed": "0",
                    }})
                    .to_string(),
                )
            }
            "ReceiveMessage" => self.receive(queue),
            "DeleteMessage" => {
                let receipt = parameters["ReceiptHandle"].as_str().unwrap();
                let mut queues = self.queues();
                let messages = queues.get_mut(queue).unwrap();
                messages.retain(|message| message.id != receipt);
                Answer::empty()
            }
            "ChangeMessageVisibilityBatch" => {
                let mut queues = self.queues();
                for entry in parameters["Entries"].as_array().unwrap() {
                    let messages = queues.get_mut(queue).unwrap().iter_mut();
                    let receipt = entry["ReceiptHandle"].as_str().unwrap();
                    for message in messages.filter(|message| message.id == receipt) {
                        message.is_hidden = false;
                    }
                }
                Answer::json(r#"{"Successful":[],"Failed":[]}"#)
            }
            "SendMessage" => {
                self.put(queue, parameters["MessageBody"].as_str().unwrap(), &[]);
                Answer::json(r#"{"MessageId":"sent"}"#)
            }
            "Publish" => {
                assert_eq!(
                    parameters["TopicArn"],
                    "arn:aws:sns:eu-west-1:111122223333:prod-T"
                );
                let text = parameters["Message"].as_str().unwrap().to_owned();
                self.published.lock().unwrap().push(text);
                Answer::empty()
            }
            "Invoke" => {
                assert_eq!(parameters["InvocationType"], "Event");
                let text = |name: &str| parameters[name].as_str().unwrap().to_owned();
                let (function, payload) = (text("FunctionName"), text("Payload"));
                if self.fault == Fault::Hopeless {
                    let queue = format!("{}DeadLetters", function.strip_prefix("prod-").unwrap());
                    self.put(
                        &queue,
                        &payload,
                        &[("ErrorMessage", "no"), ("ErrorCode", "200")],
                    );
                    let mut queues = self.queues();
                    queues.get_mut(&queue).unwrap().last_mut().unwrap().is_new = true;
                }
                self.invoked.lock().unwrap().push((function, payload));
                Answer::empty()
            }
            other => Answer::error(400, "UnexpectedCall", other),
        }
    }

    fn receive(&self, queue: &str) -> Answer {
        let mut queues = self.queues();
        let messages = queues.get_mut(queue).unwrap().iter_mut();
        let taken: Vec<Value> = messages
            .filter(|message| !message.is_hidden)
            .take(10)
            .map(|message| {
                message.is_hidden = true;
                let attributes: BTreeMap<_, _> = message
                    .attributes
                    .iter()
                    .map(|(name, value)| {
                        (*name, json!({"DataType": "String", "StringValue": value}))
                    })
                    .collect();
                let sent = if message.is_new {
                    1_795_608_001_000_i64
                } else {
                    1_795_600_000_000
                };
                let mut system = json!({"SentTimestamp": sent.to_string()});
                if let Some(arn) = message.source {
                    system["DeadLetterQueueSourceArn"] = arn.into();
                }
                json!({"MessageId": message.id, "ReceiptHandle": message.id, "Body": message.body,
                    "Attributes": system, "MessageAttributes": attributes})
            })
            .collect();
        Answer::json(json!({ "Messages": taken }).to_string())
    }

    fn resources(&self) -> Answer {
        let queues = self.queues();
        let queues = queues
            .keys()
            .map(|name| (name.clone(), "AWS::SQS::Queue", format!("{URL}prod-{name}")));
        let functions = ["ImageScanGuard", "TaskDefinitionGuard", "Notify"];
        let functions = functions.map(|name| {
            (
                name.to_owned(),
                "AWS::Lambda::Function",
                format!("prod-{name}"),
            )
        });
        let topic = "arn:aws:sns:eu-west-1:111122223333:prod-T".to_owned();
        let others = [
            (
                "Ledger".to_owned(),
                "AWS::DynamoDB::Table",
                "ledger".to_owned(),
            ),
            ("TamperTopic".to_owned(), "AWS::SNS::Topic", topic),
        ];
        let members: Vec<String> = queues
            .chain(functions)
            .chain(others)
            .map(|(logical, kind, physical)| {
                format!(
                    "<member><LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId><ResourceType>{kind}</ResourceType><LastUpdatedTimestamp>2026-11-25T12:00:00Z</LastUpdatedTimestamp><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
                )
            })
            .collect();
        let members = members.concat();
        Answer::xml(format!(
            "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>{members}</StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
        ))
    }

    /// Runs the command; what was said with how the program ends, and the calls.
    async fn run(&self, arguments: &RedriveArguments) -> (String, Wire) {
        let wire = self.wire();
        let place = Place::of_region("eu-west-1", "111122223333").unwrap();
        let account = wire.account(place, "ada@example.com");
        let session = Session {
            clients: account.clients(),
            table: "ledger",
            by: account.caller(),
            now: "2026-11-25T12:00:00Z".parse().unwrap(),
        };
        let console = Console::kept();
        let done = redrive(&session, &account, arguments, &console);
        // Whoever is killed hears no answer.
        let done = tokio::time::timeout(Duration::from_hours(1), done).await;
        let status = match done {
            Ok(Ok(Status::Allowed)) => "exit 0".to_owned(),
            Ok(Ok(Status::Denied)) => "exit 1".to_owned(),
            Ok(Ok(Status::Unusable)) => "exit 2".to_owned(),
            Ok(Err(error)) => format!("error: {error}\nexit 2"),
            Err(_) => "killed".to_owned(),
        };
        (format!("{}{status}\n", console.said()), wire)
    }
}

fn into(queue: &str) -> RedriveArguments {
    RedriveArguments {
        account: AccountArguments {
            stack: "prod".to_owned(),
            ..AccountArguments::default()
        },
        queues: vec![queue.to_owned()],
        all: false,
        only: None,
        kind: None,
        max: 100,
        wait: 5,
        yes: false,
        format: Format::Text,
    }
}

fn sending(queue: &str) -> RedriveArguments {
    RedriveArguments {
        yes: true,
        ..into(queue)
    }
}

fn all(arguments: RedriveArguments) -> RedriveArguments {
    RedriveArguments {
        all: true,
        queues: Vec::new(),
        ..arguments
    }
}

/// What SNS puts into the queue of the channels.
fn alert() -> String {
    let alarm = json!({"AlarmName": "prod-LedgerAlarm", "NewStateValue": "ALARM", "AWSAccountId": "111122223333"});
    json!({"Type": "Notification", "MessageId": "a1e7", "Message": alarm.to_string()}).to_string()
}

/// A stack in which something lies in each of its queues.
fn full() -> World {
    let world = World::new();
    let by_rule = [
        (
            "RULE_ARN",
            "arn:aws:events:eu-west-1:111122223333:rule/prod-R",
        ),
        (
            "TARGET_ARN",
            "arn:aws:lambda:eu-west-1:111122223333:function:prod-TaskDefinitionGuard",
        ),
        ("ERROR_CODE", "NO_PERMISSIONS"),
        ("ERROR_MESSAGE", "the rule may not invoke the function"),
        ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
        ("RETRY_ATTEMPTS", "185"),
    ];
    world.put("TaskDefinitionRegisteredDeadLetters", PRIVILEGED, &by_rule);
    let by_lambda = [
        ("RequestID", "r-1"),
        ("ErrorCode", "200"),
        (
            "ErrorMessage",
            "DescribeTaskDefinition failed: \u{1b}[31mthrottled\nerror: forged",
        ),
    ];
    let other = PRIVILEGED.replace("000000000002", "000000000003");
    world.put("TaskDefinitionGuardDeadLetters", &other, &by_lambda);
    let by_us = [("ErrorCode", "200"), ("ErrorMessage", "it is no JSON")];
    world.put(
        "TaskDefinitionGuardDeadLetters",
        "{\"id\": \"\u{202e}",
        &by_us,
    );
    world.put("ImageFindingReportedDeadLetters", FINDING, &[]);
    let source = "arn:aws:sqs:eu-west-1:111122223333:prod-ImageFindings";
    world
        .queues()
        .get_mut("ImageFindingReportedDeadLetters")
        .unwrap()[0]
        .source = Some(source);
    let alert = alert();
    let envelope: Value = serde_json::from_str(&alert).unwrap();
    world.put("NotifyDeadLetters", &alert, &by_us);
    world.put("NotifyDeadLetters", SCHEDULE, &by_lambda);
    world.put("NotifyDeadLetters", PRIVILEGED, &[]);
    world.put("UsageRecorderDeadLetters", TASK, &by_us);
    world.put("NewDeadLetters", PRIVILEGED, &[]);
    let alert = envelope["Message"].as_str().unwrap();
    let on_bus = format!(
        r#"{{"id":"4b","detail-type":"Tidewaiter Alert","source":"tidewaiter","detail":{alert}}}"#
    );
    world.put("HubDeadLetters", &on_bus, &by_rule);
    world.put("HubDeadLetters", alert, &[]);
    world.put("HubDeadLetters", "{}", &[]);
    let tampering = PRIVILEGED.replace("RegisterTaskDefinition", "DisableRule");
    let tampering = tampering.replace("aws.ecs", "aws.events");
    world.put("TamperDeadLetters", &tampering, &by_rule);
    world
}

#[tokio::test(start_paused = true)]
async fn alone_it_lists_the_queues_of_the_stack() {
    let world = full();
    let list = RedriveArguments {
        queues: Vec::new(),
        ..into("")
    };
    let (said, wire) = world.run(&list).await;
    let as_json = RedriveArguments {
        format: Format::Json,
        ..list
    };
    let json = world.run(&as_json).await.0;
    let calls = wire.operations();
    assert!(
        calls
            .iter()
            .all(|call| ["ListStackResources", "GetQueueAttributes"].contains(&call.as_str()))
    );
    insta::assert_snapshot!(format!("{said}\n{json}"));
}

#[tokio::test(start_paused = true)]
async fn what_lies_in_a_queue_is_shown_and_left_there() {
    let world = full();
    let (said, wire) = world.run(&all(into(""))).await;
    let changes = ["Invoke", "SendMessage", "DeleteMessage"];
    assert!(
        wire.operations()
            .iter()
            .all(|call| !changes.contains(&call.as_str()))
    );
    let hidden = world
        .queues()
        .values()
        .flatten()
        .filter(|one| one.is_hidden)
        .count();
    assert_eq!(hidden, 0, "anybody can take them at once");
    let as_json = RedriveArguments {
        format: Format::Json,
        ..into("NotifyDeadLetters")
    };
    let json = world.run(&as_json).await.0;
    insta::assert_snapshot!(format!("{said}\n{json}"));
}

#[tokio::test(start_paused = true)]
async fn each_goes_back_to_where_it_came_from_and_what_cannot_be_read_stays() {
    let world = full();
    let (said, _) = world.run(&all(sending(""))).await;
    let invoked = world.invoked();
    let functions: Vec<&str> = invoked.iter().map(|(name, _)| name.as_str()).collect();
    let wanted = [
        "prod-Notify",
        "prod-TaskDefinitionGuard",
        "prod-TaskDefinitionGuard",
    ];
    assert_eq!(functions, wanted);
    assert_eq!(invoked[0].1, SCHEDULE, "as it was");
    assert_eq!(invoked[2].1, PRIVILEGED);
    assert_eq!(world.visible("Alerts"), [alert()]);
    assert_eq!(world.visible("ImageFindings"), [FINDING]);
    assert_eq!(world.visible("TaskChanges"), [TASK]);
    assert_eq!(world.visible("TaskDefinitionGuardDeadLetters").len(), 1);
    assert_eq!(world.visible("NotifyDeadLetters"), [PRIVILEGED]);
    assert_eq!(world.visible("NewDeadLetters"), [PRIVILEGED]);
    assert_eq!(
        world.visible("TaskDefinitionRegisteredDeadLetters").len(),
        0
    );
    let copies = world.visible("HubAlerts");
    assert_eq!(copies.len(), 2, "the alert alone, as the topic delivers it");
    assert!(copies.iter().all(|copy| copy == &copies[1]));
    assert_eq!(world.visible("HubDeadLetters"), ["{}"]);
    let published = world.published.lock().unwrap().clone();
    insta::assert_snapshot!(format!("{said}\n{}\n", published.join("\n")));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_removed_before_it_was_accepted() {
    let world = full();
    let (_, wire) = world
        .run(&sending("TaskDefinitionRegisteredDeadLetters"))
        .await;
    let changes: Vec<String> = wire
        .operations()
        .into_iter()
        .filter(|call| ["Invoke", "DeleteMessage"].contains(&call.as_str()))
        .collect();
    assert_eq!(changes, ["Invoke", "DeleteMessage"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_killed_at_any_call_loses_nothing() {
    for call in [
        "ReceiveMessage",
        "Invoke",
        "DeleteMessage",
        "ChangeMessageVisibilityBatch",
    ] {
        let world = full();
        let queue = "TaskDefinitionGuardDeadLetters";
        let (said, _) = world
            .failing(Fault::Killed(call))
            .run(&sending(queue))
            .await;
        // Each attempt has a time-out of its own, so that a call that hangs ends as one that fails.
        assert!(!said.ends_with("exit 0\n"), "{call}: {said}");
        let is_invoked = !world.invoked().is_empty();
        let is_there = world.queues()[queue].len() == 2;
        assert!(is_invoked || is_there, "{call}: it is somewhere");
        world.time_passes();
        let (said, _) = world.run(&sending(queue)).await;
        assert!(
            said.ends_with("exit 1\n"),
            "{call}: what cannot be read stays: {said}"
        );
        assert_eq!(world.visible(queue).len(), 1, "{call}");
        let count = world.invoked().len();
        let twice = call == "DeleteMessage";
        assert_eq!(
            count,
            if twice { 2 } else { 1 },
            "{call}: accepted at least once"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_stays_in_its_queue_and_ends_the_run() {
    let world = full();
    world.put(
        "TaskDefinitionRegisteredDeadLetters",
        &PRIVILEGED.replace("000000000002", "000000000004"),
        &[],
    );
    let queue = "TaskDefinitionRegisteredDeadLetters";
    let (said, wire) = world
        .failing(Fault::Refused("Invoke"))
        .run(&sending(queue))
        .await;
    assert!(
        said.contains("not authorized") && said.ends_with("exit 2\n"),
        "{said}"
    );
    assert_eq!(world.visible(queue).len(), 2);
    assert_eq!(
        wire.operations()
            .iter()
            .filter(|call| *call == "Invoke")
            .count(),
        1
    );
    let (said, _) = world
        .failing(Fault::Refused("DeleteMessage"))
        .run(&sending(queue))
        .await;
    assert!(
        said.contains("and still here") && said.ends_with("exit 2\n"),
        "{said}"
    );
    assert_eq!(world.visible(queue).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_fails_again_at_once_is_told_and_not_sent_in_circles() {
    let world = full();
    let (said, _) = world
        .failing(Fault::Hopeless)
        .run(&sending("TaskDefinitionGuardDeadLetters"))
        .await;
    assert!(
        said.contains("came back: 3f0c1b7e-0d51-4c52-9f2e-000000000003"),
        "{said}"
    );
    assert!(said.ends_with("exit 1\n"), "{said}");
    assert_eq!(world.invoked().len(), 1);
    assert_eq!(world.visible("TaskDefinitionGuardDeadLetters").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn copies_of_an_event_go_back_once() {
    let world = World::new();
    let queue = "TaskDefinitionGuardDeadLetters";
    world.put(queue, PRIVILEGED, &[]);
    world.put(queue, PRIVILEGED, &[]);
    let (said, _) = world.run(&sending(queue)).await;
    assert_eq!(world.invoked().len(), 1);
    assert!(
        said.contains("1 sent, 1 left") && said.ends_with("exit 1\n"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_can_be_named_and_a_kind_chosen() {
    let queue = "TaskDefinitionGuardDeadLetters";
    for (only, kind, sent) in [
        (Some("b1946ac9-2492-4d23-8a1e-000000000003"), None, 1),
        (Some("message-1"), None, 1),
        (Some("message-2"), None, 0),
        (Some("no-such"), None, 0),
        (None, Some("register*"), 1),
        (None, Some("Inspector2 *"), 0),
    ] {
        let world = full();
        let arguments = RedriveArguments {
            only: only.map(str::to_owned),
            kind: kind.map(str::to_owned),
            ..sending(queue)
        };
        let (said, _) = world.run(&arguments).await;
        assert_eq!(world.invoked().len(), sent, "{only:?} {kind:?}: {said}");
        assert_eq!(world.visible(queue).len(), 2 - sent, "{only:?} {kind:?}");
        if only == Some("no-such") {
            assert!(said.ends_with("exit 1\n"), "{said}");
        }
    }
    let wrong = RedriveArguments {
        kind: Some("[a".to_owned()),
        ..sending(queue)
    };
    assert!(full().run(&wrong).await.0.contains("is no glob"));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_asked_for_are_sent_and_the_rest_is_told() {
    let world = World::new();
    let queue = "TaskDefinitionGuardDeadLetters";
    for number in 10..35 {
        world.put(
            queue,
            &PRIVILEGED.replace("000000000002", &format!("0000000000{number}")),
            &[],
        );
    }
    let arguments = RedriveArguments {
        max: 12,
        ..sending(queue)
    };
    let (said, _) = world.run(&arguments).await;
    assert_eq!(world.invoked().len(), 12, "{said}");
    assert_eq!(world.visible(queue).len(), 13);
    assert!(said.contains("has more than 12"), "{said}");
    assert!(world.run(&sending(queue)).await.0.contains("13 sent"));
    assert_eq!(world.visible(queue).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_queue_goes_by_each_of_its_names() {
    for name in [
        "taskdefinitionguarddeadletters",
        "prod-TaskDefinitionGuardDeadLetters",
        "arn:aws:sqs:eu-west-1:111122223333:prod-TaskDefinitionGuardDeadLetters",
        "https://sqs.eu-west-1.amazonaws.com/111122223333/prod-TaskDefinitionGuardDeadLetters",
    ] {
        assert!(
            full()
                .run(&into(name))
                .await
                .0
                .contains("1 can go back, 1 left"),
            "{name}"
        );
    }
    let (said, _) = full().run(&into("Alerts")).await;
    assert!(
        said.contains("no dead-letter queue `Alerts`: it has Basic"),
        "{said}"
    );
    let (said, _) = full()
        .run(&RedriveArguments {
            queues: Vec::new(),
            ..sending("")
        })
        .await;
    assert!(
        said.contains("say which queue") && said.ends_with("exit 2\n"),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn that_the_functions_are_paused_is_said() {
    let world = full();
    let wire = world.wire();
    let place = Place::of_region("eu-west-1", "111122223333").unwrap();
    let clients = wire.clients(place);
    let writer = tidewaiter_aws::ledger::Writer {
        by: "ada",
        attempt: "person",
        now: "2026-11-25T12:00:00Z".parse().unwrap(),
    };
    let ledger = tidewaiter_aws::ledger::Ledger::new(&clients, "ledger");
    ledger.set_switch(true, "a release", writer).await.unwrap();
    let (said, _) = world.run(&sending("TaskDefinitionGuardDeadLetters")).await;
    assert!(
        said.starts_with("note: the functions are paused by `ada` (`a release`)"),
        "{said}"
    );
}
