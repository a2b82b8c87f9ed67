"""Words that only sentences of a language have, unlike its names and brands in English.

"Casa de Campo", "coq au vin" and "Nguyen Van Minh" are as Spanish, French and Vietnamese, letter by
letter, as anything said in these languages. What they lack is grammar: pronouns, verbs, question
words. Articles and prepositions that names have ("de", "la", "van") say nothing, and neither does a
word that English has too ("die", "comment", "son").
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

__all__ = ["has_grammar", "is_written_in_latin"]

ENOUGH = 2
"""Least evidence that words are of a language; half of it from ``MANY`` words on."""

MANY = 4
"""Number of words that are too many for a name."""


def _words(strong: str, weak: str) -> dict[str, int]:
    return dict.fromkeys(weak.split(), 1) | dict.fromkeys(strong.split(), 2)


# Each language: words that settle it, and words of which it takes two.
_TELLING = {
    "es": _words(
        "quiero quisiera quería queria necesito necesita necesitamos tengo tiene tienes tienen "
        "tenemos estoy está están estan estamos soy somos puedo puede pueden podría podria "
        "quién quien cuándo cuando dónde donde cuánto cuanto cuánta cuál cual hablo habla "
        "hablar hablan llamo llamar gracias favor buenos días español espanol inglés ayuda "
        "ayudar ayúdame usted ustedes nosotros ellos muy también tambien cobraron cancelar "
        "cambiar pagar funciona llegó perdí perdió hacer saber ahora mañana ayer aquí alguien "
        "nadie desde hasta fue qué sé reservar cierran abren mandaron dijeron debo deben "
        "hicieron haga quieren quiere sirve venir viene vienen aceptan atienden necesitaba tuve "
        "tuvimos hicimos pagué llegaron quedó mandar enviar recoger oiga dígame disculpe "
        "hubiera tendría podrían necesitan dejaron",
        "una un mi su mis sus por para en que qué lo se le les nos si sí pero porque como eso "
        "esto ese esa este esta hoy buenas buena tarde tardes noche noches dos veces cita "
        "cuenta factura tarjeta persona pedido paquete mesa agua cocina hola bueno todo nada "
        "más mas había ya hace llega llegan semana pasada año señora señor hijo hija esposo "
        "trabajo dinero número urge mucho poco cada otra otro algo allí entonces aún",
    ),
    "fr": _words(
        "je suis avez avons voudrais veux voulez peux peut pouvez bonjour bonsoir merci quand "
        "quel quelle combien pourquoi cette votre notre appelle appeler parler parle besoin "
        "perdu reçu recu toujours aujourd'hui demain hier jamais aussi beaucoup français "
        "francais anglais ont sont cherche déplacer annuler fermez ouvrez ouvert allô c'est "
        "s'il j'ai quelqu'un avait était doit doivent prendre faire savoir prélevé ça acceptez "
        "livrez faites prenez voulait voulais pourrais pourriez devrais peux-tu sens venez "
        "vient viennent envoyer reçois savez sais dites êtes étais serait avons-nous marchent "
        "ouvrent payer remboursement",
        "est ne pas mon mes nos vos nous vous ils une un que qui ce ces où ou avec sur très "
        "tres facture commande compte colis personne problème probleme rendez oui soir fois "
        "deux y dans marche sent fait bruit semaine mois fille fils mari maison travail argent "
        "rien lui leur leurs cela déjà sans même peu",
    ),
    "de": _words(
        "ich ist nicht habe haben sind wir mir mich mein meine meinen meinem meiner ihnen ihre "
        "eine einen einem einer für fuer auf beim wann warum kann können koennen möchte moechte "
        "muss müssen wurde werden wird bitte danke guten heute jemand niemand kein keine keinen "
        "funktioniert geht brauche brauchen verloren auch noch schon sehr wenn weil aber "
        "sprechen spreche deutsch englisch unser unsere dass läuft öffnen schließen machen "
        "möchten gibt hätte hätten bekommen bezahlt abgebucht hatte hatten könnten würde würden "
        "sollte gestern gekommen gemacht bestellt liefern nehmen haltet kostet kosten ändern "
        "verschieben ankommen angekommen dauert kommt kommen schicken",
        "und der dem das ein sie ihr es zu von nach wo wie wer morgen hier mehr oder vom uns "
        "bei bis rechnung termin geld karte zweimal stunden uhr abend küche wasser hallo ja "
        "nein mit aus zum zur woche monat kind frau haus arbeit nummer alles nichts etwas viel "
        "jetzt dann wieder immer",
    ),
    "it": _words(
        "sono abbiamo avete hanno vorrei voglio vogliamo posso può puo devo bisogno dov'è "
        "quando quanto perché perche grazie buongiorno buonasera parlare parlo parla inglese "
        "qualcuno nessuno oggi domani ieri adesso anche molto questa quella quello stasera "
        "chiudete aprite funziona perso ricevuto appuntamento fattura spostare annullare aiuto "
        "c'è cos'è chiamo addebitato potete potrei avere sapere siete accettate consegnate "
        "potrebbe vorremmo dovrei ricevo arrivato arrivata rotto rotta pagare mandare prenotare "
        "cambiare servono fate venite viene vengono scusi",
        "una un il gli mio mi ci si non che cosa questo stato carta conto persona è ho hai "
        "pronto prego volte ordine pacco tavolo acqua cucina dentista nostro nostra sì italiano "
        "settimana mese figlio figlia marito moglie lavoro soldi numero niente tutto qualcosa "
        "ancora già quale senza",
    ),
    "pt": _words(
        "você voce vocês voces não nao estou estão tenho têm quero queria preciso posso pode "
        "podem gostaria falar falo obrigado obrigada noite onde quanto meu minha meus minhas "
        "nosso nossa eles isso hoje amanhã amanha ontem muito também tambem foi cobraram "
        "cancelar remarcar cartão cartao fatura encomenda perdi recebi funciona fecham abrem "
        "ajuda alguém alguem ninguém português portugues inglês fazer saber consegui está olá "
        "alô parou quebrou chegou acabou mandaram queremos quiser poderia poderiam preciso-me "
        "tive tivemos fiz fizeram recebeu pagar enviar marcar aceitam entregam gostava desculpe "
        "falta faz",
        "eu uma em na por para que seu sua ele ela este essa esse isto aqui mas mais já tem bom "
        "dia boa tarde quando porque consulta pedido conta pessoa duas vezes mesa água cozinha "
        "é horas oi sim agora semana mês ano manda filho filha marido senhora senhor trabalho "
        "dinheiro número quem qual nada tudo algo ainda só até tão",
    ),
    "pl": _words(
        "jest nie mamy macie mój moja moje moją się chcę chciałbym chciałabym chcialbym "
        "potrzebuję potrzebuje czy gdzie kiedy dlaczego proszę prosze dziękuję dziekuje dzień "
        "dzien przez tego państwo polsku angielsku dzisiaj dziś jutro wczoraj teraz już tylko "
        "bardzo kto ktoś nikt zgubiłem zgubiłam działa dziala wizytę kartę rachunek faktury "
        "zamówienie zamowienie pieniądze rozmawiać umówić zamykacie jestem są był była było "
        "może mogę dostałem dostałam ogrzewanie pobrano cieknie anulować przełożyć przyjmujecie "
        "dostarczacie zepsuł zepsuła zapłacić zmienić odwołać przesunąć mogłabym mógłbym wysłać "
        "będzie przyszła przyszedł kosztuje zaraz muszę",
        "mi sie chce ile jak dobry wieczór pani dla wizyta karta faktura pomoc woda paczka "
        "wolny po polski dwa razy której mam tydzień miesiąc mąż żona córka dom praca numer nic "
        "wszystko coś jeszcze bez tak",
    ),
    "tl": _words(
        "mga opo ako niya siya kami tayo kayo sila natin nila ninyo wala walang mayroon meron "
        "kailangan puwede pwede saan nasaan kailan bakit paano anong magkano salamat magandang "
        "umaga ngayon ngayong kahapon yung iyong iyan iyon dito diyan doon aking inyo inyong "
        "dahil tulong makausap tawag tumawag bayad siningil nawala tubig kusina natanggap "
        "kanselahin ilipat dalawang beses kumusta tumatanggap magkaano nasira magpa nagbayad "
        "pwedeng gustong magtanong magbayad magpapalit darating dumating nandito huwag pakiusap",
        "po hindi gusto namin bukas tao resibo padala tagalog oo ang ng ko kong sira sino "
        "linggo buwan anak bahay trabaho pera numero lahat",
    ),
    "vi": _words(
        "tôi của không khong muốn bị rồi được cần và ở gì nào thì có chào cảm ơn chị ạ vâng mấy "
        "giờ nhiêu đâu chưa đã đang sẽ còn với này kia đây đó nói tiếng người giúp hẹn đơn thẻ "
        "tiền hủy đặt sáng chiều gặp nhận hỏi biết phải mở cửa đóng đổi hỏng sửa gửi trả trễ "
        "thanh toán khoản vui lòng tại vì nhưng hoặc",
        "toi là mà dạ việt viet hóa lịch mất bàn tối nay nhà nước hàng nhân viên máy chạy ngày "
        "duoc muon xin tuần tháng vợ chồng việc số qua vậy rất lắm nữa",
    ),
    "nl": _words(
        "ik niet heb hebben mijn jullie wij wanneer waar waarom kunnen graag alstublieft "
        "bedankt goedemorgen goedemiddag vandaag morgen iemand geen deze kapot afspraak "
        "rekening nederlands hoeveel spreken verloren werkt wilt heeft naar ook nog",
        "een het zijn voor dat je hallo maar",
    ),
    "sv": _words(
        "jag inte har är vill mitt när hur varför snälla någon ingen idag imorgon faktura prata "
        "fungerar behöver tappat svenska boka",
        "och att det ett på med för som mig ni hej",
    ),
    "da": _words(
        "jeg ikke mit hvornår hvor hvordan hvorfor tak nogen ingen regning virker taler dansk "
        "mistet",
        "og det et på med mig hej",
    ),
    "nb": _words(
        "jeg ikke mitt når hvor hvordan hvorfor takk noen ingen regning virker snakke norsk "
        "mistet trenger",
        "og det et på med meg hei",
    ),
    "fi": _words(
        "minä minun minulla haluan haluaisin tarvitsen voinko milloin missä miksi kiitos hei "
        "tänään huomenna lasku toimi puhua suomea kadonnut onko",
        "ja että se mitä kuka joku",
    ),
    "cs": _words(
        "jsem není mám máte chci chtěl chtěla potřebuji můžu můžete kdy kde proč děkuji prosím "
        "dobrý dnes zítra někdo nikdo faktura nefunguje mluvit česky ztratil ztratila "
        "objednávku",
        "je se že jak můj moje ano ne",
    ),
    "hu": _words(
        "nem szeretnék szeretném kérem köszönöm mikor hol miért valaki senki holnap számla "
        "működik beszélni magyarul elvesztettem vagyok kell segítség",
        "egy és hogy nekem jó van igen",
    ),
    "ro": _words(
        "vreau aș aveți puteți când unde mulțumesc multumesc bună cineva nimeni astăzi mâine "
        "factura funcționează vorbesc vorbi română pierdut trebuie sunt este",
        "nu și un cu pentru mea meu",
    ),
    "tr": _words(
        "istiyorum değil var mı nerede neden teşekkürler lütfen bugün yarın biri fatura "
        "çalışmıyor konuşmak türkçe kaybettim randevu için kaç",
        "bir ve bu çok iyi evet hayır var",
    ),
    "id": _words(
        "saya tidak ingin anda kami mereka kapan mana mengapa kenapa terima kasih tolong "
        "selamat besok seseorang tagihan bekerja bicara bahasa hilang butuh bisa apakah",
        "yang ini itu untuk dengan",
    ),
}  # fmt: skip
_TELLING["nn"], _TELLING["ms"] = _TELLING["nb"], _TELLING["id"]

_FRENCH_BEGINNINGS = ("j'", "qu'", "l'a-t", "n'est", "n'ai", "m'a", "d'un")


def has_grammar(words: Iterable[str], language: str) -> bool:
    """Whether some words of a language are more than names.

    Of a language whose grammar is not known here, many words are.

    Args:
        words: in lower case.
        language: ISO 639-1 code.
    """
    distinct = set(words)
    telling = _TELLING.get(language)
    if telling is None:
        return len(distinct) >= MANY
    total = sum(telling.get(word, 0) for word in distinct)
    if language == "fr":
        total += sum(2 for word in distinct if word.startswith(_FRENCH_BEGINNINGS))
    return total >= (ENOUGH if len(distinct) < MANY else ENOUGH // 2)


def is_written_in_latin(text: str) -> bool:
    """Whether at least half of the letters are Latin."""
    letters = [c for c in text if c.isalpha()]
    latin = sum(unicodedata.name(c, "").startswith(("LATIN", "FULLWIDTH LATIN")) for c in letters)
    return 2 * latin >= len(letters)
