//! What people and AWS do, other than the functions.

use std::time::Duration;

use tidewaiter_rules::names::{Digest, Repository};

use super::{population::Kind, *};

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    /// An image is pushed, with this tag or without one.
    Push(ImageId, Option<&'static str>),
    /// A CVE of this severity is published that is in the image.
    Flaw(ImageId, &'static str),
    /// A person takes the image out of the archive.
    Restore(ImageId),
    /// A person releases the image, and what it leads to, for this long; and takes it out of the archive.
    Release(ImageId, Duration),
    /// A task is started from the image.
    Start(u8, ImageId),
    /// It stops.
    Stop(u8),
    /// A privileged definition is registered.
    Register(usize),
    /// A person deregisters it.
    Deregister(usize),
    /// A person pauses all functions, or lets them act again.
    Pause(bool),
}

impl Happening {
    /// Makes it happen; gives what AWS announces of it.
    pub(super) async fn happen(&self, aws: &Mutex<Aws>) -> Vec<Value> {
        match *self {
            Self::Push(id, tag) => aws.lock().unwrap().registry.push(id, tag),
            Self::Flaw(id, severity) => aws.lock().unwrap().registry.publish(id, severity),
            Self::Restore(id) => aws.lock().unwrap().registry.restore(id),
            Self::Release(id, how_long) => {
                let children = IMAGES[id].children.iter().map(|(child, _)| *child);
                // What an index leads to comes back after it, as ECR wants it the other way into the archive.
                let mut events = Vec::new();
                for id in std::iter::once(id).chain(children) {
                    if IMAGES[id].kind != Kind::Attestation {
                        release(aws, id, how_long).await;
                        events.extend(aws.lock().unwrap().registry.restore(id));
                    }
                }
                events
            }
            Self::Start(number, id) => {
                if IMAGES[id].kind != Kind::Attestation {
                    aws.lock().unwrap().ecs.start(number, id);
                }
                Vec::new()
            }
            Self::Stop(number) => {
                aws.lock().unwrap().ecs.tasks.remove(&number);
                Vec::new()
            }
            Self::Register(revision) => aws.lock().unwrap().ecs.register(revision),
            Self::Deregister(revision) => aws.lock().unwrap().ecs.deregister_by_hand(revision),
            Self::Pause(is_paused) => {
                let clients = person(aws);
                let ledger = Ledger::new(&clients, "ledger");
                let changed = ledger.set_switch(is_paused, "a release", writer()).await;
                assert!(changed.is_ok());
                aws.lock().unwrap().watch.pause(is_paused);
                Vec::new()
            }
        }
    }
}

/// Clients of a person at a terminal, who reaches the ledger alone.
fn person(aws: &Mutex<Aws>) -> tidewaiter_aws::Clients {
    let table = aws.lock().unwrap().table.clone();
    let wire = Wire::new(move |call| table.answer(call).unwrap());
    wire.clients(Place::of_region(REGION, ACCOUNT).unwrap())
}

fn writer() -> Writer<'static> {
    Writer {
        by: "ada",
        attempt: "a",
        now: now(),
    }
}

async fn release(aws: &Mutex<Aws>, id: ImageId, how_long: Duration) {
    let clients = person(aws);
    let repository = Repository::parse_arn(&IMAGES[id].arn()).unwrap();
    let digest = Digest::parse(&IMAGES[id].digest()).unwrap();
    let until = now() + jiff::SignedDuration::try_from(how_long).unwrap();
    let ledger = Ledger::new(&clients, "ledger");
    let released = ledger.release(&repository, &digest, "a false alarm", until, writer());
    assert_eq!(released.await, Ok(()));
}
