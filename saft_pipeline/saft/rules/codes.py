"""The code lists of SAF-T (PT), each row with the days of its force and its source.

Where sources differ the tax authority's own table is taken. Exemption reasons: the table of the
authority for the communication of invoices, as of 2012 (M01 to M16, M99), 2022 (M08 divided into
M30 to M43, M03 left out) and 2025 (M44 to M46, which some programs' tables lack and others date
later: they are taken from the year's beginning on).
"""

from __future__ import annotations

from saft_pipeline.saft.rules.dated import CodeList, dated

_XSD = "schema 1.04_01"
_P302 = "Portaria 302/2016"
_AT = "tax authority's table of exemption reasons"

INVOICE_TYPES = CodeList(
    dated(f"{_P302}, 4.1.4.8", "FT FR ND NC"),
    dated("CIVA art. 40 (DL 197/2012)", "FS", since="2013-01-01"),
    dated(f"{_P302}, 4.1.4.8: until 2012-12-31", "VD TV TD AA DA", until="2012-12-31"),
    dated(f"{_P302}, 4.1.4.8: insurance", "RP RE CS LD RA"),
)
DEBIT_TYPES = frozenset(("NC", "TD", "DA", "RE"))  # what is given back: 4.1.4.19.13
EITHER_SIDE = frozenset(("CS", "LD", "RA"))  # between insurers: both ways

INVOICE_STATUSES = CodeList(
    dated(f"{_P302}, 4.1.4.3.1", "N S A F"),
    dated(f"{_P302}, 4.1.4.3.1", "R"),
)
SOURCE_BILLING = CodeList(dated(f"{_P302}, 4.1.4.3.5", "P I M"))
TAX_TYPES = CodeList(dated(f"{_P302}, 4.1.4.19.15.1", "IVA IS NS"))
VAT_CODES = CodeList(dated(f"{_P302}, 4.1.4.19.15.3", "RED INT NOR ISE OUT"))
PAYMENT_MECHANISMS = CodeList(
    dated(f"{_P302}, 4.1.4.20.6.1", "CC CD CH CI CO CS DE LC MB NU OU PR TB TR"),
)
WITHHOLDING_TAX_TYPES = CodeList(dated(f"{_P302}, 4.1.4.21.1", "IRS IRC IS"))
TAX_ACCOUNTING_BASES = CodeList(dated(f"{_P302}, 1.4", "C E F I P R S T"))
BASES_SINCE = {"E": "1.02", "R": "1.03", "T": "1.03"}  # versions; the others always
PRODUCT_TYPES = CodeList(dated(f"{_P302}, 2.4.1", "P S O E I"))

EXEMPTION_CODES = CodeList(
    dated(f"{_AT}, 2012", "M01 M02 M04 M05 M06 M07 M09 M10 M11 M12 M13 M14 M15 M16 M99"),
    dated(f"{_AT}: M03 until 2022", "M03", until="2022-12-31"),
    dated(f"{_AT}: M08 until 2022, now M30 to M43", "M08", until="2022-12-31"),
    dated(f"{_AT}: Lei 82-B/2014, flat-rate scheme of farmers", "M20", since="2014-01-01"),
    dated(f"{_AT}, 2022", "M19 M21 M25 M30 M31 M32 M33 M34 M40 M41 M42 M43", since="2022-01-01"),
    dated(
        "Lei 17/2023 and Lei 82/2023, art. 303: food basket",
        "M26",
        since="2023-04-18",
        until="2024-01-04",
    ),
    dated(f"{_AT}, 2025", "M44 M45 M46", since="2025-01-01"),
)

# The buyer owes the tax.
REVERSE_CHARGE = frozenset(("M08", "M30", "M31", "M32", "M33", "M34", "M40", "M41", "M42", "M43"))

# First digits of taxpayer numbers: DL 14/2013, and the authority's table for its older ranges.
NIF_PREFIXES = CodeList(
    dated("DL 14/2013, art. 4: natural persons", "1 2 3"),
    dated("authority's table: non-residents with final withholding", "45 71"),
    dated("DL 14/2013, art. 4: legal persons, public bodies", "5 6"),
    dated("authority's table: undivided estates", "70 74 75"),
    dated("authority's table: funds", "72"),
    dated("authority's table: given by office; VAT refund; Expo 98", "77 78 79"),
    dated("authority's table: sole traders, no longer given", "8"),
    dated("authority's table: condominiums, irregular companies, civil companies", "90 91 98 99"),
)

# ISO 3166-1 with what the schemas add: the Azores and Madeira, and XK, which the EU uses.
COUNTRIES = CodeList(
    dated(
        "ISO 3166-1 alpha-2",
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
        "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM "
        "DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS "
        "GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
        "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ "
        "MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM "
        "PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV "
        "SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
        "VN VU WF WS YE YT ZA ZM ZW",
    ),
    dated(f"{_XSD}, TaxCountryRegion", "PT-AC PT-MA"),
    dated("used by the European Union for Kosovo", "XK"),
)
CURRENCIES = CodeList(
    dated(
        "schemas 1.02_01 to 1.04_01, CurrencyCode: ISO 4217 without EUR, and some that ended",
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD "
        "BTN BWP BYN BYR BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK "
        "DOP DZD EEK EGP ERN ETB FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR "
        "ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL "
        "LTL LVL LYD MAD MDL MGA MKD MMK MNT MOP MRO MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO "
        "NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD "
        "SHP SKK SLL SOS SRD SSP STD STN SVC SYP SZL THB TJS TMM TMT TND TOP TRY TTD TWD TZS UAH "
        "UGX USD USN USS UYI UYU UZS VEF VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XDR XFU "
        "XOF XPD XPF XPT XSU XUA YER ZAR ZMK ZMW ZWD ZWL ZWR",
    ),
    dated("ISO 4217, since the schema", "SLE VED XCG ZWG"),
)
EU_MEMBERS = CodeList(
    dated(
        "Directive 2006/112/EC; EL is Greece's VAT prefix",
        "AT BE BG CY CZ DE DK EE EL ES FI FR GR HR HU IE IT LT LU LV MT NL PL RO SE SI SK",
    ),
)
