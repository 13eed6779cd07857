//! How often and how much at once: token buckets for requests and messages, counters for what is open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use http::HeaderMap;

use crate::ir::{PerKey, Rate};

use crate::proxy::clock;
use crate::proxy::request::head::{Head, joined};

/// Beyond this many keys those that count nothing are forgotten.
const MANY: usize = 10_000;

/// Where more keys than this count something all are forgotten: who has so many addresses is not held up by a rate for each.
const MOST: usize = 250_000;

/// A longer header's value is kept as its hash.
const LONGEST: usize = 32;

/// Who is counted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A client.
    Client(IpAddr),
    /// All together.
    All,
    /// A header's value.
    Value(Box<[u8]>),
}

impl Key {
    /// Who a request counts for; `None` where it is not counted.
    pub(crate) fn of(per: &PerKey, head: &Head, headers: &HeaderMap) -> Option<Self> {
        Some(match per {
            PerKey::Client => Self::Client(head.client),
            PerKey::Route => Self::All,
            PerKey::Header(name) => {
                let name = http::HeaderName::try_from(name.as_str()).ok()?;
                let value = joined(headers, &name)?;
                // A client writes as much as it likes, and we keep it.
                Self::Value(if value.len() > LONGEST {
                    digest::digest(&digest::SHA256, &value).as_ref().into()
                } else {
                    value.as_ref().into()
                })
            }
        })
    }
}

/// A token bucket's numbers: each request takes one token.
#[derive(Clone, Copy)]
pub(crate) struct Bucket {
    /// How many tokens it holds.
    capacity: f64,
    /// Tokens per millisecond.
    rate: f64,
}

impl Bucket {
    /// A rate, and how many more than one may come at once; what a second of the rate brings may in any case.
    pub(crate) fn new(rate: Rate, burst: u32) -> Self {
        let per_second = f64::from(rate.count) / rate.per.secs() as f64;
        Self {
            capacity: (f64::from(burst) + 1.0).max(per_second),
            rate: per_second / 1000.0,
        }
    }

    /// A bucket from which nothing was taken.
    pub(crate) fn fill(self) -> Tokens {
        Tokens {
            taken: 0.0,
            at: clock::now(),
        }
    }
}

/// What was taken from a bucket. Routes that share it may each have numbers of their own.
#[derive(Clone, Copy)]
pub(crate) struct Tokens {
    taken: f64,
    at: u64,
}

impl Tokens {
    /// Takes a token.
    ///
    /// # Errors
    /// How many milliseconds until there is one.
    pub(crate) fn take(&mut self, bucket: Bucket) -> Result<(), u64> {
        self.refill(bucket);
        let over = self.taken + 1.0 - bucket.capacity;
        if over <= 0.0 {
            self.taken += 1.0;
            Ok(())
        } else {
            Err((over / bucket.rate).ceil() as u64)
        }
    }

    fn refill(&mut self, bucket: Bucket) {
        let now = clock::now();
        let gained = now.saturating_sub(self.at) as f64 * bucket.rate;
        self.taken = (self.taken - gained).max(0.0);
        self.at = now;
    }
}

/// What was taken, by key. One for all workers, and for routes that count together.
#[derive(Default)]
pub(crate) struct Buckets {
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    tokens: HashMap<Key, Tokens>,
    /// How many keys there are when those that count nothing are looked for again: twice as many as were left, so that the look at all
    /// of them is paid for by the new ones.
    look: usize,
}

impl Buckets {
    /// Takes a token of this key.
    ///
    /// # Errors
    /// How many whole seconds until there is one, at least 1.
    pub(crate) fn take(&self, key: Key, bucket: Bucket) -> Result<(), u64> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Taken { tokens, look } = &mut *taken;
        if tokens.len() >= (*look).max(MANY) && !tokens.contains_key(&key) {
            tokens.retain(|_, tokens| {
                tokens.refill(bucket);
                tokens.taken > 0.0
            });
            if tokens.len() > MOST {
                tokens.clear();
            }
            *look = tokens.len() * 2;
        }
        tokens
            .entry(key)
            .or_insert_with(|| bucket.fill())
            .take(bucket)
            .map_err(|wait| wait.div_ceil(1000).max(1))
    }
}

/// What is open by key. One for all workers.
pub(crate) struct Counts {
    most: u32,
    open: Mutex<HashMap<Key, u32>>,
}

/// One of what is open.
pub(crate) struct Counted {
    counts: Arc<Counts>,
    key: Key,
}

impl Counts {
    /// At most this many of each key.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            most,
            open: Mutex::default(),
        }
    }

    /// One more of this key; `None` where there are as many as may be.
    pub(crate) fn open(self: &Arc<Self>, key: Key) -> Option<Counted> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(key.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Counted {
            counts: Arc::clone(self),
            key,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self
            .counts
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_comes_at_once_and_then_the_rate_counts() {
        let bucket = Bucket::new("60/min".parse().expect("a rate"), 2);
        let mut tokens = bucket.fill();
        assert!((0..3).all(|_| tokens.take(bucket).is_ok()));
        let wait = tokens.take(bucket).expect_err("empty");
        assert!((900..=1000).contains(&wait), "{wait}");
    }
}
