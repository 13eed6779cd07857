//! The process: started, reloaded, drained, ended; its workers, sockets and files.

pub(crate) mod bind;
pub(crate) mod descriptors;
pub(crate) mod files;
pub(crate) mod generation;
pub(crate) mod reload;
pub(crate) mod run;
pub(crate) mod worker;
