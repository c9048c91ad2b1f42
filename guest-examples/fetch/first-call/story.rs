//! One call from both sides: what the program and the record show, and what the API saw.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError};

use super::canary::Canary;

/// What the policy and the service of the example have for an address.
const DOCUMENTED: &str = "127.0.0.1:8080";

/// Runs `fetch` under `agentbox` against an API of its own, and tells of it on `out`.
///
/// # Errors
/// As soon as anything is not as it says.
pub(crate) fn tell(agentbox: &Path, fetch: &Path, out: &mut dyn Write) -> Result<(), String> {
    let key = Canary::fresh();
    let api = Api::start(&key).map_err(|error| format!("the API does not start: {error}"))?;
    let stage = Stage::set(agentbox, fetch, &api.address)?;

    say(
        out,
        &format!(
            "An API starts on {}. It wants a key, made just now, in `x-api-key`.",
            api.address
        ),
    )?;
    let status = ask_without_key(&api.address).map_err(|error| error.to_string())?;
    say(out, &format!("  GET /v1/widgets without the key: {status}"))?;
    claim(status.starts_with("401"), "the API demands its key")?;

    say(
        out,
        "\nA program calls it. The policy says where the key comes from, and what it may be used for.",
    )?;
    let url = format!("http://{}", api.address);
    let run = ["run", "--policy", "agentbox.toml", "fetch.wasm", &url];
    say(out, &format!("$ agentbox {}", run.join(" ")))?;
    let ran = stage.agentbox(&run, Some(&key))?;
    show(out, &ran)?;
    claim(ran.status.success(), "the program succeeds")?;
    let err = String::from_utf8_lossy(&ran.stderr);
    claim(err.contains("denied[AB0202]: DELETE"), "deleting is denied")?;

    say(out, "\nWhat the API saw:")?;
    let seen = api.seen();
    for (request, keyed) in &seen {
        let with = if *keyed { "with the key" } else { "no key" };
        say(out, &format!("  {request:<28} {with}"))?;
    }
    let expected = [
        ("GET /v1/widgets", false),
        ("GET /v1/widgets", true),
        ("POST /v1/widgets/w-1/notes", true),
    ];
    let seen = seen
        .iter()
        .map(|(request, keyed)| (request.as_str(), *keyed));
    claim(
        seen.eq(expected),
        "the API sees these requests and no other",
    )?;
    say(out, "The first was ours. The DELETE never left.")?;

    let runs = stage.agentbox(&["audit"], None)?;
    let runs = String::from_utf8_lossy(&runs.stdout).into_owned();
    let id = runs.split(' ').next().unwrap_or_default();
    say(out, &format!("\n$ agentbox audit {id}"))?;
    let audit = stage.agentbox(&["audit", id], None)?;
    show(out, &audit)?;

    let mut searched = vec![ran.stdout, ran.stderr, audit.stdout, audit.stderr];
    let kept = stage.kept()?;
    let files = kept.len();
    searched.extend(kept);
    claim(files > 0, "agentbox keeps a record")?;
    for bytes in &searched {
        claim(
            key.search(bytes).is_empty(),
            "the key is nowhere but where it belongs",
        )?;
    }
    let bytes: usize = searched.iter().map(Vec::len).sum();
    say(
        out,
        &format!(
            "\nThe key is in nothing that was printed and in none of the {files} files agentbox keeps: \
         {bytes} bytes,\nsearched plain, reversed, and as hex, base64, percent and JSON escapes."
        ),
    )
}

fn say(out: &mut dyn Write, text: &str) -> Result<(), String> {
    writeln!(out, "{text}").map_err(|error| error.to_string())
}

/// What a command printed: first its output, then what it said besides.
fn show(out: &mut dyn Write, output: &Output) -> Result<(), String> {
    for stream in [&output.stdout, &output.stderr] {
        for line in String::from_utf8_lossy(stream).lines() {
            say(out, &format!("  {line}"))?;
        }
    }
    Ok(())
}

fn claim(holds: bool, what: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(format!("this is not so: {what}"))
    }
}

/// A folder with the program, its policy, and a place for what agentbox keeps.
struct Stage {
    folder: tempfile::TempDir,
    agentbox: PathBuf,
}

impl Stage {
    fn set(agentbox: &Path, fetch: &Path, address: &str) -> Result<Self, String> {
        let set = || {
            let folder = tempfile::tempdir()?;
            let policy = include_str!("../agentbox.toml").replace(DOCUMENTED, address);
            fs::write(folder.path().join("agentbox.toml"), policy)?;
            fs::copy(fetch, folder.path().join("fetch.wasm"))?;
            Ok(folder)
        };
        let folder = set().map_err(|error: io::Error| error.to_string())?;
        Ok(Self {
            folder,
            agentbox: agentbox.to_owned(),
        })
    }

    /// Runs a command, which has the key only if it is given here.
    fn agentbox(&self, arguments: &[&str], key: Option<&Canary>) -> Result<Output, String> {
        let home = self.folder.path();
        Command::new(&self.agentbox)
            .args(arguments)
            .current_dir(home)
            .env_clear()
            .env("HOME", home)
            .envs(key.map(|key| ("WIDGETS_KEY", key.text())))
            .output()
            .map_err(|error| format!("{}: {error}", self.agentbox.display()))
    }

    /// Every file that agentbox left.
    fn kept(&self) -> Result<Vec<Vec<u8>>, String> {
        let mut waiting = vec![self.folder.path().join(".local")];
        let mut files = Vec::new();
        let mut read = || -> io::Result<()> {
            while let Some(folder) = waiting.pop() {
                for entry in fs::read_dir(folder)? {
                    let path = entry?.path();
                    if path.is_dir() {
                        waiting.push(path);
                    } else {
                        files.push(fs::read(path)?);
                    }
                }
            }
            Ok(())
        };
        read().map_err(|error| error.to_string())?;
        Ok(files)
    }
}

/// The widget service, on a port of its own, for as long as this process lives.
struct Api {
    address: String,
    seen: Arc<Mutex<Vec<(String, bool)>>>,
}

impl Api {
    fn start(key: &Canary) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (key, shared) = (key.clone(), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A request that breaks off is none.
                serve(stream, &key, &shared).ok();
            }
        });
        Ok(Self { address, seen })
    }

    /// Each request so far, and whether it had the key.
    fn seen(&self) -> Vec<(String, bool)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }
}

/// Answers one request and closes the connection.
fn serve(stream: TcpStream, key: &Canary, seen: &Mutex<Vec<(String, bool)>>) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let request = line()?.trim_end_matches(" HTTP/1.1").to_owned();
    let (mut keys, mut length, mut chunked) = (Vec::new(), 0, false);
    loop {
        let header = line()?;
        match header.split_once(": ") {
            None => break,
            Some(("x-api-key", value)) => keys.push(value.to_owned()),
            Some(("content-length", value)) => length = value.parse().unwrap_or(0),
            Some(("transfer-encoding", _)) => chunked = true,
            Some(_) => {}
        }
    }
    while chunked && line()? != "0" {}
    if chunked {
        line()?;
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;

    let keyed = keys == [key.text()];
    let (status, body) = match request.as_str() {
        _ if !keyed => ("401 Unauthorized", r#"{"error":"no such key"}"#),
        "GET /v1/widgets" => (
            "200 OK",
            r#"{"widgets":[{"id":"w-1","name":"left-handed screw"},{"id":"w-2","name":"sky hook"}]}"#,
        ),
        "POST /v1/widgets/w-1/notes" => ("201 Created", r#"{"id":"n-1"}"#),
        _ => ("200 OK", "{}"),
    };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.push((request, keyed));
    drop(seen);
    let length = body.len();
    write!(
        &stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}

/// The status of a request that nobody keyed.
fn ask_without_key(address: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET /v1/widgets HTTP/1.1\r\nhost: {address}\r\n\r\n"
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let status = reply.lines().next().unwrap_or_default();
    Ok(status.trim_start_matches("HTTP/1.1 ").to_owned())
}
