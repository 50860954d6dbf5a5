//! What an image is made of in, facts out. So far: Dockerfiles.
//!
//! Nothing here reads a file, the environment or the network.

pub mod dockerfile;

#[cfg(test)]
mod tests;
