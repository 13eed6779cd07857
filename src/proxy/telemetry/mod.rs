//! What the proxy tells while it runs: access log, metrics, the pages of the metrics listener, the dashboard.

pub(crate) mod admin;
pub(crate) mod dashboard;
pub(crate) mod line;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod output;
pub(crate) mod stamp;
pub(crate) mod trouble;
