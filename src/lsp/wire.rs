//! What the client sends, taken from a blocking stream: whole messages of a size that fits.

use std::io::{BufRead, BufReader, Read};
use std::thread;

use futures_util::{AsyncRead, TryStreamExt, stream};
use tokio::sync::mpsc;

/// The longest message that is taken, in bytes: a spec may have 4 GiB, nobody opens one in an editor.
const LONGEST: usize = 256 << 20;

/// The stream's messages, read by a thread of its own; a fault of theirs ends them with its sentence.
pub(super) fn messages(input: impl Read + Send + 'static) -> impl AsyncRead {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        let mut input = BufReader::new(input);
        loop {
            match message(&mut input) {
                Ok(None) => break,
                Ok(Some(message)) => {
                    if sender.send(Ok(message)).is_err() {
                        break;
                    }
                }
                Err(why) => {
                    let _ = sender.send(Err(why));
                    break;
                }
            }
        }
    });
    stream::poll_fn(move |context| receiver.poll_recv(context)).into_async_read()
}

/// One message with its head; `None` at the end of the stream.
fn message(input: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        // A head line without an end must not fill the memory.
        input.by_ref().take(4096).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err(fault(format!(
                "expected `Content-Length: …`, found `{}`",
                line.escape_debug()
            )));
        };
        if name.trim().eq_ignore_ascii_case("Content-Length") {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let Some(length) = length.filter(|length| *length <= LONGEST) else {
        return Err(fault(format!(
            "a message needs a `Content-Length` of at most {LONGEST} bytes"
        )));
    };
    let mut message = format!("Content-Length: {length}\r\n\r\n").into_bytes();
    let read = input.take(length as u64).read_to_end(&mut message)?;
    Ok((read == length).then_some(message))
}

fn fault(sentence: String) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, sentence)
}
