//! Client ranges where a controller has a list of those who may come, and none of those who may not; and texts in regexes.

use ipnet::IpNet;

use crate::ir::Clients;

/// The ranges that may come: what is allowed without what is denied.
pub(in crate::targets) fn admitted(clients: &Clients) -> Vec<String> {
    let everyone = ["0.0.0.0/0", "::/0"].map(|text| text.parse::<IpNet>().ok());
    let mut left: Vec<IpNet> = match &clients.allow {
        Some(allow) => allow.value.iter().map(|range| range.net()).collect(),
        None => everyone.into_iter().flatten().collect(),
    };
    for denied in &clients.deny.value {
        left = left
            .into_iter()
            .flat_map(|net| without(net, denied.net()))
            .collect();
    }
    let all = IpNet::aggregate(&left);
    all.iter().map(ToString::to_string).collect()
}

/// A range without another one: what is left of it, in ranges.
fn without(net: IpNet, denied: IpNet) -> Vec<IpNet> {
    if denied.contains(&net) {
        return Vec::new();
    }
    if !net.contains(&denied) {
        return vec![net];
    }
    match net.subnets(net.prefix_len() + 1) {
        Ok(halves) => halves.flat_map(|half| without(half, denied)).collect(),
        // A single address that contains another range is that range.
        Err(_) => Vec::new(),
    }
}

/// A text that a regex matches as it is.
pub(in crate::targets) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if r"\.+*?()|[]{}^$#-".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
