//! Connections to servers: how many there are, and that they are used again.

use std::time::Duration;

use wsgen::verify::stub::{Answer, Stub};

use super::super::clients::{client_of_http2, run};
use super::super::serving::Serving;

fn stub() -> Stub {
    Stub::try_start("a").expect("a port is free")
}

/// Who decides is asked over and over, on one connection.
#[test]
fn an_authority_is_asked_on_a_connection_that_is_kept() {
    let (app, authority) = (stub(), stub());
    authority.answer(
        "/verify",
        Answer::status(200).body("a page that nobody reads"),
    );
    let serving = Serving::start(&format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1 }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"] }}, sso: {{ servers: [\"{}\"] }} }}\n\
         auth: {{ sso: {{ forward: {{ upstream: sso, path: /verify }} }} }}\n\
         runtime: {{ workers: 1 }}\nlog: {{ format: json }}\n\
         routes: [{{ name: all, path: /, upstream: app, auth: sso }}]\n",
        app.address(),
        authority.address()
    ));
    let status = || {
        serving
            .client()
            .try_get("/", &[])
            .expect("an answer")
            .status
    };
    for _ in 0..20 {
        assert_eq!(status(), 200);
    }
    assert_eq!(authority.requests().len(), 20);
    assert!(authority.connections() <= 2, "{}", authority.connections());
    // A refusal goes to the client with its connection kept too.
    authority.answer("/verify", Answer::status(403).body("no"));
    for _ in 0..10 {
        assert_eq!(status(), 403);
    }
    assert!(authority.connections() <= 2, "{}", authority.connections());
    // Nobody there: 503, and the log says why.
    authority.stop();
    assert_eq!(status(), 503);
    let line = serving.logged("\"status\":503");
    assert!(
        line["error"].as_str().is_some_and(|it| !it.is_empty()),
        "{line}"
    );
}

/// Requests that come at once, before there is a connection: as many are dialled as have room for them.
#[test]
fn a_burst_dials_no_more_than_it_needs() {
    let server = stub();
    let serving = Serving::start(&format!(
        "wsgen: 1\nlisteners: {{ web: {{ port: PORT, address: 127.0.0.1, http2: on }} }}\n\
         upstreams: {{ app: {{ servers: [\"{}\"], protocol: http2 }} }}\nruntime: {{ workers: 1 }}\n\
         routes: [{{ name: all, path: /, upstream: app }}]\n",
        server.address()
    ));
    run(async {
        let mut client = client_of_http2(&serving).await;
        let mut answers = Vec::new();
        for _ in 0..90 {
            client = client.ready().await.expect("ready");
            let request = http::Request::get("http://a.example/").body(());
            let (answer, _) = client
                .send_request(request.expect("a request"), true)
                .expect("sent");
            answers.push(answer);
        }
        for answer in answers {
            let answer = tokio::time::timeout(Duration::from_secs(5), answer).await;
            assert_eq!(answer.expect("in time").expect("an answer").status(), 200);
        }
    });
    assert!(server.connections() <= 3, "{}", server.connections());
}
