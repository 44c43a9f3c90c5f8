//! Where the endpoint listens, in etcd's words (`--listen-client-urls`).

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use thiserror::Error;

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenUrl {
    /// Where.
    pub place: Place,
    /// Whether with TLS: `https` and `unixs`.
    pub tls: bool,
}

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address and a port; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A Unix socket. A path that is not absolute is one from the working directory.
    Unix(PathBuf),
}

/// Why a text is no address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ListenUrlError {
    /// It begins with none of the four words.
    #[error(
        "{0:?} is no URL to listen on: write http://127.0.0.1:2379, https://ADDRESS:PORT, unix:///PATH or unixs:///PATH"
    )]
    Scheme(String),
    /// The address is none.
    #[error(
        "{0:?} has no address to listen on: write an IP address and a port, such as http://127.0.0.1:2379"
    )]
    Address(String),
    /// Everybody in the network could read and write everything.
    #[error(
        "{0:?} can be reached from other hosts: write a loopback address, or https:// with a certificate, a key and the authority of clients"
    )]
    Open(String),
}

impl FromStr for ListenUrl {
    type Err = ListenUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| ListenUrlError::Scheme(text.to_owned()))?;
        let tls = match scheme {
            "http" | "unix" => false,
            "https" | "unixs" => true,
            _ => return Err(ListenUrlError::Scheme(text.to_owned())),
        };
        let no_address = || ListenUrlError::Address(text.to_owned());
        let place = if scheme.starts_with("unix") {
            if rest.is_empty() {
                return Err(no_address());
            }
            Place::Unix(rest.into())
        } else {
            let address = rest.trim_end_matches('/').replacen("localhost:", "127.0.0.1:", 1);
            Place::Tcp(address.parse().map_err(|_| no_address())?)
        };
        match &place {
            Place::Tcp(address) if !tls && !address.ip().is_loopback() => {
                Err(ListenUrlError::Open(text.to_owned()))
            }
            _ => Ok(Self { place, tls }),
        }
    }
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls { "s" } else { "" };
        match &self.place {
            Place::Tcp(address) => write!(formatter, "http{s}://{address}"),
            Place::Unix(path) => write!(formatter, "unix{s}://{}", path.display()),
        }
    }
}

impl ListenUrl {
    /// Whether other hosts can reach it.
    pub fn is_open(&self) -> bool {
        matches!(self.place, Place::Tcp(address) if !address.ip().is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_words_and_nothing_open_without_tls() {
        let read = |text: &str| text.parse::<ListenUrl>();
        for same in [
            "http://127.0.0.1:2379",
            "https://10.0.0.1:2379",
            "unix:///run/etcd",
            "unixs://etcd",
            "http://[::1]:0",
        ] {
            assert_eq!(read(same).unwrap().to_string(), same);
        }
        assert_eq!(read("http://localhost:2379/").unwrap().to_string(), "http://127.0.0.1:2379");
        assert_eq!(read("http://0.0.0.0:2379"), Err(ListenUrlError::Open("http://0.0.0.0:2379".into())));
        assert!(matches!(read("127.0.0.1:2379"), Err(ListenUrlError::Scheme(_))));
        assert!(matches!(read("tcp://127.0.0.1:2379"), Err(ListenUrlError::Scheme(_))));
        assert!(matches!(read("http://etcd:2379"), Err(ListenUrlError::Address(_))));
        assert!(matches!(read("unix://"), Err(ListenUrlError::Address(_))));
        assert!(read("https://0.0.0.0:2379").unwrap().is_open());
    }
}
