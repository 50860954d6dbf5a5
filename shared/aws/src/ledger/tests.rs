//! The ledger on the wire.
