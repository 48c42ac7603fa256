//! Sends messages by one server, over a few connections that are kept.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lettre::message::Mailbox;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::connection::open;
use crate::message::mailbox;
use crate::server::Server;
use crate::{Error, Message};

/// For a name's addresses, a connection, encryption and signing in.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// For a message, from waiting for a connection to the server's word that it has it.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// How many messages are on their way at the same time.
const MAX_CONNECTIONS: usize = 4;

/// Servers close connections that are silent for longer.
const MAX_IDLE: Duration = Duration::from_secs(60);

/// How many messages go over one connection: what a server may say on it is bounded.
const MAX_MESSAGES: u32 = 100;

/// A way to hand mail over to one server, as one sender. Cheap to clone.
#[derive(Clone)]
pub struct Mailer(Arc<Inner>);

struct Inner {
    server: Server,
    from: Mailbox,
    /// Connect to these and ask nobody what the name means.
    addresses: Option<Vec<SocketAddr>>,
    idle: Mutex<Vec<Idle>>,
    slots: Semaphore,
    limits: Limits,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    connect: Duration,
    send: Duration,
}

/// A connection between two messages.
struct Idle {
    connection: AsyncSmtpConnection,
    messages: u32,
    since: Instant,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailer({:?})", self.0.server)
    }
}

impl Mailer {
    /// Mail by the server `smtp://USER:PASSWORD@HOST:PORT` (port 587) or `smtps://...` (port 465), from this sender.
    /// `smtp` is encrypted by STARTTLS as the query says: `?tls=required`, `opportunistic` or `none`; by default it
    /// must be where there is a password. Nothing is connected to before the first message.
    ///
    /// # Errors
    /// [`Error::Url`], or [`Error::Message`] for a sender that is not an address.
    pub fn connect(url: &str, from: &str) -> Result<Self, Error> {
        Self::new(url, from, None)
    }

    /// The same, connecting to these addresses alone, whatever the URL's host resolves to. For servers that users
    /// name: whoever decided that the addresses may be reached knows that it is them that are reached.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub fn connect_at(url: &str, from: &str, addresses: Vec<SocketAddr>) -> Result<Self, Error> {
        Self::new(url, from, Some(addresses))
    }

    fn new(url: &str, from: &str, addresses: Option<Vec<SocketAddr>>) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            server: Server::parse(url)?,
            from: mailbox("from", from)?,
            addresses,
            idle: Mutex::default(),
            slots: Semaphore::new(MAX_CONNECTIONS),
            limits: Limits { connect: CONNECT_TIMEOUT, send: SEND_TIMEOUT },
        })))
    }

    /// The same with other time-outs, for tests that do not want to wait.
    #[cfg(test)]
    pub(crate) fn within(self, connect: Duration, send: Duration) -> Self {
        let inner = Arc::into_inner(self.0).map(|inner| Inner { limits: Limits { connect, send }, ..inner });
        Self(Arc::new(inner.expect("nobody else has it")))
    }

    /// Hands a message over; on return the server has it for all its recipients.
    ///
    /// # Errors
    /// Nobody gets it unless the connection broke or took too long: then the server may have taken it.
    pub async fn send(&self, message: &Message) -> Result<(), Error> {
        let inner = &self.0;
        let built = message.build(&inner.from)?;
        let bytes = built.formatted();
        let sent = async {
            let _slot = inner.slots.acquire().await.map_err(|_| inner.unreachable("the mailer was closed"))?;
            let (mut connection, messages) = inner.take().await?;
            // Whatever goes wrong from here on, the connection goes away with it: nobody reads another's answer.
            let sent = connection.send(built.envelope(), &bytes).await;
            sent.map_err(|error| Error::from_smtp(&inner.server.host, &error))?;
            inner.keep(connection, messages + 1);
            Ok(())
        };
        timeout(inner.limits.send, sent).await.unwrap_or_else(|_| Err(inner.timeout("take the message")))
    }
}

impl Inner {
    /// A connection that is ready for a message, and how many went over it before.
    async fn take(&self) -> Result<(AsyncSmtpConnection, u32), Error> {
        loop {
            // Apart from the `while`, so that the lock is let go of before the connection is tried.
            let idle = self.idle.lock().pop();
            let Some(Idle { mut connection, messages, since }) = idle else { break };
            if since.elapsed() < MAX_IDLE && connection.test_connected().await {
                return Ok((connection, messages));
            }
        }
        let opened = async {
            let addresses = match &self.addresses {
                Some(addresses) => addresses.clone(),
                None => tokio::net::lookup_host((self.server.host.as_str(), self.server.port))
                    .await
                    .map_err(|error| self.unreachable(error))?
                    .collect(),
            };
            open(&self.server, &addresses).await
        };
        let opened = timeout(self.limits.connect, opened).await;
        Ok((opened.unwrap_or_else(|_| Err(self.timeout("accept a connection")))?, 0))
    }

    fn keep(&self, connection: AsyncSmtpConnection, messages: u32) {
        // Idle ones are only looked at when a message is sent, so those that are too old go now.
        let mut idle = self.idle.lock();
        idle.retain(|idle| idle.since.elapsed() < MAX_IDLE);
        if messages < MAX_MESSAGES {
            idle.push(Idle { connection, messages, since: Instant::now() });
        }
    }

    fn unreachable(&self, cause: impl ToString) -> Error {
        Error::Unreachable { host: self.server.host.clone(), cause: cause.to_string() }
    }

    fn timeout(&self, step: &'static str) -> Error {
        let limit = if step == "take the message" { self.limits.send } else { self.limits.connect };
        Error::Timeout { host: self.server.host.clone(), seconds: limit.as_secs(), step }
    }
}

#[cfg(test)]
mod tests {
    use weir_base::ErrorKind;
    use weir_testkit::{SmtpOptions, SmtpServer};

    use super::*;

    fn message(to: &str) -> Message {
        Message {
            to: vec![to.to_owned()],
            subject: "Grüße, Ann".to_owned(),
            text: "Hello\n.\n..world".to_owned(),
            ..Message::default()
        }
    }

    fn mailer(url: &str) -> Mailer {
        Mailer::connect(url, "Weir <weir@example.com>").expect("a mailer")
    }

    #[tokio::test]
    async fn a_message_arrives_whole_and_at_all_who_are_named() {
        let server = SmtpServer::start(SmtpOptions::default());
        let message = Message {
            cc: vec!["Bo <bo@example.org>".to_owned()],
            html: Some("<p>Hello</p>".to_owned()),
            reply_to: Some("desk@example.com".to_owned()),
            id: Some("execution/notify/message".to_owned()),
            ..message("Ann Ä <ann@example.org>")
        };
        let mailer = mailer(server.url());
        mailer.send(&message).await.expect("sent");
        mailer.send(&message).await.expect("sent over the same connection");
        let mails = server.mails();
        let [mail, again] = &mails[..] else { panic!("two mails, not {mails:?}") };
        assert_eq!(
            (mail.from.as_str(), &mail.to[..]),
            ("weir@example.com", &["ann@example.org", "bo@example.org"].map(str::to_owned)[..])
        );
        assert_eq!(mail.subject, "Grüße, Ann");
        assert_eq!(mail.text.replace("\r\n", "\n").trim_end(), "Hello\n.\n..world");
        assert_eq!(mail.html.as_deref().map(str::trim_end), Some("<p>Hello</p>"));
        assert!(mail.raw.contains("Reply-To: desk@example.com"), "{}", mail.raw);
        let id = |raw: &str| raw.lines().find(|line| line.starts_with("Message-ID:")).expect("an id").to_owned();
        assert_eq!(id(&mail.raw), id(&again.raw));
        assert_eq!(mailer.0.idle.lock().len(), 1);
    }

    #[tokio::test]
    async fn only_who_has_the_password_sends() {
        let auth = Some(("weir".to_owned(), "s3cret".to_owned()));
        let server = SmtpServer::start(SmtpOptions { auth, starttls: false });
        mailer(server.url()).send(&message("ann@example.org")).await.expect("sent");
        let wrong = server.url().replace("s3cret", "wr0ng");
        let error = mailer(&wrong).send(&message("ann@example.org")).await.expect_err("a refusal");
        assert!(matches!(error, Error::Refused { .. }) && !error.is_transient(), "{error}");
        assert!(!format!("{error:?} {error}").contains("wr0ng"), "{error}");
        // Without a word about encryption, the password stays where it is.
        for url in [server.url().replace("?tls=none", ""), server.url().replace("none", "opportunistic")] {
            let error = mailer(&url).send(&message("ann@example.org")).await.expect_err("a refusal");
            assert!(matches!(error, Error::Unencrypted { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_vouches_for_ends_the_connection() {
        let server = SmtpServer::start(SmtpOptions { auth: None, starttls: true });
        for url in [server.url().to_owned(), server.url().replace("required", "opportunistic")] {
            let error = mailer(&url).send(&message("ann@example.org")).await.expect_err("a refusal");
            assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        }
        assert!(server.mails().is_empty());
    }

    #[tokio::test]
    async fn a_refusal_says_whether_to_try_again() {
        let server = SmtpServer::start(SmtpOptions::default());
        let mailer = mailer(server.url());
        server.fail_next(451);
        let error = mailer.send(&message("ann@example.org")).await.expect_err("a refusal");
        assert!(matches!(&error, Error::Deferred { answer, .. } if answer.starts_with("451")), "{error}");
        assert!(error.is_transient());
        server.fail_next(550);
        let error = mailer.send(&message("ann@example.org")).await.expect_err("a refusal");
        assert!(matches!(&error, Error::Refused { answer, .. } if answer.starts_with("550")), "{error}");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        mailer.send(&message("ann@example.org")).await.expect("sent");
        assert_eq!(server.mails().len(), 1);
    }

    #[tokio::test]
    async fn who_hangs_is_left_and_their_late_answer_is_nobody_elses() {
        let server = SmtpServer::start(SmtpOptions::default());
        let mailer = mailer(server.url()).within(Duration::from_secs(10), Duration::from_secs(1));
        mailer.send(&message("first@example.org")).await.expect("sent");
        server.hang();
        let error = mailer.send(&message("second@example.org")).await.expect_err("a time-out");
        assert!(matches!(error, Error::Timeout { .. }) && error.is_transient(), "{error}");
        assert!(mailer.0.idle.lock().is_empty(), "the connection is still there");
        server.recover();
        let mailer = self::mailer(server.url());
        mailer.send(&message("third@example.org")).await.expect("sent");
        server.wait_for_mail("third@example.org").await;
    }

    #[tokio::test]
    async fn a_server_that_talks_without_end_or_is_not_there_fails() {
        let talking = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://127.0.0.1:{}?tls=none", talking.local_addr().expect("an address").port());
        let talk = tokio::spawn(async move {
            let (mut stream, _) = talking.accept().await.expect("a connection");
            while tokio::io::AsyncWriteExt::write_all(&mut stream, &[b'2'; 65_536]).await.is_ok() {}
        });
        let error = mailer(&url).send(&message("ann@example.org")).await.expect_err("too much");
        assert!(error.to_string().contains("more than 1048576 bytes"), "{error}");
        talk.await.expect("it was hung up on");
        let error = mailer(&url).send(&message("ann@example.org")).await.expect_err("nobody there");
        assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error}");
    }

    #[tokio::test]
    async fn the_addresses_given_are_the_ones_connected_to() {
        let server = SmtpServer::start(SmtpOptions::default());
        let address =
            server.url().trim_start_matches("smtp://").trim_end_matches("?tls=none").parse().expect("an address");
        let url = "smtp://mail.invalid?tls=none";
        let mailer = Mailer::connect_at(url, "weir@example.com", vec![address]).expect("a mailer");
        mailer.send(&message("ann@example.org")).await.expect("sent");
        let error = self::mailer(url).send(&message("ann@example.org")).await.expect_err("no such host");
        assert!(error.is_transient(), "{error}");
    }
}
