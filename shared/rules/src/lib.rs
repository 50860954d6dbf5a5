//! The pure core of Tidewaiter: what is known ([`Facts`]) and what is wanted ([`Policy`]) go in, a
//! [`Decision`] comes out, and a [`Plan`] says what would be done about it.
//!
//! Nothing here reads a clock, the environment, a file or the network, and no AWS crate is a
//! dependency: the same facts and policy give the same decision in Lambda, in CI and in a replay.

pub mod catalogue;
pub mod conceal;
mod decide;
mod edit;
pub mod facts;
mod field;
pub mod ledger;
pub mod names;
mod nearest;
pub mod openvex;
mod plan;
pub mod policy;
mod remedy;
mod replacement;
mod severity;
pub mod suppress;

pub use catalogue::Rule;
pub use decide::{Decision, Finding, Outcome, Verdict, Waived, decide};
pub use edit::Edit;
pub use facts::{Facts, Subject};
pub use field::Field;
pub use plan::{
    Action, Effect, Kept, Left, Mode, Plan, Reverse, Step, Undo, UnknownAction, Withheld, plan,
    plan_quarantine, stop_reason, wants_surroundings,
};
pub use policy::{Level, Policy};
pub use remedy::{Affected, Remedy};
pub use replacement::{judge_tags, replacement};
pub use severity::Severity;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod metamorphic;
