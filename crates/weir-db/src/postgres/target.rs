//! Where the server is and how to speak to it.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// Longer than this to connect means that the server is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Unanswered packets for so long mean that a connection is lost.
const UNANSWERED: Duration = Duration::from_secs(30);

pub(super) struct Target {
    pub(super) config: tokio_postgres::Config,
    pub(super) tls: Option<MakeRustlsConnect>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("config", &self.config).field("tls", &self.tls.is_some()).finish()
    }
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, Error> {
        let (url, authorities) = take_root_certificate(url);
        let mut config: tokio_postgres::Config =
            url.parse().map_err(|error| Error::Url { reason: crate::error::with_causes(&error) })?;
        if config.get_application_name().is_none() {
            config.application_name("weir");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNANSWERED);
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(tls(authorities.as_deref())?),
            _ => None,
        };
        Ok(Self { config, tls })
    }
}

/// Takes `sslrootcert`, which the driver does not know, out of the URL's query.
fn take_root_certificate(url: &str) -> (String, Option<String>) {
    let Some((address, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let (mine, others): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| pair.starts_with("sslrootcert="));
    let path = mine.first().and_then(|pair| url::form_urlencoded::parse(pair.as_bytes()).next());
    (format!("{address}?{}", others.join("&")), path.map(|(_, path)| path.into_owned()))
}

fn tls(authorities: Option<&str>) -> Result<MakeRustlsConnect, Error> {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(path) = authorities {
        let unusable = |error: &dyn std::fmt::Display| Error::Url { reason: format!("sslrootcert {path}: {error}") };
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
            roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
        }
    } else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Url { reason: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_certificate_is_taken_out_of_the_url() {
        let url = "postgres://weir@db/weir?sslmode=require&sslrootcert=%2Fetc%2Fca.pem&application_name=x";
        let (url, path) = take_root_certificate(url);
        assert_eq!(url, "postgres://weir@db/weir?sslmode=require&application_name=x");
        assert_eq!(path.as_deref(), Some("/etc/ca.pem"));
    }

    #[test]
    fn tls_is_asked_for_by_require_alone() {
        assert!(Target::parse("postgres://weir@db/weir?sslmode=require").unwrap().tls.is_some());
        assert!(Target::parse("postgres://weir@db/weir").unwrap().tls.is_none());
    }

    #[test]
    fn an_error_never_shows_the_password() {
        let error = Target::parse("postgres://weir:sesame@db:port/weir").unwrap_err().to_string();
        assert!(!error.contains("sesame"), "{error}");
    }
}
