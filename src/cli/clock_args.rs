//! The three clocks on the command line. No flag changes the meaning of another.

use clap::Args;

use super::error::CliError;
use super::surroundings;
use crate::model::calendar::{Day, Instant, Zone};
use crate::model::date::{self, Edtf};
use crate::model::value::{Object, Value};
use crate::replay::Clocks;

#[derive(Debug, Args)]
pub(crate) struct ClockArgs {
    /// The world at the end of this day, or at this RFC 3339 instant [default: today]
    #[arg(long, visible_alias = "on", value_name = "DATE")]
    to: Option<String>,
    /// Only what this log had taken in by then
    #[arg(long, value_name = "DATE")]
    recorded_by: Option<String>,
    /// Only what the public could read by then
    #[arg(long, value_name = "DATE")]
    reported_by: Option<String>,
    /// The time zone in which dates, and times without an offset, are read
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

/// Which end of a day a flag means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    First,
    Last,
}

impl ClockArgs {
    /// Whether none was given.
    pub(crate) fn are_default(&self) -> bool {
        let dates = [&self.to, &self.recorded_by, &self.reported_by];
        dates.iter().all(|date| date.is_none()) && self.tz == "UTC"
    }

    /// The clocks that were asked for.
    pub(crate) fn asked(&self) -> Result<Asked, CliError> {
        Asked::new(
            self.to.as_deref(),
            self.recorded_by.as_deref(),
            self.reported_by.as_deref(),
            &self.tz,
        )
    }
}

/// A zone by its name in the IANA database.
pub(crate) fn read_zone(name: &str) -> Result<Zone, CliError> {
    Zone::from_name(name).map_err(|unknown| {
        let error = CliError::refused(format!("there is no time zone {:?}", unknown.name));
        let error = if unknown.near.is_empty() {
            error
        } else {
            error.hint(format!("did you mean {}?", unknown.near.join(", or ")))
        };
        error.hint("zones are named as in the IANA database: Asia/Kolkata")
    })
}

/// The first or last instant of a day, or the instant itself.
pub(crate) fn read_bound(
    flag: &str,
    text: &str,
    zone: Zone,
    bound: Bound,
) -> Result<Instant, CliError> {
    let refused = |why: &str| CliError::refused(format!("{flag} {text:?}: {why}"));
    match Edtf::parse(text) {
        Ok(date) => {
            let span = date.span(zone);
            if date.single_day().is_some() || span.earliest == span.latest {
                Ok(if bound == Bound::First { span.earliest } else { span.latest })
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

/// A flag's day.
pub(crate) fn read_day(flag: &str, text: &str, zone: Zone) -> Result<Day, CliError> {
    match Edtf::parse(text).ok().and_then(|date| date.single_day()) {
        Some(day) => Ok(day),
        None => read_bound(flag, text, zone, Bound::Last).map(|instant| zone.day_of(instant)),
    }
}

impl Asked {
    /// The clocks as they are written; today where no date is.
    pub(crate) fn new(
        to: Option<&str>,
        recorded_by: Option<&str>,
        reported_by: Option<&str>,
        tz: &str,
    ) -> Result<Self, CliError> {
        let zone = read_zone(tz)?;
        let to = to.map_or_else(|| zone.day_of(surroundings::now()).to_string(), str::to_owned);
        let cut = |flag: &str, text: Option<&str>| {
            text.map(|text| read_bound(flag, text, zone, Bound::Last)).transpose()
        };
        Ok(Self {
            clocks: Clocks {
                zone,
                to: read_bound("--to", &to, zone, Bound::Last)?,
                recorded_by: cut("--recorded-by", recorded_by)?,
                reported_by: cut("--reported-by", reported_by)?,
            },
            to,
            recorded_by: recorded_by.map(str::to_owned),
            reported_by: reported_by.map(str::to_owned),
            tz: tz.to_owned(),
        })
    }

    /// A question about the end of a day, with everything the log holds.
    pub(crate) fn on(day: &str) -> Result<Self, CliError> {
        Self::new(Some(day), None, None, "UTC")
    }

    /// The question as a proof carries it.
    pub(crate) fn as_object(&self) -> Object<'static> {
        let text = |text: &str| Value::Text(text.to_owned().into());
        let maybe = |given: &Option<String>| given.as_deref().map_or(Value::Null, text);
        [
            ("recorded_by", maybe(&self.recorded_by)),
            ("reported_by", maybe(&self.reported_by)),
            ("to", text(&self.to)),
            ("tz", text(&self.tz)),
        ]
        .into_iter()
        .map(|(key, value)| (key.into(), value))
        .collect()
    }

    /// Reads what [`Self::as_object`] writes.
    pub(crate) fn from_object(object: &Object<'_>) -> Result<Self, CliError> {
        let text = |key: &str| match object.get(key) {
            Some(Value::Text(text)) => Some(&**text),
            _ => None,
        };
        match (text("to"), text("tz")) {
            (Some(to), Some(tz)) => {
                Self::new(Some(to), text("recorded_by"), text("reported_by"), tz)
            }
            _ => Err(CliError::failed("the proof does not say what was asked")),
        }
    }

    /// The question in words.
    pub(crate) fn in_words(&self) -> String {
        let (to, tz) = (&self.to, &self.tz);
        // The zone decides of an instant, too: it is where the dates of events are read.
        let mut words = if Instant::parse_rfc3339(to).is_some() {
            format!("The world at {to} (dates in {tz})")
        } else if to.contains('T') {
            format!("The world at {to} ({tz})")
        } else {
            format!("The world at the end of {to} ({tz})")
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
