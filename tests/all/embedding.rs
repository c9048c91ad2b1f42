//! A host that embeds the runtime, and what programs must not reach of it.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use agentbox_embed::{
    Compiler, Input, Mode, Output, PolicyFile, Program, Resolver, Resolving, RunOptions, Runtime,
    Sink, StateFolder, Stop, SystemResolver,
};
use agentbox_policy::Bounds;

use crate::support::api::{self, Api};
use crate::support::caller::{Caller, Terms};
use crate::support::guests::guest;

/// A host with a policy for `origin`, and what it was told of calls that got no reply.
struct Host {
    caller: Caller,
    runtime: Runtime,
    program: Program,
    own: Vec<SocketAddr>,
    resolver: Arc<dyn Resolver>,
}

impl Host {
    fn new(terms: &Terms<'_>) -> Self {
        let caller = Caller::new(&Terms {
            from: "dotenv://.env#API_KEY",
            ..terms.clone()
        });
        let line = format!("API_KEY={}\n", caller.key.text());
        caller.ground.write(".env", &line);
        let state = StateFolder::open(&caller.ground.work().join("state"));
        let runtime = Runtime::new(state.expect("a state folder")).expect("a runtime");
        let bytes = std::fs::read(guest("probe")).expect("the probe is built");
        let program = runtime
            .compile(&Compiler::InProcess, &bytes, &Bounds::default())
            .expect("a program");
        Self {
            caller,
            runtime,
            program,
            own: Vec::new(),
            resolver: Arc::new(SystemResolver),
        }
    }

    /// Lets the probe ask for `url`: its exit code, and what the host was told.
    fn get(&self, url: &str) -> (u8, Vec<String>) {
        self.run(&["http", "GET", url])
    }

    /// Lets the probe do what `words` say.
    fn run(&self, words: &[&str]) -> (u8, Vec<String>) {
        let file = PolicyFile::open(&self.caller.ground.work().join("agentbox.toml"));
        let (policy, folder) = file.expect("a policy").into_parts();
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let sink = || Sink {
            write: Box::new(std::io::sink()),
            terminal: false,
        };
        let options = RunOptions {
            name: "probe".to_owned(),
            args: words.iter().map(|word| (*word).to_owned()).collect(),
            input: Input::Bytes(Default::default()),
            output: Output {
                stdout: sink(),
                stderr: sink(),
            },
            mode: Mode::default(),
            authorities: Vec::new(),
            own: self.own.clone(),
            resolver: Arc::clone(&self.resolver),
            folder: Some(folder),
            observer: Arc::new(move |refused| {
                let line = format!("{}: {}", refused.code, refused.message);
                heard.lock().expect("whole").push(line);
            }),
            stop: Stop::new(),
        };
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads");
        let run = self.runtime.run(&self.program, Arc::new(policy), options);
        let outcome = threads.block_on(run);
        let exit = outcome.expect("a run").exit_code();
        let told = told.lock().expect("whole").clone();
        (exit, told)
    }
}

#[test]
fn d09_a_program_does_not_reach_what_its_host_listens_on() {
    let api = Api::always(api::json(200, "{}"));
    let address: SocketAddr = api.authority().parse().expect("an address");
    let url = format!("{}/v1/things", api.url());
    let mut host = Host::new(&Terms::at(&api.url()));
    let any = |ip: &str| SocketAddr::new(ip.parse().expect("an address"), address.port());
    for own in [address, any("0.0.0.0"), any("::")] {
        host.own = vec![own];
        let (exit, told) = host.get(&url);
        let expected = format!(
            "AB0210: {address} is where agentbox's own process listens, which no program may reach"
        );
        assert_eq!((exit, told), (1, vec![expected]), "{own}");
    }
    assert!(api.requests().is_empty());
    // Somebody else's port is none of its own.
    host.own = vec![SocketAddr::new(address.ip(), 1)];
    assert_eq!(host.get(&url), (0, Vec::new()));
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn two_runs_of_a_host_never_share_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
    let origin = format!("http://{}", listener.local_addr().expect("it is bound"));
    let connections = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            seen.fetch_add(1, Ordering::SeqCst);
            // Whoever asks may ask again over the same connection.
            std::thread::spawn(move || keep_answering(stream).ok());
        }
    });
    let host = Host::new(&Terms::at(&origin));
    let url = format!("{origin}/v1/things");
    for runs in 1..=2 {
        assert_eq!(host.run(&["twice", "GET", &url]), (0, Vec::new()));
        assert_eq!(connections.load(Ordering::SeqCst), runs);
    }
}

fn keep_answering(mut stream: TcpStream) -> std::io::Result<()> {
    let mut heard = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        heard.extend_from_slice(&piece[..length]);
        if heard.ends_with(b"\r\n\r\n") {
            heard.clear();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")?;
        }
    }
}

/// Says the same of every name, and keeps what it was asked.
struct Same(IpAddr, Mutex<Vec<String>>);

impl Resolver for Same {
    fn resolve(&self, host: String) -> Resolving {
        self.1.lock().expect("whole").push(host);
        let address = self.0;
        Box::pin(async move { Ok(vec![address]) })
    }
}

#[test]
fn d01_what_a_hosts_own_resolver_says_is_checked_all_the_same() {
    let api = Api::always(api::json(200, "{}"));
    let origin = api
        .url()
        .replace("http://127.0.0.1", "https://api.widgets.example");
    let mut host = Host::new(&Terms::at(&origin));
    let resolver = Arc::new(Same([127, 0, 0, 1].into(), Mutex::default()));
    host.resolver = Arc::clone(&resolver) as Arc<dyn Resolver>;
    let (exit, told) = host.get(&format!("{origin}/v1/things"));
    let expected =
        "AB0210: `api.widgets.example` leads to 127.0.0.1, which the policy does not admit";
    assert_eq!((exit, told), (1, vec![expected.to_owned()]));
    let asked = resolver.1.lock().expect("whole").clone();
    assert_eq!(asked, ["api.widgets.example"]);
    assert!(api.requests().is_empty());
}
