"""The words of opening hours in the languages that they are read in.

A text is read in each language by itself, so that ``di`` is Tuesday beside German words and Sunday
beside French ones, and is refused where two languages read it differently: see
:func:`routing_engine.hours.parse_weekly`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

__all__ = ["LANGUAGES", "Language", "says_closed", "with_public_holidays"]


@dataclass(frozen=True, slots=True)
class Language:
    """Words of one language, folded; those of a kind are separated by ``|``, and may be patterns.

    Attributes:
        name: in English.
        days: of Monday, Tuesday and so on, separated by spaces.
        closed: for no hours.
        to: between the ends of a range.
        daily, weekdays, weekend: groups of days.
        all_day: for twenty-four hours.
        other: what is said around hours and adds nothing.
        rewrites: patterns, and what each is replaced by before anything is read.
        has_spaces: whether words are written apart.
        is_24_hour: whether times without am or pm are of the 24-hour clock.
        is_terse: whether its names of days are so short that one alone says nothing of the language.
    """

    name: str
    days: tuple[str, str, str, str, str, str, str]
    closed: str
    to: str = ""
    daily: str = ""
    weekdays: str = ""
    weekend: str = ""
    all_day: str = ""
    other: str = ""
    rewrites: tuple[tuple[str, str], ...] = ()
    has_spaces: bool = True
    is_24_hour: bool = True
    is_terse: bool = False

    @property
    def day_of(self) -> dict[str, int]:
        """Map each name of a day to the day; Monday is 0."""
        return _days_of(self)


@cache
def _days_of(language: Language) -> dict[str, int]:
    return {word: day for day, words in enumerate(language.days) for word in words.split()}


# The first is also that of the OpenStreetMap grammar, and of what this package writes.
LANGUAGES: Final = (
    Language(
        "English",
        ("m mo mon monday mondays", "tu tue tues tuesday tuesdays", "w we wed weds wednesday wednesdays",
         "th thu thur thurs thursday thursdays", "f fr fri friday fridays",
         "sa sat saturday saturdays", "su sun sunday sundays"),
        closed="closed|off|shut",
        to="to|thru|through|until|till?",
        daily="daily|every ?day|(?:open )?(?:7|seven) days(?: a week)?",
        weekdays="weekdays?",
        weekend="weekends?",
        all_day="24 ?(?:hours|hrs|h) a day(?:, ?| )7 days a week|24[ -]?(?:h|hrs?|hours?)"
                "|all day|always|round the clock",
        other="and|on|from|open(?:ing)?|hours?|hrs|store|incl|including",
        is_24_hour=False,
    ),
    Language(
        "German",
        ("mo montag montags", "di dienstag dienstags", "mi mittwoch mittwochs",
         "do donnerstag donnerstags", "fr freitag freitags",
         "sa samstag samstags sonnabend sonnabends", "so sonntag sonntags"),
        closed="geschlossen|ruhetag|zu|closed|off",
        to="bis",
        daily="täglich|jeden tag",
        weekend="(?:am )?wochenende",
        all_day="24 ?(?:h|std|stunden)|rund um die uhr",
        other="und|u|uhr|von|am|an|jeweils|sowie|geöffnet|öffnungszeiten|inkl|einschließlich",
    ),
    Language(
        "French",
        ("l lu lun lundi lundis", "ma mar mardi mardis", "me mer mercredi mercredis",
         "j je jeu jeudi jeudis", "v ve ven vendredi vendredis", "s sa sam samedi samedis",
         "d di dim dimanche dimanches"),
        closed="fermée?|closed|off",
        to="à|a|au|jusqu'à",
        daily="tous les jours|7 ?j(?:ours)? ?(?:/|sur) ?7 ?j?|tlj",
        weekend="(?:le )?week-?ends?",
        all_day="24 ?h(?: ?(?:/|sur) ?24)?",
        other="et|de|du|le|les|des|puis|ouvert|horaires|y compris",
    ),
    Language(
        "Spanish",
        ("l lu lun lunes", "m ma mar martes", "x mi mie mié miercoles miércoles",
         "j ju jue jueves", "v vi vie viernes", "s sa sab sáb sabado sábado sabados sábados",
         "d do dom domingo domingos"),
        closed="cerrado|closed|off",
        to="a|al|hasta|a las",
        daily="todos los d[ií]as|diario|diariamente",
        weekend="fines? de semana",
        all_day="24 ?(?:h|hs|hrs|horas)",
        other="y|e|de|del|desde|las?|los|el|h|hs|hrs|horas|horario|abierto",
        is_24_hour=False,
    ),
    Language(
        "Portuguese",
        ("seg segunda segunda-feira 2a", "ter terça terca terça-feira 3a", "qua quarta quarta-feira 4a",
         "qui quinta quinta-feira 5a", "sex sexta sexta-feira 6a",
         "sa sab sáb sabado sábado sábados", "do dom domingo domingos"),
        closed="fechad[oa]|encerrad[oa]|closed|off",
        to="a|à|ao?s?|às|até(?: às)?",
        daily="todos os dias|diariamente",
        weekend="fins? de semana",
        all_day="24 ?(?:h|hrs|horas)",
        other="e|de|das?|dos?|h|hs|hrs|horas|horário|aberto",
    ),
    Language(
        "Italian",
        ("lu lun lunedi lunedì", "ma mar martedi martedì", "me mer mercoledi mercoledì",
         "gi gio giovedi giovedì", "ve ven venerdi venerdì", "sa sab sabato",
         "do dom domenica domeniche"),
        closed="chius[oi]|closed|off",
        to="a|al|alla|alle(?: ore)?|all'|fino alle",
        daily="tutti i giorni|ogni giorno",
        weekend="(?:nel )?(?:week-?end|fine settimana)",
        all_day="24 ?(?:h|ore)|h ?24",
        other="e|dal?|dalla|dalle|dall'|ore|orario|aperto",
    ),
    Language(
        "Dutch",
        ("ma maandag maandags", "di din dinsdag dinsdags", "wo woe woensdag woensdags",
         "do don donderdag donderdags", "vr vrij vrijdag vrijdags", "za zat zaterdag zaterdags",
         "zo zon zondag zondags"),
        closed="gesloten|closed|off",
        to="t/m|tot(?: en met)?|tm",
        daily="dagelijks|elke dag|iedere dag",
        weekend="(?:in het )?weekend",
        all_day="24 ?(?:uur|u)",
        other="en|van|uur|u|op|open",
    ),
    Language(
        "Swedish",
        ("mån måndag måndagar", "tis tisdag tisdagar", "ons onsdag onsdagar", "tors torsdag torsdagar",
         "fre fredag fredagar", "lör lördag lördagar", "sön söndag söndagar"),
        closed="stängt|closed|off",
        to="till|t o m|tom",
        daily="dagligen|alla dagar|varje dag",
        weekdays="vardagar|vardag",
        weekend="helger|helg",
        all_day="dygnet runt|24 ?(?:h|timmar)",
        other="och|kl|öppet|öppettider|från",
    ),
    Language(
        "Danish or Norwegian",
        ("man mandag mandager mandage", "tir tirs tirsdag tirsdager", "ons onsdag onsdager",
         "tor tors torsdag torsdager", "fre fredag fredager", "lør lørdag lørdager",
         "søn søndag søndager"),
        closed="lukket|stengt|closed|off",
        to="til",
        daily="daglig|alle dager|alle dage|hver dag",
        weekdays="hverdager|hverdage|hverdag",
        weekend="helg|weekend",
        all_day="døgnet rundt|døgnåpent|døgnåbent|24 ?(?:h|timer)",
        other="og|kl|åpent|åbent|åpningstider|fra",
    ),
    Language(
        "Finnish",
        ("ma maanantai maanantaisin", "ti tiistai tiistaisin", "ke keskiviikko keskiviikkoisin",
         "to torstai torstaisin", "pe perjantai perjantaisin", "la lauantai lauantaisin",
         "su sunnuntai sunnuntaisin"),
        closed="suljettu|kiinni|closed|off",
        daily="joka päivä|päivittäin",
        weekdays="arkisin",
        weekend="viikonloppuisin",
        all_day="24 ?(?:h|tuntia)",
        other="ja|klo|avoinna|auki",
    ),
    Language(
        "Polish",
        ("pn pon poniedziałek poniedziałku", "wt wtorek", "śr sr środa", "czw cz czwartek",
         "pt piątek piatek piątku", "so sob sobota", "nd ndz nie niedz niedziela"),
        closed="nieczynne|zamknięte|nieczynny|closed|off",
        to="do",
        daily="codziennie",
        weekend="(?:w )?weekendy?",
        all_day="całodobowo|24 ?(?:h|godz|godziny)|całą dobę",
        other="i|oraz|od|w|godz|godziny|czynne|otwarte",
    ),
    Language(
        "Czech or Slovak",
        ("po pon pondělí pondeli pondelok", "út ut úterý utery utorok", "st středa streda",
         "čt ct čtvrtek št štvrtok", "pá pa pátek pi pia piatok", "so sobota", "ne neděle nedele nedeľa"),
        closed="zavřeno|zatvorené|closed|off",
        to="až|do|aż",
        daily="denně|denne|každý den",
        weekend="víkend",
        all_day="nonstop|24 ?(?:h|hodin)",
        other="a|od|hod|hodin|otevřeno|otvorené",
    ),
    Language(
        "Hungarian",
        ("hétfő hétfőn", "kedd kedden", "szerda szerdán", "csütörtök csütörtökön", "péntek pénteken",
         "szombat szombaton", "vasárnap"),
        closed="zárva|szünnap|closed|off",
        daily="naponta|minden nap",
        weekend="hétvégén",
        all_day="non-?stop|éjjel-nappal|24 ?(?:h|óra)",
        other="és|nyitva",
    ),
    Language(
        "Romanian",
        ("lu lun luni", "ma mar marți marti", "mi mie miercuri", "jo joi", "vi vin vineri",
         "sa sâm sam sâmbătă sambata", "du dum duminică duminica"),
        closed="închis|inchis|closed|off",
        to="până la|pana la|la",
        daily="zilnic",
        weekend="weekend",
        all_day="non-?stop|24 ?(?:h|ore)",
        other="și|si|de|orele|ora|program",
    ),
    Language(
        "Turkish",
        ("pzt pazartesi", "sal salı", "çar çarşamba", "per perşembe", "cum cuma", "cmt cumartesi",
         "paz pazar"),
        closed="kapalı|closed|off",
        daily="her gün|hergün",
        weekdays="hafta içi|haftaiçi",
        weekend="hafta sonu|haftasonu",
        all_day="24 ?saat|7/24",
        other="ve|saat|saatleri|arası|açık",
    ),
    Language(
        "Greek",
        ("δευ δευτέρα δευτερα", "τρι τρίτη τριτη", "τετ τετάρτη τεταρτη", "πεμ πέμπτη πεμπτη",
         "παρ παρασκευή παρασκευη", "σαβ σάβ σάββατο σαββατο", "κυρ κυριακή κυριακη"),
        closed="κλειστά|κλειστα|κλειστό|closed|off",
        to="έως|εως|μέχρι",
        daily="καθημερινά|κάθε μέρα",
        all_day="όλο το 24ωρο|24ωρο",
        other="και|από",
    ),
    Language(
        "Russian or Ukrainian",
        ("пн понедельник понеділок", "вт вторник вівторок", "ср среда середа среду",
         "чт четверг четвер", "пт пятница пятницу п'ятниця", "сб суббота субота субботу",
         "вс нд нед воскресенье неділя"),
        closed="выходной|вихідний|закрыто|зачинено|closed|off",
        to="до|по",
        daily="ежедневно|щодня|без выходных|без вихідних",
        weekdays="по будням|будни|у будні",
        weekend="по выходным",
        all_day="круглосуточно|цілодобово|24 ?(?:ч|часа)",
        other="и|та|і|с|з|час|ч|часы работы|режим работы",
    ),
    Language(
        "Indonesian",
        ("sen senin isnin", "sel selasa", "rab rabu", "kam kamis khamis", "jum jumat jum'at jumaat",
         "sab sabtu", "min minggu ahad"),
        closed="tutup|libur|closed|off",
        to="s/d|sd|sampai|hingga",
        daily="setiap hari|tiap hari",
        all_day="24 ?jam",
        other="dan|pukul|jam|buka|hari|wib",
    ),
    Language(
        "Vietnamese",
        ("t2", "t3", "t4", "t5", "t6", "t7", "cn"),
        closed="nghỉ|đóng cửa|closed|off",
        to="đến",
        rewrites=((r"thứ\s*([2-7])", r"t\1"), (r"thứ\s+hai", "t2"), (r"thứ\s+ba", "t3"),
                  (r"thứ\s+tư", "t4"), (r"thứ\s+năm", "t5"), (r"thứ\s+sáu", "t6"),
                  (r"thứ\s+bảy", "t7"), (r"chủ\s+nhật", "cn")),
        daily="hàng ngày|hằng ngày|mỗi ngày",
        other="và|từ|giờ",
    ),
    Language(
        "Japanese",
        ("月 月曜 月曜日", "火 火曜 火曜日", "水 水曜 水曜日", "木 木曜 木曜日", "金 金曜 金曜日",
         "土 土曜 土曜日", "日 日曜 日曜日"),
        closed="定休日?|休み|休業日?|お休み|closed|off",
        to="から|より",
        daily="毎日|年中無休|全日",
        weekdays="平日",
        weekend="土日",
        all_day="24時間(?:営業)?",
        rewrites=((r"午前\s*(\d{1,2}(?:[:.]\d\d)?)[時点시]?", r"\1am"), (r"午後\s*(\d{1,2}(?:[:.]\d\d)?)[時点시]?", r"\1pm")),
        other="営業時間|営業|まで|・|、|と|は",
        has_spaces=False,
    ),
    Language(
        "Chinese",
        ("周一 週一 星期一", "周二 週二 星期二", "周三 週三 星期三", "周四 週四 星期四", "周五 週五 星期五",
         "周六 週六 星期六", "周日 週日 星期日 星期天 周天"),
        closed="休息|关闭|關閉|公休|休业|closed|off",
        to="至|到",
        daily="每天|每日|全天候|天天",
        weekdays="工作日|平日",
        weekend="周末|週末",
        all_day="24小时(?:营业)?|24小時(?:營業)?|全天",
        rewrites=((r"(?:上午|早上)\s*(\d{1,2}(?:[:.]\d\d)?)[時点시]?", r"\1am"), (r"(?:下午|晚上)\s*(\d{1,2}(?:[:.]\d\d)?)[時点시]?", r"\1pm")),
        other="营业时间|營業時間|营业|、|和",
        has_spaces=False,
    ),
    Language(
        "Korean",
        ("월 월요일", "화 화요일", "수 수요일", "목 목요일", "금 금요일", "토 토요일", "일 일요일"),
        closed="휴무|휴일|휴점|정기휴무|closed|off",
        daily="매일|연중무휴",
        weekdays="평일",
        weekend="주말",
        all_day="24시간(?: ?영업)?",
        rewrites=((r"(\d{1,2})시\s*(\d\d)분", r"\1:\2"), (r"오전\s*(\d{1,2}(?:[:.]\d\d)?)[時点시]?", r"\1am"), (r"오후\s*(\d{1,2}(?:[:.]\d\d)?)[時点시]?", r"\1pm"), (r"(\d)시(?!간)", r"\1")),
        other="영업시간|영업|및|부터|까지",
        has_spaces=False,
    ),
    Language(
        "Croatian, Serbian or Slovene",
        ("pon пон понедељак ponedjeljak ponedeljak ponedeljek ponedjeljkom ponedeljkom",
         "uto ut уто уторак utorak tor torek utorkom", "sri sre сре среда srijeda sreda sredo srijedom sredom",
         "čet cet чет четвртак četvrtak četrtek četvrtkom", "pet пет петак petak petek petkom",
         "sub sob суб субота subota sobota subotom", "ned нед недеља nedjelja nedelja nedjeljom nedeljom"),
        closed="затворено|zatvoreno|zaprto|ne radi|neradni dan|closed|off",
        to="do",
        daily="svaki dan|svakodnevno|vsak dan|dnevno",
        weekdays="radnim dan(?:om|ima)|ob delavnikih|delavniki",
        weekend="vikendom|vikend|ob vikendih",
        all_day="non-?stop|0-24(?: h)?|24 ?(?:h|sata|ur)",
        other="i|in|od|h|sati|radno vrijeme|radno vreme|delovni čas|odprto|otvoreno",
        is_terse=True,
    ),
    Language(
        "Icelandic",
        ("má mán mánudagur mánudaga", "þr þri þriðjudagur þriðjudaga", "mi mið miðvikudagur miðvikudaga",
         "fi fim fimmtudagur fimmtudaga", "fö fös föstudagur föstudaga", "la lau laugardagur laugardaga",
         "su sun sunnudagur sunnudaga"),
        closed="lokað|closed|off",
        to="til",
        daily="alla daga|daglega",
        weekdays="virka daga",
        weekend="um helgar|helgar",
        all_day="allan sólarhringinn|24 ?klst",
        other="og|kl|frá|opið",
        is_terse=True,
    ),
    Language(
        "Bulgarian",
        ("пн понеделник", "вт вторник", "ср сряда", "чт четвъртък", "пт петък", "сб събота", "нд нед неделя"),
        closed="затворено|почивен ден|почивка|closed|off",
        to="до",
        daily="всеки ден|ежедневно",
        weekdays="делнични дни|в делнични дни|делник",
        all_day="денонощно|24 ?(?:ч|часа)",
        other="и|от|ч|часа|работно време",
        is_terse=True,
    ),
    Language(
        "Lithuanian",
        ("i pr pirm pirmadienis", "ii an antr antradienis", "iii tr treč trečiadienis",
         "iv kt ketv ketvirtadienis", "v penkt penktadienis", "vi št šešt šeštadienis",
         "vii sk sekm sekmadienis"),
        closed="nedirba|nedirbame|uždaryta|closed|off",
        to="iki",
        daily="kasdien",
        weekdays="darbo dienomis",
        weekend="savaitgaliais",
        all_day="visą parą|24 ?(?:h|val)",
        other="ir|nuo|val|h|darbo laikas",
        is_terse=True,
    ),
    Language(
        "Latvian",
        ("p i pirmdiena", "o ii otrdiena", "t iii trešdiena", "c iv ceturtdiena", "pk v piektdiena",
         "s vi sestdiena", "sv vii svētdiena"),
        closed="slēgts|brīvs|closed|off",
        to="līdz",
        daily="katru dienu",
        weekdays="darba dienās|darbdienās",
        weekend="brīvdienās",
        all_day="diennakti|24 ?(?:h|stundas)",
        other="un|no|plkst|darba laiks",
        is_terse=True,
    ),
    Language(
        "Estonian",
        ("e esmaspäev esmaspäeval", "t teisipäev teisipäeval", "k kolmapäev kolmapäeval",
         "n neljapäev neljapäeval", "r reede reedel", "l laupäev laupäeval", "p pühapäev pühapäeval"),
        closed="suletud|closed|off",
        to="kuni",
        daily="iga päev",
        weekdays="tööpäeviti|tööpäevadel",
        weekend="nädalavahetusel",
        all_day="ööpäevaringselt|24 ?(?:h|tundi)",
        other="ja|kell|avatud|lahti",
        is_terse=True,
    ),
    Language(
        "Hebrew",
        ("ב שני", "ג שלישי", "ד רביעי", "ה חמישי", "ו שישי", "ש שבת", "א ראשון"),
        closed="סגור|closed|off",
        to="עד",
        rewrites=((r"(?:ב?ימים|ב?יום)\s*", ""), (r"['׳]", "")),
        daily="כל השבוע|בכל",
        all_day="24 ?שעות",
        other="בין השעות|משעה|שעות פתיחה",
        is_terse=True,
    ),
    Language(
        "Arabic",
        ("الاثنين الإثنين", "الثلاثاء", "الأربعاء الاربعاء", "الخميس", "الجمعة", "السبت", "الأحد الاحد"),
        closed="مغلق|عطلة|closed|off",
        to="إلى|الى|حتى",
        rewrites=((r"(\d)\s*(?:صباحا|ص)\u064b?", r"\1am"), (r"(\d)\s*(?:مساء|م)\u064b?(?!\w)", r"\1pm")),
        daily="يوميا|يومي[\u064b]ا|كل يوم|جميع أيام الأسبوع",
        all_day="على مدار الساعة|24 ?ساعة",
        other="من|الساعة|أيام|و|ساعات العمل",
        is_terse=True,
    ),
    Language(
        "Thai",
        ("จันทร์ จ.", "อังคาร อ.", "พุธ พ.", "พฤหัสบดี พฤหัส พฤ.", "ศุกร์ ศ.", "เสาร์ ส.", "อาทิตย์ อา."),
        closed="ปิด(?:ท.{1,2}การ)?|หยุด|closed|off",
        to="ถึง",
        daily="ทุกวัน",
        all_day="24 ?(?:ชั่วโมง|ชม\\.?)|ตลอด 24 ชั่วโมง",
        rewrites=((r"วัน(?=จ|อ|พ|ศ|ส)", ""),),
        other="เวลา|น\\.|และ|เปิด(?:ท.{1,2}การ)?",
        has_spaces=False,
        is_terse=True,
    ),
)  # fmt: skip

_PUBLIC_HOLIDAYS: Final = re.compile(
    r"\b(?:(?:(?:public|bank|national|statutory)\s+)?holidays?|feiertage?n?|feiertags"
    r"|jours?\s+f[ée]ri[ée]s?|f[ée]ri[ée]s|festivos|feriados|(?:giorni\s+)?festivi|feestdagen"
    r"|helgdagar|helligdager?|święta|svátky|svátek|ünnepnapokon|resmi\s+tatil(?:ler)?|bayram(?:lar)?"
    r"|праздники|праздничные\s+дни|свята|tanggal\s+merah)\b|(?:国民の)?祝日?|節假日|节假日|공휴일",
    re.IGNORECASE,
)
_EXCEPT_PUBLIC_HOLIDAYS: Final = re.compile(
    r"[,(]?\s?\b(?:except|excl(?:uding|\.|\b)|not|außer|ausser|ausgenommen|sauf|hors|excepto|salvo|exceto"
    r"|escluso|esclusi|tranne|behalve|utom|unntatt|undtagen|oprócz|z wyjątkiem|kromě|кроме)"
    r"(?: (?:on|for|an|am|les?|os?|los|i|na|op))?  ?PH(?: \))?",
    re.IGNORECASE,
)
_SUNDAYS_TOO: Final = re.compile(r"\bsonn-\s*(?:und|u\.?|&)\s*feiertag\w*", re.IGNORECASE)


def with_public_holidays(text: str) -> str:
    """Replace the words for public holidays by that of OpenStreetMap, PH; all but them by PH off."""
    plain = _PUBLIC_HOLIDAYS.sub(" PH ", _SUNDAYS_TOO.sub("So und PH", text))
    return _EXCEPT_PUBLIC_HOLIDAYS.sub("; PH off", plain)


@cache
def _closed_words() -> re.Pattern[str]:
    words = "|".join(language.closed for language in LANGUAGES)
    return re.compile(rf"(?:{words}|none|n/a|na|x|--?|–|—)?", re.IGNORECASE)


def says_closed(text: str) -> bool:
    """Whether a cell of one day says that there are no hours; an empty one does."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip(" .")
    return _closed_words().fullmatch(folded) is not None
