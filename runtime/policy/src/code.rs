//! The codes: one for each thing that can go wrong, the same in terminal, JSON, record and guest.

use std::fmt;

/// A stable code such as `AB0201`.
///
/// The hundreds say what kind of thing happened: `AB01` will not start, `AB02` denied at a call,
/// `AB03` warning, `AB04` credential, `AB05` limit, `AB06` upstream, `AB07` guest fault, `AB09` a
/// bug in agentbox.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl Code {
    /// The code written as `text` (`AB0201`, in either case), when there is one.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        ALL.iter()
            .map(|(code, ..)| *code)
            .find(|code| code.to_string().eq_ignore_ascii_case(text))
    }

    /// Every code, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|(code, ..)| *code)
    }

    /// What it means, in a few words: lower case, no full stop.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().1
    }

    /// What it means, why, and what to do about it, in a paragraph or two.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (Self, &'static str, &'static str) {
        let place = ALL.binary_search_by_key(&self, |(code, ..)| *code);
        &ALL[place.unwrap_or(ALL.len() - 1)]
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AB{:04}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! codes {
    ($($number:literal $name:ident: $title:literal, $explanation:literal;)+) => {
        impl Code {
            $(#[doc = $title] pub const $name: Self = Self($number);)+
        }
        const ALL: &[(Code, &str, &str)] = &[$((Code::$name, $title, $explanation)),+];
    };
}

// INVARIANT: in ascending order, `BUG` last; `entry` searches it.
codes! {
    101 UNGRANTED_IMPORT: "the program imports something the policy does not grant",
        "Every import of a program that carries authority must be granted before it starts. The \
         message lists all that are missing, with the lines that would grant them. Add a line only \
         if the program should have what it names.";
    102 SYNTAX: "the policy is not valid TOML",
        "The file cannot be read as TOML 1.0. Nothing of it is used.";
    103 UNMATCHED_GRANT: "a grant matches no import of the world",
        "A grant for something the world does not import would grant nothing, so it is most likely \
         a misspelling. Correct the name, or add the import to the world. An operation that the \
         world imports has to have a grant, too.";
    104 UNKNOWN_KEY: "the policy has a key that means nothing",
        "Unknown keys are errors, so that a misspelt bound is never a bound that is not there.";
    105 UNBOUND_SCOPE: "a grant does not say on what",
        "A connector names the parameters that decide what an operation may touch: owner and repo, \
         a room, an account. A grant binds each of them in `where`, or says aloud that it may be \
         anything: `repo = { any = true }`.";
    106 DUPLICATE: "a name is used twice",
        "Two entries of one name would leave it to chance which one holds.";
    107 BAD_VALUE: "a value of the policy does not fit",
        "The message says what was found, what would fit, and where. An empty list never means \
         `all`: it is an error, because it would grant nothing.";
    108 MISSING_NAME: "the policy names something it does not define",
        "A grant names a credential or a limit that is not there, or a world an operation that no \
         connector has.";
    109 NOT_ENFORCED: "the policy asks for something this build does not enforce yet",
        "A rule that would be read and not enforced is worse than none, so it is refused. Remove \
         it, or use a build that enforces it.";
    110 AMBIGUOUS_ROUTES: "two routes can match one request",
        "When two routes of one origin match the same request, which credential and which limits \
         hold would depend on their order. Make one of them narrower.";
    111 WORLD: "the policy's WIT cannot be used",
        "The `wit/` folder beside the policy does not parse, or `world` names a world it does not \
         hold, or the world imports an interface that is no operation: one with several functions.";
    112 NOT_APPROVED: "the policy was found by search and has not been approved",
        "A policy that comes with a folder could have been put there by anyone. One found by search \
         may use keys, files, routes and operations only after `agentbox policy approve` has recorded its \
         digest; any edit asks again. Naming it with `--policy FILE` counts as approval.";
    113 UNSAFE_POLICY_FILE: "the policy file is not there, or cannot be trusted",
        "The policy has to be there, and be a regular file that only its owner, who is you or root, can write. \
         Otherwise another user of this machine decides what your keys are used for.";
    114 BAD_PROGRAM: "the program is not a valid program",
        "agentbox runs WebAssembly components, core modules, and the text form of either. What \
         compilers emit by themselves is on; threads, garbage collection, exceptions, tail calls, \
         64-bit memories and asynchronous components are off.";
    115 PROGRAM_TOO_LARGE: "the program is larger than the bound",
        "Compiling costs far more than the program's size, so the size is bounded (64 MiB). Strip \
         debug information, for instance with `wasm-tools strip`.";
    116 PRECOMPILED: "the program is precompiled",
        "Precompiled code is native code that nobody has checked. Give agentbox the WebAssembly.";
    117 NOTHING_TO_RUN: "the program exports nothing to run",
        "agentbox runs a component that exports `wasi:cli/run`, one that exports \
         `run: func() -> result<string, string>`, or a core module that exports `_start`.";
    118 FILES: "a granted directory cannot be opened",
        "`[files]` names a directory relative to the policy; it has to be there when a run starts.";
    119 POLICY_VERSION: "the policy is written for another version of the language",
        "This build reads `policy = 1`.";
    120 STATE: "the state folder cannot be used",
        "Limits and the record live in the state folder. If it cannot be written, nothing runs, \
         because nothing could be counted or recorded.";
    121 WIDENING: "a flag would widen the policy",
        "Flags, environment and user configuration may lower a bound, never raise it.";
    122 CERTIFICATES: "a file of certificate authorities cannot be used",
        "`--ca` and `[tls] ca` name a PEM file that holds at least one certificate.";
    123 TYPE_MISMATCH: "the program and the connector differ in an operation's type",
        "The program was built from another WIT than the connector's. Build it from the connector's \
         own: `agentbox connector copy NAME` writes it.";
    124 NEVER: "the policy grants what it promises never to grant",
        "`[never]` is checked whenever a policy is loaded. Remove the grant, or the promise.";
    125 UNCONFIRMED: "a grant that destroys does not say whether to ask",
        "An operation whose effect is `destroy` or `admin` needs a word about confirmation: \
         `confirm = \"never\"` where no person is to be asked.";
    126 CONNECTOR: "a connector cannot be used",
        "Its `connector.toml` and its WIT do not fit each other, or hold what cannot be sent as a \
         request. `agentbox connector check FOLDER` says what is wrong, and where.";
    201 ORIGIN_DENIED: "no grant covers this origin",
        "The request's scheme, host and port have to be those of a granted credential or of an \
         `[http.*]` table, exactly.";
    202 ROUTE_DENIED: "no route allows this method and path",
        "The origin is granted, the request is not. Routes match whole segments, bytewise, and a \
         trailing slash counts.";
    203 ARGUMENT_DENIED: "an argument is not one that the grant allows",
        "A grant's `where` says what each argument of an operation may be. Comparison is exact, and \
         an argument that is left out fits nothing but `{ any = true }`.";
    204 NOT_CANONICAL: "the request is not in canonical form",
        "What is decided on has to be what is sent, so a request that has more than one reading is \
         refused, never repaired: user information, dot segments, empty segments, encoded slashes, \
         a port written with a leading zero, a host that is not plain lower-case ASCII.";
    205 HEADER_DENIED: "a header is not one that a program may send",
        "Framing, routing and proxy headers belong to the host. Others can be allowed in the grant \
         by name: `request-headers = [\"x-name\"]`.";
    206 CREDENTIAL_HEADER: "the program sent a credential of its own",
        "The host adds the key. A program that sends `Authorization`, `Cookie` or the credential's \
         own header or parameter is refused, not overwritten.";
    207 QUERY_DENIED: "the route does not allow this query",
        "A route without `?` allows no query; `?a&b` allows these names once each; `?*` any.";
    208 RECORD_UNAVAILABLE: "the record could not be written, so nothing was sent",
        "No request leaves without a record of it. Free some space, or repair the state folder.";
    209 DRY_RUN: "approved, and not sent because this is a dry run",
        "`run --dry-run` decides every call and sends none.";
    210 ADDRESS_DENIED: "the name leads to an address that is not allowed",
        "A name that resolves to a loopback, private, link-local or otherwise special address is \
         refused unless the policy admits that range: `addresses = [\"10.0.0.0/8\"]`. Where the \
         process that embeds agentbox listens is refused whatever the policy admits.";
    211 METHOD_DENIED: "the method is not one that can be granted",
        "GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS can be granted; CONNECT and TRACE cannot.";
    212 STOPPED: "the run has been stopped",
        "A run that was stopped makes no further calls.";
    213 BAD_ARGUMENTS: "the arguments do not fit the operation",
        "An operation's arguments are one JSON object with the names of its WIT: none unknown, none \
         missing, none twice, each of its type. What goes into a path, a query or a header holds no \
         control character, and what fills a segment of a path is no dot segment and holds no slash.";
    214 OPERATION_DENIED: "no grant covers this operation",
        "An operation is granted by a `[grants]` table, under its name without version, and by an \
         import in the policy's world.";
    301 SHARED_KEY: "a key is used by more than one agent",
        "One key per agent keeps the record honest and a revocation small.";
    302 UNLIMITED_WRITE: "what writes or spends has no limit",
        "A runaway loop is stopped by nothing but the run's bounds. Add `limits = [\"writes\"]`.";
    303 UNUSED: "something the policy defines is not used",
        "A credential or limit that no grant uses has no effect.";
    304 EFFECT: "an operation's effect and its request's method do not go together",
        "PUT and PATCH change something with most APIs. A connector that calls such a request `read` \
         should know better than its method does.";
    305 KEYLESS_GRANT: "a grant sends no key, though the connector has a place for one",
        "Without `use`, a call leaves without a key, and most APIs refuse it. Name the credential: \
         `use = \"NAME\"`. Where the API answers everybody, the warning can be left.";
    401 CREDENTIAL_MISSING: "the credential is not there",
        "The variable is not set, or the file or entry does not exist. Nothing was sent.";
    402 CREDENTIAL_MALFORMED: "the credential cannot be used as it is",
        "It is empty, or holds a line break or another control character that no header can carry. \
         One trailing newline of a file is trimmed. Nothing was sent.";
    403 CREDENTIAL_UNREADABLE: "the credential's source cannot be read",
        "The source is there and refused to be read. Nothing was sent.";
    404 CREDENTIAL_SCHEME: "the credential's reference has an unknown scheme",
        "This build reads `env://NAME`, `dotenv://FILE#NAME` and `file:///PATH`.";
    405 CREDENTIAL_SHORT: "the credential is too short to be guarded",
        "A key of fewer than eight bytes turns up in replies by chance, so an echo of it could not \
         be told from ordinary text.";
    501 MEMORY: "the program asked for more memory than it may have",
        "Bounded by `[run] memory` and `--memory`, summed over all of the program's memories.";
    502 CPU: "the program computed for longer than it may",
        "Bounded by `[run] cpu` and `--cpu`: time spent computing, not waiting.";
    503 WALL: "the run took longer than it may",
        "Bounded by `[run] wall` and `--wall`.";
    504 LIMIT: "a limit of the policy is used up",
        "Limits are counted per agent and name, across runs and processes.";
    505 REQUEST_SIZE: "the request is larger than it may be, or not what it announced",
        "Bounded by `[run] request-body` and `--request-body`; headers by 64 KiB, a URL by 8 KiB. A \
         body has to be as long as its `content-length` says, and trailers are not sent: a program that \
         has any is told so, rather than that they are dropped.";
    506 OUTPUT: "the program wrote more output than it may",
        "Bounded by `[run] output` and `--output`.";
    507 ARGUMENTS_SIZE: "the arguments are larger than they may be",
        "Bounded by `[run] arguments` and `--arguments`: an operation's arguments, as JSON.";
    508 CALLS_AT_ONCE: "too many calls are under way",
        "Bounded by `[run] calls-at-once` and `--calls-at-once`. A call beyond it waits for its turn, \
         and fails when none comes in time: read replies to their end, or drop them.";
    509 TABLE: "the program's tables are larger than they may be",
        "Bounded by `[run] table` and `--table`: entries of all its tables together.";
    510 INSTANCES: "the program is made of more parts than it may be",
        "Bounded by `[run] instances` and `--instances`: core instances, memories and tables.";
    511 STACK: "the program called itself too deeply",
        "Bounded by `[run] stack` and `--stack`: recursion without end, or a stack that is too small \
         for an honest program.";
    512 CALLS: "the program made more calls than it may",
        "Bounded by `[run] calls` and `--calls`: all calls of the run, whatever became of them.";
    513 DENIALS: "the program was refused more often than it may be",
        "Bounded by `[run] denials` and `--denials`: calls that were refused before anything was sent. \
         `agentbox audit --denied` shows them.";
    514 HANDLES: "the program holds more handles than it may",
        "Bounded by `[run] handles` and `--handles`: streams, files, requests and replies that it has \
         not dropped.";
    515 HOST_MEMORY: "the program's calls take up more of the host's memory than they may",
        "Bounded by `[run] host-memory` and `--host-memory`: arguments, bodies and replies of calls \
         that are under way or were not taken yet. Take what has ended first.";
    516 COMPILE_TIME: "compiling the program takes longer than it may",
        "Bounded by `[run] compile-time` and `--compile-time`. It is ended from outside, whatever it \
         does.";
    517 COMPILE_MEMORY: "compiling the program takes more memory than it may",
        "Bounded by `[run] compile-memory` and `--compile-memory`.";
    601 DNS: "the name could not be resolved",
        "The upstream's name has no address, or the resolver did not answer in time. Names are \
         looked up as the policy has them: no domain is added, and names in `.local` are not asked \
         for. `--resolver` names a DNS server to ask.";
    602 CONNECT: "the upstream could not be reached",
        "The connection was refused, reset, or has no route.";
    603 TLS: "the upstream's identity could not be verified",
        "Certificates are checked against the system's roots and those of `--ca` or `[tls] ca`.";
    604 UPSTREAM_TIMEOUT: "the upstream was too slow",
        "Bounded by `[run] connect`, `first-byte` and `call` and the flags of these names, and by the \
         program's own timeouts. The message says which of them it was.";
    605 REPLY_SIZE: "the reply is larger than it may be",
        "Bounded by `[run] reply-body` and `--reply-body`; its headers by 64 KiB, the reply to an \
         operation by 8 MiB.";
    606 PROTOCOL: "the upstream did not speak HTTP as it should",
        "The reply is malformed, or the connection broke in the middle of it.";
    607 ECHO: "the upstream sent a credential back",
        "The reply held a key of this run, plain or encoded. None of it was released from there on, \
         and the run was stopped. Find out why the upstream echoes the key, and rotate it.";
    608 UNSCANNABLE: "the reply is encoded in a way that cannot be scanned",
        "agentbox asks for no content encoding. A reply that comes with one cannot be searched for \
         keys, so it is not delivered.";
    609 UPSTREAM_ERROR: "the API answered, and not with success",
        "The program is told the status, the API's message, and how long to wait where the API says so.";
    610 INVALID_REPLY: "the API's reply does not fit the operation's type",
        "The API has changed, or the connector is wrong about it. The message says what does not \
         fit, and where.";
    701 TRAP: "the program crashed",
        "The program trapped: an unreachable instruction, an access out of bounds, or a division by \
         zero.";
    702 GUEST_ERROR: "the program reported an error",
        "The program's `run` returned `err`; its text is what the program said.";
    703 INTERRUPTED: "the run was interrupted",
        "agentbox was asked to end, by Ctrl-C or a signal. What the program had sent is on record.";
    901 BUG: "a bug in agentbox",
        "This should not happen. Please report it with the command and the versions.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_are_found_by_their_text() {
        assert!(ALL.is_sorted_by_key(|(code, ..)| *code));
        assert_eq!(Code::find("ab0607"), Some(Code::ECHO));
        assert_eq!(Code::find("AB9999"), None);
        assert_eq!(Code::ORIGIN_DENIED.to_string(), "AB0201");
        assert_eq!(Code::ECHO.title(), "the upstream sent a credential back");
    }
}
