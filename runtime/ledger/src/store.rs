//! The database: opening it, and one transaction for the demands that wait together.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::demand::Demand;
use crate::error::{Problem, Shortage, VERSION};
use crate::spend::spend;

/// Where the counts are.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Folder(PathBuf),
    Memory,
}

/// An open database.
pub(crate) struct Store {
    connection: Connection,
    file: Option<File>,
}

impl Store {
    /// Opens what is at `place`, and makes it where it is not there.
    pub(crate) fn open(place: &Place) -> Result<Self, Problem> {
        let (mut connection, file) = match place {
            Place::Folder(folder) => {
                let file = File::make(folder)?;
                // Without `SQLITE_OPEN_URI`: a folder's name is never taken for a URI.
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX
                    | OpenFlags::SQLITE_OPEN_NOFOLLOW;
                (Connection::open_with_flags(&file.path, flags)?, Some(file))
            }
            Place::Memory => (Connection::open_in_memory()?, None),
        };
        connection.busy_timeout(PATIENCE)?;
        use_write_ahead_log(&connection)?;
        // A commit survives the death of every process, not the machine's loss of power.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        make_tables(&mut connection)?;
        Ok(Self { connection, file })
    }

    /// Whether the folder still leads to this database. Where someone has removed or replaced the
    /// file, other processes count elsewhere.
    pub(crate) fn is_current(&self) -> bool {
        self.file.as_ref().is_none_or(File::is_current)
    }

    /// Answers each of `demands` in turn, in one transaction: `None` for one that was counted.
    pub(crate) fn reserve(
        &mut self,
        demands: &[&Demand],
    ) -> Result<Vec<Option<Shortage>>, Problem> {
        // Immediate: what is read stays true until the commit, whoever else has the file open.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answers = demands
            .iter()
            .map(|demand| spend(&transaction, demand))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        transaction.commit()?;
        Ok(answers)
    }
}

/// The database's file, made safe before SQLite sees it.
struct File {
    path: PathBuf,
    identity: (u64, u64),
}

impl File {
    fn make(folder: &Path) -> Result<Self, Problem> {
        let in_folder = |source| Problem::File {
            path: folder.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(in_folder)?;
        // SQLite is told not to follow links, and would refuse one anywhere in the path.
        let path = folder.canonicalize().map_err(in_folder)?.join("ledger.db");
        let in_file = |source| Problem::File {
            path: path.clone(),
            source,
        };
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
        {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(in_file(error)),
            _ => Ok(()),
        }?;
        let metadata = path.symlink_metadata().map_err(in_file)?;
        if !metadata.is_file() {
            return Err(Problem::NotAFile { path });
        }
        if metadata.mode() & 0o077 != 0 {
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(in_file)?;
        }
        let identity = (metadata.dev(), metadata.ino());
        Ok(Self { path, identity })
    }

    fn is_current(&self) -> bool {
        let metadata = self.path.symlink_metadata();
        metadata.is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == self.identity)
    }
}

/// Readers and one writer at a time do not wait for each other's disk.
fn use_write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        let set = connection.pragma_update(None, "journal_mode", "wal");
        match set {
            // Two that turn it on at once may collide without SQLite waiting for the other.
            Err(rusqlite::Error::SqliteFailure(error, _))
                if error.code == ErrorCode::DatabaseBusy && tries < 200 =>
            {
                tries += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

fn make_tables(connection: &mut Connection) -> Result<(), Problem> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match found {
        VERSION => Ok(()),
        0 => {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            Ok(transaction.commit()?)
        }
        found => Err(Problem::Version {
            path: connection_name(&transaction),
            found,
        }),
    }
}

fn connection_name(connection: &Connection) -> String {
    connection.path().unwrap_or_default().to_owned()
}

/// How long to wait for other processes, each of which holds the database for milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// `spent`: one row for each reservation under a limit, numbered from one without gaps in the order
/// of their times. `runs`: how many one run has used. `clock`: the newest time any row was made at.
const TABLES: &str = "
    CREATE TABLE spent (
        agent TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (agent, name, number)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX spent_at ON spent (at);
    CREATE TABLE runs (
        agent TEXT NOT NULL, name TEXT NOT NULL, run TEXT NOT NULL, used INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (agent, name, run)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX runs_at ON runs (at);
    CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 0), newest INTEGER NOT NULL) STRICT;
    INSERT INTO clock VALUES (0, 0);
";

#[cfg(test)]
impl Store {
    pub(crate) fn query<T: rusqlite::types::FromSql>(&self, text: &str) -> rusqlite::Result<T> {
        self.connection.query_row(text, [], |row| row.get(0))
    }
}
