//! The workflow document within a Yjs document.
