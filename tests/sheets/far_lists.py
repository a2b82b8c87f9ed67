"""Lists of places in the languages and scripts of twenty-two more countries.

All of them are written for these tests; the numbers are of nobody that is known.
"""

from __future__ import annotations

from typing import Final

from .kept_lists import Kept, Place

__all__ = ["FAR_LISTS"]

FAR_LISTS: Final[dict[str, Kept]] = {
    "fi_myymalat": Kept(
        "FI", "UTC", "utf-8",
        """\
Myymälänumero;Myymälä;Katuosoite;Postinumero;Postitoimipaikka;Puhelin;Faksi;Sähköposti;Kotisivu;Aukioloajat;Leveysaste;Pituusaste;Avattu
1001;Kamppi;Urho Kekkosen katu 1;00100;Helsinki;09 1234 5678;09 1234 5679;kamppi@x.example;www.x.example;ma-pe 9-21, la 9-18, su 12-18;60.1685;24.9310;1.3.2006
1002;Tampere;Hämeenkatu 1;33100;Tampere;03 234 5678;;t@x.example;;ma-pe 10-20, la 10-18;61.4978;23.7610;15.5.2010
""",
        {},
        (
            Place("1001", "Kamppi", "+358912345678", "Mon-Fri 09:00-21:00; Sat 09:00-18:00; Sun 12:00-18:00"),
            Place("1002", "Tampere", "+35832345678", "Mon-Fri 10:00-20:00; Sat 10:00-18:00"),
        ),
    ),
    "no_butikker": Kept(
        "NO", "UTC", "utf-8",
        """\
Butikknr;Butikknavn;Besøksadresse;Postnr;Poststed;Telefon;Telefaks;Mobil;E-post;Hjemmeside;Åpningstider;Org.nr;Breddegrad;Lengdegrad
12;Oslo City;Stenersgata 1;0184;Oslo;22 33 44 55;22 33 44 56;912 34 567;o@x.example;x.example;man-fre 10-22, lør 10-20;912 345 678;59.91;10.75
13;Bergen;Torgallmenningen 2;5014;Bergen;55 23 45 67;;;b@x.example;;man-fre 9-20, lør 9-18, søn stengt;912345679;60.39;5.32
""",
        {},
        (
            Place("12", "Oslo City", "+4722334455", "Mon-Fri 10:00-22:00; Sat 10:00-20:00"),
            Place("13", "Bergen", "+4755234567", "Mon-Fri 09:00-20:00; Sat 09:00-18:00"),
        ),
    ),
    "dk_butikker": Kept(
        "DK", "UTC", "cp1252",
        """\
Butiksnr.;Butiksnavn;Adresse;Postnr.;By;Tlf.;Fax;CVR-nr.;P-nr.;Åbningstider hverdage;Åbningstider lørdag;Åbningstider søndag;Kontaktperson;Mobil
7;Strøget;Østergade 1;1100;København K;33 12 34 56;33 12 34 57;12345678;1012345678;10-19;10-17;lukket;Ib Hansen;20 12 34 56
8;Aarhus;Ryesgade 2;8000;Aarhus C;86 12 34 56;;12345678;1012345679;10-18;10-15;lukket;Ea Holm;20 12 34 57
""",
        {},
        (
            Place("7", "Strøget", "+4533123456", "Mon-Fri 10:00-19:00; Sat 10:00-17:00"),
            Place("8", "Aarhus", "+4586123456", "Mon-Fri 10:00-18:00; Sat 10:00-15:00"),
        ),
    ),
    "cz_prodejny": Kept(
        "CZ", "UTC", "cp1250",
        """\
Číslo prodejny;Název prodejny;Ulice a č.p.;PSČ;Město;Kraj;Telefon;Mobil;E-mail;IČO;DIČ;Otevírací doba;GPS
P01;Václavské nám.;Václavské nám. 1;110 00;Praha 1;Praha;221 234 567;601 234 567;p@x.example;12345678;CZ12345678;Po-Pá 9:00-20:00, So 9:00-18:00, Ne zavřeno;50.0817, 14.4263
P02;Brno;Masarykova 5;602 00;Brno;Jihomoravský;542 123 456;;b@x.example;12345678;CZ12345678;Po-Pá 8:00-18:00;49.1937, 16.6076
""",
        {},
        (
            Place("P01", "Václavské nám.", "+420221234567", "Mon-Fri 09:00-20:00; Sat 09:00-18:00"),
            Place("P02", "Brno", "+420542123456", "Mon-Fri 08:00-18:00"),
        ),
    ),
    "hu_boltok": Kept(
        "HU", "UTC", "cp1250",
        """\
Bolt kód;Bolt neve;Irányítószám;Település;Cím;Telefonszám;Fax;E-mail;Adószám;Nyitvatartás;Nyitás dátuma
B1;Astoria;1053;Budapest;Károly krt. 1;(1) 234 5678;(1) 234 5679;a@x.example;12345678-2-42;Hétfő-Péntek 9-19, Szombat 9-14, Vasárnap zárva;2015.03.01.
B2;Szeged;6720;Szeged;Kárász u. 3;(62) 123 456;;s@x.example;12345678-2-42;Hétfő-Péntek 8-18;2016.04.11.
""",
        {},
        (
            Place("B1", "Astoria", "+3612345678", "Mon-Fri 09:00-19:00; Sat 09:00-14:00"),
            Place("B2", "Szeged", "+3662123456", "Mon-Fri 08:00-18:00"),
        ),
    ),
    "ro_magazine": Kept(
        "RO", "UTC", "utf-8",
        """\
Cod magazin;Denumire magazin;Adresa;Localitate;Judet;Cod postal;Telefon fix;Telefon mobil;Fax;Email;CUI;Program;Latitudine;Longitudine
M01;Unirii;Bd. Unirii 1;Bucuresti;B;030167;021 312 3456;0722 123 456;021 312 3457;u@x.example;RO1234567;Luni-Vineri 9-21, Sambata 10-18;44.4268;26.1025
M02;Cluj;Str. Memo 3;Cluj-Napoca;CJ;400114;0264 123 456;;;c@x.example;RO1234567;Luni-Vineri 9-18;46.7712;23.6236
""",
        {},
        (
            Place("M01", "Unirii", "+40213123456", "Mon-Fri 09:00-21:00; Sat 10:00-18:00"),
            Place("M02", "Cluj", "+40264123456", "Mon-Fri 09:00-18:00"),
        ),
    ),
    "gr_katastimata": Kept(
        "GR", "UTC", "utf-8",
        """\
Κωδικός καταστήματος;Κατάστημα;Διεύθυνση;Τ.Κ.;Πόλη;Τηλέφωνο;Φαξ;Κινητό;Email;Ιστοσελίδα;ΑΦΜ;Ωράριο
ΑΘ1;Σύνταγμα;Ερμού 1;10563;Αθήνα;210 321 2345;210 321 2346;691 234 5678;a@x.example;www.x.example;123456789;Δευ-Παρ 9:00-21:00, Σάβ 9:00-20:00
ΘΕ1;Τσιμισκή;Τσιμισκή 10;54624;Θεσσαλονίκη;2310 223 344;;;t@x.example;;123456789;Δευ-Παρ 9:00-17:00
""",
        {},
        (
            Place("ΑΘ1", "Σύνταγμα", "+302103212345", "Mon-Fri 09:00-21:00; Sat 09:00-20:00"),
            Place("ΘΕ1", "Τσιμισκή", "+302310223344", "Mon-Fri 09:00-17:00"),
        ),
    ),
    "ua_apteky": Kept(
        "UA", "UTC", "cp1251",
        """\
№;Назва аптеки;Місто;Вулиця;Індекс;Телефон;Факс;Ел. пошта;Графік роботи;ЄДРПОУ;Широта;Довгота
1;Аптека Центр;Київ;Хрещатик 1;01001;(044) 234-56-78;(044) 234-56-79;c@x.example;Пн-Пт 8:00-20:00, Сб 9:00-18:00;12345678;50.45;30.52
2;Аптека Львів;Львів;пл. Ринок 5;79008;(032) 272-34-56;;l@x.example;Пн-Нд 9:00-21:00;12345678;49.84;24.03
""",
        {},
        (
            Place("1", "Аптека Центр", "+380442345678", "Mon-Fri 08:00-20:00; Sat 09:00-18:00"),
            Place("2", "Аптека Львів", "+380322723456", "daily 09:00-21:00"),
        ),
    ),
    "bg_magazini": Kept(
        "BG", "UTC", "cp1251",
        """\
Код;Име на обект;Адрес;Град;Пощенски код;Телефон;Факс;Имейл;Работно време;ЕИК
01;Витоша;бул. Витоша 1;София;1000;02 987 6543;02 987 6544;v@x.example;09:00-20:00;123456789
02;Пловдив;ул. Главна 2;Пловдив;4000;032 623 456;;p@x.example;10:00-19:00;123456789
""",
        {"Работно време": "ignore"},
        (
            Place("01", None, "+35929876543", None),
            Place("02", None, "+35932623456", None),
        ),
    ),
    "hr_poslovnice": Kept(
        "HR", "UTC", "cp1250",
        """\
Šifra poslovnice;Naziv poslovnice;Adresa;Poštanski broj;Grad;Telefon;Telefaks;E-pošta;OIB;Radno vrijeme
Z1;Zagreb Centar;Ilica 1;10000;Zagreb;01 4812 345;01 4812 346;z@x.example;12345678901;Pon-Pet 8-20, Sub 8-15
S1;Split;Marmontova 2;21000;Split;021 345 678;;s@x.example;12345678901;Pon-Pet 9-19
""",
        {},
        (
            Place("Z1", "Zagreb Centar", "+38514812345", "Mon-Fri 08:00-20:00; Sat 08:00-15:00"),
            Place("S1", "Split", "+38521345678", "Mon-Fri 09:00-19:00"),
        ),
    ),
    "kr_store": Kept(
        "KR", "UTC", "cp949",
        """\
매장코드,매장명,우편번호,주소,전화번호,팩스번호,이메일,영업시간,정기휴무,위도,경도
K001,강남점,06236,서울특별시 강남구 테헤란로 1,02-555-1234,02-555-1235,k@x.example,매일 10:00-22:00,없음,37.49,127.02
K002,부산점,48058,부산광역시 해운대구 2,051-742-1234,,b@x.example,월~금 10:00-20:00,주말,35.16,129.16
""",
        {},
        (
            Place("K001", "강남점", "+8225551234", "daily 10:00-22:00"),
            Place("K002", "부산점", "+82517421234", "Mon-Fri 10:00-20:00"),
        ),
    ),
    "cn_store": Kept(
        "CN", "UTC", "gb18030",
        """\
门店编号,门店名称,省份,城市,地址,邮编,联系电话,传真,负责人,手机,营业时间,经度,纬度
S001,北京王府井店,北京,北京市,王府井大街1号,100006,010-65123456,010-65123457,张三,13800138000,周一至周日 10:00-22:00,116.41,39.91
S002,上海南京路店,上海,上海市,南京东路2号,200001,021-63223456,,李四,13900139000,周一至周五 9:00-18:00,121.48,31.23
""",
        {},
        (
            Place("S001", "北京王府井店", "+861065123456", "daily 10:00-22:00"),
            Place("S002", "上海南京路店", "+862163223456", "Mon-Fri 09:00-18:00"),
        ),
    ),
    "tw_store": Kept(
        "TW", "UTC", "big5",
        """\
門市代號,門市名稱,縣市,地址,電話,傳真,營業時間,公休日
TP01,信義店,台北市,信義路1號,02-2345-6789,02-2345-6780,每日 11:00-21:30,無
KH01,左營店,高雄市,自由路2號,07-345-6789,,週一至週五 11:00-20:00,週末
""",
        {},
        (
            Place("TP01", "信義店", "+886223456789", "daily 11:00-21:30"),
            Place("KH01", "左營店", "+88673456789", "Mon-Fri 11:00-20:00"),
        ),
    ),
    "vn_cuahang": Kept(
        "VN", "UTC", "utf-8",
        """\
Mã cửa hàng,Tên cửa hàng,Địa chỉ,Quận/Huyện,Tỉnh/Thành phố,Điện thoại,Fax,Email,Giờ mở cửa,Vĩ độ,Kinh độ
CH01,Nguyễn Huệ,1 Nguyễn Huệ,Quận 1,TP.HCM,028 3822 1234,028 3822 1235,a@x.example,Thứ 2 - Thứ 6: 8:00 - 21:00,10.77,106.70
CH02,Tràng Tiền,2 Tràng Tiền,Hoàn Kiếm,Hà Nội,024 3825 1234,,b@x.example,Hàng ngày 9:00-22:00,21.02,105.85
""",
        {},
        (
            Place("CH01", "Nguyễn Huệ", "+842838221234", "Mon-Fri 08:00-21:00"),
            Place("CH02", "Tràng Tiền", "+842438251234", "daily 09:00-22:00"),
        ),
    ),
    "th_sakha": Kept(
        "TH", "UTC", "utf-8",
        """\
รหัสสาขา,ชื่อสาขา,ที่อยู่,จังหวัด,รหัสไปรษณีย์,โทรศัพท์,แฟกซ์,เวลาทำการ
B01,สยาม,ถนนพระราม 1,กรุงเทพมหานคร,10330,02-123-4567,02-123-4568,10:00-22:00
B02,เชียงใหม่,ถนนนิมมาน,เชียงใหม่,50200,053-123-456,,10:00-21:00
""",
        {"เวลาทำการ": "ignore"},
        (
            Place("B01", "สยาม", "+6621234567", None),
            Place("B02", "เชียงใหม่", "+6653123456", None),
        ),
    ),
    "id_cabang": Kept(
        "ID", "UTC", "utf-8",
        """\
Kode Cabang,Nama Cabang,Alamat,Kota,Kode Pos,No. Telepon,No. Fax,No. HP PIC,Email,Jam Operasional
JKT1,Sudirman,Jl. Sudirman 1,Jakarta,10220,(021) 5712345,(021) 5712346,0812-3456-7890,j@x.example,Senin-Jumat 08.00-16.00
SBY1,Tunjungan,Jl. Tunjungan 2,Surabaya,60275,(031) 5312345,,,s@x.example,Senin-Jumat 08.00-15.00
""",
        {},
        (
            Place("JKT1", "Sudirman", "+62215712345", "Mon-Fri 08:00-16:00"),
            Place("SBY1", "Tunjungan", "+62315312345", "Mon-Fri 08:00-15:00"),
        ),
    ),
    "il_snifim": Kept(
        "IL", "UTC", "utf-8",
        """\
קוד סניף,שם סניף,כתובת,עיר,מיקוד,טלפון,פקס,נייד,דוא"ל,שעות פתיחה
1,דיזנגוף,דיזנגוף 50,תל אביב,6433222,03-5234567,03-5234568,050-1234567,a@x.example,09:00-20:00
2,ירושלים,יפו 1,ירושלים,9414101,02-6234567,,,b@x.example,09:00-19:00
""",
        {"שעות פתיחה": "ignore"},
        (
            Place("1", "דיזנגוף", "+97235234567", None),
            Place("2", "ירושלים", "+97226234567", None),
        ),
    ),
    "sa_furu": Kept(
        "SA", "UTC", "utf-8",
        """\
رمز الفرع,اسم الفرع,العنوان,المدينة,الرمز البريدي,الهاتف,الفاكس,الجوال,البريد الإلكتروني,ساعات العمل
R1,العليا,شارع العليا,الرياض,11564,011 412 3456,011 412 3457,050 123 4567,r@x.example,24/7
J1,التحلية,شارع التحلية,جدة,21432,012 612 3456,,,j@x.example,24/7
""",
        {},
        (
            Place("R1", "العليا", "+966114123456", "24/7"),
            Place("J1", "التحلية", "+966126123456", "24/7"),
        ),
    ),
    "si_poslovalnice": Kept(
        "SI", "UTC", "cp1250",
        """\
Šifra;Naziv;Ulica;Pošta;Kraj;Telefon;Faks;E-naslov;Davčna številka;Delovni čas
1;Ljubljana Center;Čopova 1;1000;Ljubljana;01 234 56 78;01 234 56 79;l@x.example;SI12345678;pon-pet 8-19
2;Maribor;Gosposka 2;2000;Maribor;02 234 56 78;;m@x.example;SI12345678;pon-pet 8-18
""",
        {},
        (
            Place("1", "Ljubljana Center", "+38612345678", "Mon-Fri 08:00-19:00"),
            Place("2", "Maribor", "+38622345678", "Mon-Fri 08:00-18:00"),
        ),
    ),
    "lt_parduotuves": Kept(
        "LT", "UTC", "utf-8",
        """\
Parduotuvės kodas;Pavadinimas;Adresas;Miestas;Pašto kodas;Telefonas;Faksas;El. paštas;Darbo laikas
V1;Gedimino;Gedimino pr. 1;Vilnius;LT-01103;(8 5) 212 3456;;v@x.example;I-V 9-20
K1;Laisvės;Laisvės al. 2;Kaunas;LT-44240;(8 37) 212 345;;k@x.example;I-V 9-19
""",
        {},
        (
            Place("V1", "Gedimino", "+37052123456", "Mon-Fri 09:00-20:00"),
            Place("K1", "Laisvės", "+37037212345", "Mon-Fri 09:00-19:00"),
        ),
    ),
    "mx_sucursales": Kept(
        "MX", "UTC", "cp1252",
        """\
No. Suc.;Nombre Sucursal;Calle y número;Colonia;C.P.;Municipio;Estado;Lada;Teléfono;Celular gerente;Correo electrónico;Horario L-V;Horario Sábado;Horario Domingo;RFC
001;Centro;Madero 1;Centro;06000;Cuauhtémoc;CDMX;55;5512 3456;55 1234 5678;c@x.example;9:00-20:00;9:00-18:00;Cerrado;XAXX010101000
002;GDL;Av. Vallarta 2;Americana;44160;Guadalajara;Jalisco;33;3615 1234;;g@x.example;9:00-20:00;10:00-15:00;Cerrado;XAXX010101000
""",
        {},
        (
            Place("001", "Centro", "+525555123456", "Mon-Fri 09:00-20:00; Sat 09:00-18:00"),
            Place("002", "GDL", "+523336151234", "Mon-Fri 09:00-20:00; Sat 10:00-15:00"),
        ),
    ),
    "be_winkels": Kept(
        "BE", "UTC", "utf-8",
        """\
Winkelcode;Winkelnaam;Straat;Huisnr;Postcode;Gemeente;Tel;Fax;GSM verantwoordelijke;BTW-nummer;Maandag;Dinsdag;Woensdag;Donderdag;Vrijdag;Zaterdag;Zondag
BE01;Antwerpen Meir;Meir;1;2000;Antwerpen;03 231 23 45;03 231 23 46;0478 12 34 56;BE0123456789;10u-18u;10u-18u;10u-18u;10u-18u;10u-18u;10u-18u;gesloten
BE02;Gent;Veldstraat;2;9000;Gent;09 223 12 34;;;BE0123456789;10u-18u;10u-18u;10u-18u;10u-18u;10u-18u;10u-18u;gesloten
""",
        {},
        (
            Place("BE01", "Antwerpen Meir", "+3232312345", "Mon-Sat 10:00-18:00"),
            Place("BE02", "Gent", "+3292231234", "Mon-Sat 10:00-18:00"),
        ),
    ),
    "jp_teikyubi": Kept(
        "JP", "Asia/Tokyo", "cp932",
        """\
店舗コード,店舗名,郵便番号,住所,電話番号,FAX番号,営業時間,定休日
T001,新宿店,160-0022,東京都新宿区1-2-3,03-1234-5678,03-1234-5679,10:00～20:00,水曜日
T002,梅田店,530-0001,大阪市北区4-5,06-1234-5678,,10:00～21:00,年中無休
T003,栄店,460-0008,名古屋市中区6,052-123-4567,,11:00-19:00,日曜・祝日
""",
        {},
        (
            Place("T001", "新宿店", "+81312345678", "Mon-Tue, Thu-Sun 10:00-20:00"),
            Place("T002", "梅田店", "+81612345678", "daily 10:00-21:00"),
            Place("T003", "栄店", "+81521234567", "Mon-Sat 11:00-19:00; holidays JP"),
        ),
    ),
    "de_ruhetag": Kept(
        "DE", "Europe/Berlin", "cp1252",
        """\
Nr.;Filialnummer;Filiale;Straße, Nr.;PLZ;Ort;Telefon / Phone;Öffnungszeiten;Ruhetag
1;K01;Köln Süd;Bonner Str. 1;50677;Köln;0221 4710 456;10-22 Uhr;Montag
2;B07;Bonn;Markt 5;53111;Bonn;0228 123456;11:30-23:00;keiner
Summe: 2 Filialen;;;;;;;;
""",
        {},
        (
            Place("K01", "Köln Süd", "+492214710456", "Tue-Sun 10:00-22:00"),
            Place("B07", "Bonn", "+49228123456", "daily 11:30-23:00"),
        ),
    ),
}  # fmt: skip
