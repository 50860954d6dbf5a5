//! Every call to AWS of every scenario, failing in every way, and the process ended before and after each
//! call that writes. What is not delivered comes again, as SQS has it. In the end every channel was told of
//! everything, or what it refused is in the dead-letter queue. `make faults` prints what came of it.

use std::{
    env,
    future::{pending, ready},
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tidewaiter_aws::wire::{Answer, Call};
use tokio::{
    sync::{Notify, Semaphore},
    task::LocalSet,
};

use super::{
    receiver::Reply,
    stage::{Stage, alert},
};

/// How often what is not delivered comes again, as the template has it for the queue.
const ROUNDS: usize = 10;

/// How many runs wait for one another's pauses. With more, receivers do not answer in time.
const AT_ONCE: usize = 8;

/// When what is not delivered comes again: within the quiet hours.
fn soon() -> Timestamp {
    "2026-11-25T12:12:00Z".parse().unwrap()
}

/// When it comes once more.
fn later() -> Timestamp {
    "2026-11-25T12:24:00Z".parse().unwrap()
}

/// What is in the way of a call.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Answer(fn() -> Answer),
    /// The process ends, and another begins.
    Death,
}

/// The fault, whether AWS does before what it is asked for, and how the two are called.
type Way = (&'static str, Fault, bool);

fn ways(operation: &str) -> Vec<Way> {
    let broken = || Answer::error(500, "InternalServerError", "oh");
    let mut ways: Vec<Way> = vec![
        ("throttled", Fault::Answer(Answer::throttled), false),
        ("500", Fault::Answer(broken), false),
        (
            "503",
            Fault::Answer(|| Answer::error(503, "ServiceUnavailable", "oh")),
            false,
        ),
        ("denied", Fault::Answer(Answer::denied), false),
        (
            "not found",
            Fault::Answer(|| Answer::error(400, "ResourceNotFoundException", "none")),
            false,
        ),
        ("garbled", Fault::Answer(Answer::garbled), false),
        ("reset", Fault::Answer(Answer::reset), false),
        ("death before", Fault::Death, false),
    ];
    if matches!(operation, "UpdateItem" | "Publish" | "SendMessage") {
        ways.extend([
            ("500 after", Fault::Answer(broken), true),
            ("garbled after", Fault::Answer(Answer::garbled), true),
            ("reset after", Fault::Answer(Answer::reset), true),
            ("death after", Fault::Death, true),
        ]);
    }
    ways
}

struct Scenario {
    name: &'static str,
    channels: &'static str,
    /// What is delivered, one batch after the other.
    batches: Vec<Vec<Value>>,
    /// Whether the receiver answers 403.
    is_refused: bool,
    /// The channels that are to be told by the receiver.
    told: &'static [&'static str],
    /// How many messages each is told in.
    messages: usize,
}

fn scenarios() -> Vec<Scenario> {
    let story = || {
        vec![
            vec![alert("a", "opened", "web")],
            vec![alert("b", "resolved", "web")],
        ]
    };
    let mut minor = alert("a", "opened", "web");
    minor["alert"]["severity"] = "medium".into();
    vec![
        Scenario {
            name: "an alert and its end",
            channels: "{version: 1, channels: {pager: {type: pagerduty, secret: pager}, \
                       bot: {type: slack-bot, secret: bot, conversation: C1}, \
                       q: {type: amazon-q, topic: 'arn:aws:sns:eu-west-1:111122223333:chat'}}}",
            batches: story(),
            is_refused: false,
            told: &["pager", "bot"],
            messages: 2,
        },
        Scenario {
            name: "an alert that a channel refuses",
            channels: "{version: 1, channels: {pager: {type: pagerduty, secret: pager}}}",
            batches: vec![vec![alert("a", "opened", "web")]],
            is_refused: true,
            told: &["pager"],
            messages: 1,
        },
        Scenario {
            name: "an alert that waits for the end of quiet hours",
            channels: "{version: 1, channels: {chat: {type: slack-webhook, secret: chat, \
                       quiet-hours: {from: '11:00', to: '13:00', passes: critical}}}}",
            batches: vec![vec![minor]],
            is_refused: false,
            told: &["chat"],
            messages: 1,
        },
    ]
}

/// What strikes, and what it has struck.
struct Strike {
    call: usize,
    way: Option<Way>,
    seen: usize,
    struck: Option<Call>,
    is_over: bool,
}

impl Strike {
    /// What this attempt meets: the same as long as it is the same call, of which the SDK makes several.
    fn meets(&mut self, call: &Call) -> Option<Way> {
        if self.is_over {
            return None;
        }
        if self.seen == self.call {
            self.struck = Some(call.clone());
        }
        self.seen += 1;
        let struck = self.struck.as_ref()?;
        let is_it = struck.operation == call.operation && struck.parameters == call.parameters;
        self.way.filter(|_| is_it)
    }

    /// Minutes go by.
    fn pass(&mut self) {
        self.is_over = self.struck.is_some();
    }
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    Once,
    /// A channel got a message a second time: the process ended before it could write down that it was sent.
    Twice,
    /// In the dead-letter queue.
    Aside,
}

impl Scenario {
    async fn stage(&self, strike: &Arc<Mutex<Strike>>, death: &Arc<Notify>) -> Stage {
        let is_refused = self.is_refused;
        let (strike, death) = (strike.clone(), death.clone());
        Stage::over(
            self.channels,
            move |_, earlier| {
                let answer = json!({ "ok": true, "ts": format!("17.{earlier}"), "channel": "C1" });
                Reply::Answer(if is_refused { 403 } else { 200 }, "", answer.to_string())
            },
            move |table, call| {
                let met = strike.lock().unwrap().meets(&call);
                let real = || table.answer(&call).unwrap_or_else(Answer::empty);
                match met {
                    None => Box::pin(ready(real())),
                    Some((_, fault, is_late)) => {
                        if is_late {
                            real();
                        }
                        match fault {
                            Fault::Answer(answer) => Box::pin(ready(answer())),
                            Fault::Death => {
                                death.notify_one();
                                Box::pin(pending())
                            }
                        }
                    }
                }
            },
        )
        .await
    }

    /// Runs it with this in the way of a call; gives how it went, and the operations that were called.
    async fn run(&self, call: usize, way: Option<Way>) -> Result<(Went, Vec<String>), String> {
        let strike = Arc::new(Mutex::new(Strike {
            call,
            way,
            seen: 0,
            struck: None,
            is_over: false,
        }));
        let death = Arc::new(Notify::new());
        let mut stage = self.stage(&strike, &death).await;
        for (number, batch) in self.batches.iter().enumerate() {
            let mut is_done = false;
            for round in 0..ROUNDS {
                let attempt = format!("{number}-{round}");
                let delivered = tokio::select! {
                    failures = stage.deliver(batch, &attempt) => Some(failures.is_empty()),
                    () = death.notified() => None,
                };
                if delivered == Some(true) {
                    is_done = true;
                    break;
                }
                // What strikes is over when the message comes again, minutes later.
                strike.lock().unwrap().pass();
                stage.delivery.now = if round == 0 { soon } else { later };
                if delivered.is_none() {
                    stage.restart();
                }
            }
            if !is_done {
                return Err("it is not delivered in the end".to_owned());
            }
        }
        // The schedule's turns.
        let turns: [fn() -> Timestamp; 3] = [
            || "2026-11-25T13:30:00Z".parse().unwrap(),
            || "2026-11-25T14:30:00Z".parse().unwrap(),
            || "2026-11-25T15:30:00Z".parse().unwrap(),
        ];
        for (turn, attempt) in turns.into_iter().zip(["x", "y", "z"]) {
            stage.delivery.now = turn;
            tokio::select! {
                () = stage.tell_kept(attempt) => {},
                () = death.notified() => stage.restart(),
            }
            strike.lock().unwrap().pass();
        }
        if way.is_some() && strike.lock().unwrap().struck.is_none() {
            return Err("nothing was struck".to_owned());
        }
        let went = self.went(&stage, way)?;
        Ok((went, stage.wire.operations()))
    }

    fn went(&self, stage: &Stage, way: Option<Way>) -> Result<Went, String> {
        let counts = self.told.iter().map(|channel| stage.told(channel).len());
        let is_dead = matches!(way, Some((_, Fault::Death, _)));
        let (mut most, mut least) = (0, usize::MAX);
        for count in counts {
            (most, least) = (most.max(count), least.min(count));
        }
        let aside = stage.aside();
        // Whatever another channel refused.
        if least < self.messages {
            return Err(format!("a channel was told {least} times: lost"));
        }
        if self.is_refused && aside.is_empty() {
            return Err("what is refused is nowhere".to_owned());
        }
        // What a channel does not take is no message; each attempt tries a second secret.
        let is_again = most > self.messages && !self.is_refused;
        // A process that has not heard of the first message sends it again, and that once.
        if is_again && !is_dead || most > self.messages + 1 && !self.is_refused {
            return Err(format!("a channel was told {most} times"));
        }
        Ok(match (aside.is_empty(), is_again) {
            (false, _) => Went::Aside,
            (true, true) => Went::Twice,
            (true, false) => Went::Once,
        })
    }
}

#[tokio::test]
async fn wherever_aws_fails_or_the_process_ends_every_channel_is_told_in_the_end() {
    let wanted = env::var("TIDEWAITER_FAULTS").unwrap_or_default();
    // A prime, so that in time every kind of fault meets every call.
    let step = if wanted == "all" { 1 } else { 13 };
    println!("notify: each call failing in each way");
    let mut wrong = Vec::new();
    for scenario in scenarios() {
        let scenario = Arc::new(scenario);
        let (_, calls) = scenario.run(usize::MAX, None).await.unwrap();
        let all = calls.iter().enumerate().flat_map(|(call, operation)| {
            ways(operation)
                .into_iter()
                .map(move |way| (call, operation.clone(), way))
        });
        let mut ran = Vec::new();
        let (local, places) = (LocalSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
        for (call, operation, way) in all.step_by(step) {
            let scenario = scenario.clone();
            let places = places.clone();
            let went = local.spawn_local(async move {
                let _place = places.acquire_owned().await.unwrap();
                scenario.run(call, Some(way)).await
            });
            ran.push((call, operation, way.0, went));
        }
        local.await;
        let mut counts = [0, 0, 0];
        for (call, operation, way, went) in ran {
            match went.await.unwrap() {
                Ok((Went::Once, _)) => counts[0] += 1,
                Ok((Went::Twice, _)) => counts[1] += 1,
                Ok((Went::Aside, _)) => counts[2] += 1,
                Err(error) => wrong.push(format!(
                    "{}: call {call}, {operation}, {way}: {error}",
                    scenario.name
                )),
            }
        }
        println!(
            "{:54}{:>6} calls, {:>4} runs: {} once, {} twice, {} in the dead-letter queue",
            scenario.name,
            calls.len(),
            counts.iter().sum::<usize>(),
            counts[0],
            counts[1],
            counts[2]
        );
    }
    assert_eq!(wrong, [] as [String; 0], "{}", wrong.join("\n"));
}
