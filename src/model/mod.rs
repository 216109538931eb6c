//! What can be reported.
