//! Who hears of an alert, when, and in which company.
//!
//! Alerts as they come from the queue ([`Incoming`]) and the channels of the stack ([`Channels`]) go in;
//! out comes what is sent to which channel now and what is kept until later ([`Plan`]). Nothing is sent
//! from here, and time is a value.

mod answer;
mod channels;
mod credential;
mod flaps;
mod group;
mod hours;
mod incoming;
mod kind;
mod matching;
mod outgoing;
mod plan;
mod summary;

pub use answer::{Answer, Outcome, Thread};
pub use channels::{Channel, Channels};
pub use credential::{Credential, InvalidCredential};
pub use flaps::{Damped, Flaps};
pub use hours::{Daily, Quiet};
pub use incoming::{Incoming, Unreadable};
pub use kind::{Kind, Name, Secret, Store};
pub use outgoing::{Outgoing, Post, Telling};
pub use plan::{Content, Due, Kept, Message, Plan, plan};
pub use summary::{Line, Summary};

#[cfg(test)]
mod tests;
