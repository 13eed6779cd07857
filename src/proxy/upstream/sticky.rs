//! Which server a client had before: by the proxy's cookie, by the application's, or by its address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use http::header::{self, HeaderMap, HeaderValue};

use crate::ir::{SameSite, Secure, Stickiness, StickyCookie, Upstream};

use crate::proxy::clock;
use crate::proxy::hex;
use crate::proxy::request::head::{Head, cookie};
use crate::proxy::upstream::servers::Server;

/// How many choices are remembered per upstream at most: then unused ones go, else any.
const MOST: usize = 100_000;

/// How long between two looks for unused ones, in milliseconds.
const PAUSE: u64 = 1_000;

/// How clients of an upstream are kept on their servers.
pub(crate) enum Sticky {
    /// By a cookie whose value stands for the server.
    Cookie {
        /// What is set.
        cookie: StickyCookie,
        /// By server: the value.
        values: Vec<String>,
    },
    /// By a cookie of the application.
    App {
        /// The cookie's name.
        name: String,
        /// What is remembered, by value.
        memory: Arc<Memory<String>>,
        /// The servers as they are now.
        servers: Vec<Arc<Server>>,
    },
    /// By the client's address.
    Source {
        /// What is remembered, by address.
        memory: Arc<Memory<IpAddr>>,
        /// The servers as they are now.
        servers: Vec<Arc<Server>>,
    },
}

/// Choices that are forgotten when nobody uses them.
pub(crate) struct Memory<K> {
    ttl: u64,
    /// When those that nobody used were last looked for.
    looked: AtomicU64,
    choices: Mutex<HashMap<K, (Arc<Server>, u64)>>,
}

impl<K: std::hash::Hash + Eq + Clone> Memory<K> {
    fn new(ttl: crate::ir::Dur) -> Self {
        Self {
            ttl: ttl.as_millis(),
            looked: AtomicU64::new(0),
            choices: Mutex::default(),
        }
    }

    fn get(&self, key: &K, servers: &[Arc<Server>]) -> Option<usize> {
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        let (server, used) = choices.get_mut(key)?;
        if now.saturating_sub(*used) > self.ttl {
            choices.remove(key);
            return None;
        }
        *used = now;
        servers.iter().position(|it| Arc::ptr_eq(it, server))
    }

    fn set(&self, key: K, server: &Arc<Server>) {
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::now();
        if choices.len() >= MOST {
            // A look at all of them for each new one would be what somebody with many addresses wants.
            if now.saturating_sub(self.looked.load(Relaxed)) >= PAUSE {
                self.looked.store(now, Relaxed);
                let ttl = self.ttl;
                choices.retain(|_, (_, used)| now.saturating_sub(*used) <= ttl);
            }
            if choices.len() >= MOST {
                let any = choices.keys().next().cloned();
                any.map(|key| choices.remove(&key));
            }
        }
        choices.insert(key, (Arc::clone(server), now));
    }
}

impl Sticky {
    /// How an upstream keeps its clients; `key` authenticates cookies. What `before` remembers is not forgotten.
    pub(crate) fn new(
        upstream: &Upstream,
        servers: &[Arc<Server>],
        key: &hmac::Key,
        before: Option<&Self>,
    ) -> Option<Self> {
        Some(match upstream.stickiness.as_ref()? {
            Stickiness::Cookie(cookie) => Self::Cookie {
                cookie: cookie.clone(),
                values: upstream
                    .servers
                    .iter()
                    .map(|server| {
                        let text = format!("{}\n{}", upstream.name, server.address.value);
                        hex(&hmac::sign(key, text.as_bytes()).as_ref()[..16])
                    })
                    .collect(),
            },
            Stickiness::AppCookie { name, ttl } => Self::App {
                name: name.value.clone(),
                memory: match before {
                    Some(Self::App {
                        name: known,
                        memory,
                        ..
                    }) if *known == name.value && memory.ttl == ttl.value.as_millis() => {
                        Arc::clone(memory)
                    }
                    _ => Arc::new(Memory::new(ttl.value)),
                },
                servers: servers.to_vec(),
            },
            Stickiness::Source { ttl, .. } => Self::Source {
                memory: match before {
                    Some(Self::Source { memory, .. }) if memory.ttl == ttl.value.as_millis() => {
                        Arc::clone(memory)
                    }
                    _ => Arc::new(Memory::new(ttl.value)),
                },
                servers: servers.to_vec(),
            },
        })
    }

    /// The server that the client had.
    pub(crate) fn kept(&self, head: &Head, headers: &HeaderMap) -> Option<usize> {
        match self {
            Self::Cookie {
                cookie: set,
                values,
            } => {
                let value = cookie(headers, &set.name.value)?;
                let same = |known: &String| {
                    verify_slices_are_equal(known.as_bytes(), value.as_bytes()).is_ok()
                };
                values.iter().position(same)
            }
            Self::App {
                name,
                memory,
                servers,
            } => memory.get(&cookie(headers, name)?.to_owned(), servers),
            Self::Source { memory, servers } => memory.get(&head.client, servers),
        }
    }

    /// Notes the choice; the answer may need a cookie for it.
    pub(crate) fn keep(
        &self,
        head: &Head,
        sent: Option<&str>,
        kept: Option<usize>,
        server: usize,
        answer: &mut HeaderMap,
    ) {
        match self {
            Self::Cookie {
                cookie: set,
                values,
            } => {
                if kept != Some(server)
                    && let Ok(value) = HeaderValue::try_from(line(set, &values[server], head.tls))
                {
                    answer.append(header::SET_COOKIE, value);
                }
            }
            Self::App {
                name,
                memory,
                servers,
            } => {
                let given = answer.get_all(header::SET_COOKIE).iter().find_map(|line| {
                    let (known, rest) = line.to_str().ok()?.split_once('=')?;
                    let value = rest.split(';').next().unwrap_or_default().trim();
                    (known.trim() == name && !value.is_empty()).then(|| value.to_owned())
                });
                if let Some(value) = given {
                    memory.set(value, &servers[server]);
                } else if let Some(sent) = sent
                    && kept.is_some_and(|kept| kept != server)
                {
                    memory.set(sent.to_owned(), &servers[server]);
                }
            }
            Self::Source { memory, servers } => {
                if kept != Some(server) {
                    memory.set(head.client, &servers[server]);
                }
            }
        }
    }

    /// The application's cookie that the client sent.
    pub(crate) fn sent(&self, headers: &HeaderMap) -> Option<String> {
        match self {
            Self::App { name, .. } => cookie(headers, name).map(str::to_owned),
            Self::Cookie { .. } | Self::Source { .. } => None,
        }
    }
}

fn line(cookie: &StickyCookie, value: &str, tls: bool) -> String {
    let mut line = format!("{}={value}; Path={}", cookie.name.value, cookie.path.value);
    if let Some(ttl) = cookie.ttl.value {
        line.push_str(&format!("; Max-Age={}", ttl.as_secs_ceil()));
    }
    if cookie.http_only.value {
        line.push_str("; HttpOnly");
    }
    let secure = match cookie.secure.value {
        Secure::Always => true,
        Secure::OnTls => tls,
        Secure::Never => false,
    };
    if secure {
        line.push_str("; Secure");
    }
    line.push_str(match cookie.same_site.value {
        SameSite::Strict => "; SameSite=Strict",
        SameSite::Lax => "; SameSite=Lax",
        SameSite::None => "; SameSite=None",
    });
    line
}
