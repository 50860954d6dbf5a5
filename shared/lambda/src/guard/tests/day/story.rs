//! What happens in the day: thirty incidents among ordinary traffic, all from one seed.

use std::time::Duration;

use super::{cloud::Image, *};

/// Something that on-call has to hear of.
#[derive(Debug, Clone)]
pub(super) struct Incident {
    pub(super) name: String,
    /// What its alerts are about: ids of subjects; empty for a failure to handle an event.
    pub(super) subjects: BTreeSet<String>,
    /// How many alerts other than resolves it is worth.
    pub(super) alerts: usize,
    /// Whether it comes and goes so often that some of these may be missed.
    pub(super) flaps: bool,
    /// The channels of `channels.yaml` that have to hear of it.
    pub(super) heard_in: &'static [&'static str],
}

/// Which function an event is for, and how it gets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Definitions,
    Scans,
    /// Findings go through a queue.
    Findings,
    Pushes,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The vulnerabilities of an image become these.
    Flaws(String, BTreeMap<String, &'static str>),
    Push(String),
    Event(Way, String),
}

/// The day.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) images: Vec<Image>,
    pub(super) incidents: Vec<Incident>,
    /// What happens when, counted from midnight.
    pub(super) steps: Vec<(Duration, Step)>,
    /// How many deliveries there are, how many of them are about an incident, and how many come twice.
    pub(super) events: usize,
    pub(super) of_incidents: usize,
    pub(super) copies: usize,
}

pub(super) const EVENTS: usize = 5_000;

const PERSON: &str = "AWSReservedSSO_Developer_0123456789abcdef/ann@example.com";
const PIPELINE: &str = "ci-deploy/run-4711";

const PEOPLE: &[&str] = &["on-call", "security", "siem"];
const AND_BUILDS: &[&str] = &["builds", "on-call", "security", "siem"];
const AND_PAYMENTS: &[&str] = &["on-call", "payments", "security", "siem"];
/// What is below high is not for on-call, and waits for the digest of the security team.
const BELOW_HIGH: &[&str] = &["security", "siem"];

/// A time of the day.
const fn at(hour: u64, minute: u64) -> Duration {
    Duration::from_secs(hour * 3_600 + minute * 60)
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

pub(super) fn tell(seed: u64) -> Story {
    let mut dice = Dice::new(seed);
    let mut story = Story::default();
    story.definitions(&mut dice);
    story.a_deployment_in_twelve_attempts(&mut dice);
    story.one_vulnerability_in_forty_images(&mut dice);
    story.scans(&mut dice);
    story.what_runs(&mut dice);
    story.what_flaps(&mut dice);
    story.an_event_that_cannot_be_read(&mut dice);
    story.of_incidents = story.events;
    story.ordinary_traffic(&mut dice);
    story
}

impl Story {
    fn incident(
        &mut self,
        name: &str,
        alerts: usize,
        heard_in: &'static [&'static str],
    ) -> &mut Incident {
        self.incidents.push(Incident {
            name: name.to_owned(),
            subjects: BTreeSet::new(),
            alerts,
            flaps: false,
            heard_in,
        });
        self.incidents.last_mut().unwrap()
    }

    fn step(&mut self, at: Duration, step: Step) {
        self.steps.push((at, step));
    }

    /// An event on its way: mostly a moment, sometimes minutes or hours, now and then twice.
    fn deliver(&mut self, dice: &mut Dice, happened: Duration, way: Way, event: &Value) {
        let copies = if dice.below(10) == 0 { 2 } else { 1 };
        for copy in 0..copies {
            if self.events == EVENTS {
                return;
            }
            let longest = match dice.below(100) {
                0..=89 => 2,
                90..=97 => 300,
                _ => 7_200,
            };
            let late = Duration::from_millis(dice.below(longest * 1_000));
            self.step(happened + late, Step::Event(way, event.to_string()));
            self.events += 1;
            self.copies += usize::from(copy > 0);
        }
    }

    /// The same is announced again through the day: scans that repeat, deliveries that do.
    fn repeat(&mut self, dice: &mut Dice, from: Duration, times: u64, way: Way, event: &Value) {
        for _ in 0..times {
            let again = from + Duration::from_secs(dice.below(6 * 3_600));
            self.deliver(dice, again, way, event);
        }
    }

    fn new_image(&mut self, dice: &mut Dice, repository: &str) -> Image {
        let [a, b, c, d] = [(); 4].map(|()| dice.below(u64::MAX));
        let image = Image {
            repository: repository.to_owned(),
            digest: format!("sha256:{a:016x}{b:016x}{c:016x}{d:016x}"),
            ..Image::default()
        };
        self.images.push(image.clone());
        image
    }

    fn definitions(&mut self, dice: &mut Dice) {
        for number in 0..6 {
            let family = format!("adhoc-{number}");
            let (who, heard_in) = if number < 4 {
                (PERSON, PEOPLE)
            } else {
                (PIPELINE, AND_BUILDS)
            };
            let incident = self.incident(&format!("privileged definition {family}"), 1, heard_in);
            incident.subjects.insert(format!("{family}:3"));
            let time = at(1 + 3 * number, dice.below(60));
            let event = registered("privileged", &family, 3, who, time);
            self.deliver(dice, time, Way::Definitions, &event);
            let times = 1 + dice.below(4);
            self.repeat(dice, time, times, Way::Definitions, &event);
        }
        for number in 0..4 {
            let family = format!("legacy-{number}");
            let incident = self.incident(&format!("weak definition {family}"), 1, PEOPLE);
            incident.subjects.insert(format!("{family}:41"));
            let time = at(8 + 2 * number, dice.below(60));
            let event = registered("weak", &family, 41, PERSON, time);
            self.deliver(dice, time, Way::Definitions, &event);
            let times = dice.below(4);
            self.repeat(dice, time, times, Way::Definitions, &event);
        }
        for number in 0..3 {
            let family = format!("batch-{number}");
            let incident =
                self.incident(&format!("somewhat weak definition {family}"), 1, BELOW_HIGH);
            incident.subjects.insert(format!("{family}:12"));
            let time = at(10 + 3 * number, dice.below(60));
            let mut event = registered("hardened", &family, 12, PERSON, time);
            for side in [
                "/detail/requestParameters",
                "/detail/responseElements/taskDefinition",
            ] {
                let container = event
                    .pointer_mut(&format!("{side}/containerDefinitions/0"))
                    .unwrap();
                container["readonlyRootFilesystem"] = json!(false);
            }
            self.deliver(dice, time, Way::Definitions, &event);
        }
    }

    fn a_deployment_in_twelve_attempts(&mut self, dice: &mut Dice) {
        let incident = self.incident("a deployment in twelve attempts", 12, AND_BUILDS);
        incident.subjects = (1..=12)
            .map(|revision| format!("checkout:{revision}"))
            .collect();
        for revision in 1..=12 {
            let time = at(14, 3) + Duration::from_secs(revision);
            let event = registered("weak", "checkout", revision, PIPELINE, time);
            self.deliver(dice, time, Way::Definitions, &event);
        }
    }

    fn one_vulnerability_in_forty_images(&mut self, dice: &mut Dice) {
        const CVE: &str = "CVE-2026-40000";
        let time = at(11, 17);
        let mut subjects = BTreeSet::new();
        for number in 0..40 {
            let team = if number < 6 { "payments" } else { "team" };
            let image = self.new_image(dice, &format!("{team}/app-{number}"));
            subjects.insert(format!("{}@{}", image.repository, image.digest));
            let flaws = BTreeMap::from([(CVE.to_owned(), "CRITICAL")]);
            self.step(time, Step::Flaws(image.digest.clone(), flaws));
            // Inspector tells of each package.
            for package in 0..5 {
                let event = finding(&image, CVE, "CRITICAL", "ACTIVE", package, time);
                self.deliver(dice, time, Way::Findings, &event);
            }
        }
        let incident = self.incident("one vulnerability in forty images", 40, AND_PAYMENTS);
        incident.subjects = subjects;
    }

    fn scans(&mut self, dice: &mut Dice) {
        for number in 0..8 {
            let (team, heard_in) = if number < 2 {
                ("payments", AND_PAYMENTS)
            } else {
                ("team", PEOPLE)
            };
            let image = self.new_image(dice, &format!("{team}/pushed-{number}"));
            let name = format!("vulnerable image {}", image.repository);
            let incident = self.incident(&name, 1, heard_in);
            incident
                .subjects
                .insert(format!("{}@{}", image.repository, image.digest));
            let time = at(2 * number, dice.below(60));
            self.found_bad(dice, &image, time);
        }
        for number in 0..2 {
            let image = self.new_image(dice, &format!("team/again-{number}"));
            let name = format!("image pushed again {}", image.repository);
            // Once for its scan, and once for coming back.
            let incident = self.incident(&name, 2, PEOPLE);
            incident
                .subjects
                .insert(format!("{}@{}", image.repository, image.digest));
            let time = at(3 + number, dice.below(60));
            self.found_bad(dice, &image, time);
            let again = time + at(9, 0);
            self.step(again, Step::Push(image.digest.clone()));
            let event = pushed(&image, again);
            self.deliver(dice, again, Way::Pushes, &event);
        }
    }

    /// An image is pushed and its scan finds something; the scan and its findings are told again and again.
    fn found_bad(&mut self, dice: &mut Dice, image: &Image, time: Duration) {
        let cve = format!("CVE-2026-{}", 1_000 + dice.below(9_000));
        let flaws = BTreeMap::from([(cve.clone(), "CRITICAL")]);
        self.step(time, Step::Flaws(image.digest.clone(), flaws));
        let event = pushed(image, time);
        self.deliver(dice, time, Way::Pushes, &event);
        let time = time + minutes(2);
        let event = scanned(image, Some("CRITICAL"), time);
        self.deliver(dice, time, Way::Scans, &event);
        let times = 3 + dice.below(6);
        self.repeat(dice, time, times, Way::Scans, &event);
        for package in 0..3 {
            let event = finding(image, &cve, "CRITICAL", "ACTIVE", package, time);
            self.deliver(dice, time, Way::Findings, &event);
            self.repeat(dice, time, 2, Way::Findings, &event);
            let closed = finding(image, &cve, "CRITICAL", "CLOSED", package, time + at(5, 0));
            self.deliver(dice, time + at(5, 0), Way::Findings, &closed);
        }
    }

    fn what_runs(&mut self, dice: &mut Dice) {
        for (team, heard_in) in [("payments", AND_PAYMENTS), ("team", PEOPLE)] {
            let image = self.new_image(dice, &format!("{team}/running"));
            self.images.last_mut().unwrap().is_running = true;
            let name = format!("vulnerable image that runs {}", image.repository);
            let incident = self.incident(&name, 1, heard_in);
            incident
                .subjects
                .insert(format!("{}@{}", image.repository, image.digest));
            let time = at(7, dice.below(60));
            self.found_bad(dice, &image, time);
        }
    }

    fn what_flaps(&mut self, dice: &mut Dice) {
        for (team, heard_in, hour) in [("payments", AND_PAYMENTS, 9), ("team", PEOPLE, 17)] {
            let image = self.new_image(dice, &format!("{team}/flapping"));
            self.images.last_mut().unwrap().is_running = true;
            let name = format!("image that flaps {}", image.repository);
            let incident = self.incident(&name, 12, heard_in);
            incident
                .subjects
                .insert(format!("{}@{}", image.repository, image.digest));
            incident.flaps = true;
            for turn in 0..24 {
                let is_bad = turn % 2 == 0;
                let time = at(hour, 0) + Duration::from_secs(turn * 150);
                let flaws = is_bad.then(|| ("CVE-2026-7777".to_owned(), "HIGH"));
                self.step(
                    time,
                    Step::Flaws(image.digest.clone(), flaws.into_iter().collect()),
                );
                let event = scanned(&image, is_bad.then_some("HIGH"), time);
                self.deliver(dice, time, Way::Scans, &event);
            }
        }
    }

    fn an_event_that_cannot_be_read(&mut self, dice: &mut Dice) {
        self.incident("an event that cannot be read", 1, PEOPLE);
        let time = at(5, dice.below(60));
        let mut event = registered("privileged", "adhoc", 1, PERSON, time);
        event["detail"]["eventName"] = json!({"not": "a name"});
        // A copy would be another failure: without an id nothing tells it from this one.
        self.step(time, Step::Event(Way::Definitions, event.to_string()));
        self.events += 1;
    }

    /// Deployments that are as they should be, scans that find nothing grave, calls that AWS refused.
    fn ordinary_traffic(&mut self, dice: &mut Dice) {
        let images: Vec<Image> = (0..100)
            .map(|number| self.new_image(dice, &format!("team/good-{number}")))
            .collect();
        let mut revision = 100;
        while self.events < EVENTS {
            let time = Duration::from_secs(dice.below(86_400));
            let image = &images[usize::try_from(dice.below(100)).unwrap()];
            let (way, event) = match dice.below(100) {
                0..=34 => {
                    revision += 1;
                    let family = format!("service-{}", dice.below(60));
                    let who = if dice.below(4) == 0 { PERSON } else { PIPELINE };
                    (
                        Way::Definitions,
                        registered("hardened", &family, revision, who, time),
                    )
                }
                35..=39 => {
                    let event = registered("refused", "ci-builder", 3, PERSON, time);
                    (Way::Definitions, event)
                }
                40..=64 => (Way::Scans, scanned(image, None, time)),
                65..=79 => (Way::Pushes, pushed(image, time)),
                80..=89 => (
                    Way::Findings,
                    finding(image, "CVE-2025-1", "LOW", "ACTIVE", 0, time),
                ),
                _ => (
                    Way::Findings,
                    finding(image, "CVE-2024-1", "CRITICAL", "CLOSED", 0, time),
                ),
            };
            self.deliver(dice, time, way, &event);
        }
    }
}

/// One of the recorded registrations, as of another family, revision, person and time.
fn registered(sample: &str, family: &str, revision: u64, who: &str, time: Duration) -> Value {
    let text = event(&format!("task-definition-guard/{sample}")).replace(PERSON, who);
    let mut event: Value = serde_json::from_str(&text).unwrap();
    let detail = &mut event["detail"];
    detail["requestParameters"]["family"] = json!(family);
    if let Some(definition) = detail["responseElements"].get_mut("taskDefinition") {
        definition["family"] = json!(family);
        definition["revision"] = json!(revision);
        let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:{revision}");
        definition["taskDefinitionArn"] = json!(arn);
    }
    let id = format!("{sample}-{family}-{revision}");
    detail["eventID"] = json!(id);
    detail["eventTime"] = json!(moment(time));
    event["id"] = json!(id);
    event["time"] = json!(moment(time));
    event
}

fn moment(time: Duration) -> String {
    let time = jiff::SignedDuration::try_from(time).unwrap();
    (midnight() + time).to_string()
}

fn announced(
    id: &str,
    source: &str,
    kind: &str,
    resource: &str,
    detail: &Value,
    time: Duration,
) -> Value {
    json!({"version": "0", "id": id, "detail-type": kind, "source": source, "account": ACCOUNT, "region": REGION,
        "time": moment(time), "resources": [resource], "detail": detail})
}

fn arn(image: &Image) -> String {
    format!(
        "arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{}",
        image.repository
    )
}

fn pushed(image: &Image, time: Duration) -> Value {
    let detail = json!({"result": "SUCCESS", "repository-name": image.repository, "image-digest": image.digest,
        "action-type": "PUSH", "image-tag": "1.0",
        "manifest-media-type": "application/vnd.oci.image.manifest.v1+json"});
    let id = format!("push-{}-{}", image.repository, time.as_secs());
    announced(&id, "aws.ecr", "ECR Image Action", "", &detail, time)
}

fn scanned(image: &Image, worst: Option<&str>, time: Duration) -> Value {
    let mut counts = json!({"LOW": 1, "TOTAL": 1});
    if let Some(severity) = worst {
        counts[severity] = json!(1);
    }
    let detail = json!({"scan-status": "INITIAL_SCAN_COMPLETE", "repository-name": arn(image),
        "image-digest": image.digest, "image-tags": ["1.0"], "finding-severity-counts": counts, "version": "1.0"});
    let id = format!("scan-{}-{}", image.repository, time.as_secs());
    announced(
        &id,
        "aws.inspector2",
        "Inspector2 Scan",
        &arn(image),
        &detail,
        time,
    )
}

fn finding(
    image: &Image,
    cve: &str,
    severity: &str,
    status: &str,
    package: u64,
    time: Duration,
) -> Value {
    let resource = format!("{}/{}", arn(image), image.digest);
    let id = format!(
        "finding-{}-{cve}-{package}-{status}-{}",
        image.repository,
        time.as_secs()
    );
    let about =
        json!({"repositoryName": image.repository, "registry": ACCOUNT, "imageHash": image.digest});
    let detail = json!({"awsAccountId": ACCOUNT, "type": "PACKAGE_VULNERABILITY", "status": status, "severity": severity,
        "findingArn": format!("arn:aws:inspector2:{REGION}:{ACCOUNT}:finding/{}-{cve}-{package}", image.repository),
        "packageVulnerabilityDetails": {"vulnerabilityId": cve},
        "resources": [{"type": "AWS_ECR_CONTAINER_IMAGE", "id": resource, "details": {"awsEcrContainerImage": about}}]});
    announced(
        &id,
        "aws.inspector2",
        "Inspector2 Finding",
        &resource,
        &detail,
        time,
    )
}
