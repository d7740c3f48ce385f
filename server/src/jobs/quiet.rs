//! The hours in which nothing is trained.

use chrono::{NaiveTime, Timelike};
use std::{fmt, str::FromStr};

/// Hours of the day in which nothing is trained, as `08:00-18:30`; `22:00-06:00` goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// Minutes of the day.
    from: u32,
    to: u32,
}

/// Why a text is no span of hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no span of hours; write it as 08:00-18:30")]
pub struct InvalidQuietHours(String);

impl QuietHours {
    /// Whether this time of the day is quiet.
    #[must_use]
    pub fn hold(self, time: NaiveTime) -> bool {
        let now = time.hour() * 60 + time.minute();
        match self.from <= self.to {
            true => (self.from..self.to).contains(&now),
            false => now >= self.from || now < self.to,
        }
    }
}

impl FromStr for QuietHours {
    type Err = InvalidQuietHours;
    fn from_str(text: &str) -> Result<Self, InvalidQuietHours> {
        let minutes = |part: &str| {
            let time = NaiveTime::parse_from_str(part.trim(), "%H:%M").ok()?;
            Some(time.hour() * 60 + time.minute())
        };
        let ends = text.split_once('-').and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
        match ends {
            Some((from, to)) if from != to => Ok(Self { from, to }),
            _ => Err(InvalidQuietHours(text.to_owned())),
        }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_hold_from_the_first_minute_to_before_the_last_and_over_midnight() {
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").unwrap();
        let day: QuietHours = "08:00-18:30".parse().unwrap();
        let night: QuietHours = "22:00-06:00".parse().unwrap();
        for (now, by_day, by_night) in [
            ("07:59", false, false),
            ("08:00", true, false),
            ("18:29", true, false),
            ("18:30", false, false),
            ("22:00", false, true),
            ("00:00", false, true),
            ("05:59", false, true),
            ("06:00", false, false),
        ] {
            assert_eq!((day.hold(time(now)), night.hold(time(now))), (by_day, by_night), "{now}");
        }
        assert_eq!(day.to_string(), "08:00-18:30");
        for wrong in ["", "8-18", "08:00", "25:00-26:00", "08:00-08:00"] {
            assert!(wrong.parse::<QuietHours>().is_err(), "{wrong}");
        }
    }
}
