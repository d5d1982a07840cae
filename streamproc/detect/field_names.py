"""What a field's name says about its value: the kinds of personal data it announces.

Names are read as the words of ``key_words``, so that ``lastName``, ``last_name``, ``LAST-NAME``,
``lastname`` and ``last_names_2`` are one, whatever stands before and after: an e-mail address is
announced by ``customer_contact_email_2``. Words that speak *about* a value take that back:
``phone_type``, ``email_sent_at``, ``last_name_length``, and so does what makes a name the name of
something else: ``customer_list_name``.

The phrases are those of schema.org's ``Person`` and ``PostalAddress``, of the autofill fields of
HTML (4.10.18.7.1), of Segment's and RudderStack's reserved traits, and the abbreviations and the
larger European languages' words for the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

__all__ = ["hints_of", "kinds_of"]


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_PHRASES: Mapping[str, str] = MappingProxyType(
    {
        "email": "email, e mail, mail, mailbox, mailto, correo, courriel",
        "phone": (
            "phone, telephone, tel, telefon, telefono, telefone, mobile, mobil, movil, cell, "
            "cellphone, cellular, celular, handy, landline, fax, telefax, msisdn, sms, whatsapp"
        ),
        "person": (
            "first name, last name, middle name, full name, given name, family name, maiden name, "
            "legal name, birth name, preferred name, sur name, fore name, surname, forename, "
            "fname, lname, mname, name on card, account holder name, vorname, nachname, "
            "familienname, prenom, apellido, cognome, sobrenome"
        ),
        "role": (
            "author, assignee, cardholder, card holder, account holder, recipient, passenger, "
            "payee, payer, beneficiary, attendee, guardian, signatory, salesperson, sales rep, "
            "account manager, created by, updated by, modified by, requested by, approved by, "
            "signed by, referred by, assigned to, ship to, sold to, bill to, attn, next kin"
        ),
        "user_name": "user name, login name, login id, nick name, nick, nickname, uname",
        "birth_date": (
            "dob, d o b, birth, birth date, birth day, birth month, birth year, birthday, bday, "
            "born, yob, geburtsdatum, geburtstag, nacimiento, naissance"
        ),
        "ssn": "ssn, social security",
        "national_id": (
            "ssn, social security, social insurance, itin, tin, tax id, tax no, tax number, "
            "taxpayer, fiscal code, codice fiscale, national id, national identity, national "
            "identification, national insurance, nino, identity number, identity card, "
            "identification number, id card, id number, government id, govt id, citizen id, "
            "passport, driver license, driver licence, driving license, driving licence, voter id, "
            "aadhaar, aadhar, curp, cpf, dni, nie, nif, bsn, pesel, nric, hkid, personnummer, nhs, "
            "medicare, medicaid, health card, residence permit, alien number"
        ),
        "medical_record": "mrn, medical record, patient id, patient no, patient number",
        "insurance": "insurance id, insurance no, insurance number, policy no, policy number",
        "employee_id": (
            "employee id, employee no, employee number, emp id, emp no, personnel number, "
            "staff id, staff number, badge id, badge number"
        ),
        "ip": "ip, ipv4, ipv6, remote addr, remote address, client addr, forwarded for",
        "mac": "mac, bssid, hwaddr, hardware address, ethernet address",
        "card": "card, cc, pan, credit card, debit card, payment card",
        "card_code": "cvv, cvv2, cvc, cvc2, csc, card code, security code, verification value",
        "iban": "iban",
        "bank_account": (
            "account number, account no, account num, acct, bank account, bank number, "
            "routing number, routing no, sort code, kontonummer, iban"
        ),
        "postcode": "zip, zip code, postcode, postal code, post code, postal, pin code, plz, cep",
        "street": (
            "street, address, addr, address line, house number, apartment, apt, po box, strasse, "
            "calle, rue"
        ),
        "coordinates": (
            "lat, latitude, lng, lon, longitude, latlng, coordinate, coord, gps, geo, "
            "geolocation, geopoint"
        ),
        "password": (
            "password, passwd, passwort, contrasena, passphrase, passcode, pwd, secret, "
            "secret key, api key, access key, private key, access token, refresh token, "
            "auth token, session token, bearer token"
        ),
    }
)
"""By kind, the phrases that announce it: all words of one, in any order."""

_ROLES = _words("""
    accountholder applicant approver assignee attendee attorney author beneficiary billing borrower
    buyer callee caller candidate cardholder caregiver coach colleague consignee contact coworker
    creator customer daughter debtor dentist doctor donor driver emergency employee father friend
    guardian guest heir holder husband inspector instructor insured invitee inviter kin landlord
    lawyer lead learner manager member minor mother nominee nurse officer owner participant
    passenger patient payee payer person physician professor recipient referee relative rep
    reporter representative requester reviewer rider salesperson sender shopper sibling signatory
    signer son spouse staff student submitter subscriber supervisor teacher technician trainee
    trainer traveler traveller tutor visitor volunteer voter wife witness
""")
"""Whose ``name`` is a person's. Not whose may be anybody's: a partner's, client's or parent's."""

_ABOUT = _words("""
    action active allowed api app area at attempt attribute audience avatar banner blocked body
    bounced brand browser bundle button campaign carrier category change changed channel checked
    city class clicked code color column company confirmed consent content count counter country
    created currency database date day default deleted delivered description destination device
    domain enabled environment error event exists expires expiry extension feature field file filter
    flag format frequency function group has hash hashed height hidden hint host icon id image index
    industry input interval is issuer job journey key kind label language last4 length level library
    limit link list locale login logo matched md5 medium message metadata method metric mode model
    modified module month network newsletter notification object opened operator opt optin option
    optout order org organisation organization os package page parameter percent permission place
    plan platform policy position preference prefix present price product program project property
    provider query queue rank rate reason region required requested reset response result rule
    schema score screen section segment sent server service session setting sha1 sha256 shop size
    sort source speed stage state status step store strength subject subscribed suffix tab table
    tag target team template test text theme ticket tier time timestamp timezone title topic total
    tracking type uri url usage valid validated variable variant vendor verification verified
    version view visible website weight width workspace
""")
"""Words that make a name speak about a value, or about something else's."""

_SURE_BY_SHAPE = frozenset({"email", "iban", "ip", "mac"})
"""Kinds whose values look like nothing else: words beside the phrase change nothing."""

_NO_STREET = _words("""
    bind bitcoin btc contract crypto dns email eth ethereum hardware ip listen mac mail memory peer
    remote token wallet web
""")
"""Before ``address``: an address of another sort."""


def _read(phrases: str) -> frozenset[frozenset[str]]:
    return frozenset(frozenset(phrase.split()) for phrase in phrases.split(","))


_KINDS: Mapping[str, frozenset[frozenset[str]]] = MappingProxyType(
    {kind: _read(phrases) for kind, phrases in _PHRASES.items()}
    | {"person": _read(_PHRASES["person"]) | {frozenset({role, "name"}) for role in _ROLES}}
)
_IN_PHRASES = frozenset(
    word for phrases in _KINDS.values() for phrase in phrases for word in phrase
)
_BESIDE = _words("""
    alternate business home main my new of old on other personal primary private second secondary
    the user work
""")
"""Words that say nothing, but that names are joined with: ``dateofbirth``, ``homephone``."""
_KNOWN = _IN_PHRASES | _ABOUT | _NO_STREET | _BESIDE
_DIGITS_AROUND = re.compile(r"^\d+|\d+$")
_LONGEST_JOINED = 40
"""Letters of the longest word that is taken apart."""
_MOST_FIELDS = 8192
"""Field names remembered; they come from producers, so they are bounded."""


@lru_cache(maxsize=_MOST_FIELDS)
def kinds_of(context: tuple[str, ...]) -> frozenset[str]:
    """Return the kinds of personal data that a field of these words announces; mostly none.

    Args:
        context: The words of the field's name, lower case, as ``Text.context`` has them.
    """
    words = _vocabulary(context)
    kinds = {kind for kind, phrases in _KINDS.items() if _announces(kind, phrases, words)}
    if words & _NO_STREET:
        kinds.discard("street")
    return frozenset(kinds)


@lru_cache(maxsize=_MOST_FIELDS)
def hints_of(context: tuple[str, ...]) -> frozenset[str]:
    """Return the kinds that these words have anything to do with.

    All that :func:`kinds_of` returns, and those that other words take back. Enough to believe what
    a value shows by itself; to believe its mere shape takes the kinds.
    """
    words = _vocabulary(context)
    return frozenset(
        kind for kind, phrases in _KINDS.items() if any(phrase <= words for phrase in phrases)
    )


def _announces(kind: str, phrases: frozenset[frozenset[str]], words: frozenset[str]) -> bool:
    if kind in _SURE_BY_SHAPE:
        return any(phrase <= words for phrase in phrases)
    return any(phrase <= words and not (words - phrase) & _ABOUT for phrase in phrases)


def _vocabulary(context: tuple[str, ...]) -> frozenset[str]:
    """Return ``context`` in the words of the phrases: without plurals, numbers and joins."""
    return frozenset(known for word in context for known in _known_words(word))


def _known_words(word: str) -> tuple[str, ...]:
    """Return the known words that ``word`` is or is made of: ``lastnames2`` is last and name."""
    if (one := _singular(word)) in _KNOWN:
        return (one,)
    word = _DIGITS_AROUND.sub("", word)
    return _split(word) or (word,)


def _split(word: str) -> tuple[str, ...]:
    """Return the fewest known words that make up ``word``, or nothing.

    Each part's best is worked out once, from the end: ``postcode`` is also ``post`` and ``code``,
    and a name made of such words can be read in more ways than there is time for.
    """
    if len(word) > _LONGEST_JOINED:
        return ()
    best: dict[int, tuple[str, ...]] = {len(word): ()}
    for start in range(len(word) - 1, -1, -1):
        ways = [(one, *best[end]) for end in best if (one := _singular(word[start:end])) in _KNOWN]
        if ways:
            best[start] = min(ways, key=len)
    return best.get(0, ())


def _singular(word: str) -> str:
    """Return the known word that ``word`` is a plural of, else ``word``."""
    if word not in _KNOWN:
        for ending in ("s", "es"):
            if word.endswith(ending) and word.removesuffix(ending) in _KNOWN:
                return word.removesuffix(ending)
    return word
