//! `tidewaiter replay`.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;
use tidewaiter_events::{Event, Ignored, Parsed, parse};
use tidewaiter_report::{Replayed, Report, Unreadable, clean};
use tidewaiter_rules::{Decision, Facts, Mode, Plan, Policy, decide, plan};

use crate::input::{self, Input};

/// A log file of CloudTrail, as trails put into S3.
#[derive(Deserialize)]
struct Log<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// The largest file after decompression, in bytes. Trails write files far below it.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Adds what would come of the file's event, or of each record of a log that is about something we
/// judge. A record that cannot be read hides no other.
pub(crate) fn replay(
    input: &Input,
    policy: &Policy,
    mode: Mode,
    report: &mut Report<Replayed>,
) -> Result<(), String> {
    let json = decompressed(input::read(&input.path, input::MOST_BYTES)?)?;
    let file = input::shown(&input.path);
    if let Ok(log) = serde_json::from_slice::<Log<'_>>(&json) {
        for (index, record) in log.records.iter().enumerate() {
            let file = format!("{file}#{index}");
            match judge(&file, record.get().as_bytes(), policy, mode) {
                Ok(Judgement::Ignored(_)) => {}
                Ok(Judgement::Judged(replayed)) => report.results.push(replayed),
                Err(message) => report.errors.push(Unreadable { file, message }),
            }
        }
        return Ok(());
    }
    match judge(&file, &json, policy, mode)? {
        // Of a folder nobody said that all of it is events.
        Judgement::Ignored(_) if input.is_found => {}
        Judgement::Ignored(reason) => report.results.push(Replayed::ignored(file, &reason)),
        Judgement::Judged(replayed) => report.results.push(replayed),
    }
    Ok(())
}

fn decompressed(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes.as_slice()).take(MOST_BYTES + 1);
    decoder.read_to_end(&mut plain).map_err(|error| {
        format!(
            "it cannot be decompressed: {}",
            clean(&error.to_string(), 200)
        )
    })?;
    if plain.len() as u64 > MOST_BYTES {
        return Err(format!(
            "it has more than {MOST_BYTES} bytes when decompressed"
        ));
    }
    Ok(plain)
}

/// What comes of one event.
enum Judgement {
    Ignored(Ignored),
    Judged(Replayed),
}

fn judge(file: &str, json: &[u8], policy: &Policy, mode: Mode) -> Result<Judgement, String> {
    Ok(match evaluate(json, policy, mode)? {
        Err(reason) => Judgement::Ignored(reason),
        Ok(Evaluation {
            event,
            facts,
            decision,
            plan,
        }) => Judgement::Judged(Replayed::judged(
            file.to_owned(),
            &event,
            &facts,
            decision,
            &plan,
        )),
    })
}

/// An event, what is known from it alone, and what the engine makes of that.
pub(crate) struct Evaluation {
    pub(crate) event: Event,
    pub(crate) facts: Facts,
    pub(crate) decision: Decision,
    pub(crate) plan: Plan,
}

/// What the functions would make of an event; the inner error is why they would ignore it.
pub(crate) fn evaluate(
    json: &[u8],
    policy: &Policy,
    mode: Mode,
) -> Result<Result<Evaluation, Ignored>, String> {
    let event = match parse(json).map_err(|error| error.to_string())? {
        Parsed::Event(Event::Pushed(_)) => return Ok(Err(Ignored::NoScan)),
        Parsed::Event(Event::Deploying(_)) => return Ok(Err(Ignored::NoRevision)),
        Parsed::Event(event) => event,
        Parsed::Deregistered(_) => return Ok(Err(Ignored::Deregistered)),
        Parsed::Scheduled(_) => return Ok(Err(Ignored::Scheduled)),
        Parsed::TaskChanged(_) => return Ok(Err(Ignored::TaskChanged)),
        Parsed::Ignored(reason) => return Ok(Err(reason)),
    };
    let facts = event.facts().ok_or(
        "the event holds no definition that can be judged; the function would read it from ECS",
    )?;
    let decision = decide(&facts, policy);
    let plan = plan(&decision, &facts, policy.mode(&facts, mode), None);
    Ok(Ok(Evaluation {
        event,
        facts,
        decision,
        plan,
    }))
}
