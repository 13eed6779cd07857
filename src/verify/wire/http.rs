//! HTTP/1.1 messages as they stand on the wire: nothing is joined, lower-cased, decoded or forgiven.

use std::io::{self, ErrorKind, Read};

/// Header lines in their order, names in their case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The value of the first line with this name, in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// The values of all lines with this name, in any case.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(one, _)| one.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// Is `token` in the comma-separated lists of this header?
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .iter()
            .flat_map(|value| value.split(','))
            .any(|one| one.trim().eq_ignore_ascii_case(token))
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.get(name).and_then(|value| value.trim().parse().ok())
    }
}

/// A request as a server received it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The first line, whole.
    pub line: String,
    /// The first word of the line.
    pub method: String,
    /// The request target, raw.
    pub target: String,
    /// Such as `HTTP/1.1`.
    pub version: String,
    /// The header lines.
    pub headers: Headers,
    /// The body, out of its chunks.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of the first header line with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether it asks for a WebSocket.
    pub fn is_websocket(&self) -> bool {
        let upgrade = self.headers.lists("upgrade", "websocket")
            && self.headers.lists("connection", "upgrade");
        upgrade || self.header(":protocol") == Some("websocket")
    }
}

/// A response as a client received it.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The header lines.
    pub headers: Headers,
    /// The body, out of its chunks.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header line with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The name of the stub that answered; empty where none did.
    pub fn server(&self) -> &str {
        self.header("x-server").unwrap_or_default()
    }

    /// The request as the stub saw it: the echo in its body.
    ///
    /// # Errors
    /// When the body is no echo.
    pub fn try_seen(&self) -> io::Result<Request> {
        let value: serde_json::Value = serde_json::from_slice(&self.body).map_err(|why| {
            let what = format!("{why}: status {}, body {:?}", self.status, self.text());
            io::Error::new(ErrorKind::InvalidData, what)
        })?;
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let pair = |line: &serde_json::Value| {
            let part = |index: usize| line[index].as_str().unwrap_or_default().to_owned();
            (part(0), part(1))
        };
        Ok(Request {
            line: text("line"),
            method: text("method"),
            target: text("target"),
            version: text("version"),
            headers: Headers(
                value["headers"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(pair)
                    .collect(),
            ),
            body: text("body").into_bytes(),
        })
    }
}

/// Takes messages off a connection, and keeps what came early for whoever reads on.
#[derive(Debug)]
pub struct Wire<S> {
    /// What the messages come over.
    pub stream: S,
    early: Vec<u8>,
}

impl<S: Read> Wire<S> {
    /// A connection at whose start a message begins.
    pub fn new(stream: S) -> Wire<S> {
        Wire {
            stream,
            early: Vec::new(),
        }
    }

    /// The stream, and the bytes that came after the last message.
    pub fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.early)
    }

    /// The next request with its body; `None` at a clean end. `on_head` sees its head while the body is still under way, and answers `Expect: 100-continue`.
    ///
    /// # Errors
    /// What the stream says, or that no request came.
    pub fn request(
        &mut self,
        on_head: impl FnOnce(&mut S, &Headers) -> io::Result<()>,
    ) -> io::Result<Option<Request>> {
        let Some((line, headers)) = self.head()? else {
            return Ok(None);
        };
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        let (method, target, version) = (words.next(), words.next(), words.next());
        let (Some(method), Some(target), Some(version)) = (method, target, version) else {
            return Err(bad("a request line has three words", &line));
        };
        on_head(&mut self.stream, &headers)?;
        let body = match () {
            () if headers.lists("transfer-encoding", "chunked") => self.chunks()?,
            () => self.exactly(headers.number("content-length").unwrap_or(0))?,
        };
        Ok(Some(Request {
            line,
            method,
            target,
            version,
            headers,
            body,
        }))
    }

    /// The head of the next response; its body is still to be read.
    ///
    /// # Errors
    /// What the stream says, or that no response came.
    pub fn response_head(&mut self) -> io::Result<Response> {
        let (line, headers) = self
            .head()?
            .ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?;
        let mut words = line.splitn(3, ' ');
        let status = words.nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| bad("a status line has a number", &line))?;
        Ok(Response {
            status,
            headers,
            body: Vec::new(),
        })
    }

    /// The whole of the next response to a request of this method; interim ones (but 101) are passed over.
    ///
    /// # Errors
    /// What the stream says, or that no response came.
    pub fn response(&mut self, method: &str) -> io::Result<Response> {
        let mut response = self.response_head()?;
        while (100..200).contains(&response.status) && response.status != 101 {
            response = self.response_head()?;
        }
        response.body = match response.status {
            101 | 204 | 304 => Vec::new(),
            _ if method == "HEAD" => Vec::new(),
            _ if response.headers.lists("transfer-encoding", "chunked") => self.chunks()?,
            _ => match response.headers.number("content-length") {
                Some(length) => self.exactly(length)?,
                None => self.rest()?,
            },
        };
        Ok(response)
    }

    /// One chunk of a chunked body; empty at its end.
    ///
    /// # Errors
    /// What the stream says, or that no chunk came.
    pub fn chunk(&mut self) -> io::Result<Vec<u8>> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .map_err(|_| bad("a chunk begins with its size", &line))?;
        let chunk = self.exactly(size)?;
        // Also the end of an empty trailer section.
        match self.line()?.as_str() {
            "" => Ok(chunk),
            more => Err(bad("a chunk ends with its line", more)),
        }
    }

    /// What has come, at least one byte, whatever it is a part of.
    ///
    /// # Errors
    /// When nothing comes.
    pub fn piece(&mut self) -> io::Result<Vec<u8>> {
        if self.early.is_empty() {
            self.need()?;
        }
        Ok(std::mem::take(&mut self.early))
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            match self.chunk()? {
                chunk if chunk.is_empty() => return Ok(body),
                chunk => body.extend(chunk),
            }
        }
    }

    fn head(&mut self) -> io::Result<Option<(String, Headers)>> {
        if self.early.is_empty() && !self.fill()? {
            return Ok(None);
        }
        let first = self.line()?;
        let mut headers = Headers::default();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Some((first, headers)));
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| bad("a header line has a colon", &line))?;
            // One space is the writer's manner; more would be the value's own.
            let value = value.strip_prefix(' ').unwrap_or(value);
            headers.0.push((name.to_owned(), value.to_owned()));
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.early.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.early.drain(..end + 2).collect();
                return Ok(
                    String::from_utf8_lossy(line.get(..end).unwrap_or_default()).into_owned()
                );
            }
            self.need()?;
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.early.len() < length {
            self.need()?;
        }
        Ok(self.early.drain(..length).collect())
    }

    fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? {}
        Ok(std::mem::take(&mut self.early))
    }

    fn need(&mut self) -> io::Result<()> {
        if self.fill()? {
            Ok(())
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                // A peer that ends TLS without saying so: the same as an end.
                Err(why) if why.kind() == ErrorKind::UnexpectedEof => return Ok(false),
                Err(why) => return Err(why),
                Ok(length) => {
                    self.early
                        .extend_from_slice(buffer.get(..length).unwrap_or_default());
                    return Ok(length > 0);
                }
            }
        }
    }
}

fn bad(rule: &str, line: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{rule}: {line:?}"))
}
