"""Hand-written situations that callers are in, for made-up franchises.

``SHARED`` are what any business with a phone has; ``TRADES`` what one trade adds. Each has a
clause that completes "caller …", six things callers say (examples) and two more that no example
repeats (heard).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CLOSERS", "ELSEWHERE", "OPENERS", "SHARED", "TRADES", "Situation"]


class Situation(NamedTuple):
    """One situation.

    Attributes:
        label: name of the rule.
        clause: completes "caller …".
        examples: what callers say, for rules.
        heard: what callers say, for queries.
    """

    label: str
    clause: str
    examples: tuple[str, ...]
    heard: tuple[str, ...]


SHARED = (
    Situation(
        "Billing",
        "asks about an invoice, a charge, or a payment that went wrong",
        (
            "I was charged twice",
            "I have a question about my invoice",
            "there's a fee on here I don't recognize",
            "my card was billed the wrong amount",
            "I paid and it still says I owe you",
            "can you explain this bill to me",
        ),
        (
            "there's something on my card from you guys that I never signed off on",
            "I'm looking at the statement and the total is forty dollars more than I was told",
        ),
    ),
    Situation(
        "Refunds",
        "was promised money back, or wants it back, and asks where it is",
        (
            "when will I get my refund",
            "I want my money back",
            "the refund never showed up in my account",
            "I canceled and I'm still waiting for the credit",
            "how long do refunds take",
            "you said you would return my deposit",
        ),
        (
            "it's been three weeks and nothing has come back to my account",
            "the lady last time said I'd be reimbursed and I'm not seeing it",
        ),
    ),
    Situation(
        "Complaints",
        "is unhappy with how they were treated and wants somebody to hear it",
        (
            "I want to make a complaint",
            "your employee was rude to me",
            "I'd like to speak to whoever is in charge",
            "this is the worst service I have ever had",
            "nobody called me back like they promised",
            "I'm very disappointed with my visit",
        ),
        (
            "I have never been talked to that way and somebody needs to know about it",
            "honestly the way this was handled is unacceptable",
        ),
    ),
    Situation(
        "Careers",
        "wants a job here or is following up on an application or interview",
        (
            "are you hiring",
            "I sent in my resume last week",
            "I have an interview on Thursday",
            "how do I apply for a position",
            "do you take part time people",
            "who do I talk to about the job posting",
        ),
        (
            "I saw the sign in the window and wondered if the opening is still there",
            "I applied online and never heard anything back",
        ),
    ),
    Situation(
        "Media and Press",
        "is a journalist or filmmaker who wants a statement or permission to film",
        (
            "I'm a reporter with the local paper",
            "who handles press inquiries",
            "we'd like to film a segment in your store",
            "I'm looking for a comment on a story",
            "can I speak to your public relations person",
            "I write for a magazine and have a deadline today",
        ),
        (
            "I'm putting together a piece for the evening news and need a quote",
            "we are a small crew shooting a documentary downtown",
        ),
    ),
    Situation(
        "Suppliers",
        "is a vendor or delivery company with a question about an order, a delivery or payment",
        (
            "I have a delivery for you and nobody is at the dock",
            "I'm calling from one of your vendors",
            "our invoice to you is past due",
            "who does your purchasing",
            "I need a purchase order number",
            "the driver is outside with two pallets",
        ),
        (
            "this is the freight company, we have a shipment and the gate is locked",
            "we sold you some equipment in March and haven't been paid yet",
        ),
    ),
    Situation(
        "Lost and Found",
        "left something behind and wants to know whether it was found",
        (
            "I think I left my phone there",
            "did anybody turn in a set of keys",
            "I lost my jacket yesterday",
            "do you have a lost and found",
            "my daughter forgot her backpack",
            "I left my glasses on the counter",
        ),
        (
            "I was in this morning and now I can't find my wallet anywhere",
            "there might be a little blue umbrella of mine by the door",
        ),
    ),
    Situation(
        "Gift Cards",
        "wants to buy a gift card, check its balance, or has one that does not work",
        (
            "do you sell gift cards",
            "my gift card won't scan",
            "how much is left on this card",
            "I lost the gift certificate my sister gave me",
            "can I use two gift cards at once",
            "does the gift card expire",
        ),
        (
            "somebody gave me one of your cards for my birthday and it says zero",
            "I want to get something for my boss that she can spend with you",
        ),
    ),
    Situation(
        "Loyalty Program",
        "asks about points, rewards or membership status",
        (
            "how many points do I have",
            "my rewards didn't post",
            "I want to join the rewards program",
            "how do I redeem my points",
            "my membership number isn't working",
            "why did I lose my gold status",
        ),
        (
            "I bought a bunch last month and none of it counted toward the free one",
            "it's saying I'm not a member but I signed up at the register",
        ),
    ),
    Situation(
        "Website and App",
        "cannot log in, or the website or app does not work",
        (
            "I can't log into my account",
            "the app keeps crashing",
            "I forgot my password",
            "your website won't take my card",
            "I never got the confirmation email",
            "the page just says error",
        ),
        (
            "it keeps spinning and then throws me back to the start screen",
            "I've reset it twice and it still won't let me in",
        ),
    ),
    Situation(
        "Privacy Requests",
        "wants their personal data deleted, sent to them, or not used for marketing",
        (
            "take me off your mailing list",
            "delete my information",
            "stop texting me",
            "what data do you have on me",
            "I want to opt out of marketing",
            "who did you share my address with",
        ),
        (
            "I keep getting messages from you people and I never agreed to them",
            "I'd like everything you hold about me to be erased",
        ),
    ),
    Situation(
        "Accessibility",
        "asks for help with a disability: a ramp, an interpreter, large print, a service animal",
        (
            "is your building wheelchair accessible",
            "I need a sign language interpreter",
            "can I bring my service dog",
            "do you have documents in large print",
            "is there an elevator",
            "my husband can't do stairs",
        ),
        (
            "mom uses a walker so I need to know how she'd get in from the lot",
            "I'm deaf and I'll need someone to sign for me during the visit",
        ),
    ),
    Situation(
        "Spanish-Speaking Staff",
        "prefers to speak Spanish",
        (
            "do you speak Spanish",
            "habla español",
            "is there somebody who speaks Spanish",
            "my mother only speaks Spanish",
            "can I talk to someone in Spanish please",
            "necesito ayuda en español",
        ),
        (
            "my english is not so good, Spanish is better",
            "hola, hay alguien que hable español ahí",
        ),
    ),
    Situation(
        "Legal",
        "is an attorney, serves papers, or talks about a lawsuit or subpoena",
        (
            "I'm calling from a law firm",
            "where do I serve legal papers",
            "I'm going to sue you",
            "we sent a subpoena for records",
            "my lawyer told me to call",
            "who is your registered agent",
        ),
        (
            "I represent one of your customers and need to know where to send a demand letter",
            "I have documents from the court that I have to hand to somebody",
        ),
    ),
    Situation(
        "Injury or Accident",
        "was hurt on the premises or by staff, or reports an accident",
        (
            "I slipped and fell in your store",
            "my son got hurt there",
            "I want to report an accident",
            "one of your trucks hit my car",
            "I got burned because of your product",
            "somebody is hurt in the parking lot",
        ),
        (
            "there was water all over the floor and now my wrist is swollen",
            "your driver backed into my fence and took off",
        ),
    ),
    Situation(
        "Group and Corporate Sales",
        "calls for a company, school or large group and wants a contract or a group price",
        (
            "do you have corporate rates",
            "I'm calling on behalf of my company",
            "we have a group of forty people",
            "I'd like to set up a business account",
            "do you give discounts to schools",
            "we need a contract for twelve offices",
        ),
        (
            "there are about sixty of us from work and we'd want one price for everybody",
            "I run the office for a construction outfit and we'd be regular customers",
        ),
    ),
    Situation(
        "Donations and Sponsorship",
        "asks for a donation, a sponsorship or a charity raffle prize",
        (
            "would you sponsor our little league team",
            "we're raising money for the school",
            "do you donate to charities",
            "can you give us something for our raffle",
            "who handles community giving",
            "our church is holding an auction",
        ),
        (
            "the kids are doing a fundraiser and we hoped you might chip in",
            "I'm with the animal shelter and we're looking for local businesses to back us",
        ),
    ),
    Situation(
        "Franchise Inquiries",
        "wants to open or buy a location of their own",
        (
            "how do I open a franchise",
            "what does it cost to buy a location",
            "I'd like to invest in one of your stores",
            "who handles franchise development",
            "are there territories left in Ohio",
            "do you finance new owners",
        ),
        (
            "I've run restaurants for years and I'm thinking of owning one of these",
            "my partner and I want to bring your brand to our town",
        ),
    ),
    Situation(
        "Returns and Exchanges",
        "wants to bring back or exchange something they bought",
        (
            "can I return this without a receipt",
            "it doesn't fit and I want another size",
            "I bought the wrong one",
            "what is your return policy",
            "the box was open when I got it",
            "I'd like to exchange it for a different color",
        ),
        (
            "I haven't even taken the tags off and I'd rather have the other model",
            "my wife already got one so I need to bring mine back",
        ),
    ),
    Situation(
        "Order Status",
        "ordered something and asks where it is or when it will be ready",
        (
            "where is my order",
            "has it shipped yet",
            "you said it would be ready on Monday",
            "is my order ready to pick up",
            "I never got my package",
            "the tracking hasn't moved in days",
        ),
        (
            "I paid for it two weeks ago and nobody can tell me when it's coming",
            "just checking whether the thing I asked you to get is in",
        ),
    ),
)

TRADES: dict[str, tuple[Situation, ...]] = {
    "home services": (
        Situation(
            "Emergency Service",
            "has an emergency at home that cannot wait: a gas smell, flooding, sparks, no heat",
            (
                "I smell gas in my kitchen",
                "there's water pouring through the ceiling",
                "a pipe burst and I can't shut it off",
                "the breaker panel is sparking",
                "we have no heat and it's ten degrees outside",
                "sewage is coming up in the tub",
            ),
            (
                "the basement is filling up and I don't know where the valve is",
                "something is buzzing and smoking behind the outlet",
            ),
        ),
        Situation(
            "New Installation",
            "wants a quote for a new or replacement furnace, air conditioner or water heater",
            (
                "how much would a new furnace run me",
                "I want to replace my air conditioner",
                "can someone give me an estimate on a tankless water heater",
                "we're adding on a room and need a second unit",
                "my system is twenty years old",
                "do you install heat pumps",
            ),
            (
                "the old unit finally died and I figure it's time for a new one",
                "we're building and need somebody to price out the heating",
            ),
        ),
        Situation(
            "Reschedule Visit",
            "already has a technician booked and needs to move the visit or call it off",
            (
                "I need to change my appointment",
                "something came up, can we do Friday instead",
                "please cancel the technician for tomorrow",
                "can you push my visit back an hour",
                "I won't be home when he comes",
                "is there anything sooner than the tenth",
            ),
            (
                "he's supposed to come at two but I'm stuck at work",
                "let's not do tomorrow after all, some other week",
            ),
        ),
        Situation(
            "Workmanship Warranty",
            "had a repair or installation that failed again and expects it to be covered",
            (
                "the part you put in last year died already",
                "is this still under warranty",
                "it broke again a week after you fixed it",
                "I shouldn't have to pay, it's covered",
                "I need to file a warranty claim on my compressor",
                "your guy was here Monday and it's leaking again",
            ),
            (
                "same noise as before you came, and I'm not paying for it twice",
                "it came with ten years and it's only been four",
            ),
        ),
        Situation(
            "Maintenance Plan",
            "wants to join, leave or ask about the yearly maintenance plan",
            (
                "I'd like to sign up for the maintenance plan",
                "how many tune-ups come with the plan",
                "how much is the plan per month",
                "I want to cancel my maintenance plan",
                "when is my next tune-up due",
                "does the plan cover parts",
            ),
            (
                "we used to get somebody out every spring and nobody has called",
                "take me off the yearly thing, we sold the house",
            ),
        ),
        Situation(
            "Technician on the Way",
            "is waiting for a technician who is late and asks when they will arrive",
            (
                "where is my technician",
                "he was supposed to be here at nine",
                "how far away is the driver",
                "nobody showed up",
                "I've been waiting all morning",
                "can you tell me when he'll get here",
            ),
            (
                "you said between eight and ten and it's almost noon",
                "I took the day off and I still don't see a van",
            ),
        ),
        Situation(
            "Parts Counter",
            "wants to buy a filter, thermostat or replacement part",
            (
                "do you sell sixteen by twenty-five filters",
                "is my part in yet",
                "I just need to buy a thermostat",
                "can I pick up a flame sensor today",
                "do you carry parts for older models",
                "I need a remote for my mini split",
            ),
            (
                "I can put it in myself, I just need the little fan motor",
                "what size filter goes in one of these and do you have two",
            ),
        ),
        Situation(
            "Permits and Inspections",
            "asks about a building permit or a city inspection for work that was done",
            (
                "did you pull a permit for the job",
                "the city inspector needs to get in",
                "I need a copy of the permit",
                "we failed the inspection",
                "when is the inspector coming",
                "the buyer is asking for permit records",
            ),
            (
                "I'm selling and the county says the water heater was never signed off",
                "there's a red tag on the furnace from the town",
            ),
        ),
    ),
    "clinic": (
        Situation(
            "Urgent Symptoms",
            "has severe pain, bleeding, swelling or another symptom that cannot wait",
            (
                "my tooth is killing me",
                "my face is swollen on one side",
                "I can't stop the bleeding",
                "I knocked a tooth out",
                "the pain is a ten out of ten",
                "I'm having a reaction to the medicine",
            ),
            (
                "I haven't slept all night because of how bad this hurts",
                "my little boy fell at recess and broke the front one right off",
            ),
        ),
        Situation(
            "New Patients",
            "has never been here and wants to become a patient",
            (
                "are you taking new patients",
                "I've never been to your office",
                "I just moved here and need a dentist",
                "how do I register my kids",
                "what do I bring to the first visit",
                "can you send me the new patient forms",
            ),
            (
                "we're new in town and looking for somebody for the whole family",
                "a friend told me about you and I'd like to get started",
            ),
        ),
        Situation(
            "Change an Appointment",
            "is a patient with an appointment they want to move or cancel",
            (
                "I need to cancel my cleaning",
                "can I come later in the day",
                "I have to move my appointment",
                "what time is my visit",
                "my kid is sick so we can't make it",
                "do you have anything sooner",
            ),
            (
                "I'm down for Tuesday morning but I've got jury duty",
                "let me know if somebody drops out and I can take their spot",
            ),
        ),
        Situation(
            "Insurance Questions",
            "asks whether their insurance is accepted or why a claim was denied",
            (
                "do you take my insurance",
                "are you in network",
                "my claim was denied",
                "how much will I pay out of pocket",
                "I have new insurance",
                "did you bill my secondary",
            ),
            (
                "they told me you sent it with the wrong code so they won't cover it",
                "my job switched plans and I don't know if I can still see you",
            ),
        ),
        Situation(
            "Prescriptions",
            "needs a prescription refilled, sent to a pharmacy or explained",
            (
                "I need a refill",
                "the pharmacy never got my prescription",
                "can you call in something for the pain",
                "I'm out of my medication",
                "please send it to a different pharmacy",
                "how often do I take this",
            ),
            (
                "I'm standing at the drugstore and they say there's nothing for me",
                "I took the last pill this morning and I'm not due back till June",
            ),
        ),
        Situation(
            "Test Results",
            "is waiting for results of a test, scan or biopsy",
            (
                "are my results back",
                "I had blood drawn last week",
                "did the x-ray show anything",
                "the doctor said he would call with my results",
                "can you read me my lab report",
                "I saw something on the portal I don't understand",
            ),
            (
                "it's been ten days since they took the sample and I'm getting nervous",
                "there's a number flagged red on my chart and I want to know what it means",
            ),
        ),
        Situation(
            "Medical Records",
            "wants records or images sent to themselves or to another office",
            (
                "I need a copy of my records",
                "can you send my x-rays to my new dentist",
                "how do I get my chart",
                "I need a form filled out for school",
                "my specialist hasn't received the referral",
                "fax number for records please",
            ),
            (
                "I'm seeing a surgeon Monday and he wants everything you've got on me",
                "camp needs proof of her shots by the end of the week",
            ),
        ),
        Situation(
            "Other Offices",
            "is a doctor, nurse or pharmacist calling about a patient",
            (
                "this is the pharmacy calling about a prescription",
                "I'm Doctor Patel's nurse",
                "we have a mutual patient",
                "can the doctor do a peer to peer",
                "I need to verify a dosage",
                "calling from the hospital about a discharge",
            ),
            (
                "one of yours is in our emergency room and we need her history",
                "the dose you wrote doesn't come in that strength",
            ),
        ),
    ),
    "auto service": (
        Situation(
            "Roadside Help",
            "is stranded: the car will not start, has a flat, or needs a tow",
            (
                "my car won't start",
                "I have a flat tire",
                "I need a tow",
                "I'm stuck on the highway",
                "I locked my keys in the car",
                "it's smoking and I pulled over",
            ),
            (
                "I'm on the shoulder by exit nine and it just clicks when I turn the key",
                "we hit something and the front wheel is shredded",
            ),
        ),
        Situation(
            "Repair Status",
            "left a car for repair and asks whether it is done or what it will cost",
            (
                "is my car ready",
                "how much longer will it take",
                "did you find out what's wrong with it",
                "you have my truck",
                "what is it going to cost",
                "when can I pick it up",
            ),
            (
                "I dropped the van off yesterday and nobody has called me",
                "you were going to take a look and let me know before doing anything",
            ),
        ),
        Situation(
            "Tires",
            "wants tires, a rotation, an alignment or asks about a tire warranty",
            (
                "how much for four tires",
                "I need an alignment",
                "do you have snow tires",
                "is the tire under warranty",
                "my tread is worn on the inside",
                "can you patch a nail hole",
            ),
            (
                "it pulls to the right ever since I hit that pothole",
                "the pressure light keeps coming back on, same corner every time",
            ),
        ),
        Situation(
            "Body Shop",
            "has dents, scratches or collision damage to be repaired",
            (
                "I was in an accident and need an estimate",
                "can you fix a dent",
                "somebody keyed my door",
                "do you match paint",
                "the insurance adjuster sent me",
                "my bumper is hanging off",
            ),
            (
                "a shopping cart got me and there's a crease along the side",
                "hail got the whole hood and roof",
            ),
        ),
        Situation(
            "Recalls",
            "got a recall notice or asks whether their vehicle has one",
            (
                "I got a letter about a recall",
                "is my car part of the airbag recall",
                "do you do recall work",
                "how long does the recall repair take",
                "are the recall parts in",
                "do I pay for a recall",
            ),
            (
                "something came in the mail saying it isn't safe to drive",
                "they said on the news my model has a bad fuel pump",
            ),
        ),
        Situation(
            "Rental and Shuttle",
            "needs a loaner car, a rental or a ride while the car is in the shop",
            (
                "do you have loaner cars",
                "can somebody pick me up",
                "I need a ride home",
                "when does the shuttle leave",
                "do I need insurance for the loaner",
                "can I keep the rental another day",
            ),
            (
                "if it's staying overnight I've got no way to get to work",
                "is the little van still running people downtown",
            ),
        ),
        Situation(
            "Fleet Accounts",
            "manages company vehicles and wants service or billing for the fleet",
            (
                "I manage a fleet of vans",
                "we need to schedule six trucks",
                "can you bill our fleet card",
                "we use a purchase order",
                "who is our account rep",
                "one of our drivers is there now",
            ),
            (
                "we run about twenty delivery vehicles and want one shop for all of them",
                "unit fourteen is due and dispatch needs it back by noon",
            ),
        ),
        Situation(
            "Vehicle Sales",
            "wants to buy, sell or trade in a car, or asks about one that is for sale",
            (
                "is the blue pickup still for sale",
                "what will you give me for my trade",
                "I want to test drive it",
                "do you finance bad credit",
                "how many miles are on it",
                "do you buy cars",
            ),
            (
                "I saw one on your lot Sunday and want to know the best price",
                "the lease is up in March and I might just hand it over to you",
            ),
        ),
    ),
    "hotel": (
        Situation(
            "Change a Booking",
            "has a reservation and wants to change or cancel it",
            (
                "I need to cancel my reservation",
                "can I add a night",
                "I booked the wrong dates",
                "we're coming a day later",
                "change my room to two beds",
                "I never got my confirmation number",
            ),
            (
                "the flight got moved so we won't be there until Sunday",
                "there'll be one more of us than I put down",
            ),
        ),
        Situation(
            "Guest in Room",
            "wants to be connected to a guest who is staying at the hotel",
            (
                "can you connect me to room two twelve",
                "I'm trying to reach a guest",
                "my husband is staying there",
                "put me through to Mr. Alvarez",
                "can I leave a message for a guest",
                "is my sister checked in yet",
            ),
            (
                "my mom is at your place and she isn't picking up her cell",
                "could you ring the Johnson party for me please",
            ),
        ),
        Situation(
            "Housekeeping",
            "is staying here and needs towels, cleaning or something for the room",
            (
                "can I get more towels",
                "nobody cleaned our room",
                "we need an extra pillow",
                "could you bring up a crib",
                "the trash hasn't been emptied",
                "we're out of coffee",
            ),
            (
                "there's four of us and only two of everything in the bathroom",
                "please don't come in today, but leave some soap by the door",
            ),
        ),
        Situation(
            "Room Problems",
            "is staying here and something in the room is broken, noisy or unsafe",
            (
                "the air conditioning doesn't work",
                "there's no hot water",
                "the people next door are so loud",
                "my key card stopped working",
                "the toilet is overflowing",
                "the TV won't turn on",
            ),
            (
                "it's freezing in here and the dial does nothing",
                "somebody has been pounding on the wall since midnight",
            ),
        ),
        Situation(
            "Weddings and Events",
            "wants to hold a wedding, meeting or party here",
            (
                "do you do weddings",
                "I need a conference room for twenty",
                "what does the ballroom cost",
                "can we see the banquet menu",
                "I'm planning a reunion",
                "we want to hold a block of rooms",
            ),
            (
                "my daughter is getting married next fall and we love the garden",
                "we'd have a hundred people for a training, lunch included",
            ),
        ),
        Situation(
            "Restaurant",
            "wants a table at the hotel restaurant or asks about room service",
            (
                "I'd like a table for four",
                "is breakfast included",
                "what time does the kitchen close",
                "can I order room service",
                "do you have vegan options",
                "is there a dress code for dinner",
            ),
            (
                "we're hungry and it's late, can anything still be sent up",
                "it's our anniversary and we'd want somewhere quiet by the window tonight",
            ),
        ),
        Situation(
            "Shuttle and Parking",
            "asks about the airport shuttle, parking or a car that is parked here",
            (
                "do you have an airport shuttle",
                "how much is parking",
                "I need my car brought up",
                "is there space for a trailer",
                "when is the next shuttle",
                "can I leave my car for the week",
            ),
            (
                "we just landed and we're by the baggage claim",
                "I'm driving a rental truck and need to know whether it fits",
            ),
        ),
        Situation(
            "Accounting Copies",
            "stayed here before and needs a receipt or a corrected folio",
            (
                "I need a copy of my receipt",
                "can you email me the folio",
                "put the company name on the bill",
                "I need the invoice for my expense report",
                "I lost the receipt from my stay",
                "the folio shows the wrong dates",
            ),
            (
                "I checked out last week and work wants something with the tax on it",
                "please send the paperwork for all three nights to our bookkeeper",
            ),
        ),
    ),
    "gym": (
        Situation(
            "Cancel Membership",
            "wants to end or freeze their gym membership",
            (
                "I want to cancel my membership",
                "can I freeze my account",
                "I'm moving away",
                "stop taking money out of my bank",
                "I got hurt and can't work out",
                "how much notice do I have to give",
            ),
            (
                "I haven't been in since January and it keeps coming out of my checking",
                "I'm having surgery and need to put everything on hold",
            ),
        ),
        Situation(
            "Join the Gym",
            "wants to sign up, asks what membership costs, or wants a tour or trial",
            (
                "how much is a membership",
                "can I get a free trial",
                "I'd like to join",
                "do you have a student price",
                "can somebody show me around",
                "is there an enrollment fee",
            ),
            (
                "thinking about getting in shape, what would it run me a month",
                "could I come by and have a look before I decide",
            ),
        ),
        Situation(
            "Personal Training",
            "asks about a personal trainer, sessions left or changing a session",
            (
                "I want a personal trainer",
                "how many sessions do I have left",
                "I need to move my training session",
                "what does a trainer cost",
                "my trainer didn't show up",
                "can I switch trainers",
            ),
            (
                "I bought a pack of ten and only used three",
                "I'd rather work with somebody who knows about bad knees",
            ),
        ),
        Situation(
            "Classes",
            "wants to book, cancel or ask about a group class",
            (
                "what time is yoga",
                "I can't get into the spin class",
                "take me off the class for tonight",
                "is there a waiting list",
                "are classes included",
                "who teaches the Saturday class",
            ),
            (
                "it says full but there are always empty bikes",
                "do you have anything gentle for my grandmother in the mornings",
            ),
        ),
        Situation(
            "Child Care",
            "asks about the kids' room or a child who is there now",
            (
                "do you have child care",
                "what ages can stay in the kids room",
                "how late is the playroom open",
                "I need to check on my daughter",
                "how much is the kids club",
                "do I have to reserve child care",
            ),
            (
                "I just dropped him off and forgot to say he's allergic to nuts",
                "could my twins stay somewhere while I swim",
            ),
        ),
        Situation(
            "Equipment and Facilities",
            "reports a broken machine, dirty showers or a problem with the pool",
            (
                "two of the treadmills are broken",
                "the showers are cold",
                "the pool is closed again",
                "the locker room is filthy",
                "my locker won't open",
                "the sauna isn't heating",
            ),
            (
                "the cable on the pulley is about to snap, somebody will get hurt",
                "there's a funny smell by the hot tub",
            ),
        ),
        Situation(
            "Guest Passes",
            "wants to bring a guest or use the gym on a day pass or while traveling",
            (
                "can I bring a friend",
                "how much is a day pass",
                "I'm in town for a week",
                "do you take memberships from other locations",
                "my guest pass expired",
                "can my cousin use my card",
            ),
            (
                "I belong to the one in Denver and I'm visiting for the holidays",
                "my brother is with me, does he have to pay",
            ),
        ),
        Situation(
            "Youth Swim and Camps",
            "asks about swim lessons, sports leagues or camps for children",
            (
                "do you offer swim lessons",
                "when does camp registration open",
                "how old do kids have to be for basketball",
                "my son's lesson was canceled",
                "is there a makeup class",
                "what should she bring to camp",
            ),
            (
                "she's five and scared of the water, who would be good for her",
                "we signed both of them up for July and need to switch weeks",
            ),
        ),
    ),
}

ELSEWHERE = (
    "what time do you close today",
    "can you give me directions from the interstate",
    "what's your address again",
    "how's the weather over there",
    "are you a real person or a computer",
    "I think I have the wrong number",
    "can you play some music while I wait",
    "who won the game last night",
    "I'd like to order a large pizza with mushrooms",
    "is this the bank",
    "do you know any good jokes",
    "are you open on the fourth of July",
    "sorry, I was talking to my dog",
    "can you remind me what day it is",
    "I'm just looking around, thanks",
)
"""Utterances that no situation covers."""

OPENERS = (
    "",
    "hi, ",
    "hello, ",
    "yeah hi, ",
    "um, ",
    "uh, so ",
    "good morning, ",
    "hi there, how are you, ",
    "okay so ",
    "yes, I'm calling because ",
    "hey, ",
    "hi, my name is Dana, ",
    "well, ",
    "hello? yeah, ",
    "oh hi, I wasn't sure who to call, ",
    "so here's the thing, ",
)

CLOSERS = (
    "",
    " please",
    ", thanks",
    ", can you help me with that",
    ", you know what I mean",
    ", if that's okay",
    ", I'd appreciate it",
    ", is that something you do",
    ", and I'm kind of in a hurry",
    ", who should I talk to",
    ", that's all",
    ", I've been on hold for a while",
)
