"""Lists of places as operations people of fifteen countries keep them, and what each must give.

All of them are written for these tests; the numbers are of nobody that is known.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["LISTS", "Kept", "Place"]


class Place(NamedTuple):
    """One location that a list must give."""

    id: str
    name: str | None
    number: str
    hours: str | None
    rules: tuple[tuple[str, str], ...] = ()


class Kept(NamedTuple):
    """A list as it is kept, and the one header that has to be mapped, if any."""

    region: str
    timezone: str
    encoding: str
    text: str
    mapped: dict[str, str]
    places: tuple[Place, ...]


LISTS: Final[dict[str, Kept]] = {
    "pt_farmacias": Kept(
        "PT", "Europe/Lisbon", "cp1252",
        """\
Farmácia;Morada;Código Postal;Localidade;Telefone;Fax;Horário;Diretor Técnico
Farmácia Central;Rua Augusta 12;1100-053;Lisboa;213 456 789;213 456 780;"Seg-Sex 9h-19h; Sáb 9h-13h";Ana Silva
Farmácia do Mar;Av. da Praia, 4;4450-208;Matosinhos;22 345 67 89;;2ª a 6ª 9h-20h;Rui Costa
""",
        {},
        (
            Place("Farmácia Central", None, "+351213456789", "Mon-Fri 09:00-19:00; Sat 09:00-13:00"),
            Place("Farmácia do Mar", None, "+351223456789", "Mon-Fri 09:00-20:00"),
        ),
    ),
    "se_butiker": Kept(
        "SE", "Europe/Stockholm", "utf-8",
        """\
Butiksnummer;Butik;Gatuadress;Postnr;Ort;Telefonnummer;Öppettider vardagar;Öppettider lördag;Öppettider söndag
101;Södermalm;Götgatan 22;118 46;Stockholm;08-123 456 78;10-19;10-17;11-16
102;Haga;Haga Nygata 3;413 01;Göteborg;031-12 34 56;10-18;10-16;stängt
""",
        {},
        (
            Place("101", "Södermalm", "+46812345678", "Mon-Fri 10:00-19:00; Sat 10:00-17:00; Sun 11:00-16:00"),
            Place("102", "Haga", "+4631123456", "Mon-Fri 10:00-18:00; Sat 10:00-16:00"),
        ),
    ),
    "jp_tenpo": Kept(
        "JP", "Asia/Tokyo", "cp932",
        """\
店舗コード,店舗名,郵便番号,住所,電話番号,FAX番号,営業時間,定休日
T001,新宿店,160-0022,東京都新宿区1-2-3,03-1234-5678,03-1234-5679,10:00～20:00,水曜日
T002,梅田店,530-0001,大阪市北区4-5,06-1234-5678,,10:00～21:00,年中無休
""",
        {"営業時間": "ignore"},
        (
            Place("T001", "新宿店", "+81312345678", None),
            Place("T002", "梅田店", "+81612345678", None),
        ),
    ),
    "ke_branches": Kept(
        "KE", "Africa/Nairobi", "utf-8",
        """\
Branch Code,Branch Name,County,Physical Address,Telephone Line,Branch Manager Mobile,Email,Operating Hours
001,Westlands,Nairobi,Waiyaki Way,020 271 2345,0722 123 456,w@bank.example,"Mon-Fri 8.30am-4pm, Sat 8.30am-12pm"
014,Nyali,Mombasa,Links Road,041 222 3456,0733 123 456,n@bank.example,"Mon-Fri 8.30am-4pm, Sat 8.30am-12pm"
""",
        {},
        (
            Place("001", "Westlands", "+254202712345", "Mon-Fri 08:30-16:00; Sat 08:30-12:00"),
            Place("014", "Nyali", "+254412223456", "Mon-Fri 08:30-16:00; Sat 08:30-12:00"),
        ),
    ),
    "br_lojas": Kept(
        "BR", "America/Sao_Paulo", "cp1252",
        """\
Cód. Loja;Razão Social;CNPJ;Endereço;Bairro;Cidade;UF;CEP;DDD;Telefone;WhatsApp;Status
0001;Loja Centro Ltda;12.345.678/0001-95;Rua XV, 10;Centro;Curitiba;PR;80020-310;41;3222-4455;(41) 98765-4321;Ativa
0002;Loja Batel;12.345.678/0002-76;Av. Batel 55;Batel;Curitiba;PR;80420-090;41;3333-4455;;Ativa
""",
        {},
        (
            Place("0001", "Loja Centro Ltda", "+554132224455", None),
            Place("0002", "Loja Batel", "+554133334455", None),
        ),
    ),
    "pl_sklepy": Kept(
        "PL", "Europe/Warsaw", "cp1250",
        """\
Nr sklepu;Miasto;Ulica;Kod pocztowy;Tel. stacjonarny;Tel. kom.;Pon-Pt;Sobota;Niedziela
W01;Warszawa;ul. Złota 44;00-120;22 123 45 67;501 234 567;9:00-21:00;9:00-20:00;nieczynne
K02;Kraków;ul. Długa 1;31-147;12 345 67 89;;10:00-20:00;10:00-18:00;zamknięte
""",
        {},
        (
            Place("W01", None, "+48221234567", "Mon-Fri 09:00-21:00; Sat 09:00-20:00"),
            Place("K02", None, "+48123456789", "Mon-Fri 10:00-20:00; Sat 10:00-18:00"),
        ),
    ),
    "in_dealers": Kept(
        "IN", "Asia/Kolkata", "utf-8",
        """\
Sr. No.,Dealer Code,Dealer Name,City,State,Pincode,Landline No.,Contact Person,Contact No.,GSTIN
1,DL-114,Sharma Motors,New Delhi,Delhi,110001,011-23456789,R. Sharma,98100 12345,07ABCDE1234F1Z5
2,MH-220,Patil Auto,Pune,Maharashtra,411001,020 2612 3456,S. Patil,98220 12345,27ABCDE1234F1Z5
""",
        {},
        (
            Place("DL-114", "Sharma Motors", "+911123456789", None),
            Place("MH-220", "Patil Auto", "+912026123456", None),
        ),
    ),
    "tr_subeler": Kept(
        "TR", "Europe/Istanbul", "cp1254",
        """\
Şube Kodu;Şube Adı;İl;İlçe;Adres;Telefon;Faks;Çalışma Saatleri
34;Kadıköy;İstanbul;Kadıköy;Moda Cad. 5;0216 345 67 89;0216 345 67 80;Hafta içi 09:00-18:00, Cumartesi 10:00-16:00
06;Çankaya;Ankara;Çankaya;Atatürk Blv. 9;0 312 123 45 67;;Her gün 09:00-20:00
""",
        {},
        (
            Place("34", "Kadıköy", "+902163456789", "Mon-Fri 09:00-18:00; Sat 10:00-16:00"),
            Place("06", "Çankaya", "+903121234567", "daily 09:00-20:00"),
        ),
    ),
    "za_stores": Kept(
        "ZA", "Africa/Johannesburg", "utf-8",
        """\
Store #,Store,Province,Suburb,Tel 1,Tel 2,Mon-Fri,Sat,Sun & PH
ZA01,Sandton City,Gauteng,Sandton,011 784 1234,+27 82 123 4567,09h00-19h00,09h00-17h00,09h00-15h00
ZA02,V&A Waterfront,Western Cape,Cape Town,(021) 408 1234,,09h00-21h00,09h00-21h00,10h00-21h00
""",
        {},
        (
            Place("ZA01", "Sandton City", "+27117841234", "Mon-Fri 09:00-19:00; Sat 09:00-17:00; Sun 09:00-15:00"),
            Place("ZA02", "V&A Waterfront", "+27214081234", "Mon-Sat 09:00-21:00; Sun 10:00-21:00"),
        ),
    ),
    "nl_vestigingen": Kept(
        "NL", "Europe/Amsterdam", "utf-8",
        """\
Vestigingsnr;Vestiging;Straat + nr;Postcode;Plaats;Telefoon;Openingstijden ma t/m vr;Openingstijden za;Zondag
12;Utrecht Oost;Nachtegaalstraat 5;3581 AA;Utrecht;030 231 2345;9:00 - 18:00;9:00 - 17:00;gesloten
13;Delft;Markt 1;2611 GP;Delft;015-2123456;9:00 - 18:00;9:00 - 17:00;12:00 - 17:00
""",
        {},
        (
            Place("12", "Utrecht Oost", "+31302312345", "Mon-Fri 09:00-18:00; Sat 09:00-17:00"),
            Place("13", "Delft", "+31152123456", "Mon-Fri 09:00-18:00; Sat 09:00-17:00; Sun 12:00-17:00"),
        ),
    ),
    "us_pbx": Kept(
        "US", "UTC", "utf-8",
        """\
Extension,User Name,Department,DID,Mobile,Voicemail
2204,Front Desk,Reception,(202) 555-0142,202-555-0177,Yes
2205,Billing Queue,Billing,202.555.0143,,No
""",
        {"Extension": "location_id"},
        (
            Place("2204", None, "+12025550142", None),
            Place("2205", None, "+12025550143", None),
        ),
    ),
    "de_ansprechpartner": Kept(
        "DE", "Europe/Berlin", "cp1252",
        """\
Niederlassung;Abteilung;Zuständig für;Durchwahl;Zentrale
Hamburg;Buchhaltung;Fragen zu Rechnungen und Mahnungen;040 123456-21;040 123456-0
Hamburg;Werkstatt;Reparaturen und Termine;040 123456-30;040 123456-0
Bremen;Buchhaltung;Fragen zu Rechnungen und Mahnungen;0421 98765-21;0421 98765-0
""",
        {},
        (
            Place("Hamburg", None, "+49401234560", None, (("Buchhaltung", "+494012345621"), ("Werkstatt", "+494012345630"))),
            Place("Bremen", None, "+49421987650", None, (("Buchhaltung", "+494219876521"),)),
        ),
    ),
    "fr_agences": Kept(
        "FR", "Europe/Paris", "cp1252",
        """\
Code agence;Nom agence;Adresse;CP;Ville;Tél. accueil;Tél. urgence;Lundi;Mardi;Mercredi;Jeudi;Vendredi;Samedi;Dimanche
A75;Paris Bastille;5 rue de la Roquette;75011;Paris;01 99 00 11 22;06 12 34 56 78;9h-12h30 / 14h-18h;9h-12h30 / 14h-18h;9h-12h30 / 14h-18h;9h-12h30 / 14h-18h;9h-12h30 / 14h-18h;9h-12h;Fermé
A13;Marseille;2 quai;13001;Marseille;04 91 57 00 11;06 12 34 56 79;9h-18h;9h-18h;9h-18h;9h-18h;9h-18h;Fermé;Fermé
""",
        {},
        (
            Place("A75", "Paris Bastille", "+33199001122", "Mon-Fri 09:00-12:30 14:00-18:00; Sat 09:00-12:00", (("Tél. urgence", "+33612345678"),)),
            Place("A13", "Marseille", "+33491570011", "Mon-Fri 09:00-18:00", (("Tél. urgence", "+33612345679"),)),
        ),
    ),
    "uk_long": Kept(
        "GB", "Europe/London", "utf-8",
        """\
Site,Site name,Main number,Timezone,Reason for call,When the caller...,Send call to,Backup
LDS,Leeds,0113 496 0100,Europe/London,Billing,asks about an invoice,0113 496 0111,0113 496 0112
LDS,Leeds,0113 496 0100,Europe/London,Emergency,smells gas,0113 496 0999,
""",
        {},
        (
            Place("LDS", "Leeds", "+441134960100", None, (("Billing", "+441134960111"), ("Emergency", "+441134960999"))),
        ),
    ),
    "ar_sucursales": Kept(
        "AR", "America/Argentina/Buenos_Aires", "cp1252",
        """\
Sucursal;Domicilio;Localidad;Provincia;Teléfonos;Horario de atención;Latitud;Longitud
Casa Central;Av. Corrientes 1234;CABA;Buenos Aires;(011) 4321-1234;Lun a Vie 10 a 15 hs;-34,603722;-58,381592
Rosario;Córdoba 1500;Rosario;Santa Fe;0341 421-1234;Lun a Vie 8:15 a 13:15;-32,944243;-60,650539
""",
        {},
        (
            Place("Casa Central", None, "+541143211234", "Mon-Fri 10:00-15:00"),
            Place("Rosario", None, "+543414211234", "Mon-Fri 08:15-13:15"),
        ),
    ),
}  # fmt: skip
