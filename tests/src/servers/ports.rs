//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

/// `N` different ports of loopback that were free a moment ago.
pub(super) fn free<const N: usize>() -> Result<[u16; N]> {
    let listeners: Vec<_> =
        (0..N).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().context("a listener has no port")?.port();
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn ports_differ_and_can_be_listened_on() {
        let ports = super::free::<8>().unwrap();
        assert_eq!(BTreeSet::from(ports).len(), 8);
        std::net::TcpListener::bind(("127.0.0.1", ports[0])).unwrap();
    }
}
