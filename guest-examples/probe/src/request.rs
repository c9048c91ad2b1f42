//! Requests over `wasi:http`, by the bindings and by an HTTP crate.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use futures_concurrency::future::Join as _;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// Sends one request and prints status, headers and body. `rest` holds `name:value` headers, a
/// body after `@`, and `connect=MS`, `first-byte=MS` and `between-bytes=MS` timeouts.
pub fn http(method: &str, url: &str, rest: &[&str]) -> Result<()> {
    let wanted = Wanted::parse(rest)?;
    let reply = send(method, url, &wanted, |stream| match &wanted.body {
        Some(body) => write_all(stream, body),
        None => Ok(()),
    })?;
    println!("status: {}", reply.status());
    for (name, value) in reply.headers().entries() {
        println!("{name}: {}", String::from_utf8_lossy(&value));
    }
    println!();
    let mut out = std::io::stdout().lock();
    read_all(&reply, 64 * 1024, |bytes| Ok(out.write_all(bytes)?))?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Sends several requests as [`http`] does, one after the other, whatever becomes of those before.
/// Each is a method, a URL and what [`http`] takes besides; `--` stands between two.
pub fn each(calls: &[&str]) {
    for call in calls.split(|word| *word == "--") {
        let sent = match call {
            [method, url, rest @ ..] => http(method, url, rest),
            _ => Err(anyhow!("a call is a method and a URL")),
        };
        if let Err(error) = sent {
            println!("error: {error:#}");
        }
    }
}

/// Sends `count` requests one after the other and prints only how each ended.
pub fn repeat(count: usize, method: &str, url: &str) -> Result<()> {
    for _ in 0..count {
        match send(method, url, &Wanted::default(), |_| Ok(())) {
            Ok(reply) => {
                println!("status: {}", reply.status());
                read_all(&reply, 64 * 1024, |_| Ok(()))?;
            }
            Err(error) => println!("error: {error:#}"),
        }
    }
    Ok(())
}

/// Sends `count` requests at once and prints how long all of them took.
pub fn parallel(count: usize, url: &str) -> Result<()> {
    use wstd::http::{Body, Client, Request};
    let start = Instant::now();
    let outcomes = wstd::runtime::block_on(async {
        let calls: Vec<_> = (0..count)
            .map(|_| async {
                let request = Request::get(url).body(Body::empty())?;
                let reply = Client::new().send(request).await?;
                let status = reply.status().as_u16();
                let mut body = reply.into_body();
                Ok::<_, anyhow::Error>((status, body.contents().await?.len()))
            })
            .collect();
        calls.join().await
    });
    let elapsed = start.elapsed().as_millis();
    for outcome in outcomes {
        match outcome {
            Ok((status, bytes)) => println!("status: {status}, {bytes} bytes"),
            Err(error) => println!("error: {error:#}"),
        }
    }
    println!("elapsed: {elapsed} ms");
    Ok(())
}

/// Sends a body of `bytes` bytes, in pieces as the host takes them, without a content-length.
pub fn long_upload(bytes: u64, url: &str) -> Result<()> {
    let piece = [b'u'; 4096];
    let mut written = 0_u64;
    let reply = send("POST", url, &Wanted::with_body(), |stream| {
        while written < bytes {
            let length = usize::try_from(bytes - written).unwrap_or(4096).min(4096);
            stream.blocking_write_and_flush(&piece[..length])?;
            written += length as u64;
        }
        Ok(())
    });
    eprintln!("uploaded: {written}");
    let reply = reply?;
    println!("status: {}", reply.status());
    read_all(&reply, 64 * 1024, |_| Ok(()))
}

/// Sends what comes through standard input as it comes, without a content-length.
pub fn upload_stdin(url: &str) -> Result<()> {
    let reply = send("POST", url, &Wanted::with_body(), |stream| {
        let mut input = std::io::stdin().lock();
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = input.read(&mut piece) {
            stream.blocking_write_and_flush(&piece[..length])?;
        }
        Ok(())
    })?;
    println!("status: {}", reply.status());
    read_all(&reply, 64 * 1024, |_| Ok(()))
}

/// Reads a reply 1 KiB at a time with a pause between reads.
pub fn read_slow(url: &str, pause_ms: u64) -> Result<()> {
    let reply = send("GET", url, &Wanted::default(), |_| Ok(()))?;
    println!("status: {}", reply.status());
    let mut total = 0;
    let outcome = read_all(&reply, 1024, |bytes| {
        total += bytes.len();
        std::thread::sleep(Duration::from_millis(pause_ms));
        Ok(())
    });
    println!("read: {total}");
    outcome
}

/// Takes a reply's head and lets go of its body.
pub fn drop_body(url: &str) -> Result<()> {
    let reply = send("GET", url, &Wanted::default(), |_| Ok(()))?;
    println!("status: {}", reply.status());
    Ok(())
}

/// What a request carries beside its method and URL.
#[derive(Default)]
struct Wanted {
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    connect: Option<u64>,
    first_byte: Option<u64>,
    between_bytes: Option<u64>,
}

impl Wanted {
    fn with_body() -> Self {
        Self {
            body: Some(Vec::new()),
            ..Self::default()
        }
    }

    fn parse(words: &[&str]) -> Result<Self> {
        let mut wanted = Self::default();
        for word in words {
            if let Some(body) = word.strip_prefix('@') {
                wanted.body = Some(body.as_bytes().to_vec());
            } else if let Some(ms) = word.strip_prefix("connect=") {
                wanted.connect = Some(ms.parse()?);
            } else if let Some(ms) = word.strip_prefix("first-byte=") {
                wanted.first_byte = Some(ms.parse()?);
            } else if let Some(ms) = word.strip_prefix("between-bytes=") {
                wanted.between_bytes = Some(ms.parse()?);
            } else {
                let (name, value) = word.split_once(':').context("a header is `name:value`")?;
                wanted
                    .headers
                    .push((name.to_owned(), value.as_bytes().to_vec()));
            }
        }
        Ok(wanted)
    }

    fn options(&self) -> Result<Option<RequestOptions>> {
        if self
            .connect
            .or(self.first_byte)
            .or(self.between_bytes)
            .is_none()
        {
            return Ok(None);
        }
        let options = RequestOptions::new();
        let nanoseconds = |ms: Option<u64>| ms.map(|ms| ms * 1_000_000);
        let set = options
            .set_connect_timeout(nanoseconds(self.connect))
            .and_then(|()| options.set_first_byte_timeout(nanoseconds(self.first_byte)))
            .and_then(|()| options.set_between_bytes_timeout(nanoseconds(self.between_bytes)));
        set.map_err(|()| anyhow!("the host takes no timeouts"))?;
        Ok(Some(options))
    }
}

/// Sends a request whose parts are cut from `url` textually: nothing is parsed or repaired.
fn send(
    method: &str,
    url: &str,
    wanted: &Wanted,
    write: impl FnOnce(&OutputStream) -> Result<(), StreamError>,
) -> Result<IncomingResponse> {
    let (scheme, rest) = url.split_once("://").context("a URL has a scheme")?;
    let cut = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(cut);

    let headers = Fields::new();
    for (name, value) in &wanted.headers {
        headers
            .append(name, value)
            .map_err(|error| anyhow!("header `{name}`: {error:?}"))?;
    }
    let request = OutgoingRequest::new(headers);
    let refused = |what: &'static str| move |()| anyhow!("the host refuses the {what}");
    request
        .set_method(&method_of(method))
        .map_err(refused("method"))?;
    request
        .set_scheme(Some(&scheme_of(scheme)))
        .map_err(refused("scheme"))?;
    request
        .set_authority(Some(authority))
        .map_err(refused("authority"))?;
    request
        .set_path_with_query(Some(path))
        .map_err(refused("path"))?;

    let body = request
        .body()
        .map_err(|()| anyhow!("the request has no body"))?;
    let reply = outgoing_handler::handle(request, wanted.options()?).map_err(failed)?;
    let mut written = Ok(());
    if wanted.body.is_some() {
        let stream = body
            .write()
            .map_err(|()| anyhow!("the body cannot be written"))?;
        written = write(&stream);
        drop(stream);
    }
    // A host that refused the call may also have closed the body; the reason why is in the reply.
    let finished = OutgoingBody::finish(body, None);
    reply.subscribe().block();
    let reply = match reply.get() {
        Some(Ok(Ok(reply))) => reply,
        Some(Ok(Err(code))) => return Err(failed(code)),
        Some(Err(())) | None => bail!("the reply was taken before"),
    };
    written.map_err(|error| anyhow!("request body: {error:?}"))?;
    finished.map_err(failed)?;
    Ok(reply)
}

fn write_all(stream: &OutputStream, bytes: &[u8]) -> Result<(), StreamError> {
    bytes
        .chunks(4096)
        .try_for_each(|piece| stream.blocking_write_and_flush(piece))
}

/// Hands on a reply's body piece by piece, and says how it ended if that was badly.
fn read_all(
    reply: &IncomingResponse,
    piece: u64,
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let body: IncomingBody = reply
        .consume()
        .map_err(|()| anyhow!("the body was taken before"))?;
    let stream: InputStream = body
        .stream()
        .map_err(|()| anyhow!("the stream was taken before"))?;
    loop {
        match stream.blocking_read(piece) {
            Ok(bytes) => take(&bytes)?,
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasip2::http::types::http_error_code(&error);
                return Err(code.map_or_else(
                    || anyhow!("reply body: {}", error.to_debug_string()),
                    |code| failed(code).context("reply body"),
                ));
            }
        }
    }
}

fn failed(code: ErrorCode) -> anyhow::Error {
    anyhow!("{code:?}")
}

fn method_of(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme_of(name: &str) -> Scheme {
    match name {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}
