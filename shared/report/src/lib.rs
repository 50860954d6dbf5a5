//! Decisions and what came of them, for people and for machines: text, JSON, SARIF, JUnit XML, and
//! the message that goes to SNS. Pure: nothing is sent from here.

mod alert;
mod check;
mod console;
mod inert;
mod junit;
mod listing;
mod remedy;
mod reminder;
mod replay;
mod report;
mod sarif;
mod sns;
mod style;
mod suppressed;
mod surroundings;
mod text;

pub use alert::{Alert, Failure, Fate};
pub use check::Checked;
pub use inert::clean;
pub use junit::Junit;
pub use listing::Listing;
pub use replay::Replayed;
pub use report::{Judged, Note, Report, Unreadable};
pub use sarif::Sarif;
pub use sns::{Attribute, Message};
pub use style::Style;

#[cfg(test)]
mod secrets;
#[cfg(test)]
mod tests;
