//! Addresses of databases as text.

use crate::{DatastoreError, MysqlAddress, MysqlPassword, MysqlServer, MysqlTls};

/// MySQL's port.
const PORT: u16 = 3306;

/// Reads what follows `mysql://`.
pub(super) fn parse(text: &str) -> Result<MysqlAddress, DatastoreError> {
    let (text, options) = text.split_once('?').unwrap_or((text, ""));
    // A password may hold an @; a host, a socket's path in parentheses and a database may not.
    let (user, rest) = text
        .rsplit_once('@')
        .ok_or_else(|| wrong("the user is missing: write mysql://user@host/database"))?;
    let (user, password) = match user.split_once(':') {
        Some((user, password)) => (user, MysqlPassword::Given(decode(password)?)),
        None => (user, MysqlPassword::Absent),
    };
    if user.is_empty() {
        return Err(wrong("the user is empty: write mysql://user@host/database"));
    }
    let (server, database) = match rest.split_once('(') {
        Some((protocol, rest)) => {
            let (address, database) = rest
                .split_once(')')
                .ok_or_else(|| wrong("a parenthesis is not closed: write unix(/path) or tcp(host:port)"))?;
            let server = match protocol {
                "unix" => MysqlServer::Socket(decode(address)?.into()),
                "tcp" => host_and_port(address)?,
                other => {
                    return Err(wrong(&format!(
                        "{other}(…) is not known: write unix(/path) or tcp(host:port)"
                    )));
                }
            };
            (Some(server), database.strip_prefix('/').unwrap_or_default())
        }
        None => {
            let (address, database) = rest.split_once('/').unwrap_or((rest, ""));
            let server = if address.is_empty() { None } else { Some(host_and_port(address)?) };
            (server, database)
        }
    };
    let database = decode(database)?;
    if database.is_empty() || database.contains('/') {
        return Err(wrong("the database is missing: write mysql://user@host/database"));
    }
    let options = Options::parse(options)?;
    let server = match options.socket {
        Some(path) => MysqlServer::Socket(path.into()),
        None => server.ok_or_else(|| {
            wrong("the host is missing: write mysql://user@host/database, or ?socket=/path")
        })?,
    };
    let password = match (password, options.password_file) {
        (MysqlPassword::Given(_), Some(_)) => {
            return Err(wrong("there are a password and a password-file: write one of them"));
        }
        (_, Some(path)) => MysqlPassword::File(path.into()),
        (password, None) => password,
    };
    Ok(MysqlAddress { user: decode(user)?, password, server, database, tls: options.tls })
}

#[derive(Default)]
struct Options {
    socket: Option<String>,
    password_file: Option<String>,
    tls: Option<MysqlTls>,
}

impl Options {
    fn parse(text: &str) -> Result<Self, DatastoreError> {
        let mut options = Self::default();
        let (mut certificate, mut key, mut off) = (None, None, false);
        for option in text.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = decode(value)?;
            match (name, value.as_str()) {
                ("socket", _) => options.socket = Some(value),
                ("password-file", _) => options.password_file = Some(value),
                ("tls", "true") => drop(options.tls.get_or_insert_default()),
                ("tls", "skip-verify") => options.tls.get_or_insert_default().any_server = true,
                ("tls", "false") => off = true,
                ("tls", _) => {
                    return Err(wrong(&format!(
                        "tls={value} is not known: write true, skip-verify or false"
                    )));
                }
                ("ca", _) => options.tls.get_or_insert_default().authorities = Some(value.into()),
                ("cert", _) => certificate = Some(value),
                ("key", _) => key = Some(value),
                _ => {
                    let known = "socket, password-file, tls, ca, cert, key";
                    return Err(wrong(&format!("the option {name} is not known: the options are {known}")));
                }
            }
        }
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                options.tls.get_or_insert_default().client = Some((certificate.into(), key.into()));
            }
            (None, None) => {}
            _ => return Err(wrong("cert and key go together: write both")),
        }
        if off && options.tls.is_some() {
            return Err(wrong("tls=false contradicts ca, cert and key: leave it out"));
        }
        Ok(options)
    }
}

fn host_and_port(text: &str) -> Result<MysqlServer, DatastoreError> {
    let no_port = || wrong(&format!("{text} has no port that is a number: write host:{PORT}"));
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(no_port)?)),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(wrong("the host is empty: write mysql://user@host/database"));
    }
    let port = port.map_or(Ok(PORT), str::parse).map_err(|_| no_port())?;
    Ok(MysqlServer::Tcp { host: decode(host)?, port })
}

/// Percent-encoding (RFC 3986, section 2.1).
fn decode(text: &str) -> Result<String, DatastoreError> {
    let misfit = || wrong("a % is not followed by two hexadecimal digits: write %25 for a % itself");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let digits = digits.ok_or_else(misfit)?;
        bytes.extend(before.bytes());
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| misfit())?);
        rest = &after[2..];
    }
    bytes.extend(rest.bytes());
    String::from_utf8(bytes).map_err(|_| wrong("what is percent-encoded is not UTF-8"))
}

fn wrong(why: &str) -> DatastoreError {
    DatastoreError(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Datastore;

    fn address(text: &str) -> MysqlAddress {
        match Datastore::parse(text).unwrap() {
            Datastore::Mysql(address) => *address,
            other @ Datastore::Sqlite(_) => panic!("{other:?}"),
        }
    }

    fn refused(text: &str) -> String {
        Datastore::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn hosts_sockets_and_databases() {
        let tcp = |host: &str, port| MysqlServer::Tcp { host: host.to_owned(), port };
        for (text, server) in [
            ("mysql://u@db/d", tcp("db", 3306)),
            ("mysql://u@db:3307/d", tcp("db", 3307)),
            ("mysql://u@tcp(db:3307)/d", tcp("db", 3307)),
            ("mysql://u@[::1]:3307/d", tcp("::1", 3307)),
            ("mysql://u@unix(/run/a.sock)/d", MysqlServer::Socket("/run/a.sock".into())),
            ("mysql://u@/d?socket=/run/a.sock", MysqlServer::Socket("/run/a.sock".into())),
        ] {
            let address = address(text);
            assert_eq!(
                (address.server, address.user.as_str(), address.database.as_str()),
                (server, "u", "d"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let given = address("mysql://u:p%40ss@db/d");
        assert!(given.password == MysqlPassword::Given("p@ss".to_owned()));
        let shown = format!("{given} {given:?} {:?}", Datastore::parse("mysql://u:p%40ss@db/d").unwrap());
        assert!(!shown.contains("ss"), "{shown}");
        assert!(address("mysql://u@db/d?password-file=/p").password == MysqlPassword::File("/p".into()));
    }

    #[test]
    fn tls_is_as_strict_as_it_is_asked_for() {
        assert_eq!(address("mysql://u@db/d").tls, None);
        assert_eq!(address("mysql://u@db/d?tls=true").tls, Some(MysqlTls::default()));
        let tls = address("mysql://u@db/d?ca=/ca&cert=/c&key=/k").tls.unwrap();
        assert_eq!((tls.authorities, tls.client), (Some("/ca".into()), Some(("/c".into(), "/k".into()))));
        assert!(address("mysql://u@db/d?tls=skip-verify").tls.unwrap().any_server && !tls.any_server);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, word) in [
            ("postgres://x", "sqlite:///path or mysql://"),
            ("sqlite://", "file is missing"),
            ("sqlite:///a?b", "no options"),
            ("mysql://db/d", "user is missing"),
            ("mysql://u@db", "database is missing"),
            ("mysql://u@/d", "host is missing"),
            ("mysql://u@db:x/d", "no port"),
            ("mysql://u@pipe(x)/d", "pipe"),
            ("mysql://u@unix(/x/d", "not closed"),
            ("mysql://u@db/d?sslmode=1", "sslmode is not known"),
            ("mysql://u@db/d?tls=maybe", "tls=maybe"),
            ("mysql://u@db/d?cert=/c", "go together"),
            ("mysql://u:p@db/d?password-file=/p", "one of them"),
            ("mysql://u%4@db/d", "hexadecimal"),
        ] {
            assert!(refused(text).contains(word), "{text}: {}", refused(text));
        }
    }
}
