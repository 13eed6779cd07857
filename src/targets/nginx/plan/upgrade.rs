//! Upgrades: which request becomes a tunnel, and from which origin.

use super::Planner;
use super::matching::{literal, one_of};
use super::words::{default, entry_regex, word};
use crate::ir::{Loc, WebSocket};

/// What is asked of an `Origin`: the exact ones and whether the host's own may come, and whether one must be there.
pub(super) type Asked = (Option<(Vec<String>, bool)>, bool);

impl Planner<'_> {
    /// The variable, without `$`, that is set where an upgrade comes from an origin that may not.
    pub(super) fn origin_refused(&mut self, websocket: &WebSocket) -> Option<String> {
        let at = match &websocket.origins {
            Some(origins) => origins.loc(),
            None if websocket.require_origin.value => websocket.require_origin.loc(),
            None => return None,
        };
        let asked = (
            websocket
                .origins
                .as_ref()
                .map(|origins| (origins.value.exact.clone(), origins.value.same_host)),
            websocket.require_origin.value,
        );
        if let Some(known) = self.origins.get(&asked) {
            return Some(known.clone());
        }
        let missing = if websocket.require_origin.value {
            "1"
        } else {
            ""
        };
        let mut lines = vec![entry_regex("\\|$", word(missing))];
        let other = match &websocket.origins {
            None => "",
            Some(origins) => {
                for origin in &origins.value.exact {
                    lines.push(entry_regex(
                        &format!("*\\|{}\\z", literal(origin)),
                        word(""),
                    ));
                }
                if origins.value.same_host {
                    lines.push(entry_regex(
                        "*^(?<wg_host>[^|]+)\\|https?://\\k<wg_host>\\z",
                        word(""),
                    ));
                }
                "1"
            }
        };
        lines.push(default(other));
        let refused = self
            .vars
            .map("$http_host|$http_origin", "origin", lines, at);
        self.origins.insert(asked, refused.clone());
        Some(refused)
    }

    /// The variable, without `$`, that holds the token of an upgrade that may pass, and is empty for other requests.
    pub(super) fn upgrade_variable(&mut self, websocket: &WebSocket) -> String {
        let asked = (
            websocket.methods.value.clone(),
            websocket.tokens.value.clone(),
        );
        if let Some(known) = self.upgrades.get(&asked) {
            return known.clone();
        }
        let up = self.upgrade(
            &one_of(&websocket.methods.value),
            &one_of(&websocket.tokens.value),
            websocket.tokens.loc(),
        );
        self.upgrades.insert(asked, up.clone());
        up
    }

    /// The same for a route that has no `websocket`.
    pub(super) fn upgrade(&mut self, methods: &str, tokens: &str, at: Loc) -> String {
        // Only over HTTP/1.1, and only where the client says so in `Connection` too.
        let regex = format!(
            "*^(?:{methods})\\|HTTP/1\\.1\\|(?:[^|]*[ ,\\t])?upgrade(?:[ ,\\t][^|]*)?\\|(?<wg_token>{tokens})\\z"
        );
        let lines = vec![entry_regex(&regex, word("$wg_token")), default("")];
        self.vars.map(
            "$request_method|$server_protocol|$http_connection|$http_upgrade",
            "up",
            lines,
            at,
        )
    }
}
