//! Sending mail over SMTP.
