//! The requests that every program gets: for each route one that it takes, and what a client could change in it.

use wsgen::verify::ask::Ask;
use wsgen::verify::lab::Lab;

/// A path as routes do not match it: in which form facts and `Location` have it is the program's matter.
pub(super) const CLIMBING: &str = "/x/../y//z";

/// In an order that depends on the spec alone.
pub(super) fn all(lab: &Lab) -> Vec<Ask> {
    let asker = lab.asker();
    let mut all = Vec::new();
    for route in &lab.gateway.routes {
        let auth = lab.gateway.auth_of(route);
        for good in asker.every_good(route.id).into_iter().take(2) {
            let changed = |change: &dyn Fn(Ask) -> Ask| change(good.again());
            let below = format!("{}/below", good.request.path.trim_end_matches('/'));
            let climbing = format!("{}{CLIMBING}", good.request.path.trim_end_matches('/'));
            all.push(good.again());
            all.extend([
                changed(&|ask| ask.method("HEAD")),
                changed(&|ask| ask.method("POST").body("a body")),
                changed(&|ask| ask.method("DELETE")),
                changed(&|ask| {
                    ask.method("OPTIONS")
                        .header("Origin", "https://other.example")
                }),
                changed(&|ask| ask.path(&below)),
                changed(&|ask| ask.path(&climbing)),
                changed(&|ask| ask.path("/nowhere%2fto%20go")),
                changed(&|ask| ask.host("other.test")),
                changed(&|ask| ask.query("v", "1").query("w", "%41+b").query("v", "2")),
                changed(&|ask| ask.header("X-Kind", "one").also("X-Kind", "two")),
                changed(&|ask| ask.header("X_Kind", "odd")),
                changed(&|ask| ask.header("X-Named", "1").header("Connection", "X-Named")),
                changed(&|ask| ask.cookie("mine", "1")),
                changed(&|ask| {
                    ask.header("X-Forwarded-For", "192.0.2.77")
                        .header("X-Forwarded-Proto", "gopher")
                        .header("X-Forwarded-Host", "evil.example")
                        .header("X-Real-IP", "192.0.2.78")
                        .header("Forwarded", "for=192.0.2.79")
                }),
                changed(&|ask| ask.header("Origin", "https://evil.example")),
                changed(&|ask| {
                    ask.method("OPTIONS")
                        .header("Origin", "https://evil.example")
                        .header("Access-Control-Request-Method", "GET")
                }),
                changed(&|ask| ask.header("X-Status", "404")),
                changed(&|ask| ask.header("X-Status", "503")),
                changed(&|ask| {
                    ask.header("X-Status", "302")
                        .header("X-Reply", "Location: /away?to=1")
                        .also("X-Reply", "Set-Cookie: app=1; Path=/in")
                        .also("X-Reply", "X-Told: yes")
                }),
                changed(&|ask| ask.websocket()),
                changed(&|ask| ask.websocket().header("Origin", "https://evil.example")),
                changed(&|ask| ask.websocket().header("X-Status", "403")),
            ]);
            if let Some(auth) = auth {
                all.extend([
                    changed(&|ask| ask.unshown(auth)),
                    changed(&|ask| ask.unshown(auth).header("Authorization", "Bearer a.b.c")),
                    changed(&|ask| ask.unshown(auth).header("Authorization", "Basic YTpi")),
                ]);
            }
        }
    }
    all
}
