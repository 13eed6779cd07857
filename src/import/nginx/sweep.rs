//! What the readers left without a fate: by its name it changes nothing, is lost for a reason, or is unknown.

use crate::names;

use super::Nginx;
use super::known::{self, Known, known};
use super::own::is_own;
use super::syntax::Directive;

/// Blocks whose directives nobody further inside says again.
const INNERMOST: [&str; 5] = ["location", "if", "limit_except", "stream", "mail"];

/// Blocks that are only a place for others.
const PLACES: [&str; 3] = ["http", "events", "server"];

impl Nginx<'_, '_, '_> {
    /// Gives every directive a fate that has none yet.
    pub(super) fn sweep(&mut self, directives: &[Directive]) {
        self.sweep_in(directives, false);
    }

    fn sweep_in(&mut self, directives: &[Directive], innermost: bool) {
        let nested = directives.iter().any(|it| it.name == "location");
        let innermost = innermost && !nested;
        for directive in directives {
            let is_data = directive
                .children()
                .first()
                .is_some_and(|first| first.id == directive.id);
            if !is_data {
                let inside = innermost || INNERMOST.contains(&directive.name.as_str());
                self.sweep_in(directive.children(), inside);
            }
            if self.reading.account.is_settled(directive.id) {
                continue;
            }
            if innermost && known::is_read(&directive.name) {
                self.lost(directive, "what it stands in is in the spec without it");
            } else {
                self.left(directive);
            }
        }
    }

    fn left(&mut self, directive: &Directive) {
        let name = directive.name.as_str();
        if directive.block.is_some() && PLACES.contains(&name) {
            return self.moot(directive, "a place for other directives");
        }
        if directive.args.iter().any(|arg| is_own(&arg.text)) {
            return self.moot(directive, "wsgen writes it by itself");
        }
        match (name, known(name)) {
            ("upstream", _) => {
                self.lost(directive, "no route leads to it, so it is not in the spec");
            }
            ("location", _) => self.moot(directive, "a place for other directives"),
            ("if", _) => {
                self.remark(
                    "import::if",
                    directive,
                    "`if` of NGINX does not do what it looks like: settings in it hold or not by the order of phases",
                    "the condition is not in the spec; a route with `when` says what it should",
                );
                self.lost_but(
                    directive,
                    "conditions beyond those of a route are out of scope",
                    "where it chooses a route, write a route with `when`",
                );
            }
            (_, Some(Known::Moot(why))) => self.moot(directive, why),
            (_, Some(Known::Lost(why, ""))) => self.lost(directive, why),
            (_, Some(Known::Lost(why, help))) => self.lost_but(directive, why, help),
            (_, Some(Known::Plain)) => self.lost(directive, "wsgen has no word for it"),
            (_, None) => {
                let meant = names::closest(name, known::names());
                self.reading.account.unknown(directive.id, meant);
            }
        }
    }
}
