//! A mail server, as its URL describes it.

use std::fmt;

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::Error;

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// From its first byte.
    Wrapped,
    /// By `STARTTLS`, or not at all.
    Required,
    /// By `STARTTLS` where the server offers it.
    Opportunistic,
    /// Never.
    None,
}

/// Where mail is handed over, and as whom.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
    pub(crate) credentials: Option<Credentials>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}:{}, {:?})", self.host, self.port, self.encryption)
    }
}

impl Server {
    /// Reads `smtp://USER:PASSWORD@HOST:PORT?tls=required|opportunistic|none` or `smtps://USER:PASSWORD@HOST:PORT`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::Url { reason };
        let url = Url::parse(text).map_err(|_| invalid("expected smtp://USER:PASSWORD@HOST:PORT or smtps://..."))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| invalid("it names no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let part = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8();
            decoded.map(|text| text.into_owned()).map_err(|_| invalid("its user or password is not UTF-8"))
        };
        let user = part(url.username())?;
        let credentials = if user.is_empty() {
            None
        } else {
            Some(Credentials::new(user, part(url.password().unwrap_or_default())?))
        };
        let mut tls = None;
        for (name, value) in url.query_pairs() {
            if name != "tls" {
                return Err(invalid("its query may have nothing but tls"));
            }
            tls = Some(value.into_owned());
        }
        let (port, encryption) = match (url.scheme(), tls.as_deref()) {
            ("smtps", None | Some("required")) => (465, Encryption::Wrapped),
            ("smtp", Some("required")) => (587, Encryption::Required),
            ("smtp", Some("none")) => (587, Encryption::None),
            ("smtp", Some("opportunistic")) => (587, Encryption::Opportunistic),
            // A password is not told to whoever listens unless that was asked for.
            ("smtp", None) if credentials.is_some() => (587, Encryption::Required),
            ("smtp", None) => (587, Encryption::Opportunistic),
            ("smtp" | "smtps", Some(_)) => return Err(invalid("tls is required, opportunistic or none")),
            _ => return Err(invalid("it begins with neither smtp:// nor smtps://")),
        };
        Ok(Self { host, port: url.port().unwrap_or(port), encryption, credentials })
    }
}

/// The host and port a URL names, for whoever decides whether it may be reached.
///
/// # Errors
/// [`Error::Url`].
pub fn host_and_port(url: &str) -> Result<(String, u16), Error> {
    let server = Server::parse(url)?;
    Ok((server.host, server.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_as_whom_and_how_safely() {
        let server = |url: &str| {
            let server = Server::parse(url).expect("a server");
            (server.host, server.port, server.encryption, server.credentials.is_some())
        };
        let host = || "mail.example".to_owned();
        assert_eq!(server("smtps://mail.example"), (host(), 465, Encryption::Wrapped, false));
        assert_eq!(server("smtp://a%40b:p%2Fw@mail.example"), (host(), 587, Encryption::Required, true));
        assert_eq!(server("smtp://mail.example:25"), (host(), 25, Encryption::Opportunistic, false));
        assert_eq!(server("smtp://a:b@mail.example?tls=none"), (host(), 587, Encryption::None, true));
        assert_eq!(host_and_port("smtp://[::1]:2525").expect("an address"), ("::1".to_owned(), 2525));
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_showing_it() {
        for url in [
            "",
            "mail.example",
            "http://u:s3cret@mail.example",
            "smtp://u:s3cret@mail.example?tls=maybe",
            "smtps://u:s3cret@mail.example?tls=none",
            "smtp://u:s3cret@mail.example?timeout=1",
            "smtp://u:s3cret@",
            "smtp://u:s3cret@mail.example:99999",
        ] {
            let error = Server::parse(url).expect_err("a refusal").to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
        let server = Server::parse("smtp://u:s3cret@mail.example").expect("a server");
        assert!(!format!("{server:?}").contains("s3cret"));
    }
}
