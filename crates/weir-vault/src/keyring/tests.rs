//! Sealing and opening, by properties; and the life of a key file.

use std::collections::HashSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;

use super::*;

const FIRST: &str = "first:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECOND: &str = "second:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8";

fn ring(text: &str) -> Keyring {
    Keyring::from_text(text).expect("keys")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_sealed_opens_in_its_context_alone(
        secret in proptest::collection::vec(any::<u8>(), 0..300),
        context in ".{0,40}",
        other in ".{0,40}",
    ) {
        let ring = ring(FIRST);
        let sealed = ring.seal(&secret, &context);
        let opened = ring.open(&sealed, &context).expect("opened");
        prop_assert_eq!(opened.as_slice(), secret.as_slice());
        if other != context {
            prop_assert!(matches!(ring.open(&sealed, &other), Err(Error::Tampered(_))));
        }
    }

    #[test]
    fn every_flipped_bit_is_refused(secret in proptest::collection::vec(any::<u8>(), 0..40)) {
        let ring = ring(&format!("{FIRST},{SECOND}"));
        let sealed = ring.seal(&secret, "row");
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // A text that is no UTF-8 is no text: a store cannot give it out.
            if let Ok(changed) = String::from_utf8(bytes) {
                prop_assert!(ring.open(&changed, "row").is_err(), "bit {} of {}", bit, sealed);
            }
        }
    }

    #[test]
    fn no_text_from_outside_brings_it_down(text in ".{0,80}", tail in ".{0,80}") {
        let ring = ring(FIRST);
        prop_assert!(ring.open(&text, "row").is_err());
        let begun_well = format!("v1.first.{tail}");
        prop_assert!(ring.open(&begun_well, "row").is_err());
        drop(Keyring::from_text(&text));
    }
}

#[test]
fn the_form_and_the_cipher_stay_as_they_are() {
    let sealed = "v1.first.AAAAAAAAAAAAAAAA.";
    let ciphertext = ring(FIRST).newest().encrypt([0; NONCE_BYTES], b"secret", "row");
    let golden = format!("{sealed}{}", URL_SAFE_NO_PAD.encode(ciphertext));
    assert_eq!(golden, "v1.first.AAAAAAAAAAAAAAAA.fdnWrNBY2dLbMDUFDJxIS_tVfbWbHg");
    assert_eq!(ring(FIRST).open(&golden, "row").expect("opened").as_slice(), b"secret");
}

#[test]
fn nonces_do_not_repeat() {
    let ring = ring(FIRST);
    let sealed: Vec<String> = (0..20_000).map(|_| ring.seal(b"", "")).collect();
    let nonces: HashSet<&str> = sealed.iter().filter_map(|sealed| sealed.split('.').nth(2)).collect();
    assert_eq!(nonces.len(), sealed.len());
}

#[test]
fn the_last_key_seals_and_all_of_them_open() {
    let old = ring(FIRST).seal(b"secret", "row");
    let both = ring(&format!("# keys\n{FIRST}\n\n{SECOND}\n"));
    assert_eq!(both.open(&old, "row").expect("opened").as_slice(), b"secret");
    assert!(!both.is_current(&old) && both.is_current(&both.seal(b"secret", "row")));
    assert_eq!(both.current_id(), "second");
    let error = ring(SECOND).open(&old, "row").expect_err("unknown");
    assert_eq!(error.to_string(), "sealed under master key first, which is not configured");
}

#[test]
fn a_bare_key_has_a_name_of_its_own() {
    let bare = FIRST.split_once(':').expect("an id").1;
    let sealed = ring(bare).seal(b"secret", "row");
    assert!(ring(&format!("{SECOND},{bare}")).open(&sealed, "row").is_ok());
    assert_ne!(ring(bare).current_id(), ring(SECOND.split_once(':').expect("an id").1).current_id());
}

#[test]
fn nothing_shows_a_key() {
    let secret = FIRST.split_once(':').expect("an id").1;
    let shown = format!("{:?}", ring(FIRST));
    assert!(shown.contains("first") && !shown.contains(&secret[..8]), "{shown}");
    let wrong = [
        secret[..20].to_owned(),
        format!("{secret}{secret}"),
        format!("a b:{secret}"),
        format!(":{secret}"),
        format!("{FIRST},{FIRST}"),
        format!("{}:{secret}", "x".repeat(33)),
        " , ".to_owned(),
    ];
    for text in wrong {
        let error = Keyring::from_text(&text).expect_err(&text);
        assert!(!error.to_string().contains(&secret[..8]) && !format!("{error:?}").contains(&secret[..8]), "{error}");
    }
}

#[test]
fn a_key_file_is_made_once_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("master.key");
    let rings: Vec<Keyring> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| Keyring::open_or_create(&path).expect("keys"))).collect();
        starts.into_iter().map(|start| start.join().expect("no panic")).collect()
    });
    let sealed = rings[0].seal(b"secret", "row");
    assert!(rings.iter().all(|ring| ring.open(&sealed, "row").is_ok()), "one of them lost the race with its key");
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(names(folder.path()), ["master.key"]);

    fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("chmod");
    let error = Keyring::open_or_create(&path).expect_err("exposed");
    assert!(error.to_string().ends_with("may be read by others (mode 640): run chmod 600 on it"), "{error}");
}

#[test]
fn a_key_file_that_is_too_long_is_refused_before_a_rotation_cuts_its_newest_keys_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("master.key");
    let text = format!("{FIRST}\n{}{SECOND}\n", "# a remark\n".repeat(6000));
    fs::write(&path, &text).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("chmod");
    let error = Keyring::open_or_create(&path).expect_err("too long");
    assert!(matches!(error, Error::File { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("a file"), text);
}

#[test]
fn rotation_adds_a_key_that_other_processes_find() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("master.key");
    let (here, elsewhere) =
        (Keyring::open_or_create(&path).expect("keys"), Keyring::open_or_create(&path).expect("keys"));
    let old = here.seal(b"old", "row");
    // What a rotation that was cut off left behind is in nobody's way.
    fs::write(path.with_added_extension("new"), "half a").expect("a file");
    let id = here.rotate().expect("rotated");
    assert_ne!(id, elsewhere.current_id());
    let new = here.seal(b"new", "row");
    assert!(here.open(&old, "row").is_ok() && !here.is_current(&old));
    assert_eq!(elsewhere.open(&new, "row").expect("found").as_slice(), b"new");
    assert_eq!(elsewhere.current_id(), id);
    assert_eq!(names(folder.path()), ["master.key"]);
    assert!(matches!(ring(FIRST).rotate(), Err(Error::NoFile)));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}
