//! Does one thing by name, for the tests: computes, allocates, calls, waits or fails.
//!
//! The first argument says what; `main` lists them. HTTP goes through the bindings themselves, so
//! that a test can send any bytes as method, authority, path and header, and sees the exact error
//! code; `parallel` uses an HTTP crate.

mod beside;
mod machine;
mod many;
mod request;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match act(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["args", rest @ ..] => rest.iter().for_each(|argument| println!("{argument}")),
        ["env"] => env(),
        ["stdin"] => drop(io::copy(&mut io::stdin().lock(), &mut io::stdout().lock())?),
        ["stderr", text] => eprintln!("{text}"),
        ["exit", code] => return Ok(ExitCode::from(code.parse::<u8>()?)),
        ["panic"] => panic!("asked to"),
        ["spin"] => machine::spin(),
        ["recurse"] => println!("{}", machine::recurse(1)),
        ["alloc", mebibytes] => machine::alloc(mebibytes.parse()?)?,
        ["try-alloc", mebibytes] => machine::try_alloc(mebibytes.parse()?),
        ["flood", "stdout", bytes] => machine::flood(&mut io::stdout().lock(), bytes.parse()?)?,
        ["flood", "stderr", bytes] => machine::flood(&mut io::stderr().lock(), bytes.parse()?)?,
        ["raw-bytes", hex] => io::stdout().lock().write_all(&machine::unhex(hex)?)?,
        ["sleep", ms] => std::thread::sleep(Duration::from_millis(ms.parse()?)),
        ["clocks"] => clocks()?,
        ["random"] => println!(
            "{}",
            machine::hex(&wasip2::random::random::get_random_bytes(16))
        ),
        ["socket", address] => socket(address)?,
        ["resolve", name] => resolve(name)?,
        ["read", path] => io::stdout().lock().write_all(&std::fs::read(path)?)?,
        ["write", path, text] => std::fs::write(path, text)?,
        ["http", method, url, rest @ ..] => request::http(method, url, rest)?,
        ["twice", method, url, rest @ ..] => {
            request::http(method, url, rest)?;
            request::http(method, url, rest)?;
        }
        ["each", calls @ ..] => request::each(calls),
        ["memory-after", method, url, rest @ ..] => {
            request::http(method, url, rest)?;
            machine::print_memory(&mut io::stdout().lock())?;
        }
        ["parallel", count, url] => request::parallel(count.parse()?, url)?,
        ["many", count, url] => many::many(count.parse()?, url)?,
        ["heads", count, url] => many::heads(count.parse()?, url)?,
        ["hold", what, count, url] => many::hold(what, count.parse()?, url)?,
        ["repeat", count, method, url] => request::repeat(count.parse()?, method, url)?,
        ["beside", operation, arguments, url] => beside::beside(operation, arguments, url)?,
        ["long-upload", bytes, url] => request::long_upload(bytes.parse()?, url)?,
        ["upload-stdin", url] => request::upload_stdin(url)?,
        ["read-slow", url, pause_ms] => request::read_slow(url, pause_ms.parse()?)?,
        ["drop-body", url] => request::drop_body(url)?,
        _ => bail!("this probe cannot do {arguments:?}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn env() {
    let mut variables: Vec<_> = std::env::vars().collect();
    variables.sort();
    for (name, value) in variables {
        println!("{name}={value}");
    }
}

/// Prints the wall clock and how far the monotonic clock moved over ten milliseconds.
fn clocks() -> Result<()> {
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(10));
    let wall = SystemTime::now().duration_since(UNIX_EPOCH)?;
    println!("wall {} ms", wall.as_millis());
    println!("slept {} ms", start.elapsed().as_millis());
    Ok(())
}

fn socket(address: &str) -> Result<()> {
    let mut stream = std::net::TcpStream::connect(address).context("no connection")?;
    stream.write_all(b"hello")?;
    println!("connected to {address}");
    Ok(())
}

fn resolve(name: &str) -> Result<()> {
    use std::net::ToSocketAddrs as _;
    for address in (name, 80).to_socket_addrs().context("no address")? {
        println!("{address}");
    }
    Ok(())
}
