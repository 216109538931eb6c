//! Countries, by ISO 3166-1: two-letter code, three-letter code and English short name.
//!
//! The table holds the 249 officially assigned entries (November 2026, taken from the Debian iso-codes data by way of
//! `pycountry` 26.2.16) and one user-assigned code. The names are those the standard gives; neither they nor the presence
//! of an entry say anything about the status of a territory. Withdrawn codes (ISO 3166-3) and subdivisions (3166-2) are
//! not in it, so a report about a state that is no more needs an actor without a country. `tests` checks count, order and
//! uniqueness.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

/// One entry of ISO 3166-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Country {
    /// The two-letter code in capitals, such as `IN`.
    pub alpha2: &'static str,
    /// The three-letter code in capitals, such as `IND`.
    pub alpha3: &'static str,
    /// The English short name of the standard.
    pub name: &'static str,
}

/// The country of a two-letter or three-letter code, in any letter case.
pub fn country(code: &str) -> Option<&'static Country> {
    let has_code = |country: &&Country| {
        code.eq_ignore_ascii_case(country.alpha2) || code.eq_ignore_ascii_case(country.alpha3)
    };
    COUNTRIES.iter().chain(USER_ASSIGNED).find(has_code)
}

/// Codes from the range that the standard leaves to its users, by their common use.
///
/// Kosovo has no code of its own; `XK` is what the European Commission, the IMF, SWIFT and Unicode CLDR write.
pub const USER_ASSIGNED: &[Country] = &[entry("XK", "XKX", "Kosovo")];

const fn entry(alpha2: &'static str, alpha3: &'static str, name: &'static str) -> Country {
    Country { alpha2, alpha3, name }
}

/// The officially assigned entries, sorted by two-letter code.
pub const COUNTRIES: &[Country] = &[
    entry("AD", "AND", "Andorra"),
    entry("AE", "ARE", "United Arab Emirates"),
    entry("AF", "AFG", "Afghanistan"),
    entry("AG", "ATG", "Antigua and Barbuda"),
    entry("AI", "AIA", "Anguilla"),
    entry("AL", "ALB", "Albania"),
    entry("AM", "ARM", "Armenia"),
    entry("AO", "AGO", "Angola"),
    entry("AQ", "ATA", "Antarctica"),
    entry("AR", "ARG", "Argentina"),
    entry("AS", "ASM", "American Samoa"),
    entry("AT", "AUT", "Austria"),
    entry("AU", "AUS", "Australia"),
    entry("AW", "ABW", "Aruba"),
    entry("AX", "ALA", "Åland Islands"),
    entry("AZ", "AZE", "Azerbaijan"),
    entry("BA", "BIH", "Bosnia and Herzegovina"),
    entry("BB", "BRB", "Barbados"),
    entry("BD", "BGD", "Bangladesh"),
    entry("BE", "BEL", "Belgium"),
    entry("BF", "BFA", "Burkina Faso"),
    entry("BG", "BGR", "Bulgaria"),
    entry("BH", "BHR", "Bahrain"),
    entry("BI", "BDI", "Burundi"),
    entry("BJ", "BEN", "Benin"),
    entry("BL", "BLM", "Saint Barthélemy"),
    entry("BM", "BMU", "Bermuda"),
    entry("BN", "BRN", "Brunei Darussalam"),
    entry("BO", "BOL", "Bolivia, Plurinational State of"),
    entry("BQ", "BES", "Bonaire, Sint Eustatius and Saba"),
    entry("BR", "BRA", "Brazil"),
    entry("BS", "BHS", "Bahamas"),
    entry("BT", "BTN", "Bhutan"),
    entry("BV", "BVT", "Bouvet Island"),
    entry("BW", "BWA", "Botswana"),
    entry("BY", "BLR", "Belarus"),
    entry("BZ", "BLZ", "Belize"),
    entry("CA", "CAN", "Canada"),
    entry("CC", "CCK", "Cocos (Keeling) Islands"),
    entry("CD", "COD", "Congo, The Democratic Republic of the"),
    entry("CF", "CAF", "Central African Republic"),
    entry("CG", "COG", "Congo"),
    entry("CH", "CHE", "Switzerland"),
    entry("CI", "CIV", "Côte d'Ivoire"),
    entry("CK", "COK", "Cook Islands"),
    entry("CL", "CHL", "Chile"),
    entry("CM", "CMR", "Cameroon"),
    entry("CN", "CHN", "China"),
    entry("CO", "COL", "Colombia"),
    entry("CR", "CRI", "Costa Rica"),
    entry("CU", "CUB", "Cuba"),
    entry("CV", "CPV", "Cabo Verde"),
    entry("CW", "CUW", "Curaçao"),
    entry("CX", "CXR", "Christmas Island"),
    entry("CY", "CYP", "Cyprus"),
    entry("CZ", "CZE", "Czechia"),
    entry("DE", "DEU", "Germany"),
    entry("DJ", "DJI", "Djibouti"),
    entry("DK", "DNK", "Denmark"),
    entry("DM", "DMA", "Dominica"),
    entry("DO", "DOM", "Dominican Republic"),
    entry("DZ", "DZA", "Algeria"),
    entry("EC", "ECU", "Ecuador"),
    entry("EE", "EST", "Estonia"),
    entry("EG", "EGY", "Egypt"),
    entry("EH", "ESH", "Western Sahara"),
    entry("ER", "ERI", "Eritrea"),
    entry("ES", "ESP", "Spain"),
    entry("ET", "ETH", "Ethiopia"),
    entry("FI", "FIN", "Finland"),
    entry("FJ", "FJI", "Fiji"),
    entry("FK", "FLK", "Falkland Islands (Malvinas)"),
    entry("FM", "FSM", "Micronesia, Federated States of"),
    entry("FO", "FRO", "Faroe Islands"),
    entry("FR", "FRA", "France"),
    entry("GA", "GAB", "Gabon"),
    entry("GB", "GBR", "United Kingdom"),
    entry("GD", "GRD", "Grenada"),
    entry("GE", "GEO", "Georgia"),
    entry("GF", "GUF", "French Guiana"),
    entry("GG", "GGY", "Guernsey"),
    entry("GH", "GHA", "Ghana"),
    entry("GI", "GIB", "Gibraltar"),
    entry("GL", "GRL", "Greenland"),
    entry("GM", "GMB", "Gambia"),
    entry("GN", "GIN", "Guinea"),
    entry("GP", "GLP", "Guadeloupe"),
    entry("GQ", "GNQ", "Equatorial Guinea"),
    entry("GR", "GRC", "Greece"),
    entry("GS", "SGS", "South Georgia and the South Sandwich Islands"),
    entry("GT", "GTM", "Guatemala"),
    entry("GU", "GUM", "Guam"),
    entry("GW", "GNB", "Guinea-Bissau"),
    entry("GY", "GUY", "Guyana"),
    entry("HK", "HKG", "Hong Kong"),
    entry("HM", "HMD", "Heard Island and McDonald Islands"),
    entry("HN", "HND", "Honduras"),
    entry("HR", "HRV", "Croatia"),
    entry("HT", "HTI", "Haiti"),
    entry("HU", "HUN", "Hungary"),
    entry("ID", "IDN", "Indonesia"),
    entry("IE", "IRL", "Ireland"),
    entry("IL", "ISR", "Israel"),
    entry("IM", "IMN", "Isle of Man"),
    entry("IN", "IND", "India"),
    entry("IO", "IOT", "British Indian Ocean Territory"),
    entry("IQ", "IRQ", "Iraq"),
    entry("IR", "IRN", "Iran, Islamic Republic of"),
    entry("IS", "ISL", "Iceland"),
    entry("IT", "ITA", "Italy"),
    entry("JE", "JEY", "Jersey"),
    entry("JM", "JAM", "Jamaica"),
    entry("JO", "JOR", "Jordan"),
    entry("JP", "JPN", "Japan"),
    entry("KE", "KEN", "Kenya"),
    entry("KG", "KGZ", "Kyrgyzstan"),
    entry("KH", "KHM", "Cambodia"),
    entry("KI", "KIR", "Kiribati"),
    entry("KM", "COM", "Comoros"),
    entry("KN", "KNA", "Saint Kitts and Nevis"),
    entry("KP", "PRK", "Korea, Democratic People's Republic of"),
    entry("KR", "KOR", "Korea, Republic of"),
    entry("KW", "KWT", "Kuwait"),
    entry("KY", "CYM", "Cayman Islands"),
    entry("KZ", "KAZ", "Kazakhstan"),
    entry("LA", "LAO", "Lao People's Democratic Republic"),
    entry("LB", "LBN", "Lebanon"),
    entry("LC", "LCA", "Saint Lucia"),
    entry("LI", "LIE", "Liechtenstein"),
    entry("LK", "LKA", "Sri Lanka"),
    entry("LR", "LBR", "Liberia"),
    entry("LS", "LSO", "Lesotho"),
    entry("LT", "LTU", "Lithuania"),
    entry("LU", "LUX", "Luxembourg"),
    entry("LV", "LVA", "Latvia"),
    entry("LY", "LBY", "Libya"),
    entry("MA", "MAR", "Morocco"),
    entry("MC", "MCO", "Monaco"),
    entry("MD", "MDA", "Moldova, Republic of"),
    entry("ME", "MNE", "Montenegro"),
    entry("MF", "MAF", "Saint Martin (French part)"),
    entry("MG", "MDG", "Madagascar"),
    entry("MH", "MHL", "Marshall Islands"),
    entry("MK", "MKD", "North Macedonia"),
    entry("ML", "MLI", "Mali"),
    entry("MM", "MMR", "Myanmar"),
    entry("MN", "MNG", "Mongolia"),
    entry("MO", "MAC", "Macao"),
    entry("MP", "MNP", "Northern Mariana Islands"),
    entry("MQ", "MTQ", "Martinique"),
    entry("MR", "MRT", "Mauritania"),
    entry("MS", "MSR", "Montserrat"),
    entry("MT", "MLT", "Malta"),
    entry("MU", "MUS", "Mauritius"),
    entry("MV", "MDV", "Maldives"),
    entry("MW", "MWI", "Malawi"),
    entry("MX", "MEX", "Mexico"),
    entry("MY", "MYS", "Malaysia"),
    entry("MZ", "MOZ", "Mozambique"),
    entry("NA", "NAM", "Namibia"),
    entry("NC", "NCL", "New Caledonia"),
    entry("NE", "NER", "Niger"),
    entry("NF", "NFK", "Norfolk Island"),
    entry("NG", "NGA", "Nigeria"),
    entry("NI", "NIC", "Nicaragua"),
    entry("NL", "NLD", "Netherlands"),
    entry("NO", "NOR", "Norway"),
    entry("NP", "NPL", "Nepal"),
    entry("NR", "NRU", "Nauru"),
    entry("NU", "NIU", "Niue"),
    entry("NZ", "NZL", "New Zealand"),
    entry("OM", "OMN", "Oman"),
    entry("PA", "PAN", "Panama"),
    entry("PE", "PER", "Peru"),
    entry("PF", "PYF", "French Polynesia"),
    entry("PG", "PNG", "Papua New Guinea"),
    entry("PH", "PHL", "Philippines"),
    entry("PK", "PAK", "Pakistan"),
    entry("PL", "POL", "Poland"),
    entry("PM", "SPM", "Saint Pierre and Miquelon"),
    entry("PN", "PCN", "Pitcairn"),
    entry("PR", "PRI", "Puerto Rico"),
    entry("PS", "PSE", "Palestine, State of"),
    entry("PT", "PRT", "Portugal"),
    entry("PW", "PLW", "Palau"),
    entry("PY", "PRY", "Paraguay"),
    entry("QA", "QAT", "Qatar"),
    entry("RE", "REU", "Réunion"),
    entry("RO", "ROU", "Romania"),
    entry("RS", "SRB", "Serbia"),
    entry("RU", "RUS", "Russian Federation"),
    entry("RW", "RWA", "Rwanda"),
    entry("SA", "SAU", "Saudi Arabia"),
    entry("SB", "SLB", "Solomon Islands"),
    entry("SC", "SYC", "Seychelles"),
    entry("SD", "SDN", "Sudan"),
    entry("SE", "SWE", "Sweden"),
    entry("SG", "SGP", "Singapore"),
    entry("SH", "SHN", "Saint Helena, Ascension and Tristan da Cunha"),
    entry("SI", "SVN", "Slovenia"),
    entry("SJ", "SJM", "Svalbard and Jan Mayen"),
    entry("SK", "SVK", "Slovakia"),
    entry("SL", "SLE", "Sierra Leone"),
    entry("SM", "SMR", "San Marino"),
    entry("SN", "SEN", "Senegal"),
    entry("SO", "SOM", "Somalia"),
    entry("SR", "SUR", "Suriname"),
    entry("SS", "SSD", "South Sudan"),
    entry("ST", "STP", "Sao Tome and Principe"),
    entry("SV", "SLV", "El Salvador"),
    entry("SX", "SXM", "Sint Maarten (Dutch part)"),
    entry("SY", "SYR", "Syrian Arab Republic"),
    entry("SZ", "SWZ", "Eswatini"),
    entry("TC", "TCA", "Turks and Caicos Islands"),
    entry("TD", "TCD", "Chad"),
    entry("TF", "ATF", "French Southern Territories"),
    entry("TG", "TGO", "Togo"),
    entry("TH", "THA", "Thailand"),
    entry("TJ", "TJK", "Tajikistan"),
    entry("TK", "TKL", "Tokelau"),
    entry("TL", "TLS", "Timor-Leste"),
    entry("TM", "TKM", "Turkmenistan"),
    entry("TN", "TUN", "Tunisia"),
    entry("TO", "TON", "Tonga"),
    entry("TR", "TUR", "Türkiye"),
    entry("TT", "TTO", "Trinidad and Tobago"),
    entry("TV", "TUV", "Tuvalu"),
    entry("TW", "TWN", "Taiwan, Province of China"),
    entry("TZ", "TZA", "Tanzania, United Republic of"),
    entry("UA", "UKR", "Ukraine"),
    entry("UG", "UGA", "Uganda"),
    entry("UM", "UMI", "United States Minor Outlying Islands"),
    entry("US", "USA", "United States"),
    entry("UY", "URY", "Uruguay"),
    entry("UZ", "UZB", "Uzbekistan"),
    entry("VA", "VAT", "Holy See (Vatican City State)"),
    entry("VC", "VCT", "Saint Vincent and the Grenadines"),
    entry("VE", "VEN", "Venezuela, Bolivarian Republic of"),
    entry("VG", "VGB", "Virgin Islands, British"),
    entry("VI", "VIR", "Virgin Islands, U.S."),
    entry("VN", "VNM", "Viet Nam"),
    entry("VU", "VUT", "Vanuatu"),
    entry("WF", "WLF", "Wallis and Futuna"),
    entry("WS", "WSM", "Samoa"),
    entry("YE", "YEM", "Yemen"),
    entry("YT", "MYT", "Mayotte"),
    entry("ZA", "ZAF", "South Africa"),
    entry("ZM", "ZMB", "Zambia"),
    entry("ZW", "ZWE", "Zimbabwe"),
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use std::collections::BTreeSet;

    use super::{COUNTRIES, Country, USER_ASSIGNED, country};

    #[test]
    fn all_are_there_once_and_in_order() {
        assert_eq!((COUNTRIES.len(), USER_ASSIGNED.len()), (249, 1));
        assert!(COUNTRIES.is_sorted_by(|a, b| a.alpha2 < b.alpha2));
        let all = || COUNTRIES.iter().chain(USER_ASSIGNED);
        let distinct =
            |field: fn(&Country) -> &str| all().map(field).collect::<BTreeSet<_>>().len();
        assert_eq!(distinct(|country| country.alpha2), 250);
        assert_eq!(distinct(|country| country.alpha3), 250);
        assert_eq!(distinct(|country| country.name), 250);
        for Country { alpha2, alpha3, name } in all() {
            let capitals = |code: &str| code.bytes().all(|byte| byte.is_ascii_uppercase());
            assert!(alpha2.len() == 2 && capitals(alpha2), "{alpha2}");
            assert!(alpha3.len() == 3 && capitals(alpha3), "{alpha3}");
            assert!(!name.is_empty() && name.trim() == *name, "{name:?}");
        }
    }

    #[test]
    fn either_code_in_any_case() {
        for code in ["IN", "in", "In", "IND", "ind"] {
            assert_eq!(country(code).unwrap().name, "India", "{code}");
        }
        for code in ["XK", "xkx"] {
            assert_eq!(country(code).unwrap().name, "Kosovo", "{code}");
        }
    }

    #[test]
    fn what_is_no_code_finds_nothing() {
        // Names, numbers, withdrawn codes, reserved codes, and look-alikes in another script.
        for code in ["", "I", "India", "356", "SU", "YU", "UK", "EU", "ZZ", " IN", "IN ", "ІN"] {
            assert_eq!(country(code), None, "{code:?}");
        }
    }
}
