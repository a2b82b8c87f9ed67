"""What callers say: English full of other languages' words, and other languages.

The even ones of each list were looked at when the identification was tuned; the odd ones only ever
tested it.
"""

from __future__ import annotations

__all__ = ["ENGLISH", "OTHERS"]

ENGLISH = (
    # One or two words that other languages have too.
    "dog", "cat", "hotel", "taxi", "radio", "menu", "hospital", "animal", "piano", "motor",
    "grand prix tires", "front brakes", "oil change", "hard drive", "gift card", "wine list",
    "insulin", "aspirin", "transfer", "reservation", "garage", "doctor", "central", "normal",
    "camera", "credit", "plan", "post office", "sport", "film", "problem", "minister", "address",
    "person", "technical support", "pharmacy", "dental", "legal", "manager", "director",
    "tire", "tires", "pizza", "pasta", "kindergarten", "parking", "internet", "router", "modem",
    "data", "agenda", "formula", "propane", "alarm", "album", "solar panels", "electric", "plumber",
    "sauna", "yoga", "tofu", "sushi", "ramen", "kimchi", "bistro", "entree", "rendezvous",
    # People.
    "Nguyen Van Minh", "Tran Thi Thu Ha", "Le Hoang Nam", "Pham Quoc Bao", "Wei Zhang", "Xiaoming Li",
    "Kim Min-jun", "Park Ji-woo", "Hiroshi Tanaka", "Yuki Nakamura", "Sergei Ivanov",
    "Olga Kuznetsova", "Agnieszka Kowalczyk", "Wojciech Nowak", "Mohammed Al-Farsi",
    "Fatima Hassan", "Rajesh Kumar Sharma", "Priya Venkataraman", "Giuseppe Esposito",
    "Chiara Bianchi", "Hans-Peter Müller", "Jürgen Schäfer", "Ludovic Lefebvre", "Amélie Rousseau",
    "João Batista de Oliveira", "Beatriz Nascimento", "Ana Sofía Castellanos",
    "José Luis Villarreal", "Maria Clara Dela Cruz", "Jomar Bautista", "O'Shaughnessy",
    "this is Nguyen Thi Mai calling back", "could I talk to Señora Delgado", "it's Guillermo again",
    "is Herr Schmidt around", "put me through to Mrs. Kowalski", "Björk Guðmundsdóttir for pickup",
    "ask Dr. Papadopoulos to ring me", "Mehmet Yilmaz", "Ngozi Okonkwo", "Siobhan Gallagher",
    # Dishes and drinks.
    "two pad thai and a tom yum", "one chicken tikka masala", "bún chả and a bánh mì",
    "large pepperoni and a caesar", "spaghetti alla carbonara", "croissants and a café au lait",
    "bratwurst with sauerkraut", "pierogi and a kielbasa", "chiles rellenos plate",
    "arroz con pollo to go", "sashimi platter for six", "dim sum for four", "three lumpia and adobo",
    "shawarma wrap no onions", "hummus and falafel", "feijoada on saturday", "caipirinha",
    "bibimbap bowl", "borscht and rye bread", "gnocchi al pesto", "crème brûlée", "pho tai",
    "huevos rancheros", "tiramisu", "schnitzel special", "biryani family pack", "coq au vin",
    # Brands and shops.
    "Louis Vuitton bag repair", "Volkswagen Passat Variant", "Citroën C3 brake pads",
    "Lamborghini Huracán", "Haagen-Dazs", "L'Oréal Paris", "Nespresso Vertuo pods", "Bosch Siemens",
    "El Pollo Loco", "Trattoria da Luigi", "Chez Panisse", "Casa de Campo", "Bella Italia",
    "Pret A Manger", "Au Bon Pain", "Dolce & Gabbana", "Ferrero Rocher", "Hyundai Santa Fe",
    "Mitsubishi Outlander", "Peugeot service", "Audi quattro winter tires", "Moët Chandon",
    "La Quinta Inn", "Porsche Cayenne recall", "Husqvarna chainsaw", "Ikea Kallax", "Samsung Galaxy",
    # Places.
    "Baton Rouge", "Des Moines", "San Luis Obispo", "Santa Fe, New Mexico", "Los Gatos branch",
    "Coeur d'Alene", "Versailles, Kentucky", "Rio Grande Valley", "Sault Sainte Marie",
    "Las Cruces", "Frankfurt airport", "Notre Dame Avenue", "New Braunfels", "Punta Gorda",
    "Corpus Christi", "Vienna, Virginia", "Terre Haute", "Prairie du Chien", "La Jolla shores",
    "the Champs Elysees location", "Via Veneto", "Calle Ocho", "Hanoi Street", "Little Tokyo",
    # Sentences.
    "my dog swallowed a chicken bone", "flight to Sao Paulo via Lisbon", "the AC on Rue Bourbon",
    "double espresso machine broke", "karaoke room tonight", "tae kwon do class for kids",
    "persian cat grooming", "german shepherd puppy shots", "french drain install",
    "italian marble countertop", "chinese new year banquet", "russian tea service",
    "vietnamese coffee, iced", "spanish tile roof leak", "polish my car", "turkey club sandwich",
    "hindi movie tickets", "arabica beans wholesale", "portuguese water dog haircut",
    "quinceañera dress fitting", "piñata pickup", "bar mitzvah catering", "oktoberfest table",
    "cinco de mayo catering", "feng shui consult", "la-z-boy recliner", "rio tinto shares",
    "hello kitty cake", "amaretto sour", "mercedes sprinter van hire", "salsa lessons", "bon voyage card",
    "el camino transmission", "sriracha bottle", "déjà vu lounge", "faux pas", "kung fu", "a la carte",
    "ad hoc report", "pro bono", "status quo", "carpe diem spa", "prix fixe", "mardi gras beads",
    "angst", "uber", "lager", "blitz", "zeitgeist magazine", "wunderbar bakery", "gesundheit",
)  # fmt: skip

OTHERS = {
    "es": (
        "quisiera cambiar mi cita del martes", "me cobraron dos veces en la tarjeta",
        "la calefacción no funciona", "necesito hablar con alguien de pagos", "a qué hora cierran hoy",
        "se me perdió la tarjeta", "hay una fuga de agua en la cocina", "quiero cancelar mi pedido",
        "tienen mesa para cuatro esta noche", "dónde está mi paquete", "una cita con el doctor",
        "no me llegó la factura",
    ),
    "fr": (
        "je voudrais déplacer mon rendez-vous", "on m'a prélevé deux fois", "le chauffage ne marche plus",
        "j'ai perdu ma carte bancaire", "à quelle heure fermez-vous", "il y a une fuite dans la cuisine",
        "je veux annuler ma commande", "avez-vous une table pour ce soir", "où est mon colis",
        "je cherche le service client", "je n'ai pas reçu ma facture", "un rendez-vous chez le dentiste",
    ),
    "de": (
        "ich möchte meinen Termin verschieben", "mir wurde zweimal Geld abgebucht",
        "die Heizung geht nicht mehr", "ich habe meine Karte verloren", "wann machen Sie heute zu",
        "in der Küche läuft Wasser aus", "ich möchte die Bestellung stornieren",
        "haben Sie heute Abend einen Tisch frei", "wo bleibt mein Paket", "ich brauche einen Klempner",
        "die Rechnung ist nicht angekommen", "einen Termin beim Arzt bitte",
    ),
    "it": (
        "vorrei spostare il mio appuntamento", "mi hanno addebitato due volte",
        "il riscaldamento non funziona", "ho perso la carta di credito", "a che ora chiudete oggi",
        "c'è una perdita d'acqua in cucina", "voglio annullare l'ordine", "avete un tavolo per stasera",
        "dov'è il mio pacco", "vorrei parlare con qualcuno", "non ho ricevuto la fattura",
        "un appuntamento dal dentista",
    ),
    "pt": (
        "queria remarcar a minha consulta", "cobraram duas vezes no cartão", "o aquecedor não funciona",
        "perdi o meu cartão de crédito", "que horas vocês fecham hoje", "tem um vazamento na cozinha",
        "quero cancelar o meu pedido", "vocês têm mesa para hoje à noite", "onde está a minha encomenda",
        "preciso falar com alguém", "não recebi a fatura", "uma consulta com o dentista",
    ),
    "pl": (
        "chciałbym przełożyć wizytę", "pobrano mi pieniądze dwa razy", "ogrzewanie nie działa",
        "zgubiłam kartę", "o której dzisiaj zamykacie", "woda cieknie w kuchni",
        "chcę anulować zamówienie", "czy jest wolny stolik na wieczór", "gdzie jest moja paczka",
        "potrzebuję hydraulika", "nie dostałem faktury", "wizyta u dentysty proszę",
    ),
    "vi": (
        "tôi muốn đổi lịch hẹn", "thẻ của tôi bị trừ tiền hai lần", "máy sưởi không chạy",
        "tôi bị mất thẻ rồi", "mấy giờ các anh đóng cửa", "nhà bếp bị rò nước",
        "tôi muốn hủy đơn hàng", "tối nay còn bàn không", "hàng của tôi đâu rồi",
        "cho tôi gặp nhân viên", "tôi chưa nhận được hóa đơn", "tôi cần gặp nha sĩ",
    ),
    "tl": (
        "gusto kong ilipat ang appointment ko", "dalawang beses akong siningil", "sira ang heater namin",
        "nawala ko ang card ko", "anong oras kayo magsasara", "may tumatagas na tubig sa kusina",
        "gusto kong kanselahin ang order ko", "may mesa pa ba kayo ngayong gabi", "nasaan na ang padala ko",
        "puwede ba akong makausap ng tao", "hindi ko natanggap ang resibo", "kailangan ko ng dentista",
    ),
    "ru": (
        "я хочу перенести приём", "с меня списали деньги дважды", "отопление не работает",
        "я потерял карту", "до скольки вы работаете", "на кухне течёт вода", "хочу отменить заказ",
        "есть столик на вечер", "где моя посылка", "соедините с оператором", "мне не пришёл счёт",
        "запишите меня к врачу",
    ),
    "ar": (
        "أريد تغيير موعدي", "تم خصم المبلغ مرتين", "التدفئة لا تعمل", "فقدت بطاقتي", "متى تغلقون اليوم",
        "هناك تسرب ماء في المطبخ", "أريد إلغاء الطلب", "هل لديكم طاولة الليلة", "أين طردي",
        "أريد التحدث مع موظف", "لم تصلني الفاتورة", "موعد مع الطبيب",
    ),
    "hi": (
        "मुझे अपना अपॉइंटमेंट बदलना है", "मेरे पैसे दो बार कट गए", "हीटर काम नहीं कर रहा",
        "मेरा कार्ड खो गया है", "आप कितने बजे बंद करते हैं", "रसोई में पानी टपक रहा है",
        "मुझे ऑर्डर रद्द करना है", "क्या आज रात मेज़ मिलेगी", "मेरा पार्सल कहाँ है",
        "किसी से बात कराइए", "मुझे बिल नहीं मिला", "डॉक्टर से मिलना है",
    ),
    "zh": (
        "我想改一下预约时间", "我的卡被扣了两次钱", "暖气坏了", "我的卡丢了", "你们几点关门",
        "厨房漏水了", "我要取消订单", "今晚还有位子吗", "我的包裹在哪里", "我想找客服",
        "我没有收到账单", "我要看牙医",
    ),
    "ja": (
        "予約を変更したいのですが", "二重に請求されています", "暖房が動きません", "カードをなくしました",
        "何時に閉まりますか", "台所で水が漏れています", "注文をキャンセルしたいです", "今夜席はありますか",
        "荷物はどこですか", "担当の方をお願いします", "請求書が届きません", "歯医者の予約をお願いします",
    ),
    "ko": (
        "예약을 변경하고 싶어요", "요금이 두 번 빠져나갔어요", "난방이 안 돼요", "카드를 잃어버렸어요",
        "몇 시에 문 닫아요", "부엌에서 물이 새요", "주문을 취소하고 싶어요", "오늘 저녁 자리 있어요",
        "제 소포가 어디 있어요", "상담원 연결해 주세요", "청구서를 못 받았어요", "치과 예약하고 싶어요",
    ),
}  # fmt: skip
