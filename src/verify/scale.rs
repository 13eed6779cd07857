//! Durations brought down to what can be waited for: one of them becomes about two seconds, and their order is kept.

use crate::ir::{
    Auth, AuthKind, Dur, Gateway, Health, JwtKeys, Listener, Passive, Per, Rate, Route, Runtime,
    Set, Share, Stickiness, Upstream, WebSocket,
};

/// How durations are scaled.
///
/// Without an anchor they stay as they are. With one, the anchor's duration becomes `to`; shorter ones become at most half of
/// `to`, longer ones stay, so that order is kept and only the anchor can be what is seen to expire at `to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scale {
    anchor: Option<(Dur, Dur)>,
}

impl Scale {
    /// Every duration as it is written.
    pub const AS_WRITTEN: Self = Self { anchor: None };

    /// Brings `duration` down to two seconds; one that is shorter already stays.
    pub fn around(duration: Dur) -> Self {
        Self::to(duration, Dur::from_secs(2))
    }

    /// Brings `duration` down to `to`; one that is shorter already stays.
    pub fn to(duration: Dur, to: Dur) -> Self {
        Self {
            anchor: (duration > to).then_some((duration, to)),
        }
    }

    /// What a duration becomes.
    pub fn of(self, duration: Dur) -> Dur {
        let Some((anchor, to)) = self.anchor else {
            return duration;
        };
        if duration == anchor {
            to
        } else if duration < anchor {
            duration.min(Dur::from_millis(to.as_millis() / 2))
        } else {
            duration
        }
    }

    /// What changes, in words; `None` if nothing does.
    pub fn says(self) -> Option<String> {
        self.anchor
            .map(|(from, to)| format!("{from} is probed as {to}"))
    }

    /// Scales every time limit of a gateway. Ages that are only printed (a cookie's, HSTS', a preflight's) stay.
    pub(super) fn apply(self, gateway: &mut Gateway) {
        let Gateway {
            listeners,
            upstreams,
            auth,
            routes,
            runtime,
            ..
        } = gateway;
        listeners.iter_mut().for_each(|it| self.listener(it));
        upstreams.iter_mut().for_each(|it| self.upstream(it));
        auth.iter_mut().for_each(|it| self.auth(it));
        routes.iter_mut().for_each(|it| self.route(it));
        let Runtime {
            drain_timeout,
            drain_spread,
            ..
        } = runtime;
        self.set(drain_timeout);
        self.maybe(drain_spread);
    }

    fn set(self, setting: &mut Set<Dur>) {
        setting.value = self.of(setting.value);
    }

    fn maybe(self, setting: &mut Set<Option<Dur>>) {
        setting.value = setting.value.map(|value| self.of(value));
    }

    fn listener(self, it: &mut Listener) {
        self.set(&mut it.head_timeout);
        self.set(&mut it.keepalive);
        self.maybe(&mut it.tcp_keepalive);
    }

    fn upstream(self, it: &mut Upstream) {
        self.set(&mut it.connect);
        self.set(&mut it.keepalive_timeout);
        self.maybe(&mut it.slow_start);
        self.maybe(&mut it.resolve);
        self.maybe(&mut it.tcp_keepalive);
        if let Some(Health {
            interval, timeout, ..
        }) = &mut it.health
        {
            self.set(interval);
            self.set(timeout);
        }
        if let Some(Passive { within, eject, .. }) = &mut it.passive {
            self.set(within);
            self.set(eject);
        }
        match &mut it.stickiness {
            Some(Stickiness::AppCookie { ttl, .. } | Stickiness::Source { ttl, .. }) => {
                self.set(ttl);
            }
            Some(Stickiness::Cookie(_)) | None => {}
        }
    }

    fn auth(self, it: &mut Auth) {
        match &mut it.kind {
            AuthKind::Forward(forward) => self.set(&mut forward.timeout),
            AuthKind::Jwt(jwt) => {
                if let JwtKeys::JwksUrl { refresh, .. } = &mut jwt.keys.value {
                    *refresh = self.of(*refresh);
                }
            }
            AuthKind::Basic(_) | AuthKind::ApiKey(_) => {}
        }
    }

    fn route(self, it: &mut Route) {
        self.set(&mut it.response);
        self.set(&mut it.idle);
        if let Some(websocket) = &mut it.websocket {
            let WebSocket {
                idle,
                max_duration,
                messages,
                ping,
                ..
            } = websocket.as_mut();
            self.set(idle);
            self.maybe(max_duration);
            self.maybe(ping);
            if self.anchor.is_some() {
                messages.value = messages.value.map(refillable);
            }
        }
        if let Some(stream) = &mut it.stream {
            self.set(&mut stream.idle);
        }
        if let Some(limit) = it.requests.as_mut().filter(|_| self.anchor.is_some()) {
            limit.rate.value = refillable(limit.rate.value);
        }
        if let crate::ir::Action::Forward(shares) = &mut it.action {
            for Share { connect, .. } in shares {
                self.set(connect);
            }
        }
    }
}

/// A rate whose next request is allowed within two seconds: `5/h` becomes `1/s`, `10/s` and `600/min` stay.
fn refillable(rate: Rate) -> Rate {
    if u64::from(rate.count) * 2 >= rate.per.secs() {
        rate
    } else {
        Rate {
            count: 1,
            per: Per::Second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;
    use crate::ir::Dur;

    #[test]
    fn order_is_kept_and_only_the_anchor_is_two_seconds() {
        let all = [100, 900, 5000, 60_000, 75_000, 3_600_000].map(Dur::from_millis);
        for anchor in all {
            let scale = Scale::around(anchor);
            let scaled: Vec<Dur> = all.iter().map(|it| scale.of(*it)).collect();
            assert!(scaled.is_sorted(), "{anchor}: {scaled:?}");
            if anchor > Dur::from_secs(2) {
                let two = Dur::from_secs(2);
                assert_eq!(scaled.iter().filter(|it| **it == two).count(), 1);
                assert_eq!(scale.of(anchor), two);
            }
        }
    }
}
