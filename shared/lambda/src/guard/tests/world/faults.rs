//! Every call of every scenario, failing in every way.
//!
//! A scenario is run once without a fault, and then once for each call that it made, each fault, and for a
//! call that writes once more with the write done before the fault. A fault lasts for as long as an
//! invocation goes on trying: the SDK's own retries meet it too, Lambda's next delivery does not. In the end
//! everything is as it is without a fault, or the event is in a dead-letter queue with an alert; and what is
//! in the queue leads there when it is redriven. `make faults` prints what came of it.

use std::{collections::BTreeSet, time::Duration};

use super::{
    chaos::Lost,
    population::IMAGES,
    process::SetUp,
    scripted,
    watch::{Told, WRITES},
    *,
};

/// For so long a call fails: longer than the SDK tries (25 seconds), shorter than Lambda waits with the
/// next delivery (a minute).
const LASTS: Duration = Duration::from_secs(40);

/// What an attempt meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Throttled,
    Broken,
    Unavailable,
    Denied,
    NotFound,
    Garbled,
    Reset,
    Unanswered,
    /// Every answer of AWS takes so long from here on that Lambda ends the invocation, if it makes many calls.
    Slow,
}

impl Fault {
    const ALL: [Self; 9] = [
        Self::Throttled,
        Self::Broken,
        Self::Unavailable,
        Self::Denied,
        Self::NotFound,
        Self::Garbled,
        Self::Reset,
        Self::Unanswered,
        Self::Slow,
    ];

    /// As the matrix has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Broken => "500",
            Self::Unavailable => "503",
            Self::Denied => "denied",
            Self::NotFound => "not found",
            Self::Garbled => "garbled",
            Self::Reset => "reset",
            Self::Unanswered => "no answer",
            Self::Slow => "slow",
        }
    }

    /// Whether it can come about after AWS did what it was asked for.
    const fn can_come_late(self) -> bool {
        matches!(
            self,
            Self::Broken | Self::Unavailable | Self::Garbled | Self::Reset | Self::Unanswered
        )
    }

    /// What comes back, where AWS has this to say or was not reached.
    pub(super) async fn answer(self, real: Option<Answer>) -> Answer {
        match self {
            Self::Throttled => Answer::throttled(),
            Self::Broken => Answer::error(500, "InternalServerError", "oh"),
            Self::Unavailable => Answer::error(503, "ServiceUnavailable", "oh"),
            Self::Denied => Answer::denied(),
            Self::NotFound => Answer::error(400, "ResourceNotFoundException", "there is none"),
            Self::Garbled => Answer::garbled(),
            Self::Reset => Answer::reset(),
            Self::Unanswered => std::future::pending().await,
            // Just within the time that an attempt has.
            Self::Slow => {
                tokio::time::sleep(Duration::from_millis(5_500)).await;
                real.unwrap()
            }
        }
    }
}

/// A call that fails.
#[derive(Debug, Clone)]
pub(super) struct Failing {
    /// Its number in the order of all calls.
    call: usize,
    fault: Fault,
    /// Whether AWS does what it is asked for all the same.
    is_late: bool,
    /// Who made it, what it was, and until when it fails.
    struck: Option<(usize, Call, Instant)>,
}

impl Failing {
    const fn new(call: usize, fault: Fault, is_late: bool) -> Self {
        Self {
            call,
            fault,
            is_late,
            struck: None,
        }
    }

    /// Whether this attempt meets the fault, and whether it reaches AWS.
    pub(super) fn strike(
        &mut self,
        number: usize,
        process: usize,
        call: &Call,
    ) -> Option<(Fault, bool)> {
        if number == self.call {
            self.struck = Some((process, call.clone(), Instant::now() + LASTS));
        }
        let (by, struck, until) = self.struck.as_ref()?;
        if self.fault == Fault::Slow {
            // Two sandboxes do not meet the same one in a row.
            let lasts = *until + Duration::from_secs(260);
            return (*by == process && Instant::now() < lasts).then_some((Fault::Slow, true));
        }
        let is_it = *by == process
            && struck.operation == call.operation
            && struck.parameters == call.parameters
            && Instant::now() < *until;
        is_it.then_some((self.fault, self.is_late))
    }
}

/// Something that happens, from its first event to its last alert.
struct Scenario {
    name: &'static str,
    is_enhanced: bool,
    mode: Mode,
    policy: &'static str,
    happenings: Vec<(Duration, Happening)>,
}

/// What the functions are for, from one end to the other.
fn scenarios() -> Vec<Scenario> {
    let scenario = |name, happenings: Vec<(u64, Happening)>| Scenario {
        name,
        is_enhanced: false,
        mode: Mode::Enforce,
        policy: "",
        happenings: happenings
            .into_iter()
            .map(|(at, happening)| (Duration::from_secs(at), happening))
            .collect(),
    };
    let bad = |id| (0, Happening::Flaw(id, "CRITICAL"));
    let push = |at, id| (at, Happening::Push(id, Some("1.0")));
    vec![
        scenario("a privileged definition", vec![(0, Happening::Register(1))]),
        Scenario {
            mode: Mode::Audit,
            ..scenario(
                "a privileged definition, in audit mode",
                vec![(0, Happening::Register(1))],
            )
        },
        scenario(
            "a definition that a person deregisters",
            vec![
                (0, Happening::Pause(true)),
                (1, Happening::Register(1)),
                (900, Happening::Deregister(1)),
            ],
        ),
        scenario("a bad image", vec![bad(0), push(1, 0)]),
        scenario(
            "a bad image that somebody takes out of the archive",
            vec![bad(0), push(1, 0), (3600, Happening::Restore(0))],
        ),
        scenario(
            "a bad image that is released",
            vec![
                bad(0),
                push(1, 0),
                (3600, Happening::Release(0, Duration::from_hours(9000))),
            ],
        ),
        scenario(
            "a bad image that is pushed again elsewhere",
            vec![bad(0), push(1, 0), push(3600, 2)],
        ),
        scenario("a bad platform of an index", vec![bad(3), push(1, 7)]),
        Scenario {
            is_enhanced: true,
            ..scenario("findings by the queue", vec![bad(0), push(1, 0)])
        },
        Scenario {
            is_enhanced: true,
            ..scenario(
                "findings in what runs, which is left",
                vec![
                    push(0, 0),
                    (3600, Happening::Start(1, 0)),
                    (7200, Happening::Flaw(0, "CRITICAL")),
                ],
            )
        },
        Scenario {
            is_enhanced: true,
            policy: "in-use: quarantine",
            ..scenario(
                "findings in what runs, which is archived",
                vec![
                    push(0, 0),
                    (3600, Happening::Start(1, 0)),
                    (7200, Happening::Flaw(0, "CRITICAL")),
                ],
            )
        },
    ]
}

/// What is different from a world without faults, if anything.
#[derive(Debug, PartialEq, Eq)]
struct End {
    outcome: Outcome,
    /// What is told of each subject in the end: whether it is over, and else what became of it.
    told: BTreeMap<String, BTreeSet<String>>,
}

fn end(world: &World) -> End {
    let last = |told: &Told| {
        let became = told.became.iter().filter(|it| !it.is_empty());
        let said = |it: &String| match it.as_str() {
            // By who finds it so, where who did it was ended before it was told.
            already if already == Withheld::AlreadyDone.reason() => "done".to_owned(),
            other => other.to_owned(),
        };
        let became = match told.change.as_str() {
            "resolved" => BTreeSet::from(["over".to_owned()]),
            _ => became.map(said).collect(),
        };
        (told.subject.clone(), became)
    };
    world.see(|aws| End {
        outcome: Outcome::of(aws),
        told: aws
            .watch
            .told
            .iter()
            .filter(|told| told.kind == "decision")
            .map(last)
            .collect(),
    })
}

/// How a run with a fault went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// As if nothing had been.
    Same,
    /// In a dead-letter queue with an alert, and as without the fault once it was redriven.
    Redriven,
    /// As if nothing had been, but for a healthy platform of an index that is archived: it stays where it is,
    /// to be pulled by its digest. ECR does not show any more what such an index leads to.
    Left,
}

impl Scenario {
    fn set_up(&self) -> SetUp {
        SetUp {
            mode: self.mode,
            policy: self.policy.to_owned(),
        }
    }

    fn chaos() -> Chaos {
        Chaos::of(3).at_once().repeating(1)
    }

    /// Runs it with this in the way; gives how it went, or what was wrong.
    fn fail(&self, expected: &End, chaos: Chaos) -> Result<Way, String> {
        let mut given_up = 0;
        let mut is_told = true;
        let look = |world: &World| {
            given_up = world.given_up().len();
            // What a function puts aside it tells itself, afterwards, or what became of it all the same; of
            // Lambda's own queue an alarm tells.
            is_told = world.see(|aws| {
                aws.aside.iter().all(|aside| {
                    let mut told = aws.watch.told.iter().skip(aside.after);
                    told.any(|told| told.is_about(&aside.payload))
                })
            });
        };
        let world = World::run_and_redrive(
            self.is_enhanced,
            &self.set_up(),
            chaos,
            &self.happenings,
            look,
        );
        let broken = world.see(|aws| aws.watch.broken.clone());
        if !broken.is_empty() {
            return Err(broken.join("; "));
        }
        if !is_told {
            return Err("an event is put aside, and nobody is told".to_owned());
        }
        let left = world.given_up().len();
        if left > 0 {
            return Err(format!("{left} events cannot be redriven"));
        }
        let end = end(&world);
        if end == *expected {
            return Ok(if given_up == 0 {
                Way::Same
            } else {
                Way::Redriven
            });
        }
        // Whatever else, nothing bad can be pulled.
        let mut left = end.outcome.pullable.difference(&expected.outcome.pullable);
        let is_healthy = |image: &String| {
            (0..IMAGES.len())
                .any(|id| name(id) == *image && world.see(|aws| !aws.registry.is_bad(id)))
        };
        if end.told == expected.told
            && end.outcome.inactive == expected.outcome.inactive
            && end.outcome.slipped == expected.outcome.slipped
            && end.outcome.pullable.is_superset(&expected.outcome.pullable)
            && left.all(is_healthy)
        {
            return Ok(Way::Left);
        }
        let text = format!("ends otherwise: {end:?}, not {expected:?}");
        Err((0..IMAGES.len()).fold(text, |text, id| {
            let spec = &IMAGES[id];
            text.replace(&name(id), &format!("image {id}")).replace(
                &format!("{}@{}", spec.repository, spec.digest()),
                &format!("image {id}"),
            )
        }))
    }
}

/// Whether a call changes something, anywhere.
fn is_write(operation: &str) -> bool {
    WRITES.contains(&operation)
        || scripted::WRITES.contains(&operation)
        || matches!(operation, "UpdateItem" | "Publish" | "SendMessage")
}

/// What came of one scenario.
pub(super) struct Row {
    text: String,
    runs: usize,
    wrong: Vec<String>,
}

impl Scenario {
    /// Runs it with every `step`th of all that can be in its way.
    fn row(&self, step: usize) -> Row {
        let (chaos, set_up) = (Self::chaos(), self.set_up());
        let whole = World::run(self.is_enhanced, &set_up, chaos, &self.happenings);
        let expected = end(&whole);
        assert!(!expected.told.is_empty(), "{}: tells something", self.name);
        let calls = whole.see(|aws| aws.watch.started.clone());
        Row::of(self.name, &calls, step, |chaos| self.fail(&expected, chaos))
    }
}

impl Row {
    /// Runs something that makes these calls with every `step`th of all that can be in its way.
    pub(super) fn of(
        name: &str,
        calls: &[String],
        step: usize,
        run: impl Fn(Chaos) -> Result<Way, String>,
    ) -> Self {
        let mut ways = BTreeMap::<&str, BTreeMap<Way, usize>>::new();
        let mut wrong = Vec::new();
        let all = calls.iter().enumerate().flat_map(|(call, operation)| {
            in_the_way(call, operation)
                .into_iter()
                .map(move |(what, chaos)| (call, operation, what, chaos))
        });
        for (call, operation, what, chaos) in all.step_by(step) {
            match run(chaos) {
                Ok(way) => *ways.entry(what).or_default().entry(way).or_default() += 1,
                Err(error) => {
                    wrong.push(format!("{name}: call {call}, {operation}, {what}: {error}"));
                }
            }
        }
        let columns = WHAT.map(|what| {
            let count = |way| ways.get(what).and_then(|it| it.get(&way)).unwrap_or(&0);
            let [same, redriven, left] = [Way::Same, Way::Redriven, Way::Left].map(count);
            let mut cell = same.to_string();
            for (count, mark) in [(redriven, "d"), (left, "h")] {
                if *count > 0 {
                    cell = format!("{cell} {count}{mark}");
                }
            }
            format!("{cell:>12}")
        });
        let counts = ways.values().flat_map(BTreeMap::values);
        Self {
            text: format!("{name:54}{:>6}{}", calls.len(), columns.concat()),
            runs: counts.sum::<usize>() + wrong.len(),
            wrong,
        }
    }
}

/// The columns of the matrix.
const WHAT: [&str; 10] = [
    "throttled",
    "500",
    "503",
    "denied",
    "not found",
    "garbled",
    "reset",
    "no answer",
    "slow",
    "killed",
];

/// Everything that can be in the way of a call.
fn in_the_way(call: usize, operation: &str) -> Vec<(&'static str, Chaos)> {
    let mut all = Vec::new();
    for fault in Fault::ALL {
        let is_late = fault.can_come_late() && is_write(operation);
        for is_late in std::iter::once(fault == Fault::Slow).chain(is_late.then_some(true)) {
            let failing = Failing::new(call, fault, is_late);
            all.push((fault.name(), Scenario::chaos().failing(failing)));
        }
    }
    for lost in [Lost::Request, Lost::Answer] {
        all.push(("killed", Scenario::chaos().killing(call, lost)));
    }
    all
}

#[test]
fn whatever_call_fails_and_however_nothing_is_lost() {
    // A sample at every run, of another kind at each call, for the kinds are no multiple of it.
    let step = if std::env::var_os("TIDEWAITER_FAULTS").is_some() {
        1
    } else {
        19
    };
    let only = std::env::var("TIDEWAITER_FAULTS").unwrap_or_default();
    let only = if only == "all" { "" } else { &only };
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let scenarios = scenarios().into_iter();
        let worlds = scenarios.filter(|it| it.name.contains(only));
        let worlds = worlds.map(|scenario| scope.spawn(move || scenario.row(step)));
        let others = scripted::ALL.iter().filter(|it| it.0.contains(only));
        let others = others.map(|(_, row)| scope.spawn(move || row(step)));
        let rows: Vec<_> = worlds.chain(others).collect();
        rows.into_iter().map(|row| row.join().unwrap()).collect()
    });
    let runs: usize = rows.iter().map(|row| row.runs).sum();
    let wrong: Vec<&str> = rows
        .iter()
        .flat_map(|row| &row.wrong)
        .map(String::as_str)
        .collect();
    println!(
        "{:54}{:>6}{}",
        "scenario",
        "calls",
        WHAT.map(|it| format!("{it:>12}")).concat()
    );
    for row in &rows {
        println!("{}", row.text);
    }
    println!(
        "d: once its dead letter was redriven; h: a healthy platform stays to be pulled by its digest"
    );
    println!("{runs} runs, {} otherwise", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
