//! Whom to trust: a C2SP tlog-policy file. It names logs and witnesses by their keys, and the quorum: which of them
//! must have signed a checkpoint before it is believed.
//!
//! A quorum of witnesses shows that they saw one line of growth; it is worth what their independence is worth.

use std::collections::BTreeSet;
use std::fmt;

use super::note::{Algorithm, KeyError, Note, Signed, VerifierKey};

/// The most lines of a policy that are read.
pub const POLICY_LINES_MAX: usize = 1024;
/// The most bytes of a policy that are read.
pub const POLICY_BYTES_MAX: usize = 256 * 1024;

/// Whom to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    members: Vec<Member>,
    /// The member that must have signed; none if no cosignature is asked for.
    quorum: Option<usize>,
}

/// A witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// By what name the policy calls it.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// Where it takes checkpoints.
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Member {
    Witness(Box<Witness>),
    Group { name: String, least: usize, members: Vec<usize> },
}

impl Member {
    fn name(&self) -> &str {
        match self {
            Self::Witness(witness) => &witness.name,
            Self::Group { name, .. } => name,
        }
    }
}

/// What a policy makes of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The trusted keys of the log that signed.
    pub logs: Vec<VerifierKey>,
    /// The witnesses that cosigned, by their names in the policy, each with the time in seconds since 1970-01-01.
    pub witnesses: Vec<(String, u64)>,
    /// The keys whose signatures are there and do not hold.
    pub false_signatures: Vec<String>,
    /// Whether the witnesses suffice.
    pub quorum: bool,
    /// Between when and when they suffice, if the policy asks for any.
    pub met: Option<Met>,
}

/// When a quorum was met, so that no witness too few can shift it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Enough of them had cosigned by then, in seconds since 1970-01-01: the checkpoint existed.
    pub by: u64,
    /// Enough of them cosigned it then or later: it was the largest that they had seen.
    pub still: u64,
}

impl Judgement {
    /// Whether the checkpoint is to be believed.
    pub fn is_trusted(&self) -> bool {
        !self.logs.is_empty() && self.quorum && self.false_signatures.is_empty()
    }
}

/// A line that makes no sense in a policy, with its number, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {wrong}")]
pub struct PolicyError {
    /// The line.
    pub line: usize,
    /// What is wrong with it.
    pub wrong: PolicyWrong,
}

/// What is wrong with a line of a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyWrong {
    /// It has a control character, or is not UTF-8.
    #[error("it is not UTF-8 text without control characters")]
    NotText,
    /// The file is too long.
    #[error("a policy has at most {POLICY_LINES_MAX} lines and {POLICY_BYTES_MAX} bytes")]
    TooLong,
    /// It begins with another word, which is not shown: a file given by mistake may be all secret.
    #[error("it begins with none of the words log, witness, group and quorum")]
    Word,
    /// It has not the parts it must have.
    #[error("it does not have the form: {0}")]
    Form(&'static str),
    /// Its key is none.
    #[error("the key cannot be read: {0}")]
    Key(KeyError),
    /// Its key is not for this use.
    #[error("a {0} needs a key of the other type")]
    KeyType(&'static str),
    /// A key stands twice.
    #[error("the same key stands on an earlier line")]
    KeyTwice,
    /// A name stands twice, or is `none`.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// A name stands for nothing on an earlier line.
    #[error("no earlier line defines {0:?}")]
    Unknown(String),
    /// A name is a member of two groups, or twice of one.
    #[error("{0:?} is a member already")]
    MemberTwice(String),
    /// The threshold is not between 1 and the number of members.
    #[error("the threshold must be all, any, or between 1 and the number of members")]
    Threshold,
    /// There are two quorum lines.
    #[error("there is a quorum already")]
    QuorumTwice,
    /// There is no quorum line.
    #[error("there is no quorum line; \"quorum none\" asks for no witness")]
    NoQuorum,
}

impl Policy {
    /// A policy that trusts these keys of a log and asks for no witness.
    pub fn of_logs(logs: Vec<VerifierKey>) -> Self {
        Self { logs, members: Vec::new(), quorum: None }
    }

    /// A policy of these keys and witnesses, of which at least so many must have cosigned.
    pub fn of_witnesses(logs: Vec<VerifierKey>, witnesses: Vec<Witness>, least: usize) -> Self {
        let count = witnesses.len();
        let mut members: Vec<Member> =
            witnesses.into_iter().map(|one| Member::Witness(Box::new(one))).collect();
        let quorum = match (count, least) {
            (_, 0) | (0, _) => None,
            (1, _) => Some(0),
            _ => {
                let (name, least) = ("witnesses".to_owned(), least.min(count));
                members.push(Member::Group { name, least, members: (0..count).collect() });
                Some(count)
            }
        };
        Self { logs, members, quorum }
    }

    /// How many of its witnesses must have cosigned, if it is one that [`Policy::of_witnesses`] makes: then another can be
    /// added without asking what was meant.
    pub fn least_of_plain(&self) -> Option<usize> {
        let witnesses: Vec<Witness> = self.witnesses().cloned().collect();
        let made = |least| Self::of_witnesses(self.logs.clone(), witnesses.clone(), least);
        (0..=witnesses.len()).find(|least| made(*least) == *self)
    }

    /// Reads a policy.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let at = |line, wrong| PolicyError { line, wrong };
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(at(1, PolicyWrong::TooLong));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| at(1, PolicyWrong::NotText))?;
        let mut reading = Reading::default();
        let mut last = 1;
        for (index, line) in text.split('\n').enumerate() {
            last = index.saturating_add(1);
            if last > POLICY_LINES_MAX {
                return Err(at(last, PolicyWrong::TooLong));
            }
            if line.contains(|c: char| c.is_ascii_control() && c != '\t') {
                return Err(at(last, PolicyWrong::NotText));
            }
            let words: Vec<&str> =
                line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            reading.line(&words).map_err(|wrong| at(last, wrong))?;
        }
        let Reading { logs, members, quorum, .. } = reading;
        let quorum = quorum.ok_or_else(|| at(last, PolicyWrong::NoQuorum))?;
        Ok(Self { logs, members, quorum })
    }

    /// The same policy, with these keys in place of those of one log.
    #[must_use]
    pub fn with_keys_of(&self, log: &str, keys: Vec<VerifierKey>) -> Self {
        let others = self.logs.iter().filter(|key| key.name() != log).cloned();
        Self { logs: others.chain(keys).collect(), ..self.clone() }
    }

    /// The same policy, trusting these keys of logs, too.
    #[must_use]
    pub fn trusting(mut self, keys: Vec<VerifierKey>) -> Self {
        for key in keys {
            if !self.logs.contains(&key) {
                self.logs.push(key);
            }
        }
        self
    }

    /// The same policy, without some keys of logs.
    #[must_use]
    pub fn without(&self, excluded: &dyn Fn(&VerifierKey) -> bool) -> Self {
        let mut policy = self.clone();
        policy.logs.retain(|key| !excluded(key));
        policy
    }

    /// The keys of logs that are trusted.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The witnesses it knows.
    pub fn witnesses(&self) -> impl Iterator<Item = &Witness> {
        self.members.iter().filter_map(|member| match member {
            Member::Witness(witness) => Some(&**witness),
            Member::Group { .. } => None,
        })
    }

    /// Whether it asks for any cosignature.
    pub const fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// What it makes of a note.
    pub fn judge(&self, note: &Note) -> Judgement {
        let mut judgement = Judgement {
            logs: Vec::new(),
            witnesses: Vec::new(),
            false_signatures: Vec::new(),
            quorum: false,
            met: None,
        };
        // A log's key vouches for checkpoints of its own name alone.
        let origin = note.text().lines().next().unwrap_or_default();
        for key in self.logs.iter().filter(|key| key.name() == origin) {
            match note.signed_by(key) {
                Signed::Yes { .. } => judgement.logs.push(key.clone()),
                Signed::Falsely => judgement.false_signatures.push(key.to_string()),
                Signed::No => {}
            }
        }
        let mut times = Vec::new();
        for member in &self.members {
            let Member::Witness(witness) = member else {
                times.push(None);
                continue;
            };
            times.push(match note.signed_by(&witness.key) {
                Signed::Yes { time } => {
                    let time = time.unwrap_or_default();
                    judgement.witnesses.push((witness.name.clone(), time));
                    Some(time)
                }
                Signed::Falsely => {
                    judgement.false_signatures.push(witness.key.to_string());
                    None
                }
                Signed::No => None,
            });
        }
        judgement.quorum = self.is_met(&times, &|_| true);
        let mut moments: Vec<u64> = times.iter().flatten().copied().collect();
        moments.sort_unstable();
        let by = moments.iter().find(|moment| self.is_met(&times, &|time| time <= **moment));
        let still =
            moments.iter().rev().find(|moment| self.is_met(&times, &|time| time >= **moment));
        judgement.met = match (by, still) {
            (Some(by), Some(still)) if self.asks_for_witnesses() => {
                Some(Met { by: *by, still: *still })
            }
            _ => None,
        };
        judgement
    }

    /// Whether the quorum is met by the cosignatures whose times count.
    fn is_met(&self, times: &[Option<u64>], counts: &dyn Fn(u64) -> bool) -> bool {
        let mut met: Vec<bool> = Vec::new();
        for (member, time) in self.members.iter().zip(times) {
            met.push(match member {
                Member::Witness(_) => time.is_some_and(counts),
                // A group stands after its members.
                Member::Group { least, members, .. } => {
                    let count = members.iter().filter(|at| met.get(**at) == Some(&true)).count();
                    count >= *least
                }
            });
        }
        self.quorum.is_none_or(|at| met.get(at) == Some(&true))
    }
}

/// The policy as a file.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in &self.logs {
            writeln!(f, "log {key}")?;
        }
        let name = |at: &usize| self.members.get(*at).map_or("none", Member::name);
        for member in &self.members {
            match member {
                Member::Witness(witness) => {
                    let Witness { name, key, url } = &**witness;
                    let url = url.as_ref().map(|url| format!(" {url}")).unwrap_or_default();
                    writeln!(f, "witness {name} {key}{url}")?;
                }
                Member::Group { name: group, least, members } => {
                    let members: Vec<&str> = members.iter().map(name).collect();
                    writeln!(f, "group {group} {least} {}", members.join(" "))?;
                }
            }
        }
        writeln!(f, "quorum {}", self.quorum.as_ref().map_or("none", name))
    }
}

#[derive(Default)]
struct Reading {
    logs: Vec<VerifierKey>,
    members: Vec<Member>,
    grouped: BTreeSet<usize>,
    #[expect(
        clippy::option_option,
        reason = "whether there is a line, and whether it names a member"
    )]
    quorum: Option<Option<usize>>,
}

impl Reading {
    fn line(&mut self, words: &[&str]) -> Result<(), PolicyWrong> {
        match words {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", rest @ ..] => self.log(rest),
            ["witness", rest @ ..] => self.witness(rest),
            ["group", rest @ ..] => self.group(rest),
            ["quorum", name] => {
                if self.quorum.is_some() {
                    return Err(PolicyWrong::QuorumTwice);
                }
                let at = if *name == "none" { None } else { Some(self.find(name)?) };
                self.quorum = Some(at);
                Ok(())
            }
            ["quorum", ..] => Err(PolicyWrong::Form("quorum NAME")),
            _ => Err(PolicyWrong::Word),
        }
    }

    fn log(&mut self, words: &[&str]) -> Result<(), PolicyWrong> {
        let ([key] | [key, _]) = words else { return Err(PolicyWrong::Form("log VKEY [URL]")) };
        let key = VerifierKey::parse(key).map_err(PolicyWrong::Key)?;
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(PolicyWrong::KeyType("log"));
        }
        if self.logs.iter().any(|known| known.bytes() == key.bytes()) {
            return Err(PolicyWrong::KeyTwice);
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, words: &[&str]) -> Result<(), PolicyWrong> {
        let ([name, key] | [name, key, _]) = words else {
            return Err(PolicyWrong::Form("witness NAME VKEY [URL]"));
        };
        let key = VerifierKey::parse(key).map_err(PolicyWrong::Key)?;
        if key.algorithm() != Algorithm::Cosignature {
            return Err(PolicyWrong::KeyType("witness"));
        }
        let known = self.members.iter().any(
            |member| matches!(member, Member::Witness(witness) if witness.key.bytes() == key.bytes()),
        );
        if known {
            return Err(PolicyWrong::KeyTwice);
        }
        self.free(name)?;
        let url = words.get(2).map(|url| (*url).to_owned());
        let witness = Witness { name: (*name).to_owned(), key, url };
        self.members.push(Member::Witness(Box::new(witness)));
        Ok(())
    }

    fn group(&mut self, words: &[&str]) -> Result<(), PolicyWrong> {
        let [name, least, names @ ..] = words else {
            return Err(PolicyWrong::Form("group NAME all|any|COUNT MEMBER..."));
        };
        self.free(name)?;
        let least = match *least {
            "all" => names.len(),
            "any" => 1,
            count if count.bytes().all(|byte| byte.is_ascii_digit()) => {
                count.parse().map_err(|_| PolicyWrong::Threshold)?
            }
            _ => return Err(PolicyWrong::Threshold),
        };
        if least == 0 || least > names.len() {
            return Err(PolicyWrong::Threshold);
        }
        let mut members = Vec::new();
        for member in names {
            let at = self.find(member)?;
            if !self.grouped.insert(at) {
                return Err(PolicyWrong::MemberTwice((*member).to_owned()));
            }
            members.push(at);
        }
        self.members.push(Member::Group { name: (*name).to_owned(), least, members });
        Ok(())
    }

    fn find(&self, name: &str) -> Result<usize, PolicyWrong> {
        let at = self.members.iter().position(|member| member.name() == name);
        at.ok_or_else(|| PolicyWrong::Unknown(name.to_owned()))
    }

    fn free(&self, name: &str) -> Result<(), PolicyWrong> {
        if name == "none" || self.find(name).is_ok() {
            return Err(PolicyWrong::NameTaken(name.to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic
)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::super::note::{NoteSigner, SignatureLine, cosigned_message};
    use super::*;

    fn log() -> NoteSigner {
        NoteSigner::from_seed("example.org/desk", &[1; 32]).unwrap()
    }

    fn witness(seed: u8) -> (SigningKey, VerifierKey) {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = key.verifying_key();
        let name = format!("witness.example/{seed}");
        (key, VerifierKey::new(&name, Algorithm::Cosignature, public.as_bytes()).unwrap())
    }

    fn signed_by(seeds: &[u8]) -> Note {
        let text = "example.org/desk\n3\nroot\n".to_owned();
        let mut note = Note::new(text.clone(), vec![log().sign(&text)]).unwrap();
        for seed in seeds {
            let (key, verifier) = witness(*seed);
            let time = 1_700_000_000 + u64::from(*seed);
            let bytes = key.sign(cosigned_message(time, &text).as_bytes()).to_bytes();
            let signature = [time.to_be_bytes().as_slice(), &bytes].concat();
            note.add(SignatureLine {
                name: verifier.name().to_owned(),
                id: verifier.id(),
                signature,
            })
            .unwrap();
        }
        note
    }

    fn example() -> String {
        let key = |seed| witness(seed).1;
        format!(
            "# two groups\nlog {}\n witness X1 {}\nwitness\tX2 {} https://x2.example/\nwitness X3 {}\n\
             group X 2 X1 X2 X3\nwitness Y1 {}\nwitness Y2 {}\ngroup Y any Y1 Y2\n\n\
             group both all X Y\nquorum both\n",
            log().verifier(),
            key(11),
            key(12),
            key(13),
            key(21),
            key(22),
        )
    }

    #[test]
    fn a_quorum_is_met_by_whom_it_names() {
        let policy = Policy::parse(example().as_bytes()).unwrap();
        for (seeds, met) in [
            (&[11_u8, 12, 21][..], true),
            (&[11, 13, 22], true),
            (&[11, 12, 13, 21, 22], true),
            (&[11, 12, 13], false),
            (&[11, 21], false),
            (&[21, 22], false),
            (&[], false),
            (&[11, 12, 99], false),
        ] {
            let judgement = policy.judge(&signed_by(seeds));
            assert_eq!(judgement.quorum, met, "{seeds:?}");
            assert_eq!(judgement.is_trusted(), met, "{seeds:?}");
        }
        let again = Policy::parse(policy.to_string().as_bytes()).unwrap();
        assert_eq!(again, policy);
        let none = Policy::of_logs(vec![log().verifier()]);
        assert!(none.judge(&signed_by(&[])).is_trusted());
        let other = NoteSigner::from_seed("example.org/other", &[1; 32]).unwrap().verifier();
        assert!(!Policy::of_logs(vec![other]).judge(&signed_by(&[11])).is_trusted());
    }

    #[test]
    fn a_witness_too_few_shifts_no_time() {
        // Each cosigns at 1,700,000,000 and its own number of seconds.
        let policy = Policy::parse(example().as_bytes()).unwrap();
        let met = |seeds: &[u8]| {
            let met = policy.judge(&signed_by(seeds)).met?;
            Some((met.by - 1_700_000_000, met.still - 1_700_000_000))
        };
        // Two of 11, 12, 13 and one of 21, 22: all of them by 21, or from 11 on.
        assert_eq!(met(&[11, 12, 21]), Some((21, 11)));
        assert_eq!(met(&[11, 12, 13, 21, 22]), Some((21, 12)));
        assert_eq!(met(&[11, 12]), None);
        let none = example().replace("quorum both", "quorum none");
        let none = Policy::parse(none.as_bytes()).unwrap();
        assert!(!none.asks_for_witnesses());
        assert_eq!(none.judge(&signed_by(&[11])).met, None, "whom nobody asked says no time");
    }

    #[test]
    fn a_policy_is_plain_if_it_is_a_list_of_witnesses() {
        let witnesses = |count: u8| {
            let named =
                |seed| Witness { name: format!("w{seed}"), key: witness(seed).1, url: None };
            (1..=count).map(named).collect::<Vec<_>>()
        };
        for (count, least) in [(0, 0), (1, 1), (2, 1), (3, 2), (3, 3)] {
            let logs = vec![log().verifier()];
            let made = Policy::of_witnesses(logs, witnesses(count), least);
            assert_eq!(made.least_of_plain(), Some(least));
            assert_eq!(Policy::parse(made.to_string().as_bytes()), Ok(made));
        }
        let grouped = Policy::parse(example().as_bytes()).unwrap();
        assert_eq!(grouped.least_of_plain(), None, "it has groups of its own");
    }

    /// What would break: what a key signs that the trusted one endorsed would not be believed.
    #[test]
    fn further_keys_are_trusted_beside_the_first() {
        let second = NoteSigner::from_seed("example.org/desk", &[2; 32]).unwrap().verifier();
        let both = [log().verifier(), second];
        let policy = Policy::of_logs(vec![log().verifier()]).trusting(both.to_vec());
        assert_eq!(policy.logs(), both);
    }

    #[test]
    fn a_false_signature_of_a_known_key_spoils_the_note() {
        let policy = Policy::parse(example().as_bytes()).unwrap();
        let mut note = signed_by(&[11, 12, 21]);
        let mut line = note.signatures()[3].clone();
        line.signature[20] ^= 1;
        note.add(line).unwrap();
        let mut more = signed_by(&[11, 12, 21, 22]);
        let mut line = more.signatures()[4].clone();
        line.signature[70] ^= 1;
        more.add(line).unwrap();
        assert!(!policy.judge(&note).is_trusted());
        assert!(!policy.judge(&more).is_trusted(), "even where the quorum is met without it");
    }

    /// What is replaced in a good policy, by what, and what is then wrong.
    type Case = (&'static str, &'static str, fn(&PolicyWrong) -> bool);

    #[test]
    fn every_line_that_makes_no_sense_is_refused_with_its_number() {
        let good = example();
        let x1 = good.lines().find(|line| line.contains("X1")).unwrap().to_owned();
        let cases: &[Case] = &[
            ("quorum both", "quorum nobody", |w| matches!(w, PolicyWrong::Unknown(_))),
            ("quorum both", "", |w| matches!(w, PolicyWrong::NoQuorum)),
            ("quorum both", "quorum both\nquorum none", |w| matches!(w, PolicyWrong::QuorumTwice)),
            ("quorum both", "quorum", |w| matches!(w, PolicyWrong::Form(_))),
            ("group X 2", "group X 4", |w| matches!(w, PolicyWrong::Threshold)),
            ("group X 2", "group X 0", |w| matches!(w, PolicyWrong::Threshold)),
            ("group X 2", "group X +2", |w| matches!(w, PolicyWrong::Threshold)),
            ("group X 2 X1 X2 X3", "group X 2 X1 X1", |w| matches!(w, PolicyWrong::MemberTwice(_))),
            ("group Y any Y1 Y2", "group Y any Y1 X1", |w| {
                matches!(w, PolicyWrong::MemberTwice(_))
            }),
            ("group Y any", "group X any", |w| matches!(w, PolicyWrong::NameTaken(_))),
            ("group Y any", "group none any", |w| matches!(w, PolicyWrong::NameTaken(_))),
            ("witness\tX2", "witness X1", |w| matches!(w, PolicyWrong::NameTaken(_))),
            ("# two groups", "two groups", |w| matches!(w, PolicyWrong::Word)),
            ("# two groups", "#\u{7}", |w| matches!(w, PolicyWrong::NotText)),
            ("witness X3", "log", |w| matches!(w, PolicyWrong::KeyType(_))),
            ("log ", "witness L ", |w| matches!(w, PolicyWrong::KeyType(_))),
        ];
        for (from, to, expected) in cases {
            let changed = good.replacen(from, to, 1);
            assert_ne!(changed, good, "{from}");
            let error = Policy::parse(changed.as_bytes()).unwrap_err();
            assert!(expected(&error.wrong), "{from} -> {to}: {error}");
        }
        let twice = good.replacen(
            "group X",
            &format!("{}\ngroup X", x1.replace("witness X1", "witness X4")),
            1,
        );
        let error = Policy::parse(twice.as_bytes()).unwrap_err();
        assert_eq!((error.line, error.wrong), (6, PolicyWrong::KeyTwice));
        let other = NoteSigner::from_seed("example.org/desk", &[2; 32]).unwrap().verifier();
        let both = format!("log {other}\n{good}");
        assert_eq!(Policy::parse(both.as_bytes()).unwrap().logs(), [other, log().verifier()]);
        let error = Policy::parse(format!("log {}\n{good}", log().verifier()).as_bytes());
        let error = error.unwrap_err();
        assert_eq!((error.line, error.wrong), (3, PolicyWrong::KeyTwice));
    }
}
