//! Which passwords may be chosen.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::Error;
use crate::email::email_key;

/// The fewest characters of a password.
const MIN_CHARS: usize = 12;

/// The most characters of a password.
const MAX_CHARS: usize = 128;

/// The most bytes a password of so many characters can have.
pub(crate) const MAX_BYTES: usize = MAX_CHARS * 4;

/// So many different characters a password must have at least.
const MIN_DIFFERENT: usize = 5;

/// Words and rows of keys that common passwords are made of, in lower case.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("password/common.txt").lines().filter(|line| !line.is_empty()).collect());

/// Refuses a password that is too short, too long, or among the first that anybody guesses: a common word, however
/// many digits it is decorated with, or the person's own name or address.
pub(crate) fn check(password: &str, email: &str, name: &str) -> Result<(), Error> {
    let chars = password.chars().count();
    if chars < MIN_CHARS {
        return Err(Error::WeakPassword("must have at least 12 characters"));
    }
    if chars > MAX_CHARS {
        return Err(Error::WeakPassword("must have at most 128 characters"));
    }
    let lower = password.to_lowercase();
    if lower.chars().collect::<HashSet<_>>().len() < MIN_DIFFERENT || is_common(&lower) {
        return Err(Error::WeakPassword("is one of the most common ones"));
    }
    let email = email_key(email);
    let local = email.split('@').next().unwrap_or_default();
    let bare = letters(&lower);
    let own = [email.as_str(), local, &name.trim().to_lowercase()];
    if own.iter().any(|own| !own.is_empty() && (lower == *own || bare == letters(own) && !bare.is_empty())) {
        return Err(Error::WeakPassword("must not be your name or e-mail address"));
    }
    Ok(())
}

/// Whether a password in lower case is a common one, once or repeated, with anything but letters around or between.
fn is_common(lower: &str) -> bool {
    if COMMON.contains(lower) {
        return true;
    }
    let core: String = lower.trim_matches(|char: char| !char.is_alphabetic()).chars().map(unmasked).collect();
    let candidates = [letters(lower), letters(&core)];
    candidates.iter().any(|word| COMMON.contains(word.as_str()) || is_repetition(word))
}

/// Whether it is one common word several times.
fn is_repetition(word: &str) -> bool {
    (3..=word.len() / 2).any(|length| {
        word.len().is_multiple_of(length)
            && word.is_char_boundary(length)
            && COMMON.contains(&word[..length])
            && word.as_bytes().chunks(length).all(|part| part == &word.as_bytes()[..length])
    })
}

fn letters(text: &str) -> String {
    text.chars().filter(|char| char.is_alphabetic()).collect()
}

/// The letter that a character stands for in `p4$$w0rd`.
const fn unmasked(char: char) -> char {
    match char {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(password: &str) -> bool {
        check(password, "ann.miller@example.com", "Ann Miller-Smith").is_ok()
    }

    #[test]
    fn common_passwords_are_refused_however_they_are_decorated() {
        for password in [
            "password1234",
            "P4$$w0rd!2026",
            "qwertyuiop12",
            "123456789012",
            "aaaaaaaaaaaa",
            "passwordpassword",
            "iloveyou!!!!2024",
            "Welcome-2026!!",
        ] {
            assert!(!accepted(password), "{password}");
        }
    }

    #[test]
    fn lengths_count_characters_of_any_script() {
        assert!(!accepted("süßer Hund!"), "11 characters");
        assert!(accepted("süßer Hund 7"));
        assert!(accepted("正確馬電池釘書針天空海洋"));
        assert!(accepted(&"🐎z🔋y📎".repeat(25)));
        assert!(!accepted(&"abcdefgh".repeat(17)), "136 characters");
    }

    #[test]
    fn ones_own_name_and_address_are_refused() {
        for password in ["Ann Miller-Smith", "annmillersmith1", "ann.miller@example.com", "ann.miller2026"] {
            assert!(!accepted(password), "{password}");
        }
    }
}
