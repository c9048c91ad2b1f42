//! The ground the integration tests stand on: guests, servers, canaries and the binary itself.
//!
//! Everything here listens on and calls 127.0.0.0/8 only, and shares no code with the product: what
//! judges agentbox must not make its mistakes.

pub(crate) mod agentbox;
pub(crate) mod api;
pub(crate) mod arrived;
pub(crate) mod attacks;
pub(crate) mod bot;
pub(crate) mod caller;
pub(crate) mod canary;
pub(crate) mod decoy;
pub(crate) mod dns;
pub(crate) mod errands;
pub(crate) mod github;
pub(crate) mod guests;
pub(crate) mod http;
pub(crate) mod http2;
pub(crate) mod openbao;
pub(crate) mod python;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod synapse;
pub(crate) mod texts;
pub(crate) mod tls;
pub(crate) mod typed;
pub(crate) mod widgets;
