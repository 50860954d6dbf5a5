//! What the rules say of Dockerfiles, form by form.

mod user;
