//! Everything that touches AWS: reading what an event did not say, applying a plan, publishing an
//! alert, putting an event aside. The only crate with AWS clients.

#[cfg(feature = "account")]
mod account;
mod apply;
mod body;
mod clients;
mod error;
mod gather;
mod images;
pub mod ledger;
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
    Gathered, Reconciled, gather, gather_barred, gather_surroundings, platforms_of, reconcile,
};
pub use images::{ImageNow, Reference, describe_image};
pub use publish::{dead_letter, publish};
pub use reverse::{Reversed, reverse};
