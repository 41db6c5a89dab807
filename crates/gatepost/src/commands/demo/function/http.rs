//! As much of an HTTP/1.1 client as the function needs: one request per connection, blocking.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

const MAX_HEAD_BYTES: u64 = 64 << 10;
/// Lambda's greatest event is 6 MB.
const MAX_BODY_BYTES: u64 = 8 << 20;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Only plain HTTP is spoken.
    #[error("`{0}` is not an http:// URL")]
    NotHttp(String),
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came back is no HTTP response with a `Content-Length`.
    #[error("the answer is not HTTP that this client reads")]
    NotUnderstood,
}

/// The beginning of a URL, to which paths are added.
pub struct Endpoint {
    /// Host and port.
    authority: String,
    /// The path, without a slash at its end.
    base_path: String,
}

/// A whole response.
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Endpoint {
    pub fn parse(url: &str) -> Result<Self, HttpError> {
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| HttpError::NotHttp(url.to_owned()))?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        Ok(Self {
            authority: if has_port {
                authority.to_owned()
            } else {
                format!("{authority}:80")
            },
            base_path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// Waits as long as it takes for the next invocation, as the Runtime API asks.
    pub fn next_invocation(&self) -> Result<Response, HttpError> {
        self.send("GET", "/invocation/next", b"", None)
    }

    pub fn post(&self, path: &str, body: &[u8]) -> Result<Response, HttpError> {
        self.send("POST", path, body, Some(TIMEOUT))
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        timeout: Option<Duration>,
    ) -> Result<Response, HttpError> {
        let mut stream = TcpStream::connect(&self.authority)?;
        stream.set_read_timeout(timeout)?;
        stream.set_write_timeout(timeout)?;
        let mut request = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.base_path,
            self.authority,
            body.len(),
        )
        .into_bytes();
        request.extend_from_slice(body);
        stream.write_all(&request)?;
        Response::read(stream)
    }
}

impl Response {
    fn read(stream: impl Read) -> Result<Self, HttpError> {
        let mut head = BufReader::new(stream).take(MAX_HEAD_BYTES);
        let status = read_line(&mut head)?
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or(HttpError::NotUnderstood)?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(&mut head)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or(HttpError::NotUnderstood)?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut response = Self {
            status,
            headers,
            body: Vec::new(),
        };
        let length = match response.header("Content-Length") {
            Some(length) => length.parse().map_err(|_| HttpError::NotUnderstood)?,
            None if status == 204 => 0,
            None => return Err(HttpError::NotUnderstood),
        };
        if length > MAX_BODY_BYTES {
            return Err(HttpError::NotUnderstood);
        }
        let mut body = head.into_inner().take(length);
        if body.read_to_end(&mut response.body)? as u64 != length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(response)
    }

    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

fn read_line(head: &mut impl BufRead) -> Result<String, HttpError> {
    let mut line = String::new();
    head.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(HttpError::NotUnderstood),
    }
}

/// Encodes a path segment.
pub fn percent_encode(segment: &str) -> String {
    segment
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
pub mod tests {
    use std::{net::TcpListener, sync::mpsc, thread};

    use super::*;

    /// A server that gives `answer(request)` to each request and hands the requests over; its URL.
    pub fn serve(
        answer: impl Fn(&str) -> &'static str + Send + 'static,
    ) -> (String, mpsc::Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, requests) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read_request(&stream);
                let answer = answer(&request);
                // Before the answer, so that it is there when the client has its answer.
                if seen.send(request).is_err() {
                    return;
                }
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (url, requests)
    }

    fn read_request(stream: &TcpStream) -> String {
        let mut reader = BufReader::new(stream);
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            reader.read_line(&mut request).unwrap();
        }
        let (_, length) = request.split_once("Content-Length: ").unwrap();
        let length = length.split_once("\r\n").unwrap().0.parse().unwrap();
        reader.take(length).read_to_string(&mut request).unwrap();
        request
    }

    #[test]
    fn a_post_is_one_request_below_the_base_path() {
        let (url, requests) = serve(|_| "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok");
        let endpoint = Endpoint::parse(&format!("{url}/demo/")).unwrap();
        let response = endpoint.post("/x", b"hello").unwrap();
        assert_eq!(
            (response.status, response.body.as_slice()),
            (202, &b"ok"[..])
        );
        let authority = url.strip_prefix("http://").unwrap();
        assert_eq!(
            requests.recv().unwrap(),
            format!(
                "POST /demo/x HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 5\r\n\
                 Connection: close\r\n\r\nhello"
            )
        );
    }

    #[test]
    fn an_answer_that_is_cut_or_not_http_is_an_error() {
        for answer in [
            "",
            "HTTP/1.1 200 OK",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 20\r\nContent-Length: 0\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ] {
            assert!(Response::read(answer.as_bytes()).is_err(), "{answer:?}");
        }
    }

    #[test]
    fn only_plain_http_endpoints_are_taken() {
        assert!(Endpoint::parse("https://localhost:4100/demo").is_err());
        let endpoint = Endpoint::parse("http://localhost").unwrap();
        assert_eq!(
            (&*endpoint.authority, &*endpoint.base_path),
            ("localhost:80", "")
        );
        let endpoint = Endpoint::parse("http://[::1]:4100/demo").unwrap();
        assert_eq!(
            (&*endpoint.authority, &*endpoint.base_path),
            ("[::1]:4100", "/demo")
        );
    }

    #[test]
    fn a_connection_id_is_encoded_once() {
        assert_eq!(
            percent_encode("gbgBH8-ydQ_YKEjZQA=="),
            "gbgBH8-ydQ_YKEjZQA%3D%3D"
        );
        assert_eq!(percent_encode("a/b %"), "a%2Fb%20%25");
    }
}
