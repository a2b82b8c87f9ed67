"""Headers of real sheets, and the columns that they mean."""

from __future__ import annotations

import re
import unicodedata

__all__ = [
    "ALIASES",
    "ALSO_RULES",
    "BARE_NOUNS",
    "SECOND_ALIASES",
    "UNDECIDED",
    "day_of",
    "header_key",
    "is_no_routing_column",
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
        "route name",
    ),
    "when": (
        "when", "situation", "context", "condition", "trigger", "description", "scenario",
        "when caller", "context rule",
    ),
    "examples": (
        "examples", "example", "utterances", "sample phrases", "sample utterances", "phrases",
        "example phrases", "example utterances", "samples",
    ),
    "destination": (
        "destination", "forward to", "transfer to", "route to", "send to", "phone",
        "phone number", "number", "destination number", "transfer number", "forward number",
        "transfer destination", "sip uri", "telephone",
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
        "razón social", "nome", "denominazione", "ragione sociale", "nome da loja", "naam",
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
        "call", "direct line", "switchboard", "reception", "did", "line",
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

BARE_NOUNS = frozenset(("location", "store", "site", "branch", "agent", "franchise", "unit"))
"""Aliases of ``location_id`` that mean the name if another column holds ids."""

UNDECIDED = frozenset((
    "department", "category", "topic", "description", "hours", "active", "language", "languages",
    "ext", "extn", "extension", "phoneextension", "availability", "action", "verification", "verify",
    "confirmation", "confirm", "backup", "samples", "sample", "spoken", "number", "enabled", "collect",
))  # fmt: skip
"""Header keys too ambiguous to decide by themselves that a sheet has a row for each rule."""

ALSO_RULES = frozenset(("urgent", "urgency", "cannotwait"))
"""Keys of headers that, where a column is a rule, are the name of one."""

_NO_ROUTING = frozenset((
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
_FILLING = frozenset((
    *("phone", "number", "no", "nr", "num", "tel", "telephone", "telefon", "of", "the", "and", "line"),
    *("name", "code", "1", "2", "3", "4", "manager", "owner", "contact", "person", "store", "branch"),
    *("office", "shop", "location", "site", "main", "full", "public", "opening", "start", "end"),
    *("last", "first", "primary", "secondary", "e", "de", "del", "du", "the", "google", "maps", "x"),
    *("y", "authority", "local", "postal", "postale", "postalcode", "tax", "reg", "registration"),
    *("practice", "company", "business", "dirigente", "gerente", "leiter", "filialleiter", "work"),
))  # fmt: skip
_PHONE = frozenset(("phone", "tel", "telephone", "telefon", "teléfono", "telefono"))
_PHONES = frozenset((
    *("phone", "tel", "telephone", "telefon", "teléfono", "telefono", "number", "no", "nr", "alternate"),
    *("alternative", "alt", "secondary", "second", "other", "additional", "1", "2", "3", "4", "ii"),
))  # fmt: skip
_DAYS = {
    word: day
    for day, words in enumerate((
        "monday mon mo montag lundi lun lunes lunedi lunedì maandag måndag mandag segunda",
        "tuesday tue tues tu di dienstag mardi mar martes martedi martedì dinsdag tisdag tirsdag terça",
        "wednesday wed weds we mi mittwoch mercredi mer miércoles miercoles mercoledì woensdag onsdag quarta",
        "thursday thu thur thurs th do donnerstag jeudi jeu jueves giovedì donderdag torsdag quinta",
        "friday fri fr freitag vendredi ven viernes venerdì vrijdag fredag sexta",
        "saturday sat sa samstag sonnabend samedi sam sábado sabado sabato zaterdag lördag lørdag",
        "sunday sun su so sonntag dimanche dim domingo domenica zondag söndag søndag",
    ))
    for word in words.split()
}  # fmt: skip
_DAY_WORDS = frozenset(["hours", "open", "opens", "opening", "opened", "from", "start", "begin", "start_time", "time", "times", "am", "close", "closes", "closing", "closed", "to", "until", "end", "till", "pm", "hour"])  # fmt: skip
_CLOSING = frozenset(("close", "closes", "closing", "closed", "to", "until", "end", "till"))
_OPENING = frozenset(("open", "opens", "opening", "from", "start", "begin"))
_WORDS = re.compile(r"[^\W_]+", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def header_key(header: str) -> str:
    """Fold a header: without case, white space, punctuation and width."""
    folded = unicodedata.normalize("NFKC", header).casefold()
    return "".join(character for character in folded if character.isalnum())


def _words(header: str) -> list[str]:
    text = unicodedata.normalize("NFKC", _CAMEL.sub(" ", header)).casefold()
    return _WORDS.findall(text)


def is_no_routing_column(header: str) -> bool:
    """Whether a header names something other than a destination, such as an address.

    Every word must say so: ``Fax Number`` and ``Manager Mobile`` are none, ``Mobile Repairs`` may
    be a rule.
    """
    words = _words(header)
    if not words:
        return False
    if header_key(header) in _NO_ROUTING:
        return True
    is_filled = all(word in _NO_ROUTING or word in _FILLING for word in words)
    if is_filled and any(word in _NO_ROUTING for word in words):
        return True
    return all(word in _PHONES for word in words) and any(word in _PHONE for word in words)


def day_of(header: str) -> tuple[int, str] | None:
    """Return the weekday (0 is Monday) of a column of hours, and its part: open, close or both."""
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
