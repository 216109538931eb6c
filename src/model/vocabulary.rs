//! The closed lists of terms, in one place.
//!
//! Each list is an enum whose variants carry their term and what it means; `demarche vocab` prints them, the gates at
//! append hold input to them. Every list but one has an escape: a term of the reporter's own, written `x-something`,
//! is taken as it is and changes no answer that depends on the list.
#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::as_conversions)]

/// One closed list of terms.
#[derive(Debug, PartialEq, Eq)]
pub struct Vocabulary {
    /// The name of the list, as `demarche vocab` knows it.
    pub name: &'static str,
    /// What the list is for, in one sentence.
    pub about: &'static str,
    /// The terms and what each means, in the order in which they are shown.
    pub terms: &'static [(&'static str, &'static str)],
    /// Whether a term `x-something` is taken too.
    pub open: bool,
}

impl Vocabulary {
    /// Is this a term of the list, or of its `x-` escape?
    pub fn has(&self, term: &str) -> bool {
        self.terms.iter().any(|(known, _)| *known == term) || (self.open && is_escape(term))
    }
}

/// A term of the reporter's own: `x-` and then lower-case letters, digits, `_` or `-`.
fn is_escape(term: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    term.strip_prefix("x-").is_some_and(|rest| !rest.is_empty() && rest.chars().all(allowed))
}

macro_rules! vocabularies {
    ($( $(#[$doc:meta])* $name:ident $list:literal ($about:literal) {
        $( $variant:ident $term:literal $meaning:literal; )*
    } )*) => { $(
        $(#[$doc])*
        #[doc = $about]
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $( #[doc = $meaning] $variant, )*
            /// A term of the reporter's own, `x-something`.
            Other(Box<str>),
        }

        impl $name {
            /// The list of which this is a term.
            pub const VOCABULARY: Vocabulary = Vocabulary {
                name: $list,
                about: $about,
                terms: &[ $( ($term, $meaning), )* ],
                open: true,
            };

            /// The term as it is written.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $term, )*
                    Self::Other(term) => term,
                }
            }

            /// Reads a term; `None` if it is neither in the list nor an escape.
            pub fn parse(term: &str) -> Option<Self> {
                match term {
                    $( $term => Some(Self::$variant), )*
                    other if is_escape(other) => Some(Self::Other(other.into())),
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*

        /// Every list, in the order in which `demarche vocab` shows them.
        pub const VOCABULARIES: &[&Vocabulary] =
            &[ $( &$name::VOCABULARY, )* &RETRACTED_BY ];
    };
}

vocabularies! {
    Op "op" ("One step in the life of a measure.") {
        Threaten "threaten" "its author says it may impose the measure";
        Announce "announce" "its author says the measure will come";
        Impose "impose" "the measure takes effect";
        Amend "amend" "its terms change, its status does not";
        Extend "extend" "it is to last longer";
        Narrow "narrow" "its scope shrinks";
        Suspend "suspend" "it stops having effect for a while";
        Resume "resume" "it has effect again after a suspension";
        Lift "lift" "its author ends it";
        Expire "expire" "it is reported to have run out";
        Annul "annul" "a court or another authority voids it";
        Supersede "supersede" "another measure takes its place";
        Deny "deny" "its alleged author says there is no such measure";
    }

    Stance "stance" ("What a speaker does about a topic.") {
        Supports "supports" "is for it";
        Opposes "opposes" "is against it";
        Urges "urges" "asks others to do it";
        Demands "demands" "insists that others do it";
        Offers "offers" "proposes to do or give it";
        Commits "commits" "promises to do it";
        Accepts "accepts" "agrees to it";
        Rejects "rejects" "refuses it or the claim of it";
        Accuses "accuses" "lays it at somebody's door";
        Denies "denies" "says that it is not so";
        Threatens "threatens" "says it will do harm";
        Warns "warns" "says what harm may come";
        Condoles "condoles" "expresses sorrow";
        Announces "announces" "makes it known";
    }

    Modality "modality" ("How far a statement asserts what it says.") {
        Asserted "asserted" "said as a fact or a present stance; this is meant where nothing is given";
        Conditional "conditional" "said of what would follow if something happened";
        Hypothetical "hypothetical" "said of what might be";
        Future "future" "said of what is to come";
        Negated "negated" "said not to be so";
    }

    MeasureType "type" ("What sort of measure it is; the first fourteen are OpenSanctions' names.") {
        AidSuspension "aid_suspension" "aid or lending is stopped or cut";
        ArmsEmbargo "arms_embargo" "no arms to a whole country";
        ArmsRestrictions "arms_restrictions" "limits on arms for some";
        AssetFreeze "asset_freeze" "funds and resources are blocked";
        Debarment "debarment" "shut out of public contracts or programmes";
        ExportControl "export_control" "limits on what may be sent out";
        FinancialRestrictions "financial_restrictions" "limits on financial services or markets";
        ImportRestrictions "import_restrictions" "limits on what may be brought in";
        InvestmentBan "investment_ban" "no new investment";
        ProhibitionToSatisfyClaims "prohibition_to_satisfy_claims" "claims of those listed may not be met";
        SectoralSanctions "sectoral_sanctions" "limits on a whole sector";
        ServicesBan "services_ban" "no services to those named";
        TransportationRestrictions "transportation_restrictions" "limits on ships, aircraft, ports, routes";
        TravelBan "travel_ban" "named persons may not enter or pass";
        TreatySuspension "treaty_suspension" "a treaty is held in abeyance";
        BorderClosure "border_closure" "a crossing or border is shut";
        AirspaceClosure "airspace_closure" "airspace is shut to some or all";
        TradeSuspension "trade_suspension" "trade is stopped";
        DiplomaticDowngrade "diplomatic_downgrade" "missions or ties are reduced in rank or size";
        VisaRestriction "visa_restriction" "visas are refused, revoked or limited";
        Expulsion "expulsion" "persons are told to leave";
    }

    Channel "channel" ("How a statement was made.") {
        PhoneCall "phone_call" "in a telephone call";
        Meeting "meeting" "face to face";
        SocialPost "social_post" "in a post on a social network";
        Spokesperson "spokesperson" "through a spokesperson";
        PressBriefing "press_briefing" "in a press briefing";
        Readout "readout" "in a published account of a call or meeting";
        WrittenStatement "written_statement" "in writing";
        OfficialJournal "official_journal" "in an official journal";
        Interview "interview" "in an interview";
        NotStated "not_stated" "the report does not say";
    }

    ContactForm "contact_form" ("What sort of contact it was.") {
        PhoneCall "phone_call" "a telephone call";
        VideoCall "video_call" "a call with picture";
        Meeting "meeting" "a meeting in one place";
        Visit "visit" "a visit by one to the other";
        Summit "summit" "a meeting of leaders";
        Negotiation "negotiation" "a round of talks";
        Letter "letter" "a letter or note";
        NotStated "not_stated" "the report does not say";
    }

    ActorType "actor_type" ("What sort of actor it is.") {
        Person "person" "a human being";
        Office "office" "a post or ministry that persons hold or speak for";
        Organisation "organisation" "a body that is no government";
        Government "government" "the government of a country";
        Country "country" "a country";
        Group "group" "any other set of persons";
    }

    CiteForm "cite_form" ("How the source renders what the passage reports.") {
        Direct "direct" "whole sentences in quotation marks";
        Partial "partial" "some words in quotation marks";
        Paraphrase "paraphrase" "the source's own words";
    }

    Account "account" ("How one passes on another's words.") {
        Verbatim "verbatim" "word for word";
        Paraphrase "paraphrase" "in other words";
        Readout "readout" "in a published account of a call or meeting";
        UnnamedSources "unnamed_sources" "by people who are not named";
        Unattributed "unattributed" "nobody is said to have told it";
    }

    RelationType "relation" ("How one event bears on another.") {
        RespondsTo "responds_to" "is an answer to it";
        Retaliates "retaliates" "pays it back";
        Contradicts "contradicts" "cannot be true with it";
        Supersedes "supersedes" "takes its place";
        SameAct "same_act" "reports the same act";
        About "about" "concerns it";
    }

    Plover "plover" ("The sixteen event types of PLOVER.") {
        Agree "agree" "agree to cooperate or negotiate";
        Consult "consult" "meet, call or visit";
        Support "support" "give verbal or symbolic backing";
        Concede "concede" "yield or ease";
        Cooperate "cooperate" "work together materially";
        Aid "aid" "give material help";
        Retreat "retreat" "withdraw, end or release";
        Request "request" "ask or appeal";
        Accuse "accuse" "blame or criticise";
        Reject "reject" "refuse";
        Threaten "threaten" "threaten";
        Protest "protest" "demonstrate dissent";
        Sanction "sanction" "reduce relations or penalise";
        Mobilize "mobilize" "raise military or police readiness";
        Coerce "coerce" "repress or compel";
        Assault "assault" "use violence";
    }
}

/// On whose word an event is retracted. Closed for good: each term means something else for the answers.
pub const RETRACTED_BY: Vocabulary = Vocabulary {
    name: "retracted_by",
    about: "On whose word an event is taken back.",
    terms: &[
        ("source", "the source withdrew its report"),
        ("recorder", "we recorded it in error"),
        ("duplicate", "it reports an act that the log already had"),
    ],
    open: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_read_back_as_written() {
        for (term, _) in Op::VOCABULARY.terms {
            assert_eq!(Op::parse(term).map(|op| op.to_string()).as_deref(), Some(*term));
        }
        assert_eq!(Op::parse("x-quarantine"), Some(Op::Other("x-quarantine".into())));
        for refused in ["", "Impose", "x-", "x-Quarantine", "x-a b", "imposed"] {
            assert_eq!(Op::parse(refused), None, "{refused:?}");
            assert!(!Op::VOCABULARY.has(refused), "{refused:?}");
        }
    }

    #[test]
    fn lists_have_no_term_twice_and_the_counts_of_their_sources() {
        for list in VOCABULARIES {
            let mut terms: Vec<_> = list.terms.iter().map(|(term, _)| term).collect();
            terms.sort_unstable();
            terms.dedup();
            assert_eq!(terms.len(), list.terms.len(), "{}", list.name);
        }
        assert_eq!(Plover::VOCABULARY.terms.len(), 16);
        assert_eq!(MeasureType::VOCABULARY.terms.len(), 14 + 7);
        assert!(!RETRACTED_BY.has("x-whim"));
    }
}
