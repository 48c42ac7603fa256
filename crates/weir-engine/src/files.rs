//! The files of an execution: where they lie in object storage, and how its nodes, the API and the CLI reach them.

use std::io;

use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use weir_base::{ErrorKind, ExecutionId, Timestamp};
use weir_core::node_error::NodeError;
use weir_objects::Objects;

/// The files of all executions, each execution's apart from the others'. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ExecutionFiles {
    objects: Objects,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its path among the execution's files.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// The SHA-256 of its content, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Its path among the execution's files.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// A file that is being read.
pub struct OpenFile {
    /// Its bytes.
    pub size: u64,
    /// Its content, in pieces.
    pub content: BoxStream<'static, Result<Bytes, FileError>>,
}

/// Why a file cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The path breaks a rule.
    #[error("{path:?} is not a path of a file: {reason}")]
    Path {
        /// The beginning of the path.
        path: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The execution has no such file.
    #[error("the execution has no file {path:?}")]
    NotFound {
        /// The path asked for.
        path: String,
    },
    /// It is longer than allowed.
    #[error("file {path:?} is too large: it has more than {limit} bytes")]
    TooLarge {
        /// The path asked for.
        path: String,
        /// The bytes allowed.
        limit: u64,
    },
    /// What was to be written failed before its end; nothing was stored.
    #[error("file {path:?} ended too early: {message}")]
    Source {
        /// The path asked for.
        path: String,
        /// The stream's own words.
        message: String,
    },
    /// The store is away.
    #[error("the files are not available: {message}")]
    Unavailable {
        /// The store's own words.
        message: String,
    },
}

impl FileError {
    /// The sort of this failure.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Path { .. } => ErrorKind::Invalid,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Source { .. } => ErrorKind::Malformed,
            Self::Unavailable { .. } => ErrorKind::Unavailable,
        }
    }

    fn from_objects(error: weir_objects::Error, path: &str) -> Self {
        use weir_objects::Error;
        let path = path.to_owned();
        match error {
            Error::InvalidKey { reason, .. } => Self::Path { path: path.chars().take(64).collect(), reason },
            Error::NotFound { .. } => Self::NotFound { path },
            Error::TooLarge { limit, .. } => Self::TooLarge { path, limit },
            Error::Source { message, .. } => Self::Source { path, message },
            Error::Unavailable { message } | Error::Url { reason: message } => Self::Unavailable { message },
        }
    }
}

impl From<FileError> for NodeError {
    fn from(error: FileError) -> Self {
        let message = error.to_string();
        match error {
            FileError::Path { path, .. } | FileError::NotFound { path } | FileError::TooLarge { path, .. } => {
                Self::invalid(message).with_source(path)
            }
            FileError::Source { path, .. } => Self::transient(message).with_source(path),
            FileError::Unavailable { .. } => Self::transient(message).with_source("files"),
        }
    }
}

impl ExecutionFiles {
    /// The files kept in this store.
    pub fn new(objects: Objects) -> Self {
        Self { objects }
    }

    /// Writes a file, in place of the one that is there. When this answers, it is durable.
    ///
    /// # Errors
    /// [`FileError::Path`], [`FileError::Unavailable`].
    pub async fn put(&self, execution: ExecutionId, path: &str, content: Bytes) -> Result<WrittenFile, FileError> {
        let (size, sha256) = (content.len() as u64, Sha256::digest(&content));
        let put = self.objects.put(&key(execution, path), content).await;
        put.map_err(|error| FileError::from_objects(error, path))?;
        Ok(WrittenFile { path: path.to_owned(), size, sha256: hex(&sha256) })
    }

    /// Writes a file from a stream of at most `limit` bytes. When this answers, it is durable; otherwise nothing is
    /// stored.
    ///
    /// # Errors
    /// [`FileError::TooLarge`] once there are more than `limit` bytes, [`FileError::Source`] if the stream fails,
    /// [`FileError::Path`], [`FileError::Unavailable`].
    pub async fn put_stream(
        &self,
        execution: ExecutionId,
        path: &str,
        content: impl Stream<Item = io::Result<Bytes>> + Send,
        limit: u64,
    ) -> Result<WrittenFile, FileError> {
        let put = self.objects.put_stream(&key(execution, path), content, limit).await;
        let received = put.map_err(|error| FileError::from_objects(error, path))?;
        Ok(WrittenFile { path: path.to_owned(), size: received.size, sha256: hex(&received.sha256) })
    }

    /// Reads a file of at most `limit` bytes into memory.
    ///
    /// # Errors
    /// [`FileError::NotFound`], [`FileError::TooLarge`], [`FileError::Path`], [`FileError::Unavailable`].
    pub async fn get(&self, execution: ExecutionId, path: &str, limit: u64) -> Result<Bytes, FileError> {
        let get = self.objects.get(&key(execution, path), limit).await;
        get.map_err(|error| FileError::from_objects(error, path))
    }

    /// Reads a file of any length in pieces.
    ///
    /// # Errors
    /// [`FileError::NotFound`], [`FileError::Path`], [`FileError::Unavailable`].
    pub async fn open(&self, execution: ExecutionId, path: &str) -> Result<OpenFile, FileError> {
        let opened = self.objects.get_stream(&key(execution, path)).await;
        let (object, content) = opened.map_err(|error| FileError::from_objects(error, path))?;
        let path = path.to_owned();
        let content = content.map_err(move |error| FileError::from_objects(error, &path)).boxed();
        Ok(OpenFile { size: object.size, content })
    }

    /// Gives one execution copies of all the files of another.
    ///
    /// # Errors
    /// [`FileError::Unavailable`].
    pub async fn copy(&self, from: ExecutionId, to: ExecutionId) -> Result<(), FileError> {
        let copied = self.objects.copy_prefix(&folder(from), &folder(to)).await;
        copied.map(drop).map_err(|error| FileError::from_objects(error, ""))
    }

    /// Removes all files of an execution.
    ///
    /// # Errors
    /// [`FileError::Unavailable`].
    pub async fn remove_all(&self, execution: ExecutionId) -> Result<(), FileError> {
        self.objects.delete_prefix(&folder(execution)).await.map_err(|error| FileError::from_objects(error, ""))
    }

    /// Up to `limit` of the execution's files, sorted by path.
    ///
    /// # Errors
    /// [`FileError::Unavailable`].
    pub async fn list(&self, execution: ExecutionId, limit: usize) -> Result<Vec<FileInfo>, FileError> {
        let failed = |error| FileError::from_objects(error, "");
        let folder = folder(execution);
        let found = self.objects.list(&folder).map_err(failed)?.take(limit);
        let mut files: Vec<FileInfo> = found
            .map_ok(|object| FileInfo {
                path: object.key.strip_prefix(&folder).unwrap_or(&object.key).to_owned(),
                size: object.size,
                modified: object.modified,
            })
            .try_collect()
            .await
            .map_err(failed)?;
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }
}

fn folder(execution: ExecutionId) -> String {
    format!("executions/{execution}/files/")
}

fn key(execution: ExecutionId, path: &str) -> String {
    folder(execution) + path
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_kept_by_execution_and_listed_by_path() {
        let folder = tempfile::TempDir::new().unwrap();
        let files = ExecutionFiles::new(Objects::connect(&format!("file:{}", folder.path().display())).unwrap());
        let (mine, other) = (ExecutionId::new(), ExecutionId::new());
        for path in ["b", "a/c", "a/b"] {
            files.put(mine, path, "x".into()).await.unwrap();
        }
        let pieces = futures::stream::iter([Ok(Bytes::from("1")), Ok(Bytes::from("2"))]);
        let written = files.put_stream(mine, "a/d", pieces, 2).await.unwrap();
        assert_eq!((written.size, written.sha256.len()), (2, 64));
        let paths: Vec<_> = files.list(mine, 10).await.unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["a/b", "a/c", "a/d", "b"]);
        assert_eq!(files.list(other, 10).await, Ok(Vec::new()));
        assert_eq!(files.get(mine, "a/d", 2).await, Ok(Bytes::from("12")));
        assert_eq!(files.get(other, "a/d", 2).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(files.get(mine, "a/d", 1).await.unwrap_err().kind(), ErrorKind::TooLarge);
        for path in ["", "..", "../x", "/x", "a//b", "x/"] {
            assert_eq!(files.get(mine, path, 1).await.unwrap_err().kind(), ErrorKind::Invalid, "{path}");
        }
    }
}
