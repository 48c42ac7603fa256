//! The key file: a key a line, the newest last, for its owner's eyes only.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::Error;
use crate::key::Key;

/// Far more than anybody has keys; whatever is longer is another file.
const MAX_BYTES: u64 = 64 * 1024;

const HEAD: &str = "# The master keys of this installation: without them its stored secrets cannot be read.\n\
                    # Keep a copy away from the database. The last key seals; all of them open.\n";

/// The keys of the file, or `None` if there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, Error> {
    let failed = Error::file(path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = file.metadata().map_err(&failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Error::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(&failed)?;
    // Cut off, it would lose its newest keys as soon as one is added.
    if text.len() as u64 > MAX_BYTES {
        return Err(failed(ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(text))
}

/// The keys of the file, which is made with a fresh key if it is not there.
pub(crate) fn read_or_create(path: &Path) -> Result<Zeroizing<String>, Error> {
    if let Some(text) = read(path)? {
        return Ok(text);
    }
    let _alone = lock(path)?;
    // Another process that starts at the same time may have been quicker.
    if let Some(text) = read(path)? {
        return Ok(text);
    }
    append(path, HEAD)
}

/// Adds a fresh key at the end of the file.
pub(crate) fn add_key(path: &Path) -> Result<Zeroizing<String>, Error> {
    let _alone = lock(path)?;
    let missing = || Error::file(path)(ErrorKind::NotFound.into());
    let text = read(path)?.ok_or_else(missing)?;
    append(path, &text)
}

/// Puts a file with `text` and a fresh key in the place of what is there: whole, on the disk, or not at all.
fn append(path: &Path, text: &str) -> Result<Zeroizing<String>, Error> {
    let failed = Error::file(path);
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    let text = Zeroizing::new(format!("{text}{line_end}{}\n", Key::fresh_text().as_str()));
    let beside = path.with_added_extension("new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(&failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(&failed)?;
    std::fs::rename(&beside, path).map_err(&failed)?;
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(&failed)?;
    Ok(text)
}

/// Keeps other processes from writing the file until the value is dropped: a key that is overwritten is lost, and all
/// that was sealed under it.
fn lock(path: &Path) -> Result<File, Error> {
    let folder = File::open(folder(path)).map_err(Error::file(path))?;
    folder.lock().map_err(Error::file(path))?;
    Ok(folder)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
