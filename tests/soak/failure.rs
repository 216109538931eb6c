//! How a round fails.

/// What was found, or what kept the round from being run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something that the program had acknowledged is not in the log.
    #[error("LOST: {0}")]
    Lost(String),
    /// The log does not verify, or cannot be opened.
    #[error("DOES NOT VERIFY: {0}")]
    DoesNotVerify(String),
    /// The program did what it must not do: it panicked, hung, left half of something, or will not go on.
    #[error("WRONG: {0}")]
    Wrong(String),
    /// This machine lacks what the part needs.
    #[error("{0}")]
    Absent(String),
    /// The round itself could not be run.
    #[error("not run: {0}")]
    Machine(String),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Machine(error.to_string())
    }
}
