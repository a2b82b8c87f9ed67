"""Tell what a caller asks for from what the caller says it is not.

An embedding hardly hears a "not", nor that a matter is settled. So of "i don't want to cancel, i
want to move my visit" and "the delivery came fine, it's the invoice that's wrong" the latter half
is read. Clauses are told apart by how they begin:

- a denial ("not billing", "i'm not after a job", "i never said late", "forget the loaner",
  "rather than a tow", "you've got me down as a patient");
- a question put only to see who answers ("is this the billing desk? no?");
- what is well or settled ("the work's grand", "i've already paid"), and what merely is not so
  ("nobody's hurt", "no leak"), where the caller goes on to something else.

What is wrong stays ("it's not working, i need someone"), and so does everything where nothing is
left that says what it is about. Patterns, in tens of microseconds at most. English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Denials", "drop_denials", "split_denials"]

SHORTEST_CLAUSE = 3
"""Words of a clause that says what it is about."""
LONGEST = 400
"""Characters; of a longer story no single clause makes a difference."""
LONGEST_AFTERTHOUGHT = 4
"""Words of a denial that nothing follows: "sales, not billing"."""

_BUT = re.compile(r"^but\s+", re.IGNORECASE)

_I = r"(?:i|we|he|she|they)"
_WRONG = (
    r"(?:(?:work|cool|heat|gett|be|hav|go|com|do|turn|runn|drain|show|blow|start|clos|open|breath|"
    r"respond|eat|drink|receiv|see|hear|charg|mov|feel|sleep|mak|answer|fitt|hold|stay|ring|load|"
    r"generat|produc|mov|print|let)ing|sure|only|just|yet|really|happy|at|any|even|to|able|enough|"
    r"there|here yet|on|in|right|well|good|safe|moving|been|being|allowed|covered|credited|posted)\b"
)
"""After a "not": what is wrong, rather than what is not meant."""

_LACKED = (
    r"heat(?:ing)?|hot|power|sound|signal|answer|show|internet|water|pulse|air|light|electric\w*|gas|"
    r"service|dial|picture|pressure|cold|current|brakes?|sign|record|response|reply|trace|luck"
)
"""After a "no": what is missing, rather than what is not meant."""

_PAUSE = re.compile(r"(?<=[.?!])\s+|[,;:]\s+|\s[-–—]+\s")
_JOINT = re.compile(
    r" (?=but |i'd like\b|(?:i|we)'d (?:rather|sooner|prefer)\b|it's (?:about|for|that)\b)"
    r"|(?<!that)(?<!when)(?<!if)(?<!and)(?<!since)(?<!because)(?<!so) "
    r"(?=(?:i|we) (?:just |only |actually |really )?(?:want|need|would like|have a)\b)"
    r"| (?:and|so) (?=that's\b|now\b|(?:i|we)(?:'m|'d| am| just| only| want| need| never| didn't)\b"
    r"|(?:what|how|where|when|who|do|does|is|are|can|could|would) \w+ \w)",
    re.IGNORECASE,
)
"""Where clauses part: at a pause, and where words alone begin another."""
_LEAD = (
    r"(?:(?:no|nope|nah|nay|oh|ah|so|well|uh|um|er|hi|hello|hey|sorry|look|listen|please|okay|"
    r"ok|yeah|yes|actually|but|love|dear|sir|ma'am|madam|miss|pet|thanks|thank you|see|wait|"
    r"god no|goodness|heavens)\b[,.!]?\s*)*"
)
_DENIAL = re.compile(
    _LEAD + r"(?:"
    rf"{_I} (?:really |actually )?(?:don't|do not|doesn't|does not|didn't|did not) "
    r"(?:want|need|mean|wish|ask|intend|plan|require|speak|have an?|have any|work for|own an?)\b"
    r"(?! (?:the|this|that|my|your|it|these|those|him|her|them|us|me)\b(?! back| early))"
    r"(?! to be)(?!.*\b(?:until|unless|before|any ?more)\b)"
    rf"|{_I} (?:don't|do not|didn't|did not) say\b"
    rf"|{_I} (?:never|didn't|did not) (?:said|say|asked?|mentioned|wanted|called about|meant)\b"
    r"|(?:i'm|i am|we're|we are) (?:really |actually )?not "
    rf"(?!{_WRONG})(?:\w+ing\b|here|after|mad|angry|upset|an?\b|the\b|your\b|in any\b|interested)"
    r"|(?:i'm|i am|we're|we are) (?:no|never)\b"
    r"|(?:it|this|that)(?:'s| is| was) not (?:about|for|an?|my|the|that|to do|billing|late)\b"
    r"|(?:it|this|that) (?:isn't|wasn't) (?:about|for|an?|my|the|that|to do|when|how|where)\b"
    r"|(?:it|this|that)(?:'s| is) (?:no|nothing)\b"
    r"|nothing to do with\b|no \w+(?: \w+)? (?:thanks|thank you)\b|no rush\b|no hurry\b|don't (?:worry|panic)\b"
    r"|(?:instead of|rather than|other than)\b"
    r"|(?:(?:just |please )*(?:forget|skip|leave aside|never ?mind)) (?:about )?"
    r"(?:the|my|that|your|all|any|moving|\w+ing)\b"
    r"|(?:just |please )*(?:don't|do not) (?:you )?(?:dare )?(?:send|give|put|transfer|connect|pass|"
    r"move|cancel|reschedule|sell|offer|bother)\b"
    rf"|(?:please )?not (?!{_WRONG}|so\b|a single\b|one\b|an? \w+ (?:on|in|to)\b)"
    r"|you(?:'ve| have)? (?:got|have|had|put|listed|marked)? ?(?:me|us|it|this|that) down (?:as|for)\b"
    r"|you(?:'ve| have)? (?:put (?:me|us) through|transferred (?:me|us)|connected (?:me|us)|sent "
    r"(?:me|us)) (?:on |over )?(?:to|with) (?!collections|an? )"
    r")",
    re.IGNORECASE,
)
"""How a clause begins that says what the caller does not mean."""

_DENIED_ALONE = re.compile(
    _LEAD + r"(?:"
    r"(?:i|we) (?:don't|do not) (?:want|need|mean|wish) to\b(?! be\b)"
    r"|(?:i|we) (?:don't|do not) speak\b"
    r"|(?:i|we) (?:never|didn't|did not) (?:said|say|asked?|mentioned|called about|meant)\b"
    r"|(?:i'm|i am|we're|we are) not (?:calling|ringing|asking|looking|trying|here)\b"
    r"|(?:it|this|that)(?:'s| is| was) not (?:about|to do)\b|(?:it|this|that) isn't about\b"
    r"|nothing to do with\b|not \w+(?: \w+)?\W*$"
    r")(?!.*\b(?:until|unless|before|any ?more|again|if)\b)",
    re.IGNORECASE,
)
"""How words begin that say what is not meant, and nothing besides."""

_PROBE = re.compile(
    _LEAD + r"(?:is (?:this|that)|am i (?:through|talking|speaking)|did i (?:reach|get|call)|"
    r"have i (?:reached|got)|is it|are you)\b.*",
    re.IGNORECASE,
)
_NO = re.compile(r"(?:oh |ah |okay |ok )*(?:no|nope|not)\b\W*(?:then|okay|well)?\W*", re.IGNORECASE)
"""An answer that the caller gives to that question."""

_FINE = (
    r"(?:fine|great|in order|all correct|good|grand|lovely|perfect|gorgeous|sorted|settled|paid|done|correct(?:ed)?|"
    r"right|spot on|okay|ok|all set|all sorted|backed up|fair|resolved|taken care of|wonderful|"
    r"excellent|brilliant|beautiful|nice|all right|alright|dealt with|over with|no problem|all good|"
    r"no trouble|no bother|as it should be|done with|okayed|approved|"
    r"up to date)"
)
_SETTLED = re.compile(
    _LEAD + r"(?:"
    # the work was perfect; everything went fine; that's sorted
    r"(?:(?:the|my|your|his|her|our|that|this|it|everything|all|he|she|they|those|these|\w+(?='s))\b"
    r"(?:\s+(?!not\b|[a-z]+n'?t\b|never\b|still\b|if\b|until\b|the\b)[\w'-]+){0,4}?)"
    r"(?:'s| is| was| are|'re| were| has been| have been|'s been|'ve been| went| came| came out|"
    r" looks| turned out| got| worked out| is holding up| came back|works?|arrived|came through|was sorted)"
    r" (?:all |just |very |quite |really |totally |absolutely |perfectly |now |already |so |both )*"
    rf"{_FINE}(?:\s+(?:thanks|thank you|already|now|with me|by me|then|today|yesterday|in there|"
    r"for now|too|enough|as can be|last \w+|on \w+day|and \w+))*\W*$"
    r"|everything (?:was|is) (?:in there|there|fine)\b|(?:it|he|she|they)(?:'s|'re) back\W*$"
    r"|(?:you|they)(?:'ve| have)? already (?:given|gave|sent|told|fixed|done|did)\b"
    rf"|{_I}(?:'ve| have)? (?:got|have|was charged|were charged|been charged) the (?:right|correct)\b"
    rf"|{_I}(?:'ve| have) (?:paid|sorted|settled)(?: \w+){{0,3}}\W*$"
    rf"|{_I}(?:'ve| have)? already\b"
    rf"|{_I}(?:'ve| have) (?:paid|got|had|done|been|sorted|settled|found)\b.*"
    r"\b(?:already|thanks|thank you|that one|sorted|done|again)\W*$"
    rf"|{_I} (?:paid|got|found|had|received|picked up)\b.*\b(?:already|thanks|thank you|off|back|again)\W*$"
    rf"|{_I} know (?:it|that|what|how|the)\b"
    r")",
    re.IGNORECASE,
)
"""How a clause reads that says what is well."""

_PAST = re.compile(
    _LEAD + r"(?:i|we|he|she|they|somebody|someone|my(?: \w+){1,3}?|our \w+|you guys|you)"
    r"(?:'ve| have| has|'s|'d)? (?:just |already |once |never |only )?"
    r"(?:used to|got|had|was|were|found|paid|bought|sold|passed|came|went|did|picked|finished|ordered|"
    r"received|saw|heard|moved|booked|been|worked|works|knows|is (?:a|an|one|in|with)|goes|\w+ed)\b",
    re.IGNORECASE,
)
"""How a clause begins that tells of something past, or of somebody else."""

_LEANS = re.compile(
    r"\b(?:it|that|this|these|those|them|they|him|her|he|she|one|ones|someone|somebody|anyone|"
    r"help|emergenc\w+|refund|money)\b",
    re.IGNORECASE,
)
"""A question with one of these leans on what was said before it, or is no routine."""

_ROUTINE = re.compile(
    _LEAD
    + r"(?:(?:anyway|anyhow|by the way|just|now|quick question|also|i (?:just|only)? ?(?:want(?:ed)? "
    r"to know|wonder(?:ed)?|was wondering|need to know)(?: if)?|(?:can|could) you tell me|tell me|"
    r"do you know)\b[,:]? *)*"
    r"(?:what time\b|what(?:'s| is| are) (?:your|the) (?:\w+ ){0,2}?(?:hours?|address|number|fax|phone|"
    r"email|e-mail|website|zip|post ?code|name)\b|(?:your|the) (?:\w+ )?(?:hours|address)\b"
    r"|(?:are|is) (?:you|y'all|you guys|the \w+(?: \w+)?) (?:still )?(?:open|closed)\b"
    r"|(?:you(?:'re| are)|the \w+ is) (?:still )?open\b"
    r"|when do you (?:open|close|shut)\b|how late\b|(?:un)?till? when\b"
    r"|where(?:'s| is| are| do| can)\b|which (?:door|gate|entrance|bus|floor|exit|building|way)\b"
    r"|do you (?:guys |also |still |all |ever )*(?:have|sell|do|offer|take|accept|carry|give|teach|fix|"
    r"stock|make|deliver|ship|rent)\b|have you got\b|is there (?:an?|any|parking)\b"
    r"|how (?:much|long|big|far) (?:is|are|does|do|would)\b|what (?:does|do|would)\b.* (?:cost|charge)\b"
    r"|(?:can|could|may) (?:i|we|anybody) (?:just |also )?(?:book|reserve|make|order|buy|bring|eat|park)\b"
    r"|who do i (?:email|e-mail|write)\b)",
    re.IGNORECASE,
)
"""How a clause begins that asks for what an agent knows: hours, directions, what is on offer."""

_NOT_SO = re.compile(
    _LEAD + r"(?:"
    r"(?:nobody|no one|noone|nothing|none)(?:'s|'d|\s)(?! (?:came|come|showed|shows|answers|answered|"
    r"called|works|working|happens))"
    rf"|(?:there(?:'s| is| was)|there) (?:no|not|nothing|never|hasn't)\b(?! (?:{_LACKED}))"
    rf"|{_I}(?:'s|'re|'m| is| are| am) not (?!{_WRONG})|{_I} (?:isn't|aren't|wasn't|weren't) (?!{_WRONG})"
    rf"|{_I}(?:'ve| have|'s| has) (?:not|no|never)\b|{_I} (?:haven't|hasn't|never)\b"
    rf"|{_I} (?:don't|doesn't|do not|didn't|did not)\b|you didn't\b|you(?:'ve| have) (?:not|never)\b"
    rf"|(?:it|that|this|(?:the|your|my) \w+(?: \w+)?)(?:'s| is) not (?!{_WRONG})(?:that\b|\w+)"
    r"|(?:it|that|this|(?:the|your|my) \w+(?: \w+)?) (?:isn't|aren't|wasn't|weren't|ain't|hasn't|haven't) "
    rf"(?!{_WRONG}|come|arrived|been|shown|turned|started|got|paid|work)"
    rf"|no (?!longer\b|more\b|one\b|idea\b|(?:{_LACKED})\b)\w+"
    r")",
    re.IGNORECASE,
)
"""How a clause begins that says what is not so: what is wrong, unless the caller goes on to a contrast."""

_CONTRAST = re.compile(
    r"but\b|"
    + _LEAD
    + r"(?:(?:i|we|he|she|they|it|this|that)(?:'s|'m|'re|'ll|'d| am| is| are)? (?:just|"
    r"only|simply|merely)\b|(?:just|only|simply|merely|rather|now|it's just|instead)\b"
    r"|(?:i|we)(?:'d| would) (?:like|want|rather|sooner)\b"
    r"|(?:i|we)(?:'m|'re| am| are| was| were) (?:just |only |simply )?(?:calling|ringing|phoning|asking|wondering|"
    r"after|looking|here|chasing|hoping)\b"
    r"|(?:i|we) (?:just |only |simply )?(?:wondered|rang|called|phoned|wanted to|meant|said)\b"
    r"|(?:i|we)(?:'m|'re| am| are) (?:an?|the|his|her|one|your|with)\b"
    r"|it's (?:about|that|the|how|what|your|my|his|her|their|him|you|for|an?)\b"
    r"|it's \w+(?:'s)?(?: \w+){0,4} (?:that|i'm|i am|i want|i need)\b"
    r"|what (?:i(?:'m| am| need| want|'ve|'d| don't)|isn't)\b|tell me\b|that's my question\b)",
    re.IGNORECASE,
)
"""How a clause begins that says what it is instead."""

_GOES_ON = re.compile(
    _LEAD
    + r"(?:(?:i|we|she|he|they)(?:'d|'m|'re| am| are| was)? ?(?:just |only |really |still |simply )*"
    r"(?:want(?:ed)?|need|like|would|calling|ringing|phoning|asking|wondering|wondered|wonder|after|looking|"
    r"having|interested|have (?:a|to))\b"
    r"|(?:just|only|simply|now|anyway|anyhow)\b|what\b|how\b|where\b|when\b|who\b|which\b|why\b"
    r"|(?:can|could|would|do|does|is|are|may|have|will) (?:i|you|we|there|it|the|my|your|that|any)\b"
    r"|it's (?:just|only|that|the|about|your|my)\b|you(?:'ve|r| have|'re)\b|tell me\b|give me\b)",
    re.IGNORECASE,
)
"""How a clause begins that goes on to what the caller wants."""

_HINTS = (
    "not ", "n't", "n’t", "never", "forget", "skip", "rather", "instead", "other than", "nothing",
    "nobody", "no one", "none", "no ", "no,", "no?", "is this", "is that", "am i ", "already", "down as",
    "down for", "through to", "transferred", "fine", "great", "good", "grand", "lovely", "perfect",
    "gorgeous", "sorted", "settled", "paid", "done", "correct", "right", "spot on", "all set",
    "backed up", "fair", "resolved", "thank", "i know", "mind", "back", "alright", "okay",
    "do you", "what time", "open", "hours", "address", "how long", "how much", "how late", "where",
    "which", "can i", "could i", "can we", "who do i", "have you got", "is there a", "no\n",
)  # fmt: skip
"""One of these is in whatever is parted: the quickest way to know that nothing is."""

_SAME = re.compile(r"\b(?:i|we)\b[^,.?!]*\b(?:it|them|those|that one)\b", re.IGNORECASE)
"""How a clause goes on about what was said before it."""
_REFUSED = re.compile(_LEAD + r"(?:i|we) (?:don't|do not) (?:want|need)\b", re.IGNORECASE)
_PREFERRED = re.compile(
    _LEAD + r"(?:i|we)(?: (?:just |only |do )?(?:want|need)|'d (?:like|rather)| would like)\b",
    re.IGNORECASE,
)
"""How two clauses begin of which the second says what is wanted instead of the first."""
_WANTS_TO_KNOW = re.compile(
    _LEAD
    + r"(?:i|we) (?:just |only )?(?:want(?:ed)? to (?:know|ask)|wonder(?:ed)?|was wondering|need to "
    r"know)\b",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\W*(?:(?:thanks|thank you|ta|cheers|hooray|great|very much|so much|again|now|no|love|dear)\W*)+",
    re.IGNORECASE,
)


class Denials(NamedTuple):
    """What a caller says, parted by whether it is meant.

    Attributes:
        text: what stands for the words: what is asked for, where that says something; otherwise
            all of it.
        asked: the clauses that are meant, joined by commas; empty where none is.
        denied: those that are not; empty where nothing is denied.
    """

    text: str
    asked: str
    denied: str


def split_denials(text: str) -> Denials:
    """Split what the caller asks for from what the caller denies.

    Args:
        text: one or more sentences, with or without punctuation.
    """
    said = text.lower()
    if len(text) > LONGEST or not any(hint in said for hint in _HINTS):
        return Denials(text, text, "")
    clauses: list[str] = []
    for sentence in _PAUSE.split(" ".join(text.replace("’", "'").split())):
        if clauses and _THANKS.fullmatch(sentence) and not _NO.fullmatch(sentence):
            clauses[-1] += f" {sentence}"
        elif sentence.strip():
            clauses += _JOINT.split(sentence)
    if len(clauses) < 2:
        is_all_denied = _DENIED_ALONE.match(text) is not None
        return Denials(text, "", text) if is_all_denied else Denials(text, text, "")
    is_denied = [_DENIAL.match(clause) is not None for clause in clauses]
    last = len(clauses) - 1
    if is_denied[last] and len(clauses[last].split()) > LONGEST_AFTERTHOUGHT:
        # "…, not so that he could read all of it": what it is about goes on.
        is_denied[last] = False
    for i in range(last):
        if _PROBE.match(clauses[i]) and _NO.fullmatch(clauses[i + 1]):
            is_denied[i] = is_denied[i + 1] = True
    end = clauses[last]
    asks_routine = _ROUTINE.match(end) is not None
    goes_elsewhere = asks_routine or _WANTS_TO_KNOW.match(end) is not None
    if goes_elsewhere and _LEANS.search(end):
        asks_routine = goes_elsewhere = False
    for i in range(last):
        if _REFUSED.match(clauses[i]) and _PREFERRED.match(clauses[i + 1]):
            is_denied[i] = True
    for i in reversed(range(last)):
        if is_denied[i]:
            continue
        clause = clauses[i]
        rest = [clauses[j] for j in range(i + 1, last + 1) if not is_denied[j]]
        has_contrast = goes_elsewhere or any(map(_CONTRAST.match, rest))
        if _SETTLED.match(clause):
            is_denied[i] = has_contrast or any(map(_GOES_ON.match, rest))
        elif _NOT_SO.match(clause):
            # "i don't use it, i'd like to stop it" goes on about the same.
            is_denied[i] = has_contrast and not any(map(_SAME.search, rest))
        if asks_routine and len(rest) == 1:
            is_denied[i] = is_denied[i] or _PAST.match(clause) is not None
    if not any(is_denied):
        return Denials(text, text, "")
    kept = [clause for clause, denied in zip(clauses, is_denied, strict=True) if not denied]
    dropped = [clause for clause, denied in zip(clauses, is_denied, strict=True) if denied]
    asked = _joined(kept)
    says_something = max((len(clause.split()) for clause in kept), default=0) >= SHORTEST_CLAUSE
    return Denials(asked if says_something else text, asked, _joined(dropped))


def _joined(clauses: Sequence[str]) -> str:
    return ", ".join(_BUT.sub("", clause) for clause in clauses)


def drop_denials(text: str) -> str:
    """Drop clauses that the caller denies, where a clause that says something remains.

    Args:
        text: one or more sentences, with or without punctuation.

    Returns:
        The text itself, where nothing is denied or nothing else is said.
    """
    return split_denials(text).text
