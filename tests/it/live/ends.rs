//! How a program that fails is told, and that nothing of one that served is left, however its owner ends.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wsgen::verify::folder::Folder;
use wsgen::verify::process::{Running, StartFailure, members};
use wsgen::verify::programs::{self, Complaint};

use super::must::*;
use super::{Client, Stub, local, port};
use crate::programs::{HAPROXY, NGINX, Program, present};

fn all() -> Vec<Program> {
    present(&[NGINX, HAPROXY].concat())
}

/// A file that answers 204 on the port; `more` stands on line 5.
fn file(program: &Program, port: u16, more: &str) -> (&'static str, String) {
    let text = match program.is_nginx() {
        true => format!(
            "daemon on;\nevents {{}}\nhttp {{\n    access_log off;\n    {more}\n    server {{ listen 127.0.0.1:{port}; return 204; }}\n}}\n"
        ),
        false => format!(
            "global\n  daemon\nfrontend f\n  bind 127.0.0.1:{port}\n  {more}\n  mode http\n  timeout client 1s\n  \
             http-request return status 204\n"
        ),
    };
    (program.found().program.main_file(), text)
}

fn start(program: &Program, at: u16, more: &str) -> Result<Running, StartFailure> {
    let (name, text) = file(program, at, more);
    Running::start(program.found(), &[(name, &text)], &[local(at)], &[])
}

#[test]
fn a_file_that_is_refused_is_told_with_its_line() {
    for program in all() {
        let why = start(&program, port(), "nonsense;").expect_err("nonsense");
        let lines: Vec<_> = why.complaints.iter().filter_map(|one| one.line).collect();
        assert_eq!(lines.first(), Some(&5), "{}: {why:#?}", program.name);
        let first = why.complaints.iter().find(|one| one.line == Some(5));
        let said = &first.expect("it was found").message;
        assert!(said.starts_with("unknown "), "{said}");
        assert!(why.what.contains("did not start, but ended"), "{why}");

        let (name, text) = file(&program, port(), "nonsense;");
        let checked = program
            .found()
            .check(&[(name, &text)])
            .expect_err("nonsense");
        assert_eq!(checked.complaints.first().and_then(|one| one.line), Some(5));

        let mut run = start(&program, port(), "").expect("a good file");
        let why = run.reload(&[(name, &text)]).expect_err("nonsense");
        assert!(
            why.complaints.iter().any(|one| one.line == Some(5)),
            "{}: {why:#?}",
            program.name
        );
    }
}

#[test]
fn a_complaint_is_only_its_words() {
    let complaint = |line, message: &str| Complaint {
        line,
        message: message.to_owned(),
    };
    let nginx = programs::by_id("nginx").expect("a program");
    let log = "2026/11/22 20:21:00 [notice] 7#7: start worker processes\n\
               nginx: [emerg] unknown directive \"x\" in /d/nginx.conf:12\n\
               2026/11/22 20:21:00 [emerg] 7#7: unknown directive \"x\" in /d/nginx.conf:12\n\
               2026/11/22 20:21:00 [error] 8#8: *3 connect() failed (111: Connection refused) while connecting\n\
               nginx: [emerg] cannot load \"/e/nginx.conf:3\"\n";
    assert_eq!(
        nginx.complaints(log, Path::new("/d/nginx.conf")),
        [
            complaint(Some(12), "unknown directive \"x\""),
            complaint(
                None,
                "*3 connect() failed (111: Connection refused) while connecting"
            ),
            complaint(None, "cannot load \"/e/nginx.conf:3\""),
        ]
    );
    let haproxy = programs::by_id("haproxy").expect("a program");
    let log = "[NOTICE]   (7) : haproxy version is 2.8.25\n\
               [ALERT]    (7) : config : parsing [/d/haproxy.cfg:11] : unknown keyword 'x' in 'frontend' section\n\
               [WARNING]  (7) : config : log format ignored for frontend 'f' since it has no log address.\n\
               [ALERT]    (7) : Binding [/d/haproxy.cfg:9] for frontend f: cannot bind socket (Address already in use) [127.0.0.1:9]\n";
    assert_eq!(
        haproxy.complaints(log, Path::new("/d/haproxy.cfg")),
        [
            complaint(Some(11), "unknown keyword 'x' in 'frontend' section"),
            complaint(
                None,
                "log format ignored for frontend 'f' since it has no log address."
            ),
            complaint(
                Some(9),
                "Binding [/d/haproxy.cfg:9] for frontend f: cannot bind socket (Address already in use) [127.0.0.1:9]"
            ),
        ]
    );
}

#[test]
fn a_taken_port_is_a_clash() {
    for program in all() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let at = taken.local_addr().expect("an address").port();
        let why = start(&program, at, "").expect_err("a clash");
        assert!(why.is_port_clash(), "{}: {why}", program.name);
        assert!(!why.complaints.is_empty(), "{}: {why}", program.name);
        let other = start(&program, port(), "nonsense").expect_err("nonsense");
        assert!(!other.is_port_clash(), "{other}");
    }
}

#[test]
fn a_program_is_what_it_says_it_is() {
    let at = |target: &str, path: &str| match programs::at(target, Path::new(path)) {
        Ok(found) => panic!("found {found:?}"),
        Err(why) => why,
    };
    assert!(at("ngnix", "/bin/sh").contains("Did you mean `nginx`?"));
    assert!(at("nginx", "/nowhere/nginx").contains("there is no /nowhere/nginx"));
    assert!(at("nginx", "/").contains("is a folder: name the executable in it, such as /nginx"));
    assert!(at("haproxy", "/etc/passwd").contains("cannot be run"));
    assert!(at("nginx", "/bin/echo").contains("is not NGINX"));
    for program in all() {
        let found = program.found();
        let (_, version) = program.name.split_once('-').expect("name and version");
        assert!(
            found
                .version
                .to_string()
                .starts_with(&format!("{version}."))
        );
        let other = match program.is_nginx() {
            true => "haproxy",
            false => "nginx",
        };
        assert!(programs::at(other, &found.path).is_err());
    }
}

#[test]
fn a_client_has_the_address_it_is_given() {
    let stub = Stub::start("a");
    for program in all() {
        let (name, text) = file(&program, port(), "");
        let echo = match program.is_nginx() {
            true => text.replace("return 204", "return 200 $remote_addr"),
            false => text.replace(
                "return status 204",
                "return status 200 content-type a/b lf-string %[src]",
            ),
        };
        let at = super::ports(&echo)[0];
        let run = Running::start(program.found(), &[(name, &echo)], &[local(at)], &[]);
        let _run = run.unwrap_or_else(|why| panic!("{why}"));
        let client = Client::on(at);
        assert_eq!(client.get("/", &[]).text(), "127.0.0.1");
        let other = client.source([127, 0, 0, 77].into());
        assert_eq!(other.get("/", &[]).text(), "127.0.0.77");
    }
    let elsewhere: SocketAddr = ([127, 0, 0, 9], stub.address().port()).into();
    let second = Stub::at("b", elsewhere).expect("another loopback address");
    assert_eq!(Client::new(second.address()).get("/", &[]).server(), "b");
    assert_eq!(Client::new(stub.address()).get("/", &[]).server(), "a");
    let why = Stub::at("c", elsewhere).expect_err("taken");
    assert!(why.to_string().contains("127.0.0.9"), "{why}");
}

#[test]
fn a_folder_is_private_and_goes_unless_kept() {
    let mut folder = Folder::new("private").expect("a folder");
    folder.write("in/side", "x").expect("written");
    let mode = std::fs::metadata(folder.path())
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let path = folder.path().to_owned();
    folder.keep();
    drop(folder);
    assert!(path.join("in/side").is_file());
    std::fs::remove_dir_all(&path).expect("removed");
    let path = Folder::new("private").expect("a folder").path().to_owned();
    assert!(!path.exists());
    for program in present(&["nginx-1.31"]) {
        let mut run = start(&program, port(), "").expect("started");
        let path = run.folder().path().to_owned();
        run.keep();
        drop(run);
        assert!(path.join("log").is_file());
        std::fs::remove_dir_all(&path).expect("removed");
    }
}

/// Not a test: it serves until it is killed, for the one below.
#[test]
#[ignore = "it is started by the test that kills it"]
#[allow(clippy::print_stdout)]
fn victim() {
    let Some(name) = std::env::var_os("WSGEN_VICTIM") else {
        return;
    };
    let program = crate::programs::require(&name.to_string_lossy()).expect("its killer has it");
    let run = start(&program, port(), "").expect("started");
    println!("\nserves {} {}", run.pid(), run.folder().path().display());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_killed_owner_leaves_nothing() {
    for program in all() {
        for signal in ["KILL", "INT"] {
            let mut owner = Command::new(std::env::current_exe().expect("this program"));
            owner
                .args(["--exact", "live::ends::victim", "--ignored", "--nocapture"])
                .env("WSGEN_VICTIM", &program.name)
                .stdout(Stdio::piped());
            let mut owner = owner.spawn().expect("it starts");
            let lines = BufReader::new(owner.stdout.take().expect("a pipe")).lines();
            let said = lines
                .map_while(Result::ok)
                .find_map(|line| line.strip_prefix("serves ").map(str::to_owned))
                .expect("it serves");
            let (group, folder) = said.split_once(' ').expect("two words");
            let (group, folder) = (group.parse().expect("a number"), PathBuf::from(folder));
            assert!(!members(group).is_empty() && folder.is_dir());

            let mut kill = Command::new("kill");
            kill.args(["-s", signal, &owner.id().to_string()]);
            assert!(kill.status().is_ok_and(|status| status.success()));
            let _ = owner.wait();
            let start = Instant::now();
            while (!members(group).is_empty() || folder.exists())
                && start.elapsed() < Duration::from_secs(5)
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(
                members(group),
                Vec::<u32>::new(),
                "{} {signal}",
                program.name
            );
            assert!(!folder.exists(), "{} {signal}", program.name);
        }
    }
}
