//! From the gate's [`Failure`] to the error codes of `wasi:http`.

use agentbox_gate::{Cause, Failure};
use wasmtime_wasi_http::Error;

/// The error code of `wasi:http/types` that comes nearest; see `wit/README.md` for the table.
pub(crate) fn to_wasi(failure: &Failure) -> Error {
    match &failure.cause {
        Cause::AddressDenied => Error::DestinationIpProhibited,
        Cause::ConnectTimeout => Error::ConnectionTimeout,
        Cause::ConnectionRefused => Error::ConnectionRefused,
        Cause::Credential => Error::ConfigurationError,
        Cause::Denied | Cause::Limit { .. } | Cause::Stopped => Error::HttpRequestDenied,
        Cause::Dns => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        Cause::Internal => Error::InternalError(Some(failure.code.to_string())),
        // Operations alone end in the last two, and none comes through this door.
        Cause::Protocol | Cause::InvalidReply | Cause::Upstream { .. } => Error::HttpProtocolError,
        Cause::ReplyIncomplete => Error::HttpResponseIncomplete,
        Cause::ReplyTooLarge => Error::HttpResponseBodySize(None),
        Cause::ReplyUnscannable => Error::HttpResponseContentCoding(None),
        Cause::RequestBody => Error::HttpRequestBodySize(None),
        Cause::RequestUri => Error::HttpRequestUriInvalid,
        Cause::Timeout => Error::HttpResponseTimeout,
        Cause::Tls => Error::TlsCertificateError,
    }
}
