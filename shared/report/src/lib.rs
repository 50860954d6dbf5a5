//! Decisions and what came of them, for people and for machines: text, JSON, and the message that
//! goes to SNS. Pure: nothing is sent from here.

mod alert;
pub mod check;
mod console;
mod inert;
pub mod replay;
mod sns;
mod text;

pub use alert::{Alert, Failure, Fate};
pub use inert::clean;
pub use sns::{Attribute, Message};

#[cfg(test)]
mod tests;
