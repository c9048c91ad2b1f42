//! What is probably not meant.

use crate::code::Code;
use crate::operation::Effect;

use super::document::Problems;
use super::scope::{Scope, Used};
use super::{grants, http};

/// Warns of credentials and limits that nothing uses.
pub(crate) fn unused(scope: &Scope<'_>, used: &Used, problems: &mut Problems) {
    for (defined, _) in scope.credentials {
        if !used.credentials.contains(&defined.name) {
            let message = format!(
                "no grant uses the credential `{}`",
                defined.name.escape_debug()
            );
            problems.absent(Code::UNUSED, &defined.span, message);
        }
    }
    for defined in scope.limits {
        if !used.limits.contains(&defined.name) {
            let message = format!("no grant uses the limit `{}`", defined.name.escape_debug());
            problems.absent(Code::UNUSED, &defined.span, message);
        }
    }
}

/// Warns of what writes or spends as often as it likes.
pub(crate) fn unlimited(
    routes: &[http::Granted],
    operations: &[grants::Granted],
    problems: &mut Problems,
) {
    let mut warn = |span, message| {
        if let Some(problem) = problems.absent(Code::UNLIMITED_WRITE, span, message) {
            problem.advise("name a limit: `limits = [\"writes\"]`");
        }
    };
    for granted in routes {
        let grant = &granted.grant;
        let writes = grant.routes.iter().position(crate::Route::writes);
        if let (Some(route), true) = (writes, grant.limits.is_empty()) {
            let message = format!(
                "`{}` writes, and `{}` has no limit",
                grant.routes[route].text, grant.name
            );
            warn(&granted.route_spans[route], message);
        }
    }
    for granted in operations.iter().filter(|granted| !granted.limited) {
        let Some(operation) = &granted.operation else {
            continue;
        };
        let verb = match operation.effect() {
            Effect::Spend => "spends",
            Effect::Write => "writes",
            Effect::Admin | Effect::Destroy | Effect::Read => continue,
        };
        let message = format!("`{}` {verb}, and has no limit", operation.name());
        warn(&granted.span, message);
    }
}
