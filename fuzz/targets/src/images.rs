//! What ECR and Inspector say of images. An input is several documents with an empty line between them.

use std::collections::BTreeMap;

use serde_json::json;
use tidewaiter_events::{Event, Parsed, parse};
use tidewaiter_image::manifest::{self, MAX_CHILDREN};
use tidewaiter_rules::{
    Facts, Field, Subject,
    facts::{
        Image, InspectorFinding, Scan, ScanPage, ScanPages, ScanSeverity, ScanState, Scanner,
        Surroundings, Usage, Vulnerability,
        family::{Child, Family, Listed, Role},
    },
    names::{Digest, Repository},
    openvex::{self, OpenVex},
};

use crate::{
    shown::is_one_line,
    told::{self, home},
};

/// How many documents of an input are read.
const MOST: usize = 8;

fn documents(data: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(data).unwrap_or_default();
    text.split("\n\n").take(MOST).collect()
}

fn digest(digit: usize) -> Digest {
    let digits = format!("{digit:x}").repeat(64);
    Digest::parse(&format!("sha256:{digits}")).expect("a digest")
}

/// An image with this scan, and the event that tells of it.
fn image(scan: Scan, surroundings: Surroundings) -> (Event, Facts) {
    let digest = digest(0);
    let event = json!({
        "detail-type": "ECR Image Scan", "source": "aws.ecr", "account": "111122223333",
        "region": "eu-west-1", "time": "2026-11-01T06:07:08Z",
        "detail": {"repository-name": "prod/app", "image-digest": digest.as_str(),
            "scan-status": "COMPLETE", "image-tags": ["release-1"], "finding-severity-counts": {}},
    });
    let Ok(Parsed::Event(event)) = parse(event.to_string().as_bytes()) else {
        panic!("it is an event");
    };
    let image = Image {
        repository: Repository::new(home().clone(), "prod/app").expect("a repository"),
        digest: Some(digest),
        tags: vec!["release-1".to_owned()],
        pushed_at: Some(told::now()),
        is_restored: false,
        quarantine: None,
        scan,
        surroundings,
    };
    (event, told::facts(Subject::Image(Box::new(image))))
}

fn judged(scan: Scan, surroundings: Surroundings) {
    let (event, facts) = image(scan, surroundings);
    let (decision, plan) = told::judge(&facts);
    told::alert(&event, &facts, &decision, &plan);
}

/// Indexes, and an image that they lead to.
///
/// # Panics
/// When something does not hold.
pub fn manifest(data: &[u8]) {
    let mut indexes: BTreeMap<Digest, Vec<Child>> = BTreeMap::new();
    for (number, document) in (1..).zip(documents(data)) {
        let read = manifest::children(document);
        assert_eq!(read, manifest::children(document), "it is read alike twice");
        match read {
            Ok(children) => {
                assert!(children.len() <= MAX_CHILDREN);
                indexes.insert(digest(number), children);
            }
            Err(error) => is_one_line(&error.to_string(), 200),
        }
    }
    if indexes.is_empty() {
        return;
    }
    // What is scanned is the first image of the first of them, whatever its digest.
    let scanned = digest(0);
    if let Some(child) = indexes.values_mut().find_map(|children| {
        let mut children = children.iter_mut();
        children.find(|child| matches!(child.role, Role::Platform(_)))
    }) {
        child.digest = scanned.clone();
    }
    let listed = indexes.keys().chain([&scanned]).map(|digest| {
        let listed = Listed {
            digest: digest.clone(),
            tags: vec!["release-1".to_owned()],
            is_archived: false,
            pushed_at: Some(told::now()),
        };
        (digest.clone(), listed)
    });
    let family = Family::of(&scanned, &listed.collect(), &indexes);
    assert!(family.indexes.len() <= indexes.len());
    let children: usize = indexes.values().map(Vec::len).sum();
    assert!(family.siblings.len() <= children);
    let counts = BTreeMap::from([(ScanSeverity::Critical, 1)]);
    let scan = Scan::counted(Scanner::Basic, ScanState::Complete, counts);
    let surroundings = Surroundings {
        family: Field::Known(family),
        usage: Some(Usage::default()),
        ..Surroundings::default()
    };
    judged(scan, surroundings);
}

/// Pages of findings, findings of Inspector, and OpenVEX documents that are about them.
///
/// # Panics
/// When something does not hold.
pub fn findings(data: &[u8]) {
    let documents = documents(data);
    let mut pages = Vec::new();
    let mut statements = Vec::new();
    for document in &documents {
        if let Ok(page) = serde_json::from_str::<ScanPage>(document) {
            pages.push(page);
        }
        if let Ok(statement) = serde_json::from_str::<OpenVex>(document) {
            statements.push(("vex.json".to_owned(), statement));
        } else if let Ok(finding) = serde_json::from_str::<InspectorFinding>(document) {
            alone(finding);
        }
    }
    let scan = scan_of(&pages);
    let mut backwards = pages.clone();
    backwards.reverse();
    let other = scan_of(&backwards);
    assert_eq!(
        (&scan.counts, &scan.vulnerabilities, scan.uncounted),
        (&other.counts, &other.vulnerabilities, other.uncounted),
        "the order of the pages makes no difference"
    );
    match openvex::read(statements) {
        Ok(vex) => {
            for problem in &vex.problems {
                is_one_line(problem, 2000);
            }
            let policy = told::strict().clone().with_vex(vex);
            let (event, facts) = image(scan.clone(), Surroundings::default());
            let (decision, plan) = told::judge_by(&facts, &policy);
            told::alert(&event, &facts, &decision, &plan);
        }
        Err(error) => is_one_line(&error.to_string(), 2000),
    }
    if !pages.is_empty() {
        judged(scan, Surroundings::default());
    }
}

fn scan_of(pages: &[ScanPage]) -> Scan {
    let mut all = ScanPages::default();
    for page in pages {
        all.add(page.clone());
    }
    let scan = all.into_scan(Scanner::Basic, &BTreeMap::new());
    assert!(scan.vulnerabilities.len() <= Scan::KEPT);
    for (severity, count) in &scan.counts {
        assert!(scan.listed(severity) <= *count, "all that is listed counts");
    }
    scan
}

/// A finding as it comes alone, in an event.
fn alone(finding: InspectorFinding) {
    let vulnerability = Vulnerability::from(finding);
    is_one_line(&tidewaiter_report::clean(&vulnerability.name, 200), 200);
    let counts = BTreeMap::from([(vulnerability.severity.clone(), 1)]);
    let scan = Scan {
        vulnerabilities: vec![vulnerability],
        ..Scan::counted(Scanner::Enhanced, ScanState::InPart, counts)
    };
    judged(scan, Surroundings::default());
}
