//! Everything that touches AWS: reading what an event did not say, applying a plan, publishing an
//! alert, putting an event aside. The only crate with AWS clients.

mod apply;
mod body;
mod clients;
mod error;
mod gather;
pub mod ledger;
mod publish;
#[cfg(feature = "wire")]
pub mod wire;

pub use apply::apply;
pub use aws_credential_types::Credentials;
pub use clients::{Clients, Connection};
pub use error::CallError;
pub use gather::{Gathered, gather, gather_barred, gather_surroundings, platforms_of};
pub use publish::{dead_letter, publish};
