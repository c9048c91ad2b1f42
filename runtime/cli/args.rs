//! What was typed: flags and arguments, as clap reads them, and nothing else.

use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use agentbox_policy::{Amount, Bound, Bounds, LowerBounds, Unit};
use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand};

/// Runs programs that an AI agent wrote, without giving them a key.
///
/// A program runs with no secrets, files, environment or network of its own. What it may do is
/// written in a policy, `agentbox.toml`; each call is checked, given its key and recorded by the host.
#[derive(Debug, Parser)]
#[command(name = "agentbox", version, arg_required_else_help = true, after_help = FIRST_STEPS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) output: OutputFlags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
Examples:
  agentbox run program.wasm                    run it with nothing granted, or under the agentbox.toml found here
  agentbox run --policy agentbox.toml p.wasm   run it under this policy
  agentbox check p.wasm                        what it asks for, and whether the policy grants it
  agentbox policy explain                      what the policy allows, in plain sentences
  agentbox audit                               what was run, and what it did";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a program under a policy.
    #[command(after_long_help = EXIT_CODES)]
    Run(Box<RunArgs>),
    /// Checks a program against a policy, without running it.
    Check(CheckArgs),
    /// Reads, explains and approves policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Checks, lists, shows and copies connectors: APIs as data.
    #[command(subcommand)]
    Connector(ConnectorCommand),
    /// Shows what was run and what it did, newest first.
    Audit(AuditArgs),
    /// Explains a code such as AB0202.
    Explain(ExplainArgs),
}

const EXIT_CODES: &str = "\
Exit codes:
  any below 120   the program's own; 1 also for a crash or an `err` result
  120             refused before it started
  121             stopped: an upstream sent a key back, or --stop-on-denial
  122             stopped: a bound on output or calls
  123             a credential could not be had
  124             wall time used up
  125             a mistake in the command, or in agentbox
  126             processor time, memory, tables, instances, stack or handles used up
  130             interrupted by a signal
A program may exit with 120 or more as well; the `code` that --json prints tells the two
apart. It is null where the program ended by itself. Rust programs for wasm32-wasip2 exit
with 0 or 1 alone.

Environment:
  AGENTBOX_LOG    how much agentbox says of its own work: error (the default), debug, trace
  NO_COLOR        no colours, whatever the terminal";

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyFlag,
    /// Decides and records every call, and sends none. Limits count from zero, and keep nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Ends the run at the first call that is denied.
    #[arg(long)]
    pub(crate) stop_on_denial: bool,
    /// Trusts the certificate authorities in this PEM file as well.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Asks the DNS server at this address, such as `9.9.9.9` or `127.0.0.1:5353`, and not this
    /// system's resolver. Names are asked for as the policy has them, and nowhere else.
    #[arg(long, value_name = "ADDR", value_parser = parse_server)]
    pub(crate) resolver: Option<SocketAddr>,
    /// The program: a component, a core module, the text of either, or `-` for standard input; and
    /// its arguments. All that follows PROGRAM is the program's, flags and `--` included.
    // One list, since a second positional would let flags between the two be agentbox's own.
    #[arg(
        required = true,
        num_args = 1..,
        trailing_var_arg = true,
        value_names = ["PROGRAM", "ARGS"]
    )]
    pub(crate) program_and_args: Vec<OsString>,
    // Last: its heading holds for all that follows.
    #[command(flatten)]
    pub(crate) bounds: BoundFlags,
}

impl RunArgs {
    /// The file that holds the program.
    pub(crate) fn program(&self) -> &Path {
        Path::new(
            self.program_and_args
                .first()
                .map_or(OsStr::new(""), |name| name),
        )
    }

    /// The program's own arguments.
    pub(crate) fn args(&self) -> &[OsString] {
        self.program_and_args.get(1..).unwrap_or_default()
    }
}

/// The port of DNS.
const DNS: u16 = 53;

fn parse_server(text: &str) -> Result<SocketAddr, String> {
    let without_port = || text.parse().map(|ip: IpAddr| SocketAddr::new(ip, DNS));
    let address = text.parse().or_else(|_with_port| without_port());
    address.map_err(|error| format!("{error}, with or without a port"))
}

/// Bounds of a run; they lower the policy's and never raise them. One flag for each bound there is.
#[derive(Debug, Default)]
pub(crate) struct BoundFlags(LowerBounds);

impl BoundFlags {
    pub(crate) fn lower(&self) -> &LowerBounds {
        &self.0
    }
}

impl Args for BoundFlags {
    fn augment_args(command: clap::Command) -> clap::Command {
        let heading = "Bounds (they lower what the policy says under [run], never raise it)";
        command
            .next_help_heading(heading)
            .args(Bound::all().iter().map(|bound| {
                clap::Arg::new(bound.name)
                    .long(bound.name)
                    .help(format!(
                        "{} [default: {}]",
                        bound.help.trim_end_matches('.'),
                        bound.of(&Bounds::default())
                    ))
                    .value_name(match bound.unit {
                        Unit::Bytes => "BYTES",
                        Unit::Count => "COUNT",
                        Unit::Time => "TIME",
                    })
                    .value_parser(|text: &str| bound.parse(text))
            }))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for BoundFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for bound in Bound::all() {
            if let Some(amount) = matches.get_one::<Amount>(bound.name) {
                self.0.lower(bound, *amount);
            }
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyFlag,
    /// The program, or `-` for standard input.
    #[arg(value_name = "PROGRAM")]
    pub(crate) program: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Lets a policy that is found by search use its credentials.
    Approve(ApproveArgs),
    /// Says what one policy allows and another one does not, grant by grant.
    #[command(after_help = DIFF_EXIT_CODES)]
    Diff(PolicyDiffArgs),
    /// Says in plain sentences what a policy allows.
    Explain(PolicyExplainArgs),
}

const DIFF_EXIT_CODES: &str = "\
Exit codes:
  0   NEW allows nothing that OLD does not
  1   a policy cannot be read
  2   a mistake in the command
  3   NEW allows something that OLD does not
What cannot be told apart from more access counts as more.";

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    #[command(flatten)]
    pub(crate) policy: WhichPolicy,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyDiffArgs {
    /// The policy as it was.
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The policy as it is to be. What both name by a relative path is taken to be one file.
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// Prints a list in Markdown, for a comment on a change.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyExplainArgs {
    #[command(flatten)]
    pub(crate) policy: WhichPolicy,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// Says what is wrong with a connector's folder, or what its operations are.
    Check(ConnectorCheckArgs),
    /// Lists the connectors there are: the built-in ones, and those beside the policy.
    List(ConnectorListArgs),
    /// Shows a connector's operations: what each requests, its effect, its scope and its WIT.
    Show(ConnectorShowArgs),
    /// Writes the WIT of connectors, and agentbox's own, for building programs.
    Copy(ConnectorCopyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConnectorCheckArgs {
    /// The folder with `connector.toml` and its `.wit` files.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectorListArgs {
    #[command(flatten)]
    pub(crate) policy: BesideFlag,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectorShowArgs {
    /// The connector, such as `github`.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) policy: BesideFlag,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectorCopyArgs {
    /// The connectors, such as `github`.
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
    /// Writes into this folder.
    #[arg(long, value_name = "FOLDER", default_value = "wit/deps")]
    pub(crate) to: PathBuf,
    /// Overwrites files that differ.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) policy: BesideFlag,
}

/// Whose `connectors/` folder counts.
#[derive(Debug, Args)]
pub(crate) struct BesideFlag {
    /// Uses the connectors beside this policy; without it, beside the one that `run` would find.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Shows only calls that were denied, or runs that have some.
    #[arg(long)]
    pub(crate) denied: bool,
    /// A run's id, or as much of its beginning as is unique.
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code; all of them when left out.
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

/// The policy that a command is about.
#[derive(Debug, Args)]
pub(crate) struct WhichPolicy {
    /// The policy; searched for as `run` does when left out.
    #[arg(value_name = "POLICY")]
    place: Option<PathBuf>,
    /// The same, as `run` has it.
    #[arg(long, value_name = "FILE", conflicts_with = "place")]
    policy: Option<PathBuf>,
}

impl WhichPolicy {
    pub(crate) fn named(&self) -> Option<&Path> {
        self.place.as_deref().or(self.policy.as_deref())
    }
}

#[derive(Debug, Args)]
pub(crate) struct PolicyFlag {
    /// The policy. Without it, `agentbox.toml` is searched for from here up to the root of the
    /// version-controlled tree; one that is found may use credentials once it is approved.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// What every command takes, before its name or after.
#[derive(Debug, Args)]
pub(crate) struct OutputFlags {
    /// Prints JSON for programs to read; `run` prints it as its last line on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Keeps counters and records in this folder instead of `$XDG_STATE_HOME/agentbox`.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
    /// Whether to colour messages.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: clap::ColorChoice,
}
