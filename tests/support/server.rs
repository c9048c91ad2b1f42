//! A real server as a child process in a folder of its own, which never outlives the tests.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server. Dropping it stops the server and removes its folder; so does the end of this
/// process, whichever way it ends.
#[derive(Debug)]
pub(crate) struct Server {
    guardian: Child,
    /// While this is open the guardian lets the server run.
    lifeline: Option<ChildStdin>,
    folder: PathBuf,
}

impl Server {
    /// Starts `command` in `folder`, which then belongs to the server.
    pub(crate) fn start<S: AsRef<OsStr>>(
        folder: tempfile::TempDir,
        command: &[S],
        env: &[(&str, &str)],
    ) -> Self {
        let folder = folder.keep();
        let guardian =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/servers/guardian.py");
        let mut guardian = Command::new("python3")
            .arg(guardian)
            .arg(&folder)
            .args(command)
            .env("HOME", &folder)
            .envs(env.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let lifeline = guardian.stdin.take();
        Self {
            guardian,
            lifeline,
            folder,
        }
    }

    /// Waits until `ready` says so. Panics with the end of the server's log when the server ends
    /// first or takes longer than two minutes.
    pub(crate) fn wait_until(&mut self, mut ready: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !ready() {
            let gone = self.guardian.try_wait().expect("a child can be waited for");
            assert!(
                gone.is_none() && Instant::now() < deadline,
                "the server is not ready ({gone:?}); its log ends:\n{}",
                self.log_end()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Where the server keeps its data and `server.log`.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn log_end(&self) -> String {
        let log = std::fs::read(self.folder.join("server.log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(4000)..]).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // It may have gone already, with its server; then only the folder is left.
        self.guardian.wait().ok();
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).ok();
        }
    }
}

/// A port of 127.0.0.1 that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1 is free");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}
