//! The users who may log in.

use std::collections::HashMap;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordVerifier};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The users, and the hashes of their passwords.
#[derive(Clone)]
pub(crate) struct Users(Arc<HashMap<String, String>>);

impl Users {
    /// Parses lines of the form `user hash`. Skips empty lines and lines that begin with `#`.
    pub(crate) fn parse(file: &str) -> Result<Self, BoxError> {
        let mut users = HashMap::new();
        for (number, line) in (1..).zip(file.lines().map(str::trim)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (user, hash) = line
                .split_once(' ')
                .ok_or_else(|| format!("line {number}: expected a user, a space and a hash"))?;
            PasswordHash::new(hash.trim()).map_err(|error| format!("line {number}: {error}"))?;
            users.insert(user.to_owned(), hash.trim().to_owned());
        }
        if users.is_empty() {
            return Err("expected at least one user, found none".into());
        }
        Ok(Self(Arc::new(users)))
    }

    /// Whether the user exists and has this password.
    ///
    /// A hash is computed for unknown users, too, so that the time of the answer does not show which users exist. Hashing is
    /// slow on purpose, so it runs on its own thread.
    pub(crate) async fn accept(&self, user: String, password: String) -> Result<bool, BoxError> {
        let users = self.clone();
        tokio::task::spawn_blocking(move || {
            let known = users.0.get(&user);
            let hash = known
                .or_else(|| users.0.values().next())
                .ok_or("there are no users")?;
            let verified =
                Argon2::default().verify_password(password.as_bytes(), &PasswordHash::new(hash)?);
            Ok(verified.is_ok() && known.is_some())
        })
        .await?
    }
}
