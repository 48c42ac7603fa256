//! E-mail addresses, and names.

use crate::Error;

/// The longest address that mail servers take, in bytes.
const MAX_EMAIL: usize = 254;

/// The longest name of a person, workspace or key, in characters.
const MAX_NAME: usize = 100;

/// The address without blanks around it, if it has the shape of one. Whether it exists only a mail to it can tell.
pub(crate) fn checked_email(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let strange = |char: char| char.is_whitespace() || char.is_control() || matches!(char, '<' | '>' | ',' | ';');
    match text.rsplit_once('@') {
        Some((local, domain))
            if !local.is_empty()
                && !domain.is_empty()
                && !local.contains('@')
                && text.len() <= MAX_EMAIL
                && !text.contains(strange) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(Error::Invalid { what: "email", rule: "must be an e-mail address" }),
    }
}

/// The form by which an address is found, whatever the case it is written in.
pub(crate) fn email_key(email: &str) -> String {
    email.trim().to_lowercase()
}

/// A name without blanks around it.
pub(crate) fn checked_name(text: &str) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_NAME || text.contains(char::is_control) {
        return Err(Error::Invalid { what: "name", rule: "must have 1 to 100 characters, without control characters" });
    }
    Ok(text.to_owned())
}
