//! What every program may import without asking, and what this build can link at all.

/// What an import is to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Linked for every program, inert.
    Base,
    /// `wasi:http/outgoing-handler`, granted by `[http.*]`.
    OutgoingHttp,
    /// Of a package that agentbox knows, and not an interface or version that it has.
    Unsupported,
    /// Anything else: an operation of some API.
    Operation,
}

/// What an import named `namespace:package/interface@version` is to a policy.
pub(crate) fn standing(import: &str) -> Standing {
    let (path, version) = match import.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (import, None),
    };
    match path {
        "agentbox:host/errors" | "agentbox:host/invoke" if version.is_none_or(|v| v == "0.1.0") => {
            return Standing::Base;
        }
        _ if path.starts_with("agentbox:") => return Standing::Unsupported,
        _ if !path.starts_with("wasi:") => return Standing::Operation,
        _ => {}
    }
    if !version.is_none_or(is_compatible) {
        Standing::Unsupported
    } else if path == OUTGOING_HTTP {
        Standing::OutgoingHttp
    } else if BASE.contains(&path) {
        Standing::Base
    } else {
        Standing::Unsupported
    }
}

/// Any 0.2.x; a release candidate is another interface.
fn is_compatible(version: &str) -> bool {
    version
        .strip_prefix("0.2.")
        .is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The imports of a world of a WASI package, without versions.
pub(crate) fn wasi_world(path: &str) -> Option<Vec<&'static str>> {
    let packages: &[&str] = match path {
        "wasi:cli/command" | "wasi:cli/imports" => &[
            "wasi:cli",
            "wasi:clocks",
            "wasi:filesystem",
            "wasi:io",
            "wasi:random",
            "wasi:sockets",
        ],
        "wasi:clocks/imports" => &["wasi:clocks", "wasi:io"],
        "wasi:filesystem/imports" => &["wasi:clocks", "wasi:filesystem", "wasi:io"],
        "wasi:http/imports" | "wasi:http/proxy" => &[
            "wasi:cli/std",
            "wasi:clocks",
            "wasi:http",
            "wasi:io",
            "wasi:random",
        ],
        "wasi:io/imports" => &["wasi:io"],
        "wasi:random/imports" => &["wasi:random"],
        "wasi:sockets/imports" => &["wasi:clocks", "wasi:io", "wasi:sockets"],
        _ => return None,
    };
    let wanted = |path: &&&str| packages.iter().any(|package| path.starts_with(package));
    Some(
        BASE.iter()
            .chain([&OUTGOING_HTTP])
            .filter(wanted)
            .copied()
            .collect(),
    )
}

/// The one import that `[http.*]` grants.
pub(crate) const OUTGOING_HTTP: &str = "wasi:http/outgoing-handler";

const BASE: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/timezone",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:http/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_0_2_version_of_wasi_will_do_and_no_other() {
        for (import, expected) in [
            ("wasi:cli/environment@0.2.0", Standing::Base),
            ("wasi:cli/environment@0.2.12", Standing::Base),
            ("wasi:cli/environment", Standing::Base),
            ("wasi:cli/environment@0.3.0", Standing::Unsupported),
            (
                "wasi:cli/environment@0.2.0-rc-2023-12-05",
                Standing::Unsupported,
            ),
            ("wasi:cli/environment@0.2.", Standing::Unsupported),
            ("wasi:cli/unheard-of@0.2.0", Standing::Unsupported),
            ("wasi:keyvalue/store@0.2.0", Standing::Unsupported),
            ("wasi:http/types@0.2.4", Standing::Base),
            ("wasi:http/outgoing-handler@0.2.9", Standing::OutgoingHttp),
            ("wasi:http/outgoing-handler@0.3.0", Standing::Unsupported),
            ("agentbox:host/errors@0.1.0", Standing::Base),
            ("agentbox:host/invoke@0.1.0", Standing::Base),
            ("agentbox:host/invoke@0.2.0", Standing::Unsupported),
            ("agentbox:host/imports@0.1.0", Standing::Unsupported),
            ("agentbox:other/errors@0.1.0", Standing::Unsupported),
            (
                "github:issues/create-comment@2022.11.28",
                Standing::Operation,
            ),
        ] {
            assert_eq!(standing(import), expected, "{import}");
        }
    }

    #[test]
    fn the_http_world_imports_the_handler_and_the_command_world_does_not() {
        let has = |world| wasi_world(world).is_some_and(|imports| imports.contains(&OUTGOING_HTTP));
        assert!(has("wasi:http/proxy") && has("wasi:http/imports"));
        assert!(!has("wasi:cli/command") && wasi_world("wasi:cli/unheard-of").is_none());
    }
}
