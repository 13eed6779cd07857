//! How many file descriptors the system gives this process: the soft limit goes up to what the spec needs, or to the hard one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::ir::Gateway;

use crate::proxy::fault::Fault;

/// What is in use beside connections: listeners, logs, health checks.
const RESERVE: u64 = 64;

/// Raises the limit. What is wrong where even the hard limit is too low for what somebody wrote: the proxy runs, but refuses clients early.
pub(crate) fn raise(gateway: &Gateway) -> Option<Fault> {
    let wanted = gateway.runtime.files.value;
    let limits = getrlimit(Resource::Nofile);
    let hard = limits.maximum.unwrap_or(u64::MAX);
    let soft = limits.current.unwrap_or(u64::MAX);
    let mut given = soft;
    if soft < wanted {
        let raised = Rlimit {
            current: Some(wanted.min(hard)),
            maximum: limits.maximum,
        };
        // macOS has a further ceiling below a hard limit of none.
        if setrlimit(Resource::Nofile, raised).is_ok() {
            given = wanted.min(hard);
        }
    }
    let runtime = &gateway.runtime;
    let most = &runtime.max_connections;
    let written = [
        (most.is_written(), most.loc()),
        (runtime.files.is_written(), runtime.files.loc()),
    ];
    let (_, at) = written.into_iter().find(|(written, _)| *written)?;
    (given < wanted).then(|| {
        let fewer = given.saturating_sub(RESERVE) / 2;
        Fault::new(
            at,
            format!("{} connections need {wanted} file descriptors, and the system gives {given}", most.value),
        )
        .help(format!(
            "raise the hard limit (`LimitNOFILE={wanted}` in a service of systemd, `ulimit -Hn {wanted}` as root), or write `max_connections: {fewer}`"
        ))
    })
}
