//! Fixed answers, redirects, and what stands in place of errors.

use super::access::Guards;
use super::route::{Answer, Content, Place};
use super::words::{Block, Directive, inert, word};
use super::{Location, Planner, defaults};
use crate::emit::Tok;
use crate::emit::lang::nginx;
use crate::ir::{ErrorPage, Loc, Redirect, RedirectScheme, RedirectTo, Replace};

impl Planner<'_> {
    /// What stands in place of errors: the route's pages, the forward authority's own answer.
    pub(super) fn errors(
        &mut self,
        place: Place<'_>,
        name: &str,
        guards: &Guards,
        answer: &Answer,
        extra: &mut Vec<Location>,
    ) -> Vec<Directive> {
        let Place {
            route, listener, ..
        } = place;
        let mut lines = Vec::new();
        if let Some(authority) = &guards.authority {
            lines.push(Directive::new(
                "error_page 401 500 =",
                vec![word(authority)],
            ));
        }
        let Some(pages) = &route.error_pages else {
            if !lines.is_empty() {
                lines.extend(super::base_errors());
            }
            return lines;
        };
        let server_too = pages.replace.value != Replace::Proxy;
        let mut taken = [false; 600];
        if guards.authority.is_some() {
            taken[401] = true;
            taken[500] = true;
        }
        let mut bad = Vec::new();
        for (number, page) in pages.pages.iter().enumerate() {
            let (range, page_kind) = &page.value;
            let mut codes = Vec::new();
            let target = format!("{name}~e{}", number + 1);
            let equals = match page_kind {
                ErrorPage::Respond(Some(status), _) => format!("={status}"),
                ErrorPage::Respond(None, _) => String::new(),
                ErrorPage::Redirect(_) => "=".to_owned(),
            };
            for code in range.first.max(300)..=range.last {
                let index = usize::from(code);
                if taken[index] || code == 499 || code == 520 {
                    continue;
                }
                if !server_too && !defaults::OWN_ERRORS.contains(&code) {
                    continue;
                }
                taken[index] = true;
                if code == 502 || code == 503 {
                    bad.push((code, equals.clone(), target.clone()));
                }
                if code != 502 {
                    codes.push(Tok::number(u64::from(code)));
                }
            }
            let mut args = codes;
            if !args.is_empty() {
                if !equals.is_empty() {
                    args.push(word(&equals));
                }
                args.push(word(&format!("@{target}")));
                lines.push(Directive::new("error_page", args).at(page.loc()));
            }
            let mut content = Content::default();
            content.lines.extend(self.answer_lines(answer, listener));
            match page_kind {
                ErrorPage::Respond(_, respond) => {
                    content.lines.push(
                        Directive::new("default_type", vec![nginx::word(&respond.content_type)])
                            .at(page.loc()),
                    );
                    let status = if equals.is_empty() {
                        200
                    } else {
                        respond.status
                    };
                    content.lines.push(
                        Directive::new(
                            "return",
                            vec![Tok::number(u64::from(status)), body_text(&respond.body)],
                        )
                        .at(page.loc()),
                    );
                }
                ErrorPage::Redirect(redirect) => {
                    content.lines.push(self.redirect(redirect, page.loc()));
                }
            }
            extra.push(self.located(place, &target, "", content));
        }
        if bad.is_empty() {
            lines.push(Directive::fixed("error_page 502 = $wg_bad"));
        } else {
            // 502 is two things: no server was reached (503), or one answered badly.
            let mut content = Content::default();
            for (code, equals, target) in &bad {
                let mut args = vec![Tok::number(u64::from(*code))];
                if !equals.is_empty() {
                    args.push(word(equals));
                }
                args.push(word(&format!("@{target}")));
                content.lines.push(Directive::new("error_page", args));
            }
            content.branches.push(Block::branch(
                "wg_unreached",
                vec![Directive::fixed("return 503")],
            ));
            content.lines.push(Directive::fixed("return 502"));
            let target = format!("{name}~bad");
            extra.push(self.located(place, &target, "", content));
            lines.push(Directive::new(
                "error_page 502 =",
                vec![word(&format!("@{target}"))],
            ));
        }
        if server_too {
            lines.push(Directive::fixed("proxy_intercept_errors on").at(pages.replace.loc()));
        } else {
            lines.push(Directive::fixed("error_page 520 = $wg_to"));
        }
        lines
    }

    pub(super) fn redirect(&mut self, redirect: &Redirect, at: Loc) -> Directive {
        let url = match &redirect.to {
            RedirectTo::Url(url) => inert(url),
            RedirectTo::Parts { scheme, host, path } => {
                let scheme_text = match scheme {
                    Some(RedirectScheme::Http) => "http",
                    Some(RedirectScheme::Https) => "https",
                    None => "$scheme",
                };
                let host_text = match (host, scheme) {
                    (Some(host), _) => inert(host),
                    // Another scheme has another port.
                    (None, Some(_)) => "$host".to_owned(),
                    (None, None) => "$http_host".to_owned(),
                };
                let path_text = match path {
                    Some(path) => format!("{}$is_args$args", inert(path)),
                    None => "$request_uri".to_owned(),
                };
                format!("{scheme_text}://{host_text}{path_text}")
            }
        };
        Directive::new(
            "return",
            vec![Tok::number(u64::from(redirect.status)), word(&url)],
        )
        .at(at)
    }
}

/// A body: line breaks come from a variable, as a token cannot hold them.
pub(super) fn body_text(body: &str) -> Tok {
    word(&inert(body).replace("\r\n", "\n").replace('\n', "${wg_n}"))
}
