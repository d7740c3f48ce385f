//! Under which names this server may be asked.
//!
//! A web page can make a name of its own stand for 127.0.0.1 after it was loaded (DNS rebinding); then it is of one origin
//! with a daemon on its reader's machine, and might ask it anything. What it cannot change is the name in its requests.

use super::{Shared, error::ApiError};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::header;
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// Under which names this server may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Hosts {
    /// Under any: it listens where others can reach it, and whoever put it there guards it.
    #[default]
    Any,
    /// As a server on the same machine: `localhost`, a loopback address, or one of these names.
    Local(BTreeSet<String>),
}

impl Hosts {
    /// Whether the value of a `Host` header is one of them.
    fn allow(&self, host: &str) -> bool {
        let Self::Local(also) = self else { return true };
        let name = without_port(host.trim()).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name == "localhost"
            || name.ends_with(".localhost")
            || address.is_ok_and(|address| address.is_loopback())
            || also.contains(&name)
    }
}

/// The host without its port. An address of IPv6 has colons of its own.
fn without_port(host: &str) -> &str {
    let Some((name, port)) = host.rsplit_once(':') else { return host };
    let is_port = port.bytes().all(|b| b.is_ascii_digit()) && (name.ends_with(']') || !name.contains(':'));
    if is_port { name } else { host }
}

/// Refuses what was sent to another name.
pub(super) async fn check(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let refused = match (hosts.next(), hosts.next()) {
        // Browsers always name it.
        (None, _) => false,
        (Some(host), None) => !host.to_str().is_ok_and(|host| shared.state.hosts.allow(host)),
        (Some(_), Some(_)) => true,
    };
    match refused {
        true => ApiError::misdirected().into_response(),
        false => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_page_may_call_itself_is_refused() {
        let local = Hosts::Local(BTreeSet::from(["amend.internal".to_owned()]));
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "127.8.8.8",
            "[::1]:80",
            "[::1]",
            "::1",
            "a.localhost:1",
            "amend.internal:8080",
        ] {
            assert!(local.allow(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "",
            "localhost.evil.example",
            "[::2]",
        ] {
            assert!(!local.allow(host), "{host}");
            assert!(Hosts::Any.allow(host));
        }
    }
}
