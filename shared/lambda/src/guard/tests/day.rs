//! A day of mixed traffic through the guards and to the channels: how much of it anybody hears.
//!
//! `make day` prints the table; `TIDEWAITER_DAY` is the seed of another day.

mod cloud;
mod desk;
mod story;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use tidewaiter_notify::{Channels, Incoming};
use tidewaiter_report::Change;
use tokio::time::Instant;

use super::{world::chaos::Dice, *};
use cloud::{Cloud, Image};
use desk::{Desk, How, Sent};
use story::{EVENTS, Incident, Step, Story, Way};

const SEED: u64 = 20_261_123;

thread_local! {
    static MIDNIGHT: Cell<Option<Instant>> = const { Cell::new(None) };
}

fn midnight() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

/// The clock of the day.
fn clock() -> Timestamp {
    let began = MIDNIGHT.get().expect("the day has begun");
    midnight() + jiff::SignedDuration::try_from(Instant::now() - began).unwrap()
}

/// How long a batch of findings gathers.
const WINDOW: Duration = Duration::from_mins(1);

/// The guards, and what they work on.
struct Guards {
    cloud: Arc<Mutex<Cloud>>,
    definitions: Guard,
    scans: Guard,
    pushes: Guard,
    deliveries: usize,
}

impl Guards {
    fn start(images: &[Image]) -> Self {
        let cloud = Arc::new(Mutex::new(Cloud::default()));
        for name in ["shop", "legacy"] {
            let digest = format!("sha256:{}", "5a".repeat(32));
            let image = Image {
                repository: name.to_owned(),
                digest,
                ..Image::default()
            };
            cloud.lock().unwrap().add(image);
        }
        for image in images {
            cloud.lock().unwrap().add(image.clone());
        }
        let answers = cloud.clone();
        let wire = Wire::new(move |call| answers.lock().unwrap().answer(call));
        let start = |name, subject| {
            let mut guard = guard(Mode::Enforce, subject, &wire);
            guard.function = Function { name, subject };
            guard.now = clock;
            guard
        };
        Self {
            cloud,
            definitions: start("task-definition-guard", SubjectKind::TaskDefinition),
            scans: start("image-scan-guard", SubjectKind::Image),
            pushes: start("image-push-guard", SubjectKind::Image),
            deliveries: 0,
        }
    }

    /// Everything of the day, each at its time.
    async fn work(&mut self, mut steps: Vec<(Duration, Step)>) {
        let began = Instant::now();
        MIDNIGHT.set(Some(began));
        steps.sort_by_key(|(at, _)| *at);
        let mut queue: Vec<(String, String)> = Vec::new();
        let mut due: Option<Instant> = None;
        for (at, step) in steps {
            let at = began + at;
            if let Some(batch) = due.filter(|batch| *batch <= at) {
                tokio::time::sleep_until(batch).await;
                self.handle_batch(&std::mem::take(&mut queue)).await;
                due = None;
            }
            tokio::time::sleep_until(at).await;
            match step {
                Step::Flaws(digest, flaws) => {
                    self.cloud.lock().unwrap().image(&digest).flaws = flaws;
                }
                Step::Push(digest) => self.cloud.lock().unwrap().push(&digest),
                Step::Event(Way::Findings, payload) => {
                    self.deliveries += 1;
                    queue.push((format!("message-{}", self.deliveries), payload));
                    due.get_or_insert(at + WINDOW);
                }
                Step::Event(way, payload) => self.handle(way, &payload).await,
            }
        }
        self.handle_batch(&queue).await;
    }

    async fn handle(&mut self, way: Way, payload: &str) {
        self.deliveries += 1;
        let guard = match way {
            Way::Definitions => &self.definitions,
            Way::Scans | Way::Findings => &self.scans,
            Way::Pushes => &self.pushes,
        };
        let id = format!("request-{}", self.deliveries);
        assert_eq!(guard.handle(payload, &id).await, Ok(()), "{payload}");
    }

    async fn handle_batch(&self, messages: &[(String, String)]) {
        if messages.is_empty() {
            return;
        }
        let id = format!("batch-{}", self.deliveries);
        let batch = storm::batch(messages);
        let failures = self.scans.handle_batch(&batch, &id, storm::at_ease()).await;
        assert_eq!(storm::failed(&failures), [] as [&str; 0]);
    }
}

/// What came of a day.
struct Day {
    story: Story,
    channels: Channels,
    /// Each with the place of its incident.
    alerts: Vec<(Incoming, usize)>,
    /// When each of them was published.
    times: Vec<Timestamp>,
    sent: Vec<Sent>,
    replaced: BTreeSet<(usize, String)>,
}

impl Day {
    async fn of(seed: u64) -> Self {
        let mut story = story::tell(seed);
        let mut guards = Guards::start(&story.images);
        guards.work(std::mem::take(&mut story.steps)).await;
        let mut cloud = guards.cloud.lock().unwrap();
        assert_eq!(cloud.aside, 1, "what cannot be read is put aside");
        let published = std::mem::take(&mut cloud.published);
        drop(cloud);

        let channels = Channels::from_yaml(include_str!("day/channels.yaml")).unwrap();
        let envelope = |(place, (_, alert)): (usize, &(Timestamp, String))| {
            let body = json!({"MessageId": format!("message-{place}"), "Message": alert});
            Incoming::read(&body.to_string()).unwrap()
        };
        let alerts: Vec<Incoming> = published.iter().enumerate().map(envelope).collect();
        let mut desk = Desk::new(&channels, &alerts);
        let mut dice = Dice::new(seed);
        for (place, (at, _)) in published.iter().enumerate() {
            desk.arrive(place, *at);
            // SNS and SQS deliver at least once.
            if dice.below(20) == 0 {
                let late = jiff::SignedDuration::from_secs(i64::try_from(dice.below(900)).unwrap());
                desk.arrive(place, *at + late);
            }
        }
        desk.work(midnight());
        let (sent, replaced) = (desk.sent, desk.replaced);
        let times = published.into_iter().map(|(at, _)| at).collect();
        let alerts = alerts.into_iter().map(|alert| {
            let incident = story.incident_of(&alert);
            (alert, incident)
        });
        let alerts = alerts.collect();
        Self {
            story,
            channels,
            alerts,
            times,
            sent,
            replaced,
        }
    }

    fn hearing(&self, alert: usize) -> BTreeSet<String> {
        let (alert, _) = &self.alerts[alert];
        let channels = self.channels.of_alert(alert).into_iter();
        channels
            .map(|channel| channel.name.as_str().to_owned())
            .collect()
    }

    fn table(&self) -> String {
        let story = &self.story;
        let mut table = format!(
            "events                          {:>5}\n  of which delivered again      {:>5}\n  about the {} incidents        {:>5}\nalerts on the topic             {:>5}\n\n",
            story.events,
            story.copies,
            story.incidents.len(),
            story.of_incidents,
            self.alerts.len(),
        );
        let _ = writeln!(
            table,
            "{:<10}{:<15}{:>7}{:>9}   {:>6}{:>8}{:>10}{:>9}",
            "channel", "type", "alerts", "messages", "alone", "groups", "together", "flapping"
        );
        for channel in self.channels.all() {
            let name = channel.name.as_str();
            let alerts = (0..self.alerts.len()).filter(|alert| self.hearing(*alert).contains(name));
            let sent = || self.sent.iter().filter(|sent| sent.channel == name);
            let of = |how| sent().filter(|sent| sent.how == how).count();
            let _ = writeln!(
                table,
                "{name:<10}{:<15}{:>7}{:>9}   {:>6}{:>8}{:>10}{:>9}",
                format!("{:?}", channel.kind),
                alerts.count(),
                sent().count(),
                of(How::Alone),
                of(How::Grouped),
                of(How::Together),
                of(How::Flapping),
            );
        }
        table
    }
}

impl Story {
    /// The incident that an alert is about: there is no alert without one.
    fn incident_of(&self, alert: &Incoming) -> usize {
        let is_of = |incident: &Incident| {
            let is_failure = alert.kind == "failure" && incident.subjects.is_empty();
            is_failure || incident.subjects.contains(&alert.subject)
        };
        let found = self.incidents.iter().position(is_of);
        found.unwrap_or_else(|| panic!("a false alarm: {}", alert.headline))
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_of_mixed_traffic_tells_each_incident_once_in_each_channel() {
    let asked = std::env::var("TIDEWAITER_DAY").ok();
    let seed = asked.as_ref().map_or(SEED, |seed| seed.parse().unwrap());
    let began = std::time::Instant::now();
    let day = Box::pin(Day::of(seed)).await;
    let table = day.table();
    println!(
        "{table}\nseed {seed}, {:.1} s here",
        began.elapsed().as_secs_f64()
    );

    assert_eq!((day.story.events, day.story.incidents.len()), (EVENTS, 30));
    for (place, incident) in day.story.incidents.iter().enumerate() {
        let own: Vec<usize> = (0..day.alerts.len())
            .filter(|alert| day.alerts[*alert].1 == place)
            .collect();
        let wrong = own
            .iter()
            .filter(|alert| day.alerts[**alert].0.change != Change::Resolved);
        let wrong = wrong.count();
        let is_right =
            wrong == incident.alerts || (incident.flaps && (2..incident.alerts).contains(&wrong));
        assert!(
            is_right,
            "{}: {wrong} alerts, not {}",
            incident.name, incident.alerts
        );
        let sent = day
            .sent
            .iter()
            .filter(|sent| sent.alerts.iter().any(|alert| own.contains(alert)));
        let told_in: BTreeSet<&str> = sent.map(|sent| sent.channel.as_str()).collect();
        assert_eq!(
            told_in,
            incident.heard_in.iter().copied().collect(),
            "{}",
            incident.name
        );
    }

    // Each alert once in each channel that is to hear of it, or in place of it a later one about the same.
    let mut told: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for sent in &day.sent {
        for alert in &sent.alerts {
            *told.entry((*alert, sent.channel.clone())).or_default() += 1;
        }
    }
    for alert in 0..day.alerts.len() {
        for channel in day.hearing(alert) {
            let pair = (alert, channel);
            let times =
                told.remove(&pair).unwrap_or_default() + usize::from(day.replaced.contains(&pair));
            assert_eq!(times, 1, "{pair:?}");
        }
    }
    assert_eq!(told, BTreeMap::new(), "nobody hears what is not for them");

    // Whoever is to be awakened is so at once, or when the queue comes back to it. That it is over may wait
    // for its turn once more, where forty images at once are over.
    let awakening = day
        .sent
        .iter()
        .filter(|sent| sent.channel == "on-call" && sent.how == How::Alone);
    for sent in awakening {
        let alert = sent.alerts[0];
        let is_over = day.alerts[alert].0.change == Change::Resolved;
        let waited = sent.at.duration_since(day.times[alert]);
        let longest = if is_over { 30 } else { 15 };
        assert!(
            waited.as_secs() <= longest * 60,
            "{sent:?}: {waited:#}, {}",
            day.alerts[alert].0.headline
        );
    }
    if asked.is_none() {
        insta::assert_snapshot!(table);
    }
}
