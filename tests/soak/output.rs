//! What the program acknowledged, read from what it printed. A line without its line feed was not printed yet.

use serde_json::Value;

/// What one command acknowledged.
#[derive(Default, Debug)]
pub(crate) struct Acknowledged {
    /// Events by their id: number, and link where it was printed.
    pub(crate) events: Vec<(String, u64, Option<String>)>,
    /// Sizes of the log, and the link of its last event then.
    pub(crate) heads: Vec<(u64, String)>,
    /// Events whose content is gone.
    pub(crate) erased: Vec<u64>,
    /// That so many events came with a file, up to that number.
    pub(crate) last: Option<u64>,
    /// A signed note, byte for byte.
    pub(crate) note: Option<String>,
}

impl Acknowledged {
    /// Reads the output of any command.
    pub(crate) fn read(out: &str) -> Self {
        let mut read = Self { note: note(out), ..Self::default() };
        for line in out.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            read.line(line);
        }
        read
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [json] if json.starts_with('{') => {
                let value: Value = serde_json::from_str(json).unwrap_or_default();
                let text = |key: &str| value[key].as_str().map(str::to_owned);
                if let (Some(id), Some(seq)) = (text("id"), value["seq"].as_u64()) {
                    self.events.push((id, seq, text("link")));
                }
            }
            ["appended", _, id, "as", "event", seq]
            | ["already", "there:", _, id, "as", "event", seq] => {
                self.events.extend(seq.parse().map(|seq| ((*id).to_owned(), seq, None)));
            }
            ["appended", _, "events,", "numbers", _, "to", last, ..] => {
                self.last = last.trim_end_matches(';').parse().ok();
            }
            // A key that the log names, or names no more.
            [.., "retired", "by", "event", seq] | ["added", "by", "event", seq, ..] => {
                let seq = seq.trim_end_matches([',', ';']).parse().ok();
                self.last = self.last.max(seq);
            }
            ["head:", size, "events,", "link", last] => {
                self.heads.extend(size.parse().map(|size| (size, (*last).to_owned())));
            }
            ["erased", "the", "content", "of", "event", seq, ..] => {
                self.erased.extend(seq.parse::<u64>());
            }
            _ => {}
        }
    }
}

/// A note, if the output is one: the log, the size, the root, an empty line, and signatures.
fn note(out: &str) -> Option<String> {
    let lines: Vec<&str> = out.lines().collect();
    let [_, size, _, "", signature, ..] = lines.as_slice() else { return None };
    let whole =
        size.parse::<u64>().is_ok() && signature.starts_with('\u{2014}') && out.ends_with('\n');
    whole.then(|| out.to_owned())
}
