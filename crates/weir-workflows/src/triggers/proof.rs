//! Whether a request comes from whom a webhook expects. Comparisons take the same time wherever the texts differ.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use weir_base::{Credential, Timestamp};

use super::{Encoding, Error, HookCheck};

/// A signed request older or newer than this, in seconds, may be a recorded one: the Standard Webhooks scheme's bound.
const TOLERANCE: i64 = 5 * 60;

/// The parts of a request a proof is looked for in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'r> {
    /// By lower-case name.
    pub(super) headers: &'r BTreeMap<String, String>,
    pub(super) body: &'r [u8],
    pub(super) now: Timestamp,
}

impl HookCheck {
    /// The credential it needs.
    pub(super) fn credential(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Bearer { credential }
            | Self::Basic { credential }
            | Self::Hmac { credential, .. }
            | Self::StandardWebhooks { credential } => Some(credential),
        }
    }

    /// Holds the request against the credential.
    ///
    /// # Errors
    /// [`Error::Unproven`]; [`Error::Credential`] if it is of another type than the check needs.
    pub(super) fn verify(&self, credential: Option<&Credential>, request: Signed<'_>) -> Result<(), Error> {
        match (self, credential) {
            (Self::None, _) => Ok(()),
            (Self::Bearer { .. }, Some(Credential::Bearer { token })) => {
                let given = request.header("authorization").and_then(|header| scheme(header, "bearer"));
                equal(given.unwrap_or_default().as_bytes(), token.as_bytes(), "the bearer token is missing or wrong")
            }
            (Self::Basic { .. }, Some(Credential::Basic { username, password })) => {
                let given = request.header("authorization").and_then(|header| scheme(header, "basic"));
                let given = given.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
                equal(&given, format!("{username}:{password}").as_bytes(), "the user or the password is wrong")
            }
            (Self::Hmac { header, prefix, encoding, .. }, Some(Credential::Signing { secret })) => {
                let header = request.header(&header.to_ascii_lowercase());
                let signature = header.and_then(|header| header.strip_prefix(prefix.as_str()));
                let signature = signature.and_then(|text| encoding.decode(text.trim()));
                let signature = signature.ok_or(Error::Unproven("the header with the signature is missing"))?;
                let wrong = Error::Unproven("the signature does not fit the body");
                digest(secret.as_bytes(), &[request.body]).verify_slice(&signature).map_err(|_| wrong)
            }
            (Self::StandardWebhooks { .. }, Some(Credential::Signing { secret })) => standard_webhooks(secret, request),
            (check, found) => Err(Error::Credential {
                name: check.credential().unwrap_or_default().to_owned(),
                what: if found.is_some() { "is of another type than the check needs" } else { "is missing" },
            }),
        }
    }
}

impl Signed<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Hex => {
                let digits: Vec<u32> = text.chars().map(|char| char.to_digit(16)).collect::<Option<_>>()?;
                let (pairs, rest) = digits.as_chunks::<2>();
                // Two digits of sixteen make a byte.
                rest.is_empty().then(|| pairs.iter().map(|[high, low]| (high * 16 + low) as u8).collect())
            }
        }
    }
}

/// <https://www.standardwebhooks.com>: the signature is over `id.timestamp.body`; several may be given, one must fit.
fn standard_webhooks(secret: &str, request: Signed<'_>) -> Result<(), Error> {
    let missing = Error::Unproven("webhook-id, webhook-timestamp or webhook-signature is missing");
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| request.header(name));
    let [Some(id), Some(timestamp), Some(signatures)] = headers else { return Err(missing) };
    let sent: i64 = timestamp.parse().map_err(|_| Error::Unproven("webhook-timestamp is no number of seconds"))?;
    if request.now.timestamp().abs_diff(sent) > TOLERANCE.unsigned_abs() {
        return Err(Error::Unproven("webhook-timestamp is more than five minutes away from now"));
    }
    let encoded = secret.strip_prefix("whsec_").unwrap_or(secret);
    // A secret that is no base64 is taken as it is: both sides only have to agree.
    let key = STANDARD.decode(encoded).unwrap_or_else(|_| secret.as_bytes().to_vec());
    if key.is_empty() {
        return Err(Error::Unproven("the secret of this webhook is empty after its whsec_: anybody could sign"));
    }
    let expected = digest(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", request.body]);
    let fits = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,")).any(|signature| {
        STANDARD.decode(signature).is_ok_and(|signature| expected.clone().verify_slice(&signature).is_ok())
    });
    if fits { Ok(()) } else { Err(Error::Unproven("no signature fits the body")) }
}

fn digest(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// The rest of an `Authorization` header of this scheme.
fn scheme<'h>(header: &'h str, scheme: &str) -> Option<&'h str> {
    let (given, rest) = header.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

fn equal(given: &[u8], expected: &[u8], wrong: &'static str) -> Result<(), Error> {
    if bool::from(given.ct_eq(expected)) { Ok(()) } else { Err(Error::Unproven(wrong)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(check: &HookCheck, credential: &Credential, headers: &[(&str, &str)], body: &[u8]) -> Result<(), Error> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let now = Timestamp::from_timestamp(1_614_265_330, 0).unwrap();
        check.verify(Some(credential), Signed { headers: &headers, body, now })
    }

    fn credential() -> String {
        "partner".to_owned()
    }

    #[test]
    fn a_signature_as_github_writes_it_is_checked() {
        // The example of GitHub's documentation of `X-Hub-Signature-256`.
        let secret = Credential::Signing { secret: "It's a Secret to Everybody".to_owned() };
        let check = HookCheck::Hmac {
            credential: credential(),
            header: "X-Hub-Signature-256".to_owned(),
            prefix: "sha256=".to_owned(),
            encoding: Encoding::Hex,
        };
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let header = [("x-hub-signature-256", signature)];
        assert!(verify(&check, &secret, &header, b"Hello, World!").is_ok());
        assert!(matches!(verify(&check, &secret, &header, b"Hello, World?"), Err(Error::Unproven(_))));
        assert!(matches!(verify(&check, &secret, &[], b"Hello, World!"), Err(Error::Unproven(_))));
        let broken = [("x-hub-signature-256", "sha256=75710")];
        assert!(matches!(verify(&check, &secret, &broken, b"Hello, World!"), Err(Error::Unproven(_))));
    }

    #[test]
    fn a_standard_webhook_is_checked_with_its_time() {
        // The example of the scheme's reference implementations.
        let secret = Credential::Signing { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned() };
        let check = HookCheck::StandardWebhooks { credential: credential() };
        let body = br#"{"test": 2432232314}"#;
        let headers = |timestamp| {
            [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", timestamp),
                ("webhook-signature", "v1,bm9wZQ== v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ]
        };
        assert!(verify(&check, &secret, &headers("1614265330"), body).is_ok());
        assert!(matches!(verify(&check, &secret, &headers("1614265329"), body), Err(Error::Unproven(_))));
        assert!(matches!(verify(&check, &secret, &headers("1614264000"), body), Err(Error::Unproven(_))));
    }

    #[test]
    fn with_a_secret_that_is_only_a_prefix_nobody_is_let_in() {
        let secret = Credential::Signing { secret: "whsec_".to_owned() };
        let signature = digest(b"", &[b"msg_1.1614265330.{}"]).finalize().into_bytes();
        let signature = format!("v1,{}", STANDARD.encode(signature));
        let headers =
            [("webhook-id", "msg_1"), ("webhook-timestamp", "1614265330"), ("webhook-signature", signature.as_str())];
        let check = HookCheck::StandardWebhooks { credential: credential() };
        assert!(matches!(verify(&check, &secret, &headers, b"{}"), Err(Error::Unproven(_))));
    }

    #[test]
    fn tokens_and_passwords_are_compared_whole() {
        let token = Credential::Bearer { token: "sesame".to_owned() };
        let check = HookCheck::Bearer { credential: credential() };
        assert!(verify(&check, &token, &[("authorization", "Bearer sesame")], b"").is_ok());
        for wrong in ["Bearer sesam", "Bearer sesame2", "Basic sesame", "sesame"] {
            assert!(verify(&check, &token, &[("authorization", wrong)], b"").is_err(), "{wrong}");
        }
        let basic = Credential::Basic { username: "ann".to_owned(), password: "pa:ss".to_owned() };
        let check = HookCheck::Basic { credential: credential() };
        assert!(verify(&check, &basic, &[("authorization", "Basic YW5uOnBhOnNz")], b"").is_ok());
        assert!(verify(&check, &basic, &[("authorization", "Basic YW5uOnBhOnN0")], b"").is_err());
    }

    #[test]
    fn a_credential_of_another_type_is_told_apart_from_a_wrong_signature() {
        let check = HookCheck::Bearer { credential: credential() };
        let other = Credential::Signing { secret: "secret".to_owned() };
        assert!(matches!(verify(&check, &other, &[], b""), Err(Error::Credential { .. })));
    }
}
