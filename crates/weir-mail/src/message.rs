//! What is sent: checked, and written as mail has it.

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use crate::Error;

/// The most addresses of one message, `to` and `cc` together.
pub const MAX_RECIPIENTS: usize = 100;

/// The longest text and HTML of a message together, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 10 * 1024 * 1024;

/// The longest subject or address, in bytes: a line of a header has no more.
const MAX_HEADER_BYTES: usize = 998;

/// A message to people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Whom it is for: `ann@example.org` or `Ann <ann@example.org>`.
    pub to: Vec<String>,
    /// Who gets a copy.
    pub cc: Vec<String>,
    /// The subject; one line.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML, for readers that show it.
    pub html: Option<String>,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<String>,
    /// What this message is about. The `Message-ID` is derived from it, so that mail programs take a message that
    /// was sent twice for one. Without it, every sending is a message of its own.
    pub id: Option<String>,
}

impl Message {
    /// The message from `from`, ready to send.
    pub(crate) fn build(&self, from: &Mailbox) -> Result<lettre::Message, Error> {
        let recipients = self.to.len() + self.cc.len();
        if self.to.is_empty() {
            return Err(Error::Message { field: "to", reason: "names nobody".to_owned() });
        }
        if recipients > MAX_RECIPIENTS {
            let reason = format!("and cc name {recipients} addresses, but at most {MAX_RECIPIENTS} are written to");
            return Err(Error::Message { field: "to", reason });
        }
        let length = self.text.len() + self.html.as_ref().map_or(0, String::len);
        if length > MAX_MESSAGE_BYTES {
            let reason = format!("and html have {length} bytes, but at most {MAX_MESSAGE_BYTES} are sent");
            return Err(Error::Message { field: "text", reason });
        }
        let mut message =
            lettre::Message::builder().from(from.clone()).subject(one_line("subject", &self.subject)?).date_now();
        for address in &self.to {
            message = message.to(mailbox("to", address)?);
        }
        for address in &self.cc {
            message = message.cc(mailbox("cc", address)?);
        }
        if let Some(address) = &self.reply_to {
            message = message.reply_to(mailbox("reply_to", address)?);
        }
        let id = self.id.as_ref().map(|id| {
            let digest: String = Sha256::digest(id).iter().map(|byte| format!("{byte:02x}")).collect();
            format!("<{digest}@{}>", from.email.domain())
        });
        let message = message.message_id(id);
        let built = match &self.html {
            Some(html) => message.multipart(MultiPart::alternative_plain_html(self.text.clone(), html.clone())),
            None => message.singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(self.text.clone())),
        };
        built.map_err(|error| Error::Message { field: "the message", reason: format!("cannot be written: {error}") })
    }
}

/// An address, perhaps with a name.
pub(crate) fn mailbox(field: &'static str, text: &str) -> Result<Mailbox, Error> {
    let text = one_line(field, text)?;
    let invalid = |error| Error::Message { field, reason: format!("{text:?} is not an address: {error}") };
    text.trim().parse().map_err(invalid)
}

/// The text, if no part of it could become a header of its own.
fn one_line<'a>(field: &'static str, text: &'a str) -> Result<&'a str, Error> {
    let reason = if text.len() > MAX_HEADER_BYTES {
        format!("is longer than {MAX_HEADER_BYTES} bytes")
    } else if text.contains(char::is_control) {
        "has a line break or another control character in it".to_owned()
    } else {
        return Ok(text);
    };
    Err(Error::Message { field, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Message {
        Message {
            to: vec!["Ann Ä <ann@example.org>".to_owned()],
            subject: "Grüße".to_owned(),
            text: "Hello\n.\nworld".to_owned(),
            ..Message::default()
        }
    }

    fn written(message: &Message) -> Result<String, Error> {
        let from = mailbox("from", "Weir <weir@example.com>").expect("an address");
        message.build(&from).map(|built| String::from_utf8_lossy(&built.formatted()).into_owned())
    }

    #[test]
    fn nothing_in_a_message_becomes_a_header_of_its_own() {
        for nasty in ["a\r\nBcc: eve@example.net", "a\nBcc: eve@example.net", "a\rb", "a\0b"] {
            let messages = [
                Message { subject: nasty.to_owned(), ..hello() },
                Message { to: vec![format!("{nasty} <ann@example.org>")], ..hello() },
                Message { cc: vec![format!("ann@example.org{nasty}")], ..hello() },
                Message { reply_to: Some(nasty.to_owned()), ..hello() },
            ];
            for message in messages {
                let error = written(&message).expect_err("a refusal");
                assert!(error.to_string().contains("control character"), "{error}");
            }
            let id = written(&Message { id: Some(nasty.to_owned()), ..hello() }).expect("a message");
            assert!(!id.contains("eve@"), "{id}");
        }
    }

    #[test]
    fn a_message_id_stays_the_same_for_the_same_thing() {
        let id = |id: &str| {
            let text = written(&Message { id: Some(id.to_owned()), ..hello() }).expect("a message");
            text.lines().find(|line| line.starts_with("Message-ID: ")).expect("an id").to_owned()
        };
        assert_eq!(id("one"), id("one"));
        assert_ne!(id("one"), id("two"));
        assert!(id("one").ends_with("@example.com>"), "{}", id("one"));
    }

    #[test]
    fn what_is_too_much_or_nobody_is_refused() {
        let many = vec!["ann@example.org".to_owned(); MAX_RECIPIENTS];
        assert!(written(&Message { to: many.clone(), ..hello() }).is_ok());
        for message in [
            Message { to: Vec::new(), ..hello() },
            Message { cc: many, ..hello() },
            Message { to: vec!["not an address".to_owned()], ..hello() },
            Message { subject: "x".repeat(999), ..hello() },
            Message { html: Some("x".repeat(MAX_MESSAGE_BYTES)), ..hello() },
        ] {
            assert_eq!(written(&message).expect_err("a refusal").kind(), weir_base::ErrorKind::Invalid);
        }
    }
}
