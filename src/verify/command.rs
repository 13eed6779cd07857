//! A command run to its end, or to a limit: what it said, both streams together.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Runs the command without input. Whatever still runs at the limit, its children included, is killed.
pub(super) fn run(command: &mut Command, limit: Duration) -> io::Result<(ExitStatus, String)> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let (send, said) = mpsc::channel();
    // A full pipe would stop the command: both are emptied while it runs.
    let mut streams: Vec<Box<dyn Read + Send>> = Vec::new();
    streams.extend(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    streams.extend(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let count = streams.len();
    for (index, mut stream) in streams.into_iter().enumerate() {
        let send = send.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            let _ = send.send((index, bytes));
        });
    }
    let start = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if start.elapsed() < limit => std::thread::sleep(Duration::from_millis(2)),
            None => {
                let group = format!("-{}", child.id());
                let _ = Command::new("kill")
                    .args(["-s", "KILL", "--", &group])
                    .stderr(Stdio::null())
                    .status();
                let _ = child.kill();
                let _ = child.wait();
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("it did not end within {} s", limit.as_secs_f32()),
                ));
            }
        }
    };
    let mut parts = vec![Vec::new(); count];
    for _ in 0..count {
        // A child of its own may hold the pipe open for ever.
        if let Ok((index, bytes)) = said.recv_timeout(Duration::from_secs(1))
            && let Some(part) = parts.get_mut(index)
        {
            *part = bytes;
        }
    }
    Ok((
        status,
        String::from_utf8_lossy(&parts.concat()).into_owned(),
    ))
}
