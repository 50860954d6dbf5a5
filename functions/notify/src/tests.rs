//! Deliveries to real receivers on this machine, over TLS; AWS is a script.

mod channels;
mod counting;
mod faults;
mod ledger;
mod receiver;
mod secrets;
mod stage;
