//! The three clocks on the command line. No flag changes the meaning of another.

use clap::Args;

use super::error::CliError;
use super::surroundings;
use crate::model::calendar::{Instant, Zone};
use crate::model::date::{self, Edtf};
use crate::replay::Clocks;

#[derive(Debug, Args)]
pub(crate) struct ClockArgs {
    /// The world at the end of this day, or at this RFC 3339 instant [default: today]
    #[arg(long, alias = "on", value_name = "DATE")]
    to: Option<String>,
    /// Only what this log had taken in by then
    #[arg(long, value_name = "DATE")]
    recorded_by: Option<String>,
    /// Only what the public could read by then
    #[arg(long, value_name = "DATE")]
    reported_by: Option<String>,
    /// The time zone in which dates without a time are read
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
}

/// A question's clocks, and how they were written.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) clocks: Clocks,
    pub(crate) to: String,
    pub(crate) recorded_by: Option<String>,
    pub(crate) reported_by: Option<String>,
    pub(crate) tz: String,
}

impl ClockArgs {
    /// The clocks that were asked for.
    pub(crate) fn asked(&self) -> Result<Asked, CliError> {
        let zone = Zone::from_name(&self.tz).map_err(|unknown| {
            let error = CliError::refused(format!("there is no time zone {:?}", unknown.name));
            if unknown.near.is_empty() {
                error.hint("zones are named as in the IANA database: Asia/Kolkata")
            } else {
                error.hint(format!("did you mean {}?", unknown.near.join(", or ")))
            }
        })?;
        let to = match &self.to {
            Some(to) => to.clone(),
            None => zone.day_of(surroundings::now()).to_string(),
        };
        let cut = |flag: &str, text: &Option<String>| {
            text.as_ref().map(|text| cut_off(flag, text, zone)).transpose()
        };
        Ok(Asked {
            clocks: Clocks {
                zone,
                to: cut_off("--to", &to, zone)?,
                recorded_by: cut("--recorded-by", &self.recorded_by)?,
                reported_by: cut("--reported-by", &self.reported_by)?,
            },
            to,
            recorded_by: self.recorded_by.clone(),
            reported_by: self.reported_by.clone(),
            tz: self.tz.clone(),
        })
    }
}

/// The last instant of a day, or the instant itself.
fn cut_off(flag: &str, text: &str, zone: Zone) -> Result<Instant, CliError> {
    let refused = |why: &str| CliError::refused(format!("{flag} {text:?}: {why}"));
    match Edtf::parse(text) {
        Ok(date) => {
            let span = date.span(zone);
            if date.single_day().is_some() || span.earliest == span.latest {
                Ok(span.latest)
            } else {
                Err(refused("a question is asked of one day, or one instant")
                    .hint("write a day as 2025-04-24, an instant as 2025-04-24T10:00:00Z"))
            }
        }
        Err(error) => {
            let refused = refused(&error.reason.to_string());
            Err(match date::suggestion(text) {
                Some(meant) => refused.hint(format!("did you mean {meant}?")),
                None => {
                    refused.hint("write a day as 2025-04-24, an instant as 2025-04-24T10:00:00Z")
                }
            })
        }
    }
}

impl Asked {
    /// The same question about another day.
    pub(crate) fn on(day: &str) -> Result<Self, CliError> {
        ClockArgs {
            to: Some(day.to_owned()),
            recorded_by: None,
            reported_by: None,
            tz: "UTC".to_owned(),
        }
        .asked()
    }

    /// The question in words.
    pub(crate) fn in_words(&self) -> String {
        let mut words = if self.to.contains('T') {
            format!("The world at {}", self.to)
        } else {
            format!("The world at the end of {} ({})", self.to, self.tz)
        };
        if let Some(by) = &self.recorded_by {
            words.push_str(&format!(", as recorded by {by}"));
        }
        if let Some(by) = &self.reported_by {
            words.push_str(&format!(", as reported by {by}"));
        }
        words
    }
}
