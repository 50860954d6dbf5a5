//! Everything that touches AWS: reading what an event did not say, applying a plan, publishing an
//! alert, putting an event aside, and with the feature `outlets` speaking to channels. The only crate
//! with AWS clients.

#[cfg(feature = "account")]
mod account;
mod apply;
mod body;
mod clients;
mod error;
mod gather;
mod https;
mod images;
#[cfg(feature = "account")]
pub mod inspect;
pub mod ledger;
#[cfg(feature = "account")]
mod letters;
#[cfg(feature = "outlets")]
mod outlets;
#[cfg(feature = "account")]
mod probe;
mod publish;
mod reverse;
#[cfg(feature = "wire")]
pub mod wire;

#[cfg(feature = "account")]
pub use account::{Access, Account, AccountError};
pub use apply::apply;
pub use aws_credential_types::Credentials;
pub use clients::{Clients, Connection};
pub use error::CallError;
pub use gather::{
    Due, Gathered, Reconciled, Reviewed, gather, gather_barred, gather_quarantined,
    gather_surroundings, gather_whether_used, platforms_of, reconcile,
};
pub use images::{ImageNow, Reference, describe_image};
#[cfg(feature = "account")]
pub use letters::{Letter, Letters, Waiting};
#[cfg(feature = "outlets")]
pub use outlets::{Failed, Outlets, Posted, Trust};
#[cfg(feature = "account")]
pub use probe::{LogLine, Prober};
pub use publish::{dead_letter, publish, publish_text};
pub use reverse::{Reversed, reverse};
