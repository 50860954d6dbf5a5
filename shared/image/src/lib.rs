//! What an image is made of in, facts out: Dockerfiles and indexes.
//!
//! Nothing here reads a file, the environment or the network.

pub mod dockerfile;
pub mod manifest;

#[cfg(test)]
mod tests;
