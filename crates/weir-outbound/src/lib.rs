//! Requests to other systems over HTTP, kept away from private addresses.
