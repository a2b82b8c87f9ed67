"""Headers of real sheets, and the columns that they mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from routing_engine.errors import InvalidValueError
from routing_engine.hours import parse_weekly
from routing_engine.hours.languages import LANGUAGES, with_public_holidays
from routing_engine.sheets.vocabulary import VOCABULARY

__all__ = [
    "ALIASES",
    "ALSO_RULES",
    "BARE_NOUNS",
    "NOUNS",
    "SECOND_ALIASES",
    "UNDECIDED",
    "alias_key",
    "days_by_language",
    "days_of",
    "header_key",
    "is_area_code",
    "is_day_off",
    "is_no_routing_column",
    "meant_by_words",
    "names_a_person",
]

ALIASES: dict[str, tuple[str, ...]] = {
    "location_id": (
        "location id", "location", "location number", "location code", "store", "store id",
        "store number", "store code", "site", "site id", "site number", "branch", "branch id",
        "branch number", "agent", "agent id", "franchise", "franchise id", "unit", "unit number",
    ),
    "location_name": (
        "location name", "name", "store name", "site name", "branch name", "agent name",
        "franchise name", "display name",
    ),
    "timezone": ("timezone", "tz", "time zone name", "iana timezone", "local timezone"),
    "default_destination": (
        "default destination", "default", "default number", "default phone", "main number",
        "main phone", "main line", "front desk", "fallback number", "fallback destination",
        "store phone", "location phone", "site phone", "default transfer number",
    ),
    "business_hours": (
        "business hours", "location hours", "store hours", "hours of operation", "operating hours",
        "weekly hours",
    ),
    "after_hours": (
        "after hours", "after hours number", "after hours phone", "after hours destination",
        "night number",
    ),
    "lines": (
        "lines", "called number", "called numbers", "called line", "called lines", "phone line",
        "phone lines", "line number", "line numbers", "dids", "did number", "did numbers",
        "inbound number", "inbound numbers", "inbound line", "inbound lines", "incoming number",
        "incoming numbers", "dialed number", "dialled number", "dialed numbers", "dialled numbers",
        "sip user", "sip users", "location lines", "store lines",
    ),
    "location_threshold": ("location threshold", "store threshold", "site threshold"),
    "label": (
        "label", "intent", "department", "rule", "rule name", "rule label", "category", "topic",
        "route name", "reason for call", "reason for the call", "call reason", "call type",
        "enquiry type", "inquiry type", "abteilung", "anliegen", "thema", "motif", "motif d'appel",
        "departamento", "motivo", "motivo de llamada", "reparto", "afdeling", "onderwerp", "setor",
        "ärende", "dział", "temat",
    ),
    "when": (
        "when", "situation", "context", "condition", "trigger", "description", "scenario",
        "when caller", "when the caller", "caller asks", "caller asks about", "caller asks for",
        "caller wants", "caller says", "context rule", "zuständig für", "wann", "wenn", "anrufer fragt",
        "quand", "lorsque", "cuándo", "quando", "wanneer", "när", "kiedy", "když",
    ),
    "examples": (
        "examples", "example", "utterances", "sample phrases", "sample utterances", "phrases",
        "example phrases", "example utterances", "samples",
    ),
    "destination": (
        "destination", "forward to", "transfer to", "route to", "send to", "phone",
        "phone number", "number", "destination number", "transfer number", "forward number",
        "transfer destination", "sip uri", "telephone", "send call to", "send calls to",
        "forward call to", "forward calls to", "transfer call to", "transfer calls to", "route call to",
        "route calls to", "connect to", "put through to", "durchwahl", "weiterleiten an",
        "weiterleitung an", "zielnummer", "transférer à", "transférer vers", "transferir a",
        "desviar a", "número de destino", "trasferire a", "inoltrare a", "doorverbinden naar",
        "vidarekoppla till", "przekieruj na", "numer docelowy", "přepojit na",
    ),
    "extension": ("extension", "ext", "extn", "phone extension"),
    "threshold": ("threshold", "rule threshold", "min confidence", "minimum confidence"),
    "hours": ("hours", "when open", "availability", "hours window", "active hours"),
    "requires_verification": (
        "requires verification", "verification", "verify", "verify caller",
        "verification required",
    ),
    "requires_confirmation": (
        "requires confirmation", "confirmation", "confirm", "confirm transfer",
        "confirmation required",
    ),
    "action": ("action", "rule action"),
    "fallback": (
        "fallback", "fallbacks", "fallback chain", "fallback destinations", "fallback numbers",
        "backup", "backup numbers",
    ),
    "enabled": ("enabled", "active", "is enabled", "rule enabled"),
    "languages": (
        "languages", "language", "spoken", "spoken language", "spoken languages", "speaks",
        "caller language", "caller speaks",
    ),
    "required_details": (
        "required details", "required fields", "details needed", "collect", "ask for",
    ),
    "verification_methods": (
        "verification methods", "verification method", "verify by", "verify with", "verified by",
    ),
    "ring_timeouts_s": (
        "ring timeouts s", "ring timeouts", "ring timeout", "ring seconds",
        "ring time", "seconds to ring",
    ),
    "urgent": ("urgent", "urgency", "is urgent", "urgent rule", "rule urgent", "cannot wait"),
}  # fmt: skip
"""Column -> headers that mean it. Case, spaces and punctuation do not matter: ``Store #`` is
``store`` and ``TIME_ZONE`` is ``timezone``."""


SECOND_ALIASES: dict[str, tuple[str, ...]] = {
    "location_id": (
        "id", "code", "store no", "store nr", "shop id", "shop number", "shop code", "branch code",
        "site code", "outlet id", "outlet code", "practice id", "practice code",
        "organisation code", "organization code", "ods code", "facility id", "facility number",
        "clinic id", "pharmacy id", "dealer id", "dealer code", "dealer number", "office id",
        "restaurant id", "hotel id", "place id", "poi id", "osm id", "@id", "object id",
        "external id", "ref", "reference", "key", "number", "no", "nr", "num", "#", "extension number",
        "filialnummer", "filial nr", "filial id", "filialcode", "standort nr", "standort id",
        "marktnummer", "betriebsnummer", "kundennummer", "code magasin", "numéro magasin",
        "code agence", "identifiant", "código", "codigo", "código sucursal", "id sucursal",
        "número de sucursal", "nº", "n°", "codice", "codice filiale", "codigo loja", "código da loja",
        "vestigingsnummer", "filiaalnummer", "butiksnummer", "butiknr", "butikknr", "kod", "kod sklepu",
        "numer", "číslo", "kód", "mağaza kodu", "şube kodu", "код", "номер", "店舗コード", "店舗番号",
        "practice", "shop", "outlet", "clinic", "pharmacy", "dealer", "office", "restaurant", "hotel",
        "facility", "filiale", "filial", "standort", "markt", "niederlassung", "apotheke", "magasin",
        "agence", "succursale", "pharmacie", "sucursal", "tienda", "farmacia", "negozio", "loja",
        "vestiging", "filiaal", "winkel", "butik", "butikk", "avdeling", "sklep", "oddział", "placówka",
        "apteka", "pobočka", "prodejna", "üzlet", "şube", "mağaza", "магазин", "филиал", "аптека",
        "店舗", "店铺", "门店",
    ),
    "location_name": (
        "title", "label name", "shop name", "outlet name", "practice name", "organisation name",
        "organization name", "clinic name", "pharmacy name", "facility name", "dealer name",
        "office name", "restaurant name", "hotel name", "company", "company name", "business name",
        "account name", "bezeichnung", "filialname", "standortname", "marktname", "firma", "nom",
        "nom du magasin", "enseigne", "raison sociale", "nombre", "nombre sucursal", "local nombre",
        "razón social", "razão social", "nome", "denominazione", "ragione sociale", "nome da loja", "naam",
        "bedrijfsnaam", "namn", "navn", "nazwa", "název", "názov", "név", "denumire", "ad", "isim",
        "название", "наименование", "店名", "店舗名", "名称",
    ),
    "timezone": ("time zone", "timezone id", "zeitzone", "fuseau horaire", "zona horaria"),
    "default_destination": (
        "phone", "phone number", "telephone", "telephone number", "tel", "tel no", "tel number",
        "phone no", "contact number", "contact phone", "contact no", "contact tel", "number to call",
        "main telephone", "office phone", "business phone", "shop phone", "branch phone",
        "branch telephone", "public phone", "customer service phone", "addr phone", "contact:phone",
        "phone 1", "phone1", "tel 1", "telefon", "telefonnummer", "telefon nr", "rufnummer", "fon",
        "téléphone", "telephone fixe", "tél", "numéro de téléphone", "teléfono", "telefono",
        "número de teléfono", "fono", "telefone", "numero di telefono", "telefoon", "telefoonnummer",
        "telefonszám", "numer telefonu", "telefonní číslo", "telefonnr", "puhelin", "puhelinnumero",
        "sími", "τηλέφωνο", "телефон", "номер телефона", "電話", "電話番号", "电话", "전화번호", "phone e164",
        "call", "direct line", "switchboard", "reception", "zentrale", "telefonzentrale", "vermittlung",
        "standard", "standard téléphonique", "accueil", "centralita", "recepción", "centralino",
        "recepção", "receptie", "växel", "sentralbord", "omstilling", "centrala", "ústředna", "santral",
        "landline", "landline no", "landline number", "festnetz", "did", "line",
    ),
    "business_hours": (
        "opening hours", "open hours", "hours", "opening times", "opening time", "opening_hours",
        "trading hours", "working hours", "work hours", "hours open", "store opening hours",
        "schedule", "öffnungszeiten", "oeffnungszeiten", "horaires", "horaires d'ouverture",
        "heures d'ouverture", "horario", "horarios", "horario de atención", "horario de apertura",
        "orari", "orario", "orari di apertura", "horário", "horário de funcionamento", "openingstijden",
        "öppettider", "åpningstider", "åbningstider", "aukioloajat", "godziny otwarcia",
        "otevírací doba", "otváracie hodiny", "nyitvatartás", "program", "çalışma saatleri",
        "часы работы", "режим работы", "営業時間", "营业时间",
    ),
    "lines": ("did", "line"),
}  # fmt: skip
"""Column -> headers that mean it where no other column does, the best first."""


def _with_words(aliases: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """Add the words of all languages that are a header by themselves."""
    every = (word for words in VOCABULARY.values() for word in getattr(words, kind).split("|"))
    # "n", "no" and "id" are abbreviations of several things.
    return tuple(
        dict.fromkeys((*aliases, *(word for word in every if len(word) > 2 or not word.isascii())))
    )


_at = SECOND_ALIASES["location_id"].index("practice")
NOUNS = _with_words(SECOND_ALIASES["location_id"][_at:], "places")
"""Second aliases of ``location_id`` that are a name where another column holds ids."""

SECOND_ALIASES |= {
    "location_id": (*_with_words(SECOND_ALIASES["location_id"][:_at], "ids"), *NOUNS),
    "location_name": _with_words(SECOND_ALIASES["location_name"], "names"),
    "default_destination": _with_words(SECOND_ALIASES["default_destination"], "phones"),
    "business_hours": _with_words(SECOND_ALIASES["business_hours"], "hours"),
}

BARE_NOUNS = frozenset(("location", "store", "site", "branch", "agent", "franchise", "unit"))
"""Aliases of ``location_id`` that mean the name if another column holds ids."""

UNDECIDED = frozenset((
    "department", "category", "topic", "description", "hours", "active", "language", "languages",
    "ext", "extn", "extension", "phoneextension", "availability", "action", "verification", "verify",
    "confirmation", "confirm", "backup", "samples", "sample", "spoken", "number", "enabled", "collect",
    "abteilung", "anliegen", "thema", "motif", "departamento", "motivo", "reparto", "afdeling", "setor",
    "onderwerp", "arende", "dzial", "temat", "wann", "wenn", "quand", "lorsque", "cuando", "quando",
    "wanneer", "nar", "kiedy", "kdyz", "durchwahl",
))  # fmt: skip
"""Header keys too ambiguous to decide by themselves that a sheet has a row for each rule."""

ALSO_RULES = frozenset(("urgent", "urgency", "cannotwait"))
"""Keys of headers that, where a column is a rule, are the name of one."""

_WORDS = re.compile(r"[^\W_]+", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NUMBER_SIGN = re.compile(r"(?<=[^\W\d_])\s*#")
_STROKES = str.maketrans("łøđħı", "lodhi")


LONGEST_HEADER = 300
"""Most characters of a name that is folded; no column of a routing sheet has a longer one."""


def header_key(header: str) -> str:
    """Fold a header: without case, white space, punctuation and width."""
    if len(header) > LONGEST_HEADER:
        return header
    plain = unicodedata.normalize("NFKC", header)
    key = "".join(character for character in plain.casefold() if character.isalnum())
    # "Store #" is a number beside "Store", and "Location ID #" the id that it says.
    return f"{key}number" if "#" in plain and key in _NUMBERED else key


def alias_key(header: str) -> str:
    """Fold a header as aliases are compared: also without accents."""
    if len(header) > LONGEST_HEADER:
        return header
    return _without_accents(header_key(header)) or header


def _without_accents(text: str) -> str:
    # Not those of Japanese, Korean or Indian letters, which are other letters without them.
    apart = unicodedata.normalize("NFD", text.translate(_STROKES))
    kept = "".join(character for character in apart if not "\u0300" <= character <= "\u036f")
    return unicodedata.normalize("NFC", kept)


def _words(header: str) -> list[str]:
    text = unicodedata.normalize("NFKC", _CAMEL.sub(" ", header)).casefold()
    return _WORDS.findall(text)


def _plain_words(header: str) -> str:
    return _without_accents(" ".join(_words(_NUMBER_SIGN.sub(" number ", header))))


def _folded(words: Iterable[str]) -> frozenset[str]:
    return frozenset(_without_accents(word.casefold()) for word in words)


_NUMBERED = frozenset(("location", "store", "site", "branch", "unit", "shop"))
"""Nouns whose number is an alias of ``location_id``."""

_NO_ROUTING = _folded((
    *("携帯", "携帯電話", "手机", "手机号", "휴대폰", "휴대전화", "팩스", "モバイル", "мобильный", "моб", "kom", "mob"),
    *("komórka", "mobilnummer", "handynummer", "mobilní", "住所", "地址", "주소", "郵便番号", "邮编", "メール"),
    *("télécopie", "telecopie", "télécopieur", "faxnummer", "факс", "ファックス", "传真", "faks"),
    *("fax", "telefax", "faks", "telefaks", "factura", "mobile", "mobil", "mobiltelefon", "cell"),
    *("cellphone", "handy", "celular", "móvil", "movil", "portable", "cellulare", "mobiel", "gsm"),
    *("telemóvel", "whatsapp", "viber", "telegram", "sms", "email", "mail", "courriel", "correo"),
    *("web", "website", "url", "homepage", "www", "internet", "facebook", "instagram", "twitter"),
    *("linkedin", "link", "sitio", "lat", "latitude", "lon", "lng", "long", "longitude", "latitud"),
    *("longitud", "breitengrad", "längengrad", "coordinates", "coordinate", "koordinaten", "geo"),
    *("geom", "geometry", "wkt", "easting", "northing", "uprn", "street", "streetname", "address"),
    *("address1", "address2", "address3", "addr", "strasse", "straße", "str", "hausnummer"),
    *("housenumber", "house", "adresse", "rue", "calle", "dirección", "direccion", "via"),
    *("indirizzo", "rua", "endereço", "adres", "ulica", "straat", "gata", "gate", "vej", "city"),
    *("town", "locality", "suburb", "municipality", "ort", "stadt", "ville", "commune", "ciudad"),
    *("comuna", "localidad", "comune", "cidade", "plaats", "miasto", "by", "stad", "state"),
    *("province", "county", "region", "district", "land", "bundesland", "kanton", "département"),
    *("departement", "provincia", "provincie", "country", "iso", "pays", "país", "zip", "zipcode"),
    *("postcode", "postal", "postalcode", "plz", "cp", "cap", "cep", "pincode", "pin", "postnr"),
    *("postnummer", "opened", "since", "founded", "date", "created", "updated", "modified"),
    *("lastupdated", "eröffnung", "eröffnungsdatum", "year", "id", "uuid", "guid", "gid", "fid"),
    *("objectid", "gln", "gtin", "vat", "ust", "siret", "siren", "nip", "nif", "cif", "rut", "cnpj"),
    *("iban", "bic", "npi", "ein", "duns", "ods", "osm", "wikidata", "status", "type", "brand"),
    *("operator", "ref", "population", "area", "sqft", "revenue", "employees", "beds", "notes"),
    *("remarks", "comment", "comments", "bemerkung", "extension", "ext"),
))  # fmt: skip
_FILLING = _folded((
    *("código", "codigo", "cod", "kod", "codice", "physical", "fiscal", "comercial"),
    *("phone", "number", "no", "nr", "num", "tel", "telephone", "telefon", "of", "the", "and", "line"),
    *("name", "code", "1", "2", "3", "4", "manager", "owner", "contact", "person", "store", "branch"),
    *("office", "shop", "location", "site", "main", "full", "public", "opening", "start", "end"),
    *("last", "first", "primary", "secondary", "e", "de", "del", "du", "the", "google", "maps", "x"),
    *("y", "authority", "local", "postal", "postale", "postalcode", "tax", "reg", "registration"),
    *("practice", "company", "business", "dirigente", "gerente", "leiter", "filialleiter", "work"),
))  # fmt: skip
_PHONE = _folded(("phone", "tel", "telephone", "telefon", "teléfono", "telefono"))
_PHONES = _folded((
    *("phone", "tel", "telephone", "telefon", "teléfono", "telefono", "number", "no", "nr", "alternate"),
    *("alternative", "alt", "secondary", "second", "other", "additional", "1", "2", "3", "4", "ii"),
))  # fmt: skip
# Names that are one day in every language that has them.
_DAYS = {
    word: day
    for language in LANGUAGES
    for word, day in language.day_of.items()
    if len({other.day_of[word] for other in LANGUAGES if word in other.day_of}) == 1
    and word != "to"  # of a range, not the Finnish day
}
_LEAST_DAYS = 5
_DAY_WORDS = frozenset(["hours", "open", "opens", "opening", "opened", "from", "start", "begin", "start_time", "time", "times", "am", "close", "closes", "closing", "closed", "to", "until", "end", "till", "pm", "hour"])  # fmt: skip
_CLOSING = frozenset(("close", "closes", "closing", "closed", "to", "until", "end", "till"))
_OPENING = frozenset(("open", "opens", "opening", "from", "start", "begin"))
_FAX = re.compile(r"(?<![a-z])(?:tele)?fax(?![a-z])|(?:ファックス|传真|傳真|팩스|факс)")
_LATIN = re.compile(r"[a-zà-ÿ]")


_NO_ROUTING |= {
    alias_key(word) for language in VOCABULARY.values() for word in language.others.split("|")
}
_DAYS_OFF = frozenset(
    alias_key(word) for language in VOCABULARY.values() for word in language.days_off.split("|")
)


def is_day_off(header: str) -> bool:
    """Whether a column says on which day of the week a location is closed."""
    return alias_key(header) in _DAYS_OFF


def is_no_routing_column(header: str) -> bool:
    """Whether a header names something other than a destination, such as an address.

    Every word must say so: ``Fax Number`` and ``Manager Mobile`` are none, ``Mobile Repairs`` may
    be a rule.
    """
    words = _plain_words(header).split()
    if not words:
        return False
    if alias_key(header) in _NO_ROUTING:
        return True
    folded = " ".join(words)
    if _FAX.search(folded) and not _LATIN.search(_FAX.sub("", folded)):
        return True  # "FAX番号" is one word
    is_filled = all(word in _NO_ROUTING or word in _FILLING for word in words)
    if is_filled and any(word in _NO_ROUTING for word in words):
        return True
    return all(word in _PHONES for word in words) and any(word in _PHONE for word in words)


# What the words of a header say, where no alias is the whole of it.


def _said(attribute: str) -> frozenset[str]:
    """Return the words for something in all languages, as :func:`_plain_words` writes them."""
    words = (getattr(language, attribute).split("|") for language in VOCABULARY.values())
    return frozenset(_plain_words(word) or word for group in words for word in group)


def _one_of(*words: Iterable[str]) -> str:
    every = sorted({word for group in words for word in group}, key=len, reverse=True)
    return "|".join(map(re.escape, every))


_OF = r"(?:(?:de|da|do|du|di|la|del|della|van|der|des|of) )?"
_PLACE = (
    r"(?:stores?|shops?|branch(?:es)?|sites?|outlets?|locations?|practices?|clinics?|dealers?|offices?"
    r"|restaurants?|hotels?|facilit(?:y|ies)|filiale?n?|apotheken?|agences?|magasins?|boutiques?"
    r"|succursales?|pharmacies?|sucursal(?:es)?|tiendas?|farmacias?|lojas?|negozi|vestigings?|winkels?"
    rf"|butikk?s?|{_one_of(_said('places'))})"
)
_ID_WORD = rf"(?:{_one_of(_said('ids'))})"
_NAME_WORD = rf"(?:{_one_of(_said('names'))})"
_ID_HEADER = re.compile(
    rf"{_PLACE}s? ?{_ID_WORD}|{_ID_WORD} {_OF}{_PLACE}|(?![a-z]){_ID_WORD}{_PLACE}"
)
_NAME_HEADER = re.compile(
    rf"{_PLACE}s? ?{_NAME_WORD}|{_NAME_WORD} {_OF}{_PLACE}|(?![a-z]){_NAME_WORD}{_PLACE}"
)
_PHONE_WORD = re.compile(
    r"(?:tel|tels|telf|tlf|tlfn|tfno|telephones?|phones?|telefon(?:o|os|e|es|i|u|y|en|ne|nummer|nr)?"
    r"|telefoonnummer|telefoon|telefonni|fon|fono|fonos|landline|fixo|fijo|festnetz"
    rf"|{_one_of(_said('phones'))})"
)
_MAIN_WORDS = frozenset((
    *("main", "general", "central", "centrale", "zentrale", "accueil", "standard", "reception", "recepcion"),
    *("recepcao", "switchboard", "front", "desk", "public", "principal", "geral", "fixo", "fijo", "fixe"),
    *("landline", "land", "fixed", "festnetz", "stacjonarny", "line", "1", "generale", "principale"),
    *("hoofdnummer", "vaste", "lijn", "sabit", "office", "store", "shop", "branch", "location", "site"),
))  # fmt: skip
_PERSON = re.compile(
    r"\b(?:contact (?:person|name)|person of contact|ansprechpartner(?:in)?|kontaktperson|contacto"
    r"|persona de contacto|(?:nom du )?responsable|referente|contactpersoon|contato|kontakt)\b"
)
_AREA_CODE = _folded((
    *("ddd", "areacode", "stdcode", "std", "dialingcode", "diallingcode", "vorwahl", "ortsvorwahl"),
    *("indicatif", "prefijo", "prefisso", "netnummer", "kengetal", "riktnummer", "retningsnummer"),
    *("lada", "códigoárea", "códigodeárea", "codearea", "dialcode", "előhívó", "předčíslí", "předvolba"),
    *("kierunkowy", "numerkierunkowy", "predvolba", "korzet", "alankodu", "市外局番", "区号"),
))  # fmt: skip


def meant_by_words(header: str) -> tuple[str, int] | None:
    """Return the column that the words of a header mean where it is no alias, and a rank.

    ``Cód. Loja`` is an id, ``Şube Adı`` a name, ``Tel. accueil`` a number to call; of two with one meaning, that of the
    lower rank is meant. ``Tel. urgence`` is none: what its other word says is not known here.
    """
    plain = _plain_words(header)
    if _ID_HEADER.fullmatch(plain):
        return "location_id", 0
    if _NAME_HEADER.fullmatch(plain):
        return "location_name", 0
    words = plain.split()
    if not any(map(_PHONE_WORD.fullmatch, words)) or is_no_routing_column(header):
        return None
    others = [word for word in words if not _PHONE_WORD.fullmatch(word)]
    if any(word not in _MAIN_WORDS and word not in _FILLING for word in others):
        return None
    if any(
        word in ("manager", "owner", "person", "gerente", "leiter", "2", "3", "4")
        for word in others
    ):
        return None
    return "default_destination", 0 if any(word in _MAIN_WORDS for word in others) else 1


def names_a_person(headers: Iterable[str]) -> bool:
    """Return whether a column names whom to contact, so that "Contact No." is that person's."""
    return any(_PERSON.search(_plain_words(header)) for header in headers)


def is_area_code(header: str) -> bool:
    """Return whether a column holds the area codes of numbers that stand in another."""
    return alias_key(header) in _AREA_CODE


_HOURS_WORDS = re.compile(
    r"\b(?:(?:opening|open|business|trading|store|working)\s+(?:hours?|times?)|hours?|times?|opening"
    rf"|open|horaires?|horarios?|{_one_of(w for v in VOCABULARY.values() for w in v.hours.split('|'))})"
    r"\b[.:]?",
    re.IGNORECASE,
)
_HOLIDAYS = re.compile(
    r"(?<!\s)\s*(?:(?:[,&+/]|\band\b|\bund\b|\bet\b|\by\b|\be\b|\ben\b|\boch\b)\s*)?\bPH\b"
)


def days_of(header: str) -> tuple[tuple[int, ...], str] | None:
    """Return the weekdays (0 is Monday) of a column of hours, and its part: open, close or both.

    ``Monday``, ``Mon Open`` and ``Tuesday Close`` name one day; ``Mon-Fri``, ``Sun & PH`` and
    ``Öppettider vardagar`` several. What the last says of public holidays is not read.
    """
    one = _day_of(header)
    if one is not None:
        return (one[0],), one[1]
    bare = _HOLIDAYS.sub("", with_public_holidays(_HOURS_WORDS.sub(" ", header))).strip(" .:-")
    if not any(map(str.isalpha, bare)) or any(map(str.isdigit, bare)):
        return None
    try:
        week = parse_weekly(f"{bare} 09:00-17:00")
    except InvalidValueError:
        return None
    days = tuple(day for day, ranges in enumerate(week) if ranges)
    return (days, "both") if len(days) < len(week) or "-" in bare else None


def _day_of(header: str) -> tuple[int, str] | None:
    words = _words(header)
    days = [_DAYS[word] for word in words if word in _DAYS]
    others = [word for word in words if word not in _DAYS]
    if len(days) != 1 or not all(word in _DAY_WORDS for word in others):
        return None
    is_open, is_close = (any(word in part for word in others) for part in (_OPENING, _CLOSING))
    if is_close and not is_open:
        return days[0], "close"
    if is_open and not is_close and not {"hours", "hour", "times"} & set(others):
        return days[0], "open"
    return days[0], "both"


def days_by_language(headers: Sequence[str]) -> dict[int, int]:
    """Return the day of each of the headers that name the days of one language, by position.

    Alone ``Di`` may be Tuesday or Sunday; beside ``Lu`` and ``Me`` it is Sunday.
    """
    found: list[dict[int, int]] = []
    for language in LANGUAGES:
        names = language.day_of
        days = {
            at: names[word]
            for at, header in enumerate(headers)
            if (word := header.casefold().strip(" .:")) in names
        }
        if len(set(days.values())) == len(days) >= _LEAST_DAYS:
            found.append(days)
    most = max(map(len, found), default=0)
    best = [days for days in found if len(days) == most]
    return best[0] if best and all(days == best[0] for days in best) else {}
