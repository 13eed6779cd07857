//! The gateway as every target reads it: every default filled and explained, names resolved to ids, routes in their computed order.

mod access;
pub mod defaults;
pub mod feature;
mod gateway;
mod host;
mod listener;
pub mod lower;
mod operations;
mod order;
mod path;
mod read;
pub mod regex;
mod request;
mod rooms;
mod route;
mod set;
mod sites;
mod upstream;
mod uses;

pub use crate::source::Loc;
pub use crate::spec::model::{
    AcmeChallenge, ClientAuthMode, EncodedSlash, GatewayImplementation, HeaderNames,
    IngressController, JwksAlgorithm, LogField, LogFormat, OnLoss, Paths, Protocol, RedirectScheme,
    Replace, RetryAfter, SameSite, TlsProfile, UnknownHost, Workers,
};
pub use crate::spec::units::{Address, ClientRange, Dur, Per, Rate, Size, StatusRange};
pub use access::*;
pub use feature::{Family, Feature};
pub use gateway::*;
pub use host::HostMatch;
pub use listener::*;
pub use lower::{Files, lower};
pub use operations::*;
pub use order::Entry;
pub use path::{PathMatch, normalize};
pub use request::*;
pub use rooms::*;
pub use route::*;
pub use set::{Origin, Set, Why};
pub use sites::{Site, SiteEntry};
pub use upstream::*;
pub use uses::{Subject, Use, uses};
