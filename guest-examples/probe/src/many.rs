//! Many requests at once, and what a program can make the host hold for them.

use anyhow::{Context as _, Result, anyhow, bail};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody,
    OutgoingRequest, Scheme,
};
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, StreamError};

/// A request for `url`, over HTTP without TLS.
fn request(url: &str, method: &Method, headers: Fields) -> Result<OutgoingRequest> {
    let rest = url.strip_prefix("http://").context("an HTTP URL")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = OutgoingRequest::new(headers);
    let set = request
        .set_method(method)
        .and_then(|()| request.set_scheme(Some(&Scheme::Http)))
        .and_then(|()| request.set_authority(Some(authority)))
        .and_then(|()| request.set_path_with_query(Some(path)));
    set.map_err(|()| anyhow!("the host refuses the request"))?;
    Ok(request)
}

fn start(url: &str) -> Result<FutureIncomingResponse> {
    let request = request(url, &Method::Get, Fields::new())?;
    Ok(outgoing_handler::handle(request, None)?)
}

fn reply(future: &FutureIncomingResponse) -> Result<IncomingResponse> {
    future.subscribe().block();
    match future.get() {
        Some(Ok(reply)) => Ok(reply?),
        Some(Err(())) | None => bail!("the reply was taken before"),
    }
}

fn read(reply: &IncomingResponse) -> Result<usize> {
    let taken = |()| anyhow!("it was taken before");
    let body: IncomingBody = reply.consume().map_err(taken)?;
    let stream: InputStream = body.stream().map_err(taken)?;
    let mut total = 0;
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(bytes) => total += bytes.len(),
            Err(StreamError::Closed) => return Ok(total),
            Err(error) => bail!("{error:?}"),
        }
    }
}

/// Starts `count` requests, and then reads their replies in order, each to its end.
pub fn many(count: usize, url: &str) -> Result<()> {
    let started: Vec<_> = (0..count).map(|_| start(url)).collect::<Result<_>>()?;
    let mut bytes = 0;
    for future in started {
        bytes += read(&reply(&future)?)?;
    }
    println!("{count} replies, {bytes} bytes");
    Ok(())
}

/// Starts `count` requests, and then waits for the heads of all replies and reads no body.
pub fn heads(count: usize, url: &str) -> Result<()> {
    let started: Vec<_> = (0..count).map(|_| start(url)).collect::<Result<_>>()?;
    let replies: Vec<_> = started.iter().map(reply).collect();
    for reply in &replies {
        match reply {
            Ok(reply) => println!("status: {}", reply.status()),
            Err(error) => println!("error: {error:#}"),
        }
    }
    Ok(())
}

/// Makes the host hold what `what` says, `count` times, and says how often it did.
pub fn hold(what: &str, count: usize, url: &str) -> Result<()> {
    let mut held: Vec<Box<dyn std::any::Any>> = Vec::new();
    let one = || -> Result<Box<dyn std::any::Any>> {
        Ok(match what {
            "headers" => Box::new(large_fields()?),
            "many-headers" => Box::new(many_fields()?),
            "requests" => Box::new(request(url, &Method::Get, large_fields()?)?),
            "started" => {
                let request = request(url, &Method::Get, large_fields()?)?;
                Box::new(outgoing_handler::handle(request, None)?)
            }
            "methods" => {
                let method = Method::Other("M".repeat(1 << 20));
                Box::new(request(url, &method, Fields::new())?)
            }
            "authorities" => {
                let url = format!("http://{}/", "a".repeat(1 << 20));
                Box::new(request(&url, &Method::Get, Fields::new())?)
            }
            "bodies" => Box::new(unsent(url)?),
            "listings" => {
                let (folder, _) = wasip2::filesystem::preopens::get_directories()
                    .pop()
                    .context("a granted folder")?;
                Box::new(folder.read_directory()?)
            }
            "random" => {
                drop(wasip2::random::random::get_random_bytes(1 << 20));
                Box::new(())
            }
            "polls" => {
                let ready: Pollable = wasip2::clocks::monotonic_clock::subscribe_duration(0);
                drop(poll(&vec![&ready; 1_000_000]));
                Box::new(())
            }
            _ => bail!("nothing is called {what}"),
        })
    };
    for _ in 0..count {
        match one() {
            Ok(one) => held.push(one),
            Err(error) => {
                println!("error: {error:#}");
                break;
            }
        }
    }
    println!("held: {}", held.len());
    Ok(())
}

/// Headers of as many bytes as the host takes.
fn large_fields() -> Result<Fields> {
    let fields = Fields::new();
    for _ in 0..15 {
        fields.append("x-large", &vec![b'x'; 4000])?;
    }
    Ok(fields)
}

/// As many headers as the host takes.
fn many_fields() -> Result<Fields> {
    let fields = Fields::new();
    for name in 0.. {
        if fields.append(&format!("{name:x}"), b"").is_err() {
            break;
        }
    }
    Ok(fields)
}

/// A request under way whose body has as much in it as the host takes at once.
fn unsent(url: &str) -> Result<(FutureIncomingResponse, OutgoingBody)> {
    let request = request(url, &Method::Post, Fields::new())?;
    let taken = |()| anyhow!("it was taken before");
    let body = request.body().map_err(taken)?;
    {
        let stream = body.write().map_err(taken)?;
        while let Ok(room @ 1..) = stream.check_write() {
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            stream.write(&vec![b'b'; room.min(1 << 20)])?;
        }
    }
    Ok((outgoing_handler::handle(request, None)?, body))
}
