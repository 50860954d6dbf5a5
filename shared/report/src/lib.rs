//! Decisions and what came of them, for people and for machines: text, JSON, SARIF, JUnit XML, the
//! message that goes to SNS, and what each channel shows of it. Pure: nothing is sent from here.

mod alert;
mod change;
pub mod channel;
mod check;
mod console;
pub mod emf;
mod incident;
mod inert;
mod junit;
mod key;
mod listing;
mod notice;
mod remedy;
mod reminder;
mod replay;
mod report;
mod sarif;
mod schema;
mod sns;
mod state;
mod style;
mod suppressed;
mod surroundings;
mod text;

pub use alert::{Alert, Failure, Fate};
pub use check::Checked;
pub use incident::{Incident, Next, Seen, Standing};
pub use inert::clean;
pub use junit::Junit;
pub use key::AlertKey;
pub use listing::Listing;
pub use notice::{InvalidNotice, Notice, Routing};
pub use replay::Replayed;
pub use report::{Judged, Note, Report, Unreadable};
pub use sarif::Sarif;
pub use schema::schema as alert_schema;
pub use sns::{Attribute, Message};
pub use state::{Change, Over, Reason, WhatChanged};
pub use style::Style;

#[cfg(test)]
mod secrets;
#[cfg(test)]
mod tests;
