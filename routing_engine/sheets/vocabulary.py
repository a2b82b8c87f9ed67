"""Words of headers in the languages of real lists, beside the aliases that are whole headers.

A header is read word by word where no alias is the whole of it: a noun for a place and a word for an
id, in either order, are an id (``Myymälänumero``, ``Kode Cabang``, ``门店编号``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["VOCABULARY", "Words"]


class Words(NamedTuple):
    """Words of one language, separated by ``|``.

    Attributes:
        places: a shop, branch or pharmacy, in the cases that headers have.
        ids: a code or a number.
        names: a name.
        phones: a phone, or the number of one.
        hours: opening hours.
        days_off: on which day of the week it is closed.
        others: what is no destination: addresses, fax and mobile numbers, tax numbers, dates, …
    """

    places: str
    ids: str
    names: str
    phones: str
    hours: str
    days_off: str
    others: str


VOCABULARY: Final[dict[str, Words]] = {
    "English": Words(
        "store|shop|branch|outlet|location|practice|clinic|dealer|office|restaurant|hotel"
        "|facility|depot|showroom|salon|centre|center|school|surgery",
        "id|code|no|nr|num|number|ref|key", "name", "telephone|phone|tel", "opening hours|hours",
        "closed on|closed days|closed day|closing day|closing days|day closed|weekly off|day off",
        "company number|registration number|tax number|vat number|email address",
    ),
    "German": Words(
        "filiale|markt|standort|niederlassung|geschäft|laden|praxis|betrieb|zweigstelle"
        "|geschäftsstelle|verkaufsstelle|apotheke|zentrum",
        "id|nr|nummer|kennung|kennziffer|kürzel|code", "name|bezeichnung", "telefon|rufnummer",
        "öffnungszeiten|geschäftszeiten|sprechzeiten", "ruhetag|ruhetage|schließtag",
        "anschrift|steuernummer|ust id|ustid nr|handelsregister|eröffnet am"
        "|gemeinde|landkreis|breite|länge|webseite|telefax nr|mobilfunk",
    ),
    "French": Words(
        "magasin|agence|boutique|succursale|pharmacie|officine|point de vente|établissement|cabinet|centre",
        "id|code|no|n|numéro|num|identifiant|réf|référence|matricule", "nom|libellé|intitulé|enseigne",
        "téléphone|tél", "horaires|heures d'ouverture", "jour de fermeture|jours de fermeture|fermeture",
        "numéro de rue|code insee|insee|n siret|n tva|tva|adresse mail|mail|e mail"
        "|date d'ouverture|région|complément d'adresse|site web|tél portable|tél fax",
    ),
    "Spanish": Words(
        "sucursal|suc|tienda|farmacia|sede|centro|oficina|local|botica|agencia|punto de venta",
        "id|cód|código|clave|no|nro|núm|número|n|folio", "nombre|denominación", "teléfono|tel|tfno",
        "horario|horarios", "día de cierre|día de descanso|descanso|cierra",
        "domicilio|calle y número|colonia|barrio|municipio|c p|rfc|ruc|nit|cuit|rif"
        "|correo electrónico|página web|fecha de apertura|celular|región|distrito|partido",
    ),
    "Portuguese": Words(
        "loja|filial|unidade|agência|farmácia|drogaria|posto|balcão|ponto de venda",
        "id|cód|código|no|nº|núm|número", "nome|designação", "telefone|tel", "horário|horários",
        "dia de folga|encerra|dia de encerramento",
        "morada|bairro|concelho|freguesia|distrito|código postal|nipc|inscrição estadual|cpf"
        "|data de abertura|telemóvel|e mail|correio eletrónico|uf|município",
    ),
    "Italian": Words(
        "negozio|filiale|sede|agenzia|farmacia|punto vendita|ufficio|ristorante|centro",
        "id|cod|codice|n|num|numero", "nome|denominazione|insegna|descrizione", "telefono|tel",
        "orario|orari", "giorno di chiusura|chiusura|riposo settimanale|turno di riposo",
        "partita iva|p iva|piva|codice fiscale|sito web|sito|data apertura"
        "|regione|frazione|numero civico|civico|posta elettronica|pec|cellulare|latitudine|longitudine",
    ),
    "Dutch": Words(
        "winkel|vestiging|filiaal|kantoor|apotheek|locatie|zaak|praktijk", "id|code|nr|nummer|kenmerk",
        "naam", "telefoon|telefoonnummer|tel", "openingstijden|openingsuren", "sluitingsdag|rustdag",
        "huisnr|huisnummer|gemeente|btw nummer|btw|kvk|kvk nummer|ondernemingsnummer"
        "|gsm verantwoordelijke|contactpersoon|breedtegraad|lengtegraad|openingsdatum|e mailadres",
    ),
    "Swedish": Words(
        "butik|butiks|avdelning|kontor|apotek|restaurang|enhet|anläggning", "id|kod|nr|nummer", "namn",
        "telefon|telefonnummer|tel|tfn", "öppettider|öppethållande", "stängd dag",
        "gatuadress|besöksadress|postadress|kommun|län|latitud|longitud|organisationsnummer|orgnr|org nr"
        "|orgnummer|e post|epost|hemsida|kontaktperson|mobilnr|öppnad|postort",
    ),
    "Danish or Norwegian": Words(
        "butik|butikk|butiks|afdeling|avdeling|kontor|apotek|filial|forretning", "id|kode|nr|nummer",
        "navn", "telefon|telefonnr|tlf|tlfnr", "åbningstider|åpningstider|åpningstid|åbningstid", "lukkedag",
        "besøksadresse|postadresse|poststed|kommune|fylke|breddegrad|lengdegrad|længdegrad|orgnr|org nr"
        "|organisasjonsnummer|cvr|cvr nr|cvrnr|p nr|pnr|se nr|e post|epost|hjemmeside|kontaktperson|åpnet",
    ),
    "Finnish": Words(
        "myymälä|myymälän|toimipaikka|toimipaikan|liike|liikkeen|kauppa|kaupan|konttori|konttorin"
        "|apteekki|apteekin|toimipiste|toimipisteen|ravintola|ravintolan",
        "tunnus|numero|nro|koodi|id", "nimi", "puhelin|puhelinnumero|puhelinnro|puh", "aukioloajat|aukiolo|aukioloaika",
        "suljettu päivä",
        "katuosoite|osoite|käyntiosoite|postiosoite|postinumero|postitoimipaikka|kaupunki|kunta|maakunta"
        "|faksi|matkapuhelin|sähköposti|kotisivu|kotisivut|verkkosivu|leveysaste|pituusaste|y tunnus"
        "|avattu|yhteyshenkilö",
    ),
    "Polish": Words(
        "sklep|sklepu|oddział|oddziału|placówka|placówki|apteka|apteki|salon|salonu|punkt|punktu|filia|filii",
        "id|kod|nr|numer", "nazwa", "telefon|telefonu|tel", "godziny otwarcia|godziny pracy|godziny",
        "dzień wolny",
        "ulica i nr|województwo|powiat|gmina|regon|krs|adres e mail|strona www|strona|szerokość|długość"
        "|szerokość geograficzna|długość geograficzna|data otwarcia|osoba kontaktowa|miejscowość"
        "|kod pocztowy|tel komórkowy|komórkowy",
    ),
    "Czech or Slovak": Words(
        "prodejna|prodejny|predajňa|predajne|pobočka|pobočky|provozovna|provozovny|prevádzka|prevádzky"
        "|lékárna|lékárny|lekáreň|lekárne|obchod|obchodu",
        "id|kód|číslo|č", "název|názov|jméno|meno", "telefon|telefón|tel",
        "otevírací doba|otváracia doba|otváracie hodiny|provozní doba|prevádzková doba", "zavírací den",
        "ulice|ulice a č p|ulica|psč|město|mesto|obec|kraj|okres|ičo|dič|ič dph|e mail|web|gps|mobil"
        "|kontaktní osoba|datum otevření|zeměpisná šířka|zeměpisná délka",
    ),
    "Hungarian": Words(
        "bolt|boltok|üzlet|üzletek|áruház|fiók|gyógyszertár|patika|étterem|telephely",
        "id|kód|kódja|szám|száma|sorszám|azonosító|azonosítója", "név|neve|megnevezés|elnevezés",
        "telefon|telefonszám|telefonszáma|tel", "nyitvatartás|nyitva tartás|nyitvatartási idő", "szünnap",
        "irányítószám|irsz|település|város|megye|cím|címe|utca|házszám|adószám|cégjegyzékszám"
        "|nyitás dátuma|weboldal|honlap|kapcsolattartó|szélesség|hosszúság|mobilszám",
    ),
    "Romanian": Words(
        "magazin|magazinul|magazinului|filială|filiala|filialei|sucursală|sucursala|sucursalei"
        "|punct de lucru|farmacie|farmacia|farmaciei|agenție|agenția|agenției",
        "id|cod|număr|nr", "denumire|nume|numele", "telefon|telefon fix|tel",
        "program|orar|program de lucru", "zi închisă|zi libera",
        "adresa|adresă|localitate|oraș|oras|județ|judet|cod poștal|cod postal|telefon mobil|cui|cif"
        "|latitudine|longitudine|persoană de contact|data deschiderii|sector|stradă|strada",
    ),
    "Greek": Words(
        "κατάστημα|καταστήματος|υποκατάστημα|υποκαταστήματος|φαρμακείο|φαρμακείου|σημείο|γραφείο",
        "κωδικός|κωδ|αριθμός|αρ", "όνομα|ονομασία|επωνυμία", "τηλέφωνο|τηλέφωνα|τηλ",
        "ωράριο|ώρες λειτουργίας|ωράριο λειτουργίας|ώρες", "ημέρα αργίας",
        "διεύθυνση|οδός|τ κ|τκ|ταχυδρομικός κώδικας|πόλη|νομός|δήμος|περιοχή|φαξ|κινητό|ιστοσελίδα|αφμ"
        "|α φ μ|δου|ηλεκτρονικό ταχυδρομείο|γεωγραφικό πλάτος|γεωγραφικό μήκος|ημερομηνία",
    ),
    "Russian, Ukrainian or Bulgarian": Words(
        "магазин|магазина|магазину|филиал|филиала|філія|філії|філіал|відділення|отделение|отделения"
        "|аптека|аптеки|точка|точки|обект|обекта|офис|офиса|офіс|офісу|салон|салона|клон|клона",
        "id|код|номер|№|ид|шифр", "название|наименование|назва|найменування|име|имя",
        "телефон|телефони|телефоны|тел",
        "часы работы|режим работы|время работы|график работы|графік роботи|години роботи|режим роботи"
        "|часи роботи|работно време",
        "выходной день|выходные|вихідний день|почивен ден",
        "адрес|адреса|город|місто|град|улица|вулиця|ул|дом|будинок|индекс|індекс|почтовый индекс"
        "|поштовий індекс|пощенски код|область|район|регион|область край|факс|мобильный|мобільний|мобилен"
        "|эл почта|электронная почта|ел пошта|електронна пошта|имейл|сайт|инн|кпп|огрн|єдрпоу|еік"
        "|еик|булстат|широта|долгота|довгота|контактное лицо|дата открытия|координаты",
    ),
    "Croatian, Serbian or Slovene": Words(
        "poslovnica|poslovnice|prodavnica|prodavnice|ljekarna|ljekarne|apoteka|apoteke|trgovina|trgovine"
        "|poslovalnica|poslovalnice|filijala|filijale|prodajno mesto|lekarna|lekarne|podružnica|podružnice",
        "id|šifra|oznaka|broj|številka|kod", "naziv|ime", "telefon|broj telefona|telefonska številka|tel",
        "radno vrijeme|radno vreme|delovni čas|odpiralni čas|obratovalni čas", "neradni dan",
        "adresa|naslov|ulica|poštanski broj|poštna številka|pošta|grad|mjesto|mesto|kraj|općina|opština"
        "|občina|županija|telefaks|e pošta|e naslov|oib|pib|mb|matični broj|davčna številka|mobitel"
        "|mobilni|kontakt osoba|geografska širina|geografska dužina",
    ),
    "Lithuanian, Latvian or Estonian": Words(
        "parduotuvė|parduotuvės|filialas|filialo|vaistinė|vaistinės|padalinys|padalinio|veikals|veikala"
        "|aptieka|aptiekas|filiāle|filiāles|kauplus|kaupluse|apteek|apteegi|esindus|esinduse|kontor|kontori",
        "id|kodas|numeris|nr|kods|numurs|kood|number", "pavadinimas|nosaukums|nimetus|nimi",
        "telefonas|telefono numeris|telefons|tālrunis|telefon|tel",
        "darbo laikas|darba laiks|lahtiolekuajad|lahtiolekuaeg|avatud", "nedarbo diena|brīvdiena",
        "adresas|adrese|aadress|miestas|pilsēta|linn|pašto kodas|pasta indekss|postiindeks|sihtnumber"
        "|faksas|fakss|faks|el paštas|e pasts|e post|įmonės kodas|pvm kodas|reģ nr|registrikood|mobilus"
        "|mobilais|mobiil|savivaldybė|novads|maakond|platuma|ilguma",
    ),
    "Turkish": Words(
        "şube|şubenin|mağaza|mağazanın|eczane|bayi|ofis|bölge", "id|kod|kodu|no|numarası|numara",
        "adı|ad|isim|unvan|unvanı", "telefon|telefonu|telefon numarası|tel",
        "çalışma saatleri|mesai saatleri|açılış saatleri", "kapalı gün|tatil günü",
        "adres|il|ilçe|mahalle|posta kodu|faks|cep|cep telefonu|e posta|eposta|vergi no|vergi dairesi"
        "|enlem|boylam|açılış tarihi",
    ),
    "Hebrew": Words(
        "סניף|הסניף|חנות|החנות|מרפאה|בית מרקחת", "קוד|מספר|מס", "שם", "טלפון|טל|מספר טלפון",
        "שעות פתיחה|שעות פעילות|שעות", "יום סגור",
        'כתובת|רחוב|עיר|יישוב|מיקוד|פקס|נייד|דוא"ל|דואל|אימייל|אתר|ח פ|ע מ|איש קשר|קו רוחב|קו אורך',
    ),
    "Arabic or Persian": Words(
        "الفرع|فرع|المتجر|متجر|المعرض|الصيدلية|صيدلية|المكتب|شعبه|فروشگاه|داروخانه",
        "رمز|كود|رقم|کد|شماره|معرف", "اسم|نام", "الهاتف|هاتف|رقم الهاتف|تليفون|التليفون|تلفن|شماره تلفن",
        "ساعات العمل|أوقات العمل|اوقات العمل|ساعت کاری|ساعات کاری", "يوم العطلة|يوم الإجازة",
        "العنوان|عنوان|المدينة|مدينة|الحي|المنطقة|الرمز البريدي|الفاكس|فاكس|الجوال|جوال|المحمول|الموبايل"
        "|البريد الإلكتروني|البريد الالكتروني|الموقع|الرقم الضريبي|السجل التجاري|خط العرض|خط الطول"
        "|آدرس|شهر|استان|کد پستی|نمابر|همراه|موبایل|ایمیل|وبسایت",
    ),
    "Indonesian or Malay": Words(
        "cabang|toko|gerai|outlet|cawangan|kedai|apotek|kantor|unit", "id|kode|kod|no|nomor|nombor",
        "nama", "telepon|telp|tlp|telefon|no telepon|no telp|nomor telepon|no tel",
        "jam operasional|jam buka|jam kerja|jam layanan|waktu operasi|waktu perniagaan", "hari libur|hari tutup",
        "alamat|kota|kabupaten|provinsi|kecamatan|kelurahan|kode pos|poskod|bandar|negeri|no fax|faks|no hp"
        "|no hp pic|no wa|npwp|garis lintang|garis bujur|lintang|bujur",
    ),
    "Vietnamese": Words(
        "cửa hàng|chi nhánh|nhà thuốc|văn phòng|điểm bán", "mã|mã số|số", "tên", "điện thoại|số điện thoại|sđt|đt",
        "giờ mở cửa|giờ làm việc|thời gian mở cửa|giờ hoạt động", "ngày nghỉ",
        "địa chỉ|quận|huyện|quận huyện|phường|phường xã|tỉnh|thành phố|tỉnh thành|tỉnh thành phố|fax|di động"
        "|mã bưu điện|mã số thuế|mst|vĩ độ|kinh độ|người liên hệ",
    ),
    "Thai": Words(
        "สาขา|ร้าน|ร้านค้า|สำนักงาน", "รหัส|เลขที่", "ชื่อ", "โทรศัพท์|เบอร์โทร|เบอร์โทรศัพท์|โทร|หมายเลขโทรศัพท์",
        "เวลาทำการ|เวลาเปิดปิด|เวลาเปิด ปิด|เวลาเปิดทำการ", "วันหยุด",
        "ที่อยู่|จังหวัด|อำเภอ|เขต|ตำบล|แขวง|รหัสไปรษณีย์|แฟกซ์|โทรสาร|มือถือ|อีเมล|เว็บไซต์|ละติจูด|ลองจิจูด"
        "|เลขประจำตัวผู้เสียภาษี",
    ),
    "Hindi": Words(
        "शाखा|दुकान|कार्यालय|केंद्र", "कोड|क्रमांक|संख्या", "नाम|का नाम", "फोन|फ़ोन|दूरभाष|फोन नंबर|टेलीफोन", "समय|खुलने का समय",
        "अवकाश", "पता|शहर|जिला|राज्य|पिन कोड|मोबाइल|ईमेल|फैक्स",
    ),
    "Japanese": Words(
        "店舗|店|支店|拠点|営業所|薬局|医院", "コード|番号|id|no|cd", "名|名称", "電話|電話番号|tel|代表電話|代表番号|連絡先",
        "営業時間|開店時間|診療時間|受付時間", "定休日|休業日|休診日|店休日|休館日",
        "住所|所在地|都道府県|市区町村|郵便番号|fax番号|ファックス|携帯|メール|メールアドレス|ホームページ|緯度|経度"
        "|開店日|備考|法人番号",
    ),
    "Chinese": Words(
        "门店|門店|店铺|店舖|分店|门市|門市|网点|網點|商店|分行|支行|药店|藥局|餐厅|机构",
        "编号|編號|代码|代碼|代号|代號|编码|編碼|号|id", "名称|名稱|名", "电话|電話|联系电话|聯絡電話|联络电话|电话号码|電話號碼|座机|总机|客服电话",
        "营业时间|營業時間|营运时间|服务时间|服務時間", "公休日|休息日|店休日|休业日",
        "省份|省|城市|市|区|區|县市|縣市|地区|地址|详细地址|邮编|郵遞區號|邮政编码|传真|傳真|手机|手機"
        "|邮箱|電子郵件|经度|經度|纬度|緯度|统一社会信用代码|統一編號|开业日期|网址|備註|备注",
    ),
    "Korean": Words(
        "매장|지점|점포|영업점|가맹점|약국|병원|센터", "코드|번호|id|no", "명|이름|명칭", "전화|전화번호|연락처|대표전화|대표번호|매장전화",
        "영업시간|운영시간|진료시간|이용시간", "휴무|휴무일|정기휴무|정기휴무일|휴점일",
        "주소|도로명주소|지번주소|우편번호|시도|시군구|팩스|팩스번호|휴대폰|휴대전화|이메일|홈페이지|위도|경도"
        "|사업자등록번호|사업자번호|개점일|비고",
    ),
}  # fmt: skip
"""Language -> its words; case and accents do not matter."""
