//! Contacts: the accounts of one call or meeting, side by side.
//!
//! An account is what is told on one teller's word: the statements made in the contact, grouped by the first link of
//! their chains, the one nearest to the speaker. What every account gives, and what only one gives, is counted by
//! statement and by topic. Nothing here says which account is true.

use std::collections::{BTreeMap, BTreeSet};

use super::membership::country_of;
use super::positions::{Said, modality_of, statements};
use super::timeline::{Times, when_of};
use super::view::{Fact, View};
use crate::model::event::{Attribution, Body, Cite, Contact};
use crate::model::vocabulary::{Modality, RelationType, Stance};

/// One contact, and what is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ContactAnswer {
    /// The id of the contact.
    pub contact: String,
    /// What sort of contact, as its term.
    pub form: Option<String>,
    /// When, as reported.
    pub when: Option<String>,
    /// Whether it may have happened after the date asked about.
    pub may_not_have_happened: bool,
    /// Who took part.
    pub participants: Vec<String>,
    /// What happened, in the reporter's words.
    pub summary: Option<String>,
    /// Its passages.
    pub cites: Vec<Cite>,
    /// The accounts, in the order of their tellers' ids; those by nobody who is named come first.
    pub accounts: Vec<Account>,
    /// What was said, in log order.
    pub statements: Vec<Told>,
    /// The topics spoken on, in alphabetical order.
    pub topics: Vec<TopicTold>,
    /// The participants from whose side no account is known.
    pub silent: Vec<String>,
    /// Other events that a relation says are about it.
    pub about_it: Vec<String>,
}

/// On whose word something is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Teller {
    /// Nobody is named; how it was passed on, as its term, if that is said.
    Nobody(Option<String>),
    /// The speaker, since no one is said to stand between.
    Speaker,
    /// An actor or a source.
    Named(String),
}

/// What is told on one teller's word.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// On whose word.
    pub teller: Teller,
    /// The teller's country.
    pub country: Option<String>,
    /// How it was passed on, as terms.
    pub how: Vec<String>,
    /// The ids of the statements that it gives, in log order.
    pub statements: Vec<String>,
}

/// One thing said in a contact, and who tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The id of the statement.
    pub event: String,
    /// Who said it; nobody if nobody is named.
    pub by: Vec<String>,
    /// On what.
    pub topic: Option<String>,
    /// What the speaker does about it.
    pub stance: Option<Stance>,
    /// How far it is asserted.
    pub modality: Modality,
    /// What was said, in the reporter's words.
    pub summary: Option<String>,
    /// Its passages, whoever gives them.
    pub cites: Vec<Cite>,
    /// What each account gives of it, in the order of its reports.
    pub accounts: Vec<Telling>,
    /// The keys in which these differ: `stance`, `modality`. What was said is everywhere in words of its reporter.
    pub differing: Vec<&'static str>,
    /// Which accounts give it, as indexes of [`ContactAnswer::accounts`].
    pub given_by: Vec<usize>,
    /// Whether every account gives it; false where there is but one.
    pub given_by_all: bool,
}

/// What one account gives of a thing said, in one report of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// Which account, as an index of [`ContactAnswer::accounts`].
    pub account: usize,
    /// The id of the report.
    pub event: String,
    /// What the speaker does about the topic.
    pub stance: Option<Stance>,
    /// How far it is asserted.
    pub modality: Modality,
    /// What was said, in the reporter's words.
    pub summary: Option<String>,
    /// The passages that are given on this teller's word.
    pub cites: Vec<Cite>,
}

/// One topic of a contact, and whose accounts touch it.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicTold {
    /// The topic.
    pub topic: String,
    /// Which accounts touch it, as indexes of [`ContactAnswer::accounts`].
    pub given_by: Vec<usize>,
    /// Whether every account touches it; false where there is but one.
    pub given_by_all: bool,
}

/// Every contact that has, or may have, happened by the view's date, in log order, with what has, or may have, been said
/// of it by then.
pub fn contacts<'v>(view: &'v View<'v>) -> Vec<ContactAnswer> {
    let to = view.clocks().to;
    let times = Times::of(view);
    let mut acts = statements(view);
    acts.retain(|act| !act.span.not_yet(to));
    let mut said: BTreeMap<u64, Vec<&Said<'_>>> = BTreeMap::new();
    for act in &acts {
        for contact in contacts_of(view, act) {
            said.entry(contact).or_default().push(act);
        }
    }
    let mut about_it: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (_, from, to) in view.related(&RelationType::About) {
        about_it.entry(to).or_default().push(from);
    }
    let of = |fact: &Fact<'_>, contact| {
        let said = said.get(&fact.seq).map_or(&[][..], Vec::as_slice);
        let about_it = about_it.get(&fact.seq).map_or(&[][..], Vec::as_slice);
        of_contact(view, fact, contact, said, begun(view, &times, about_it))
    };
    view.facts()
        .filter_map(|fact| match &fact.event.body {
            Body::Contact(contact) if !when_of(view, fact).span.not_yet(to) => {
                Some(of(fact, contact))
            }
            _ => None,
        })
        .collect()
}

/// The numbers of the contacts that the reports of a statement name.
fn contacts_of(view: &View<'_>, said: &Said<'_>) -> BTreeSet<u64> {
    let named = said.reports.iter().filter_map(|report| match &report.event.body {
        Body::Statement(statement) => view.act_of(statement.contact.as_deref()?),
        _ => None,
    });
    named.collect()
}

fn of_contact(
    view: &View<'_>,
    fact: &Fact<'_>,
    contact: &Contact,
    said: &[&Said<'_>],
    about_it: Vec<String>,
) -> ContactAnswer {
    let id = view.history().id_of(fact.seq);
    let tellers: BTreeSet<Teller> = said.iter().flat_map(|said| tellers_of(view, said)).collect();
    let tellers: Vec<Teller> = tellers.into_iter().collect();
    let all = |given_by: &[usize]| tellers.len() > 1 && given_by.len() == tellers.len();
    let index = |teller: &Teller| tellers.iter().position(|known| known == teller);

    let mut told = Vec::new();
    let mut topics: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for said in said {
        let given_by: BTreeSet<usize> = tellers_of(view, said).iter().filter_map(index).collect();
        if let Some(topic) = &said.first.event.topic {
            topics.entry(topic).or_default().extend(&given_by);
        }
        let given_by: Vec<usize> = given_by.into_iter().collect();
        let accounts = tellings(view, said, &tellers);
        told.push(Told {
            event: view.history().id_of(said.first.seq),
            by: said.statement.by.clone(),
            topic: said.first.event.topic.clone(),
            stance: said.statement.stance.clone(),
            modality: said.modality(),
            summary: said.first.event.summary.clone(),
            cites: said.cites(view),
            differing: differing(&accounts),
            accounts,
            given_by_all: all(&given_by),
            given_by,
        });
    }
    let topics = topics.into_iter().map(|(topic, given_by)| {
        let given_by: Vec<usize> = given_by.into_iter().collect();
        TopicTold { topic: topic.to_owned(), given_by_all: all(&given_by), given_by }
    });
    let topics = topics.collect();
    let accounts = accounts(view, &tellers, said, &told);
    let when = when_of(view, fact);
    // Whoever tells what was said, or says it on their own word, is heard, and with them the side that they are of.
    let (mut heard, mut sides) = (BTreeSet::new(), BTreeSet::new());
    for said in said {
        for teller in tellers_of(view, said) {
            let who = match teller {
                Teller::Named(id) => vec![id],
                Teller::Speaker => said.statement.by.clone(),
                Teller::Nobody(_) => Vec::new(),
            };
            sides.extend(who.iter().filter_map(|actor| country_of(view, actor, said.span)));
            heard.extend(who);
        }
    }
    let is_silent = |actor: &&String| {
        let country = country_of(view, actor, when.span);
        !heard.contains(*actor) && country.is_none_or(|country| !sides.contains(&country))
    };
    ContactAnswer {
        contact: id,
        form: contact.form.as_ref().map(ToString::to_string),
        may_not_have_happened: !when.span.happened_by(view.clocks().to),
        when: when.text.clone(),
        silent: contact.participants.iter().filter(is_silent).cloned().collect(),
        participants: contact.participants.clone(),
        summary: fact.event.summary.clone(),
        cites: view.cites(fact),
        statements: told,
        topics,
        about_it,
        accounts,
    }
}

fn accounts(
    view: &View<'_>,
    tellers: &[Teller],
    said: &[&Said<'_>],
    told: &[Told],
) -> Vec<Account> {
    let account = |(index, teller): (usize, &Teller)| {
        let given = told.iter().zip(said).filter(|(told, _)| told.given_by.contains(&index));
        let mut how = BTreeSet::new();
        let mut span = None;
        let mut statements = Vec::new();
        for (told, said) in given {
            statements.push(told.event.clone());
            span = span.or(Some(said.span));
            let links = said.chains(view).into_iter().filter_map(|chain| chain.first().cloned());
            let own = links.filter(|link| teller_of(Some(link)) == *teller);
            how.extend(own.filter_map(|link| link.how.map(|how| how.to_string())));
        }
        let country = match (teller, span) {
            (Teller::Named(id), Some(span)) => country_of(view, id, span),
            _ => None,
        };
        Account { teller: teller.clone(), country, how: how.into_iter().collect(), statements }
    };
    tellers.iter().enumerate().map(account).collect()
}

/// What each report of a statement gives, on each teller's word.
fn tellings(view: &View<'_>, said: &Said<'_>, tellers: &[Teller]) -> Vec<Telling> {
    let mut all: Vec<Telling> = Vec::new();
    for fact in &said.reports {
        let Body::Statement(statement) = &fact.event.body else { continue };
        let own = teller_of(fact.event.according_to.first());
        let further = view.further_reports(fact).into_iter().map(|report| {
            let first = report.according_to.first();
            // A further report that names nobody adds its passages to what it reports.
            (first.map_or_else(|| own.clone(), |link| teller_of(Some(link))), report)
        });
        for (teller, report) in std::iter::once((own.clone(), &*fact.event)).chain(further) {
            let Some(account) = tellers.iter().position(|known| *known == teller) else { continue };
            let event = view.history().id_of(fact.seq);
            let cites = view.given(&report.cites);
            match all.iter_mut().find(|known| (known.account, &known.event) == (account, &event)) {
                Some(known) => {
                    let new = cites.into_iter().filter(|cite| !known.cites.contains(cite));
                    known.cites.extend(new.collect::<Vec<_>>());
                }
                None => all.push(Telling {
                    account,
                    event,
                    stance: statement.stance.clone(),
                    modality: modality_of(statement),
                    summary: fact.event.summary.clone(),
                    cites,
                }),
            }
        }
    }
    all
}

/// The keys in which what is told of one thing differs.
fn differing(told: &[Telling]) -> Vec<&'static str> {
    let Some((first, others)) = told.split_first() else { return Vec::new() };
    let keys = [
        ("stance", others.iter().any(|other| other.stance != first.stance)),
        ("modality", others.iter().any(|other| other.modality != first.modality)),
    ];
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

/// On whose word each report of a statement is told.
fn tellers_of(view: &View<'_>, said: &Said<'_>) -> BTreeSet<Teller> {
    let mut tellers = BTreeSet::new();
    for fact in &said.reports {
        tellers.insert(teller_of(fact.event.according_to.first()));
        // A further report that names nobody adds no account.
        tellers.extend(view.chains(fact).iter().map(|chain| teller_of(chain.first())));
    }
    tellers
}

fn teller_of(link: Option<&Attribution>) -> Teller {
    match link {
        None => Teller::Speaker,
        Some(Attribution { by: Some(by), .. }) => Teller::Named(by.clone()),
        Some(Attribution { by: None, how }) => {
            Teller::Nobody(how.as_ref().map(ToString::to_string))
        }
    }
}

/// Of these events those that can have happened by the view's date, each once.
fn begun(view: &View<'_>, times: &Times<'_>, seqs: &[u64]) -> Vec<String> {
    let to_date = view.clocks().to;
    let mut named = BTreeSet::new();
    let facts = seqs.iter().filter(|seq| named.insert(**seq)).filter_map(|seq| view.fact(*seq));
    let counts = facts.filter(|fact| times.begun(fact, to_date).is_some());
    counts.map(|fact| view.history().id_of(fact.seq)).collect()
}
