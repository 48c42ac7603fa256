//! An SMTP server of the tests' own.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::process::{Process, folder};
use crate::python;

/// How long a mail that was promised may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the server asks of its clients; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct SmtpOptions {
    /// The only user and their password: nobody else may send.
    pub auth: Option<(String, String)>,
    /// Whether clients have to encrypt by STARTTLS first. The certificate is signed by nobody and valid for
    /// `localhost` and `127.0.0.1`: see [`SmtpServer::certificate`].
    pub starttls: bool,
}

/// An SMTP server on the loopback interface, which keeps what it is sent.
#[derive(Debug)]
pub struct SmtpServer {
    url: String,
    pub(crate) process: Process,
}

/// A mail as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mail {
    /// The sender on the envelope.
    pub from: String,
    /// The recipients on the envelope.
    pub to: Vec<String>,
    /// Decoded.
    pub subject: String,
    /// The plain text, decoded; empty if there is none.
    pub text: String,
    /// The HTML, decoded.
    pub html: Option<String>,
    /// Everything, headers included, as it was sent.
    pub raw: String,
}

impl SmtpServer {
    /// Starts a server, which ends with this value or with the process.
    ///
    /// # Panics
    /// If `make setup` was not run, or the server does not start.
    pub fn start(options: SmtpOptions) -> Self {
        let folder = folder("smtp");
        let mut arguments = vec![folder.clone().into_os_string()];
        let mut user = String::new();
        if options.starttls {
            arguments.push("starttls".into());
        }
        if let Some((name, password)) = options.auth {
            user = format!("{name}:{password}@");
            arguments.extend([name.into(), password.into()]);
        }
        let mut process = Process::new(folder, "KILL", python::command(include_str!("smtp_server.py"), arguments));
        let port = process.start(python::port);
        let tls = if options.starttls { "required" } else { "none" };
        Self { url: format!("smtp://{user}127.0.0.1:{port}?tls={tls}"), process }
    }

    /// Where Weir's mailer connects to: `smtp://USER:PASSWORD@127.0.0.1:PORT?tls=none`, or `?tls=required` with
    /// STARTTLS. User and password are written as they are: take ones that need no escape in a URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file, in PEM, of the certificate shown by a server with STARTTLS.
    pub fn certificate(&self) -> PathBuf {
        self.process.folder().join("certificate.pem")
    }

    /// All mails accepted so far, the oldest first.
    ///
    /// # Panics
    /// If the server's folder cannot be read.
    pub fn mails(&self) -> Vec<Mail> {
        let entries = std::fs::read_dir(self.process.folder().join("mails")).expect("the server made the folder");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        let read = |file: PathBuf| {
            let mail = std::fs::read(file).expect("a mail stays");
            serde_json::from_slice(&mail).expect("a mail is written in one go")
        };
        files.into_iter().map(read).collect()
    }

    /// The first mail to an address, as soon as it has arrived.
    ///
    /// # Panics
    /// If it does not arrive within 20 seconds.
    pub async fn wait_for_mail(&self, to: &str) -> Mail {
        let begun = Instant::now();
        loop {
            let mails = self.mails();
            let others: Vec<_> = mails.iter().map(|mail| mail.to.join(", ")).collect();
            if let Some(mail) = mails.into_iter().find(|mail| mail.to.iter().any(|address| address == to)) {
                return mail;
            }
            assert!(begun.elapsed() < PATIENCE, "no mail to {to} within {PATIENCE:?}, only to {others:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Refuses the next mail, after its text, with a code: 4xx for now, 5xx for good.
    ///
    /// # Panics
    /// If the server's folder cannot be written.
    pub fn fail_next(&self, code: u16) {
        // In one go, so that the server does not find it half written.
        let (part, file) = (self.process.folder().join("fail.part"), self.process.folder().join("fail"));
        std::fs::write(&part, code.to_string()).expect("a writable folder");
        std::fs::rename(part, file).expect("a writable folder");
    }

    /// From now on takes the text of mails and does not answer, until [`Self::recover`].
    ///
    /// # Panics
    /// If the server's folder cannot be written.
    pub fn hang(&self) {
        std::fs::write(self.process.folder().join("hang"), "").expect("a writable folder");
    }

    /// Answers again, also those who waited.
    ///
    /// # Panics
    /// If the server does not hang.
    pub fn recover(&self) {
        std::fs::remove_file(self.process.folder().join("hang")).expect("the server hangs");
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpStream;

    use super::*;

    const MAIL: &str =
        "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhällo\r\n.";

    /// Sends a mail; answers the code of each answer, up to the first refusal.
    fn send(server: &SmtpServer, before: &[&str], to: &str) -> Vec<u16> {
        let (address, _) = server.url.split_once('?').unwrap();
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        let mut connection = BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
        connection.get_ref().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let recipient = format!("RCPT TO:<{to}>");
        let mut lines = vec!["EHLO test"];
        lines.extend(before);
        lines.extend(["MAIL FROM:<weir@example.org>", &recipient, "DATA", MAIL]);
        let mut codes = Vec::new();
        let mut next = lines.into_iter();
        loop {
            let mut answer = String::new();
            while answer.lines().last().is_none_or(|line| line.as_bytes()[3] == b'-') {
                if !connection.read_line(&mut answer).is_ok_and(|length| length > 0) {
                    return codes;
                }
            }
            let code = answer[..3].parse().unwrap();
            codes.push(code);
            match next.next() {
                Some(line) if code < 400 => write!(connection.get_mut(), "{line}\r\n").unwrap(),
                _ => return codes,
            }
        }
    }

    #[tokio::test]
    async fn mails_are_kept_failed_and_left_unanswered_as_asked() {
        let server = SmtpServer::start(SmtpOptions::default());
        assert_eq!(send(&server, &[], "ada@example.org"), [220, 250, 250, 250, 354, 250]);
        let mail = server.wait_for_mail("ada@example.org").await;
        assert_eq!((mail.from.as_str(), mail.to.as_slice()), ("weir@example.org", &["ada@example.org".to_owned()][..]));
        assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("grüße", "hällo\r\n"));
        assert!(mail.raw.starts_with("Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?="), "{}", mail.raw);

        server.fail_next(451);
        assert_eq!(send(&server, &[], "bob@example.org"), [220, 250, 250, 250, 354, 451]);
        assert_eq!(send(&server, &[], "bob@example.org"), [220, 250, 250, 250, 354, 250]);

        server.hang();
        assert_eq!(send(&server, &[], "cy@example.org"), [220, 250, 250, 250, 354]);
        assert_eq!(server.mails().len(), 2);
        server.recover();
        assert_eq!(send(&server, &[], "dee@example.org"), [220, 250, 250, 250, 354, 250]);
        let folder = server.process.folder().to_owned();
        drop(server);
        assert!(!folder.exists());
    }

    #[test]
    fn only_the_user_may_send_and_only_encrypted_if_so_asked() {
        let server = SmtpServer::start(SmtpOptions { auth: Some(("weir".into(), "s3cret".into())), starttls: false });
        assert_eq!(send(&server, &[], "ada@example.org"), [220, 250, 530]);
        // \0weir\0wrong and \0weir\0s3cret
        assert_eq!(send(&server, &["AUTH PLAIN AHdlaXIAd3Jvbmc="], "ada@example.org"), [220, 250, 535]);
        let codes = send(&server, &["AUTH PLAIN AHdlaXIAczNjcmV0"], "ada@example.org");
        assert_eq!(codes, [220, 250, 235, 250, 250, 354, 250]);

        let server = SmtpServer::start(SmtpOptions { auth: None, starttls: true });
        assert_eq!(send(&server, &[], "ada@example.org"), [220, 250, 530]);
        assert_eq!(send(&server, &["STARTTLS"], "ada@example.org")[..3], [220, 250, 220]);
        assert!(std::fs::read_to_string(server.certificate()).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(server.mails().is_empty());
    }
}
