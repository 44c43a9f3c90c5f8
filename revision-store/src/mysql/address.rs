//! Where a database is, and who asks it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use mysql_async::{ClientIdentity, Opts, OptsBuilder, SslOpts};

/// The address of a database on a server that speaks MySQL's protocol.
#[derive(Clone, PartialEq, Eq)]
pub struct MysqlAddress {
    /// The user.
    pub user: String,
    /// Where its password is from.
    pub password: MysqlPassword,
    /// Where the server listens.
    pub server: MysqlServer,
    /// The database on it.
    pub database: String,
    /// How the connection is protected; nothing of it is used on a Unix socket.
    pub tls: Option<MysqlTls>,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MysqlServer {
    /// On a host's name or address and a port.
    Tcp {
        /// The host.
        host: String,
        /// The port; MySQL's own is 3306.
        port: u16,
    },
    /// On a Unix socket.
    Socket(PathBuf),
}

/// Where a user's password is from.
#[derive(Clone, PartialEq, Eq)]
pub enum MysqlPassword {
    /// It has none.
    Absent,
    /// It is this.
    Given(String),
    /// The first line of this file, which is read at each new connection, so that it can be changed.
    File(PathBuf),
}

/// How a connection is protected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MysqlTls {
    /// The authorities that are trusted, PEM; `None`: those that web browsers trust.
    pub authorities: Option<PathBuf>,
    /// The client's certificate and key, PEM, where the server wants one.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Whether any certificate is taken. It protects from those who listen, not from those who pretend to be the server.
    pub any_server: bool,
}

impl MysqlAddress {
    /// What the driver is told. `database`: whether one is chosen. Reads the password's file.
    pub(super) async fn options(&self, database: bool) -> io::Result<Opts> {
        let password = match &self.password {
            MysqlPassword::Absent => None,
            MysqlPassword::Given(password) => Some(password.clone()),
            MysqlPassword::File(path) => {
                let text = tokio::fs::read_to_string(path).await.map_err(|error| {
                    io::Error::new(error.kind(), format!("the password's file {}: {error}", path.display()))
                })?;
                Some(text.lines().next().unwrap_or_default().to_owned())
            }
        };
        let builder = OptsBuilder::default()
            .user(Some(&self.user))
            .pass(password)
            .db_name(database.then_some(&self.database))
            // A server on this host that also has a socket is asked as the address says.
            .prefer_socket(false)
            .tcp_nodelay(true);
        let builder = match &self.server {
            MysqlServer::Socket(path) => builder.socket(path.to_str()),
            MysqlServer::Tcp { host, port } => {
                let tls = self.tls.as_ref().map(MysqlTls::options);
                builder.ip_or_hostname(host).tcp_port(*port).ssl_opts(tls)
            }
        };
        Ok(builder.into())
    }
}

impl MysqlTls {
    fn options(&self) -> SslOpts {
        let identity = self.client.clone();
        let identity = identity.map(|(certificate, key)| ClientIdentity::new(certificate.into(), key.into()));
        let options = SslOpts::default().with_client_identity(identity);
        let options = match &self.authorities {
            Some(path) => {
                options.with_root_certs(vec![path.clone().into()]).with_disable_built_in_roots(true)
            }
            None => options,
        };
        options
            .with_danger_accept_invalid_certs(self.any_server)
            .with_danger_skip_domain_validation(self.any_server)
    }
}

impl fmt::Display for MysqlAddress {
    /// Without the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "mysql://{}@{}/{}", self.user, self.server, self.database)
    }
}

impl fmt::Display for MysqlServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(formatter, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(formatter, "{host}:{port}"),
            Self::Socket(path) => write!(formatter, "unix({})", Path::display(path)),
        }
    }
}

impl fmt::Debug for MysqlAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MysqlAddress({self})")
    }
}

impl fmt::Debug for MysqlPassword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "Absent",
            Self::Given(_) => "Given",
            Self::File(_) => "File",
        })
    }
}
