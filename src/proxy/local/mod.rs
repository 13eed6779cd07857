//! A spec on a machine that has nothing of what it names: what is missing is made, moved or stood in for, and told.

mod authority;
mod cache;
mod certificates;
mod echo;
mod guards;
mod hosts;
mod overrides;
mod ports;
mod servers;
mod tokens;
pub mod trust;

use std::io;

use crate::ir::{Gateway, Loc};

use crate::proxy::fault::Fault;
use authority::Authority;
use cache::Cache;
pub use overrides::{Override, Overrides, Servers};

/// What was done to a spec, in the order in which a person reads it.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Account {
    /// Where a browser finds each listener: its name, and addresses, the best first.
    pub addresses: Vec<(String, Vec<String>)>,
    /// Each thing that was done.
    pub done: Vec<Done>,
}

/// One thing that was done to a spec.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// What kind of thing.
    pub what: What,
    /// What it was done to: `listener secure`.
    pub to: String,
    /// What it is now.
    pub says: String,
    /// Further lines, which are to be copied: nothing is cut there.
    pub lines: Vec<String>,
}

/// A kind of thing that is done to a spec.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    /// Ports and addresses.
    Moved,
    /// Certificates and keys.
    Made,
    /// Servers.
    StandIn,
    /// How to get past a guard.
    WayIn,
    /// What else is not as in the spec.
    Note,
}

impl Account {
    /// Whether something else was done than before; a token that was made anew is no news.
    pub fn is_news(&self, before: &Self) -> bool {
        let facts = |account: &Self| {
            let done = account.done.iter();
            let done: Vec<_> = done
                .map(|it| (it.what, it.to.clone(), it.says.clone()))
                .collect();
            (account.addresses.clone(), done)
        };
        facts(self) != facts(before)
    }

    fn did(&mut self, what: What, to: impl Into<String>, says: impl Into<String>) -> &mut Done {
        self.done.push(Done {
            what,
            to: to.into(),
            says: says.into(),
            lines: Vec::new(),
        });
        let last = self.done.len() - 1;
        &mut self.done[last]
    }
}

/// What outlives a reload: the authority, and the servers that stand in.
pub struct Local {
    cache: Cache,
    authority: Authority,
    echoes: echo::Echoes,
}

impl Local {
    /// Opens the cache folder, with the authority in it.
    ///
    /// # Errors
    /// A sentence: nothing can be written, or no thread is to be had.
    pub fn new() -> Result<Self, String> {
        let made = || -> io::Result<Self> {
            let cache = Cache::open()?;
            Ok(Self {
                authority: Authority::open(&cache)?,
                echoes: echo::Echoes::start()?,
                cache,
            })
        };
        made().map_err(|why| format!("a local run needs a folder of its own: {why}"))
    }

    /// Changes a spec to one that this machine can serve.
    ///
    /// # Errors
    /// What keeps it from being served all the same.
    pub fn apply(
        &mut self,
        gateway: &mut Gateway,
        overrides: &Overrides,
    ) -> Result<Account, Vec<Fault>> {
        let mut account = Account::default();
        let unwritten = |at: Loc| move |why: io::Error| vec![Fault::new(at, why.to_string())];
        let at = gateway.listeners.first().map_or(Loc::default(), |it| it.at);
        ports::apply(gateway, overrides, &mut account)?;
        let named = hosts::apply(gateway, &mut account).map_err(|why| vec![Fault::new(at, why)])?;
        let made = certificates::listeners(gateway, self, &named, &mut account);
        made.map_err(unwritten(at))?;
        let silent = servers::silent(gateway, overrides);
        let stand_ins = servers::apply(gateway, self, &silent, overrides, &mut account);
        let stand_ins = stand_ins.map_err(unwritten(at))?;
        let authority = self.authority();
        let shown = guards::apply(
            gateway,
            &self.cache,
            &authority,
            &silent,
            &stand_ins,
            &mut account,
        );
        shown.map_err(unwritten(at))?;
        account.done.sort_by_key(|done| done.what);
        Ok(account)
    }

    /// Where the authority's certificate lies.
    pub fn authority(&self) -> String {
        self.authority.file.to_string_lossy().into_owned()
    }
}
