//! What an image is made of in, facts out: Dockerfiles and indexes.
//!
//! Nothing here reads a file, the environment or the network.

#[cfg(feature = "dockerfile")]
pub mod dockerfile;
pub mod manifest;

#[cfg(feature = "dockerfile")]
#[cfg(test)]
mod tests;
