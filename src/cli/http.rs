//! Requests over HTTP and HTTPS, to witnesses and time-stamping authorities: one at a time, bounded in time and size, no
//! redirects followed.

use std::time::Duration;

use super::error::CliError;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is read, in bytes.
pub(crate) const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Whether a text is the address of a server that can be asked.
pub(crate) fn is_address(text: &str) -> bool {
    let Ok(address) = text.parse::<ureq::http::Uri>() else { return false };
    matches!(address.scheme_str(), Some("http" | "https"))
        && address.host().is_some_and(|host| !host.is_empty())
}

/// Posts bytes, and returns what came back, whatever its status.
pub(crate) fn post(url: &str, content_type: &str, body: &[u8]) -> Result<Answer, CliError> {
    let failed = |error: ureq::Error| CliError::refused(format!("{url} cannot be asked: {error}"));
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("demarche/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent = ureq::Agent::from(config);
    let mut response =
        agent.post(url).header("Content-Type", content_type).send(body).map_err(failed)?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    Ok(Answer { status, body: body.map_err(failed)? })
}
