//! Nothing but dependencies: one set of features for what the AWS SDK is built on.
//!
//! Cargo joins the features of the packages that one command names. Without this crate, `cargo test -p` of one
//! package and a build of the workspace would each want the SDK's foundations with other features, and compile the
//! whole SDK anew, which takes minutes.
