//! `demarche contacts`: the accounts of one call or meeting, side by side.

use std::io;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::clock_args::ClockArgs;
use super::filter_args::unknown;
use super::log_args::LogArgs;
use super::positions::modality;
use super::replay::introduce;
use super::shapes::{CiteShape, Question};
use super::terminal::Terminal;
use super::words::{name_of, names_of, shown, words};
use super::{Outcome, Status};
use crate::model::schema::Kind;
use crate::replay::contacts::{Account, Teller, Telling, Told, TopicTold};
use crate::replay::filter::check_ids;
use crate::replay::{ContactAnswer, View, contacts};

#[derive(Debug, Args)]
pub(crate) struct ContactsArgs {
    /// The id of one contact; all of them if absent
    id: Option<String>,
    #[command(flatten)]
    clocks: ClockArgs,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// What `contacts` prints.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ContactsShape {
    #[serde(flatten)]
    question: Question,
    contacts: Vec<ContactShape>,
}

#[derive(Serialize, JsonSchema)]
struct ContactShape {
    contact: String,
    form: Option<String>,
    when: Option<String>,
    may_not_have_happened: bool,
    participants: Vec<String>,
    summary: Option<String>,
    cites: Vec<CiteShape>,
    accounts: Vec<AccountShape>,
    statements: Vec<ToldShape>,
    topics: Vec<TopicShape>,
    silent: Vec<String>,
    about_it: Vec<String>,
}

/// What is told on one teller's word.
#[derive(Serialize, JsonSchema)]
struct AccountShape {
    /// The teller's id; `null` if it is the speaker's own word, or nobody is named.
    by: Option<String>,
    /// Whether it is the speaker's own word.
    own_word: bool,
    country: Option<String>,
    how: Vec<String>,
    statements: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct ToldShape {
    event: String,
    by: Vec<String>,
    topic: Option<String>,
    stance: Option<String>,
    modality: String,
    summary: Option<String>,
    cites: Vec<CiteShape>,
    /// What each account gives of it.
    accounts: Vec<TellingShape>,
    /// In what these differ: `stance`, `modality`.
    differing: Vec<&'static str>,
    /// Which accounts give it, counted from 0.
    given_by: Vec<usize>,
    given_by_all: bool,
}

/// What one account gives of a thing said, in one report of it.
#[derive(Serialize, JsonSchema)]
struct TellingShape {
    /// Which account, counted from 0.
    account: usize,
    /// The report.
    event: String,
    stance: Option<String>,
    modality: String,
    summary: Option<String>,
    cites: Vec<CiteShape>,
}

#[derive(Serialize, JsonSchema)]
struct TopicShape {
    topic: String,
    /// Which accounts touch it, counted from 0.
    given_by: Vec<usize>,
    given_by_all: bool,
}

impl ContactsArgs {
    pub(crate) fn run(&self, log: &LogArgs, terminal: &mut Terminal) -> Outcome {
        let asked = self.clocks.asked()?;
        let log = log.open_folded("demarche contacts", terminal)?;
        let view = View::of(log.history(), asked.clocks);
        let mut all = contacts(&view);
        if let Some(id) = &self.id {
            check_ids(log.history(), "contact", std::slice::from_ref(id), Kind::Contact)
                .map_err(|error| unknown(&error, log.history()))?;
            let seq = log.history().seq_of(&view.stands_for(id));
            all.retain(|contact| log.history().seq_of(&contact.contact) == seq);
        }
        if self.json {
            let contacts = all.into_iter().map(ContactShape::from).collect();
            let question = Question::new(&asked, &log, view.left_out());
            terminal.json(&ContactsShape { question, contacts })?;
            return Ok(Status::Done);
        }
        introduce(&asked, &log, &view, terminal)?;
        if all.is_empty() {
            terminal.faint("  no contact: none that counts has happened by then")?;
        }
        for (index, contact) in all.iter().enumerate() {
            if index > 0 {
                terminal.line("")?;
            }
            print(&view, contact, terminal)?;
        }
        Ok(Status::Done)
    }
}

fn print(view: &View<'_>, contact: &ContactAnswer, terminal: &mut Terminal) -> io::Result<()> {
    let form = contact.form.as_deref().map_or_else(|| "contact".to_owned(), words);
    let when = contact.when.as_deref().unwrap_or("undated");
    let may = if contact.may_not_have_happened { " (may be later)" } else { "" };
    terminal.heading(format!("{} · {form} · {when}{may}", contact.contact))?;
    terminal.line(shown(&format!("  {}", names_of(view, &contact.participants))))?;
    if contact.accounts.is_empty() {
        return terminal.faint("  nothing said in it is in the log");
    }
    terminal.line("")?;
    print_accounts(view, contact, terminal)?;
    terminal.line("")?;
    print_comparison(view, contact, terminal)
}

/// A row for each topic, a column for each account.
fn print_accounts(
    view: &View<'_>,
    contact: &ContactAnswer,
    terminal: &mut Terminal,
) -> io::Result<()> {
    let mut topics: Vec<Option<&String>> = Vec::new();
    for told in &contact.statements {
        if !topics.contains(&told.topic.as_ref()) {
            topics.push(told.topic.as_ref());
        }
    }
    let names: Vec<String> = contact.accounts.iter().map(|a| account_name(view, a)).collect();
    let header: Vec<&str> =
        std::iter::once("topic").chain(names.iter().map(String::as_str)).collect();
    let mut rows = Vec::new();
    for topic in topics {
        let mut row =
            vec![vec![topic.map_or_else(|| "no topic".to_owned(), |id| name_of(view, id))]];
        for index in 0..contact.accounts.len() {
            let on_topic = contact.statements.iter().filter(|told| told.topic.as_ref() == topic);
            let given = on_topic.flat_map(|told| {
                let own = told.accounts.iter().filter(|telling| telling.account == index);
                own.flat_map(|telling| lines(view, told, telling)).collect::<Vec<_>>()
            });
            row.push(given.collect());
        }
        rows.push(row);
    }
    terminal.table_of_lines(&header, &[], &rows)
}

fn lines(view: &View<'_>, told: &Told, telling: &Telling) -> Vec<String> {
    let by = if told.by.is_empty() { "nobody named".to_owned() } else { names_of(view, &told.by) };
    let stance = telling.stance.as_ref().map_or("says", |stance| stance.as_str());
    let modality = modality(&telling.modality);
    let mut lines = vec![format!("{by} {stance}{modality} ({})", telling.event)];
    let quotes: Vec<String> = telling
        .cites
        .iter()
        .filter_map(|cite| cite.quote.as_ref().map(|quote| format!("“{quote}”")))
        .collect();
    lines.extend(if quotes.is_empty() {
        telling.summary.clone().into_iter().collect()
    } else {
        quotes
    });
    lines
}

/// What all accounts give, and what only one does.
fn print_comparison(
    view: &View<'_>,
    contact: &ContactAnswer,
    terminal: &mut Terminal,
) -> io::Result<()> {
    if contact.accounts.len() > 1 {
        let all = |told: &[usize]| told.len() == contact.accounts.len();
        let statements = contact.statements.iter().filter(|told| all(&told.given_by));
        let statements: Vec<&str> = statements.map(|told| told.event.as_str()).collect();
        let topics = contact.topics.iter().filter(|topic| all(&topic.given_by));
        let topics: Vec<String> = topics.map(|topic| name_of(view, &topic.topic)).collect();
        let or_none = |list: String| if list.is_empty() { "nothing".to_owned() } else { list };
        terminal
            .line(shown(&format!("  every account gives: {}", or_none(statements.join(", ")))))?;
        terminal
            .line(shown(&format!("  every account touches: {}", or_none(topics.join("; ")))))?;
        for told in contact.statements.iter().filter(|told| !told.differing.is_empty()) {
            let in_what = told.differing.join(" and ");
            terminal
                .line(shown(&format!("  accounts differ in the {in_what} of {}", told.event)))?;
        }
        for (index, account) in contact.accounts.iter().enumerate() {
            let only = contact.topics.iter().filter(|topic| topic.given_by == [index]);
            let only: Vec<String> = only.map(|topic| name_of(view, &topic.topic)).collect();
            if !only.is_empty() {
                let who = account_name(view, account);
                terminal.line(shown(&format!("  only by {who} on: {}", only.join("; "))))?;
            }
        }
    }
    if !contact.silent.is_empty() {
        let silent = names_of(view, &contact.silent);
        terminal.line(shown(&format!("  no account from the side of: {silent}")))?;
    }
    if !contact.about_it.is_empty() {
        terminal.faint(format!("  also about it: {}", contact.about_it.join(", ")))?;
    }
    Ok(())
}

fn account_name(view: &View<'_>, account: &Account) -> String {
    let how: Vec<String> = account.how.iter().map(|how| words(how)).collect();
    match &account.teller {
        Teller::Named(id) => {
            let how = if how.is_empty() { String::new() } else { format!(" ({})", how.join(", ")) };
            format!("{}{how}", name_of(view, id))
        }
        Teller::Speaker => "the speaker's own word".to_owned(),
        Teller::Nobody(_) if how.is_empty() => "nobody who is named".to_owned(),
        Teller::Nobody(_) => {
            format!("nobody who is named ({})", how.join(", "))
        }
    }
}

impl From<ContactAnswer> for ContactShape {
    fn from(contact: ContactAnswer) -> Self {
        Self {
            contact: contact.contact,
            form: contact.form,
            when: contact.when,
            may_not_have_happened: contact.may_not_have_happened,
            participants: contact.participants,
            summary: contact.summary,
            cites: contact.cites.iter().map(CiteShape::from).collect(),
            accounts: contact.accounts.into_iter().map(AccountShape::from).collect(),
            statements: contact.statements.into_iter().map(ToldShape::from).collect(),
            topics: contact.topics.into_iter().map(TopicShape::from).collect(),
            silent: contact.silent,
            about_it: contact.about_it,
        }
    }
}

impl From<Account> for AccountShape {
    fn from(account: Account) -> Self {
        let own_word = account.teller == Teller::Speaker;
        let by = match account.teller {
            Teller::Named(id) => Some(id),
            Teller::Speaker | Teller::Nobody(_) => None,
        };
        let Account { country, how, statements, .. } = account;
        Self { by, own_word, country, how, statements }
    }
}

impl From<Told> for ToldShape {
    fn from(told: Told) -> Self {
        Self {
            event: told.event,
            by: told.by,
            topic: told.topic,
            stance: told.stance.map(|stance| stance.to_string()),
            modality: told.modality.to_string(),
            summary: told.summary,
            cites: told.cites.iter().map(CiteShape::from).collect(),
            accounts: told.accounts.into_iter().map(TellingShape::from).collect(),
            differing: told.differing,
            given_by: told.given_by,
            given_by_all: told.given_by_all,
        }
    }
}

impl From<Telling> for TellingShape {
    fn from(telling: Telling) -> Self {
        Self {
            account: telling.account,
            event: telling.event,
            stance: telling.stance.map(|stance| stance.to_string()),
            modality: telling.modality.to_string(),
            summary: telling.summary,
            cites: telling.cites.iter().map(CiteShape::from).collect(),
        }
    }
}

impl From<TopicTold> for TopicShape {
    fn from(topic: TopicTold) -> Self {
        let TopicTold { topic, given_by, given_by_all } = topic;
        Self { topic, given_by, given_by_all }
    }
}
