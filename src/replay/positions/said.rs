//! One statement as it was said, whoever reports it: when, on whose word, and what position it makes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Flag, Later, Position};
use crate::model::calendar::Instant;
use crate::model::date::Span;
use crate::model::event::{Attribution, Body, Cite, Statement};
use crate::model::vocabulary::Modality;
use crate::replay::membership::country_of;
use crate::replay::placement::Reported;
use crate::replay::steps::same_acts;
use crate::replay::view::{Fact, View};

/// One statement, with every event that reports it.
#[derive(Clone)]
pub(crate) struct Said<'v> {
    pub(crate) first: &'v Fact<'v>,
    pub(crate) statement: &'v Statement,
    pub(crate) reports: Vec<&'v Fact<'v>>,
    /// The `same_act` relations that join them.
    relations: Vec<u64>,
    pub(crate) span: Span,
    as_of: Option<String>,
    contradicted: bool,
    uncertain: bool,
    approximate: bool,
}

/// Every statement that counts; several events that report one, by `same_act`, are one.
pub(crate) fn statements<'v>(view: &'v View<'v>) -> Vec<Said<'v>> {
    let same = same_acts(view);
    let mut reports: BTreeMap<u64, Vec<&Fact<'_>>> = BTreeMap::new();
    for fact in view.facts().filter(|fact| matches!(fact.event.body, Body::Statement(_))) {
        reports.entry(same.first_of(fact.seq)).or_default().push(fact);
    }
    let of = |(first, reports)| Said::of(view, reports, same.relations_of(first));
    reports.into_iter().filter_map(of).collect()
}

/// The order of statements on a topic: latest bound, then bounds, then what is meant, then log order.
pub(super) type Newness = (Instant, Span, bool, u64);

/// How far a statement is asserted: plainly, where its report does not say.
pub(crate) fn modality_of(statement: &Statement) -> Modality {
    statement.modality.clone().unwrap_or(Modality::Asserted)
}

impl<'v> Said<'v> {
    fn of(view: &'v View<'v>, reports: Vec<&'v Fact<'v>>, relations: &[u64]) -> Option<Self> {
        let zone = view.clocks().zone;
        let first = *reports.first()?;
        let Body::Statement(statement) = &first.event.body else { return None };
        let mentions = reports.iter().flat_map(|fact| &fact.mentions);
        let mentioned = mentions.filter_map(|seq| view.fact(*seq)?.event.when.as_ref());
        let dates: Vec<_> =
            reports.iter().filter_map(|fact| fact.event.when.as_ref()).chain(mentioned).collect();
        let Reported { span, text, contradicted, uncertain, approximate } =
            Reported::of(&dates, zone);
        Some(Self {
            first,
            statement,
            span,
            as_of: text,
            contradicted,
            uncertain,
            approximate,
            reports,
            relations: relations.to_vec(),
        })
    }

    pub(crate) fn modality(&self) -> Modality {
        modality_of(self.statement)
    }

    /// Greater is newer; of the same bounds, what is asserted comes before what is conditional.
    pub(super) fn newness(&self) -> Newness {
        let meant = !matches!(self.modality(), Modality::Conditional | Modality::Hypothetical);
        (self.span.latest, self.span, meant, self.first.seq)
    }

    pub(super) fn position(
        &self,
        view: &View<'_>,
        actor: &str,
        topic: &str,
        later: &Later,
    ) -> Position {
        let to = view.clocks().to;
        let superseded = !later.superseded_by.is_empty();
        let chains = self.chains(view);
        let unattributed = |chain: &Vec<Attribution>| chain.iter().all(|link| link.by.is_none());
        let flags = [
            (self.approximate, Flag::ApproximateDate),
            (self.is_by_counterpart(view, actor, &chains), Flag::AttributedByCounterpart),
            (self.contradicted, Flag::Contradicted),
            (self.statement.by.len() > 1, Flag::Joint),
            (!superseded && later.may_supersede, Flag::MayBeSuperseded),
            (!self.span.happened_by(to) && self.as_of.is_some(), Flag::MayNotHaveBeenSaid),
            (!chains.is_empty() && chains.iter().all(unattributed), Flag::Unattributed),
            (self.uncertain, Flag::UncertainDate),
            (self.as_of.is_none(), Flag::Undated),
        ];
        Position {
            actor: actor.to_owned(),
            topic: topic.to_owned(),
            stance: self.statement.stance.clone(),
            modality: self.modality(),
            summary: self.first.event.summary.clone(),
            channel: self.statement.channel.as_ref().map(|channel| channel.as_str().to_owned()),
            contact: self.statement.contact.clone(),
            event: view.history().id_of(self.first.seq),
            as_of: self.as_of.clone(),
            current: !superseded,
            flags: flags.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).collect(),
            according_to: chains,
            cites: self.cites(view),
            superseded_by: {
                later.superseded_by.iter().map(|seq| view.history().id_of(*seq)).collect()
            },
            rests_on: self.rests_on(view),
        }
    }

    /// Its reports, their mentions and duplicates, and the corrections of them and of whom they name.
    fn rests_on(&self, view: &View<'_>) -> Vec<String> {
        let mut seqs: BTreeSet<u64> = self.relations.iter().copied().collect();
        for fact in &self.reports {
            let further = fact.mentions.iter().chain(&fact.duplicates);
            let further = further.filter_map(|seq| view.report(*seq));
            for report in std::iter::once(*fact).chain(further) {
                seqs.insert(report.seq);
                seqs.extend(report.corrections.iter().chain(&report.resolved_by));
            }
        }
        seqs.into_iter().map(|seq| view.history().id_of(seq)).collect()
    }

    /// The passages of all its reports, each once.
    pub(crate) fn cites(&self, view: &View<'_>) -> Vec<Cite> {
        let mut cites: Vec<Cite> = Vec::new();
        for cite in self.reports.iter().flat_map(|fact| view.cites(fact)) {
            if !cites.contains(&cite) {
                cites.push(cite);
            }
        }
        cites
    }

    pub(crate) fn chains(&self, view: &View<'_>) -> Vec<Vec<Attribution>> {
        let mut chains: Vec<Vec<Attribution>> = Vec::new();
        for chain in self.reports.iter().flat_map(|fact| view.chains(fact)) {
            if !chains.contains(&chain) {
                chains.push(chain);
            }
        }
        chains
    }

    /// Does every account of it rest on another country than the speaker's, one that is party to the contact or among
    /// the addressees? A report that says on nobody's word it rests is no such account.
    fn is_by_counterpart(
        &self,
        view: &View<'_>,
        speaker: &str,
        chains: &[Vec<Attribution>],
    ) -> bool {
        let Some(own) = country_of(view, speaker, self.span) else { return false };
        let every_report_has_one = self.reports.iter().all(|fact| {
            let further = view.further_reports(fact);
            !fact.event.according_to.is_empty()
                && further.iter().all(|report| !report.according_to.is_empty())
        });
        let parties = self.parties(view);
        let by_other = |chain: &Vec<Attribution>| {
            let teller = chain.first().and_then(|link| link.by.as_deref());
            let country = teller.and_then(|teller| country_of(view, teller, self.span));
            country.is_some_and(|country| country != own && parties.contains(&country))
        };
        !chains.is_empty() && every_report_has_one && chains.iter().all(by_other)
    }

    fn parties(&self, view: &View<'_>) -> BTreeSet<String> {
        let mut actors: Vec<&str> = Vec::new();
        for fact in &self.reports {
            let Body::Statement(statement) = &fact.event.body else { continue };
            actors.extend(statement.to.iter().map(String::as_str));
            let contact = statement.contact.as_deref().and_then(|id| view.fact(view.act_of(id)?));
            if let Some(Body::Contact(contact)) = contact.map(|fact| &fact.event.body) {
                actors.extend(contact.participants.iter().map(String::as_str));
            }
        }
        actors.into_iter().filter_map(|actor| country_of(view, actor, self.span)).collect()
    }
}
