//! People, workspaces, members, sign-in, API keys, credentials and variables.
