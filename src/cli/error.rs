//! Errors as a user sees them: what happened, the evidence, and what to do.

use std::io;

use super::Status;
use crate::event_log::copy::CopyError;
use crate::event_log::portable::PortableError;
use crate::event_log::{DoesNotFit, OpenError};
use crate::store::StoreError;

/// An error with what a user needs.
#[derive(Debug)]
pub(crate) struct CliError {
    /// What happened, in one line.
    pub(crate) message: String,
    /// The evidence, a line each.
    pub(crate) details: Vec<String>,
    /// What to do, a line each.
    pub(crate) hints: Vec<String>,
    /// How the program ends.
    pub(crate) status: Status,
    broken_pipe: bool,
}

impl CliError {
    /// An error that keeps a command from being carried out.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            details: Vec::new(),
            hints: Vec::new(),
            status: Status::Refused,
            broken_pipe: false,
        }
    }

    /// A check that failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { status: Status::Failed, ..Self::refused(message) }
    }

    /// What was to be printed, and could not be.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        let broken_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        let refused = CliError::refused(format!("standard output cannot be written: {error}"))
            .hint("what the command did besides is done: what it appended, signed or wrote to a file is there");
        Self { broken_pipe, ..refused }
    }

    /// Adds evidence.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// Adds advice.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds advice on what the system refused, where there is some.
    pub(crate) fn advised(mut self, error: &io::Error) -> Self {
        self.hints.extend(super::hints::for_system(error.kind()));
        self
    }

    pub(crate) const fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        Self::from(io::Error::from(error))
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let advice = super::hints::for_store(&error);
        let mut shown = Self::refused(error.to_string());
        shown.hints.extend(advice);
        shown
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Store(error) => error.into(),
            OpenError::Clock(error) => error.into(),
            OpenError::DoesNotVerify { seq, wrong: wrong @ DoesNotFit::Format(_) } => {
                Self::refused(format!("event {seq}: {wrong}"))
                    .hint("read it with the version that wrote it, or a later one")
            }
            OpenError::DoesNotVerify { seq, wrong } => {
                Self::failed("the log does not verify")
                    .detail(format!("event {seq}: {wrong}"))
                    .hint("see all findings: demarche verify")
                    .hint("no answer is given from a log whose bytes do not fit together; restore a backup, or an export that \
                        verifies: demarche restore BACKUP_DIR --log NEW_DIR")
            }
            OpenError::Empty => Self::refused("the store holds no log")
                .hint("make one: demarche init --origin example.org/desk --log DIR"),
            OpenError::Origin { .. } => {
                Self::refused(error.to_string()).hint("an origin looks like example.org/desk")
            }
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<CopyError> for CliError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Store(error) => error.into(),
            CopyError::Head { .. } => Self::failed("the log does not verify")
                .detail(error.to_string())
                .hint("see all findings: demarche verify"),
            other => Self::refused(other.to_string()),
        }
    }
}

impl From<PortableError> for CliError {
    fn from(error: PortableError) -> Self {
        match error {
            PortableError::Store(error) => error.into(),
            PortableError::Io(error) => error.into(),
            other => Self::refused(other.to_string()),
        }
    }
}
